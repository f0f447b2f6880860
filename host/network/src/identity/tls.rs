//! TLS as the cluster uses it: version 1.3, both sides with certificates of one authority.
//!
//! `endpoint` makes its configurations here. Invariants: whom to expect is fixed before connecting and
//! checked in the handshake; nothing is resumed, so each connection is checked anew; a refusal's text
//! reaches the other side ([`own_text`]).

use std::fmt;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig,
    SignatureScheme,
};
use wasmill_actor::Clock;

use super::certificate::{self, CertificateError, Usage};
use super::{Fingerprint, Identity, Node};

/// What an own text begins with inside of a TLS error, so that both sides can tell it from the library's.
const MARK: &str = "wasmill: ";

/// The server name of all connections: nodes are told by their certificates, not by host names.
pub(crate) const SERVER_NAME: &str = "wasmill.invalid";

/// Whom the connecting side accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This node, of the cluster whose authority is this one.
    Node(Node, CertificateDer<'static>),
    /// The JobManager of the cluster that a join token names.
    JobManagerOf(Fingerprint),
}

/// The configuration of a side that is connected to. Certificates of clients are checked if presented;
/// which protocols demand one is the endpoint's matter.
pub(crate) fn server(
    identity: &Identity,
    alpns: Vec<Vec<u8>>,
    clock: &Clock,
) -> Result<QuicServerConfig, Error> {
    let config = server_config(identity, alpns, clock)?;
    QuicServerConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
}

/// The same for a connection over TCP.
pub(crate) fn server_config(
    identity: &Identity,
    alpns: Vec<Vec<u8>>,
    clock: &Clock,
) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(Clients {
        authority: identity.authority().clone(),
        algorithms: provider.signature_verification_algorithms,
    });
    let mut config = ServerConfig::builder_with_details(provider, time_of(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(identity), key(identity))?;
    config.alpn_protocols = alpns;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The configuration of a side that connects; without an identity it can only join.
pub(crate) fn client(
    identity: Option<&Identity>,
    expected: Expected,
    alpns: Vec<Vec<u8>>,
    clock: &Clock,
) -> Result<QuicClientConfig, Error> {
    let config = client_config(identity, expected, alpns, clock)?;
    QuicClientConfig::try_from(config).map_err(|error| Error::General(error.to_string()))
}

/// The same for a connection over TCP.
pub(crate) fn client_config(
    identity: Option<&Identity>,
    expected: Expected,
    alpns: Vec<Vec<u8>>,
    clock: &Clock,
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Arc::new(Servers {
        expected,
        algorithms: provider.signature_verification_algorithms,
    });
    let builder = ClientConfig::builder_with_details(provider, time_of(clock))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(chain(identity), key(identity))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpns;
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

/// Whose certificate a connected peer has shown; the handshake has checked it already.
pub(crate) fn node_of(
    connection: &quinn::Connection,
    authority: &CertificateDer<'_>,
    usage: Usage,
    now_ms: i64,
) -> Result<Option<Node>, CertificateError> {
    let Some(shown) = connection.peer_identity() else {
        return Ok(None);
    };
    let Ok(chain) = shown.downcast::<Vec<CertificateDer<'static>>>() else {
        return Err(CertificateError::Unreadable);
    };
    node_in(&chain, authority, usage, now_ms).map(Some)
}

/// Whose certificate a chain begins with.
pub(crate) fn node_in(
    chain: &[CertificateDer<'_>],
    authority: &CertificateDer<'_>,
    usage: Usage,
    now_ms: i64,
) -> Result<Node, CertificateError> {
    let first = chain.first().ok_or(CertificateError::Unreadable)?;
    certificate::check(first, authority, usage, now_ms)
}

/// Our own text in the error of a handshake, from whichever side it comes.
pub(crate) fn own_text(error: &str) -> Option<&str> {
    error.split_once(MARK).map(|(_, text)| text)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    vec![identity.certificate().clone(), identity.authority().clone()]
}

fn key(identity: &Identity) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(identity.key().clone_key())
}

fn refuse(error: &CertificateError) -> Error {
    Error::General(format!("{MARK}{error}"))
}

fn ms_of(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX / 1_000) * 1_000
}

/// TLS reads the clock that everybody reads.
struct Time(Clock);

fn time_of(clock: &Clock) -> Arc<dyn TimeProvider> {
    Arc::new(Time(clock.clone()))
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.now_ms()).ok()?;
        let since = std::time::Duration::from_millis(ms);
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks those who connect.
#[derive(Debug)]
struct Clients {
    authority: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        // A node that joins has no certificate yet.
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let checked = certificate::check(end_entity, &self.authority, Usage::Client, ms_of(now));
        checked.map_err(|error| refuse(&error))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(not_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks those who are connected to.
#[derive(Debug)]
struct Servers {
    expected: Expected,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Servers {
    fn check(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now_ms: i64,
    ) -> Result<(), CertificateError> {
        let (authority, expected) = match &self.expected {
            Expected::Node(node, authority) => (authority.as_ref(), node),
            Expected::JobManagerOf(cluster) => {
                let is_it = |other: &&CertificateDer<'_>| Fingerprint::of(other) == *cluster;
                let cluster = *cluster;
                let authority = chain.iter().find(is_it);
                let authority = authority.ok_or(CertificateError::Elsewhere { cluster })?;
                (authority.as_ref(), &Node::JobManager)
            }
        };
        let authority = CertificateDer::from(authority);
        let found = certificate::check(shown, &authority, Usage::Server, now_ms)?;
        if found != *expected {
            let expected = expected.clone();
            return Err(CertificateError::OtherNode { found, expected });
        }
        Ok(())
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self.check(end_entity, intermediates, ms_of(now));
        checked.map_err(|error| refuse(&error))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(not_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn not_tls12() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}
