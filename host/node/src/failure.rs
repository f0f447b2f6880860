//! How a command ends: its exit code, and the one message of a failure.
//!
//! Every command returns `Result<Exit, Failure>`. Invariant: the message names the thing and the fix,
//! with its causes behind it on the same line.

use std::error::Error;
use std::process::ExitCode;

/// The exit codes of the program. This is the table of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Finished,
    /// The job or the build failed.
    Failed,
    /// The command, the bundle or its graph cannot be used; nothing ran. Usage errors have the same.
    Unusable,
    /// The user stopped it. What shells show for a program that Ctrl-C ended.
    Cancelled,
}

impl Exit {
    /// The number that the shell gets.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Failed => 1,
            Self::Unusable => 2,
            Self::Cancelled => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The whole story, without the `error:` in front.
    pub(crate) message: String,
}

impl Failure {
    /// Something that ran and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            exit: Exit::Failed,
            message,
        }
    }

    /// Something that cannot run as it is.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            exit: Exit::Unusable,
            message,
        }
    }
}

/// An error and its causes, joined by `: `; causes that a message tells already are left out.
pub(crate) fn story(error: &(dyn Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let text = source.to_string();
        if !story.ends_with(&text) {
            story.push_str(": ");
            story.push_str(&text);
        }
        cause = source.source();
    }
    story
}

/// A socket of a node that cannot be opened, with the flag and the key that choose its address.
pub(crate) fn unusable_address(error: &(dyn Error + 'static), flag: &str, key: &str) -> Failure {
    Failure::failed(format!(
        "{}; it is chosen with {flag} ADDR (`{key}`)",
        story(error)
    ))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|link| &**link as _)
        }
    }

    #[test]
    fn causes_follow_once_each() {
        let chain = |texts: &[&'static str]| {
            let link = |inner, text: &&'static str| Some(Box::new(Link(text, inner)));
            *texts.iter().rev().fold(None, link).unwrap()
        };
        for (texts, told) in [
            (vec!["alone"], "alone"),
            (vec!["open `a`", "not found"], "open `a`: not found"),
            (
                vec!["open `a`: not found", "not found"],
                "open `a`: not found",
            ),
            (vec!["one", "two", "three"], "one: two: three"),
        ] {
            assert_eq!(story(&chain(&texts)), told);
        }
    }

    #[test]
    fn exit_codes_are_a_promise() {
        let codes = [
            Exit::Finished,
            Exit::Failed,
            Exit::Unusable,
            Exit::Cancelled,
        ]
        .map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 130]);
    }
}
