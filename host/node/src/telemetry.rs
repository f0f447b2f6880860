//! The log: which lines are shown, in which form, and what a panic says.
//!
//! `main` calls it once, before the command. Invariant: the log goes to standard error only, above the
//! progress line; a panic is one line of it, without a backtrace.

use std::env;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::{LogArgs, LogFormat};
use crate::failure::{Failure, story};
use crate::screen::Screen;

/// The environment variable behind `--log-level`.
const VARIABLE: &str = "WASMILL_LOG";

/// What is shown when nobody says anything: what people should know, and what jobs themselves say.
const DEFAULT_FILTER: &str = "warn,guest=info";

/// The default for programs, which also want to know the job and the task of a line. People see the
/// thread's name, which is the task's.
const DEFAULT_JSON_FILTER: &str = "warn,guest=info,wasmill_task[task]=info";

/// The levels that may stand alone.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts the log of the process.
pub(crate) fn init(args: &LogArgs, screen: &Screen) -> Result<(), Failure> {
    let from_environment = env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let default = match args.log_format {
        LogFormat::Text => DEFAULT_FILTER,
        LogFormat::Json => DEFAULT_JSON_FILTER,
    };
    let filter = match (&args.log_level, &from_environment) {
        (Some(text), _) => filter("--log-level", text)?,
        (None, Some(text)) => filter(VARIABLE, text)?,
        (None, None) => filter("the default", default)?,
    };
    let log = fmt().with_env_filter(filter).with_writer(screen.clone());
    match args.log_format {
        LogFormat::Text => {
            let is_terminal = screen.is_terminal();
            log.with_ansi(is_terminal)
                .with_thread_names(true)
                .compact()
                .init();
        }
        LogFormat::Json => log
            .with_ansi(false)
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init(),
    }
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Reads a level (`debug`) or directives (`warn,guest=debug`).
fn filter(origin: &str, text: &str) -> Result<EnvFilter, Failure> {
    let unusable = |reason: &str| {
        Failure::unusable(format!(
            "{origin} is `{text}`: {reason}; write a level ({}) or directives like `warn,guest=debug`",
            LEVELS.join(", ")
        ))
    };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    // The filter would take a mistyped level for the name of a module, and show nothing.
    let is_target = |part: &str| part.contains(['=', '[', ':']);
    for part in &parts {
        if !is_target(part) && !LEVELS.contains(&part.to_ascii_lowercase().as_str()) {
            return Err(unusable(&format!("`{part}` is not a level")));
        }
    }
    let parsed = EnvFilter::builder().parse(parts.join(","));
    parsed.map_err(|error| unusable(&story(&error)))
}

/// A panic is a bug of ours: it says where, and what to do.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without a text");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "internal error, please report it: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_read_and_typing_errors_are_told() {
        for (text, outcome) in [
            ("debug", Ok(())),
            ("WARN", Ok(())),
            (DEFAULT_FILTER, Ok(())),
            (DEFAULT_JSON_FILTER, Ok(())),
            ("off, guest=trace", Ok(())),
            ("dbug", Err("`dbug` is not a level")),
            ("warn,guest", Err("`guest` is not a level")),
            ("guest=loud", Err("expected one of")),
        ] {
            match (filter("--log-level", text), outcome) {
                (Ok(_), Ok(())) => {}
                (Err(failure), Err(told)) => {
                    let message = failure.message;
                    assert!(
                        message.contains(told) && message.contains("--log-level"),
                        "{message}"
                    );
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
