//! The `wasmill` program: commands, configuration, wiring and telemetry; everything else is in the
//! crates that it puts together.
//!
//! Read [`cli`] for what can be asked, then the file of the command: `new`, `build`, `inspect`, `run`,
//! `connectors`, `bench`, `completions`. Invariants: what a command found out goes to standard output, what it
//! says on the way to standard error; each failure is one `error:` message and an exit code of
//! [`failure::Exit`].

mod bench;
mod build;
mod cli;
mod completions;
mod connectors;
mod failure;
mod file_size;
mod inspect;
mod interrupt;
mod new;
mod progress;
mod quantity;
mod run;
mod screen;
mod settings;
mod stdout;
mod submission;
mod summary;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;
use wasmill_actor::Clock;

use cli::{Cli, Command};
use failure::{Exit, Failure, story};
use screen::Screen;

fn main() -> ExitCode {
    // The first thing, for times are counted from the start of the process.
    let clock = Clock::system();
    let cli = Cli::parse();
    let screen = Screen::new();
    let ended = telemetry::init(&cli.log, &screen).and_then(|()| {
        file_size::outlive_limit();
        perform(cli.command, clock, &screen)
    });
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen.say(&format!("error: {}", failure.message));
            failure.exit.into()
        }
    }
}

fn perform(command: Command, clock: Clock, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new::perform(&args),
        Command::Build(args) => build::perform(&args, screen),
        Command::Inspect(args) => inspect::perform(&args, clock),
        Command::Run(args) => run::perform(args, clock, screen),
        Command::Connectors(args) => connectors::perform(&args),
        Command::Bench(args) => {
            let measured = bench::run(&args);
            measured.map_err(|error| Failure::failed(story(error.as_ref())))?;
            Ok(Exit::Finished)
        }
        Command::Completions(args) => completions::perform(&args),
    }
}
