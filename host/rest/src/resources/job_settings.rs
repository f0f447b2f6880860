//! What the submitter of a job chose.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::Strategy;
use wasmill_types::operator::BadRecordPolicy;

use crate::call::Call;
use crate::error::ApiError;

/// A job's settings.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct JobConfigInfo {
    jid: String,
    name: String,
    execution_config: ExecutionConfigInfo,
}

/// How a job is executed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ExecutionConfigInfo {
    execution_mode: &'static str,
    /// In Flink's words.
    restart_strategy: String,
    job_parallelism: u32,
    object_reuse_mode: bool,
    user_config: BTreeMap<&'static str, String>,
}

/// `GET /jobs/:jobid/config`
pub(crate) fn config(call: &Call) -> Result<JobConfigInfo, ApiError> {
    let job = call.job()?;
    let description = &job.description;
    let settings = &description.settings;
    let on_bad_record = match settings.on_bad_record {
        BadRecordPolicy::Fail => "fail",
        BadRecordPolicy::Skip => "skip",
    };
    let mut user_config = BTreeMap::from([
        ("on-bad-record", on_bad_record.to_owned()),
        ("seed", settings.seed.to_string()),
        ("arguments", description.args.join(" ")),
    ]);
    let optional = [
        ("bundle", description.bundle.map(|it| it.to_string())),
        ("cache-bytes", settings.cache_bytes.map(|it| it.to_string())),
        (
            "memory-bytes",
            settings.memory_bytes.map(|it| it.to_string()),
        ),
        (
            "call-timeout-ms",
            settings.call_timeout_ms.map(|it| it.to_string()),
        ),
    ];
    user_config.extend(
        optional
            .into_iter()
            .filter_map(|(key, it)| Some((key, it?))),
    );
    Ok(JobConfigInfo {
        jid: job.id().to_string(),
        name: job.graph.name.clone(),
        execution_config: ExecutionConfigInfo {
            execution_mode: "PIPELINED",
            restart_strategy: words(job.restart_strategy),
            job_parallelism: settings.parallelism,
            object_reuse_mode: false,
            user_config,
        },
    })
}

/// What happens after a failure, as Flink says it.
fn words(strategy: Strategy) -> String {
    let ms = |time: Duration| format!("{} ms", time.as_millis());
    match strategy {
        Strategy::None => "Restart deactivated.".to_owned(),
        Strategy::FixedDelay { attempts, delay } => format!(
            "Restart with fixed delay ({}). #{attempts} restart attempts.",
            ms(delay)
        ),
        Strategy::FailureRate {
            max_failures,
            interval,
            delay,
        } => format!(
            "Failure rate restart with maximum of {max_failures} failures within interval {} and fixed \
             delay {}.",
            ms(interval),
            ms(delay)
        ),
        Strategy::ExponentialDelay {
            initial,
            max,
            multiplier,
            jitter,
            reset,
            attempts: _,
        } => format!(
            "Restart with exponential delay: starting at {}, increasing by {multiplier:.6}, with maximum \
             {}. Delay resets after {} with jitter {jitter:.6}",
            ms(initial),
            ms(max),
            ms(reset)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_told_in_the_words_of_flink() {
        for (strategy, expected) in [
            (Strategy::None, "Restart deactivated."),
            (
                Strategy::FIXED_DELAY,
                "Restart with fixed delay (1000 ms). #1 restart attempts.",
            ),
            (
                Strategy::FAILURE_RATE,
                "Failure rate restart with maximum of 1 failures within interval 60000 ms and fixed delay 1000 ms.",
            ),
            (
                Strategy::EXPONENTIAL_DELAY,
                "Restart with exponential delay: starting at 1000 ms, increasing by 1.500000, with maximum 60000 ms. Delay resets after 3600000 ms with jitter 0.100000",
            ),
        ] {
            assert_eq!(words(strategy), expected);
        }
    }
}
