//! `wasmill stop`, `rescale`, `savepoint` and `checkpoint`: taking savepoints of jobs of a cluster, stopping with one,
//! and looking at checkpoints.
//!
//! What takes its time is an operation of the server that is polled; the server ends each in time.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use ureq::http::Method;
use wasmill_actor::Clock;
use wasmill_checkpoint::Storage;
use wasmill_checkpoint::storage::Options;
use wasmill_types::id::JobId;

use super::client::Client;
use super::jobs::{number, pause, text};
use super::table;
use crate::cli::{
    CheckpointCommand, DisposeArgs, InspectCheckpointArgs, ListCheckpointsArgs, RescaleArgs,
    SavepointArgs, SavepointCommand, StopArgs,
};
use crate::failure::{Exit, Failure, story};
use crate::quantity;
use crate::stdout;

/// Stops a job with a savepoint, whose path is the answer.
pub(crate) fn stop(args: &StopArgs, clock: &Clock) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let place = &args.place;
    let request = json!({
        "targetDirectory": place.savepoint_dir,
        "formatType": place.format.name(),
        "drain": args.drain,
    });
    let savepoint = Operation::of_job(args.job, "stop", "savepoints");
    let location = savepoint.location(&client, &request, clock)?;
    print_savepoint(&location, args.server.json)
}

/// Takes a savepoint, or removes one.
pub(crate) fn savepoint(args: &SavepointArgs, clock: &Clock) -> Result<Exit, Failure> {
    let job = match (&args.command, args.job) {
        (Some(SavepointCommand::Dispose(dispose)), _) => return self::dispose(dispose, clock),
        (None, Some(job)) => job,
        (None, None) => return Err(Failure::unusable("give a job's id")),
    };
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let place = &args.place;
    let request = json!({
        "target-directory": place.savepoint_dir,
        "formatType": place.format.name(),
        "cancel-job": args.cancel,
    });
    let savepoint = Operation::of_job(job, "savepoints", "savepoints");
    let location = savepoint.location(&client, &request, clock)?;
    print_savepoint(&location, args.server.json)
}

fn print_savepoint(location: &str, json: bool) -> Result<Exit, Failure> {
    match json {
        true => stdout::print(&json!({ "savepoint": location }).to_string())?,
        false => stdout::print(location)?,
    }
    Ok(Exit::Finished)
}

fn dispose(args: &DisposeArgs, clock: &Clock) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let path = &args.path;
    let disposal = Operation {
        method: Method::POST,
        start: "/savepoint-disposal".to_owned(),
        poll: "/savepoint-disposal".to_owned(),
    };
    disposal.perform(&client, &json!({ "savepoint-path": path }), clock)?;
    match args.server.json {
        true => stdout::print(&json!({ "disposed": path }).to_string())?,
        false => stdout::print(&format!("`{path}` is gone"))?,
    }
    Ok(Exit::Finished)
}

/// Brings a job to another parallelism, and says how long it did not run.
pub(crate) fn rescale(args: &RescaleArgs, clock: &Clock) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let (job, parallelism) = (args.job, args.parallelism);
    let path = format!("/jobs/{job}/rescaling");
    let rescaling = Operation {
        method: Method::PATCH,
        start: format!("{path}?parallelism={parallelism}"),
        poll: path,
    };
    let result = rescaling.perform(&client, &json!({}), clock)?;
    let downtime = number(&result["downtime-ms"]);
    match args.server.json {
        true => {
            let summary = json!({
                "jobid": job.to_string(),
                "parallelism": parallelism,
                "savepoint": result["savepoint"],
                "downtime_ms": downtime,
            });
            stdout::print(&summary.to_string())?;
        }
        false => {
            let time = quantity::time(Duration::from_millis(downtime));
            stdout::print(&format!(
                "job {job} runs at parallelism {parallelism}, after {time}"
            ))?;
        }
    }
    Ok(Exit::Finished)
}

/// Something that the server does and is asked about until it has.
struct Operation {
    method: Method,
    start: String,
    poll: String,
}

impl Operation {
    fn of_job(job: JobId, start: &str, poll: &str) -> Self {
        Self {
            method: Method::POST,
            start: format!("/jobs/{job}/{start}"),
            poll: format!("/jobs/{job}/{poll}"),
        }
    }

    /// What came of it.
    fn perform(&self, client: &Client, request: &Value, clock: &Clock) -> Result<Value, Failure> {
        let started = client.send_json(self.method.clone(), &self.start, request)?;
        let poll = format!("{}/{}", self.poll, text(&started["request-id"]));
        loop {
            let answer = client.get(&poll)?;
            if answer["status"]["id"] == "COMPLETED" {
                let operation = &answer["operation"];
                return match operation["failure-cause"]["stack-trace"].as_str() {
                    Some(cause) => Err(Failure::failed(cause)),
                    None => Ok(operation.clone()),
                };
            }
            pause(clock);
        }
    }

    /// Where the savepoint is that came of it.
    fn location(&self, client: &Client, request: &Value, clock: &Clock) -> Result<String, Failure> {
        let result = self.perform(client, request, clock)?;
        let location = result["location"].as_str().map(str::to_owned);
        let nowhere = || {
            let url = client.url();
            Failure::failed(format!("`{url}` did not say where the savepoint is"))
        };
        location.ok_or_else(nowhere)
    }
}

/// Looks at checkpoints.
pub(crate) fn checkpoint(command: &CheckpointCommand, clock: Clock) -> Result<Exit, Failure> {
    match command {
        CheckpointCommand::Inspect(args) => inspect(args, clock),
        CheckpointCommand::List(args) => list(args),
    }
}

/// Describes a snapshot from its metadata.
fn inspect(args: &InspectCheckpointArgs, clock: Clock) -> Result<Exit, Failure> {
    let storage = Storage::new(Options::default(), clock);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("start the runtime: {error}")))?;
    let read = runtime.block_on(storage.read_metadata(&args.path));
    let (_, metadata) = read.map_err(|error| Failure::unusable(story(&error)))?;
    let description = metadata.describe();
    let text = match args.json {
        true => json!(description).to_string(),
        false => description.to_string(),
    };
    stdout::print(&text)?;
    Ok(Exit::Finished)
}

/// Lists the checkpoints that a job's statistics remember.
fn list(args: &ListCheckpointsArgs) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let answer = client.get(&format!("/jobs/{}/checkpoints", args.job))?;
    if args.server.json {
        stdout::print(&answer.to_string())?;
        return Ok(Exit::Finished);
    }
    let history = answer["history"].as_array();
    let rows: Vec<_> = history.into_iter().flatten().map(row).collect();
    let headings = [
        "ID",
        "TYPE",
        "STATUS",
        "TIME",
        "STATE",
        "UPLOADED",
        "PATH OR FAILURE",
    ];
    stdout::print(&table(headings, &rows))?;
    Ok(Exit::Finished)
}

fn row(record: &Value) -> [String; 7] {
    let time = record["end_to_end_duration"].as_u64();
    let what = ["external_path", "failure_message"];
    let what = what.iter().find_map(|field| record[*field].as_str());
    [
        record["id"].to_string(),
        text(&record["checkpoint_type"]),
        text(&record["status"]),
        time.map_or_else(
            || "-".to_owned(),
            |millis| quantity::time(Duration::from_millis(millis)),
        ),
        quantity::bytes(number(&record["state_size"])),
        quantity::bytes(number(&record["checkpointed_size"])),
        match record["discarded"].as_bool() {
            Some(true) => "deleted since".to_owned(),
            _ => what.unwrap_or("-").to_owned(),
        },
    ]
}
