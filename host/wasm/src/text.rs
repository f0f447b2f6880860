//! Texts from guests, made fit to be shown: bounded, and without control characters that could forge
//! lines or move a terminal's cursor.
//!
//! Called wherever a text of a bundle enters an error, a backtrace or the log.

use crate::limits::{SHOWN_NAME_BYTES, SHOWN_NAMES};

/// A name in backquotes, cut and escaped.
pub(crate) fn name(text: &str) -> String {
    format!("`{}`", escaped(cut(text, SHOWN_NAME_BYTES)))
}

/// Some names in backquotes, then how many more there are.
pub(crate) fn names<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = texts.len().saturating_sub(SHOWN_NAMES);
    let shown: Vec<_> = texts.take(SHOWN_NAMES).map(name).collect();
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

/// The beginning of a text: at most `max` bytes, never half a character.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// A message that a guest handed over: escaped, cut, and it says so at its end.
pub(crate) fn message(text: &str, max: u32) -> String {
    let kept = cut(text, max as usize);
    let mut message = escaped_lines(kept);
    if kept.len() < text.len() {
        message.push_str(&format!(" … ({} bytes more)", text.len() - kept.len()));
    }
    message
}

/// The text with control characters written as escapes.
pub(crate) fn escaped(text: &str) -> String {
    escape(text, |c| c.is_control())
}

/// As [`escaped`], but lines stay lines: for messages, which people lay out.
pub(crate) fn escaped_lines(text: &str) -> String {
    escape(text, |c| c.is_control() && c != '\n' && c != '\t')
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_escaped_and_counted() {
        let long = "ä".repeat(SHOWN_NAME_BYTES);
        let cut_long = format!("`{}`", "ä".repeat(SHOWN_NAME_BYTES / 2));
        for (given, shown) in [
            (vec!["wasi:io/poll"], "`wasi:io/poll`".to_owned()),
            (vec!["a\u{1b}[2J\n"], r"`a\u{1b}[2J\n`".to_owned()),
            (vec![long.as_str()], cut_long),
            (
                vec!["x"; 10],
                format!("{} and 2 more", ["`x`"; 8].join(", ")),
            ),
        ] {
            assert_eq!(names(given.into_iter()), shown);
        }
    }

    #[test]
    fn a_long_message_says_how_much_was_cut() {
        for (given, max, kept) in [
            ("short", 5, "short"),
            ("longer", 4, "long … (2 bytes more)"),
            ("aäb", 2, "a … (3 bytes more)"),
        ] {
            assert_eq!(message(given, max), kept);
        }
    }
}
