//! A failure as Flink's own client reads it: an object of `org.apache.flink.util.SerializedThrowable`, in
//! the format of Java's object streams.
//!
//! Made for the results of jobs. Flink's client reads nothing else of a failure, and gives up on the whole
//! answer when the object is missing. Invariant: what is made is one whole stream without references to
//! anything that a client would not have: the message, the class's name and the trace are strings in it,
//! and the original exception, which no client could load, is null.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The magic number of a stream and its version.
const STREAM: [u8; 4] = [0xac, 0xed, 0, 5];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const END_OF_BLOCK: u8 = 0x78;
const LONG_STRING: u8 = 0x7c;

/// A class is serializable, and may have a method of its own that writes it.
const SERIALIZABLE: u8 = 2;
const WRITES_ITSELF: u8 = 1;

/// The handle of the first thing in a stream that can be referred to.
const FIRST_HANDLE: u32 = 0x7e_0000;

/// The handle of the string that names the type of strings: it follows the first class.
const STRING_TYPE: u32 = FIRST_HANDLE + 1;

/// The object, as text that JSON can hold.
pub(crate) fn base64(class: &str, message: &str, trace: &str) -> String {
    STANDARD.encode(object(class, message, trace))
}

/// The bytes of the stream.
fn object(class: &str, message: &str, trace: &str) -> Vec<u8> {
    let mut out = STREAM.to_vec();
    out.push(OBJECT);
    push_classes(&mut out);
    // The fields, of the topmost class first: its cause, message, stack and suppressed exceptions.
    out.push(NULL);
    push_string(&mut out, message);
    push_no_elements(&mut out);
    out.extend([NULL, END_OF_BLOCK]);
    push_string(&mut out, trace);
    push_string(&mut out, class);
    out.push(NULL);
    out
}

/// The class and those above it; fields are in the order that Java gives them.
fn push_classes(out: &mut Vec<u8>) {
    let name = "org.apache.flink.util.SerializedThrowable";
    push_class(out, name, 7_284_183_123_441_947_635, SERIALIZABLE, 3);
    push_field(out, b'L', "fullStringifiedStackTrace");
    push_string(out, "Ljava/lang/String;");
    push_field(out, b'L', "originalErrorClassName");
    push_string_type(out);
    push_field(out, b'[', "serializedException");
    push_string(out, "[B");
    out.push(END_OF_BLOCK);

    let name = "java.lang.Exception";
    push_class(out, name, -3_387_516_993_124_229_948, SERIALIZABLE, 0);
    out.push(END_OF_BLOCK);

    let flags = SERIALIZABLE | WRITES_ITSELF;
    let name = "java.lang.Throwable";
    push_class(out, name, -3_042_686_055_658_047_285, flags, 4);
    push_field(out, b'L', "cause");
    push_string(out, "Ljava/lang/Throwable;");
    push_field(out, b'L', "detailMessage");
    push_string_type(out);
    push_field(out, b'[', "stackTrace");
    push_string(out, "[Ljava/lang/StackTraceElement;");
    push_field(out, b'L', "suppressedExceptions");
    push_string(out, "Ljava/util/List;");
    out.push(END_OF_BLOCK);
    // Above it is only what cannot be serialized.
    out.push(NULL);
}

/// An empty array of the elements of a stack trace.
fn push_no_elements(out: &mut Vec<u8>) {
    out.push(ARRAY);
    let name = "[Ljava.lang.StackTraceElement;";
    push_class(out, name, 0x0246_2a3c_3cfd_2239, SERIALIZABLE, 0);
    out.extend([END_OF_BLOCK, NULL]);
    out.extend(0_u32.to_be_bytes());
}

fn push_class(out: &mut Vec<u8>, name: &str, version: i64, flags: u8, fields: u16) {
    out.push(CLASS);
    push_name(out, name);
    out.extend(version.to_be_bytes());
    out.push(flags);
    out.extend(fields.to_be_bytes());
}

fn push_field(out: &mut Vec<u8>, kind: u8, name: &str) {
    out.push(kind);
    push_name(out, name);
}

/// A second string with the same text would be another string to Java.
fn push_string_type(out: &mut Vec<u8>) {
    out.push(REFERENCE);
    out.extend(STRING_TYPE.to_be_bytes());
}

/// A name of ours, which is short.
fn push_name(out: &mut Vec<u8>, name: &str) {
    out.extend((name.len() as u16).to_be_bytes());
    out.extend(name.as_bytes());
}

/// A string, which is written in another way when it is long.
fn push_string(out: &mut Vec<u8>, text: &str) {
    let bytes = modified_utf8(text);
    match u16::try_from(bytes.len()) {
        Ok(length) => {
            out.push(STRING);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(LONG_STRING);
            out.extend((bytes.len() as u64).to_be_bytes());
        }
    }
    out.extend(bytes);
}

/// Java's own UTF-8: of UTF-16 units, each in at most three bytes, and without zero bytes.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        let tail = |shift: u16| 0x80 | ((unit >> shift) & 0x3f) as u8;
        match unit {
            1..=0x7f => out.push(unit as u8),
            0 | 0x80..=0x7ff => out.extend([0xc0 | (unit >> 6) as u8, tail(0)]),
            _ => out.extend([0xe0 | (unit >> 12) as u8, tail(6), tail(0)]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Java 17 writes for such an object without elements of a stack trace, whose suppressed exceptions are null.
    const WRITTEN_BY_JAVA: &str = "rO0ABXNyAClvcmcuYXBhY2hlLmZsaW5rLnV0aWwuU2VyaWFsaXplZFRocm93YWJsZWUWnfUfpxPzAgADTAAZZnVs\
        bFN0cmluZ2lmaWVkU3RhY2tUcmFjZXQAEkxqYXZhL2xhbmcvU3RyaW5nO0wAFm9yaWdpbmFsRXJyb3JDbGFzc05h\
        bWVxAH4AAVsAE3NlcmlhbGl6ZWRFeGNlcHRpb250AAJbQnhyABNqYXZhLmxhbmcuRXhjZXB0aW9u0P0fPho7HMQC\
        AAB4cgATamF2YS5sYW5nLlRocm93YWJsZdXGNSc5d7jLAwAETAAFY2F1c2V0ABVMamF2YS9sYW5nL1Rocm93YWJs\
        ZTtMAA1kZXRhaWxNZXNzYWdlcQB+AAFbAApzdGFja1RyYWNldAAeW0xqYXZhL2xhbmcvU3RhY2tUcmFjZUVsZW1l\
        bnQ7TAAUc3VwcHJlc3NlZEV4Y2VwdGlvbnN0ABBMamF2YS91dGlsL0xpc3Q7eHBwdAADbXNndXIAHltMamF2YS5s\
        YW5nLlN0YWNrVHJhY2VFbGVtZW50OwJGKjw8/SI5AgAAeHAAAAAAcHh0AAV0cmFjZXQAA2Nsc3A=";

    #[test]
    fn the_object_is_what_java_writes() {
        assert_eq!(base64("cls", "msg", "trace"), WRITTEN_BY_JAVA);
    }

    #[test]
    fn texts_are_in_the_utf_8_of_java() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("ab", b"ab"),
            ("\0", &[0xc0, 0x80]),
            ("é", &[0xc3, 0xa9]),
            ("€", &[0xe2, 0x82, 0xac]),
            ("💣", &[0xed, 0xa0, 0xbd, 0xed, 0xb2, 0xa3]),
        ] {
            assert_eq!(modified_utf8(text), bytes, "{text}");
        }
    }

    #[test]
    fn a_string_says_how_long_it_is() {
        for (length, head) in [
            (1, &[STRING, 0, 1][..]),
            (0xffff, &[STRING, 0xff, 0xff]),
            (0x1_0000, &[LONG_STRING, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            push_string(&mut out, &"x".repeat(length));
            assert_eq!(out.len(), head.len() + length);
            assert!(out.starts_with(head), "{length}");
        }
    }
}
