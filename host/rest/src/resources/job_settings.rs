//! What the submitter of a job chose.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
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
    restart_strategy: &'static str,
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
            restart_strategy: "Cluster level default restart strategy",
            job_parallelism: settings.parallelism,
            object_reuse_mode: false,
            user_config,
        },
    })
}
