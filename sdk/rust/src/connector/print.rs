//! The sink that shows records to a person.
//!
//! Called by programs that are being tried out. Invariant: what is printed is for reading only; nothing
//! reads it back.

use std::any::Any;
use std::borrow::Cow;

use super::{Sink, connector};
use crate::bindings::exports::wasmill::dataflow::job::Connector;
use crate::codec::Encode;

/// Prints records to the standard output: texts as they are, anything else as `{:?}` shows it. As in
/// Flink, a line starts with the number of the subtask (`2> `) when there are several, with a prefix in
/// front of it (`prefix:2> `) if one was set.
#[derive(Debug, Clone)]
pub struct Print(Connector);

impl Default for Print {
    fn default() -> Self {
        Self::new()
    }
}

impl Print {
    /// Prints one record per line.
    pub fn new() -> Self {
        Self(connector("print"))
    }

    /// Puts a text before each line.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.0
            .options
            .push(("prefix".to_owned(), prefix.to_owned()));
        self
    }
}

impl<T: std::fmt::Debug + 'static> Sink<T> for Print {
    const FORMAT: &'static str = "text";
    type Codec = Debugged;

    fn into_parts(self) -> (Connector, Debugged) {
        (self.0, Debugged)
    }
}

/// Writes records as `{:?}` does, as a person wants to see tuples and structs; a text as it is.
#[derive(Debug, Clone, Copy)]
pub struct Debugged;

impl<T: std::fmt::Debug + 'static> Encode<T> for Debugged {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        use std::io::Write;
        if let Some(text) = as_text(value) {
            out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        write!(out, "{value:?}").map_err(|e| e.to_string())
    }
}

/// The text that a value is, if it is of one of the usual types of texts.
fn as_text(value: &dyn Any) -> Option<&str> {
    if let Some(text) = value.downcast_ref::<String>() {
        return Some(text);
    }
    if let Some(text) = value.downcast_ref::<&'static str>() {
        return Some(text);
    }
    if let Some(text) = value.downcast_ref::<Box<str>>() {
        return Some(text);
    }
    let text = value.downcast_ref::<Cow<'static, str>>();
    text.map(|text| &**text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_print_as_they_are_and_the_rest_as_debug_shows_it() {
        fn check<T: std::fmt::Debug + 'static>(value: T, expected: &str) {
            let mut out = Vec::new();
            Debugged.encode(&value, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        check("say \"hi\"".to_owned(), "say \"hi\"");
        check("it's", "it's");
        check(Box::<str>::from("\u{e4}"), "\u{e4}");
        check(Cow::Borrowed("a\tb"), "a\tb");
        check(("word", 3), "(\"word\", 3)");
        check(Some(1.5), "Some(1.5)");
    }
}
