//! Certificates: what is in them, and when one is good.
//!
//! The authority issues them ([`issue`]); TLS and members check them ([`check`]). A node's name is a URI in
//! the certificate; the JobManager's certificate is good for servers only, a TaskManager's for both sides
//! of its connections. Invariant: there is one way to check a certificate, and TLS, joining and start use it.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use thiserror::Error;
use time::OffsetDateTime;
use webpki::{EndEntityCert, Error as PkiError, KeyUsage};

use super::{Fingerprint, IdentityError, Node, show_time};

/// The length of a node's public key (Ed25519), in bytes.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// How long the authority's certificate is good. Ten years: a cluster is rebuilt more often.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3_653 * 24 * 3_600);
/// How long a node's certificate is good. The JobManager makes its own anew at each start, a TaskManager
/// joins again when [`RENEWAL_BEFORE`] is left at its start.
const NODE_LIFE: Duration = Duration::from_secs(365 * 24 * 3_600);
/// When a certificate is due for renewal: so long before its end.
pub(super) const RENEWAL_BEFORE: Duration = Duration::from_secs(120 * 24 * 3_600);
/// Certificates begin in the past, for the clocks of machines differ.
const BACKDATED: Duration = Duration::from_secs(3_600);

/// What a certificate is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// The side that was connected to.
    Server,
    /// The side that connected.
    Client,
}

/// Why a certificate is not good. The text is shown on both sides of a connection.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CertificateError {
    /// Not a certificate.
    #[error("the presented certificate cannot be read")]
    Unreadable,
    /// Another authority, or none, has made that of a node that connects.
    #[error(
        "the presented certificate is not from the authority of cluster {cluster}; \
         that node has to join this cluster with a token of this JobManager"
    )]
    Foreign {
        /// The cluster of the side that checks.
        cluster: Fingerprint,
    },
    /// Another authority, or none, has made that of a node that was connected to.
    #[error(
        "the presented certificate is not from the authority of cluster {cluster}, which the node that \
         connects means; give that node the address of a JobManager of cluster {cluster}, or a join token of \
         the one that it has reached"
    )]
    Elsewhere {
        /// The cluster of the side that checks.
        cluster: Fingerprint,
    },
    /// Too late.
    #[error(
        "the presented certificate expired at {} and the side that checks it has {} now; \
         restart that node so that it gets a new one, or set the clocks of both machines",
        show_time(*.at_ms), show_time(*.now_ms)
    )]
    Expired {
        /// Its end.
        at_ms: i64,
        /// The time of the side that checks.
        now_ms: i64,
    },
    /// Too early.
    #[error(
        "the presented certificate is good from {} on and the side that checks it has {} now; \
         set the clocks of both machines",
        show_time(*.from_ms), show_time(*.now_ms)
    )]
    NotYet {
        /// Its beginning.
        from_ms: i64,
        /// The time of the side that checks.
        now_ms: i64,
    },
    /// It is good for something else.
    #[error("the presented certificate names no node of Wasmill, or is not meant for this use")]
    OtherUse,
    /// The node is not the one that was meant.
    #[error("the presented certificate is that of {found}, not of {expected}")]
    OtherNode {
        /// Whose it is.
        found: Node,
        /// Whose it should be.
        expected: Node,
    },
    /// It belongs to another key.
    #[error("the certificate does not belong to the key beside it")]
    OtherKey,
    /// Something rare.
    #[error("the presented certificate is not accepted: {0}")]
    Refused(String),
}

/// A public key that came as its bytes.
struct RawKey<'a>(&'a [u8]);

impl PublicKeyData for RawKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// Makes the certificate of a new authority.
pub(super) fn self_sign(
    key: &KeyPair,
    now_ms: i64,
) -> Result<CertificateDer<'static>, IdentityError> {
    let mut params = authority_params();
    set_life(&mut params, now_ms, AUTHORITY_LIFE);
    let made = params.self_signed(key);
    let certificate = made.map_err(|source| making("the authority's certificate", source))?;
    Ok(certificate.der().clone())
}

/// Makes the certificate of a node for its public key.
pub(super) fn issue(
    authority: &KeyPair,
    node: &Node,
    public_key: &[u8],
    now_ms: i64,
) -> Result<CertificateDer<'static>, IdentityError> {
    let what = "a node's certificate";
    let (got, want) = (public_key.len(), PUBLIC_KEY_BYTES);
    if got != want {
        return Err(IdentityError::PublicKey { got, want });
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&node.to_string());
    let uri = node.uri().try_into();
    params.subject_alt_names = vec![SanType::URI(uri.map_err(|source| making(what, source))?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = match node {
        Node::JobManager => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Node::TaskManager(_) => vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ],
    };
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, now_ms, NODE_LIFE);
    let issuer_params = authority_params();
    let issuer = Issuer::from_params(&issuer_params, authority);
    let signed = params.signed_by(&RawKey(public_key), &issuer);
    let certificate = signed.map_err(|source| making(what, source))?;
    Ok(certificate.der().clone())
}

/// Checks a node's certificate against the only authority that counts, and answers whose it is.
pub(crate) fn check(
    certificate: &CertificateDer<'_>,
    authority: &CertificateDer<'_>,
    usage: Usage,
    now_ms: i64,
) -> Result<Node, CertificateError> {
    let parsed = EndEntityCert::try_from(certificate);
    let parsed = parsed.map_err(|_| CertificateError::Unreadable)?;
    let anchor = webpki::anchor_from_trusted_cert(authority);
    let anchor = anchor.map_err(|_| CertificateError::Unreadable)?;
    let extended = match usage {
        Usage::Server => KeyUsage::server_auth(),
        Usage::Client => KeyUsage::client_auth(),
    };
    let seconds = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let anchors = [anchor];
    let verified = parsed.verify_for_usage(
        &[webpki::ring::ED25519],
        &anchors,
        &[],
        now,
        extended,
        None,
        None,
    );
    verified.map_err(|error| explain(&error, authority, usage, now_ms))?;
    let mut names = parsed.valid_uri_names();
    let node = names.next().and_then(Node::from_uri);
    node.filter(|_| names.next().is_none())
        .ok_or(CertificateError::OtherUse)
}

/// The public key that a certificate is for.
pub(super) fn is_for_key(certificate: &CertificateDer<'_>, key: &KeyPair) -> bool {
    let parsed = EndEntityCert::try_from(certificate);
    parsed.is_ok_and(|parsed| {
        parsed.subject_public_key_info().as_ref() == key.subject_public_key_info()
    })
}

fn explain(
    error: &PkiError,
    authority: &CertificateDer<'_>,
    usage: Usage,
    now_ms: i64,
) -> CertificateError {
    let cluster = Fingerprint::of(authority);
    let ms = |time: &UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 1_000) * 1_000;
    match error {
        PkiError::CertExpired { not_after, .. } => CertificateError::Expired {
            at_ms: ms(not_after),
            now_ms,
        },
        PkiError::CertNotValidYet { not_before, .. } => CertificateError::NotYet {
            from_ms: ms(not_before),
            now_ms,
        },
        // All authorities have the same name, so those of other clusters fail at the signature.
        PkiError::UnknownIssuer
        | PkiError::InvalidSignatureForPublicKey
        | PkiError::CaUsedAsEndEntity => match usage {
            Usage::Server => CertificateError::Elsewhere { cluster },
            Usage::Client => CertificateError::Foreign { cluster },
        },
        PkiError::RequiredEkuNotFoundContext(_) | PkiError::EmptyEkuExtension => {
            CertificateError::OtherUse
        }
        PkiError::BadDer | PkiError::BadDerTime => CertificateError::Unreadable,
        other => CertificateError::Refused(other.to_string()),
    }
}

/// What all authorities have in common; their keys tell them apart.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Wasmill cluster authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn set_life(params: &mut CertificateParams, now_ms: i64, life: Duration) {
    let now = OffsetDateTime::from_unix_timestamp(now_ms / 1_000);
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now.saturating_sub(BACKDATED.try_into().unwrap_or_default());
    params.not_after = now.saturating_add(life.try_into().unwrap_or_default());
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

pub(super) fn making(what: &'static str, source: rcgen::Error) -> IdentityError {
    IdentityError::Making { what, source }
}
