//! The join token: what a new TaskManager shows to be let into the cluster.
//!
//! `wmj1_` and, in base64url, the fingerprint of the cluster's authority, the expiry in milliseconds since
//! the epoch, and an HMAC of both. The JobManager makes and checks it with a key in its data directory and
//! keeps no list of tokens; replacing that key makes all tokens worthless. The TaskManager, which cannot
//! check the HMAC, uses the fingerprint to be sure of whom it joins. Invariant: a token is of use only to
//! the cluster that made it, until its expiry.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use thiserror::Error;

use super::{Fingerprint, show_time};

/// What a token begins with; the digit is the version of its form.
const PREFIX: &str = "wmj1_";
/// What the HMAC is computed over in front of the token's own bytes, so that the key's other uses, if
/// there ever are some, cannot make tokens.
const LABEL: &[u8] = b"wasmill join token 1\0";
const SIGNED_BYTES: usize = 32 + 8;
const TOKEN_BYTES: usize = SIGNED_BYTES + 32;
/// The length of a token's text after the prefix.
const TEXT_BYTES: usize = TOKEN_BYTES * 4 / 3;
const _: () = assert!(TOKEN_BYTES.is_multiple_of(3), "base64 without padding");

/// A token; its text is a secret, so it is shown only by [`JoinToken::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    cluster: Fingerprint,
    expires_ms: i64,
    tag: [u8; 32],
}

/// Makes and checks the tokens of one cluster.
#[derive(Clone)]
pub struct TokenKey {
    cluster: Fingerprint,
    key: hmac::Key,
}

/// What is wrong with a token.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// Some other text.
    #[error(
        "this is not a join token, which begins with `{PREFIX}`; `wasmill token join` prints one"
    )]
    NotAToken,
    /// A token of another version of Wasmill.
    #[error(
        "this join token has form {0}, this version of Wasmill knows form 1; run the same version on all nodes"
    )]
    OtherForm(u32),
    /// The end is missing.
    #[error(
        "this join token is cut off: {got} of {TEXT_BYTES} characters follow `{PREFIX}`; copy all of it"
    )]
    Truncated {
        /// How much is there.
        got: usize,
    },
    /// Something follows the end.
    #[error(
        "this join token is too long: {got} characters follow `{PREFIX}` instead of {TEXT_BYTES}"
    )]
    TooLong {
        /// How much is there.
        got: usize,
    },
    /// Something that no token holds.
    #[error(
        "this join token holds characters other than A-Z, a-z, 0-9, `-` and `_`; copy it again"
    )]
    Characters,
    /// Too late.
    #[error(
        "this join token expired at {} and it is {} now; make a new one with `wasmill token join`, \
         or set the clocks of both machines",
        show_time(*.at_ms), show_time(*.now_ms)
    )]
    Expired {
        /// When.
        at_ms: i64,
        /// The time here.
        now_ms: i64,
    },
    /// Made elsewhere.
    #[error(
        "this join token is of another cluster ({token}, not {cluster}); \
         make one at this JobManager with `wasmill token join`"
    )]
    OtherCluster {
        /// The cluster that made it.
        token: Fingerprint,
        /// The one that was asked.
        cluster: Fingerprint,
    },
    /// The right form, but not made with the key.
    #[error(
        "this join token was altered, or made before the cluster's token key was replaced; \
         make a new one with `wasmill token join`"
    )]
    Forged,
}

impl TokenKey {
    pub(super) fn new(cluster: Fingerprint, secret: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { cluster, key }
    }

    /// Makes a token that is good for so long.
    pub fn issue(&self, now_ms: i64, good_for: Duration) -> JoinToken {
        let good_for_ms = i64::try_from(good_for.as_millis()).unwrap_or(i64::MAX);
        let expires_ms = now_ms.saturating_add(good_for_ms);
        let mut tag = [0; 32];
        tag.copy_from_slice(hmac::sign(&self.key, &signed(self.cluster, expires_ms)).as_ref());
        JoinToken {
            cluster: self.cluster,
            expires_ms,
            tag,
        }
    }

    /// Checks a token; the tag is compared in constant time.
    ///
    /// # Errors
    /// When it is of another cluster, not ours, or expired.
    pub fn check(&self, token: &JoinToken, now_ms: i64) -> Result<(), TokenError> {
        if token.cluster != self.cluster {
            return Err(TokenError::OtherCluster {
                token: token.cluster,
                cluster: self.cluster,
            });
        }
        let message = signed(token.cluster, token.expires_ms);
        hmac::verify(&self.key, &message, &token.tag).map_err(|_| TokenError::Forged)?;
        token.check_expiry(now_ms)
    }
}

impl JoinToken {
    /// The cluster that made it.
    pub fn cluster(&self) -> Fingerprint {
        self.cluster
    }

    /// When it ceases to be good, in milliseconds since the epoch.
    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// Whether it is still good at this time.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_expiry(&self, now_ms: i64) -> Result<(), TokenError> {
        let at_ms = self.expires_ms;
        if now_ms >= at_ms {
            return Err(TokenError::Expired { at_ms, now_ms });
        }
        Ok(())
    }

    /// The token as text: whoever has it may join.
    pub fn reveal(&self) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(&self.cluster.0);
        bytes.extend_from_slice(&self.expires_ms.to_be_bytes());
        bytes.extend_from_slice(&self.tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let Some(body) = text.strip_prefix(PREFIX) else {
            return Err(other_form(text));
        };
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !body.bytes().all(fine) {
            return Err(TokenError::Characters);
        }
        let got = body.len();
        if got < TEXT_BYTES {
            return Err(TokenError::Truncated { got });
        }
        if got > TEXT_BYTES {
            return Err(TokenError::TooLong { got });
        }
        let bytes = URL_SAFE_NO_PAD.decode(body);
        let bytes = bytes.map_err(|_| TokenError::Characters)?;
        let part = |from: usize| bytes.get(from..from + 32)?.try_into().ok();
        let expires = bytes.get(32..SIGNED_BYTES);
        let expires = expires.and_then(|bytes| bytes.try_into().ok());
        match (part(0), expires, part(SIGNED_BYTES)) {
            (Some(cluster), Some(expires), Some(tag)) => Ok(Self {
                cluster: Fingerprint(cluster),
                expires_ms: i64::from_be_bytes(expires),
                tag,
            }),
            _ => Err(TokenError::Truncated { got }),
        }
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, until) = (self.cluster, show_time(self.expires_ms));
        write!(f, "JoinToken(cluster {cluster}, until {until})")
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(cluster {})", self.cluster)
    }
}

/// What is wrong with a text that has not our prefix.
fn other_form(text: &str) -> TokenError {
    let number = text
        .strip_prefix("wmj")
        .and_then(|rest| rest.split_once('_'));
    let form = number.and_then(|(form, _)| form.parse().ok());
    form.map_or(TokenError::NotAToken, TokenError::OtherForm)
}

fn signed(cluster: Fingerprint, expires_ms: i64) -> Vec<u8> {
    let mut message = Vec::with_capacity(LABEL.len() + SIGNED_BYTES);
    message.extend_from_slice(LABEL);
    message.extend_from_slice(&cluster.0);
    message.extend_from_slice(&expires_ms.to_be_bytes());
    message
}

#[cfg(test)]
mod tests;
