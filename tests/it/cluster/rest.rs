//! The REST interface of a real cluster, called as any HTTP client would call it.

use std::process::Command;

use serde_json::{Value, json};

use super::{counts, embedded, texts};
use crate::harness::{Cluster, bundle};

/// Runs curl; its standard output.
fn curl(args: &[&str]) -> Value {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "60"])
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("curl {args:?}: {text}{errors}"))
}

#[test]
fn a_script_of_curl_calls_uploads_runs_and_reads_the_output() {
    let cluster = Cluster::of(2, 2, "");
    let url = &cluster.url;
    let texts = texts(cluster.dir(), 4, 1_000);
    let output = cluster.dir().join("counts");
    let form = format!("jarfile=@{}", bundle("word-count").display());
    let uploaded = curl(&["-F", &form, &format!("{url}/v1/bundles/upload")]);
    assert_eq!(uploaded["status"], "success", "{uploaded}");
    let id = uploaded["filename"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let listed = curl(&[&format!("{url}/v1/jars")]);
    assert_eq!(listed["files"][0]["id"], id.as_str(), "{listed}");
    let request = json!({
        "parallelism": 4,
        "programArgsList": ["--input", texts, "--output", output],
    });
    let run = format!("{url}/v1/bundles/{id}/run");
    let started = curl(&[
        "-d",
        &request.to_string(),
        "-H",
        "Content-Type: application/json",
        &run,
    ]);
    let job = started["jobid"]
        .as_str()
        .unwrap_or_else(|| panic!("{started}"));
    assert_eq!(cluster.until(job, &["FINISHED", "FAILED"]), "FINISHED");
    assert_eq!(counts(&output), embedded(cluster.dir(), &texts));
    let result = curl(&[&format!("{url}/v1/jobs/{job}/execution-result")]);
    assert_eq!(
        result["job-execution-result"]["application-status"], "SUCCEEDED",
        "{result}"
    );
}
