//! The hello: the first stream of a control connection, on which both sides say who they are.
//!
//! Layout, the same in all versions: `WCTL`, the version of the messages (4 bytes, big endian), then the
//! software version and the node's name, each after a length byte. Invariant: a hello that is taken names
//! the node that the certificate names, and the same version of the messages as ours.

use thiserror::Error;
use wasmill_network::endpoint::{
    CloseCode, Closing, Connection, ConnectionError, SOFTWARE, SendStream, close,
};
use wasmill_network::identity::Node;

use crate::protocol::VERSION;

const MAGIC: &[u8; 4] = b"WCTL";
/// The largest hello, in bytes.
const MAX_BYTES: usize = 4 + 4 + 2 * 256;

/// What a side says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) software: String,
    /// Its name, as its certificate has it; empty for none.
    pub(super) node: String,
}

/// Why there is no hello.
#[derive(Debug, Error)]
pub(super) enum HelloError {
    #[error("{}", Closing::of(.0).reason)]
    Closed(#[from] ConnectionError),
    #[error("what came first is not the hello of a node of Wasmill")]
    Malformed,
    /// It came, and does not fit.
    #[error("{0}")]
    Refused(String),
}

impl Hello {
    pub(super) fn of(node: Option<Node>) -> Self {
        Self {
            version: VERSION,
            software: SOFTWARE.to_owned(),
            node: node.map(|node| node.uri()).unwrap_or_default(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.version.to_be_bytes());
        for text in [&self.software, &self.node] {
            let text = &text.as_bytes()[..text.len().min(usize::from(u8::MAX))];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (software, rest) = text(rest)?;
        let (node, rest) = text(rest)?;
        rest.is_empty().then(|| Self {
            version: u32::from_be_bytes(*version),
            software,
            node,
        })
    }

    /// Whether the other side's hello fits to ours, and to its certificate; if not, why.
    pub(super) fn check(&self, theirs: &Self, certificate: Option<&Node>) -> Result<(), String> {
        if self.version != theirs.version {
            return Err(format!(
                "versions differ: one side has Wasmill {} with messages of version {}, the other \
                 Wasmill {} with version {}; run the same version on all nodes",
                self.software, self.version, theirs.software, theirs.version
            ));
        }
        let named = Node::from_uri(&theirs.node);
        if named.is_none() || named.as_ref() != certificate {
            return Err(format!(
                "a node calls itself `{}`, and its certificate does not; start it with the data \
                 directory that it joined with",
                theirs.node
            ));
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    let text = std::str::from_utf8(text).ok()?;
    let is_plain = !text.contains(char::is_control);
    is_plain.then(|| (text.to_owned(), rest))
}

/// The side that opened the connection: speaks first, then listens.
pub(super) async fn open(connection: &Connection, ours: &Hello) -> Result<Hello, HelloError> {
    let (send, mut receive) = connection.open_bi().await?;
    write(send, ours).await;
    read(connection, &mut receive).await
}

/// The side that was connected to: listens first, and answers only a hello that fits.
pub(super) async fn answer(
    connection: &Connection,
    ours: &Hello,
    certificate: Option<&Node>,
) -> Result<Hello, HelloError> {
    let (send, mut receive) = connection.accept_bi().await?;
    let theirs = read(connection, &mut receive).await?;
    if let Err(reason) = ours.check(&theirs, certificate) {
        close(connection, CloseCode::Version, &reason);
        return Err(HelloError::Refused(reason));
    }
    write(send, ours).await;
    Ok(theirs)
}

async fn write(mut stream: SendStream, hello: &Hello) {
    // An error of the stream is one of the connection, which the next wait sees.
    if stream.write_all(&hello.encode()).await.is_ok() {
        let _closed = stream.finish();
    }
}

async fn read(
    connection: &Connection,
    stream: &mut wasmill_network::endpoint::RecvStream,
) -> Result<Hello, HelloError> {
    match stream.read_to_end(MAX_BYTES).await {
        Ok(bytes) => Hello::decode(&bytes).ok_or(HelloError::Malformed),
        Err(_) => Err(connection
            .close_reason()
            .map_or(HelloError::Malformed, HelloError::Closed)),
    }
}
