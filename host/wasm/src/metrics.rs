//! Which metrics of a guest are recorded.
//!
//! `imports` asks for every value. Invariant: an instance names a bounded number of metrics, each with a
//! name of bounded length, and the user is told once when some are ignored.

use std::collections::HashSet;

use crate::limits::Limits;

/// The metrics that an instance has named.
#[derive(Debug)]
pub(crate) struct MetricNames {
    known: HashSet<Box<str>>,
    count: usize,
    name_bytes: usize,
    told: bool,
}

/// What happens to a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is recorded.
    Recorded,
    /// It is ignored.
    Ignored,
    /// It is ignored, and the user should know this text.
    IgnoredFirst(String),
}

impl MetricNames {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            known: HashSet::new(),
            count: limits.metrics as usize,
            name_bytes: limits.metric_name_bytes as usize,
            told: false,
        }
    }

    /// Whether a value for this metric is recorded.
    pub(crate) fn admit(&mut self, name: &str) -> Admission {
        if self.known.contains(name) {
            return Admission::Recorded;
        }
        let (limit, allowed) = if name.len() > self.name_bytes {
            (Limits::METRIC_NAME, self.name_bytes)
        } else if self.known.len() >= self.count {
            (Limits::METRICS, self.count)
        } else {
            self.known.insert(name.into());
            return Admission::Recorded;
        };
        if self.told {
            return Admission::Ignored;
        }
        self.told = true;
        let name = crate::text::name(name);
        Admission::IgnoredFirst(format!(
            "metric {name} and others like it are ignored: they exceed the limit `{limit}` of {allowed}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_above_the_number_or_with_long_names_are_ignored_and_told_once() {
        let limits = Limits {
            metrics: 2,
            metric_name_bytes: 3,
            ..Limits::default()
        };
        let mut names = MetricNames::new(&limits);
        let told = "metric `long` and others like it are ignored: they exceed the limit \
                    `wasm.metric-name` of 3";
        for (name, admission) in [
            ("a", Admission::Recorded),
            ("long", Admission::IgnoredFirst(told.to_owned())),
            ("b", Admission::Recorded),
            ("c", Admission::Ignored),
            ("a", Admission::Recorded),
        ] {
            assert_eq!(names.admit(name), admission, "{name}");
        }
    }
}
