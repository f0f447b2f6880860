//! `wasmill run` without `--local`: a bundle's way to a cluster, and watching its job until it has ended.
//!
//! Invariant: with `--detach` the job's id is the last line of standard output and the exit code says
//! whether it was accepted; without, the exit code is the job's fate and Ctrl-C cancels the job.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use ureq::http::Method;
use wasmill_actor::{CancelToken, Clock};
use wasmill_types::metric;

use super::client::{Client, UNREACHABLE};
use super::cluster::{job_id, upload_file};
use super::jobs::{is_over, number, pause, root_cause, text};
use crate::cli::{OnBadRecord, RunArgs};
use crate::failure::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::quantity;
use crate::screen::Screen;
use crate::stdout;
use crate::summary::{self, Summary};

/// What is said when Ctrl-C comes before the job's id.
const STOPPED_EARLY: &str = "stopped before the cluster had answered; should it run the job all the same, \
     `wasmill list` shows it and `wasmill cancel` stops it";

/// Uploads and runs the bundle.
pub(crate) fn perform(args: &RunArgs, clock: &Clock, screen: &Screen) -> Result<Exit, Failure> {
    let client = Client::new(args.jobmanager.as_deref())?;
    let farewell = summary::farewell(args.json, args.quiet, screen, STOPPED_EARLY);
    let interrupt = Interrupt::install(screen.clone(), clock.clone(), farewell);
    let submitted = submit(args, &client, screen);
    let job = match submitted {
        Ok(job) => job,
        Err(failure) if args.json => {
            stdout::print(&Summary::refused(failure.message.clone()).json())?;
            return Err(failure);
        }
        Err(failure) => return Err(failure),
    };
    if args.detach {
        match args.json {
            true => stdout::print(&json!({ "jobid": job }).to_string())?,
            false => stdout::print(&job)?,
        }
        return Ok(Exit::Finished);
    }
    watch(args, &client, &job, &interrupt, clock, screen)
}

/// Uploads the bundle and starts its job, whose id is the answer. The bundle does not stay in the list of
/// bundles, where only those belong that were put there; the cluster keeps it as long as the job needs it.
fn submit(args: &RunArgs, client: &Client, screen: &Screen) -> Result<String, Failure> {
    let uploaded = upload_file(client, &args.bundle, screen);
    let bundle = uploaded.map_err(|failure| {
        // Most likely no cluster was meant.
        let nobody = args.jobmanager.is_none() && failure.message.starts_with(UNREACHABLE);
        match nobody {
            true => Failure {
                message: format!(
                    "{}; or add `--local` to run in this process",
                    failure.message
                ),
                ..failure
            },
            false => failure,
        }
    })?;
    let answer = client.send_json(
        Method::POST,
        &format!("/bundles/{bundle}/run"),
        &request(args),
    );
    let forgotten = client.send_json(Method::DELETE, &format!("/bundles/{bundle}"), &json!({}));
    if let Err(failure) = forgotten {
        tracing::debug!(
            bundle,
            failure.message,
            "the bundle stays in the cluster's list"
        );
    }
    let answer = answer?;
    let nameless = || Failure::failed(format!("`{}` did not say the job's id", client.url()));
    job_id(&answer).map(str::to_owned).ok_or_else(nameless)
}

/// What the server is asked to run.
fn request(args: &RunArgs) -> Value {
    let policy = match args.on_bad_record {
        OnBadRecord::Fail => "fail",
        OnBadRecord::Skip => "skip",
    };
    let mut settings = json!({ "on-bad-record": policy });
    if let Some(cache) = args.cache_bytes {
        settings["state.cache-bytes"] = cache.to_string().into();
    }
    if let Some(memory) = args.max_memory {
        settings["wasm.memory"] = memory.to_string().into();
    }
    if let Some(timeout) = args.call_timeout {
        settings["wasm.call-deadline"] = format!("{}ms", timeout.as_millis()).into();
    }
    for (key, value) in args.state_options() {
        settings[key] = value.into();
    }
    for (key, value) in &args.options {
        settings[key] = value.as_str().into();
    }
    let mut request = json!({ "programArgsList": args.args, "flinkConfiguration": settings });
    if let Some(parallelism) = args.parallelism {
        request["parallelism"] = parallelism.into();
    }
    request
}

/// Shows the job until it has ended.
fn watch(
    args: &RunArgs,
    client: &Client,
    job: &str,
    interrupt: &Interrupt,
    clock: &Clock,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let cancel = CancelToken::new();
    let wanted = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&wanted);
    let _registered = cancel.on_cancel(move || asked.store(true, Ordering::Release));
    interrupt.running(cancel);
    let mut is_cancelled = false;
    let mut has_told = false;
    loop {
        if wanted.load(Ordering::Acquire) && !is_cancelled {
            is_cancelled = true;
            client.send_json(
                Method::PATCH,
                &format!("/jobs/{job}?mode=cancel"),
                &json!({}),
            )?;
        }
        let detail = client.get(&format!("/jobs/{job}"))?;
        let state = text(&detail["state"]);
        if is_over(&state) {
            screen.erase();
            return end(args, client, &detail, screen);
        }
        match waits(&detail) {
            _ if args.quiet => {}
            waits if screen.is_terminal() => screen.draw(&waits.unwrap_or_else(|| line(&detail))),
            Some(waits) if !has_told => {
                has_told = true;
                screen.say(&waits);
            }
            _ => {}
        }
        pause(clock);
    }
}

/// What a job lacks that cannot start yet.
fn waits(detail: &Value) -> Option<String> {
    let lacking = detail["waiting-for"].as_str()?;
    let name = text(&detail["name"]);
    Some(format!("job `{name}` waits for slots: it {lacking}"))
}

/// Says how the job ended.
fn end(args: &RunArgs, client: &Client, detail: &Value, screen: &Screen) -> Result<Exit, Failure> {
    let (job, state) = (text(&detail["jid"]), text(&detail["state"]));
    let exceptions = client.get(&format!("/jobs/{job}/exceptions"))?;
    let error = (state == "FAILED")
        .then(|| root_cause(&exceptions))
        .flatten();
    let bad_records = bad_records(client, detail)?;
    let restarts = restarts(client, &job)?;
    if args.json {
        let (records_in, records_out) = records(detail);
        let summary = json!({
            "job": detail["name"],
            "jobid": job,
            "state": state,
            "records_in": records_in,
            "records_out": records_out,
            "bad_records": bad_records,
            "restarts": restarts,
            "seconds": number(&detail["duration"]) as f64 / 1000.0,
            "error": error,
        });
        stdout::print(&summary.to_string())?;
    }
    match state.as_str() {
        "FINISHED" => {
            if !args.json && !args.quiet {
                screen.say(&format!(
                    "{}{}",
                    line(detail),
                    remarks(bad_records, restarts)
                ));
            }
            Ok(Exit::Finished)
        }
        "CANCELED" => {
            if !args.json && !args.quiet {
                screen.say(&line(detail));
            }
            Ok(Exit::Cancelled)
        }
        _ => {
            let name = text(&detail["name"]);
            let error = error.unwrap_or_else(|| "it has left no reason".to_owned());
            Err(Failure::failed(format!("job `{name}` failed: {error}")))
        }
    }
}

/// What is remarkable about a job that has finished.
fn remarks(bad_records: u64, restarts: u64) -> String {
    let mut remarks = String::new();
    if bad_records > 0 {
        let bad = quantity::counted(bad_records, "bad record");
        remarks.push_str(&format!(", {bad} left out"));
    }
    if restarts > 0 {
        let restarts = quantity::counted(restarts, "restart");
        remarks.push_str(&format!(
            ", after {restarts}: this is the complete result of the last attempt"
        ));
    }
    remarks
}

/// How many records all tasks have left out.
fn bad_records(client: &Client, detail: &Value) -> Result<u64, Failure> {
    let job = text(&detail["jid"]);
    let mut all = 0;
    for vertex in detail["vertices"].as_array().into_iter().flatten() {
        let vertex = text(&vertex["id"]);
        let path = format!(
            "/jobs/{job}/vertices/{vertex}/subtasks/metrics?get={}&agg=sum",
            metric::BAD_RECORDS
        );
        let sums = client.get(&path)?;
        all += sums[0]["sum"].as_f64().unwrap_or_default() as u64;
    }
    Ok(all)
}

/// How often the job, or a part of it, was started again.
fn restarts(client: &Client, job: &str) -> Result<u64, Failure> {
    let path = format!("/jobs/{job}/metrics?get={}", metric::RESTARTS);
    let values = client.get(&path)?;
    Ok(values[0]["value"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default())
}

/// One line about a job.
fn line(detail: &Value) -> String {
    let time = std::time::Duration::from_millis(number(&detail["duration"]));
    let (records_in, records_out) = records(detail);
    format!(
        "job `{}` {} {}: {} in, {} out, {}, {} records/s",
        text(&detail["name"]),
        text(&detail["jid"]),
        text(&detail["state"]).to_lowercase(),
        quantity::counted(records_in, "record"),
        quantity::count(records_out),
        quantity::time(time),
        quantity::about(quantity::per_second(records_in, time)),
    )
}

/// The records that the first vertices made, and that the last ones took.
fn records(detail: &Value) -> (u64, u64) {
    let empty = Vec::new();
    let nodes = detail["plan"]["nodes"].as_array().unwrap_or(&empty);
    let inputs = |node: &Value| node["inputs"].as_array().cloned().unwrap_or_default();
    let is_read = |id: &Value| {
        let mut edges = nodes.iter().flat_map(inputs);
        edges.any(|input| input["id"] == *id)
    };
    let (mut made, mut taken) = (0, 0);
    for vertex in detail["vertices"].as_array().unwrap_or(&empty) {
        let node = nodes.iter().find(|node| node["id"] == vertex["id"]);
        let metrics = &vertex["metrics"];
        if node.is_some_and(|node| inputs(node).is_empty()) {
            made += number(&metrics["read-records"]);
        }
        if !is_read(&vertex["id"]) {
            taken += number(&metrics["write-records"]);
        }
    }
    (made, taken)
}
