//! A connector's options: checked against its [`ConnectorDoc`], then read one by one while the
//! connector parses itself.
//!
//! Invariant: after [`Options::check`] every given option is known and given once; a default comes
//! from the doc and nowhere else.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use wasmill_types::job::ConnectorSpec;

use crate::catalog::{ConnectorDoc, OptionDefault, OptionDoc, cut, did_you_mean, quoted};
use crate::error::ConnectorError;

/// The options that a job gave, with the defaults behind them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    doc: &'static ConnectorDoc,
    given: &'a [(String, String)],
}

impl<'a> Options<'a> {
    /// Checks the names of all options.
    pub(crate) fn check(
        spec: &'a ConnectorSpec,
        doc: &'static ConnectorDoc,
    ) -> Result<Self, ConnectorError> {
        let known: Vec<_> = doc.options.iter().map(|option| option.name).collect();
        for (index, (name, value)) in spec.options.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                return Err(ConnectorError::UnknownOption {
                    connector: doc.title(),
                    option: cut(name),
                    hint: did_you_mean(name, &known),
                    known: quoted(&known),
                });
            }
            if spec.options[..index].iter().any(|(other, _)| other == name) {
                let reason = "the option is given twice; leave one out";
                return Err(bad(doc, name, value, reason));
            }
        }
        let given = &spec.options;
        Ok(Self { doc, given })
    }

    /// Whether the job gave the option itself.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// The option's value or default; `None` when it is absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ConnectorError> {
        let given = self.given.iter().find(|(given, _)| given == name);
        if let Some((_, value)) = given {
            return Ok(Some(value));
        }
        let option = self.doc_of(name);
        match option.default {
            OptionDefault::Value(value) => Ok(Some(value)),
            OptionDefault::Absent => Ok(None),
            OptionDefault::Required => Err(ConnectorError::MissingOption {
                connector: self.doc.title(),
                option: option.name,
                meaning: option.meaning,
            }),
        }
    }

    /// As [`Options::text`], for an option that is required or has a default.
    pub(crate) fn always(&self, name: &str) -> Result<&'a str, ConnectorError> {
        let value = self.text(name)?;
        Ok(value.expect("an option that is read with `always` is required or has a default"))
    }

    /// The option's value parsed.
    pub(crate) fn parsed<T>(&self, name: &str) -> Result<Option<T>, ConnectorError>
    where
        T: FromStr<Err: Display>,
    {
        let Some(value) = self.text(name)? else {
            return Ok(None);
        };
        let parsed = value.trim().parse();
        parsed
            .map(Some)
            .map_err(|error: T::Err| self.bad(name, &error.to_string()))
    }

    /// As [`Options::parsed`], for an option that is required or has a default.
    pub(crate) fn always_parsed<T>(&self, name: &str) -> Result<T, ConnectorError>
    where
        T: FromStr<Err: Display>,
    {
        let value = self.parsed(name)?;
        Ok(value.expect("an option that is read with `always` is required or has a default"))
    }

    /// The option's value as one of a few words.
    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        words: &[(&'static str, T)],
    ) -> Result<T, ConnectorError> {
        let value = self.always(name)?;
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == value) {
            return Ok(*choice);
        }
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let hint = did_you_mean(value, &known);
        let reason = format!("it must be one of {}{hint}", quoted(&known));
        Err(self.bad(name, &reason))
    }

    /// The option's value as a truth.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ConnectorError> {
        self.one_of(name, &[("true", true), ("false", false)])
    }

    /// The option's value as a time span: `500 ms`, `10 s`, `2 min`.
    pub(crate) fn duration(&self, name: &str) -> Result<Duration, ConnectorError> {
        let value = self.always(name)?;
        parse_duration(value).ok_or_else(|| {
            self.bad(
                name,
                "it must be a positive number and a unit: `500 ms`, `10 s`, `2 min`",
            )
        })
    }

    /// The error for a value that makes no sense.
    pub(crate) fn bad(&self, name: &str, reason: &str) -> ConnectorError {
        let value = self.text(name).ok().flatten().unwrap_or_default();
        bad(self.doc, name, value, reason)
    }

    fn doc_of(&self, name: &str) -> &'static OptionDoc {
        let option = self.doc.options.iter().find(|option| option.name == name);
        option.expect("a connector reads only options of its own doc")
    }
}

fn bad(doc: &ConnectorDoc, option: &str, value: &str, reason: &str) -> ConnectorError {
    ConnectorError::BadOption {
        connector: doc.title(),
        option: option.to_owned(),
        value: cut(value),
        reason: reason.to_owned(),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        _ => return None,
    };
    let millis = number.checked_mul(unit).filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}
