//! One row of the table of routes: what is asked, who may, what answers, and how it is documented.
//!
//! `routes` lists the rows; the router and the OpenAPI document are made from them. Invariants: the
//! document's schema of an answer or a body is that of the handler's own types; a row without a role
//! cannot be written.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::call::{Call, json_response, response};
use crate::error::ApiError;
use crate::tokens::Role;

/// A future of a response.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// Answers requests.
pub(crate) type Handler = Arc<dyn Fn(Call) -> Answering + Send + Sync>;

/// A row of the table.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path without its version; parameters in braces.
    pub(crate) path: String,
    /// The weakest role that may call.
    pub(crate) role: Role,
    pub(crate) summary: &'static str,
    /// Parameters of the query.
    pub(crate) queries: Vec<Query>,
    pub(crate) success: Success,
    pub(crate) body: Option<BodyOf>,
    pub(crate) is_upload: bool,
    /// Whether the path has no version: it is not Flink's.
    pub(crate) is_unversioned: bool,
    pub(crate) handler: Handler,
}

/// A documented parameter of the query.
#[derive(Clone, Copy)]
pub(crate) struct Query {
    pub(crate) name: &'static str,
    pub(crate) kind: QueryKind,
    pub(crate) about: &'static str,
}

/// What a parameter of the query must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryKind {
    Text,
    Number,
    /// A number from 1.
    Positive,
    Flag,
}

/// How a row answers when all is well.
#[derive(Clone)]
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) schema: SchemaOf,
}

/// A schema by name, and those that it refers to.
#[derive(Clone)]
pub(crate) struct SchemaOf {
    pub(crate) name: String,
    pub(crate) schema: RefOr<Schema>,
    pub(crate) others: Vec<(String, RefOr<Schema>)>,
}

/// A documented body.
#[derive(Clone)]
pub(crate) struct BodyOf {
    pub(crate) content_type: &'static str,
    pub(crate) schema: SchemaOf,
}

impl SchemaOf {
    pub(crate) fn of<T: ToSchema>() -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self {
            name: T::name().into_owned(),
            schema: T::schema(),
            others,
        }
    }
}

/// A row that is being written.
pub(crate) struct Draft {
    method: Method,
    path: &'static str,
    role: Role,
    summary: &'static str,
    queries: Vec<Query>,
    status: StatusCode,
}

/// Begins a row.
pub(crate) fn route(
    method: Method,
    path: &'static str,
    role: Role,
    summary: &'static str,
) -> Draft {
    Draft {
        method,
        path,
        role,
        summary,
        queries: Vec::new(),
        status: StatusCode::OK,
    }
}

impl Draft {
    /// The status of an answer when all is well; 200 unless said.
    pub(crate) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// A parameter of the query.
    pub(crate) fn query(
        mut self,
        name: &'static str,
        kind: QueryKind,
        about: &'static str,
    ) -> Self {
        self.queries.push(Query { name, kind, about });
        self
    }

    /// Answered from pictures, at once.
    pub(crate) fn shows<T: Serialize + ToSchema + 'static>(
        self,
        show: fn(&Call) -> Result<T, ApiError>,
    ) -> Route {
        let status = self.status;
        self.row::<T>(Arc::new(move |call| {
            let shown = show(&call).map(|answer| json_response(status, &answer));
            Box::pin(std::future::ready(shown))
        }))
    }

    /// Answered by the cluster; a body is ignored.
    pub(crate) fn does<T, F>(self, act: fn(Call) -> F) -> Route
    where
        T: Serialize + ToSchema + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let status = self.status;
        self.row::<T>(Arc::new(move |call| {
            let answer = act(call);
            Box::pin(async move { Ok(json_response(status, &answer.await?)) })
        }))
    }

    /// Answered by the cluster from a body of JSON.
    pub(crate) fn takes<B, T, F>(self, act: fn(Call, B) -> F) -> Route
    where
        B: DeserializeOwned + ToSchema + Send + 'static,
        T: Serialize + ToSchema + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let status = self.status;
        let handler: Handler = Arc::new(move |mut call: Call| {
            Box::pin(async move {
                let body = call.json().await?;
                Ok(json_response(status, &act(call, body).await?))
            })
        });
        let body = Some(BodyOf {
            content_type: "application/json",
            schema: SchemaOf::of::<B>(),
        });
        Route {
            body,
            ..self.row::<T>(handler)
        }
    }

    /// Answered with a text of another type than JSON, or with one that is JSON already; under a path
    /// without a version if it is text.
    pub(crate) fn prints(self, content_type: &'static str, print: fn(&Call) -> Bytes) -> Route {
        let status = self.status;
        let handler: Handler = Arc::new(move |call| {
            let content_type = HeaderValue::from_static(content_type);
            let printed = response(status, content_type, print(&call));
            Box::pin(std::future::ready(Ok(printed)))
        });
        let mut row = self.row::<serde_json::Value>(handler);
        row.is_unversioned = content_type.starts_with("text/");
        row.success.content_type = content_type;
        row
    }

    fn row<T: ToSchema>(self, handler: Handler) -> Route {
        Route {
            method: self.method,
            path: self.path.to_owned(),
            role: self.role,
            summary: self.summary,
            queries: self.queries,
            success: Success {
                status: self.status,
                content_type: "application/json",
                schema: SchemaOf::of::<T>(),
            },
            body: None,
            is_upload: false,
            is_unversioned: false,
            handler,
        }
    }
}

impl Route {
    /// A row whose body is a form with a file, which the handler reads by itself.
    pub(crate) fn upload<B: ToSchema>(self) -> Self {
        let body = Some(BodyOf {
            content_type: "multipart/form-data",
            schema: SchemaOf::of::<B>(),
        });
        Self {
            is_upload: true,
            body,
            ..self
        }
    }

    /// The same row under another path.
    pub(crate) fn alias(&self, path: String) -> Self {
        Self {
            path,
            ..self.clone()
        }
    }
}
