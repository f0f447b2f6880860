//! The JobManager's options out of the configuration.

use wasmill_jobmanager::{Options, Placement, Strategy};

use crate::config::{Config, RestartSection, RestartStrategy, SlotStrategy};
use crate::failure::Failure;

/// The options of the JobManager.
pub(super) fn job_manager(config: &Config) -> Result<Options, Failure> {
    let section = &config.jobmanager;
    Ok(Options {
        placement: match section.slot_strategy {
            SlotStrategy::Spread => Placement::Spread,
            SlotStrategy::Pack => Placement::Pack,
        },
        slot_timeout: section.slot_timeout.0,
        cancellation_timeout: section.cancellation_timeout.0,
        restart: restart(&config.restart),
        heartbeat: config.heartbeat.options()?,
        kept_jobs: section.kept_jobs,
        kept_for: section.kept_jobs_time.0,
        max_bundle_bytes: config.wasm.bundle.0,
        storage: config.checkpoint_storage.options(),
        ..Options::default()
    })
}

/// What happens to jobs that fail.
fn restart(section: &RestartSection) -> Strategy {
    match section.strategy {
        RestartStrategy::None => Strategy::None,
        RestartStrategy::FixedDelay => Strategy::FixedDelay {
            attempts: section.fixed_delay_attempts,
            delay: section.fixed_delay_delay.0,
        },
        RestartStrategy::FailureRate => Strategy::FailureRate {
            max_failures: section.failure_rate_max_failures,
            interval: section.failure_rate_interval.0,
            delay: section.failure_rate_delay.0,
        },
        RestartStrategy::ExponentialDelay => Strategy::ExponentialDelay {
            initial: section.exponential_delay_initial.0,
            max: section.exponential_delay_max.0,
            multiplier: section.exponential_delay_multiplier,
            jitter: section.exponential_delay_jitter,
            reset: section.exponential_delay_reset.0,
            attempts: None,
        },
    }
}

/// Checks where checkpoints are to go.
pub(super) fn check_checkpoint_dir(config: &Config) -> Result<(), Failure> {
    let dir = &config.jobmanager.checkpoint_dir;
    let known = ["file://", "s3://", "gs://", "az://", "/"];
    if dir.is_empty() || known.iter().any(|start| dir.starts_with(start)) {
        return Ok(());
    }
    Err(Failure::unusable(format!(
        "`{dir}` is no place for checkpoints; write a URL like `file:///var/lib/wasmill/checkpoints` or \
         `s3://bucket/checkpoints`"
    )))
}

/// How much clients of REST may ask for.
pub(super) fn rest_limits(config: &Config) -> wasmill_rest::Limits {
    let section = &config.rest;
    wasmill_rest::Limits {
        body_bytes: section.max_upload.0,
        json_bytes: usize::try_from(section.max_request.0).unwrap_or(usize::MAX),
        connections: section.max_connections,
        ..wasmill_rest::Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_restart_strategy_can_be_configured() {
        for (name, expected) in [
            ("none", Strategy::None),
            (
                "fixed-delay",
                Strategy::FixedDelay {
                    attempts: 1,
                    delay: Duration::from_secs(1),
                },
            ),
            (
                "failure-rate",
                Strategy::FailureRate {
                    max_failures: 1,
                    interval: Duration::from_secs(60),
                    delay: Duration::from_secs(1),
                },
            ),
            (
                "exponential-delay",
                Strategy::ExponentialDelay {
                    initial: Duration::from_secs(1),
                    max: Duration::from_secs(60),
                    multiplier: 1.5,
                    jitter: 0.1,
                    reset: Duration::from_secs(3_600),
                    attempts: None,
                },
            ),
        ] {
            let config = Config::read(None, &[("restart.strategy", name.to_owned())]).unwrap();
            assert_eq!(job_manager(&config).unwrap().restart, expected);
        }
    }
}
