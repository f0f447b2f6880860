//! The log: which lines are shown, in which form, and what a panic says.
//!
//! `main` calls it once, before the command. Invariant: the log goes to standard error only, above the
//! progress line; a panic is one line of it, without a backtrace.

use std::env;
use std::panic::{self, PanicHookInfo};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::{LogArgs, LogFormat};
use crate::config::LogSection;
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

/// What was decided about the log.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    format: LogFormat,
    /// Who says which lines are shown.
    origin: &'static str,
    /// Which.
    filter: String,
}

/// Starts the log of the process; `configured` is what a node's configuration says.
pub(crate) fn init(
    args: &LogArgs,
    configured: Option<LogSection>,
    screen: &Screen,
) -> Result<(), Failure> {
    let chosen = choose(args, env::var(VARIABLE).ok(), configured);
    let filter = filter(chosen.origin, &chosen.filter)?;
    let log = fmt().with_env_filter(filter).with_writer(screen.clone());
    match chosen.format {
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

/// Flags come before the variable, and that before the configuration.
fn choose(args: &LogArgs, variable: Option<String>, configured: Option<LogSection>) -> Chosen {
    let (format, filter) = configured.map_or_else(Default::default, |it| (it.format, it.filter));
    let format = args.log_format.unwrap_or(format);
    let default = match format {
        LogFormat::Text => DEFAULT_FILTER,
        LogFormat::Json => DEFAULT_JSON_FILTER,
    };
    let candidates = [
        ("--log-level", args.log_level.clone()),
        (VARIABLE, variable),
        ("log.filter", Some(filter)),
    ];
    let given = |(origin, text): (&'static str, Option<String>)| {
        Some((origin, text.filter(|text| !text.is_empty())?))
    };
    let (origin, filter) = candidates
        .into_iter()
        .find_map(given)
        .unwrap_or_else(|| ("the default", default.to_owned()));
    Chosen {
        format,
        origin,
        filter,
    }
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
    fn flags_come_before_the_variable_and_the_configuration() {
        use LogFormat::{Json, Text};

        let configured = |format, filter: &str| {
            Some(LogSection {
                format,
                filter: filter.to_owned(),
            })
        };
        let text = |text: &str| Some(text.to_owned());
        for (flags, variable, configured, expected) in [
            (
                (None, None),
                None,
                None,
                (Text, "the default", DEFAULT_FILTER),
            ),
            (
                (Some(Json), None),
                None,
                None,
                (Json, "the default", DEFAULT_JSON_FILTER),
            ),
            (
                (None, None),
                text(""),
                configured(Json, ""),
                (Json, "the default", DEFAULT_JSON_FILTER),
            ),
            (
                (Some(Text), None),
                None,
                configured(Json, "info"),
                (Text, "log.filter", "info"),
            ),
            (
                (None, None),
                text("debug"),
                configured(Json, "info"),
                (Json, VARIABLE, "debug"),
            ),
            (
                (None, text("trace")),
                text("debug"),
                configured(Text, "info"),
                (Text, "--log-level", "trace"),
            ),
        ] {
            let (log_format, log_level) = flags;
            let args = LogArgs {
                log_level,
                log_format,
            };
            let (format, origin, filter) = expected;
            let expected = Chosen {
                format,
                origin,
                filter: filter.to_owned(),
            };
            assert_eq!(choose(&args, variable, configured), expected);
        }
    }

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
