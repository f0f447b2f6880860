//! The `wasmill` program: commands, configuration, wiring and telemetry; everything else is in the
//! crates that it puts together.
//!
//! Read [`cli`] for what can be asked, then the file of the command: `new`, `build`, `inspect`, `run`,
//! `connectors`, `bench`, `completions`. Invariants: what a command found out goes to standard output, what it
//! says on the way to standard error; each failure is one `error:` message and an exit code of
//! [`failure::Exit`].

mod addresses;
mod allocator;
mod bench;
mod build;
mod checkpointing;
mod cli;
mod cluster;
mod completions;
mod config;
mod connectors;
mod embedded;
mod failure;
mod file_size;
mod inspect;
mod internal;
mod interrupt;
mod jobmanager;
mod lifetime;
mod new;
mod places;
mod programs;
mod progress;
mod quantity;
mod remote;
mod run;
mod screen;
mod settings;
mod stdout;
mod submission;
mod summary;
mod taskmanager;
mod telemetry;
mod token;

use std::process::ExitCode;

use clap::Parser;
use wasmill_actor::Clock;

use cli::{Cli, ClusterCommand, Command};
use config::Config;
use failure::{Exit, Failure};
use screen::Screen;

fn main() -> ExitCode {
    allocator::configure();
    // Before anything else, for times are counted from the start of the process.
    let clock = Clock::system();
    let cli = Cli::parse();
    let screen = Screen::new();
    let ended = log(&cli, &screen).and_then(|()| {
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

/// Starts the log, which nodes may configure with everything else.
fn log(cli: &Cli, screen: &Screen) -> Result<(), Failure> {
    let configuration = cli.command.configuration();
    let configured = configuration
        .map(|file| Config::read(file, &[]))
        .transpose()?;
    telemetry::init(&cli.log, configured.map(|config| config.log), screen)
}

fn perform(command: Command, clock: Clock, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new::perform(&args),
        Command::Build(args) => build::perform(&args, screen),
        Command::Inspect(args) => inspect::perform(&args, clock),
        Command::Run(args) if args.local => run::perform(args, clock, screen),
        Command::Run(args) => remote::submit::perform(&args, &clock, screen),
        Command::Upload(args) => remote::cluster::upload(&args, screen),
        Command::List(args) => remote::jobs::list(&args),
        Command::Status(args) => remote::jobs::status(&args),
        Command::Cancel(args) => remote::jobs::cancel(&args, &clock),
        Command::Stop(args) => remote::snapshots::stop(&args, &clock),
        Command::Rescale(args) => remote::snapshots::rescale(&args, &clock),
        Command::Savepoint(args) => remote::snapshots::savepoint(&args, &clock),
        Command::Checkpoint(args) => remote::snapshots::checkpoint(&args.command, clock),
        Command::State(args) => remote::state::look_up(&args),
        Command::Logs(args) => remote::jobs::logs(&args),
        Command::TaskManagers(args) => remote::cluster::task_managers(&args),
        Command::JobManager(args) => jobmanager::perform(&args, clock, screen),
        Command::TaskManager(args) => taskmanager::perform(&args, clock, screen),
        Command::Cluster(args) => match args.command {
            ClusterCommand::Start(args) => cluster::start(&args, clock, screen),
        },
        Command::Token(args) => token::perform(&args, &clock),
        Command::Config(args) => config::perform(&args),
        Command::Internal(args) => internal::perform(&args, clock),
        Command::Connectors(args) => connectors::perform(&args),
        Command::Bench(args) => bench::perform(&args, &clock, screen),
        Command::InternalExchange(args) => bench::exchange::work(&args, clock),
        Command::Completions(args) => completions::perform(&args),
    }
}
