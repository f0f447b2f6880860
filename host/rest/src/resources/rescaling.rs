//! Another parallelism for a job that runs.
//!
//! The paths are Flink's: those that name one parallelism for the whole job, which Flink itself has switched
//! off, and the bounds of each vertex. Invariant: a job has one parallelism, of all operators that name
//! none; bounds that ask for anything else are refused.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasmill_graph::Vertex;
use wasmill_jobmanager::view::JobView;
use wasmill_types::id::JobId;

use super::job::{FailureCause, QueueStatus};
use super::snapshots::{self, TriggerResponse};
use crate::call::Call;
use crate::error::ApiError;
use crate::operations::{Done, Scope};

/// `PATCH /jobs/:jobid/rescaling?parallelism=`
pub(crate) async fn rescale(call: Call) -> Result<TriggerResponse, ApiError> {
    let job = call.job()?;
    let parallelism = call.parsed_query("parallelism", "a number from 1")?;
    let parallelism = parallelism
        .ok_or_else(|| ApiError::bad_parameter("`parallelism` must be given: a number from 1"))?;
    begin(&call, job.id(), parallelism)
}

fn begin(call: &Call, job: JobId, parallelism: NonZeroU32) -> Result<TriggerResponse, ApiError> {
    let (api, tenant) = (Arc::clone(&call.api), call.caller.tenant.clone());
    // On its own: a job that has stopped must start again even if the caller does not wait for it.
    let work = async move {
        let rescaled = api.cluster.rescale(&tenant, job, parallelism).await;
        let rescaled = rescaled.map_err(|error| error.to_string())?;
        Ok(Done {
            checkpoint: None,
            location: Some(rescaled.savepoint),
            downtime: Some(rescaled.downtime),
        })
    };
    let (tenant, scope) = (&call.caller.tenant, Scope::Rescaling(job));
    snapshots::started(call.api.operations.start(tenant, scope, None, work))
}

/// How a rescaling stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct RescalingProgress {
    status: QueueStatus,
    /// What came of it, once it has completed.
    operation: Option<RescalingInfo>,
}

/// What came of a rescaling.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct RescalingInfo {
    failure_cause: Option<FailureCause>,
    /// The savepoint through which the job went. Not Flink's.
    savepoint: Option<String>,
    /// From the wish until all tasks ran again, in milliseconds. Not Flink's.
    downtime_ms: Option<u64>,
}

/// `GET /jobs/:jobid/rescaling/:triggerid`
pub(crate) fn poll(call: &Call) -> Result<RescalingProgress, ApiError> {
    let ended = snapshots::poll(call, Scope::Rescaling, "rescaling")?;
    Ok(RescalingProgress {
        status: snapshots::status(ended.as_ref()),
        operation: ended.map(|ended| {
            let (done, failure_cause) = snapshots::split(ended);
            let millis = |time: std::time::Duration| u64::try_from(time.as_millis());
            RescalingInfo {
                failure_cause,
                savepoint: done.location,
                downtime_ms: done.downtime.and_then(|time| millis(time).ok()),
            }
        }),
    })
}

/// The parallelism that each vertex may have, by its id.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Requirements(BTreeMap<String, VertexRequirements>);

/// The parallelism that a vertex may have.
#[derive(Serialize, Deserialize, ToSchema)]
struct VertexRequirements {
    parallelism: Bounds,
}

/// From one number to another.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Bounds {
    #[schema(minimum = 1)]
    lower_bound: u32,
    /// What the vertex gets.
    #[schema(minimum = 1)]
    upper_bound: u32,
}

/// `GET /jobs/:jobid/resource-requirements`
pub(crate) fn requirements(call: &Call) -> Result<Requirements, ApiError> {
    let job = call.job()?;
    let of = |vertex: &Vertex| {
        let parallelism = Bounds {
            lower_bound: 1,
            upper_bound: vertex.parallelism,
        };
        (vertex.uid.to_string(), VertexRequirements { parallelism })
    };
    Ok(Requirements(job.graph.vertices.iter().map(of).collect()))
}

/// What was begun, if anything changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Required {
    /// The id to poll the rescaling with, as it is under way. Not Flink's.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// `PUT /jobs/:jobid/resource-requirements`
pub(crate) async fn require(call: Call, wanted: Requirements) -> Result<Required, ApiError> {
    let job = call.job()?;
    let Some(parallelism) = parallelism(&job, &wanted)? else {
        return Ok(Required { request_id: None });
    };
    let begun = begin(&call, job.id(), parallelism)?;
    Ok(Required {
        request_id: Some(begun.request_id),
    })
}

/// The parallelism of the job with which the vertices are as they are wanted; none when they are already.
fn parallelism(job: &JobView, wanted: &Requirements) -> Result<Option<NonZeroU32>, ApiError> {
    if wanted.0.is_empty() {
        return Err(ApiError::bad_request(
            "the body names no vertex; GET the same path for an example",
        ));
    }
    let mut found: Option<NonZeroU32> = None;
    for (id, VertexRequirements { parallelism }) in &wanted.0 {
        let vertex = job
            .graph
            .vertices
            .iter()
            .find(|it| it.uid.to_string() == *id);
        let vertex = vertex
            .ok_or_else(|| ApiError::bad_request(format!("No vertex with ID {id} exists.")))?;
        let upper = NonZeroU32::new(parallelism.upper_bound);
        let upper = upper.filter(|it| (1..=it.get()).contains(&parallelism.lower_bound));
        let upper = upper.ok_or_else(|| {
            ApiError::bad_request(format!(
                "the bounds of vertex {id} must be from 1, the lower at most the upper"
            ))
        })?;
        let operators = &job.description.spec.operators;
        let mut own = operators
            .iter()
            .filter(|it| vertex.operators.contains(&it.id));
        if own.any(|operator| operator.parallelism.is_some()) {
            if upper.get() != vertex.parallelism {
                return Err(ApiError::bad_request(format!(
                    "the program gives vertex {id} its parallelism, which is {}",
                    vertex.parallelism
                )));
            }
            continue;
        }
        if *found.get_or_insert(upper) != upper {
            return Err(ApiError::bad_request(
                "vertices of a job have one parallelism: give the same `upperBound` to all",
            ));
        }
    }
    let changes = |vertex: &Vertex| found.is_some_and(|it| it.get() != vertex.parallelism);
    let named = |vertex: &&Vertex| wanted.0.contains_key(&vertex.uid.to_string());
    let is_new = job.graph.vertices.iter().filter(named).any(changes);
    Ok(found.filter(|_| is_new))
}
