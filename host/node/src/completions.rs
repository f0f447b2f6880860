//! `wasmill completions SHELL`: a script that the shell loads.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::failure::{Exit, Failure};
use crate::stdout;

/// Prints the script.
pub(crate) fn perform(args: &CompletionsArgs) -> Result<Exit, Failure> {
    // Into memory first: the generator panics when its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wasmill", &mut script);
    stdout::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Finished)
}
