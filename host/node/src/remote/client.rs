//! HTTP to the JobManager's REST interface: where it is, who asks, and its errors as ours.
//!
//! Invariant: every request has a time limit; an answer is JSON or an error that names the server.

use std::env;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Method, Request, StatusCode};
use ureq::{Agent, SendBody};

use crate::failure::{Failure, story};

/// Where the REST interface listens unless told otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8081";

/// Names the server.
const URL_VARIABLE: &str = "WASMILL_URL";

/// The bearer token.
const TOKEN_VARIABLE: &str = "WASMILL_TOKEN";

/// How long an answer may take; submitting compiles the bundle.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer, in bytes.
const MAX_ANSWER: u64 = 256 << 20;

/// How the message of a server that is not there begins.
pub(super) const UNREACHABLE: &str = "cannot reach the JobManager";

/// Talks to one JobManager.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// Without a slash at the end.
    url: String,
    token: Option<String>,
}

/// What `context.toml` in the user's configuration directory may have.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Context {
    url: Option<String>,
    token: Option<String>,
}

impl Client {
    /// A client of the server that the flag names, else the environment, else the context file, else of
    /// the one on this machine.
    pub(crate) fn new(url: Option<&str>) -> Result<Self, Failure> {
        let context = context()?;
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let url = url
            .map(str::to_owned)
            .or_else(|| variable(URL_VARIABLE))
            .or(context.url)
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let url = if url.contains("://") {
            url
        } else {
            format!("http://{url}")
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            // The server may end a connection between two requests, which come seldom.
            .max_idle_connections(0)
            .user_agent(concat!("wasmill/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            url: url.trim_end_matches('/').to_owned(),
            token: variable(TOKEN_VARIABLE).or(context.token),
        })
    }

    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, "", SendBody::none())
    }

    /// Sends a JSON object.
    pub(crate) fn send_json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let text = body.to_string();
        let mut reader = text.as_bytes();
        let body = SendBody::from_reader(&mut reader);
        self.send(method, path, "application/json", body)
    }

    /// Sends a file as the one part of a form.
    pub(crate) fn upload(
        &self,
        path: &str,
        name: &str,
        file: impl Read,
        bytes: u64,
    ) -> Result<Value, Failure> {
        const BOUNDARY: &str = "wasmill-bundle-8f2b1c";
        let quoted = name.replace(['"', '\r', '\n', '\\'], "_");
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"{quoted}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let length = head.len() as u64 + bytes + tail.len() as u64;
        let mut body = head
            .as_bytes()
            .chain(file.take(bytes))
            .chain(tail.as_bytes());
        let request = self
            .request(Method::POST, path)
            .header(
                "Content-Type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .header("Content-Length", length)
            // One who is refused, for instance because of the size, hears so before it has sent anything.
            .header("Expect", "100-continue");
        self.answer(request, SendBody::from_reader(&mut body))
    }

    /// The server, for messages.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: SendBody<'_>,
    ) -> Result<Value, Failure> {
        let mut request = self.request(method, path);
        if !content_type.is_empty() {
            request = request.header("Content-Type", content_type);
        }
        self.answer(request, body)
    }

    fn request(&self, method: Method, path: &str) -> ureq::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/v1{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request
    }

    fn answer(
        &self,
        request: ureq::http::request::Builder,
        body: SendBody<'_>,
    ) -> Result<Value, Failure> {
        let url = &self.url;
        let request = request.body(body).map_err(|error| {
            Failure::unusable(format!(
                "`{url}` is not the address of a JobManager: {error}"
            ))
        })?;
        let mut response = self
            .agent
            .run(request)
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string()
            .map_err(|error| self.unreachable(&error))?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        if status.is_success() {
            return json.ok_or_else(|| {
                Failure::failed(format!(
                    "what answers at `{url}` is no JobManager: it sent no JSON"
                ))
            });
        }
        Err(refused(url, status, json.as_ref()))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let hint = match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "; start one with `wasmill cluster start`, or name another with `--jobmanager` or WASMILL_URL"
            }
            _ => "",
        };
        Failure::failed(format!(
            "{UNREACHABLE} at `{}`: {}{hint}",
            self.url,
            story(error)
        ))
    }
}

/// The server's own words.
fn refused(url: &str, status: StatusCode, body: Option<&Value>) -> Failure {
    let errors = body.and_then(|body| body["errors"].as_array());
    let texts: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let hint = match status {
        StatusCode::UNAUTHORIZED => "; set WASMILL_TOKEN to a token from `wasmill token create`",
        _ => "",
    };
    let message = match texts.is_empty() {
        true => format!("`{url}` answered {status}{hint}"),
        false => format!("{}{hint}", texts.join("; ")),
    };
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Failure::unusable(message),
        _ => Failure::failed(message),
    }
}

/// Reads the context file, if there is one.
fn context() -> Result<Context, Failure> {
    let Some(path) = context_path() else {
        return Ok(Context::default());
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Context::default()),
        Err(error) => {
            return Err(Failure::unusable(format!(
                "read `{}`: {error}",
                path.display()
            )));
        }
    };
    toml::from_str(&text).map_err(|error| {
        let (path, error) = (path.display(), error.message());
        Failure::unusable(format!("`{path}`: {error}; it may have `url` and `token`"))
    })
}

/// Where the context file is: `wasmill/context.toml` in the user's configuration directory.
fn context_path() -> Option<PathBuf> {
    Some(dirs::config_dir()?.join("wasmill/context.toml"))
}
