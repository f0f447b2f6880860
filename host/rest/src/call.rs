//! A request as handlers see it: who calls, and parameters and body read in one way.
//!
//! Invariants: an absent and an empty body are `{}`, unknown fields are ignored, a body is bounded before
//! it is read; whatever cannot be read is a 400 that names it, never anything else.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmill_graph::OperatorUid;
use wasmill_jobmanager::view::{JobView, SubtaskView, VertexView};
use wasmill_types::id::{JobId, VertexId};

use crate::api::Api;
use crate::error::ApiError;
use crate::gate::Caller;

/// The content type of every JSON answer.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

/// One request.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) caller: Caller,
    pub(crate) headers: HeaderMap,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    /// Never locked: it lets a call be shared between threads, which a body cannot be.
    body: Mutex<Body>,
}

/// A vertex of a job, with both of its sides.
pub(crate) struct VertexOf {
    pub(crate) job: Arc<JobView>,
    pub(crate) id: VertexId,
}

impl VertexOf {
    /// What it does now.
    pub(crate) fn view(&self) -> &VertexView {
        &self.job.vertices[self.id.0 as usize]
    }

    /// What it is.
    pub(crate) fn planned(&self) -> &wasmill_graph::Vertex {
        self.job.graph.vertex(self.id)
    }
}

impl Call {
    pub(crate) fn new(
        api: Arc<Api>,
        caller: Caller,
        path: Vec<(String, String)>,
        request: axum::extract::Request,
    ) -> Self {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        Self {
            api,
            caller,
            headers: parts.headers,
            path,
            query: form_urlencoded::parse(query).into_owned().collect(),
            body: Mutex::new(body),
        }
    }

    /// Now, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.api.clock.now_ms()
    }

    /// A segment of the path.
    pub(crate) fn segment(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    /// A segment of the path as what it must be.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<T, ApiError> {
        let text = self.segment(name);
        text.parse().map_err(|_| not(name, text, what))
    }

    /// A parameter of the query; the first one counts.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the query as what it must be; empty is absent.
    pub(crate) fn parsed_query<T: FromStr>(
        &self,
        name: &str,
        what: &str,
    ) -> Result<Option<T>, ApiError> {
        let text = self.query(name).filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|_| not(name, text, what)))
            .transpose()
    }

    /// A parameter of the query that is a list with commas; none when it is absent or empty.
    pub(crate) fn list_query(&self, name: &str) -> Option<Vec<&str>> {
        let text = self.query(name).filter(|text| !text.is_empty())?;
        Some(text.split(',').collect())
    }

    /// The job that the path names, if it is the caller's.
    pub(crate) fn job(&self) -> Result<Arc<JobView>, ApiError> {
        self.api.job(&self.caller.tenant, self.job_id()?)
    }

    /// The job's id in the path.
    pub(crate) fn job_id(&self) -> Result<JobId, ApiError> {
        let text = self.segment("jobid");
        text.parse().map_err(ApiError::bad_parameter)
    }

    /// The vertex that the path names.
    pub(crate) fn vertex(&self) -> Result<VertexOf, ApiError> {
        let job = self.job_id()?;
        let text = self.segment("vertexid");
        let uid = parse_hex32(text).ok_or_else(|| not("vertexid", text, HEX32))?;
        let uid = OperatorUid(uid);
        let job = self.api.job(&self.caller.tenant, job)?;
        let found = job.vertex(uid).map(|(id, _)| id);
        let id =
            found.ok_or_else(|| ApiError::not_found(format!("No vertex with ID {uid} exists.")))?;
        Ok(VertexOf { job, id })
    }

    /// The number of the subtask that the path names, and the vertex.
    pub(crate) fn subtask(&self) -> Result<(VertexOf, usize), ApiError> {
        let index: u32 = self.parsed("subtaskindex", "a number from 0")?;
        let vertex = self.vertex()?;
        let index = index as usize;
        let count = vertex.view().subtasks.len();
        if index >= count {
            return Err(ApiError::not_found(format!(
                "Invalid subtask index {index}: the vertex has {count} subtasks."
            )));
        }
        Ok((vertex, index))
    }

    /// Reads the body to its end, for a route that has no use for one.
    pub(crate) async fn ignore_body(&mut self) -> Result<(), ApiError> {
        self.bytes().await.map(drop)
    }

    /// The body as a JSON object.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let bytes = self.bytes().await?;
        let bytes = if bytes.trim_ascii().is_empty() {
            Bytes::from_static(b"{}")
        } else {
            bytes
        };
        // A list of values would pass for an object whose fields have no names.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(ApiError::bad_request(
                "the body is not as it must be: it has to be a JSON object, for instance {}",
            ));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::bad_request(format!("the body is not as it must be: {error}"))
        })
    }

    /// The whole body, which is not large.
    async fn bytes(&mut self) -> Result<Bytes, ApiError> {
        let limit = self.api.options.limits.json_bytes;
        let body = self.take_body();
        axum::body::to_bytes(body, limit).await.map_err(|error| {
            let error = error.into_inner();
            if error.is::<LengthLimitError>() {
                ApiError::too_large(format!("a body of JSON may have {limit} bytes"))
            } else {
                ApiError::bad_request(format!("the body broke off: {error}"))
            }
        })
    }

    /// The body as it comes.
    pub(crate) fn take_body(&mut self) -> Body {
        let body = self.body.get_mut();
        std::mem::take(body.unwrap_or_else(PoisonError::into_inner))
    }
}

/// A subtask of a vertex; its number was checked by [`Call::subtask`].
pub(crate) fn subtask(vertex: &VertexOf, index: usize) -> &SubtaskView {
    &vertex.view().subtasks[index]
}

/// How identifiers look.
pub(crate) const HEX32: &str = "32 hexadecimal digits";

/// Sixteen bytes as 32 hexadecimal digits.
pub(crate) fn parse_hex32(text: &str) -> Option<u128> {
    let hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn not(name: &str, text: &str, what: &str) -> ApiError {
    ApiError::bad_parameter(format!("`{name}` must be {what}, and is `{text}`"))
}

/// An answer in JSON.
pub(crate) fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    // Our types are structs of texts and numbers with texts as keys: they always have a JSON form.
    let bytes = serde_json::to_vec(body).expect("answers have a JSON form");
    response(status, JSON, bytes)
}

/// An answer of any type.
pub(crate) fn response(
    status: StatusCode,
    content_type: HeaderValue,
    bytes: impl Into<Body>,
) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
