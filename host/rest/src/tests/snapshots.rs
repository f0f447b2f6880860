//! Checkpoints and savepoints over REST: looking at them, asking for them, polling, disposing.

use axum::http::Method;
use serde_json::{Value, json};
use wasmill_checkpoint::FailureReason;
use wasmill_checkpoint::failure::Failure;
use wasmill_jobmanager::JobManagerError;

use super::{Fixture, count_vertex, only_error, request, run};
use crate::fixture::{BUNDLE, FAILED, FOREIGN, RUNNING};

/// An id that a caller chose.
const CHOSEN: &str = "00112233445566778899aabbccddeeff";

/// Polls until an operation has completed; what came of it.
async fn completed(fixture: &Fixture, path: &str) -> Value {
    loop {
        let (status, answer) = fixture.get(path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        if answer["status"]["id"] == "COMPLETED" {
            return answer["operation"].clone();
        }
        assert_eq!(answer["status"]["id"], "IN_PROGRESS");
        assert_eq!(answer["operation"], Value::Null);
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_job_without_checkpoints_has_them_switched_off() {
    run(async {
        let fixture = Fixture::open();
        let vertex = count_vertex();
        for path in [
            "",
            "/config",
            "/details/1",
            &format!("/details/1/subtasks/{vertex}"),
        ] {
            let path = format!("/jobs/{FAILED}/checkpoints{path}");
            let (status, body) = fixture.get(&path).await;
            let off = "Checkpointing has not been enabled.";
            assert_eq!((status, only_error(&body)), (404, off), "{path}");
        }
    });
}

#[test]
fn checkpoints_that_are_not_known_are_not_found() {
    run(async {
        let fixture = Fixture::open();
        let vertex = count_vertex();
        for (path, expected) in [
            ("details/99".to_owned(), "Could not find"),
            ("details/-1".to_owned(), "Could not find"),
            (format!("details/99/subtasks/{vertex}"), "Could not find"),
            (format!("details/1/subtasks/{FAILED}"), "No vertex"),
            (CHOSEN.to_owned(), "There is no checkpoint operation"),
        ] {
            let path = format!("/jobs/{RUNNING}/checkpoints/{path}");
            let (status, body) = fixture.get(&path).await;
            assert_eq!(status, 404, "{path}");
            assert!(only_error(&body).starts_with(expected), "{body}");
        }
        for path in [
            format!("/jobs/{RUNNING}/savepoints/{CHOSEN}"),
            format!("/savepoint-disposal/{CHOSEN}"),
        ] {
            assert_eq!(fixture.get(&path).await.0, 404, "{path}");
        }
    });
}

#[test]
fn an_operation_is_asked_for_once_and_polled() {
    run(async {
        let fixture = Fixture::open();
        let job = format!("/jobs/{RUNNING}");
        let savepoint =
            json!({"location": "file:///savepoints/savepoint-7", "failure-cause": null});
        for (path, poll, body, asked, result) in [
            (
                format!("{job}/checkpoints"),
                format!("{job}/checkpoints"),
                json!({"checkpointType": "FULL"}),
                "Checkpoint { full: true }".to_owned(),
                json!({"checkpointId": 7, "failureCause": null}),
            ),
            (
                format!("{job}/savepoints"),
                format!("{job}/savepoints"),
                json!({"target-directory": "s3://b", "formatType": "NATIVE", "cancel-job": false}),
                "Savepoint { target: Some(\"s3://b\"), format: Native }".to_owned(),
                savepoint.clone(),
            ),
            (
                format!("{job}/stop"),
                format!("{job}/savepoints"),
                json!({"targetDirectory": "s3://b", "drain": true}),
                "Stop { target: Some(\"s3://b\"), format: Canonical, drain: true }".to_owned(),
                savepoint.clone(),
            ),
        ] {
            let (status, answer) = fixture.post(&path, &body.to_string()).await;
            assert_eq!(status, 202, "{path}: {answer}");
            let id = answer["request-id"].as_str().unwrap();
            let poll = format!("{poll}/{id}");
            assert_eq!(completed(&fixture, &poll).await, result, "{path}");
            let asked = format!("{asked} of {RUNNING} of default");
            assert_eq!(fixture.pictures.asked(), [asked]);
            // What has completed stays readable.
            assert_eq!(completed(&fixture, &poll).await, result);
        }
    });
}

#[test]
fn an_id_of_the_caller_makes_a_request_idempotent() {
    run(async {
        let fixture = Fixture::open();
        let body = json!({"targetDirectory": "s3://b", "triggerId": CHOSEN}).to_string();
        for _ in 0..2 {
            let answer = fixture.post(&format!("/jobs/{RUNNING}/stop"), &body).await;
            assert_eq!(answer, (202, json!({"request-id": CHOSEN})));
            completed(&fixture, &format!("/jobs/{RUNNING}/savepoints/{CHOSEN}")).await;
        }
        assert_eq!(fixture.pictures.asked().len(), 1);
        let elsewhere = format!("/jobs/{FOREIGN}/savepoints/{CHOSEN}");
        assert_eq!(fixture.get(&elsewhere).await.0, 404);
    });
}

#[test]
fn a_failure_is_a_completed_operation_that_says_why() {
    run(async {
        let fixture = Fixture::open();
        let reason = FailureReason::CheckpointDeclined;
        fixture.pictures.fail(Failure::because(reason, "disk full"));
        let (_, answer) = fixture
            .post(&format!("/jobs/{RUNNING}/checkpoints"), "")
            .await;
        let id = answer["request-id"].as_str().unwrap();
        let path = format!("/jobs/{RUNNING}/checkpoints/{id}");
        let result = completed(&fixture, &path).await;
        let cause = &result["failureCause"];
        assert_eq!(result["checkpointId"], Value::Null);
        assert_eq!(
            cause["stack-trace"],
            "a task declined the checkpoint: disk full"
        );
        assert!(cause["serialized-throwable"].as_str().unwrap().len() > 100);
    });
}

#[test]
fn a_savepoint_with_cancel_cancels_the_job_once_it_is_complete() {
    run(async {
        let fixture = Fixture::open();
        let body = r#"{"target-directory":"/s","cancel-job":true}"#;
        let path = format!("/jobs/{RUNNING}/savepoints");
        let (_, answer) = fixture.post(&path, body).await;
        let id = answer["request-id"].as_str().unwrap();
        completed(&fixture, &format!("{path}/{id}")).await;
        let asked = fixture.pictures.asked();
        assert!(asked[0].starts_with("Savepoint"), "{asked:?}");
        assert_eq!(asked[1], format!("cancel {RUNNING} of default"));
    });
}

#[test]
fn what_cannot_be_taken_is_refused_at_once() {
    run(async {
        let fixture = Fixture::open();
        let is_not_set = "Config key [execution.checkpointing.savepoint-dir] is not set. Property";
        for (job, path, body, status, expected) in [
            (
                RUNNING,
                "savepoints",
                "{}",
                400,
                format!("{is_not_set} [target-directory] must be provided."),
            ),
            (
                RUNNING,
                "stop",
                r#"{"targetDirectory":""}"#,
                400,
                format!("{is_not_set} [targetDirectory] must be provided."),
            ),
            (
                RUNNING,
                "stop",
                r#"{"formatType":"BEST"}"#,
                400,
                "the body".to_owned(),
            ),
            (
                RUNNING,
                "stop",
                r#"{"triggerId":"1"}"#,
                400,
                "Bad request".to_owned(),
            ),
            (
                FAILED,
                "checkpoints",
                "",
                400,
                "Checkpointing has not been".to_owned(),
            ),
            (
                FAILED,
                "stop",
                r#"{"targetDirectory":"/s"}"#,
                409,
                format!("Job {FAILED} is FAILED already"),
            ),
            (
                FOREIGN,
                "stop",
                r#"{"targetDirectory":"/s"}"#,
                404,
                format!("Job {FOREIGN}"),
            ),
        ] {
            let (found, answer) = fixture.post(&format!("/jobs/{job}/{path}"), body).await;
            assert_eq!(found, status, "{path} {body}: {answer}");
            assert!(only_error(&answer).starts_with(&expected), "{answer}");
        }
        assert_eq!(fixture.pictures.asked(), Vec::<String>::new());
    });
}

#[test]
fn a_savepoint_is_disposed_of_by_its_path() {
    run(async {
        let fixture = Fixture::open();
        assert_eq!(fixture.post("/savepoint-disposal", "{}").await.0, 400);
        for refusal in [None, Some("there is no snapshot at `/s`")] {
            if let Some(refusal) = refusal {
                let refusal = JobManagerError::Invalid(refusal.to_owned());
                fixture.pictures.refuse(refusal);
            }
            let body = r#"{"savepoint-path":"/s"}"#;
            let (status, answer) = fixture.post("/savepoint-disposal", body).await;
            assert_eq!(status, 200, "{answer}");
            let id = answer["request-id"].as_str().unwrap();
            let result = completed(&fixture, &format!("/savepoint-disposal/{id}")).await;
            assert_eq!(result["failure-cause"]["stack-trace"].as_str(), refusal);
            assert_eq!(fixture.pictures.asked(), ["dispose /s of default"]);
        }
    });
}

#[test]
fn a_run_may_start_from_a_savepoint() {
    run(async {
        let fixture = Fixture::open();
        for (query, body, expected) in [
            ("", "{}", None),
            ("", r#"{"savepointPath":""}"#, None),
            ("?savepointPath=/q", r#"{"savepointPath":null}"#, None),
            (
                "?savepointPath=/q&allowNonRestoredState=true",
                "{}",
                Some("/q true NoClaim"),
            ),
            (
                "?savepointPath=/q&allowNonRestoredState=true",
                r#"{"savepointPath":"/b","allowNonRestoredState":false,"claimMode":"CLAIM"}"#,
                Some("/b false Claim"),
            ),
            (
                "",
                r#"{"savepointPath":"/b","restoreMode":"LEGACY"}"#,
                Some("/b false Legacy"),
            ),
        ] {
            let path = format!("/bundles/{BUNDLE}/run{query}");
            let (status, answer) = fixture.post(&path, body).await;
            assert_eq!(status, 200, "{answer}");
            let submission = fixture.pictures.submission().unwrap();
            let restore = submission
                .restore
                .map(|it| format!("{} {} {:?}", it.path, it.allow_non_restored, it.claim));
            assert_eq!(restore.as_deref(), expected, "{query} {body}");
        }
    });
}

#[test]
fn a_job_is_rescaled_by_one_number_or_by_the_bounds_of_its_vertices() {
    run(async {
        let fixture = Fixture::open();
        let job = format!("/jobs/{RUNNING}");
        let path = format!("{job}/rescaling");
        let patch = |query: &str| request(Method::PATCH, &format!("{path}{query}"), "");
        for query in ["", "?parallelism=0", "?parallelism=x"] {
            assert_eq!(fixture.json(patch(query)).await.0, 400, "{query}");
        }
        let (status, answer) = fixture.json(patch("?parallelism=3")).await;
        assert_eq!(status, 200, "{answer}");
        let id = answer["request-id"].as_str().unwrap();
        let result = completed(&fixture, &format!("{path}/{id}")).await;
        let expected = json!({"savepoint": "/s", "downtime-ms": 350, "failure-cause": null});
        assert_eq!(result, expected);
        let asked = format!("rescale {RUNNING} of default to 3");
        assert_eq!(fixture.pictures.asked(), [asked]);

        let path = format!("{job}/resource-requirements");
        let (_, bounds) = fixture.get(&path).await;
        let vertex = count_vertex();
        let is = json!({"parallelism": {"lowerBound": 1, "upperBound": 2}});
        assert_eq!(bounds[&vertex], is);
        let put = |body: &Value| request(Method::PUT, &path, &body.to_string());
        // As it is already; nothing happens.
        assert_eq!(fixture.json(put(&bounds)).await, (200, json!({})));
        let other = json!({&vertex: {"parallelism": {"lowerBound": 1, "upperBound": 4}}});
        for (body, expected) in [
            (json!({}), "names no vertex"),
            (json!({"x": is}), "No vertex with ID x"),
            (
                json!({&vertex: {"parallelism": {"lowerBound": 3, "upperBound": 2}}}),
                "the bounds",
            ),
            // The fixture's program names the parallelism of all operators.
            (other, "the program gives vertex"),
        ] {
            let (status, answer) = fixture.json(put(&body)).await;
            assert_eq!(status, 400, "{body}");
            assert!(only_error(&answer).contains(expected), "{answer}");
        }
        assert_eq!(fixture.pictures.asked(), Vec::<String>::new());
    });
}
