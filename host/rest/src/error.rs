//! What a request ends in when it is not served: one status and `{"errors": [..]}`.
//!
//! Invariant: clients tell an error from an answer only by that body, so every error has exactly the
//! field `errors`; the status of a kind is decided in one match, here.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use wasmill_jobmanager::JobManagerError;

use crate::call::json_response;

/// An error for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    kind: Kind,
    message: String,
}

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    TimedOut,
    Conflict,
    TooLarge,
    /// What was asked for is done in another way (Flink's answer to stopping by these paths).
    Elsewhere,
    Internal,
    Unavailable,
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Errors {
    /// What is wrong, for a person.
    errors: Vec<String>,
}

impl ApiError {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// A parameter of the path or the query that cannot be read, in Flink's words.
    pub(crate) fn bad_parameter(message: impl std::fmt::Display) -> Self {
        let message = format!("Bad request, could not parse parameters: {message}");
        Self::new(Kind::BadRequest, message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthorized, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Kind::TimedOut, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, message)
    }

    pub(crate) fn elsewhere(message: impl Into<String>) -> Self {
        Self::new(Kind::Elsewhere, message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self.kind {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Elsewhere => StatusCode::PERMANENT_REDIRECT,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        use axum::http::{HeaderValue, header};

        let status = self.status();
        let errors = match self.kind {
            Kind::Internal => vec![
                "Internal server error.".to_owned(),
                format!("<Exception on server side: {}>", self.message),
            ],
            _ => vec![self.message],
        };
        let mut response = json_response(status, &Errors { errors });
        let headers = response.headers_mut();
        match self.kind {
            Kind::Unauthorized => {
                let scheme = HeaderValue::from_static("Bearer realm=\"wasmill\"");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            // What is left of the request is not worth reading.
            Kind::TooLarge | Kind::TimedOut => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl From<JobManagerError> for ApiError {
    fn from(error: JobManagerError) -> Self {
        let (kind, message) = match error {
            JobManagerError::NotFound(message) => (Kind::NotFound, message),
            JobManagerError::Invalid(message) => (Kind::BadRequest, message),
            JobManagerError::Forbidden(message) => (Kind::Forbidden, message),
            JobManagerError::Conflict(message) => (Kind::Conflict, message),
            JobManagerError::TooLarge(message) => (Kind::TooLarge, message),
            JobManagerError::TimedOut(message) => (Kind::TimedOut, message),
            JobManagerError::Unavailable(message) => (Kind::Unavailable, message),
            JobManagerError::Internal(message) => {
                tracing::error!(message, "request failed");
                (Kind::Internal, message)
            }
        };
        Self { kind, message }
    }
}
