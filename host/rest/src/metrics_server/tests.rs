//! Scraping over real connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wasmill_actor::{Actor, ActorKind, actors};
use wasmill_types::metric::prometheus::{self as table, Labels};

use super::*;
use crate::exposition::strict;
use crate::tests::{PATIENCE, run};

/// Two metrics, one with a label that has everything in it.
struct Canned;

impl Scrape for Canned {
    fn scrape(&self) -> Scraping<'_> {
        let labels = Labels::from([("task", "a \"b\"\n\\c".to_owned())]);
        let families = vec![
            Family::one(table::OWN_SLOTS, 4.0),
            Family::of(table::TASK_RECORDS_IN, [(labels, 7.0)]),
        ];
        Box::pin(std::future::ready(families))
    }
}

/// Never ready.
struct Stuck;

impl Scrape for Stuck {
    fn scrape(&self) -> Scraping<'_> {
        Box::pin(std::future::pending())
    }
}

async fn serve(
    token: Option<&str>,
    source: impl Scrape,
    clock: Clock,
) -> (SocketAddr, CancelToken, Actor<()>) {
    let options = MetricsOptions {
        address: ([127, 0, 0, 1], 0).into(),
        token: token.map(str::to_owned),
    };
    let server = MetricsServer::bind(options, clock).await.unwrap();
    let (address, stop) = (server.address(), CancelToken::new());
    let serve = server.serve(Arc::new(source), stop.clone());
    let served = actors::spawn(ActorKind::Rest, "test", serve);
    (address, stop, served)
}

/// The status, head and body of an answer.
async fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = Clock::system().timeout(PATIENCE, exchange).await;
    let answer = answer.expect("an answer in time");
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[test]
fn what_is_scraped_is_strictly_the_format() {
    run(async {
        let (address, stop, mut served) = serve(None, Canned, Clock::system()).await;
        let (status, answer) = ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(status, 200, "{answer}");
        assert!(head.contains(exposition::CONTENT_TYPE), "{head}");
        let read = strict::read(body);
        assert_eq!(read["wasmill_taskmanager_slots"], 4.0);
        let series = r#"wasmill_task_records_in_total task="a \"b\"\n\\c""#;
        assert_eq!(read[series], 7.0);
        stop.cancel();
        served.join().await.unwrap();
    });
}

#[test]
fn only_those_who_may_are_served_and_only_metrics() {
    const TOKEN: Option<&str> = Some("s3cret");
    run(async {
        for (token, request, expected) in [
            (None, "GET /metrics HTTP/1.1\r\nHost: localhost:1\r\n", 200),
            (None, "GET /metrics HTTP/1.1\r\nHost: evil.test\r\n", 403),
            (
                None,
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n",
                403,
            ),
            (None, "GET / HTTP/1.1\r\nHost: localhost\r\n", 404),
            (None, "POST /metrics HTTP/1.1\r\nHost: localhost\r\n", 404),
            (None, "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n", 404),
            (TOKEN, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n", 401),
            (
                TOKEN,
                "GET /metrics HTTP/1.1\r\nHost: tm-1:9\r\nAuthorization: Bearer s3cret\r\n",
                200,
            ),
            (
                TOKEN,
                "GET /metrics HTTP/1.1\r\nHost: tm-1:9\r\nAuthorization: Bearer s3cre\r\n",
                401,
            ),
            (
                TOKEN,
                "GET / HTTP/1.1\r\nHost: tm-1:9\r\nAuthorization: Bearer x\r\n",
                401,
            ),
        ] {
            let (address, stop, mut served) = serve(token, Canned, Clock::system()).await;
            let (status, answer) = ask(address, request).await;
            assert_eq!(status, expected, "{request} {answer}");
            stop.cancel();
            served.join().await.unwrap();
        }
    });
}

#[test]
fn metrics_that_do_not_come_end_in_time() {
    run(async {
        let clock = Clock::manual(0);
        let service = Service {
            source: Arc::new(Stuck),
            token: None,
            clock: clock.clone(),
        };
        let answer = async {
            let answer = service.answer().await;
            answer.map_or_else(|error| error.into_response().status(), |it| it.status())
        };
        let (status, ()) = tokio::join!(answer, async { clock.advance(SCRAPE_TIME) });
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    });
}

#[test]
fn an_address_for_all_needs_a_token() {
    run(async {
        let options = |token: Option<&str>| MetricsOptions {
            address: ([0, 0, 0, 0], 0).into(),
            token: token.map(str::to_owned),
        };
        for token in [None, Some("")] {
            let refused = MetricsServer::bind(options(token), Clock::system()).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("taskmanager.metrics-token"), "{refused}");
        }
        let taken = MetricsServer::bind(options(Some("x")), Clock::system()).await;
        let mut again = options(Some("x"));
        again
            .address
            .set_port(taken.as_ref().unwrap().address().port());
        let refused = MetricsServer::bind(again, Clock::system()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("which is in use"), "{refused}");
    });
}
