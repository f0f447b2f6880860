//! The cluster's authority: the key that makes a certificate a certificate of this cluster.
//!
//! The JobManager opens it in its data directory at each start, and the first start makes it. Invariant:
//! it is made once; a directory in which a part of it is missing is an error, not a new cluster.

use std::fmt;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::pki_types::CertificateDer;
use wasmill_types::id::TaskManagerId;

use super::member::KeyPair;
use super::{Fingerprint, Identity, IdentityError, Node, TokenKey, certificate, files};

/// The directory below the data directory.
pub(super) const DIR: &str = "identity";
const CERTIFICATE_FILE: &str = "authority.pem";
const KEY_FILE: &str = "authority.key";
const TOKEN_KEY_FILE: &str = "token.key";

/// Admits nodes to the cluster.
pub struct Authority {
    key: KeyPair,
    certificate: CertificateDer<'static>,
    tokens: TokenKey,
}

impl Authority {
    /// Opens the authority of a data directory, and makes it at the first start.
    ///
    /// # Errors
    /// When the files cannot be read or made, are damaged, incomplete, or readable by others.
    pub fn open(data_dir: &Path, now_ms: i64) -> Result<Self, IdentityError> {
        let dir = data_dir.join(DIR);
        files::make_dir(&dir)?;
        let key = open_key(&dir)?;
        let certificate = open_certificate(&dir, &key, now_ms)?;
        let secret = open_secret(&dir.join(TOKEN_KEY_FILE))?;
        let tokens = TokenKey::new(Fingerprint::of(&certificate), &secret);
        Ok(Self {
            key,
            certificate,
            tokens,
        })
    }

    /// Opens the authority of a data directory in which a JobManager has made one.
    ///
    /// # Errors
    /// As [`Authority::open`], and when there is none.
    pub fn existing(data_dir: &Path, now_ms: i64) -> Result<Self, IdentityError> {
        let dir = data_dir.join(DIR);
        let made = [KEY_FILE, CERTIFICATE_FILE].map(|name| dir.join(name));
        if !made.iter().any(|path| path.exists()) {
            let data_dir = data_dir.to_owned();
            return Err(IdentityError::NoCluster { data_dir });
        }
        Self::open(data_dir, now_ms)
    }

    /// The cluster's identity.
    pub fn cluster(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// The authority's certificate, in DER, for those who join.
    pub fn certificate(&self) -> Vec<u8> {
        self.certificate.to_vec()
    }

    /// Makes and checks join tokens.
    pub fn tokens(&self) -> &TokenKey {
        &self.tokens
    }

    /// A new certificate with a new key for the JobManager itself; made at each start, kept nowhere.
    ///
    /// # Errors
    /// When the library that makes certificates refuses.
    pub fn job_manager(&self, now_ms: i64) -> Result<Identity, IdentityError> {
        let key = KeyPair::generate()?;
        let certificate = self.issue(&Node::JobManager, &key.public(), now_ms)?;
        let authority = self.certificate.clone();
        Ok(key.identity(Node::JobManager, certificate, authority))
    }

    /// Makes the certificate of a TaskManager for its public key, in DER. Who asks must have shown a token.
    ///
    /// # Errors
    /// When the public key has the wrong length.
    pub fn admit(
        &self,
        id: &TaskManagerId,
        public_key: &[u8],
        now_ms: i64,
    ) -> Result<Vec<u8>, IdentityError> {
        let node = Node::TaskManager(id.clone());
        let certificate = self.issue(&node, public_key, now_ms)?;
        Ok(certificate.to_vec())
    }

    fn issue(
        &self,
        node: &Node,
        public_key: &[u8],
        now_ms: i64,
    ) -> Result<CertificateDer<'static>, IdentityError> {
        certificate::issue(self.key.inner(), node, public_key, now_ms)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.cluster())
    }
}

fn open_key(dir: &Path) -> Result<KeyPair, IdentityError> {
    let path = dir.join(KEY_FILE);
    if let Some(bytes) = files::read_private(&path)? {
        return KeyPair::from_pem(&bytes, &path);
    }
    if files::read(&dir.join(CERTIFICATE_FILE))?.is_some() {
        return Err(IdentityError::KeyLost { path });
    }
    let key = KeyPair::generate()?;
    if files::create(&path, key.to_pem().as_bytes())? {
        return Ok(key);
    }
    // Another process was faster; its key counts.
    let bytes = files::read_private(&path)?;
    bytes.map_or_else(
        || Err(IdentityError::KeyLost { path: path.clone() }),
        |bytes| KeyPair::from_pem(&bytes, &path),
    )
}

/// The certificate, made from the key when it is not there: at the first start, or after one that ended
/// between the two files.
fn open_certificate(
    dir: &Path,
    key: &KeyPair,
    now_ms: i64,
) -> Result<CertificateDer<'static>, IdentityError> {
    let path = dir.join(CERTIFICATE_FILE);
    if files::read(&path)?.is_none() {
        let certificate = certificate::self_sign(key.inner(), now_ms)?;
        files::create(&path, super::member::to_pem(&[&certificate]).as_bytes())?;
    }
    let bytes = files::read(&path)?.unwrap_or_default();
    let certificate = super::member::from_pem(&bytes).into_iter().next();
    let damaged = |path: PathBuf| IdentityError::Damaged {
        path,
        expected: "the certificate of the key beside it",
    };
    certificate
        .filter(|certificate| certificate::is_for_key(certificate, key.inner()))
        .ok_or_else(|| damaged(path))
}

/// The secret behind join tokens, made when it is not there: removing the file makes all tokens worthless.
fn open_secret(path: &Path) -> Result<[u8; 32], IdentityError> {
    if files::read_private(path)?.is_none() {
        // Not from `actor::Rng`, whose numbers are not fit for secrets.
        let mut secret = [0; 32];
        let filled = SystemRandom::new().fill(&mut secret);
        filled.map_err(|_| IdentityError::Entropy)?;
        files::create(path, &secret)?;
    }
    let bytes = files::read_private(path)?.unwrap_or_default();
    <[u8; 32]>::try_from(bytes).map_err(|_| IdentityError::Damaged {
        path: path.to_owned(),
        expected: "a secret of 32 bytes",
    })
}
