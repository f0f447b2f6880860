//! The JobManager's own process: its configuration and what it runs on.

use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;

/// The effective configuration.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct Configuration(Vec<ConfigurationEntry>);

/// A configured value.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConfigurationEntry {
    key: String,
    value: String,
}

/// What makes a key's value a secret (Flink's list).
const SENSITIVE: [&str; 10] = [
    "password",
    "secret",
    "account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "http-headers",
];

/// What is shown instead of a secret.
const HIDDEN: &str = "******";

/// `GET /jobmanager/config`
pub(crate) fn config(call: &Call) -> Result<Configuration, ApiError> {
    let entries = call.api.options.configuration.iter();
    Ok(Configuration(
        entries
            .map(|(key, value)| ConfigurationEntry {
                key: key.clone(),
                value: shown(key, value),
            })
            .collect(),
    ))
}

fn shown(key: &str, value: &str) -> String {
    let key = key.to_ascii_lowercase();
    let is_secret = SENSITIVE.iter().any(|word| key.contains(word));
    if is_secret { HIDDEN } else { value }.to_owned()
}

/// What the process runs on.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentInfo {
    jvm: JvmInfo,
    /// Java's path of classes: empty.
    classpath: Vec<String>,
}

/// What stands where Flink has the Java virtual machine.
#[derive(Serialize, ToSchema)]
pub(crate) struct JvmInfo {
    version: String,
    arch: &'static str,
    options: Vec<String>,
}

/// `GET /jobmanager/environment`
pub(crate) fn environment(call: &Call) -> Result<EnvironmentInfo, ApiError> {
    let options = &call.api.options;
    Ok(EnvironmentInfo {
        jvm: JvmInfo {
            version: format!("wasmill {} ({})", options.version, options.revision),
            arch: std::env::consts::ARCH,
            options: Vec::new(),
        },
        classpath: Vec::new(),
    })
}

/// Resident memory of this process in bytes; 0 where the system does not say.
pub(crate) fn resident_bytes() -> u64 {
    // A file that the kernel makes up: reading it waits for nothing.
    let statm = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = statm.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kibibytes: Option<u64> = kibibytes.and_then(|number| number.trim().parse().ok());
    kibibytes.unwrap_or_default() << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_keys_that_sound_secret_are_hidden() {
        for (key, hidden) in [
            ("rest.port", false),
            ("s3.secret-key", true),
            ("kafka.PASSWORD", true),
            ("join.token", true),
            ("taskmanager.slots", false),
        ] {
            assert_eq!(shown(key, "x") == HIDDEN, hidden, "{key}");
        }
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(resident_bytes() > 1 << 20);
    }
}
