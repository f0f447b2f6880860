//! Tables of keys laid over each other. Pure.
//!
//! Invariant: the keys are those of the first layer, whatever comes on top.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// The layers so far, as one table of sections.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    table: Table,
}

impl Layers {
    /// Starts with the text of the defaults.
    ///
    /// # Panics
    /// If they are no TOML: they are a part of the program.
    pub(crate) fn new(defaults: &str) -> Self {
        Self {
            table: defaults.parse().expect("the defaults are TOML"),
        }
    }

    /// Lays a file on top.
    pub(crate) fn file(&mut self, name: &str, text: &str) -> Result<(), String> {
        let over: Table = text
            .parse()
            .map_err(|error| format!("the configuration `{name}` is not TOML: {error}"))?;
        for (key, value) in flat("", over) {
            let set = self.set(&key, value);
            set.map_err(|error| format!("the configuration `{name}`: {key}: {error}"))?;
        }
        Ok(())
    }

    /// Sets a key from a text, as a variable or a flag has it.
    pub(crate) fn text(&mut self, key: &str, text: &str) -> Result<(), String> {
        let there = self.get(key)?;
        let value = match there {
            Value::String(_) => Value::String(text.to_owned()),
            // A list of texts is written with commas, or as TOML has it.
            Value::Array(_) if !text.trim_start().starts_with('[') => {
                let parts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty());
                Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
            }
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => format!("value = {text}")
                .parse::<Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .ok_or_else(|| format!("`{text}` is not {}", kind(there)))?,
        };
        self.set(key, value)
    }

    /// All keys and their values, in order.
    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        let shown = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let flat = flat("", self.table.clone());
        flat.iter()
            .map(|(key, value)| (key.clone(), shown(value)))
            .collect()
    }

    /// The whole configuration as a value.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, String> {
        T::deserialize(Value::Table(self.table))
            .map_err(|error| format!("the configuration cannot be used: {}", error.message()))
    }

    fn set(&mut self, key: &str, value: Value) -> Result<(), String> {
        let there = self.get(key)?;
        let value = match (there, value) {
            // `1` where the default is `1.5`.
            (Value::Float(_), Value::Integer(number)) => Value::Float(number as f64),
            (_, value) => value,
        };
        if there.type_str() != value.type_str() {
            return Err(format!("`{value}` is not {}", kind(there)));
        }
        let (sections, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.table;
        for section in sections.split('.') {
            match table.get_mut(section) {
                Some(Value::Table(inner)) => table = inner,
                _ => return Ok(()),
            }
        }
        table.insert(name.to_owned(), value);
        Ok(())
    }

    fn get(&self, key: &str) -> Result<&Value, String> {
        let mut parts = key.split('.');
        let first = parts.next().and_then(|part| self.table.get(part));
        let value = parts.fold(first, |value, part| value?.get(part));
        let value = value.filter(|value| !value.is_table());
        value.ok_or_else(|| format!("there is no such key; {}", self.nearest(key)))
    }

    /// The key that somebody may have meant.
    fn nearest(&self, key: &str) -> String {
        let keys = self.entries().into_iter().map(|(key, _)| key);
        let nearest = keys.min_by_key(|other| {
            let (name, other_name) = (last(key), last(other));
            (distance(name, other_name), distance(key, other))
        });
        let nearest = nearest.unwrap_or_default();
        format!("did you mean `{nearest}`? `wasmill config` shows all keys")
    }
}

/// All keys below a table, with the names of the tables that they are in.
fn flat(prefix: &str, table: Table) -> Vec<(String, Value)> {
    let mut keys = Vec::new();
    for (name, value) in table {
        let key = match prefix {
            "" => name,
            _ => format!("{prefix}.{name}"),
        };
        match value {
            Value::Table(inner) => keys.extend(flat(&key, inner)),
            value => keys.push((key, value)),
        }
    }
    keys
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotation marks",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

/// How many letters have to be changed to get from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str =
        "[a]\nname = \"x\"\nslots = 1\nfactor = 1.5\nroots = []\n[b]\nname = \"y\"";

    fn after(file: &str, texts: &[(&str, &str)]) -> Result<String, String> {
        let mut layers = Layers::new(DEFAULTS);
        layers.file("f.toml", file)?;
        for (key, text) in texts {
            layers.text(key, text)?;
        }
        let entries = layers.entries();
        Ok(entries
            .iter()
            .map(|(key, value)| format!("{key}={value} "))
            .collect())
    }

    #[test]
    fn later_layers_win() {
        for (file, texts, shown) in [
            (
                "",
                &[][..],
                "a.factor=1.5 a.name=x a.roots=[] a.slots=1 b.name=y ",
            ),
            (
                "[a]\nslots = 2\nfactor = 3",
                &[("b.name", "z")],
                "a.factor=3.0 a.name=x a.roots=[] a.slots=2 b.name=z ",
            ),
            (
                "[a]\nslots = 2",
                &[("a.slots", "7"), ("a.roots", "/d, /e")],
                "a.factor=1.5 a.name=x a.roots=[\"/d\", \"/e\"] a.slots=7 b.name=y ",
            ),
        ] {
            assert_eq!(after(file, texts).as_deref(), Ok(shown), "{file} {texts:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_with_what_could() {
        for (file, texts, said) in [
            (
                "[a]\nslot = 2",
                &[][..],
                "the configuration `f.toml`: a.slot: there is no such key; did you mean `a.slots`? `wasmill \
                 config` shows all keys",
            ),
            (
                "[c]\nname = \"\"",
                &[],
                "the configuration `f.toml`: c.name: there is no such key; did you mean `a.name`? `wasmill \
                 config` shows all keys",
            ),
            (
                "[a]\nslots = \"2\"",
                &[],
                "the configuration `f.toml`: a.slots: `\"2\"` is not a whole number",
            ),
            ("", &[("a.slots", "two")], "`two` is not a whole number"),
        ] {
            assert_eq!(after(file, texts).unwrap_err(), said);
        }
        for file in ["slots = 2", "[a", "a = 1", "[a.slots]\nx = 1"] {
            assert!(after(file, &[]).is_err(), "{file}");
        }
    }
}
