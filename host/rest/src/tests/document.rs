//! The OpenAPI document: a golden, and that it has everything.

use super::responses::check_golden;
use super::{Fixture, run};
use crate::routes;

#[test]
fn the_document_has_every_route_and_every_schema_that_it_refers_to() {
    run(async {
        let (status, document) = Fixture::open().get("/v1/openapi.json").await;
        assert_eq!(status, 200);
        for route in routes::all() {
            let version = if route.is_unversioned { "" } else { "/v1" };
            let path = &document["paths"][format!("{version}{}", route.path)];
            let operation = &path[route.method.as_str().to_lowercase()];
            let status = route.success.status.as_str();
            assert!(operation["responses"][status].is_object(), "{}", route.path);
            assert!(
                operation["responses"]["default"].is_object(),
                "{}",
                route.path
            );
        }
        let text = document.to_string();
        let schemas = &document["components"]["schemas"];
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas[name].is_object(), "{name}");
        }
    });
}

#[test]
fn the_document_is_as_it_was() {
    run(async {
        let (_, document) = Fixture::open().get("/openapi.json").await;
        let text = serde_json::to_string_pretty(&document).unwrap();
        check_golden("golden/openapi.json", &format!("{text}\n"));
    });
}
