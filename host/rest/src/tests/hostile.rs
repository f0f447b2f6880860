//! Requests that nobody sends in good faith: whatever they hold, the answer is not a server's failure.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use wasmill_actor::Rng;

use super::{Fixture, count_vertex, filled, only_error, request, run, text};
use crate::fixture::RUNNING;
use crate::routes;

/// Texts in the place of ids and values.
const TEXTS: [&str; 24] = [
    "x",
    "0",
    "-1",
    "-0",
    "+1",
    "1e9",
    "NaN",
    "4294967296",
    "18446744073709551616",
    "00000000000000000000000000000000",
    "0000000000000000000000000000000g",
    "+0000000000000000000000000000000",
    "AAAA0000000000000000000000000001",
    "%00",
    "%ff%fe",
    "%2e%2e%2f%2e%2e",
    "..%5c",
    "%25",
    "%F0%9F%92%A3",
    "a,b,,c",
    ",",
    "1-",
    "5-2",
    "kind:lost",
];

#[test]
fn malformed_ids_are_400_and_unknown_ones_404() {
    run(async {
        let fixture = Fixture::open();
        let job = format!("/jobs/{RUNNING}");
        let vertex = format!("{job}/vertices/{}", count_vertex());
        let unknown = "0".repeat(32);
        for (path, status) in [
            ("/jobs/x".to_owned(), 400),
            (format!("/jobs/{}", "0".repeat(31)), 400),
            (format!("/jobs/{unknown}"), 404),
            (format!("/jobs/x/vertices/{unknown}"), 400),
            (format!("{job}/vertices/x"), 400),
            (format!("{job}/vertices/{unknown}"), 404),
            (format!("/jobs/{unknown}/vertices/x"), 400),
            (format!("{vertex}/subtasks/x"), 400),
            (format!("{vertex}/subtasks/-1"), 400),
            (format!("{vertex}/subtasks/2"), 404),
            (format!("{vertex}/subtasks/1/attempts/x"), 400),
            (format!("{vertex}/subtasks/1/attempts/2"), 404),
            (format!("{vertex}/subtasks/2/attempts/0"), 404),
            (format!("{vertex}/subtasks/metrics?agg=median"), 400),
            (format!("{vertex}/subtasks/metrics?subtasks=a-b"), 400),
            ("/jobs/metrics?jobs=x".to_owned(), 400),
            (format!("{job}/exceptions?maxExceptions=x"), 400),
            (format!("{job}/exceptions?failureLabelFilter=x"), 400),
            (format!("{job}/checkpoints/x"), 400),
            (format!("{job}/checkpoints/details/x"), 400),
            ("/savepoint-disposal/x".to_owned(), 400),
            ("/taskmanagers/nobody".to_owned(), 404),
            ("/jobs/%ff".to_owned(), 400),
            ("/v1/jobs/".to_owned(), 404),
            ("/v1".to_owned(), 404),
            ("/".to_owned(), 404),
        ] {
            let (found, body) = fixture.get(&path).await;
            assert_eq!(found, status, "{path} {body}");
            only_error(&body);
        }
    });
}

#[test]
fn wrong_methods_are_404() {
    run(async {
        let fixture = Fixture::open();
        for (method, path) in [
            (Method::PUT, "/jobs"),
            (Method::DELETE, "/overview"),
            (Method::POST, "/taskmanagers"),
            (Method::GET, "/cluster"),
            (Method::PATCH, "/bundles"),
            (Method::OPTIONS, "/jobs"),
            (Method::DELETE, "/jobs/overview"),
        ] {
            let (status, body) = fixture.json(request(method, path, "")).await;
            assert_eq!(status, 404, "{path}");
            assert!(only_error(&body).starts_with("Not found: "), "{body}");
        }
    });
}

#[test]
fn no_text_in_any_place_makes_the_server_fail() {
    run(async {
        let fixture = Fixture::open();
        for route in routes::all() {
            let mut paths = vec![filled(&route.path)];
            let places = route
                .path
                .split('/')
                .filter(|segment| segment.starts_with('{'));
            for place in places {
                let others = TEXTS
                    .iter()
                    .map(|text| filled(&route.path.replacen(place, text, 1)));
                paths.extend(others);
            }
            for query in &route.queries {
                let base = filled(&route.path);
                paths.extend(
                    TEXTS
                        .iter()
                        .map(|text| format!("{base}?{}={text}", query.name)),
                );
            }
            for path in paths {
                for body in ["", "{}", "null", "[1]", "{\"a\":", "\u{0}", "\"x\""] {
                    check(&fixture, request(route.method.clone(), &path, body)).await;
                }
            }
        }
    });
}

#[test]
fn no_random_request_makes_the_server_fail() {
    run(async {
        let fixture = Fixture::open();
        let mut rng = Rng::seeded(2026);
        let table = routes::all();
        for _ in 0..2_000 {
            let route = &table[rng.below(table.len() as u64) as usize];
            let mut path = filled(&route.path).into_bytes();
            for _ in 0..rng.below(4) {
                let place = 1 + rng.below(path.len() as u64) as usize;
                let byte = 0x21 + rng.below(0x7e - 0x21) as u8;
                path.insert(place.min(path.len()), byte);
            }
            let path = String::from_utf8(path).unwrap();
            let body: Vec<u8> = (0..rng.below(64)).map(|_| rng.next_u64() as u8).collect();
            let request = Request::builder()
                .method(route.method.clone())
                .uri(path.as_str())
                .header("host", "localhost")
                .header("content-type", random_value(&mut rng))
                .body(Body::from(body));
            // What is not even a path never gets to a handler.
            let Ok(request) = request else { continue };
            check(&fixture, request).await;
        }
    });
}

fn random_value(rng: &mut Rng) -> HeaderValue {
    let bytes: Vec<u8> = (0..rng.below(40))
        .map(|_| rng.next_u64() as u8 | 0x80)
        .collect();
    let form = b"multipart/form-data; boundary=".to_vec();
    let bytes = if rng.below(2) == 0 {
        form.into_iter().chain(bytes).collect()
    } else {
        bytes
    };
    HeaderValue::from_bytes(&bytes).unwrap()
}

async fn check(fixture: &Fixture, request: Request<Body>) {
    let what = format!("{} {}", request.method(), request.uri());
    let response = fixture.send(request).await;
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    let text = text(response).await;
    if !status.is_success() {
        only_error(&serde_json::from_str(&text).unwrap());
    }
}

#[test]
fn bodies_are_bounded_by_their_header_and_as_they_come() {
    run(async {
        let fixture = Fixture::with(|options| {
            options.limits.body_bytes = 1000;
            options.limits.json_bytes = 100;
        });
        let run = filled("/bundles/{jarid}/run");
        for (length, body_bytes, status) in [
            (None, 100, 200),
            (None, 101, 413),
            (Some("1001"), 0, 413),
            (Some("18446744073709551615"), 0, 413),
        ] {
            let mut request = request(Method::POST, &run, &" ".repeat(body_bytes));
            if let Some(length) = length {
                let length = HeaderValue::from_static(length);
                request.headers_mut().insert("content-length", length);
            }
            let (found, body) = fixture.json(request).await;
            assert_eq!(found, status, "{length:?} {body_bytes} {body}");
        }
    });
}

#[test]
fn forms_are_for_uploads_only() {
    run(async {
        let fixture = Fixture::open();
        for route in routes::all().iter().filter(|route| !route.is_upload) {
            let mut request = request(route.method.clone(), &filled(&route.path), "");
            let form = HeaderValue::from_static("Multipart/form-data; boundary=x");
            request.headers_mut().insert("content-type", form);
            let (status, body) = fixture.json(request).await;
            let expected = (400, "File uploads not allowed.");
            assert_eq!((status, only_error(&body)), expected, "{}", route.path);
        }
    });
}
