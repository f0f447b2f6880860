//! Values as lines of comma-separated values (RFC 4180), for sinks.
//!
//! A struct or tuple becomes one field per member, in order; anything else is a line of one field.
//! Invariant: what is written reads back as the same fields, quotes, separators and line ends included.

use serde::ser::{self, Serialize};

use super::Encode;

/// Writes values as CSV lines without the line end.
#[derive(Debug, Clone, Copy)]
pub struct Csv {
    /// What separates fields.
    pub(crate) delimiter: u8,
}

impl<T: Serialize> Encode<T> for Csv {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        let mut row = Row {
            start: out.len(),
            out,
            delimiter: self.delimiter,
            fields: 0,
            depth: 0,
        };
        value.serialize(&mut row).map_err(|e| e.0)?;
        // An empty line is no row to those who read it.
        let empty = row.out.len() == row.start;
        if empty {
            out.extend_from_slice(b"\"\"");
        }
        Ok(())
    }
}

struct Row<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    delimiter: u8,
    fields: usize,
    depth: usize,
}

/// Why a value is not a CSV line.
#[derive(Debug)]
pub(crate) struct NotARow(String);

impl std::fmt::Display for NotARow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotARow {}

impl ser::Error for NotARow {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Done = Result<(), NotARow>;

impl Row<'_> {
    fn separate(&mut self) {
        if self.fields > 0 {
            self.out.push(self.delimiter);
        }
        self.fields += 1;
    }

    fn plain(&mut self, text: &str) -> Done {
        self.separate();
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn field(&mut self, bytes: &[u8]) -> Done {
        self.separate();
        let special = |b: &u8| *b == self.delimiter || matches!(b, b'"' | b'\n' | b'\r');
        if !bytes.iter().any(special) {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.out.push(b'"');
        for &byte in bytes {
            if byte == b'"' {
                self.out.push(b'"');
            }
            self.out.push(byte);
        }
        self.out.push(b'"');
        Ok(())
    }

    fn enter(&mut self) -> Result<&mut Self, NotARow> {
        self.depth += 1;
        if self.depth > 1 || self.out.len() > self.start {
            let problem =
                "a CSV line holds plain fields only; flatten nested structs, tuples and lists";
            return Err(NotARow(problem.to_owned()));
        }
        Ok(self)
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Done {
            self.plain(itoa::Buffer::new().format(value))
        })*
    };
}

impl ser::Serializer for &mut Row<'_> {
    type Ok = ();
    type Error = NotARow;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = ser::Impossible<(), NotARow>;
    type SerializeMap = ser::Impossible<(), NotARow>;
    type SerializeStruct = Self;
    type SerializeStructVariant = ser::Impossible<(), NotARow>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_bool(self, value: bool) -> Done {
        self.plain(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.plain(ryu::Buffer::new().format(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        self.plain(ryu::Buffer::new().format(value))
    }

    fn serialize_char(self, value: char) -> Done {
        self.field(value.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn serialize_str(self, value: &str) -> Done {
        self.field(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.field(value)
    }

    fn serialize_none(self) -> Done {
        self.plain("")
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.plain("")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.plain("")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.field(variant.as_bytes())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Done {
        Err(no_row(name))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self, NotARow> {
        self.enter()
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self, NotARow> {
        self.enter()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, NotARow> {
        self.enter()
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotARow> {
        Err(no_row(name))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, NotARow> {
        Err(no_row("a map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NotARow> {
        self.enter()
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotARow> {
        Err(no_row(name))
    }
}

fn no_row(what: &str) -> NotARow {
    NotARow(format!(
        "{what} cannot be a CSV line; use a struct or a tuple of plain fields"
    ))
}

impl ser::SerializeSeq for &mut Row<'_> {
    type Ok = ();
    type Error = NotARow;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        value.serialize(&mut **self)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeTuple for &mut Row<'_> {
    type Ok = ();
    type Error = NotARow;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        value.serialize(&mut **self)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for &mut Row<'_> {
    type Ok = ();
    type Error = NotARow;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        value.serialize(&mut **self)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeStruct for &mut Row<'_> {
    type Ok = ();
    type Error = NotARow;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &'static str, value: &T) -> Done {
        value.serialize(&mut **self)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Serialize>(value: T, expected: Result<&str, &str>) {
        let mut out = Vec::new();
        let outcome = Csv { delimiter: b',' }.encode(&value, &mut out);
        let text = String::from_utf8(out).unwrap();
        match expected {
            Ok(line) => assert_eq!((outcome, text.as_str()), (Ok(()), line)),
            Err(part) => assert!(outcome.unwrap_err().contains(part)),
        }
    }

    #[test]
    fn values_become_lines_that_read_back() {
        check(("word", 3_u64), Ok("word,3"));
        check((1.5, true, None::<u8>, 'x', ""), Ok("1.5,true,,x,"));
        check(
            ("a,b", "say \"hi\"", "two\nlines"),
            Ok("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\""),
        );
        check("alone", Ok("alone"));
        check("", Ok("\"\""));
        check((None::<u8>,), Ok("\"\""));
        check(vec![1, 2], Ok("1,2"));
        check(("a", ("b", 1)), Err("flatten"));
        check(
            std::collections::BTreeMap::from([(1, 2)]),
            Err("a map cannot be"),
        );
    }
}
