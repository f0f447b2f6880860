//! The records that a test gives to a source, in the format that the source's edge carries.
//!
//! Called when a job is started, since only the graph says which format that is. Invariant: a record is
//! encoded as the host's connector would encode it, or refused.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Serialize;
use serde_json::Value;

use crate::codec::to_postcard;

/// How a source's records look.
#[derive(Debug)]
pub(super) struct Layout {
    /// The format's name on the edge.
    pub(super) format: String,
    /// The columns that the program asks for, in the format `fields`.
    pub(super) columns: Option<Vec<String>>,
}

/// A record with its event time.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) timestamp: Option<i64>,
    pub(super) bytes: Vec<u8>,
}

/// Encodes a record as the connector would.
pub(super) fn encode<T: Serialize>(record: &T, layout: &Layout) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match layout.format.as_str() {
        "postcard" => to_postcard(record, &mut bytes).map_err(anyhow::Error::msg)?,
        "json" => serde_json::to_writer(&mut bytes, record)?,
        "text" => {
            let value = serde_json::to_value(record)?;
            let line =
                scalar(&value).context("a line of text is a string or another plain value")?;
            bytes.extend_from_slice(line.as_bytes());
        }
        "fields" => push_row(&serde_json::to_value(record)?, layout, &mut bytes)?,
        other => bail!("the source's format is `{other}`; give its records with `input_bytes`"),
    }
    Ok(bytes)
}

/// A row is the values of the wanted columns, or else name and value in turns.
fn push_row(record: &Value, layout: &Layout, out: &mut Vec<u8>) -> Result<()> {
    match (record, &layout.columns) {
        (Value::Object(fields), Some(columns)) => {
            for column in columns {
                let value = fields.get(column);
                let value = value.ok_or_else(|| anyhow!("the record has no field `{column}`"))?;
                push_field(&scalar(value)?, out);
            }
        }
        (Value::Array(values), Some(columns)) => {
            let (found, wanted) = (values.len(), columns.len());
            ensure!(
                found == wanted,
                "the record has {found} fields; the program reads {wanted}"
            );
            for value in values {
                push_field(&scalar(value)?, out);
            }
        }
        (Value::Object(fields), None) => {
            for (name, value) in fields {
                push_field(name, out);
                push_field(&scalar(value)?, out);
            }
        }
        (Value::Array(values), None) => {
            for (index, value) in values.iter().enumerate() {
                push_field(&format!("column{}", index + 1), out);
                push_field(&scalar(value)?, out);
            }
        }
        _ => bail!("a row of fields is a struct, a tuple, a list or a map"),
    }
    Ok(())
}

/// Appends a field: its length as LEB128, then its bytes.
pub(super) fn push_field(text: &str, out: &mut Vec<u8>) {
    let mut length = text.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(text.as_bytes());
}

fn scalar(value: &Value) -> Result<String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => bail!("`{value}` is not a plain value"),
    }
}
