//! The host's connectors, as a program names them.
//!
//! A builder here only collects options; the host checks them when the job is submitted and says which
//! option is wrong. Invariant: what a connector can do is written down once, in the host.

mod print;

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::wasmill::dataflow::job::Connector;
use crate::codec::{Columns, Csv, Decode, Encode, Fields, Json, Postcard, Record, Text};

pub use print::{Debugged, Print};

/// A connector that reads records of type `T`.
pub trait Source<T> {
    /// How its records are read.
    type Codec: Decode<T>;

    /// The connector's options and its codec.
    fn into_parts(self) -> (Connector, Self::Codec);
}

/// A connector that writes records of type `T`.
pub trait Sink<T> {
    /// The format's name on the edge to the sink.
    const FORMAT: &'static str;
    /// How records are written.
    type Codec: Encode<T>;

    /// The connector's options and its codec.
    fn into_parts(self) -> (Connector, Self::Codec);
}

fn connector(name: &str) -> Connector {
    Connector {
        name: name.to_owned(),
        options: Vec::new(),
    }
}

/// Files: one, those of a directory, or those that match a pattern; as a sink, part files in a
/// directory.
///
/// ```
/// # use wasmill::prelude::*;
/// #[derive(Serialize, Deserialize)]
/// struct Trade {
///     symbol: String,
///     price: f64,
/// }
///
/// fn expensive(env: &Env) -> Result<()> {
///     let trades = env.source(File::csv("trades/*.csv.gz").delimiter(b';'));
///     let expensive = trades.filter(|trade: &Trade| trade.price > 100.0);
///     expensive.sink(File::json_lines("expensive").roll_bytes(64 << 20));
///     Ok(())
/// }
/// # let trade = |symbol: &str, price| Trade { symbol: symbol.to_owned(), price };
/// # let job = wasmill::testing::Job::new(expensive)
/// #     .input("Source: file", [trade("A", 1.0), trade("B", 101.0)]);
/// # let lines = job.run().unwrap().lines("Sink: file");
/// # assert_eq!(lines, ["{\"symbol\":\"B\",\"price\":101.0}"]);
/// ```
#[derive(Debug, Clone)]
pub struct File<F> {
    connector: Connector,
    delimiter: u8,
    format: PhantomData<F>,
}

/// Files of plain lines.
#[derive(Debug, Clone, Copy)]
pub struct Lines;

/// Files of comma-separated values with a header line.
#[derive(Debug, Clone, Copy)]
pub struct CsvLines;

/// Files of one JSON document per line.
#[derive(Debug, Clone, Copy)]
pub struct JsonLines;

impl File<Lines> {
    /// Lines of text: reads `String`s, writes anything that can be displayed. A job that writes a text
    /// with a line end in it fails: it would read back as two.
    pub fn lines(path: impl Into<String>) -> Self {
        Self::new("lines", path.into())
    }
}

impl File<CsvLines> {
    /// Comma-separated values. A source reads a header line in each file and then rows: into a struct
    /// by the names of its fields, into a tuple or list by position. A file may lack the columns of
    /// fields that are `Option`s or have a `#[serde(default)]`; one that lacks another ends the job. A
    /// sink writes a struct's or a tuple's fields in order.
    pub fn csv(path: impl Into<String>) -> Self {
        Self::new("csv", path.into())
    }

    /// Separates fields by another character than a comma.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self.option("delimiter", char::from(delimiter))
    }

    /// For sources: lets quoted fields span lines; each file is then read by one subtask.
    pub fn multiline(self) -> Self {
        self.option("multiline", true)
    }

    /// For sinks: writes this line at the start of each part file.
    pub fn header(self, line: &str) -> Self {
        self.option("header", line)
    }
}

impl File<JsonLines> {
    /// One JSON document per line. A job that writes a float that is not finite fails: JSON has no word
    /// for it, and `null` would not read back.
    pub fn json_lines(path: impl Into<String>) -> Self {
        Self::new("json-lines", path.into())
    }
}

impl<F> File<F> {
    fn new(format: &str, path: String) -> Self {
        let file = Self {
            connector: connector("file"),
            delimiter: b',',
            format: PhantomData,
        };
        file.option("path", path).option("format", format)
    }

    /// For sources: reads big files in parts of about this many bytes, in parallel.
    pub fn split_bytes(self, bytes: u64) -> Self {
        self.option("split-bytes", bytes)
    }

    /// For sinks: replaces part files that are already in the directory.
    pub fn overwrite(self) -> Self {
        self.option("on-existing", "overwrite")
    }

    /// For sinks: adds to part files that are already in the directory.
    pub fn append(self) -> Self {
        self.option("on-existing", "append")
    }

    /// For sinks: starts another part file after about this many bytes.
    pub fn roll_bytes(self, bytes: u64) -> Self {
        self.option("roll-bytes", bytes)
    }

    fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.connector
            .options
            .push((name.to_owned(), value.to_string()));
        self
    }
}

impl Source<String> for File<Lines> {
    type Codec = Text;

    fn into_parts(self) -> (Connector, Text) {
        (self.connector, Text)
    }
}

impl<T: DeserializeOwned + 'static> Source<T> for File<CsvLines> {
    type Codec = Fields;

    fn into_parts(self) -> (Connector, Fields) {
        let Some(Columns { names, optional }) = Columns::of::<T>() else {
            return (self.connector, Fields { columns: None });
        };
        let mut file = self.option("columns", serde_json::json!(names));
        if !optional.is_empty() {
            file = file.option("optional-columns", serde_json::json!(optional));
        }
        let columns = Some(names);
        (file.connector, Fields { columns })
    }
}

impl<T: DeserializeOwned + 'static> Source<T> for File<JsonLines> {
    type Codec = Json;

    fn into_parts(self) -> (Connector, Json) {
        (self.connector, Json)
    }
}

impl<T: std::fmt::Display + 'static> Sink<T> for File<Lines> {
    const FORMAT: &'static str = "text";
    type Codec = Text;

    fn into_parts(self) -> (Connector, Text) {
        (self.connector, Text)
    }
}

impl<T: Serialize + 'static> Sink<T> for File<CsvLines> {
    const FORMAT: &'static str = "text";
    type Codec = Csv;

    /// The separator is the encoder's business; the sink writes lines.
    fn into_parts(mut self) -> (Connector, Csv) {
        self.connector
            .options
            .retain(|(name, _)| name != "delimiter");
        (
            self.connector,
            Csv {
                delimiter: self.delimiter,
            },
        )
    }
}

impl<T: Serialize + 'static> Sink<T> for File<JsonLines> {
    const FORMAT: &'static str = "json";
    type Codec = Json;

    fn into_parts(self) -> (Connector, Json) {
        (self.connector, Json)
    }
}

/// Lines from a TCP connection.
#[derive(Debug, Clone)]
pub struct Socket(Connector);

impl Socket {
    /// Connects to `host:port` and reads lines until the peer closes.
    pub fn lines(host: impl Into<String>, port: u16) -> Self {
        let mut socket = connector("socket");
        socket.options = vec![
            ("host".to_owned(), host.into()),
            ("port".to_owned(), port.to_string()),
        ];
        Self(socket)
    }
}

impl Source<String> for Socket {
    type Codec = Text;

    fn into_parts(self) -> (Connector, Text) {
        (self.0, Text)
    }
}

/// Made-up records, for trying things.
///
/// ```
/// # use wasmill::prelude::*;
/// #[derive(Serialize, Deserialize)]
/// struct Reading {
///     sensor: u64,
///     degrees: f64,
/// }
///
/// fn readings(env: &Env) -> Result<()> {
///     let readings = Datagen::new()
///         .random_int("sensor", 1, 20)
///         .random_float("degrees", -20.0, 40.0)
///         .rate(1000.0);
///     let hot = env.source(readings).filter(|reading: &Reading| reading.degrees > 30.0);
///     hot.sink(File::json_lines("hot"));
///     Ok(())
/// }
/// # wasmill::testing::describe(readings, &[]).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Datagen {
    connector: Connector,
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Default for Datagen {
    fn default() -> Self {
        Self::new()
    }
}

impl Datagen {
    /// Records without fields, without end, as fast as they are taken.
    pub fn new() -> Self {
        Self {
            connector: connector("datagen"),
            fields: serde_json::Map::new(),
        }
    }

    /// Ends after this many records.
    pub fn rows(self, rows: u64) -> Self {
        self.option("rows", rows)
    }

    /// Makes this many records a second, all subtasks together.
    pub fn rate(self, per_second: f64) -> Self {
        self.option("rate", per_second)
    }

    /// Chooses other random values.
    pub fn seed(self, seed: u64) -> Self {
        self.option("seed", seed)
    }

    /// A field that counts up from `start`.
    pub fn sequence(self, name: &str, start: u64) -> Self {
        self.field(
            name,
            serde_json::json!({ "kind": "sequence", "start": start }),
        )
    }

    /// A field of random integers, both ends included.
    pub fn random_int(self, name: &str, min: i64, max: i64) -> Self {
        self.field(
            name,
            serde_json::json!({ "kind": "random-int", "min": min, "max": max }),
        )
    }

    /// A field of random numbers.
    pub fn random_float(self, name: &str, min: f64, max: f64) -> Self {
        self.field(
            name,
            serde_json::json!({ "kind": "random-float", "min": min, "max": max }),
        )
    }

    /// A field of random text.
    pub fn random_string(self, name: &str, length: u32) -> Self {
        self.field(
            name,
            serde_json::json!({ "kind": "random-string", "length": length }),
        )
    }

    /// A field that is one of these texts.
    pub fn choice(self, name: &str, values: &[&str]) -> Self {
        self.field(
            name,
            serde_json::json!({ "kind": "choice", "values": values }),
        )
    }

    fn field(mut self, name: &str, generator: serde_json::Value) -> Self {
        self.fields.insert(name.to_owned(), generator);
        self
    }

    fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.connector
            .options
            .push((name.to_owned(), value.to_string()));
        self
    }
}

impl<T: DeserializeOwned + 'static> Source<T> for Datagen {
    type Codec = Json;

    fn into_parts(self) -> (Connector, Json) {
        let fields = serde_json::Value::Object(self.fields.clone()).to_string();
        (self.option("fields", fields).connector, Json)
    }
}

/// Drops records; for measuring.
#[derive(Debug, Clone, Copy)]
pub struct Blackhole;

impl<T: Record> Sink<T> for Blackhole {
    const FORMAT: &'static str = "postcard";
    type Codec = Postcard;

    fn into_parts(self) -> (Connector, Postcard) {
        (connector("blackhole"), Postcard)
    }
}

/// A connector of the host by its name, for those without a builder of their own.
#[derive(Debug, Clone)]
pub struct Custom<C> {
    connector: Connector,
    codec: C,
}

impl Custom<Text> {
    /// A source of lines of text.
    pub fn text(name: &str) -> Self {
        Self {
            connector: connector(name),
            codec: Text,
        }
    }
}

impl Custom<Json> {
    /// A source of JSON documents.
    pub fn json(name: &str) -> Self {
        Self {
            connector: connector(name),
            codec: Json,
        }
    }
}

impl Custom<Postcard> {
    /// A source or a sink of postcard records.
    pub fn postcard(name: &str) -> Self {
        Self {
            connector: connector(name),
            codec: Postcard,
        }
    }
}

impl<C> Custom<C> {
    /// Sets an option of the connector.
    pub fn option(mut self, name: &str, value: impl ToString) -> Self {
        self.connector
            .options
            .push((name.to_owned(), value.to_string()));
        self
    }
}

impl<T: Record> Sink<T> for Custom<Postcard> {
    const FORMAT: &'static str = "postcard";
    type Codec = Postcard;

    fn into_parts(self) -> (Connector, Postcard) {
        (self.connector, self.codec)
    }
}

impl<T, C: Decode<T>> Source<T> for Custom<C> {
    type Codec = C;

    fn into_parts(self) -> (Connector, C) {
        (self.connector, self.codec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_asks_for_its_columns_and_says_which_may_be_missing() {
        #[derive(serde::Deserialize)]
        #[expect(dead_code, reason = "only its fields' names count")]
        struct Trade {
            symbol: String,
            note: Option<String>,
        }
        let options = |mut connector: Connector| connector.options.split_off(2);
        let (source, _) = Source::<Trade>::into_parts(File::csv("x"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            options(source),
            [
                pair("columns", r#"["symbol","note"]"#),
                pair("optional-columns", r#"["note"]"#)
            ]
        );
        let (source, _) = Source::<(String, u8)>::into_parts(File::csv("x"));
        assert_eq!(options(source), []);
    }
}
