//! Real connections: limits, ends, and what HTTP clients rely on.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wasmill_actor::{Actor, ActorKind, actors};
use wasmill_types::id::TenantId;

use super::*;
use crate::fixture::Pictures;
use crate::tests::{PATIENCE, options, run};
use crate::tokens::{Role, Tokens};

/// A server that runs.
struct Running {
    address: SocketAddr,
    stop: CancelToken,
    served: Actor<()>,
    pictures: Arc<Pictures>,
    _dir: tempfile::TempDir,
}

impl Running {
    async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path());
        change(&mut options);
        let pictures = Pictures::new();
        let cluster = Arc::clone(&pictures) as Arc<dyn Cluster>;
        let server = Server::bind(options, cluster, Clock::system())
            .await
            .unwrap();
        let address = server.address();
        let stop = CancelToken::new();
        let served = actors::spawn(ActorKind::Rest, "test", server.serve(stop.clone()));
        Self {
            address,
            stop,
            served,
            pictures,
            _dir: dir,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        read_all(&mut stream).await
    }

    async fn end(mut self) {
        self.stop.cancel();
        timely(self.served.join()).await.unwrap();
    }
}

async fn timely<T>(work: impl Future<Output = T>) -> T {
    let done = Clock::system().timeout(PATIENCE, work).await;
    done.expect("done in time")
}

/// What the server sends until it closes; a reset is an end too.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timely(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until a text has come.
async fn read_to(stream: &mut TcpStream, text: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(text) {
        let byte = timely(stream.read_u8()).await.unwrap();
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn a_flink_client_is_served() {
    run(async {
        let server = Running::start(|_| {}).await;
        // Flink's client sends a body of `{}` with everything.
        let request = "GET /v1/jobs/overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
            Content-Type: application/json; charset=UTF-8\r\nContent-Length: 2\r\n\r\n{}";
        let answer = server.exchange(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["jobs"].as_array().unwrap().len(), 3);
        server.end().await;
    });
}

#[test]
fn a_body_that_nobody_needs_may_come_late_and_another_request_after_it() {
    run(async {
        let server = Running::start(|_| {}).await;
        let mut stream = server.connect().await;
        let head = "GET /v1/overview HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // By the time that this is answered the server has seen the head.
        server.exchange(get("/v1/config").as_bytes()).await;
        stream.write_all(b"{}").await.unwrap();
        let rest = get("/v1/overview");
        stream.write_all(rest.as_bytes()).await.unwrap();
        let answers = read_all(&mut stream).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
        server.end().await;
    });
}

#[test]
fn a_client_that_waits_for_leave_to_upload_gets_it() {
    run(async {
        let server = Running::start(|_| {}).await;
        let body = "--b\r\nContent-Disposition: form-data; name=\"jarfile\"; \
            filename=\"job.wasm\"\r\n\r\n\0asm\r\n--b--\r\n";
        let head = format!(
            "POST /v1/jars/upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
             Connection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let leave = read_to(&mut stream, "\r\n\r\n").await;
        assert!(leave.starts_with("HTTP/1.1 100 "), "{leave}");
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(server.pictures.bundle_names()[2], "job.wasm");
        server.end().await;
    });
}

#[test]
fn an_upload_that_is_too_large_gets_no_leave() {
    run(async {
        let server = Running::start(|_| {}).await;
        let head = "POST /jars/upload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 104857601\r\n\r\n";
        let answer = server.exchange(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("{\"errors\":["), "{answer}");
        server.end().await;
    });
}

#[test]
fn an_upload_whose_connection_breaks_off_leaves_nothing_behind() {
    run(async {
        let server = Running::start(|_| {}).await;
        let part = "POST /bundles/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\
            Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"a.wasm\"\r\n\r\nbytes";
        let mut stream = server.connect().await;
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        read_all(&mut stream).await;
        let pictures = Arc::clone(&server.pictures);
        server.end().await;
        assert_eq!(pictures.bundle_names().len(), 2);
    });
}

#[test]
fn what_is_no_http_or_too_much_ends_its_connection_only() {
    run(async {
        let server = Running::start(|options| options.limits.header_bytes = 8192).await;
        let long_path = get(&format!("/{}", "x".repeat(20_000)));
        let headers = "X: y\r\n".repeat(200);
        let many = format!("GET /jobs HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        for request in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", &long_path, &many] {
            let answer = server.exchange(request.as_bytes()).await;
            let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(refused, "{answer}");
        }
        assert!(
            server
                .exchange(get("/jobs").as_bytes())
                .await
                .contains("200 OK")
        );
        server.end().await;
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    run(async {
        let short = Duration::from_millis(50);
        let server = Running::start(|options| options.limits.header_time = short).await;
        for beginning in ["", "GET /jobs HTTP/1.1\r\nHost: loc"] {
            let mut stream = server.connect().await;
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let answer = read_all(&mut stream).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
        server.end().await;
    });
}

#[test]
fn connections_beyond_the_limit_wait_for_others_to_end() {
    run(async {
        let server = Running::start(|options| options.limits.connections = 1).await;
        let mut first = server.connect().await;
        let keep = b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n";
        first.write_all(keep).await.unwrap();
        read_to(&mut first, "\r\n\r\n").await;
        let mut second = server.connect().await;
        second.write_all(get("/jobs").as_bytes()).await.unwrap();
        let clock = Clock::system();
        let early = clock.timeout(Duration::from_millis(50), second.read_u8());
        assert!(
            early.await.is_err(),
            "the second was served beside the first"
        );
        drop(first);
        assert!(read_all(&mut second).await.contains("200 OK"));
        server.end().await;
    });
}

#[test]
fn the_end_waits_for_requests_and_not_for_idle_connections() {
    run(async {
        let server = Running::start(|_| {}).await;
        let mut idle = server.connect().await;
        idle.write_all(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        read_to(&mut idle, "\r\n\r\n").await;
        let address = server.address;
        server.end().await;
        read_all(&mut idle).await;
        assert!(
            TcpStream::connect(address).await.is_err(),
            "nobody listens any more"
        );
    });
}

#[test]
fn a_request_that_does_not_end_is_cut_at_the_end() {
    run(async {
        let short = Duration::from_millis(50);
        let server = Running::start(|options| options.limits.drain_time = short).await;
        let mut slow = server.connect().await;
        let head = "POST /jars/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\
            Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n";
        slow.write_all(head.as_bytes()).await.unwrap();
        read_to(&mut slow, "100 Continue").await;
        server.end().await;
    });
}

#[test]
fn an_address_that_cannot_be_used_is_named_with_the_way_out() {
    run(async {
        let server = Running::start(|_| {}).await;
        let dir = tempfile::tempdir().unwrap();
        let bind = async |address: SocketAddr| {
            let mut options = options(dir.path());
            options.address = address;
            let bound = Server::bind(options, Pictures::new(), Clock::system()).await;
            bound.map(|_| ()).map_err(|error| error.to_string())
        };
        let address = server.address;
        let taken = format!(
            "listen on {address}, which is in use; choose another address with --rest ADDR \
             (`jobmanager.rest`)"
        );
        assert_eq!(bind(address).await, Err(taken));

        let open: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
        let refused = bind(open).await.unwrap_err();
        assert!(refused.contains("wasmill token create"), "{refused}");
        Tokens::create(dir.path(), TenantId::default(), Role::Viewer, 0).unwrap();
        assert_eq!(bind(open).await, Ok(()));

        std::fs::write(dir.path().join("tokens.json"), "x").unwrap();
        let broken = bind(open).await.unwrap_err();
        assert_eq!(broken, "read the tokens of the REST API");
        server.end().await;
    });
}

#[test]
fn one_connection_serves_many_large_answers() {
    run(async {
        let server = Running::start(|_| {}).await;
        server.pictures.fill(200);
        let mut stream = server.connect().await;
        let request = b"GET /v1/jobs/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for _ in 0..20 {
            stream.write_all(request).await.unwrap();
            let head = read_to(&mut stream, "\r\n\r\n").await.to_ascii_lowercase();
            let (_, rest) = head.split_once("content-length: ").unwrap();
            let length = rest.split("\r\n").next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            timely(stream.read_exact(&mut body)).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert!(body["jobs"].as_array().unwrap().len() >= 200);
        }
        drop(stream);
        server.end().await;
    });
}

#[test]
fn a_client_that_is_refused_while_it_sends_hears_why() {
    /// More than the buffers of both sockets hold.
    const BODY: usize = 16 << 20;
    run(async {
        let server = Running::start(|_| {}).await;
        let form = "Content-Type: multipart/form-data; boundary=b\r\n";
        for (request, host, header, status) in [
            ("POST /v1/jars/upload", "evil.test", form, "403"),
            ("POST /v1/nothing", "localhost", form, "404"),
            ("DELETE /v1/jobs", "localhost", form, "404"),
            ("POST /v1/jars/x/run", "localhost", form, "400"),
            ("POST /v1/jars/upload", "localhost", "", "400"),
            ("POST /v1/jars/x/run", "localhost", "", "413"),
        ] {
            let mut stream = server.connect().await;
            let head = format!(
                "{request} HTTP/1.1\r\nHost: {host}\r\n{header}Content-Length: {BODY}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let sent = timely(stream.write_all(&vec![b' '; BODY])).await;
            assert!(sent.is_ok(), "{request} {host}: {sent:?}");
            let answer = read_to(&mut stream, "\r\n\r\n").await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{request} {host}: {answer}");
        }
        server.end().await;
    });
}

#[test]
fn what_a_refused_client_may_send_has_an_end() {
    run(async {
        let server = Running::start(|options| options.limits.body_bytes = 1 << 20).await;
        let mut stream = server.connect().await;
        let head =
            "POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let flood = async {
            // The server closes, at the latest when the sockets' buffers are full.
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        };
        timely(flood).await;
        server.end().await;
    });
}
