//! Tables for people: columns as wide as what is in them. Pure.

use std::fmt::Write as _;

/// A table with these headings; each row has as many cells.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    push_row(&mut text, headings, widths);
    for row in rows {
        push_row(&mut text, row.each_ref().map(String::as_str), widths);
    }
    text
}

fn push_row<const N: usize>(text: &mut String, cells: [&str; N], widths: [usize; N]) {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a text cannot fail.
        let _ = write!(line, "{cell:width$}  ");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["a".to_owned(), "RUNNING".to_owned()],
            ["grüße".to_owned(), "-".to_owned()],
        ];
        let expected = "NAME   STATE\na      RUNNING\ngrüße  -\n";
        assert_eq!(table(["NAME", "STATE"], &rows), expected);
    }
}
