//! Standard output: what commands found out, for people and for pipes.
//!
//! Invariant: a reader that has seen enough (`| head`) is no error and never a panic.

use std::io::{self, ErrorKind, Write};

use crate::failure::Failure;

/// Prints a text and a line end where it has none.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    written(write(&mut io::stdout().lock(), text, end))
}

fn write(out: &mut impl Write, text: &str, end: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.write_all(end.as_bytes())?;
    out.flush()
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
        for (kind, is_fine) in [
            (ErrorKind::BrokenPipe, true),
            (ErrorKind::StorageFull, false),
        ] {
            assert_eq!(written(Err(kind.into())).is_ok(), is_fine, "{kind}");
        }
    }
}
