//! Who calls, and whether the door is open to them: bearer tokens, or the quick start on loopback.
//!
//! Asked for every request, also for paths that do not exist. Invariants: without a token nobody is
//! anybody, except on a server that was started on a loopback address without any tokens; such a server
//! answers only requests that name a loopback host and that no web page of another origin has made, so
//! that a browser on the same machine is no way in; once tokens exist, the quick start is over for good.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, Uri, header};
use wasmill_types::id::TenantId;

use crate::error::ApiError;
use crate::tokens::{Role, Stamp, TokenError, Tokens};

/// The longest `Authorization` that is looked at, in bytes.
const MAX_AUTHORIZATION: usize = 512;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: TenantId,
    pub(crate) role: Role,
}

/// Decides who calls.
#[derive(Debug)]
pub(crate) struct Gate {
    data_dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: Tokens,
    stamp: Stamp,
    /// Whether local callers need no token.
    is_open: bool,
}

impl Gate {
    /// Reads the tokens, and opens the quick start when there are none and the address is local.
    pub(crate) fn new(data_dir: PathBuf, address: SocketAddr) -> Result<Self, TokenError> {
        let stamp = Stamp::of(&data_dir);
        let tokens = Tokens::read(&data_dir)?;
        let is_open = tokens.is_empty() && address.ip().is_loopback();
        let state = Mutex::new(State {
            tokens,
            stamp,
            is_open,
        });
        Ok(Self { data_dir, state })
    }

    /// Whether nobody could ever come in: there are no tokens, and the address is not local.
    pub(crate) fn is_shut(&self) -> bool {
        let state = self.state();
        state.tokens.is_empty() && !state.is_open
    }

    /// Whether local callers need no token.
    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// Reads the tokens again if their file has changed. Blocks on the file.
    pub(crate) fn refresh(&self) {
        let stamp = Stamp::of(&self.data_dir);
        if stamp == self.state().stamp {
            return;
        }
        let read = Tokens::read(&self.data_dir);
        let mut state = self.state();
        state.stamp = stamp;
        match read {
            Ok(tokens) => {
                tracing::info!(tokens = tokens.list().len(), "tokens have changed");
                state.is_open &= tokens.is_empty();
                state.tokens = tokens;
            }
            Err(error) => {
                // Tokens may have been revoked by what cannot be read, so nobody is let in by the old ones.
                state.tokens = Tokens::default();
                state.is_open = false;
                tracing::error!(%error, "nobody is let in: the tokens cannot be read");
            }
        }
    }

    /// Who sends a request with these headers.
    pub(crate) fn identify(&self, uri: &Uri, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let state = self.state();
        if state.is_open {
            check_local(uri, headers)?;
            return Ok(Caller {
                tenant: TenantId::default(),
                role: Role::Admin,
            });
        }
        let token = bearer(headers).ok_or_else(|| {
            ApiError::unauthorized(
                "a token is needed: send the header `Authorization: Bearer TOKEN`",
            )
        })?;
        let (tenant, role) = state.tokens.find(token).ok_or_else(|| {
            ApiError::unauthorized(
                "the token is not known: it was revoked, or is of another cluster",
            )
        })?;
        Ok(Caller { tenant, role })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic half-way happens under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// Whether the caller may do what `needed` may.
    pub(crate) fn check(&self, needed: Role) -> Result<(), ApiError> {
        if self.role >= needed {
            return Ok(());
        }
        let role = self.role;
        Err(ApiError::forbidden(format!(
            "this needs the role {needed}, and the token has the role {role}"
        )))
    }
}

/// The token of a request; a scheme's name may be written in either case.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    // Two of them could be read differently by a proxy before us.
    if values.next().is_some() || value.len() > MAX_AUTHORIZATION {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Refuses what a browser sends for a page that is not ours.
pub(crate) fn check_local(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).unwrap_or_default();
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    if !is_local(host) || !is_local(authority) {
        return Err(ApiError::forbidden(
            "without tokens only this machine is served, by the name localhost or a loopback address; \
             make a token with `wasmill token create` to use another name",
        ));
    }
    let origin = text(header::ORIGIN);
    let same_origin = origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    let same_site = matches!(site, None | Some(b"same-origin" | b"none"));
    if !same_origin || !same_site {
        return Err(ApiError::forbidden(
            "pages of other sites may not call a cluster without tokens",
        ));
    }
    Ok(())
}

/// Whether a host, with or without a port, is this machine by a name that DNS cannot give to others.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address: Result<IpAddr, _> = bare.unwrap_or(name).parse();
    match address {
        Ok(address) => address.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests;
