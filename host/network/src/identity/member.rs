//! What a TaskManager keeps of its identity: a key that never leaves its machine, and the certificate that
//! it got for joining.
//!
//! The TaskManager's start asks for its [`Standing`], joins if it has to, and keeps what it got
//! ([`keep`]). Invariant: an identity that was loaded is whole, of its own key, and good now.

use std::fmt;
use std::path::Path;

use rcgen::{PKCS_ED25519, PublicKeyData as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use wasmill_types::id::TaskManagerId;

use super::authority::DIR;
use super::certificate::{self, RENEWAL_BEFORE, Usage};
use super::{CertificateError, Fingerprint, Identity, IdentityError, Node, files};

const CERTIFICATES_FILE: &str = "node.pem";
const KEY_FILE: &str = "node.key";
/// At most so many certificates are read of a file: the node's and its authority's.
const MAX_CERTIFICATES: usize = 2;

/// A node's private key.
pub struct KeyPair {
    pair: rcgen::KeyPair,
}

/// Where a TaskManager stands that starts.
#[derive(Debug)]
pub enum Standing {
    /// It has never joined with this data directory.
    New,
    /// It has joined.
    Member(Identity),
    /// It has joined, and its certificate ends soon: it should join again, but need not yet.
    Due(Identity),
    /// It has joined, but must join again.
    Lapsed(CertificateError),
}

/// Reads what a data directory holds.
///
/// # Errors
/// When the files cannot be read, are damaged, or readable by others.
pub fn load(data_dir: &Path, now_ms: i64) -> Result<Standing, IdentityError> {
    let dir = data_dir.join(DIR);
    let path = dir.join(CERTIFICATES_FILE);
    let key_path = dir.join(KEY_FILE);
    let (Some(certificates), Some(key)) = (files::read(&path)?, files::read_private(&key_path)?)
    else {
        return Ok(Standing::New);
    };
    let key = KeyPair::from_pem(&key, &key_path)?;
    let Ok([certificate, authority]) = <[_; 2]>::try_from(from_pem(&certificates)) else {
        let expected = "a node's certificate and that of its authority";
        return Err(IdentityError::Damaged { path, expected });
    };
    if !certificate::is_for_key(&certificate, &key.pair) {
        // It ended between the two files when it joined the last time.
        return Ok(Standing::Lapsed(CertificateError::OtherKey));
    }
    let check = |at_ms| certificate::check(&certificate, &authority, Usage::Client, at_ms);
    let node = match check(now_ms) {
        Ok(node) => node,
        Err(error) => return Ok(Standing::Lapsed(error)),
    };
    let renewal_ms = i64::try_from(RENEWAL_BEFORE.as_millis()).unwrap_or(i64::MAX);
    let is_due = check(now_ms.saturating_add(renewal_ms)).is_err();
    let identity = key.identity(node, certificate, authority);
    Ok(if is_due {
        Standing::Due(identity)
    } else {
        Standing::Member(identity)
    })
}

/// Checks what a TaskManager got for joining, writes it to its data directory, and answers who it is now.
///
/// # Errors
/// When the certificate is not the one that was asked for, or cannot be written.
pub fn keep(
    data_dir: &Path,
    key: &KeyPair,
    got: &Admission,
    now_ms: i64,
) -> Result<Identity, IdentityError> {
    let dir = data_dir.join(DIR);
    let path = dir.join(CERTIFICATES_FILE);
    let node = check_admission(key, got, now_ms).map_err(|source| IdentityError::Certificate {
        path: path.clone(),
        source,
    })?;
    files::make_dir(&dir)?;
    // The key first: without its certificate it is nothing, and the next start joins again.
    files::replace(&dir.join(KEY_FILE), key.to_pem().as_bytes())?;
    let certificate = CertificateDer::from(got.certificate.clone());
    let authority = CertificateDer::from(got.authority.clone());
    files::replace(&path, to_pem(&[&certificate, &authority]).as_bytes())?;
    Ok(key.identity(node, certificate, authority))
}

/// What a TaskManager gets for joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The cluster that it asked.
    pub cluster: Fingerprint,
    /// The name that it asked for.
    pub id: TaskManagerId,
    /// Its certificate, in DER.
    pub certificate: Vec<u8>,
    /// That of the authority, in DER.
    pub authority: Vec<u8>,
}

fn check_admission(key: &KeyPair, got: &Admission, now_ms: i64) -> Result<Node, CertificateError> {
    let certificate = CertificateDer::from(&got.certificate[..]);
    let authority = CertificateDer::from(&got.authority[..]);
    let cluster = got.cluster;
    if Fingerprint::of(&authority) != cluster {
        return Err(CertificateError::Elsewhere { cluster });
    }
    let found = certificate::check(&certificate, &authority, Usage::Client, now_ms)?;
    let expected = Node::TaskManager(got.id.clone());
    if found != expected {
        return Err(CertificateError::OtherNode { found, expected });
    }
    if !certificate::is_for_key(&certificate, &key.pair) {
        return Err(CertificateError::OtherKey);
    }
    Ok(found)
}

impl KeyPair {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the machine gives no randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ED25519);
        let pair = pair.map_err(|source| certificate::making("a key", source))?;
        Ok(Self { pair })
    }

    /// The public key's bytes.
    pub fn public(&self) -> Vec<u8> {
        self.pair.der_bytes().to_vec()
    }

    pub(super) fn from_pem(bytes: &[u8], path: &Path) -> Result<Self, IdentityError> {
        let damaged = || IdentityError::Damaged {
            path: path.to_owned(),
            expected: "a private key of Wasmill (Ed25519, PKCS#8, PEM)",
        };
        let key = PrivatePkcs8KeyDer::from_pem_slice(bytes).map_err(|_| damaged())?;
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ED25519);
        let pair = pair.map_err(|_| damaged())?;
        Ok(Self { pair })
    }

    pub(super) fn to_pem(&self) -> String {
        self.pair.serialize_pem()
    }

    pub(super) fn inner(&self) -> &rcgen::KeyPair {
        &self.pair
    }

    pub(super) fn identity(
        &self,
        node: Node,
        certificate: CertificateDer<'static>,
        authority: CertificateDer<'static>,
    ) -> Identity {
        let key = PrivatePkcs8KeyDer::from(self.pair.serialize_der());
        Identity::new(node, certificate, authority, key)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair")
    }
}

/// Certificates as text, one after the other.
pub(super) fn to_pem(certificates: &[&CertificateDer<'_>]) -> String {
    use base64::Engine as _;
    /// What the form prescribes.
    const LINE: usize = 64;
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let body = base64::engine::general_purpose::STANDARD.encode(certificate);
        for (index, digit) in body.chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                text.push('\n');
            }
            text.push(digit);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

/// The certificates of a text; what is not one is left out, so their number says whether all were read.
pub(super) fn from_pem(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_slice_iter(bytes);
    certificates.flatten().take(MAX_CERTIFICATES + 1).collect()
}
