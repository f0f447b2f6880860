//! What clients get wrong: tokens and uploads. Each is refused with its status and leaves nothing behind.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Cluster, Wasmill, bundle};

/// A job, or another thing, that nobody has made.
const MISSING: &str = "0123456789abcdef0123456789abcdef";

/// The one error of an answer.
fn error(answer: &Value) -> &str {
    answer["errors"][0]
        .as_str()
        .unwrap_or_else(|| panic!("no error: {answer}"))
}

/// What the JobManager keeps of bundles.
fn kept(cluster: &Cluster) -> Vec<String> {
    let bundles = cluster.home("jobmanager").join("bundles");
    let mut kept = Vec::new();
    for part in ["blobs", "entries", "incoming"] {
        let entries = fs::read_dir(bundles.join(part)).unwrap();
        kept.extend(entries.map(|entry| entry.unwrap().path().display().to_string()));
    }
    kept
}

/// Uploads with curl; the status and the answer.
fn upload(cluster: &Cluster, more: &[&str]) -> (u16, Value) {
    let url = format!("{}/v1/bundles/upload", cluster.url);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "-w", "\n%{http_code}"]);
    let output = curl.args(more).arg(url).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    let json = serde_json::from_str(body);
    (
        status.parse().unwrap(),
        json.unwrap_or_else(|_| panic!("curl {more:?}: {text}")),
    )
}

#[test]
fn who_has_no_token_or_a_weak_one_is_kept_out() {
    let cluster = Cluster::with_tokens("");
    let viewer = cluster.client_token("viewer");
    let submitter = cluster.client_token("submitter");
    cluster.wait("the new tokens to be known", || {
        let known = |token: &String| cluster.request_as(token, "GET", "/jobs", None).0 == 200;
        (known(&viewer) && known(&submitter)).then_some(())
    });
    let changed = format!("{}x", &viewer[..viewer.len() - 1]);
    let cases = [
        ("", "GET", "/overview", 401, "a token is needed"),
        ("", "GET", "/nothing", 401, "a token is needed"),
        ("nonsense", "GET", "/jobs", 401, "is not known"),
        (&changed, "GET", "/jobs", 401, "is not known"),
        (&viewer, "POST", "/bundles/x/run", 403, "submitter"),
        (&viewer, "DELETE", "/cluster", 403, "admin"),
        (&submitter, "DELETE", "/cluster", 403, "admin"),
        (&submitter, "POST", "/tokens/join", 403, "admin"),
    ];
    for (token, method, path, status, said) in cases {
        let body = (method == "POST").then(|| json!({}));
        let (found, answer) = cluster.request_as(token, method, path, body.as_ref());
        assert_eq!(found, status, "{method} {path}: {answer}");
        assert!(
            error(&answer).contains(said),
            "{method} {path}: no `{said}` in {answer}"
        );
    }
    let list =
        Wasmill::new(["list", "--jobmanager", &cluster.url]).env("WASMILL_TOKEN", "nonsense");
    list.end()
        .with_code(1)
        .error_with(&["is not known", "WASMILL_TOKEN"]);
}

#[test]
fn ids_that_are_none_and_ids_of_nothing_have_their_status() {
    let cluster = Cluster::start("");
    let bundle = format!("{MISSING}_word-count.wasm");
    let cancel = format!("/jobs/{MISSING}?mode=cancel");
    for (method, path, status, said) in [
        ("GET", format!("/jobs/{MISSING}"), 404, MISSING),
        ("GET", "/jobs/xyz".to_owned(), 400, "xyz"),
        ("GET", format!("/jobs/{MISSING}0"), 400, MISSING),
        ("GET", "/jobs/..%2f..".to_owned(), 400, "../.."),
        ("PATCH", cancel, 404, MISSING),
        ("PATCH", "/jobs/xyz?mode=cancel".to_owned(), 400, "xyz"),
        // Flink has the same for a jar that is not there.
        (
            "POST",
            format!("/bundles/{bundle}/run"),
            400,
            bundle.as_str(),
        ),
        ("DELETE", format!("/bundles/{bundle}"), 400, bundle.as_str()),
        (
            "POST",
            "/bundles/..%2f..%2fx/run".to_owned(),
            400,
            "../../x",
        ),
        ("GET", "/taskmanagers/none".to_owned(), 404, "none"),
        ("GET", "/nothing".to_owned(), 404, "/nothing"),
        ("POST", "/overview".to_owned(), 404, "/overview"),
    ] {
        let body = (method != "GET").then(|| json!({}));
        let (found, answer) = cluster.request(method, &path, body.as_ref());
        assert_eq!(found, status, "{method} {path}: {answer}");
        assert!(
            error(&answer).contains(said),
            "{method} {path}: no `{said}` in {answer}"
        );
    }
    for command in ["status", "cancel", "logs"] {
        let ended = cluster.client([command, MISSING]).end().with_code(1);
        ended.error_with(&[MISSING]);
        let ended = cluster.client([command, "xyz"]).end().with_code(2);
        ended.error_with(&["xyz"]);
    }
}

#[test]
fn an_upload_that_is_too_large_no_form_or_no_bundle_leaves_nothing() {
    let cluster = Cluster::start("[rest]\nmax-upload = \"100 KiB\"\n");
    let (large, text) = (cluster.dir().join("a.wasm"), cluster.dir().join("b.wasm"));
    fs::write(&large, vec![0_u8; 200 << 10]).unwrap();
    fs::write(&text, "this is no bundle").unwrap();
    let form = |path: &Path| format!("jarfile=@{}", path.display());
    let (large, text) = (form(&large), form(&text));
    let chunked = "Transfer-Encoding: chunked";
    let json = "Content-Type: application/json";
    for (more, status, said) in [
        (&["-F", &large][..], 413, "rest.max-upload"),
        (&["-F", &large, "-H", chunked], 413, "rest.max-upload"),
        (&["-d", "{}", "-H", json], 400, "multipart"),
        (&["-d", "x=y"], 400, "multipart"),
        (&["-F", "jarfile=text"], 400, "jarfile"),
        (&["-F", &text], 400, "not WebAssembly"),
    ] {
        let (found, answer) = upload(&cluster, more);
        assert_eq!(found, status, "{more:?}: {answer}");
        let error = error(&answer);
        assert!(error.contains(said), "{more:?}: no `{said}` in {error}");
        assert_eq!(kept(&cluster), [""; 0], "{more:?}");
    }
}

#[test]
fn an_upload_whose_connection_is_cut_leaves_nothing() {
    let cluster = Cluster::start("");
    let address = cluster.url.strip_prefix("http://").unwrap();
    let head = "POST /v1/bundles/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\
        Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n\
        Content-Disposition: form-data; name=\"jarfile\"; filename=\"a.wasm\"\r\n\r\n";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[7; 100_000]).unwrap();
    cluster.wait("the upload to begin", || {
        (!kept(&cluster).is_empty()).then_some(())
    });
    drop(stream);
    cluster.wait("the upload to be forgotten", || {
        kept(&cluster).is_empty().then_some(())
    });
    assert_eq!(cluster.get("/bundles")["files"], json!([]));
}

#[test]
fn a_bundle_that_cannot_be_used_is_refused_in_the_words_of_the_command_line() {
    let cluster = Cluster::start("");
    let mut broken = fs::read(bundle("word-count")).unwrap();
    broken.truncate(broken.len() / 2);
    let core = wat::parse_str("(module)").unwrap();
    let foreign = wat::parse_str("(component (import \"other:thing/x\" (instance)))").unwrap();
    for (name, bytes) in [
        ("text.wasm", b"this is no bundle".to_vec()),
        ("half.wasm", broken),
        ("core.wasm", core),
        ("foreign.wasm", foreign),
    ] {
        let path = cluster.dir().join(name);
        fs::write(&path, bytes).unwrap();
        let here = Wasmill::new(["inspect"]).arg(&path).end().with_code(2);
        let shown = format!("error: cannot use `{}`: ", path.display());
        let words = here.error().strip_prefix(&shown).unwrap();
        let (status, answer) = upload(&cluster, &["-F", &format!("f=@{}", path.display())]);
        assert_eq!(status, 400, "{name}: {answer}");
        let there = error(&answer);
        assert!(there.ends_with(words), "{name}:\n{there}\n{words}");
        let client = cluster.client(["upload"]).arg(&path).end().with_code(2);
        assert!(
            client.error().ends_with(words),
            "{name}: {}",
            client.error()
        );
        assert_eq!(kept(&cluster), [""; 0], "{name}");
    }
}

#[test]
fn a_program_that_does_not_come_to_its_graph_is_not_waited_for() {
    let cluster = Cluster::start("");
    let run = cluster.client(["run", "--detach"]).arg(bundle("evil/spin"));
    let ended = run.args(["--", "--in", "describe"]).end().with_code(2);
    ended.error_with(&["wasm.describe-deadline"]);
    assert_eq!(cluster.get("/jobs")["jobs"], json!([]));
}

#[test]
fn arguments_that_no_program_can_be_given_are_refused() {
    let cluster = Cluster::start("");
    let uploaded = cluster.client(["upload"]).arg(bundle("word-count")).end();
    let uploaded = uploaded.with_code(0).stdout;
    let run = format!("/bundles/{}/run", uploaded.trim());
    for arg in ["a\0b", &"x".repeat(200_000)] {
        let body = json!({ "programArgsList": ["--input", arg, "--output", "/x"] });
        let (status, answer) = cluster.request("POST", &run, Some(&body));
        assert_eq!(status, 400, "{answer}");
        assert!(error(&answer).contains("shorter"), "{answer}");
    }
    for body in [json!([]), json!("x"), json!(null)] {
        let (status, answer) = cluster.request("POST", &run, Some(&body));
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(error(&answer).contains("JSON object"), "{answer}");
    }
    assert_eq!(cluster.get("/jobs")["jobs"], json!([]));
}

#[test]
fn a_request_that_is_no_http_harms_nobody() {
    let cluster = Cluster::start("");
    let address = cluster.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"\x16\x03\x01\x00\xff hello\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // The server may reset what it does not understand.
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
    assert_eq!(cluster.request("GET", "/overview", None).0, 200);
}
