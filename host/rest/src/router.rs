//! From a request to its row and back: identity, role, bounds, time, and the answer.
//!
//! Served by `server` on every connection. Invariants: nothing is looked at before the gate has said who
//! calls; every path exists with and without `/v1`; a method that a path does not have is a 404 as in
//! Flink; every error has the same body.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{Method, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::api::Api;
use crate::call::Call;
use crate::error::ApiError;
use crate::leftover::Leftover;
use crate::route::Route;
use crate::routes;

/// The version of the API, as paths begin.
pub(crate) const VERSION: &str = "/v1";

/// Serves the table of routes.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    let mut by_path: BTreeMap<String, MethodRouter> = BTreeMap::new();
    for route in routes::all() {
        let route = Arc::new(route);
        let mut paths = vec![route.path.clone()];
        if !route.is_unversioned {
            paths.push(format!("{VERSION}{}", route.path));
        }
        for path in paths {
            let methods = by_path.remove(&path).unwrap_or_default();
            let served = serve(Arc::clone(api), Arc::clone(&route));
            by_path.insert(path, methods.merge(served));
        }
    }
    let router = by_path
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(&path, methods)
        });
    let lost = Arc::clone(api);
    let unknown = move |request: Request| {
        let (request, leftover) = Leftover::lend(request);
        let refused = not_found(&lost, &request);
        drop(request);
        std::future::ready(refuse(&lost, refused, leftover))
    };
    router
        .fallback(unknown.clone())
        .method_not_allowed_fallback(unknown)
}

fn serve(api: Arc<Api>, route: Arc<Route>) -> MethodRouter {
    let filter = match route.method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    on(
        filter,
        move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            let (api, route) = (Arc::clone(&api), Arc::clone(&route));
            async move {
                let path = params.map(|params| {
                    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                    params.iter().map(pair).collect()
                });
                let path = path.map_err(|error| ApiError::bad_parameter(error.body_text()));
                let (request, leftover) = Leftover::lend(request);
                let answer = answer(Arc::clone(&api), &route, path, request).await;
                answer.unwrap_or_else(|refused| refuse(&api, refused, leftover))
            }
        },
    )
}

/// Answers with an error, and lets the client finish what it sends.
fn refuse(api: &Api, refused: ApiError, leftover: Leftover) -> Response {
    leftover.read(api.options.limits.body_bytes, &api.clock);
    refused.into_response()
}

async fn answer(
    api: Arc<Api>,
    route: &Route,
    path: Result<Vec<(String, String)>, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    let caller = api.gate.identify(request.uri(), request.headers())?;
    caller.check(route.role)?;
    check_body(&api, route, &request)?;
    let limits = &api.options.limits;
    let time = match route.is_upload {
        true => limits.upload_time,
        false => limits.request_time,
    };
    let clock = api.clock.clone();
    let mut call = Call::new(api, caller, path?, request);
    let handled = async {
        if route.body.is_none() {
            // Clients of Flink send one all the same, and would find the connection closed on them.
            call.ignore_body().await?;
        }
        (route.handler)(call).await
    };
    clock
        .timeout(time, handled)
        .await
        .map_err(|_| ApiError::timed_out(format!("the request took longer than {time:?}")))?
}

/// Refuses a body by its headers, before any of it is read.
fn check_body(api: &Api, route: &Route, request: &Request) -> Result<(), ApiError> {
    let text = |name| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let limit = api.options.limits.body_bytes;
    let length: Option<u64> = text(header::CONTENT_LENGTH).and_then(|it| it.parse().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(ApiError::too_large(format!(
            "a request may have {limit} bytes (`rest.max-upload`)"
        )));
    }
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default().as_bytes();
    let multipart = b"multipart/";
    let is_form = content_type
        .get(..multipart.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(multipart));
    if is_form && !route.is_upload {
        return Err(ApiError::bad_request("File uploads not allowed."));
    }
    Ok(())
}

/// What does not exist is told only to those who may look.
fn not_found(api: &Api, request: &Request) -> ApiError {
    match api.gate.identify(request.uri(), request.headers()) {
        Err(refused) => refused,
        Ok(_) => ApiError::not_found(format!("Not found: {}", request.uri().path())),
    }
}
