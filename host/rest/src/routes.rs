//! The table of routes: everything that can be asked, who may ask it, and what answers.
//!
//! Read by the router and by the OpenAPI document. Invariant: the paths are Flink's, in the order of its
//! documentation; what is ours stands last. A bundle is a jar there, so each path of bundles has an alias.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};

use crate::call::Call;
use crate::error::ApiError;
use crate::exposition;
use crate::openapi;
use crate::resources::{
    Empty, accumulators, backpressure, bundles, checkpoints, cluster, exceptions, job, job_manager,
    job_settings, jobs, log, metrics, prometheus, rescaling, snapshots, state, subtasks,
    task_managers, vertices,
};
use crate::route::QueryKind::{Flag, Number, Positive, Text};
use crate::route::{Draft, Route, route};
use crate::tokens::Role;

/// All rows.
pub(crate) fn all() -> Vec<Route> {
    let mut rows = cluster_rows();
    rows.extend(bundle_rows());
    rows.extend(job_rows());
    rows.extend(checkpoint_rows());
    rows.push(state_row());
    rows.extend(rescaling_rows());
    rows.extend(vertex_rows());
    rows.extend(task_manager_rows());
    rows.extend(own_rows());
    rows
}

/// A row that everybody may look at.
fn look(path: &'static str, summary: &'static str) -> Draft {
    route(Method::GET, path, Role::Viewer, summary)
}

/// A row that changes something, or runs code.
fn change(method: Method, path: &'static str, summary: &'static str) -> Draft {
    route(method, path, Role::Submitter, summary)
}

/// What `get` does to metrics.
const GET: &str = "The metrics to show, with commas; without it only their names are shown.";
/// What `agg` does to metrics.
const AGG: &str = "How to put values together, with commas: min, max, avg, sum, skew.";

fn cluster_rows() -> Vec<Route> {
    let shutdown = "Stops the cluster in good order.";
    vec![
        look("/overview", "Counts TaskManagers, slots and jobs.").shows(cluster::overview),
        look("/config", "What the dashboard offers.").shows(cluster::config),
        route(Method::DELETE, "/cluster", Role::Admin, shutdown).does(cluster::shutdown),
        look("/jobmanager/config", "The effective configuration.").shows(job_manager::config),
        look("/jobmanager/environment", "What the JobManager runs on.")
            .shows(job_manager::environment),
        look("/jobmanager/metrics", "The JobManager's metrics.")
            .query("get", Text, GET)
            .shows(metrics::job_manager),
    ]
}

fn bundle_rows() -> Vec<Route> {
    let args = "The program's arguments, with commas.";
    let text = "The program's arguments as one text, split at spaces outside of quotes.";
    let with_arguments = |draft: Draft| {
        draft
            .query("programArg", Text, args)
            .query("program-args", Text, text)
            .query("entry-class", Text, "Ignored: a bundle holds one program.")
            .query(
                "parallelism",
                Positive,
                "The parallelism of operators that name none.",
            )
    };
    let run = change(Method::POST, "/bundles/{jarid}/run", "Runs a bundle.");
    let run = with_arguments(run)
        .query("savepointPath", Text, "The savepoint to start from.")
        .query(
            "allowNonRestoredState",
            Flag,
            "Whether state may be left out.",
        );
    let plan = change(
        Method::POST,
        "/bundles/{jarid}/plan",
        "The graph that a bundle would run.",
    );
    let shown = change(
        Method::GET,
        "/bundles/{jarid}/plan",
        "The graph that a bundle would run.",
    );
    let rows = vec![
        look("/bundles", "The bundles that were uploaded.").does(bundles::list),
        change(Method::POST, "/bundles/upload", "Uploads a bundle.")
            .does(bundles::upload)
            .upload::<bundles::BundleForm>(),
        change(Method::DELETE, "/bundles/{jarid}", "Forgets a bundle.").does(bundles::delete),
        run.takes(bundles::run),
        with_arguments(plan).takes(bundles::plan),
        with_arguments(shown).does(bundles::plan_by_query),
    ];
    let jars = rows
        .iter()
        .map(|row| row.alias(row.path.replacen("bundles", "jars", 1)));
    let jars: Vec<_> = jars.collect();
    rows.into_iter().chain(jars).collect()
}

fn job_rows() -> Vec<Route> {
    let mode = "How to end it: `cancel`.";
    let filter = "Show only failures with these labels: `key:value`, with commas.";
    vec![
        look("/jobs", "The ids and states of all jobs.").shows(jobs::ids),
        change(
            Method::POST,
            "/jobs",
            "Flink's submission of Java objects: refused.",
        )
        .does(refuse_java),
        look("/jobs/overview", "All jobs in short.").shows(jobs::overview),
        look("/jobs/metrics", "The metrics of jobs, put together.")
            .query("get", Text, GET)
            .query("agg", Text, AGG)
            .query("jobs", Text, "The jobs, with commas.")
            .shows(metrics::jobs),
        look("/jobs/{jobid}", "A job with its vertices and plan.").shows(job::detail),
        change(Method::PATCH, "/jobs/{jobid}", "Cancels a job.")
            .status(StatusCode::ACCEPTED)
            .query("mode", Text, mode)
            .does(job::terminate),
        change(Method::GET, "/jobs/{jobid}/yarn-cancel", "Cancels a job.")
            .status(StatusCode::ACCEPTED)
            .does(job::cancel),
        change(
            Method::GET,
            "/jobs/{jobid}/yarn-stop",
            "Says how to stop a job.",
        )
        .status(StatusCode::ACCEPTED)
        .shows(job::yarn_stop),
        look(
            "/jobs/{jobid}/accumulators",
            "The counters that a job's bundle names.",
        )
        .query(
            "includeSerializedValue",
            Flag,
            "Ignored: there are no Java objects.",
        )
        .shows(accumulators::of_job),
        look("/jobs/{jobid}/config", "A job's settings.").shows(job_settings::config),
        look("/jobs/{jobid}/exceptions", "What went wrong in a job.")
            .query("maxExceptions", Number, "How many to show.")
            .query("failureLabelFilter", Text, filter)
            .shows(exceptions::exceptions),
        look("/jobs/{jobid}/execution-result", "How a job ended.").shows(job::execution_result),
        look("/jobs/{jobid}/metrics", "A job's metrics.")
            .query("get", Text, GET)
            .shows(metrics::job),
        look("/jobs/{jobid}/plan", "A job's graph.").shows(job::plan),
        look("/jobs/{jobid}/status", "A job's state.").shows(job::status),
        look("/jobs/{jobid}/log", "The last lines that a job has logged.")
            .query(
                "lines",
                Number,
                "How many, 100 unless said and at most 10000.",
            )
            .does(log::log),
    ]
}

fn state_row() -> Route {
    look(
        "/jobs/{jobid}/state/{uid}/{state}",
        "What a job keeps for a key, as its last complete checkpoint has it.",
    )
    .query("key", Text, "The key as JSON.")
    .query(
        "key-hex",
        Text,
        "The key as the bundle encodes it, in hexadecimal digits.",
    )
    .query(
        "sub-key",
        Text,
        "The key in a map as JSON; without one all entries are shown.",
    )
    .query(
        "sub-key-hex",
        Text,
        "The key in a map in hexadecimal digits.",
    )
    .query(
        "limit",
        Positive,
        "How many entries of a map, 100 unless said and at most 10000.",
    )
    .does(state::look_up)
}

fn checkpoint_rows() -> Vec<Route> {
    let post = |path, summary| {
        let draft = change(Method::POST, path, summary);
        draft.status(StatusCode::ACCEPTED)
    };
    let dispose = change(Method::POST, "/savepoint-disposal", "Removes a savepoint.");
    let poll = "Whether a savepoint was removed.";
    vec![
        look("/jobs/{jobid}/checkpoints", "A job's checkpoints.").shows(checkpoints::statistics),
        post("/jobs/{jobid}/checkpoints", "Takes a checkpoint.").takes(snapshots::trigger),
        look(
            "/jobs/{jobid}/checkpoints/config",
            "How checkpoints are taken.",
        )
        .shows(checkpoints::config),
        look(
            "/jobs/{jobid}/checkpoints/details/{checkpointid}",
            "A checkpoint.",
        )
        .shows(checkpoints::detail),
        look(
            "/jobs/{jobid}/checkpoints/details/{checkpointid}/subtasks/{vertexid}",
            "A checkpoint of a vertex.",
        )
        .shows(checkpoints::subtasks),
        look(
            "/jobs/{jobid}/checkpoints/{triggerid}",
            "Whether a checkpoint was taken.",
        )
        .shows(snapshots::poll_checkpoint),
        post("/jobs/{jobid}/savepoints", "Takes a savepoint.").takes(snapshots::savepoint),
        look(
            "/jobs/{jobid}/savepoints/{triggerid}",
            "Whether a savepoint was taken.",
        )
        .shows(snapshots::poll_savepoint),
        post("/jobs/{jobid}/stop", "Takes a savepoint and stops.").takes(snapshots::stop),
        dispose.takes(snapshots::dispose),
        look("/savepoint-disposal/{triggerid}", poll).shows(snapshots::poll_disposal),
    ]
}

fn rescaling_rows() -> Vec<Route> {
    let parallelism = "The parallelism of operators that name none.";
    let bounds = "/jobs/{jobid}/resource-requirements";
    vec![
        look(bounds, "The parallelism that vertices may have.").shows(rescaling::requirements),
        change(Method::PUT, bounds, "Changes the parallelism of a job.").takes(rescaling::require),
        change(
            Method::PATCH,
            "/jobs/{jobid}/rescaling",
            "Changes the parallelism of a job.",
        )
        .query("parallelism", Positive, parallelism)
        .does(rescaling::rescale),
        look(
            "/jobs/{jobid}/rescaling/{triggerid}",
            "Whether a job has another parallelism.",
        )
        .shows(rescaling::poll),
    ]
}

fn vertex_rows() -> Vec<Route> {
    vec![
        look(
            "/jobs/{jobid}/vertices/{vertexid}",
            "A vertex with its subtasks.",
        )
        .shows(vertices::detail),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/accumulators",
            "The counters of a vertex.",
        )
        .shows(accumulators::of_vertex),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/backpressure",
            "Who waits for room.",
        )
        .shows(backpressure::backpressure),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/metrics",
            "The metrics of all subtasks.",
        )
        .query("get", Text, GET)
        .shows(metrics::vertex),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasks/accumulators",
            "Counters by subtask.",
        )
        .shows(accumulators::of_subtasks),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasks/metrics",
            "The metrics of subtasks, put together.",
        )
        .query("get", Text, GET)
        .query("agg", Text, AGG)
        .query("subtasks", Text, "The subtasks, as in `0,2-4`.")
        .shows(metrics::subtasks),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}",
            "A subtask.",
        )
        .shows(subtasks::current),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/attempts/{attempt}",
            "An attempt to run a subtask.",
        )
        .shows(subtasks::attempt),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/metrics",
            "The metrics of a subtask.",
        )
        .query("get", Text, GET)
        .shows(metrics::one_subtask),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/subtasktimes",
            "When subtasks were in which state.",
        )
        .shows(vertices::subtask_times),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/taskmanagers",
            "Subtasks by TaskManager.",
        )
        .shows(vertices::task_managers),
        look(
            "/jobs/{jobid}/vertices/{vertexid}/watermarks",
            "The watermarks of subtasks.",
        )
        .shows(metrics::watermarks),
    ]
}

fn task_manager_rows() -> Vec<Route> {
    vec![
        look("/taskmanagers", "The TaskManagers.").shows(task_managers::list),
        look(
            "/taskmanagers/metrics",
            "The metrics of TaskManagers, put together.",
        )
        .query("get", Text, GET)
        .query("agg", Text, AGG)
        .query("taskmanagers", Text, "The TaskManagers, with commas.")
        .shows(metrics::task_managers),
        look("/taskmanagers/{taskmanagerid}", "A TaskManager.").shows(task_managers::detail),
        look(
            "/taskmanagers/{taskmanagerid}/metrics",
            "A TaskManager's metrics.",
        )
        .query("get", Text, GET)
        .shows(metrics::task_manager),
    ]
}

/// What Flink does not have.
fn own_rows() -> Vec<Route> {
    let join = "A token with which TaskManagers may join.";
    vec![
        route(Method::POST, "/tokens/join", Role::Admin, join).takes(cluster::join_token),
        look("/openapi.json", "This document.").prints("application/json; charset=UTF-8", document),
        look("/metrics", "Counters for Prometheus.").prints(exposition::CONTENT_TYPE, |call| {
            prometheus::metrics(call).into()
        }),
    ]
}

fn document(call: &Call) -> Bytes {
    let made = || {
        let document = openapi::document(&all(), &call.api.options.version);
        serde_json::to_vec(&document).expect("the document has a JSON form")
    };
    let document = call.api.document.get_or_init(|| made().into());
    document.clone()
}

/// `POST /jobs`: what Flink's client sends there are Java objects.
async fn refuse_java(call: Call) -> Result<Empty, ApiError> {
    drop(call);
    Err(ApiError::bad_request(
        "jobs are submitted as bundles: POST /bundles/upload, then POST /bundles/:id/run, \
         or use `wasmill run`",
    ))
}
