//! Roles times routes, and what tenants see of each other.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;
use wasmill_types::id::TenantId;

use super::{Fixture, count_vertex, filled, only_error, run, text};
use crate::fixture::{BUNDLE, FOREIGN, FOREIGN_BUNDLE, RUNNING, other_tenant};
use crate::routes;
use crate::tokens::{Role, Tokens};

/// The weakest role of every route that is not for viewers; one that is missing here is open to viewers.
const ROLES: [(&str, &str, Role); 24] = [
    ("DELETE", "/cluster", Role::Admin),
    ("POST", "/tokens/join", Role::Admin),
    ("POST", "/bundles/upload", Role::Submitter),
    ("DELETE", "/bundles/{jarid}", Role::Submitter),
    ("POST", "/bundles/{jarid}/run", Role::Submitter),
    ("POST", "/bundles/{jarid}/plan", Role::Submitter),
    ("GET", "/bundles/{jarid}/plan", Role::Submitter),
    ("POST", "/jars/upload", Role::Submitter),
    ("DELETE", "/jars/{jarid}", Role::Submitter),
    ("POST", "/jars/{jarid}/run", Role::Submitter),
    ("POST", "/jars/{jarid}/plan", Role::Submitter),
    ("GET", "/jars/{jarid}/plan", Role::Submitter),
    ("POST", "/jobs", Role::Submitter),
    ("PATCH", "/jobs/{jobid}", Role::Submitter),
    ("GET", "/jobs/{jobid}/yarn-cancel", Role::Submitter),
    ("GET", "/jobs/{jobid}/yarn-stop", Role::Submitter),
    ("POST", "/jobs/{jobid}/checkpoints", Role::Submitter),
    ("POST", "/jobs/{jobid}/savepoints", Role::Submitter),
    ("POST", "/jobs/{jobid}/stop", Role::Submitter),
    ("POST", "/savepoint-disposal", Role::Submitter),
    (
        "PUT",
        "/jobs/{jobid}/resource-requirements",
        Role::Submitter,
    ),
    ("PATCH", "/jobs/{jobid}/rescaling", Role::Submitter),
    ("GET", "/overview", Role::Viewer),
    ("GET", "/metrics", Role::Viewer),
];

/// A fixture that was reached from elsewhere, with a token of each role for a tenant.
fn guarded(tenant: &TenantId) -> (Fixture, [String; 3]) {
    let fixture = Fixture::with(|options| {
        options.address = ([0, 0, 0, 0], 0).into();
        Tokens::create(&options.data_dir, TenantId::default(), Role::Viewer, 0).unwrap();
    });
    let make = |role| Tokens::create(fixture.dir.path(), tenant.clone(), role, 0).unwrap();
    let tokens = Role::ALL.map(|role| make(role).text);
    fixture.api.gate.refresh();
    (fixture, tokens)
}

fn with_token(method: &str, path: &str, token: Option<&str>) -> Request<Body> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

#[test]
fn every_route_asks_for_its_role() {
    run(async {
        let (fixture, tokens) = guarded(&TenantId::default());
        let table = routes::all();
        for (method, path, _) in ROLES {
            let is_row =
                |route: &&crate::route::Route| route.path == path && route.method == *method;
            assert!(table.iter().any(|route| is_row(&route)), "{method} {path}");
        }
        for route in &table {
            let (method, path) = (route.method.as_str(), route.path.as_str());
            let row = ROLES.iter().find(|(m, p, _)| *m == method && *p == path);
            let needed = row.map_or(Role::Viewer, |(_, _, role)| *role);
            let path = filled(path);
            let refused = fixture.send(with_token(method, &path, None)).await;
            assert_eq!(refused.status(), 401, "{method} {path}");
            assert_eq!(
                refused.headers()["www-authenticate"],
                "Bearer realm=\"wasmill\""
            );
            for (role, token) in Role::ALL.into_iter().zip(&tokens) {
                let answer = fixture.send(with_token(method, &path, Some(token))).await;
                let status = answer.status().as_u16();
                let is_open = role >= needed;
                assert_eq!(
                    status != 403,
                    is_open,
                    "{method} {path} as {role}: {status}"
                );
                assert_ne!(status, 401, "{method} {path} as {role}");
            }
        }
    });
}

#[test]
fn what_does_not_exist_is_not_told_to_strangers() {
    run(async {
        let (fixture, tokens) = guarded(&TenantId::default());
        for (method, path) in [("GET", "/nowhere"), ("PUT", "/jobs"), ("GET", "/v2/jobs")] {
            for (token, status) in [(None, 401), (Some("wrong"), 401), (Some(&*tokens[0]), 404)] {
                let (found, body) = fixture.json(with_token(method, path, token)).await;
                assert_eq!(found, status, "{method} {path}");
                only_error(&body);
            }
        }
    });
}

#[test]
fn a_tenant_sees_and_touches_only_what_is_its_own() {
    run(async {
        let (fixture, tokens) = guarded(&other_tenant());
        let admin = Some(tokens[2].as_str());
        for path in ["/jobs", "/jobs/overview"] {
            let (_, body) = fixture.json(with_token("GET", path, admin)).await;
            let text = body.to_string();
            assert!(text.contains(&FOREIGN.to_string()), "{text}");
            assert!(!text.contains(&RUNNING.to_string()), "{text}");
        }
        let (_, overview) = fixture.json(with_token("GET", "/overview", admin)).await;
        assert_eq!(overview["jobs-running"], 1);
        let (_, bundles) = fixture.json(with_token("GET", "/bundles", admin)).await;
        let files = bundles["files"].as_array().unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0]["id"], FOREIGN_BUNDLE);
        let (_, detail) = fixture
            .json(with_token("GET", "/taskmanagers/tm-a", admin))
            .await;
        let slots = detail["allocatedSlots"].as_array().unwrap();
        assert_eq!(
            (slots.len(), &slots[0]["jobId"]),
            (1, &json!(FOREIGN.to_string()))
        );
        fixture.pictures.asked();

        // A foreign job is as good as none on all of its paths, and the same goes for bundles.
        let missing = "00000000000000000000000000000000";
        for route in routes::all() {
            let path = filled(&route.path);
            let names_job = route.path.contains("{jobid}");
            if !names_job && !route.path.contains("{jarid}") {
                continue;
            }
            let foreign = fixture
                .json(with_token(route.method.as_str(), &path, admin))
                .await;
            let none = path
                .replace(&RUNNING.to_string(), missing)
                .replace(BUNDLE, missing);
            let none = fixture
                .json(with_token(route.method.as_str(), &none, admin))
                .await;
            assert_eq!(
                foreign.0,
                if names_job { 404 } else { 400 },
                "{path}: {}",
                foreign.1
            );
            assert_eq!(foreign.0, none.0, "{path}");
            let foreign = foreign.1.to_string().replace(&RUNNING.to_string(), missing);
            assert_eq!(
                foreign.replace(BUNDLE, missing),
                none.1.to_string(),
                "{path}"
            );
        }
        assert_eq!(fixture.pictures.asked(), Vec::<String>::new());
        assert!(fixture.pictures.submission().is_none());
    });
}

#[test]
fn counters_of_all_tenants_are_for_admins() {
    run(async {
        let (fixture, tokens) = guarded(&TenantId::default());
        for (token, sees_others) in tokens.iter().zip([false, false, true]) {
            let answer = fixture
                .send(with_token("GET", "/metrics", Some(token)))
                .await;
            let text = text(answer).await;
            assert!(text.contains("tenant=\"default\""));
            assert_eq!(text.contains("tenant=\"other\""), sees_others);
        }
    });
}

#[test]
fn the_dashboard_offers_what_the_role_allows() {
    run(async {
        let (fixture, tokens) = guarded(&TenantId::default());
        for (token, may_submit) in tokens.iter().zip([false, true, true]) {
            let (_, config) = fixture
                .json(with_token("GET", "/config", Some(token)))
                .await;
            let offered = &config["features"];
            assert_eq!(offered["web-submit"], may_submit);
            assert_eq!(offered["web-cancel"], may_submit);
        }
    });
}

#[test]
fn pages_of_other_sites_reach_nothing_of_the_quick_start() {
    run(async {
        let fixture = Fixture::open();
        let cancel = format!("/jobs/{RUNNING}/yarn-cancel");
        for path in [cancel.as_str(), "/jobs", "/nowhere", "/bundles/upload"] {
            for (name, value) in [
                ("host", "evil.example"),
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let mut request = with_token("GET", path, None);
                let headers = request.headers_mut();
                headers.insert("host", "localhost".parse().unwrap());
                headers.insert(name, value.parse().unwrap());
                let (status, body) = fixture.json(request).await;
                assert_eq!(status, 403, "{path} {name}");
                only_error(&body);
            }
        }
        assert_eq!(fixture.pictures.asked(), Vec::<String>::new());
        let vertex = format!("/jobs/{RUNNING}/vertices/{}", count_vertex());
        assert_eq!(fixture.get(&vertex).await.0, 200);
    });
}
