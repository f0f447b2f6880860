//! Who may call: bearer tokens, of which only a hash is kept, in one file of the data directory.
//!
//! The command line creates and revokes, the server reads again when the file changes. Invariants: a
//! token's text is shown once, when it is made, and is nowhere on disk; the file is replaced as a whole
//! under a lock, so readers see all of a change or nothing; comparing takes the same time for every
//! wrong token.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use thiserror::Error;
use wasmill_actor::rng;
use wasmill_types::id::{Digest, TenantId};

/// The file's name in the data directory.
const FILE: &str = "tokens.json";

/// Guards changes of the file; never read.
const LOCK: &str = "tokens.lock";

/// The version of the file's shape.
const VERSION: u32 = 1;

/// The most tokens: every request is compared with all of them.
pub(crate) const MAX_TOKENS: usize = 1000;

/// The largest file that is read, in bytes: far more than [`MAX_TOKENS`] tokens need.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What begins the text of every token, so that people and scanners for leaked secrets know one.
const PREFIX: &str = "wasmill_";

/// What a token allows within its tenant; each role may do all that the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See jobs, bundles and the cluster.
    Viewer,
    /// Upload bundles, submit and cancel jobs.
    Submitter,
    /// Let TaskManagers join, stop the cluster, see the counters of all tenants.
    Admin,
}

impl Role {
    /// All roles, from the weakest.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Submitter, Self::Admin];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Submitter => "submitter",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let role = Self::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| TokenError::UnknownRole(text.to_owned()))
    }
}

/// What cannot be done with tokens.
#[derive(Debug, Error)]
pub enum TokenError {
    /// A role that there is not.
    #[error("`{0}` is no role; the roles are viewer, submitter and admin")]
    UnknownRole(String),
    /// No token has this id.
    #[error("there is no token `{0}`; `wasmill token list` shows those that there are")]
    UnknownToken(String),
    /// There are as many as there may be, 1000.
    #[error("there are {MAX_TOKENS} tokens already; revoke one with `wasmill token revoke ID`")]
    TooMany,
    /// The file or its directory could not be used.
    #[error("{action} `{}`", .path.display())]
    Io {
        /// What was done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The file does not hold tokens.
    #[error("`{}` does not hold tokens ({problem}); restore it, or remove it to begin without tokens", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The tokens of a JobManager as they are in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    entries: Vec<Entry>,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    tenant: TenantId,
    role: Role,
    created_ms: i64,
    /// The SHA-256 of the token's text. No salt or slow hash: the text has 256 random bits.
    sha256: String,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    tokens: Vec<Entry>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Identifies it, for instance to revoke it.
    pub id: String,
    /// The token itself, which is never shown again.
    pub text: String,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    /// Identifies it.
    pub id: String,
    /// The tenant that it speaks for.
    pub tenant: TenantId,
    /// What it allows.
    pub role: Role,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
}

impl Tokens {
    /// The tokens in a data directory; none when it has no file of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(FILE);
        let text = match read_bounded(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        Self::parse(&text).map_err(|problem| TokenError::Malformed { path, problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let contents: Contents = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if contents.version != VERSION {
            return Err(format!("it has version {}", contents.version));
        }
        if contents.tokens.len() > MAX_TOKENS {
            return Err(format!("it has more than {MAX_TOKENS} tokens"));
        }
        for entry in &contents.tokens {
            let hash: Result<Digest, _> = entry.sha256.parse();
            hash.map_err(|error| error.to_string())?;
        }
        Ok(Self {
            entries: contents.tokens,
        })
    }

    /// Makes a token and keeps its hash.
    ///
    /// # Errors
    /// When there are too many, or the file cannot be changed.
    pub fn create(
        data_dir: &Path,
        tenant: TenantId,
        role: Role,
        now_ms: i64,
    ) -> Result<NewToken, TokenError> {
        let text = format!("{PREFIX}{}", Digest(rng::secret()));
        let id = format!("{:016x}", u64::from_le_bytes(rng::secret()));
        let entry = Entry {
            id: id.clone(),
            tenant,
            role,
            created_ms: now_ms,
            sha256: hash_of(&text).to_string(),
        };
        change(data_dir, |tokens| {
            if tokens.entries.len() >= MAX_TOKENS {
                return Err(TokenError::TooMany);
            }
            tokens.entries.push(entry);
            Ok(())
        })?;
        Ok(NewToken { id, text })
    }

    /// Forgets a token; the server refuses it from a moment later on.
    ///
    /// # Errors
    /// When there is no such token, or the file cannot be changed.
    pub fn revoke(data_dir: &Path, id: &str) -> Result<(), TokenError> {
        change(data_dir, |tokens| {
            let before = tokens.entries.len();
            tokens.entries.retain(|entry| entry.id != id);
            let found = tokens.entries.len() < before;
            found
                .then_some(())
                .ok_or_else(|| TokenError::UnknownToken(id.to_owned()))
        })
    }

    /// The tokens, oldest first.
    pub fn list(&self) -> Vec<TokenView> {
        let view = |entry: &Entry| TokenView {
            id: entry.id.clone(),
            tenant: entry.tenant.clone(),
            role: entry.role,
            created_ms: entry.created_ms,
        };
        self.entries.iter().map(view).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The tenant and role of a token, if it is one of these.
    pub(crate) fn find(&self, text: &str) -> Option<(TenantId, Role)> {
        let hash = hash_of(text).to_string();
        // All are compared, and the place is taken without a branch: neither the time nor the order of
        // steps says how near a guess came, or to which token.
        let mut found = Choice::from(0);
        let mut place = 0_u32;
        for (index, entry) in self.entries.iter().enumerate() {
            let equal = entry.sha256.as_bytes().ct_eq(hash.as_bytes());
            place.conditional_assign(&(index as u32), equal);
            found |= equal;
        }
        let entry = bool::from(found).then(|| &self.entries[place as usize])?;
        Some((entry.tenant.clone(), entry.role))
    }
}

/// The file's identity, by which a change is noticed; none while there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(std::time::SystemTime, u64)>);

impl Stamp {
    /// The stamp of the file in a data directory, now.
    pub(crate) fn of(data_dir: &Path) -> Self {
        let metadata = fs::metadata(data_dir.join(FILE)).ok();
        Self(metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len()))))
    }
}

fn hash_of(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use io::Read as _;

    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "larger than {MAX_FILE_BYTES} bytes"
        )));
    }
    Ok(text)
}

/// Reads the tokens, changes them and replaces the file, while nobody else does.
fn change(
    data_dir: &Path,
    edit: impl FnOnce(&mut Tokens) -> Result<(), TokenError>,
) -> Result<(), TokenError> {
    fs::create_dir_all(data_dir).map_err(|error| io_error("create", data_dir, error))?;
    let lock_path = data_dir.join(LOCK);
    let lock = private_file(&lock_path).map_err(|error| io_error("open", &lock_path, error))?;
    // Held until the file is closed, at the end.
    lock.lock()
        .map_err(|error| io_error("lock", &lock_path, error))?;
    let mut tokens = Tokens::read(data_dir)?;
    edit(&mut tokens)?;
    let path = data_dir.join(FILE);
    replace(data_dir, &path, tokens).map_err(|error| io_error("write", &path, error))
}

fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

fn replace(data_dir: &Path, path: &Path, tokens: Tokens) -> io::Result<()> {
    let contents = Contents {
        version: VERSION,
        tokens: tokens.entries,
    };
    // Temporary files of this crate are readable by their owner only.
    let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
    serde_json::to_writer_pretty(&mut file, &contents)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(data_dir)?.sync_all()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> TokenError {
    TokenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
