//! How a job's checkpoints are taken, out of options with Flink's keys.
//!
//! REST brings them in `flinkConfiguration`, `wasmill run` as flags and `-D`. Invariant: a key that begins
//! like one of checkpoints and is none, or a value that cannot be used, is an error that names it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use wasmill_checkpoint::coordinator::ClaimMode;
use wasmill_checkpoint::options::{Mode, Options, Retention};
use wasmill_rpc::protocol::{Backend, JobSettings, Restore};

use crate::quantity;

/// What all keys begin with that are about taking checkpoints.
const PREFIX: &str = "execution.checkpointing.";

/// The directory of checkpoints.
pub(crate) const DIRECTORY: &str = "execution.checkpointing.dir";
/// How often one is taken.
pub(crate) const INTERVAL: &str = "execution.checkpointing.interval";
/// Where keyed state is kept.
pub(crate) const BACKEND: &str = "state.backend.type";
/// The snapshot to start from.
pub(crate) const SAVEPOINT_PATH: &str = "execution.state-recovery.path";
/// Whether state may be left behind.
pub(crate) const ALLOW_NON_RESTORED: &str = "execution.state-recovery.ignore-unclaimed-state";
/// Who owns the snapshot.
pub(crate) const CLAIM_MODE: &str = "execution.state-recovery.claim-mode";

/// The keys after [`PREFIX`].
const KEYS: [&str; 15] = [
    "interval",
    "interval-during-backlog",
    "mode",
    "timeout",
    "min-pause",
    "max-concurrent-checkpoints",
    "tolerable-failed-checkpoints",
    "num-retained",
    "externalized-checkpoint-retention",
    "unaligned.enabled",
    "unaligned.forced",
    "aligned-checkpoint-timeout",
    "checkpoints-after-tasks-finish",
    "dir",
    "savepoint-dir",
];

/// An option that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) wanted: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, wanted } = self;
        write!(f, "the option `{key}` cannot be `{value}`; it is {wanted}")
    }
}

/// Puts what the options say into a job's settings; without a directory, checkpoints go to `directory`.
///
/// # Errors
/// The first option that cannot be used.
pub(crate) fn apply(
    options: &BTreeMap<String, String>,
    directory: Option<&str>,
    settings: &mut JobSettings,
) -> Result<(), Unusable> {
    let given = Given(options);
    given.refuse_unknown()?;
    settings.checkpoints = checkpoints(&given, directory)?;
    let backend = given.get(BACKEND).or_else(|| given.get("state.backend"));
    settings.backend = match backend {
        None => None,
        Some("memory" | "hashmap") => Some(Backend::Memory),
        Some("rocksdb") => Some(Backend::Rocksdb),
        Some(other) => return Err(unusable(BACKEND, other, "`memory` or `rocksdb`")),
    };
    let path = given
        .get(SAVEPOINT_PATH)
        .or_else(|| given.get("execution.savepoint.path"));
    settings.restore = match path {
        None => None,
        Some(path) => Some(Restore {
            path: path.to_owned(),
            allow_non_restored: given.flag(ALLOW_NON_RESTORED)?.unwrap_or(false),
            claim: match given.get(CLAIM_MODE) {
                None | Some("NO_CLAIM" | "no-claim") => ClaimMode::NoClaim,
                Some("CLAIM" | "claim") => ClaimMode::Claim,
                Some("LEGACY" | "legacy") => ClaimMode::Legacy,
                Some(other) => {
                    return Err(unusable(
                        CLAIM_MODE,
                        other,
                        "`NO_CLAIM`, `CLAIM` or `LEGACY`",
                    ));
                }
            },
        }),
    };
    Ok(())
}

fn checkpoints(given: &Given<'_>, directory: Option<&str>) -> Result<Options, Unusable> {
    let defaults = Options::default();
    let time = |name: &str| given.time(&format!("{PREFIX}{name}"));
    let number = |name: &str| given.number(&format!("{PREFIX}{name}"));
    let flag = |name: &str| given.flag(&format!("{PREFIX}{name}"));
    let text = |name: &str| given.get(&format!("{PREFIX}{name}")).map(str::to_owned);
    let at_least_one = |name: &str, default: NonZeroU32| {
        let Some(number) = number(name)? else {
            return Ok(default);
        };
        NonZeroU32::new(number)
            .ok_or_else(|| unusable(&format!("{PREFIX}{name}"), "0", "a number from 1"))
    };
    Ok(Options {
        interval: time("interval")?,
        interval_during_backlog: time("interval-during-backlog")?,
        mode: match text("mode").as_deref() {
            None | Some("EXACTLY_ONCE" | "exactly-once") => Mode::ExactlyOnce,
            Some("AT_LEAST_ONCE" | "at-least-once") => Mode::AtLeastOnce,
            Some(other) => {
                let key = format!("{PREFIX}mode");
                return Err(unusable(&key, other, "`EXACTLY_ONCE` or `AT_LEAST_ONCE`"));
            }
        },
        timeout: time("timeout")?.unwrap_or(defaults.timeout),
        min_pause: time("min-pause")?.unwrap_or(defaults.min_pause),
        max_concurrent: at_least_one("max-concurrent-checkpoints", defaults.max_concurrent)?,
        tolerable_failures: number("tolerable-failed-checkpoints")?
            .unwrap_or(defaults.tolerable_failures),
        retained: at_least_one("num-retained", defaults.retained)?,
        retention: match text("externalized-checkpoint-retention").as_deref() {
            None | Some("NO_EXTERNALIZED_CHECKPOINTS") => Retention::NoExternalizedCheckpoints,
            Some("DELETE_ON_CANCELLATION") => Retention::DeleteOnCancellation,
            Some("RETAIN_ON_CANCELLATION") => Retention::RetainOnCancellation,
            Some(other) => {
                let key = format!("{PREFIX}externalized-checkpoint-retention");
                let wanted = "`NO_EXTERNALIZED_CHECKPOINTS`, `DELETE_ON_CANCELLATION` or \
                              `RETAIN_ON_CANCELLATION`";
                return Err(unusable(&key, other, wanted));
            }
        },
        unaligned: flag("unaligned.enabled")?.unwrap_or(false),
        unaligned_forced: flag("unaligned.forced")?.unwrap_or(false),
        aligned_timeout: time("aligned-checkpoint-timeout")?.unwrap_or(defaults.aligned_timeout),
        after_tasks_finish: flag("checkpoints-after-tasks-finish")?.unwrap_or(true),
        directory: text("dir").or_else(|| directory.map(str::to_owned)),
        savepoint_directory: text("savepoint-dir"),
        history: defaults.history,
    })
}

/// The options that were given.
struct Given<'a>(&'a BTreeMap<String, String>);

impl Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim())
    }

    fn time(&self, key: &str) -> Result<Option<Duration>, Unusable> {
        let parsed = self.get(key).map(|text| {
            let time = quantity::parse_time(text);
            time.map_err(|_| unusable(key, text, "a time like `10s` or `500ms`"))
        });
        parsed.transpose()
    }

    fn number(&self, key: &str) -> Result<Option<u32>, Unusable> {
        let parsed = self
            .get(key)
            .map(|text| text.parse().map_err(|_| unusable(key, text, "a number")));
        parsed.transpose()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Unusable> {
        let parsed = self.get(key).map(|text| {
            text.parse()
                .map_err(|_| unusable(key, text, "`true` or `false`"))
        });
        parsed.transpose()
    }

    fn refuse_unknown(&self) -> Result<(), Unusable> {
        for (key, value) in self.0 {
            let name = key.strip_prefix(PREFIX);
            if name.is_some_and(|name| !KEYS.contains(&name)) {
                let wanted = format!("unknown; the keys are `{PREFIX}` and one of {KEYS:?}");
                return Err(unusable(key, value, &wanted));
            }
        }
        Ok(())
    }
}

fn unusable(key: &str, value: &str, wanted: &str) -> Unusable {
    Unusable {
        key: key.to_owned(),
        value: value.to_owned(),
        wanted: wanted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(options: &[(&str, &str)]) -> Result<JobSettings, Unusable> {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let options = options.iter().map(pair).collect();
        let mut settings = crate::settings::Settings::default().job(1);
        apply(&options, Some("/checkpoints"), &mut settings)?;
        Ok(settings)
    }

    #[test]
    fn options_have_flinks_keys_and_values() {
        let settings = applied(&[
            ("execution.checkpointing.interval", "500ms"),
            ("execution.checkpointing.mode", "AT_LEAST_ONCE"),
            ("execution.checkpointing.num-retained", "3"),
            ("execution.checkpointing.unaligned.enabled", "true"),
            ("state.backend.type", "rocksdb"),
            ("execution.state-recovery.path", "/s"),
            ("execution.state-recovery.claim-mode", "CLAIM"),
        ]);
        let settings = settings.unwrap();
        let checkpoints = settings.checkpoints;
        assert_eq!(checkpoints.interval, Some(Duration::from_millis(500)));
        assert_eq!(checkpoints.mode, Mode::AtLeastOnce);
        assert_eq!(checkpoints.retained.get(), 3);
        assert!(checkpoints.unaligned);
        assert_eq!(checkpoints.directory.as_deref(), Some("/checkpoints"));
        assert_eq!(settings.backend, Some(Backend::Rocksdb));
        let restore = settings.restore.unwrap();
        assert_eq!(
            (restore.path.as_str(), restore.claim),
            ("/s", ClaimMode::Claim)
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (key, value, part) in [
            ("execution.checkpointing.interval", "soon", "a time like"),
            ("execution.checkpointing.mode", "twice", "`EXACTLY_ONCE` or"),
            ("execution.checkpointing.num-retained", "0", "from 1"),
            ("execution.checkpointing.intervall", "1s", "unknown"),
            ("state.backend.type", "disk", "`memory` or `rocksdb`"),
            (
                "execution.checkpointing.unaligned.enabled",
                "yes",
                "`true` or",
            ),
        ] {
            let error = applied(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(part), "{error}");
        }
    }
}
