//! Uploaded bundles: what Flink's API calls jars.
//!
//! Invariant: only the id of a bundle that the cluster itself has listed for the caller's tenant goes
//! back to the cluster, so no text of a caller is ever taken for the name of something.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use axum::http::header;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use wasmill_checkpoint::coordinator::ClaimMode;
use wasmill_graph::present::plan_json;
use wasmill_jobmanager::view::BundleView;
use wasmill_rpc::protocol::Restore;
use wasmill_types::id::JobId;

use super::Empty;
use super::job::JobPlanInfo;
use crate::call::Call;
use crate::cluster::Submission;
use crate::error::ApiError;
use crate::upload;

/// The bundles of the caller's tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct BundleList {
    /// Where this API is.
    address: String,
    /// The newest first.
    files: Vec<BundleFile>,
}

/// A bundle.
#[derive(Serialize, ToSchema)]
pub(crate) struct BundleFile {
    id: String,
    name: String,
    /// When it was uploaded, in milliseconds since the epoch.
    uploaded: i64,
    entry: Vec<BundleEntry>,
    /// The SHA-256 of its bytes. Not Flink's.
    digest: String,
    /// Its size. Not Flink's.
    bytes: u64,
}

/// What can be started in a bundle: one thing, its job.
#[derive(Serialize, ToSchema)]
pub(crate) struct BundleEntry {
    name: String,
    description: Option<String>,
}

/// `GET /bundles`
pub(crate) async fn list(call: Call) -> Result<BundleList, ApiError> {
    let bundles = call.api.bundles(&call.caller.tenant).await?;
    let host = call.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).map(str::to_owned);
    let host = host.unwrap_or_else(|| call.api.options.address.to_string());
    Ok(BundleList {
        address: format!("http://{host}"),
        files: bundles.into_iter().map(file).collect(),
    })
}

fn file(bundle: BundleView) -> BundleFile {
    let stem = bundle.name.strip_suffix(".wasm").unwrap_or(&bundle.name);
    BundleFile {
        entry: vec![BundleEntry {
            name: stem.to_owned(),
            description: None,
        }],
        id: bundle.id,
        name: bundle.name,
        uploaded: bundle.uploaded_ms,
        digest: bundle.digest.to_string(),
        bytes: bundle.bytes,
    }
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read as a stream")]
pub(crate) struct BundleForm {
    /// The bundle, with a file name that ends in `.wasm`; the part may have any name.
    #[schema(value_type = String, format = Binary)]
    jarfile: Vec<u8>,
}

/// A bundle was kept.
#[derive(Serialize, ToSchema)]
pub(crate) struct Uploaded {
    /// Its last segment is the bundle's id.
    filename: String,
    status: &'static str,
    /// The bundle's id. Not Flink's.
    id: String,
    /// The SHA-256 of its bytes. Not Flink's.
    digest: String,
}

/// `POST /bundles/upload`
pub(crate) async fn upload(call: Call) -> Result<Uploaded, ApiError> {
    let bundle = upload::receive(call).await?;
    Ok(Uploaded {
        filename: format!("bundles/{}", bundle.id),
        status: "success",
        id: bundle.id,
        digest: bundle.digest.to_string(),
    })
}

/// `DELETE /bundles/:jarid`
pub(crate) async fn delete(call: Call) -> Result<Empty, ApiError> {
    let bundle = known(&call).await?;
    let tenant = &call.caller.tenant;
    call.api.cluster.delete_bundle(tenant, &bundle).await?;
    Ok(Empty {})
}

/// What to run, and how. What is not said here is taken from the query.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct RunRequest {
    /// The program's arguments.
    program_args_list: Option<Vec<String>>,
    /// The same as one text, split at spaces outside of quotes.
    program_args: Option<String>,
    /// The parallelism of operators that name none.
    #[schema(minimum = 1)]
    parallelism: Option<u32>,
    /// The job's id: 32 hexadecimal digits.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    job_id: Option<String>,
    /// Ignored: a bundle holds one program.
    entry_class: Option<String>,
    /// Options of the job by name.
    flink_configuration: Option<BTreeMap<String, String>>,
    /// The savepoint to start from.
    #[serde(deserialize_with = "mentioned")]
    #[schema(value_type = Option<String>)]
    savepoint_path: Mentioned,
    /// Whether state of operators that are gone may be left out.
    allow_non_restored_state: Option<bool>,
    /// Who owns the savepoint afterwards: `CLAIM`, `NO_CLAIM` or `LEGACY`.
    claim_mode: Option<RequestedClaim>,
    /// As `claimMode`; its older name.
    restore_mode: Option<RequestedClaim>,
}

/// Who owns a savepoint that a job was started from.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = ClaimMode)]
enum RequestedClaim {
    Claim,
    NoClaim,
    Legacy,
}

/// A field that the body mentions, be it as null, so that the query has no say.
type Mentioned = Option<Option<String>>;

fn mentioned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mentioned, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A job runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct RunResponse {
    jobid: String,
}

/// `POST /bundles/:jarid/run`
pub(crate) async fn run(call: Call, request: RunRequest) -> Result<RunResponse, ApiError> {
    let submission = submission(&call, request).await?;
    let job = call.api.cluster.submit(submission).await?;
    Ok(RunResponse {
        jobid: job.to_string(),
    })
}

/// `POST /bundles/:jarid/plan`
pub(crate) async fn plan(call: Call, request: RunRequest) -> Result<JobPlanInfo, ApiError> {
    let submission = submission(&call, request).await?;
    let job = submission.job;
    let graph = call.api.cluster.plan(submission).await?;
    Ok(JobPlanInfo {
        plan: plan_json(job, &graph),
    })
}

/// `GET /bundles/:jarid/plan`
pub(crate) async fn plan_by_query(call: Call) -> Result<JobPlanInfo, ApiError> {
    plan(call, RunRequest::default()).await
}

async fn submission(call: &Call, request: RunRequest) -> Result<Submission, ApiError> {
    let _ = &request.entry_class;
    let restore = restore(call, &request)?;
    let parallelism = match request.parallelism {
        Some(parallelism) => Some(parallelism),
        None => call.parsed_query("parallelism", "a number from 1")?,
    };
    let parallelism = parallelism.map(|number: u32| {
        NonZeroU32::new(number)
            .ok_or_else(|| ApiError::bad_request("`parallelism` must be a number from 1"))
    });
    let job: Option<JobId> = request
        .job_id
        .map(|text| text.parse().map_err(ApiError::bad_parameter))
        .transpose()?;
    Ok(Submission {
        tenant: call.caller.tenant.clone(),
        parallelism: parallelism.transpose()?,
        args: args(call, request.program_args_list, request.program_args),
        job,
        configuration: request.flink_configuration.unwrap_or_default(),
        restore,
        bundle: known(call).await?,
    })
}

/// The savepoint to start from: the body before the query.
fn restore(call: &Call, request: &RunRequest) -> Result<Option<Restore>, ApiError> {
    let path = match &request.savepoint_path {
        Some(mentioned) => mentioned.as_deref(),
        None => call.query("savepointPath"),
    };
    let Some(path) = path.filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let allowed = match request.allow_non_restored_state {
        Some(allowed) => Some(allowed),
        None => call.parsed_query("allowNonRestoredState", "`true` or `false`")?,
    };
    Ok(Some(Restore {
        path: path.to_owned(),
        allow_non_restored: allowed.unwrap_or(false),
        claim: match request.claim_mode.or(request.restore_mode) {
            None => ClaimMode::default(),
            Some(RequestedClaim::Claim) => ClaimMode::Claim,
            Some(RequestedClaim::NoClaim) => ClaimMode::NoClaim,
            Some(RequestedClaim::Legacy) => ClaimMode::Legacy,
        },
    }))
}

/// The arguments: a list before a text, the body before the query.
fn args(call: &Call, list: Option<Vec<String>>, text: Option<String>) -> Vec<String> {
    let listed = list.filter(|list| !list.is_empty());
    let in_body = listed.or_else(|| text.map(|text| tokenize(&text)));
    let in_query = || {
        let listed = call.list_query("programArg");
        let listed = listed.map(|list| list.into_iter().map(str::to_owned).collect());
        listed.or_else(|| call.query("program-args").map(tokenize))
    };
    in_body.or_else(in_query).unwrap_or_default()
}

/// Splits a text at spaces outside of quotes, as Flink does: quotes are dropped and cannot be escaped.
fn tokenize(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = match first {
            '"' | '\'' => rest[1..].split_once(first),
            _ => None,
        };
        let (token, after) = quoted.unwrap_or_else(|| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest.split_at(end)
        });
        tokens.push(token.replace(['"', '\''], ""));
        rest = after.trim_start();
    }
    tokens
}

/// The id in the path, if it is that of a bundle of the caller's tenant. Flink answers 400 otherwise.
async fn known(call: &Call) -> Result<String, ApiError> {
    let wanted = call.segment("jarid");
    let bundles = call.api.bundles(&call.caller.tenant).await?;
    let found = bundles.into_iter().find(|bundle| bundle.id == wanted);
    found.map(|bundle| bundle.id).ok_or_else(|| {
        ApiError::bad_request(format!(
            "There is no bundle `{wanted}`; GET /bundles lists those that there are."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_at_spaces_outside_of_quotes() {
        for (text, tokens) in [
            ("", &[][..]),
            ("  ", &[]),
            ("--foo \"bar baz\"", &["--foo", "bar baz"]),
            ("a  b\tc\nd", &["a", "b", "c", "d"]),
            ("'a b' \"c d\"", &["a b", "c d"]),
            ("--x='y z'", &["--x=y", "z"]),
            ("\"\" a", &["", "a"]),
            ("\"open end", &["open", "end"]),
            ("ünï 'cö dé'", &["ünï", "cö dé"]),
        ] {
            assert_eq!(tokenize(text), tokens, "{text}");
        }
    }
}
