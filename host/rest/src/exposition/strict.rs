//! A reader of Prometheus's text for tests, which takes nothing that the format does not allow.

use std::collections::BTreeMap;

/// The samples of a text: `name label="value" ..` with the labels in their order.
///
/// # Panics
/// At the first line that is not as it must be.
pub(crate) fn read(text: &str) -> BTreeMap<String, f64> {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line ends"
    );
    let mut samples = BTreeMap::new();
    let mut known = BTreeMap::new();
    let (mut described, mut current) = (None, None);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help has a text");
            assert!(is_name(name) && !help.is_empty(), "{line}");
            described = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type has a kind");
            assert_eq!(described, Some(name), "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert!(known.insert(name, kind).is_none(), "twice: {line}");
            current = Some((name, kind));
        } else {
            let (name, kind) = current.expect("a sample follows its type");
            let (series, value) = sample(line, name);
            assert!(
                value.is_finite() && (kind == "gauge" || value >= 0.0),
                "{line}"
            );
            assert!(samples.insert(series, value).is_none(), "twice: {line}");
        }
    }
    samples
}

fn sample(line: &str, expected: &str) -> (String, f64) {
    let end = line.find(['{', ' ']).expect("a sample has a value");
    let (name, rest) = line.split_at(end);
    assert_eq!(name, expected, "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest, line),
        None => (Vec::new(), rest),
    };
    let value = rest.strip_prefix(' ').expect("a blank before the value");
    let series = std::iter::once(name.to_owned()).chain(labels);
    let series: Vec<_> = series.collect();
    (series.join(" "), value.parse().expect("a number"))
}

/// The labels, each as text, and what follows the closing brace.
fn labels<'a>(mut rest: &'a str, line: &str) -> (Vec<String>, &'a str) {
    let mut labels: Vec<(&str, String)> = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label has a value");
        assert!(is_name(name), "{line}");
        let mut text = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().expect("a value ends") {
                (index, '"') => break index,
                (_, '\\') => match chars.next().map(|(_, c)| c) {
                    Some(c @ ('\\' | '"')) => text.push(c),
                    Some('n') => text.push('\n'),
                    other => panic!("escape {other:?}: {line}"),
                },
                (_, c) => text.push(c),
            }
        };
        assert!(labels.iter().all(|(other, _)| *other != name), "{line}");
        labels.push((name, text));
        let after = &value[end + 1..];
        match after.split_at_checked(1) {
            Some((",", next)) => rest = next,
            Some(("}", next)) => {
                let shown = labels
                    .into_iter()
                    .map(|(name, text)| format!("{name}={text:?}"));
                return (shown.collect(), next);
            }
            _ => panic!("neither another label nor the end: {line}"),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_fine) && !name.starts_with(|c: char| c.is_ascii_digit())
}
