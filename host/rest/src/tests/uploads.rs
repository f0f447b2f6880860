//! Forms with files, in order and not.

use axum::body::{Body, Bytes};
use axum::http::Request;
use serde_json::{Value, json};
use wasmill_jobmanager::JobManagerError;

use super::{Fixture, only_error, run};

/// Bundles of the fixture.
const BEFORE: usize = 2;

/// A part of a form: its name, the name of its file if it is one, and what it holds.
type Part<'a> = (&'a str, Option<&'a str>, &'a str);

const FILE: Part<'_> = ("jarfile", Some("job.wasm"), "\0asm bytes");

fn form(parts: &[Part<'_>]) -> String {
    let part = |(name, file, content): &Part<'_>| {
        let file = file.map(|file| format!("; filename=\"{file}\""));
        let file = file.unwrap_or_default();
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("{parts}--b--\r\n")
}

fn upload(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/v1/bundles/upload")
        .header("host", "localhost")
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

const FORM: &str = "multipart/form-data; boundary=b";

async fn send(fixture: &Fixture, body: impl Into<Body>) -> (u16, Value) {
    fixture.json(upload(FORM, body)).await
}

#[test]
fn one_file_is_kept_whatever_its_part_is_called() {
    run(async {
        for (parts, name) in [
            (&[FILE][..], "job.wasm"),
            (&[("file", Some("C:\\dir\\job.wasm"), "x")], "job.wasm"),
            (&[("", Some("../../etc/job.wasm"), "x")], "job.wasm"),
            (&[("x", Some("/abs/ä b.wasm"), "")], "ä b.wasm"),
            (&[("request", None, "{}"), FILE], "job.wasm"),
            (&[FILE, ("request", None, "{}")], "job.wasm"),
        ] {
            let fixture = Fixture::open();
            let (status, body) = send(&fixture, form(parts)).await;
            assert_eq!(status, 200, "{parts:?} {body}");
            let digest = "01".repeat(32);
            let id = format!("uuid_{name}");
            let expected = json!({"filename": format!("bundles/{id}"), "status": "success",
                "id": id, "digest": digest});
            assert_eq!(body, expected);
            assert_eq!(fixture.pictures.bundle_names()[BEFORE], name);
        }
    });
}

/// Forms that are not in order, and a part of what is said about each.
fn not_in_order() -> Vec<(String, &'static str)> {
    let whole = form(&[FILE]);
    let long_name = format!("{}.wasm", "x".repeat(300));
    let wordy = "x".repeat(1 << 20);
    vec![
        (form(&[]), "Exactly 1 file must be sent, received 0."),
        (
            form(&[("request", None, "{}")]),
            "Exactly 1 file must be sent, received 0.",
        ),
        (
            form(&[("jarfile", None, "x")]),
            "Received unknown attribute jarfile.",
        ),
        (
            form(&[("other", None, "x"), FILE]),
            "Received unknown attribute other.",
        ),
        (
            form(&[FILE, ("other", None, "x")]),
            "Received unknown attribute other.",
        ),
        (
            form(&[FILE, FILE]),
            "Exactly 1 file must be sent, received 2 or more.",
        ),
        (
            form(&[("jarfile", Some("job.jar"), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("jarfile", Some(""), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("jarfile", Some(".wasm"), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("jarfile", Some(".."), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("jarfile", Some("dir/"), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("jarfile", Some(&long_name), "x")]),
            "Only bundles are allowed",
        ),
        (
            form(&[("request", None, &wordy), FILE]),
            "too much around the file",
        ),
        (
            whole[..whole.len() - 9].to_owned(),
            "not in order or broke off",
        ),
        (
            whole[..whole.len() - 20].to_owned(),
            "not in order or broke off",
        ),
        (whole[..40].to_owned(), "not in order or broke off"),
        ("no form at all".to_owned(), "not in order or broke off"),
        (String::new(), "not in order or broke off"),
    ]
}

#[test]
fn forms_that_are_not_in_order_leave_nothing_behind() {
    run(async {
        for (body, expected) in not_in_order() {
            let fixture = Fixture::open();
            let (status, answer) = send(&fixture, body).await;
            assert_eq!(status, 400, "{expected}: {answer}");
            assert!(
                only_error(&answer).contains(expected),
                "{expected}: {answer}"
            );
            assert_eq!(fixture.pictures.bundle_names().len(), BEFORE, "{expected}");
        }
    });
}

#[test]
fn what_is_no_form_is_refused() {
    run(async {
        let fixture = Fixture::open();
        for content_type in [
            "application/json",
            "application/x-java-archive",
            "multipart/form-data",
            "multipart/mixed; boundary=b",
            "nonsense",
            "multipart/form-data; boundary=",
        ] {
            let (status, body) = fixture.json(upload(content_type, form(&[FILE]))).await;
            assert_eq!(status, 400, "{content_type}");
            only_error(&body);
        }
        assert_eq!(fixture.pictures.bundle_names().len(), BEFORE);
    });
}

#[test]
fn an_upload_that_is_too_large_is_refused_as_it_comes() {
    run(async {
        let fixture = Fixture::with(|options| options.limits.body_bytes = 64 << 10);
        for (bytes, status) in [(60 << 10, 200), (65 << 10, 413), (1 << 20, 413)] {
            let content = "x".repeat(bytes);
            let before = fixture.pictures.bundle_names().len();
            let (found, body) = send(&fixture, form(&[("f", Some("a.wasm"), &content)])).await;
            assert_eq!(found, status, "{bytes} {body}");
            let kept = fixture.pictures.bundle_names().len() - before;
            assert_eq!(kept, usize::from(status == 200));
        }
    });
}

#[test]
fn an_upload_that_the_cluster_refuses_says_why() {
    run(async {
        let fixture = Fixture::open();
        let why = "`job.wasm` is no bundle: it exports no job";
        fixture
            .pictures
            .refuse(JobManagerError::Invalid(why.to_owned()));
        let large = "x".repeat(4 << 20);
        let (status, body) = send(&fixture, form(&[("f", Some("job.wasm"), &large)])).await;
        assert_eq!((status, only_error(&body)), (400, why));
    });
}

#[test]
fn an_upload_that_falls_silent_is_given_up() {
    run(async {
        let fixture = Fixture::open();
        let beginning = form(&[FILE])[..85].to_owned();
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        sender.send(Bytes::from(beginning)).await.unwrap();
        let body = Body::from_stream(Silent(receiver));
        let clock = fixture.api.clock.clone();
        let silence = fixture.api.options.limits.upload_silence;
        let passing = async {
            loop {
                clock.advance(silence / 4);
                tokio::task::yield_now().await;
            }
        };
        let (status, answer) = tokio::select! {
            answer = send(&fixture, body) => answer,
            () = passing => unreachable!("time passes for ever"),
        };
        assert_eq!(status, 408);
        assert!(only_error(&answer).contains("sent nothing for"), "{answer}");
        assert_eq!(fixture.pictures.bundle_names().len(), BEFORE);
        drop(sender);
    });
}

/// A body that ends only when the sender says so.
struct Silent(tokio::sync::mpsc::Receiver<Bytes>);

impl futures_core::Stream for Silent {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
