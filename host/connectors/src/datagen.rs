//! The connector `datagen`: a source that makes records up.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `fields` | required | JSON object: the name of each field and its generator |
//! | `format` | `json` | `json` (an object per record), `fields` (values in order), `text` (one field only) |
//! | `rows` | absent | how many records; absent: no end |
//! | `rate` | absent | records per second in total; absent: as fast as they are taken |
//! | `seed` | absent | whole number that all random values follow from; absent: the run's |
//!
//! Generators: `{"kind":"sequence","start":0}`, `{"kind":"random-int","min":1,"max":6}`,
//! `{"kind":"random-float","min":0,"max":1}`, `{"kind":"random-string","length":8}` (letters `a` to
//! `p`), `{"kind":"choice","values":["a","b"]}`, and `{"kind":"timestamp","start":0,"step":1}`,
//! milliseconds that grow by `step` per record: 1000 / `rate` unless given, or 1 without a rate.
//!
//! Invariant: record `i` is a function of the options, the seed and `i`, never of the clock, so a split
//! that is read again gives the same records, and every parallelism gives the same set.

mod reader;
mod template;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_types::job::ConnectorSpec;

use self::reader::DatagenReader;
use self::template::{Encoding, Template};
use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};
use crate::error::ConnectorError;
use crate::options::Options;
use crate::source::{ReaderContext, Source, SourceReader, Split};

/// The highest rate, in records per second: more than any machine makes.
const MAX_RATE: f64 = 1e12;

const FIELDS: &str = "fields";
const FORMAT: &str = "format";
const ROWS: &str = "rows";
const RATE: &str = "rate";
const SEED: &str = "seed";

/// The source's doc.
pub(crate) const SOURCE: ConnectorDoc = ConnectorDoc {
    name: "datagen",
    kind: ConnectorKind::Source,
    summary: "Makes records up: sequences and random values, at a rate if wanted.",
    options: &[
        OptionDoc::new(
            FIELDS,
            OptionDefault::Required,
            "a JSON object with the name of each field and its generator: `{\"id\":{\"kind\":\"sequence\"}}`; \
             kinds are `sequence`, `random-int`, `random-float`, `random-string`, `choice`, `timestamp`",
        ),
        OptionDoc::new(
            FORMAT,
            OptionDefault::Value("json"),
            "`json` (an object per record), `fields` (values in order) or `text` (one field only)",
        ),
        OptionDoc::new(
            ROWS,
            OptionDefault::Absent,
            "how many records; absent: no end",
        ),
        OptionDoc::new(
            RATE,
            OptionDefault::Absent,
            "records per second in total; absent: as fast as they are taken",
        ),
        OptionDoc::new(
            SEED,
            OptionDefault::Absent,
            "a whole number that all random values follow from; absent: the run's",
        ),
    ],
};

/// The `datagen` source.
#[derive(Debug)]
pub(crate) struct DatagenSource {
    rows: Option<u64>,
    seed: Option<u64>,
    recipe: Arc<Recipe>,
}

/// What a reader needs to know.
#[derive(Debug)]
struct Recipe {
    template: Template,
    encoding: Encoding,
    /// Records per millisecond, in total.
    per_ms: Option<f64>,
}

/// Some of the record numbers: `next`, `next + step`, and so on below `end`; the state of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    next: u64,
    end: Option<u64>,
    step: u64,
    /// Into how many splits the numbers are divided: each takes its share of the rate.
    shares: u32,
    /// Absent until a reader has one: the run's seed.
    seed: Option<u64>,
}

impl DatagenSource {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SOURCE)?;
        let encoding = options.one_of(
            FORMAT,
            &[
                ("json", Encoding::Json),
                ("fields", Encoding::Fields),
                ("text", Encoding::Text),
            ],
        )?;
        let rate: Option<f64> = options.parsed(RATE)?;
        if rate.is_some_and(|rate| !(rate > 0.0 && rate <= MAX_RATE)) {
            return Err(options.bad(RATE, "it must be above 0 and at most 1e12"));
        }
        let step_ms = rate.map_or(1.0, |rate| 1000.0 / rate);
        let template = Template::parse(options.always(FIELDS)?, encoding, step_ms)
            .map_err(|reason| options.bad(FIELDS, &reason.to_string()))?;
        let recipe = Recipe {
            template,
            encoding,
            per_ms: rate.map(|rate| rate / 1000.0),
        };
        Ok(Self {
            rows: options.parsed(ROWS)?,
            seed: options.parsed(SEED)?,
            recipe: Arc::new(recipe),
        })
    }
}

impl Source for DatagenSource {
    fn splits(&self, parallelism: u32) -> Result<Vec<Split>, ConnectorError> {
        let shares = parallelism.max(1);
        let numbers = (0..shares).map(|share| {
            let (next, end, step) = match self.rows {
                Some(rows) => {
                    let bound = |i: u32| {
                        let scaled = u128::from(rows) * u128::from(i) / u128::from(shares);
                        scaled as u64
                    };
                    (bound(share), Some(bound(share + 1)), 1)
                }
                None => (u64::from(share), None, u64::from(shares)),
            };
            Numbers {
                next,
                end,
                step,
                shares,
                seed: self.seed,
            }
        });
        Ok(numbers
            .filter(|numbers| !numbers.is_at_end())
            .map(|numbers| numbers.split())
            .collect())
    }

    fn reader(&self, context: ReaderContext) -> Result<Box<dyn SourceReader>, ConnectorError> {
        let recipe = Arc::clone(&self.recipe);
        Ok(Box::new(DatagenReader::new(recipe, context)))
    }

    fn is_bounded(&self) -> bool {
        self.rows.is_some()
    }

    fn format(&self) -> &'static str {
        match self.recipe.encoding {
            Encoding::Json => "json",
            Encoding::Fields => "fields",
            Encoding::Text => "text",
        }
    }
}

impl Numbers {
    fn is_at_end(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    fn split(&self) -> Split {
        let end = self.end.map(|end| end.to_string()).unwrap_or_default();
        Split::wrap(format!("datagen[{}..{end}]", self.next), self)
    }
}

#[cfg(test)]
mod tests;
