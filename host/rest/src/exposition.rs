//! Metrics as the text that Prometheus reads (its format 0.0.4).
//!
//! Invariant: whatever a label's value has in it, a sample is one line.

use std::fmt::Write as _;

use wasmill_types::metric::prometheus::{Family, Kind, Metric, Sample};

/// The type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text.
pub(crate) fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for Family { metric, samples } in families {
        let Metric { name, help, kind } = metric;
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for sample in samples {
            push_sample(&mut text, name, sample);
        }
    }
    text
}

fn push_sample(text: &mut String, name: &str, sample: &Sample) {
    text.push_str(name);
    for (index, (label, value)) in sample.labels.iter().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        text.push_str(label);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    if !sample.labels.is_empty() {
        text.push('}');
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, " {}", sample.value);
}

#[cfg(test)]
pub(crate) mod strict;

#[cfg(test)]
mod tests {
    use wasmill_types::metric::prometheus::{self as table, Labels};

    use super::*;

    #[test]
    fn labels_with_any_text_are_read_back() {
        let values = ["plain", "", "a\"b", "a\\", "a\nb", "\\n", "}\" 1 {", "ü 💣"];
        let samples = values.map(|value| (Labels::from([("task", value.to_owned())]), 1.5));
        let families = [
            Family::one(table::OWN_SLOTS, 3.0),
            Family::of(table::TASK_BUSY, samples),
            Family::of(table::JOBS, []),
        ];
        let read = strict::read(&text(&families));
        assert_eq!(read.len(), 1 + values.len());
        assert_eq!(read["wasmill_taskmanager_slots"], 3.0);
        for value in values {
            let series = format!("wasmill_task_busy_seconds_total task={value:?}");
            assert_eq!(read[&series], 1.5, "{value}");
        }
    }
}
