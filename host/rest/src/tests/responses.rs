//! Golden answers of every route that shows something, and the numbers behind some of them.

use std::collections::BTreeMap;
use std::path::Path;

use axum::http::Method;
use serde_json::{Value, json};

use super::{Fixture, count_vertex, filled, request, run, text};
use crate::exposition::strict;
use crate::fixture::{FAILED, FINISHED, RUNNING};
use crate::routes;

/// Compares a text with a file of this crate, or writes it there when `UPDATE_GOLDEN` is set.
pub(super) fn check_golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = old.lines().zip(text.lines()).enumerate();
    let change = lines.find(|(_, (old, new))| old != new);
    assert!(
        old == text,
        "{file} is out of date at {change:?}: run the test with UPDATE_GOLDEN=1 and look at the change"
    );
}

#[test]
fn answers_are_as_they_were() {
    run(async {
        let fixture = Fixture::open();
        let mut answers: BTreeMap<String, Value> = BTreeMap::new();
        let shown = routes::all().into_iter().filter(|route| {
            // What is not of the fixture: the document has a golden of its own, counters have memory.
            let other = ["/openapi.json", "/metrics", "/jobmanager/environment"];
            route.method == Method::GET && !other.contains(&route.path.as_str())
        });
        for route in shown {
            let (status, body) = fixture.get(&filled(&route.path)).await;
            answers.insert(format!("{} {status}", route.path), body);
        }
        for job in [FAILED, FINISHED] {
            for rest in ["", "/exceptions", "/execution-result"] {
                let (status, body) = fixture.get(&format!("/jobs/{job}{rest}")).await;
                answers.insert(format!("/jobs/{job}{rest} {status}"), body);
            }
        }
        let text = serde_json::to_string_pretty(&answers).unwrap();
        check_golden("golden/answers.json", &format!("{text}\n"));
    });
}

#[test]
fn lists_are_of_the_callers_tenant_and_newest_first() {
    run(async {
        let fixture = Fixture::open();
        let (_, jobs) = fixture.get("/jobs").await;
        let expected = json!({"jobs": [
            {"id": RUNNING.to_string(), "status": "RUNNING"},
            {"id": FAILED.to_string(), "status": "FAILED"},
            {"id": FINISHED.to_string(), "status": "FINISHED"},
        ]});
        assert_eq!(jobs, expected);
        let (_, overview) = fixture.get("/overview").await;
        let expected = json!({
            "taskmanagers": 2, "slots-total": 6, "slots-available": 2,
            "jobs-running": 1, "jobs-finished": 1, "jobs-cancelled": 0, "jobs-failed": 1,
            "flink-version": "0.1.0", "flink-commit": "0123abc", "wasmill-version": "0.1.0",
        });
        assert_eq!(overview, expected);
    });
}

#[test]
fn the_plan_is_drawn_from_the_vertices() {
    run(async {
        let fixture = Fixture::open();
        let (_, plan) = fixture.get(&format!("/jobs/{RUNNING}/plan")).await;
        let (_, detail) = fixture.get(&format!("/jobs/{RUNNING}")).await;
        assert_eq!(detail["plan"], plan["plan"]);
        let ids = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap().iter();
            list.map(|it| it["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(&detail["vertices"]), ids(&plan["plan"]["nodes"]));
        let input = &plan["plan"]["nodes"][1]["inputs"][0];
        assert_eq!(input["ship_strategy"], "HASH");
        assert_eq!(input["id"], plan["plan"]["nodes"][0]["id"]);
    });
}

#[test]
fn backpressure_is_that_of_the_worst_subtask() {
    run(async {
        let fixture = Fixture::open();
        let path = format!("/jobs/{RUNNING}/vertices/{}/backpressure", count_vertex());
        let (_, body) = fixture.get(&path).await;
        assert_eq!(body["status"], "ok");
        assert_eq!(body["backpressure-level"], "low");
        let of = |index: usize, field: &str| body["subtasks"][index][field].clone();
        assert_eq!((of(0, "ratio"), of(1, "ratio")), (json!(0.0), json!(0.3)));
        assert_eq!(of(0, "backpressure-level"), "ok");
        let ended = path.replace(&RUNNING.to_string(), &FINISHED.to_string());
        assert_eq!(
            fixture.get(&ended).await,
            (200, json!({"status": "deprecated"}))
        );
    });
}

#[test]
fn metrics_are_listed_picked_and_put_together() {
    run(async {
        let fixture = Fixture::open();
        let vertex = format!("/jobs/{RUNNING}/vertices/{}", count_vertex());
        let both = json!([{"id": "numRecordsIn", "min": 300.0, "max": 400.0, "avg": 350.0,
            "sum": 700.0, "skew": 100.0 * 50.0 / 350.0}]);
        for (path, expected) in [
            (
                "/metrics?get=1.numRecordsIn,none,0.user.words",
                json!([
                {"id": "1.numRecordsIn", "value": "400"}, {"id": "0.user.words", "value": "30"}]),
            ),
            (
                "/subtasks/1/metrics?get=numRecordsIn",
                json!([{"id": "numRecordsIn", "value": "400"}]),
            ),
            (
                "/subtasks/1/metrics?get=count.numRecordsIn",
                json!([{"id": "count.numRecordsIn", "value": "400"}]),
            ),
            (
                "/metrics?get=0.count.numRecordsIn",
                json!([{"id": "0.count.numRecordsIn", "value": "300"}]),
            ),
            ("/subtasks/metrics?get=numRecordsIn", both),
            (
                "/subtasks/metrics?get=numRecordsIn&agg=MIN,sum",
                json!([{"id": "numRecordsIn", "min": 300.0, "sum": 700.0}]),
            ),
            (
                "/subtasks/metrics?get=numRecordsIn&agg=max&subtasks=0",
                json!([{"id": "numRecordsIn", "max": 300.0}]),
            ),
            (
                "/subtasks/metrics?get=numRecordsIn&agg=max&subtasks=0-5",
                json!([{"id": "numRecordsIn", "max": 400.0}]),
            ),
            ("/subtasks/metrics?get=numRecordsIn,none", json!([])),
            ("/subtasks/metrics?get=numRecordsIn&subtasks=7", json!([])),
            (
                "/watermarks",
                json!([{"id": "1.currentInputWatermark", "value": "1700000000000"}]),
            ),
        ] {
            assert_eq!(
                fixture.get(&format!("{vertex}{path}")).await,
                (200, expected),
                "{path}"
            );
        }
        let unknown = fixture.get("/taskmanagers/nobody/metrics?get=x").await;
        assert_eq!(unknown, (200, json!([])));
    });
}

#[test]
fn a_job_that_has_ended_is_neither_up_nor_down() {
    run(async {
        let fixture = Fixture::open();
        for (job, up, down) in [
            (RUNNING, "59980", "0"),
            (FAILED, "-1", "-1"),
            (FINISHED, "-1", "-1"),
        ] {
            let (_, body) = fixture
                .get(&format!("/jobs/{job}/metrics?get=uptime,downtime"))
                .await;
            let expected = json!([
                {"id": "uptime", "value": up},
                {"id": "downtime", "value": down},
            ]);
            assert_eq!(body, expected, "{job}");
        }
    });
}

#[test]
fn exceptions_are_bounded_and_filtered() {
    run(async {
        let fixture = Fixture::open();
        let path = format!("/jobs/{FAILED}/exceptions");
        for (query, shown, truncated) in [
            ("", 2, false),
            ("?maxExceptions=1", 1, true),
            ("?maxExceptions=0", 0, true),
            ("?maxExceptions=2", 2, false),
            ("?failureLabelFilter=kind:lost", 1, false),
            ("?failureLabelFilter=kind:guest", 1, false),
            ("?failureLabelFilter=kind:none", 0, false),
            ("?failureLabelFilter=color:red", 0, false),
        ] {
            let (_, body) = fixture.get(&format!("{path}{query}")).await;
            let history = &body["exceptionHistory"];
            let entries = history["entries"].as_array().unwrap().len();
            assert_eq!(
                (entries, &history["truncated"]),
                (shown, &json!(truncated)),
                "{query}"
            );
        }
    });
}

#[test]
fn secrets_of_the_configuration_are_hidden() {
    run(async {
        let (_, body) = Fixture::open().get("/jobmanager/config").await;
        let expected = json!([
            {"key": "rest.address", "value": "127.0.0.1:8081"},
            {"key": "s3.secret-key", "value": "******"},
        ]);
        assert_eq!(body, expected);
    });
}

#[test]
fn prometheus_reads_jobs_and_tasks_with_bounded_labels() {
    run(async {
        let fixture = Fixture::open();
        let response = fixture.send(request(Method::GET, "/metrics", "")).await;
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let text = text(response).await;
        let (read, vertex) = (strict::read(&text), count_vertex());
        let job = format!("tenant=\"default\" job=\"{RUNNING}\"");
        let task = format!("{job} vertex=\"{vertex}\" task=\"count -> Sink: out\" subtask=\"1\"");
        for (series, value) in [
            ("wasmill_jobmanager_taskmanagers".to_owned(), 2.0),
            ("wasmill_jobmanager_slots_free".to_owned(), 2.0),
            (
                "wasmill_jobmanager_network_buffers_used taskmanager=\"tm-b\"".to_owned(),
                16.0,
            ),
            (
                "wasmill_jobmanager_jobs tenant=\"default\" status=\"FAILED\"".to_owned(),
                1.0,
            ),
            (
                "wasmill_jobmanager_jobs tenant=\"other\" status=\"RUNNING\"".to_owned(),
                1.0,
            ),
            (format!("wasmill_job_restarts_total {job}"), 1.0),
            (format!("wasmill_task_records_in_total {task}"), 400.0),
            (
                format!("wasmill_task_backpressured_seconds_total {task}"),
                0.6,
            ),
            (format!("wasmill_task_busy_ms_per_second {task}"), 500.0),
            ("wasmill_tasks_not_shown".to_owned(), 0.0),
        ] {
            assert_eq!(read.get(&series), Some(&value), "{series}\n{text}");
        }
        assert!(
            !text.contains(&FAILED.to_string()),
            "an ended job has no series"
        );
    });
}
