//! What is done rather than shown: running, planning, cancelling, stopping, joining, and their refusals.

use axum::http::Method;
use serde_json::{Value, json};
use wasmill_jobmanager::JobManagerError;

use super::{Fixture, only_error, request, run};
use crate::fixture::{BUNDLE, FAILED, FINISHED, RUNNING};

/// A query and a body, and the arguments and the parallelism that they mean.
const ARGUMENTS: &[(&str, &str, &[&str], Option<u32>)] = &[
    ("", "", &[], None),
    ("", "{}", &[], None),
    (
        "",
        r#"{"parallelism":4,"programArgsList":["--a","b c"]}"#,
        &["--a", "b c"],
        Some(4),
    ),
    (
        "",
        r#"{"programArgs":"--a \"b c\""}"#,
        &["--a", "b c"],
        None,
    ),
    (
        "",
        r#"{"programArgs":"x","programArgsList":["y"]}"#,
        &["y"],
        None,
    ),
    (
        "",
        r#"{"programArgs":"x","programArgsList":[]}"#,
        &["x"],
        None,
    ),
    ("?programArg=a,b&parallelism=3", "", &["a", "b"], Some(3)),
    ("?program-args=--a+%22b+c%22", "", &["--a", "b c"], None),
    (
        "?parallelism=3&program-args=x",
        r#"{"parallelism":2,"programArgs":"y"}"#,
        &["y"],
        Some(2),
    ),
    (
        "?savepointPath=--x",
        r#"{"programArgs":"--x","savepointPath":""}"#,
        &["--x"],
        None,
    ),
    (
        "?savepointPath=--x",
        r#"{"programArgs":"--x","savepointPath":null}"#,
        &["--x"],
        None,
    ),
    (
        "?entry-class=A",
        r#"{"entryClass":"B","unknown":[1,{"x":2}],"claimMode":"NO_CLAIM"}"#,
        &[],
        None,
    ),
];

#[test]
fn a_run_takes_its_arguments_from_the_body_before_the_query() {
    run(async {
        let fixture = Fixture::open();
        for (query, body, args, parallelism) in ARGUMENTS {
            for alias in ["bundles", "v1/jars"] {
                let path = format!("/{alias}/{BUNDLE}/run{query}");
                let answer = fixture.post(&path, body).await;
                assert_eq!(
                    answer,
                    (200, json!({"jobid": RUNNING.to_string()})),
                    "{path} {body}"
                );
                let submission = fixture.pictures.submission().unwrap();
                assert_eq!(submission.bundle, BUNDLE);
                assert_eq!(submission.args, *args, "{path} {body}");
                let found = submission.parallelism.map(std::num::NonZero::get);
                assert_eq!(found, *parallelism, "{path} {body}");
            }
        }
    });
}

#[test]
fn a_run_hands_on_the_id_and_the_options() {
    run(async {
        let fixture = Fixture::open();
        let body = json!({"jobId": FAILED.to_string(), "flinkConfiguration": {"a.b": "c"}});
        let path = format!("/bundles/{BUNDLE}/run");
        let answer = fixture.post(&path, &body.to_string()).await;
        assert_eq!(answer, (200, json!({"jobid": FAILED.to_string()})));
        let submission = fixture.pictures.submission().unwrap();
        assert_eq!(submission.job, Some(FAILED));
        assert_eq!(submission.configuration["a.b"], "c");
    });
}

#[test]
fn what_cannot_be_run_is_refused_before_the_cluster_is_asked() {
    run(async {
        let fixture = Fixture::open();
        let run = format!("/bundles/{BUNDLE}/run");
        for (path, body, expected) in [
            (run.clone(), "{", "body is not as it must be"),
            (run.clone(), "[]x", "body is not as it must be"),
            (run.clone(), r#"{"parallelism":0}"#, "number from 1"),
            (
                run.clone(),
                r#"{"parallelism":-1}"#,
                "body is not as it must be",
            ),
            (
                run.clone(),
                r#"{"parallelism":"4"}"#,
                "body is not as it must be",
            ),
            (
                run.clone(),
                r#"{"parallelism":99999999999}"#,
                "body is not as it must be",
            ),
            (
                run.clone(),
                r#"{"programArgsList":"x"}"#,
                "body is not as it must be",
            ),
            (run.clone(), "[]", "it has to be a JSON object"),
            (run.clone(), " [1]", "it has to be a JSON object"),
            (run.clone(), "null", "it has to be a JSON object"),
            (run.clone(), r#"{"jobId":"xyz"}"#, "32 hexadecimal digits"),
            (
                run.clone(),
                r#"{"claimMode":"MINE"}"#,
                "body is not as it must be",
            ),
            (
                format!("{run}?savepointPath=s3://x&allowNonRestoredState=perhaps"),
                "",
                "`true` or `false`",
            ),
            (
                format!("{run}?parallelism=x"),
                "",
                "`parallelism` must be a number from 1",
            ),
            (format!("{run}?parallelism=0"), "", "number from 1"),
            (
                "/bundles/none/run".to_owned(),
                "",
                "There is no bundle `none`",
            ),
            (
                "/jars/..%2f..%2fetc/run".to_owned(),
                "",
                "There is no bundle",
            ),
        ] {
            let (status, answer) = fixture.post(&path, body).await;
            assert_eq!(status, 400, "{path} {body} {answer}");
            assert!(
                only_error(&answer).contains(expected),
                "{path} {body} {answer}"
            );
        }
        assert_eq!(fixture.pictures.asked(), Vec::<String>::new());
    });
}

#[test]
fn a_plan_is_shown_by_both_methods_and_runs_nothing() {
    run(async {
        let fixture = Fixture::open();
        let path = format!("/jars/{BUNDLE}/plan?programArg=a&parallelism=2");
        let posted = fixture.post(&path, "{}").await;
        assert_eq!(posted.0, 200);
        assert_eq!(posted.1["plan"]["nodes"].as_array().unwrap().len(), 2);
        assert_eq!(fixture.get(&path).await, posted);
        let asked = format!("plan {BUNDLE}");
        assert_eq!(fixture.pictures.asked(), [asked.clone(), asked]);
        assert_eq!(fixture.pictures.submission().unwrap().args, ["a"]);
    });
}

#[test]
fn jobs_are_cancelled_by_both_methods_unless_they_have_ended() {
    run(async {
        let fixture = Fixture::open();
        let cancelled = format!("cancel {RUNNING} of default");
        for (method, job, rest, status) in [
            (Method::PATCH, RUNNING, "", 202),
            (Method::PATCH, RUNNING, "?mode=cancel", 202),
            (Method::GET, RUNNING, "/yarn-cancel", 202),
            (Method::PATCH, RUNNING, "?mode=stop", 308),
            (Method::GET, RUNNING, "/yarn-stop", 308),
            (Method::PATCH, RUNNING, "?mode=kill", 400),
            (Method::PATCH, FINISHED, "", 409),
            (Method::GET, FAILED, "/yarn-cancel", 409),
        ] {
            let path = format!("/jobs/{job}{rest}");
            let (found, body) = fixture.json(request(method, &path, "{}")).await;
            assert_eq!(found, status, "{path}");
            let expected = if status == 202 {
                assert_eq!(body, json!({}));
                vec![cancelled.clone()]
            } else {
                only_error(&body);
                Vec::new()
            };
            assert_eq!(fixture.pictures.asked(), expected, "{path}");
        }
    });
}

#[test]
fn refusals_of_the_cluster_have_their_status() {
    run(async {
        let fixture = Fixture::open();
        let path = format!("/bundles/{BUNDLE}/run");
        let text = || "the reason".to_owned();
        for (refusal, status) in [
            (JobManagerError::NotFound(text()), 404),
            (JobManagerError::Invalid(text()), 400),
            (JobManagerError::Conflict(text()), 409),
            (JobManagerError::TooLarge(text()), 413),
            (JobManagerError::TimedOut(text()), 408),
            (JobManagerError::Unavailable(text()), 503),
        ] {
            fixture.pictures.refuse(refusal);
            let (found, body) = fixture.post(&path, "").await;
            assert_eq!((found, only_error(&body)), (status, "the reason"));
        }
        fixture.pictures.refuse(JobManagerError::Internal(text()));
        let expected = json!({"errors":
            ["Internal server error.", "<Exception on server side: the reason>"]});
        assert_eq!(fixture.post(&path, "").await, (500, expected));
    });
}

#[test]
fn the_rest_of_what_can_be_done_reaches_the_cluster() {
    run(async {
        let fixture = Fixture::open();
        let day = 24 * 3600 * 1000;
        let token = |ttl_ms: i64| json!({"token": "join-me", "expires-at": crate::fixture::NOW_MS + ttl_ms});
        for (method, path, body, expected, asked) in [
            (
                Method::DELETE,
                "/cluster".to_owned(),
                "",
                (200, json!({})),
                Some("shutdown".to_owned()),
            ),
            (
                Method::DELETE,
                format!("/bundles/{BUNDLE}"),
                "",
                (200, json!({})),
                Some(format!("delete {BUNDLE} of default")),
            ),
            (
                Method::POST,
                "/tokens/join".to_owned(),
                "",
                (200, token(30 * day)),
                Some("join 2592000s".to_owned()),
            ),
            (
                Method::POST,
                "/tokens/join".to_owned(),
                r#"{"ttl-seconds":60}"#,
                (200, token(60_000)),
                Some("join 60s".to_owned()),
            ),
            (
                Method::POST,
                "/tokens/join".to_owned(),
                r#"{"ttl-seconds":0}"#,
                (400, Value::Null),
                None,
            ),
            (
                Method::POST,
                "/jobs".to_owned(),
                "",
                (400, Value::Null),
                None,
            ),
        ] {
            let (status, answer) = fixture.json(request(method, &path, body)).await;
            assert_eq!(status, expected.0, "{path} {answer}");
            if expected.1.is_null() {
                only_error(&answer);
            } else {
                assert_eq!(answer, expected.1);
            }
            assert_eq!(fixture.pictures.asked(), Vec::from_iter(asked), "{path}");
        }
    });
}

#[test]
fn a_log_shows_its_last_lines() {
    run(async {
        let fixture = Fixture::open();
        let path = format!("/v1/jobs/{RUNNING}/log");
        for (query, asked, shown, first) in [
            ("", 100, 5, "line 0"),
            ("?lines=2", 2, 2, "line 3"),
            ("?lines=4000000000", 10_000, 5, "line 0"),
        ] {
            let (_, body) = fixture.get(&format!("{path}{query}")).await;
            let lines = body["lines"].as_array().unwrap();
            assert_eq!((lines.len(), &lines[0]["message"]), (shown, &json!(first)));
            assert_eq!(fixture.pictures.asked(), [format!("log {RUNNING} {asked}")]);
        }
        assert_eq!(fixture.get(&format!("{path}?lines=x")).await.0, 400);
    });
}
