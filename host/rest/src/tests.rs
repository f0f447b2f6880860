//! The whole API over pictures in memory, request by request.

mod access;
mod changes;
mod document;
mod fields;
mod hostile;
mod responses;
mod snapshots;
mod uploads;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tower::ServiceExt as _;
use wasmill_actor::Clock;

use crate::api::Api;
use crate::fixture::{BUNDLE, FAILED, NOW_MS, Pictures, RUNNING};
use crate::gate::Gate;
use crate::options::{Limits, Options};
use crate::router::router;

/// The longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An API with a cluster behind it.
pub(crate) struct Fixture {
    pub(crate) pictures: Arc<Pictures>,
    pub(crate) api: Arc<Api>,
    pub(crate) dir: tempfile::TempDir,
    router: axum::Router,
}

pub(crate) fn options(dir: &Path) -> Options {
    Options {
        address: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.to_owned(),
        version: "0.1.0".to_owned(),
        revision: "0123abc".to_owned(),
        configuration: vec![
            ("rest.address".to_owned(), "127.0.0.1:8081".to_owned()),
            ("s3.secret-key".to_owned(), "hunter2".to_owned()),
        ],
        limits: Limits::default(),
    }
}

impl Fixture {
    /// The quick start: local callers are admins of the tenant `default`.
    pub(crate) fn open() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        change(&mut options);
        let pictures = Pictures::new();
        let gate = Gate::new(options.data_dir.clone(), options.address).unwrap();
        let cluster = Arc::clone(&pictures) as Arc<dyn crate::Cluster>;
        let api = Arc::new(Api::new(cluster, Clock::manual(NOW_MS), options, gate));
        let router = router(&api);
        Self {
            pictures,
            api,
            dir,
            router,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        let answer = self.router.clone().oneshot(request);
        let answer = Clock::system().timeout(PATIENCE, answer).await;
        answer.expect("an answer in time").unwrap()
    }

    pub(crate) async fn json(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.send(request).await;
        let status = response.status();
        let (status, text) = (status.as_u16(), text(response).await);
        let json = serde_json::from_str(&text);
        (status, json.unwrap_or_else(|_| panic!("{status}: {text}")))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.json(request(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.json(request(Method::POST, path, body)).await
    }
}

pub(crate) fn request(method: Method, path: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8081")
        .header("content-type", "application/json; charset=UTF-8")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 24).await;
    String::from_utf8(bytes.unwrap().into()).unwrap()
}

/// Runs a test on a runtime of its own.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(test);
}

/// A path of the table with things of the fixture for its parameters.
pub(crate) fn filled(path: &str) -> String {
    path.replace("{jobid}", &RUNNING.to_string())
        .replace("{vertexid}", &count_vertex())
        .replace("{subtaskindex}", "1")
        .replace("{attempt}", "1")
        .replace("{checkpointid}", "1")
        .replace("{triggerid}", &FAILED.to_string())
        .replace("{taskmanagerid}", "tm-a")
        .replace("{jarid}", BUNDLE)
        .replace("{uid}", "count")
        // It stands last, and shows nothing without a key.
        .replace("{state}", "map?key=1")
}

/// The id of the vertex with two subtasks.
pub(crate) fn count_vertex() -> String {
    wasmill_graph::OperatorUid::of_uid("count").to_string()
}

/// Asserts that a body is an error and nothing else, and returns its first text.
pub(crate) fn only_error(body: &Value) -> &str {
    let fields = body.as_object().unwrap();
    assert_eq!(fields.len(), 1, "{body}");
    let errors = fields["errors"].as_array().unwrap();
    assert!(!errors.is_empty(), "{body}");
    errors[0].as_str().unwrap()
}

#[test]
fn every_path_exists_with_and_without_its_version() {
    run(async {
        let fixture = Fixture::open();
        for path in ["/overview", "/jobs", "/jars", "/bundles", "/taskmanagers"] {
            let plain = fixture.get(path).await;
            assert_eq!(plain.0, 200, "{path}");
            assert_eq!(fixture.get(&format!("/v1{path}")).await, plain, "{path}");
        }
    });
}

#[test]
fn answers_are_json_that_nobody_caches() {
    run(async {
        let fixture = Fixture::open();
        for (path, status) in [
            ("/v1/jobs", StatusCode::OK),
            ("/v1/x", StatusCode::NOT_FOUND),
        ] {
            let response = fixture.send(request(Method::GET, path, "")).await;
            assert_eq!(response.status(), status);
            for (name, value) in [
                ("content-type", "application/json; charset=UTF-8"),
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(response.headers()[name], value, "{path}");
            }
            let cross_origin = "access-control-allow-origin";
            assert!(!response.headers().contains_key(cross_origin));
        }
    });
}
