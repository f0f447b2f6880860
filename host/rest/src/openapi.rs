//! The OpenAPI document, made from the table of routes.
//!
//! Served as `/v1/openapi.json`. Invariant: it has every row with its role, its parameters, and the
//! schemas of the handler's own types; what is not in the table cannot be in it.

use std::collections::BTreeMap;

use axum::http::Method;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
};

use crate::call::HEX32;
use crate::error::Errors;
use crate::route::{Query, QueryKind, Route, SchemaOf};
use crate::router::VERSION;

/// The name of the way to identify oneself.
const BEARER: &str = "bearer";

/// What the document says about all of it.
const ABOUT: &str = "Flink's REST API v1 over a Wasmill cluster. Every path also exists without `/v1`. \
Every error, whatever its status, has the body `{\"errors\": [..]}`. Without tokens a server on a \
loopback address takes every local caller for an admin of the tenant `default`.";

/// The document of a table.
pub(crate) fn document(routes: &[Route], version: &str) -> OpenApi {
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    collect(&mut schemas, &SchemaOf::of::<Errors>());
    let mut paths = PathsBuilder::new();
    for route in routes {
        collect(&mut schemas, &route.success.schema);
        if let Some(body) = &route.body {
            collect(&mut schemas, &body.schema);
        }
        let path = match route.is_unversioned {
            true => route.path.clone(),
            false => format!("{VERSION}{}", route.path),
        };
        paths = paths.path(path, PathItem::new(method(route), operation(route)));
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let components = schemas
        .into_iter()
        .fold(ComponentsBuilder::new(), |components, (name, schema)| {
            components.schema(name, schema)
        })
        .security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Wasmill")
                .version(version)
                .description(Some(ABOUT))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn collect(schemas: &mut BTreeMap<String, RefOr<Schema>>, schema: &SchemaOf) {
    let named = [(schema.name.clone(), schema.schema.clone())];
    schemas.extend(named.into_iter().chain(schema.others.iter().cloned()));
}

fn method(route: &Route) -> HttpMethod {
    match route.method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route) -> OperationBuilder {
    let success = ResponseBuilder::new()
        .description("All is well.")
        .content(route.success.content_type, content(&route.success.schema));
    let error = ResponseBuilder::new()
        .description("What is wrong.")
        .content("application/json", content(&SchemaOf::of::<Errors>()));
    let description = format!("Needs the role {}.", route.role);
    let no_scopes: [&str; 0] = [];
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .description(Some(description))
        .operation_id(Some(operation_id(route)))
        .security(SecurityRequirement::new(BEARER, no_scopes))
        .response(route.success.status.as_str(), success)
        .response("default", error);
    for name in segments(&route.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(segment(name))),
        );
    }
    for Query { name, kind, about } in &route.queries {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*about))
                .schema(Some(query(*kind))),
        );
    }
    if let Some(body) = &route.body {
        let required = match route.is_upload {
            true => Required::True,
            false => Required::False,
        };
        let body = RequestBodyBuilder::new()
            .required(Some(required))
            .content(body.content_type, content(&body.schema));
        operation = operation.request_body(Some(body.build()));
    }
    operation
}

fn content(schema: &SchemaOf) -> Content {
    Content::new(Some(Ref::from_schema_name(&schema.name)))
}

/// The parameters of a path, in order.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/');
    segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// What a segment of a path must be.
fn segment(name: &str) -> Schema {
    let object = match name {
        "jobid" | "vertexid" | "triggerid" => ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-9a-fA-F]{32}$"))
            .description(Some(HEX32)),
        "subtaskindex" | "attempt" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(u32::MAX)),
        "checkpointid" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(i64::MAX)),
        _ => ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1)),
    };
    Schema::Object(object.build())
}

fn query(kind: QueryKind) -> Schema {
    let object = match kind {
        QueryKind::Text => ObjectBuilder::new().schema_type(Type::String),
        QueryKind::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
        QueryKind::Number | QueryKind::Positive => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(u32::from(kind == QueryKind::Positive)))
            .maximum(Some(u32::MAX)),
    };
    Schema::Object(object.build())
}

/// A name for generated clients: the method and the path's words.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '-', '.', '{', '}']);
    let words = words.filter(|word| !word.is_empty());
    let method = route.method.as_str().to_ascii_lowercase();
    let id = std::iter::once(method.as_str()).chain(words);
    id.collect::<Vec<_>>().join("_")
}
