//! `wasmill list`, `status`, `cancel` and `logs`: looking at jobs of a cluster, and stopping them.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::Method;
use wasmill_actor::Clock;
use wasmill_actor::Signal;

use super::client::Client;
use super::table;
use crate::cli::{CancelArgs, ListArgs, LogsArgs, StatusArgs};
use crate::failure::{Exit, Failure};
use crate::quantity;
use crate::stdout;

/// How long `cancel` waits for the end of the job.
const CANCEL_WAIT: Duration = Duration::from_mins(1);

/// Between two looks at a job.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// Lists the jobs.
pub(crate) fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let answer = Client::new(args.server.jobmanager.as_deref())?.get("/jobs/overview")?;
    let jobs: Vec<&Value> = answer["jobs"].as_array().into_iter().flatten().collect();
    let is_live = |job: &&&Value| job["end-time"].as_i64().is_none_or(|end| end < 0);
    let shown: Vec<&Value> = match args.all {
        true => jobs,
        false => jobs.iter().filter(is_live).copied().collect(),
    };
    if args.server.json {
        stdout::print(&json!({ "jobs": shown }).to_string())?;
        return Ok(Exit::Finished);
    }
    let rows: Vec<_> = shown
        .iter()
        .map(|job| {
            [
                text(&job["jid"]),
                text(&job["name"]),
                text(&job["state"]),
                millis(&job["duration"]),
                format!("{}/{}", job["tasks"]["running"], job["tasks"]["total"]),
            ]
        })
        .collect();
    stdout::print(&table(["JOB", "NAME", "STATE", "TIME", "TASKS"], &rows))?;
    Ok(Exit::Finished)
}

/// Shows one job.
pub(crate) fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let job = client.get(&format!("/jobs/{}", args.job))?;
    let exceptions = client.get(&format!("/jobs/{}/exceptions", args.job))?;
    if args.server.json {
        stdout::print(&json!({ "job": job, "exceptions": exceptions }).to_string())?;
        return Ok(Exit::Finished);
    }
    let rows: Vec<_> = job["vertices"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|vertex| {
            let metrics = &vertex["metrics"];
            [
                text(&vertex["name"]),
                vertex["parallelism"].to_string(),
                text(&vertex["status"]),
                quantity::count(number(&metrics["read-records"])),
                quantity::count(number(&metrics["write-records"])),
            ]
        })
        .collect();
    stdout::print(&format!(
        "job    {}\nname   {}\nstate  {}\ntime   {}\n\n{}",
        text(&job["jid"]),
        text(&job["name"]),
        text(&job["state"]),
        millis(&job["duration"]),
        table(["VERTEX", "PARALLELISM", "STATE", "IN", "OUT"], &rows),
    ))?;
    if let Some(cause) = root_cause(&exceptions) {
        stdout::print(&format!("\nlast failure: {cause}\n"))?;
    }
    Ok(Exit::Finished)
}

/// Cancels a job and waits for its end.
pub(crate) fn cancel(args: &CancelArgs, clock: &Clock) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let job = &args.job;
    client.send_json(
        Method::PATCH,
        &format!("/jobs/{job}?mode=cancel"),
        &json!({}),
    )?;
    let deadline = clock.monotonic() + CANCEL_WAIT;
    loop {
        let status = client.get(&format!("/jobs/{job}/status"))?;
        let state = text(&status["status"]);
        if is_over(&state) {
            match args.server.json {
                true => {
                    stdout::print(
                        &json!({ "jobid": job.to_string(), "state": state }).to_string(),
                    )?;
                }
                false => stdout::print(&format!("job {job} is {state}"))?,
            }
            return Ok(Exit::Finished);
        }
        if clock.monotonic() > deadline {
            return Err(Failure::failed(format!(
                "job {job} is still {state}; it goes on stopping, look again with `wasmill status {job}`"
            )));
        }
        pause(clock);
    }
}

/// Prints what a job's tasks have logged.
pub(crate) fn logs(args: &LogsArgs) -> Result<Exit, Failure> {
    let client = Client::new(args.server.jobmanager.as_deref())?;
    let answer = client.get(&format!("/jobs/{}/log?lines={}", args.job, args.lines))?;
    if args.server.json {
        stdout::print(&answer.to_string())?;
        return Ok(Exit::Finished);
    }
    for line in answer["lines"].as_array().into_iter().flatten() {
        let (task, level) = (text(&line["task"]), text(&line["level"]));
        stdout::print(&format!("{level:5} {task}: {}", text(&line["message"])))?;
    }
    Ok(Exit::Finished)
}

/// The first line of the newest failure's story.
pub(super) fn root_cause(exceptions: &Value) -> Option<String> {
    let newest = &exceptions["exceptionHistory"]["entries"][0];
    let story = newest["stacktrace"].as_str()?;
    let task = newest["taskName"].as_str();
    Some(match task {
        Some(task) if !story.contains(task) => format!("task `{task}`: {story}"),
        _ => story.to_owned(),
    })
}

/// Whether a job in this state has ended.
pub(super) fn is_over(state: &str) -> bool {
    matches!(state, "FINISHED" | "FAILED" | "CANCELED")
}

/// Waits until it is time for the next look.
pub(super) fn pause(clock: &Clock) {
    Signal::new().wait_until(clock, clock.monotonic() + POLL);
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn millis(value: &Value) -> String {
    quantity::time(Duration::from_millis(number(value)))
}
