//! `wasmill connectors [NAME]`: the built-in sources and sinks with their options, as a table.

use wasmill_connectors::{ConnectorDoc, OptionDefault, OptionDoc, catalog};

use crate::cli::ConnectorsArgs;
use crate::failure::{Exit, Failure};
use crate::stdout;

/// The width of the tables, in characters.
const WIDTH: usize = 100;

/// Prints the table.
pub(crate) fn perform(args: &ConnectorsArgs) -> Result<Exit, Failure> {
    let wanted = |doc: &&ConnectorDoc| args.name.as_ref().is_none_or(|name| name == doc.name);
    let blocks: Vec<String> = catalog().iter().filter(wanted).map(block).collect();
    if blocks.is_empty() {
        let name = args.name.as_deref().unwrap_or_default();
        let mut known: Vec<_> = catalog()
            .iter()
            .map(|doc| format!("`{}`", doc.name))
            .collect();
        known.sort();
        known.dedup();
        let known = known.join(", ");
        return Err(Failure::unusable(format!(
            "there is no connector `{}`; there are {known}",
            name.escape_debug()
        )));
    }
    stdout::print(&blocks.join("\n"))?;
    Ok(Exit::Finished)
}

/// A connector: a heading, what it does, a row per option.
fn block(doc: &ConnectorDoc) -> String {
    let mut text = format!("{} ({})\n  {}\n", doc.name, doc.kind, doc.summary);
    if doc.options.is_empty() {
        return text + "\n  It takes no options.\n";
    }
    let widest = |cell: fn(&OptionDoc) -> &str, heading: &str| {
        let cells = doc
            .options
            .iter()
            .map(|option| cell(option).chars().count());
        cells.chain([heading.len()]).max().unwrap_or_default()
    };
    let widths = [
        widest(|option| option.name, "OPTION"),
        widest(default, "DEFAULT"),
    ];
    text.push('\n');
    push_row(&mut text, widths, ["OPTION", "DEFAULT", "MEANING"]);
    for option in doc.options {
        push_row(
            &mut text,
            widths,
            [option.name, default(option), option.meaning],
        );
    }
    text
}

fn default(option: &OptionDoc) -> &str {
    match option.default {
        OptionDefault::Required => "required",
        OptionDefault::Absent => "-",
        OptionDefault::Value(value) => value,
    }
}

/// A row whose last cell is wrapped below itself.
fn push_row(text: &mut String, [first, second]: [usize; 2], cells: [&str; 3]) {
    let indent = 2 + first + 2 + second + 2;
    let [name, default, meaning] = cells;
    text.push_str(&format!("  {name:first$}  {default:second$}  "));
    for (index, line) in wrapped(meaning, WIDTH.saturating_sub(indent))
        .iter()
        .enumerate()
    {
        if index > 0 {
            text.push_str(&" ".repeat(indent));
        }
        text.push_str(line);
        text.push('\n');
    }
}

/// Lines of at most `width` characters, except where a word is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a last line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use wasmill_connectors::ConnectorKind;

    use super::*;

    #[test]
    fn lines_are_wrapped_between_words() {
        for (text, width, lines) in [
            ("", 5, vec![""]),
            ("a bc d", 4, vec!["a bc", "d"]),
            ("longword a", 4, vec!["longword", "a"]),
            ("ä ö ü", 3, vec!["ä ö", "ü"]),
        ] {
            assert_eq!(wrapped(text, width), lines);
        }
    }

    #[test]
    fn a_connector_is_shown_with_its_options() {
        let options: &[OptionDoc] = catalog()[0].options;
        let doc = ConnectorDoc {
            name: "x",
            kind: ConnectorKind::Sink,
            summary: "Does.",
            options,
        };
        let text = block(&doc);
        assert!(text.starts_with("x (sink)\n  Does.\n\n  OPTION"), "{text}");
        for option in options {
            assert!(text.contains(&format!("\n  {}", option.name)), "{text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        let bare = ConnectorDoc {
            options: &[],
            ..doc
        };
        assert!(block(&bare).ends_with("It takes no options.\n"));
    }
}
