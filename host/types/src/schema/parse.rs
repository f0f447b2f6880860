//! From the text of a description to its types.
//!
//! Invariant: a `^name` that is accepted names a struct or enum around it.

use super::{
    Fields, MAX_ARRAY, MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, Scalar, Schema, SchemaError, Type,
};

/// Parses a whole description.
pub(super) fn schema(text: &str) -> Result<Schema, SchemaError> {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        around: Vec::new(),
    };
    if text.len() > MAX_SCHEMA_BYTES {
        return Err(parser.error("the description is longer than 8192 bytes"));
    }
    let first = parser.kind()?;
    let schema = match parser.takes(" -> ") {
        true => Schema {
            key: Some(first),
            value: parser.kind()?,
        },
        false => Schema {
            key: None,
            value: first,
        },
    };
    match parser.rest().is_empty() {
        true => Ok(schema),
        false => Err(parser.error("something follows the type")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// The names of the structs and enums around.
    around: Vec<String>,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, problem: &'static str) -> SchemaError {
        let at = self.at;
        SchemaError { at, problem }
    }

    /// Takes a text if it comes next.
    fn takes(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn needs(&mut self, text: &str, problem: &'static str) -> Result<(), SchemaError> {
        match self.takes(text) {
            true => Ok(()),
            false => Err(self.error(problem)),
        }
    }

    fn kind(&mut self) -> Result<Type, SchemaError> {
        if self.depth == MAX_SCHEMA_DEPTH {
            return Err(self.error("types are nested more than 64 deep"));
        }
        self.depth += 1;
        let kind = self.kind_here();
        self.depth -= 1;
        kind
    }

    fn kind_here(&mut self) -> Result<Type, SchemaError> {
        if self.takes("(") {
            return self.list(")").map(Type::Tuple);
        }
        if self.takes("[") {
            return self.array();
        }
        if self.takes("^") {
            return self.outer();
        }
        let word = self.word();
        match word {
            "_" => Ok(Type::Unknown),
            "Option" => Ok(Type::Option(self.argument()?)),
            "Vec" => Ok(Type::List(self.argument()?)),
            "Map" => {
                self.needs("<", "`<` is missing")?;
                let key = self.kind()?;
                self.needs(", ", "`, ` is missing")?;
                let value = self.kind()?;
                self.needs(">", "`>` is missing")?;
                Ok(Type::Map(Box::new(key), Box::new(value)))
            }
            "struct" => {
                let name = self.named()?;
                self.around.push(name.clone());
                let fields = self.fields()?;
                self.around.pop();
                Ok(Type::Struct(name, fields))
            }
            "enum" => self.variants(),
            word => {
                let scalar = Scalar::named(word).map(Type::Scalar);
                scalar.ok_or_else(|| self.error("there is no such type before here"))
            }
        }
    }

    fn argument(&mut self) -> Result<Box<Type>, SchemaError> {
        self.needs("<", "`<` is missing")?;
        let inner = self.kind()?;
        self.needs(">", "`>` is missing")?;
        Ok(Box::new(inner))
    }

    /// Types up to a closing bracket; one that stands alone may have a comma.
    fn list(&mut self, end: &str) -> Result<Vec<Type>, SchemaError> {
        let mut types = Vec::new();
        if self.takes(end) {
            return Ok(types);
        }
        loop {
            types.push(self.kind()?);
            let more = self.takes(", ");
            if !more {
                let _alone = self.takes(",");
                self.needs(end, "the closing bracket is missing")?;
                return Ok(types);
            }
        }
    }

    fn array(&mut self) -> Result<Type, SchemaError> {
        let inner = self.kind()?;
        self.needs("; ", "`; ` is missing")?;
        let count = self.word().parse().ok();
        let count = count.filter(|count| *count <= MAX_ARRAY);
        let count = count.ok_or_else(|| self.error("an array has 0 to 65536 elements"))?;
        self.needs("]", "`]` is missing")?;
        Ok(Type::Array(Box::new(inner), count))
    }

    fn outer(&mut self) -> Result<Type, SchemaError> {
        let name = self.name()?;
        let further = self.around.iter().rev().position(|it| *it == name);
        let missing = "there is no struct or enum of the name before here around it";
        let further = further.ok_or_else(|| self.error(missing))?;
        Ok(Type::Outer(name, further))
    }

    fn variants(&mut self) -> Result<Type, SchemaError> {
        let name = self.named()?;
        self.around.push(name.clone());
        self.needs(" { ", "` { ` is missing")?;
        let mut variants = Vec::new();
        loop {
            let variant = self.name()?;
            variants.push((variant, self.fields()?));
            if !self.takes(", ") {
                break;
            }
        }
        self.needs(" }", "` }` is missing")?;
        self.around.pop();
        Ok(Type::Enum(name, variants))
    }

    fn fields(&mut self) -> Result<Fields, SchemaError> {
        if self.takes("(") {
            return self.list(")").map(Fields::Tuple);
        }
        if !self.takes(" { ") {
            return Ok(Fields::Unit);
        }
        let mut fields = Vec::new();
        if self.takes("}") {
            return Ok(Fields::Named(fields));
        }
        loop {
            let name = self.name()?;
            self.needs(": ", "`: ` is missing")?;
            fields.push((name, self.kind()?));
            if !self.takes(", ") {
                self.needs(" }", "` }` is missing")?;
                return Ok(Fields::Named(fields));
            }
        }
    }

    fn named(&mut self) -> Result<String, SchemaError> {
        self.needs(" ", "a name is missing")?;
        self.name()
    }

    fn name(&mut self) -> Result<String, SchemaError> {
        if self.takes("\"") {
            return self.quoted();
        }
        let word = self.word();
        match word.is_empty() {
            true => Err(self.error("a name is missing")),
            false => Ok(word.to_owned()),
        }
    }

    /// Letters, digits and underscores.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The rest of a string literal as Rust's `Debug` writes it.
    fn quoted(&mut self) -> Result<String, SchemaError> {
        let mut name = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            let c = match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(name);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    Some(plain @ ('\\' | '"' | '\'')) => plain,
                    Some('u') => {
                        let code = chars.by_ref().skip(1).map(|(_, c)| c);
                        let code: String = code.take_while(|c| *c != '}').collect();
                        let code = u32::from_str_radix(&code, 16).ok();
                        let c = code.and_then(char::from_u32);
                        c.ok_or_else(|| self.error("a name has a `\\u{..}` of no character"))?
                    }
                    _ => return Err(self.error("a name has an unknown escape")),
                },
                plain => plain,
            };
            name.push(c);
        }
        Err(self.error("a name does not end"))
    }
}
