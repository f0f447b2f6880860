//! The cluster as REST sees it, over the JobManager's handle.
//!
//! Invariant: an option that a submission brings and that is not known changes nothing: clients of Flink
//! send theirs.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_checkpoint::coordinator::{Answer, Wanted};
use wasmill_checkpoint::failure::Failure;
use wasmill_graph::JobGraph;
use wasmill_jobmanager::lookup::{StateAnswer, StateQuestion};
use wasmill_jobmanager::view::{BundleView, JobView, TaskManagerView};
use wasmill_jobmanager::{Handle, JobManagerError, Rescaled, Strategy};
use wasmill_network::identity::Authority;
use wasmill_rest::{Cluster, Pending, Submission, Upload};
use wasmill_rpc::protocol::{JobSettings, LogLine};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::operator::BadRecordPolicy;
use wasmill_types::size::ByteSize;

use crate::{checkpointing, quantity};

/// The cluster behind a handle.
pub(super) struct OverHandle {
    handle: Handle,
    authority: Arc<Authority>,
    /// Cancelled when a client asks the cluster to end.
    stop: CancelToken,
    clock: Clock,
    /// Where the checkpoints of jobs go that name no directory.
    checkpoints: Option<String>,
}

impl OverHandle {
    pub(super) fn new(
        handle: Handle,
        authority: Arc<Authority>,
        stop: CancelToken,
        clock: Clock,
        checkpoints: Option<String>,
    ) -> Self {
        Self {
            checkpoints,
            handle,
            authority,
            stop,
            clock,
        }
    }
}

impl Cluster for OverHandle {
    fn jobs(&self) -> Vec<Arc<JobView>> {
        self.handle.jobs()
    }

    fn job(&self, job: JobId) -> Option<Arc<JobView>> {
        self.handle.job(job)
    }

    fn task_managers(&self) -> Vec<Arc<TaskManagerView>> {
        self.handle.task_managers().to_vec()
    }

    fn submit(&self, submission: Submission) -> Pending<'_, JobId> {
        Box::pin(async move {
            let submission = translated(submission, self.checkpoints.as_deref())?;
            self.handle.submit(submission).await
        })
    }

    fn plan(&self, submission: Submission) -> Pending<'_, Arc<JobGraph>> {
        Box::pin(async move {
            let submission = translated(submission, self.checkpoints.as_deref())?;
            self.handle.plan(submission).await
        })
    }

    fn cancel<'a>(&'a self, tenant: &'a TenantId, job: JobId) -> Pending<'a, ()> {
        Box::pin(async move { self.handle.cancel(tenant, job).await })
    }

    fn snapshot<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        wanted: Wanted,
    ) -> Pending<'a, Result<Answer, Failure>> {
        Box::pin(async move { self.handle.snapshot(tenant, job, wanted).await })
    }

    fn dispose<'a>(&'a self, tenant: &'a TenantId, path: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.handle.dispose(tenant, path).await })
    }

    fn rescale<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        parallelism: NonZeroU32,
    ) -> Pending<'a, Rescaled> {
        Box::pin(async move { self.handle.rescale(tenant, job, parallelism).await })
    }

    fn job_log(&self, job: JobId, lines: u32) -> Pending<'_, Vec<LogLine>> {
        Box::pin(async move { self.handle.job_log(job, lines).await })
    }

    fn look_up_state<'a>(
        &'a self,
        tenant: &'a TenantId,
        job: JobId,
        question: &'a StateQuestion,
    ) -> Pending<'a, StateAnswer> {
        Box::pin(async move { self.handle.look_up_state(tenant, job, question).await })
    }

    fn bundles<'a>(&'a self, tenant: &'a TenantId) -> Pending<'a, Vec<BundleView>> {
        Box::pin(async move { Ok(self.handle.bundles(tenant)) })
    }

    fn upload(&self, upload: Upload) -> Pending<'_, BundleView> {
        let upload = wasmill_jobmanager::Upload {
            tenant: upload.tenant,
            file_name: upload.file_name,
            limit: upload.limit,
            bytes: upload.bytes,
        };
        Box::pin(async move { self.handle.upload(upload).await })
    }

    fn delete_bundle<'a>(&'a self, tenant: &'a TenantId, bundle: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.handle.delete_bundle(tenant, bundle) })
    }

    fn join_token(&self, valid_for: Duration) -> Pending<'_, String> {
        let token = self
            .authority
            .tokens()
            .issue(self.clock.now_ms(), valid_for);
        Box::pin(async move { Ok(token.reveal()) })
    }

    fn shutdown(&self) -> Pending<'_, ()> {
        self.stop.cancel();
        Box::pin(async { Ok(()) })
    }
}

/// The submission in the JobManager's words; without a directory of its own its checkpoints go to
/// `directory`.
fn translated(
    submission: Submission,
    directory: Option<&str>,
) -> Result<wasmill_jobmanager::Submission, JobManagerError> {
    let options = Options(&submission.configuration);
    let policy = match options.get("on-bad-record") {
        None | Some("fail") => BadRecordPolicy::Fail,
        Some("skip") => BadRecordPolicy::Skip,
        Some(other) => {
            return Err(unusable("on-bad-record", other, "`fail` or `skip`"));
        }
    };
    let parallelism = match submission.parallelism {
        Some(parallelism) => parallelism,
        None => options
            .number("parallelism.default")?
            .unwrap_or(NonZeroU32::MIN),
    };
    let mut settings = JobSettings {
        parallelism: parallelism.get(),
        on_bad_record: policy,
        cache_bytes: options.size("state.cache-bytes")?,
        memory_bytes: options.size("wasm.memory")?,
        call_timeout_ms: options
            .time("wasm.call-deadline")?
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        seed: Rng::from_entropy().next_u64(),
        checkpoints: wasmill_checkpoint::Options::default(),
        backend: None,
        restore: None,
    };
    let applied = checkpointing::apply(&submission.configuration, directory, &mut settings);
    applied.map_err(|error| JobManagerError::Invalid(error.to_string()))?;
    settings.restore = submission.restore.or(settings.restore);
    Ok(wasmill_jobmanager::Submission {
        restart: options.restart()?,
        tenant: submission.tenant,
        bundle: submission.bundle,
        args: submission.args,
        settings,
        job: submission.job,
    })
}

/// The options that a submission brings.
struct Options<'a>(&'a BTreeMap<String, String>);

impl Options<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim())
    }

    fn size(&self, key: &str) -> Result<Option<u64>, JobManagerError> {
        let parsed = self.get(key).map(|text| {
            let size: Result<ByteSize, _> = text.parse();
            size.map_err(|_| unusable(key, text, "a size like `64 MiB`"))
        });
        Ok(parsed.transpose()?.map(|size| size.0))
    }

    fn time(&self, key: &str) -> Result<Option<Duration>, JobManagerError> {
        let parsed = self.get(key).map(|text| {
            let time = quantity::parse_time(text);
            time.map_err(|_| unusable(key, text, "a time like `10 s`"))
        });
        parsed.transpose()
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, JobManagerError> {
        let parsed = self.get(key).map(|text| {
            let number = text.parse();
            number.map_err(|_| unusable(key, text, "a number"))
        });
        parsed.transpose()
    }

    /// Flink's `restart-strategy.*`; none when it is not among the options.
    fn restart(&self) -> Result<Option<Strategy>, JobManagerError> {
        const SECOND: Duration = Duration::from_secs(1);
        const KEY: &str = "restart-strategy.type";
        let named = self.get(KEY).or_else(|| self.get("restart-strategy"));
        let key = |kind: &str, name: &str| format!("restart-strategy.{kind}.{name}");
        Ok(Some(match named {
            None => return Ok(None),
            Some("none" | "off" | "disable") => Strategy::None,
            Some("fixed-delay" | "fixeddelay") => Strategy::FixedDelay {
                attempts: self.number(&key("fixed-delay", "attempts"))?.unwrap_or(1),
                delay: self.time(&key("fixed-delay", "delay"))?.unwrap_or(SECOND),
            },
            Some("failure-rate" | "failurerate") => Strategy::FailureRate {
                max_failures: self
                    .number(&key("failure-rate", "max-failures-per-interval"))?
                    .unwrap_or(1),
                interval: self
                    .time(&key("failure-rate", "failure-rate-interval"))?
                    .unwrap_or(60 * SECOND),
                delay: self.time(&key("failure-rate", "delay"))?.unwrap_or(SECOND),
            },
            Some("exponential-delay" | "exponentialdelay") => {
                let at = |name| key("exponential-delay", name);
                Strategy::ExponentialDelay {
                    initial: self.time(&at("initial-backoff"))?.unwrap_or(SECOND),
                    max: self.time(&at("max-backoff"))?.unwrap_or(60 * SECOND),
                    multiplier: self.number(&at("backoff-multiplier"))?.unwrap_or(1.5),
                    jitter: self.number(&at("jitter-factor"))?.unwrap_or(0.1),
                    reset: self
                        .time(&at("reset-backoff-threshold"))?
                        .unwrap_or(3_600 * SECOND),
                    attempts: self.number(&at("attempts-before-reset-backoff"))?,
                }
            }
            Some(other) => {
                let known = "`none`, `fixed-delay`, `failure-rate` or `exponential-delay`";
                return Err(unusable(KEY, other, known));
            }
        }))
    }
}

fn unusable(key: &str, value: &str, known: &str) -> JobManagerError {
    JobManagerError::Invalid(format!("option `{key}` is `{value}` and not {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(options: &[(&str, &str)]) -> Result<wasmill_jobmanager::Submission, String> {
        let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let submission = Submission {
            tenant: TenantId::default(),
            bundle: "b".to_owned(),
            parallelism: None,
            args: Vec::new(),
            job: None,
            configuration: options.iter().map(option).collect(),
            restore: None,
        };
        let translated = translated(submission, None);
        translated.map_err(|error| error.to_string())
    }

    #[test]
    fn options_of_a_submission_become_settings() {
        let found = submission(&[
            ("on-bad-record", "skip"),
            ("state.cache-bytes", "1 MiB"),
            ("wasm.call-deadline", "2s"),
            ("parallelism.default", "4"),
            ("restart-strategy.type", "fixed-delay"),
            ("restart-strategy.fixed-delay.attempts", "3"),
            ("pipeline.name", "unknown here"),
        ])
        .unwrap();
        assert_eq!(found.settings.on_bad_record, BadRecordPolicy::Skip);
        assert_eq!(found.settings.cache_bytes, Some(1 << 20));
        assert_eq!(found.settings.parallelism, 4);
        assert_eq!(found.settings.call_timeout_ms, Some(2_000));
        let expected = Strategy::FixedDelay {
            attempts: 3,
            delay: Duration::from_secs(1),
        };
        assert_eq!(found.restart, Some(expected));
    }

    #[test]
    fn an_option_that_cannot_be_used_is_named() {
        for (key, value) in [
            ("on-bad-record", "ignore"),
            ("state.cache-bytes", "much"),
            ("wasm.call-deadline", "soon"),
            ("parallelism.default", "0"),
            ("restart-strategy.type", "sometimes"),
        ] {
            let error = submission(&[(key, value)]).unwrap_err();
            assert!(error.contains(key) && error.contains(value), "{error}");
        }
    }
}
