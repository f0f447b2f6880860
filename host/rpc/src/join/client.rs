//! The TaskManager's side of joining.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;
use wasmill_actor::Clock;
use wasmill_network::endpoint::{
    CloseCode, Closing, ConnectError, Connection, Endpoint, OpenError, Options, Whom, close,
};
use wasmill_network::identity::{
    Admission, Fingerprint, Identity, IdentityError, JoinToken, KeyPair, Node, Standing,
    TokenError, member,
};
use wasmill_types::id::TaskManagerId;

use super::{Answer, MAX_ANSWER_BYTES, Request, TIMEOUT, protocol};
use crate::call::frame::decode;

/// Who wants to join what.
#[derive(Debug, Clone)]
pub struct Join {
    /// Where the JobManager is.
    pub job_manager: SocketAddr,
    /// The token; none for a node that has joined before.
    pub token: Option<JoinToken>,
    /// The TaskManager's name.
    pub id: TaskManagerId,
    /// Where it keeps its identity.
    pub data_dir: PathBuf,
    /// Settings of the socket.
    pub endpoint: Options,
}

/// Why a TaskManager has no identity.
#[derive(Debug, Error)]
pub enum JoinError {
    /// What it keeps cannot be used.
    #[error("use this node's identity")]
    Identity(#[source] IdentityError),
    /// It has to join and has no token.
    #[error(
        "this node has to join the cluster ({why}); give it a token, which `wasmill token join` prints"
    )]
    NoToken {
        /// Why it has to join.
        why: String,
    },
    /// The token is of no use.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There is no socket.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The JobManager does not let it in.
    #[error("the JobManager at {job_manager} does not let this node join: {reason}")]
    Refused {
        /// Where it is.
        job_manager: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// The identity of a TaskManager that starts: the one that it has, or a new one for its token.
///
/// # Errors
/// When it has none and gets none.
pub async fn identity(join: &Join, clock: &Clock) -> Result<Identity, JoinError> {
    let standing = member::load(&join.data_dir, clock.now_ms()).map_err(JoinError::Identity)?;
    let cluster = join.token.as_ref().map(JoinToken::cluster);
    let (has, why) = fits(standing, &join.id, cluster);
    match (has, &join.token) {
        (Some(Has::Good(identity)), _) | (Some(Has::Due(identity)), None) => Ok(identity),
        (Some(Has::Due(identity)), Some(token)) => {
            // What it has is still good for a while, so a failure is not the end.
            let joined = enrol(join, token, clock).await;
            Ok(joined.unwrap_or_else(|error| {
                tracing::warn!(%error, "certificate not renewed; it will end soon");
                identity
            }))
        }
        (None, Some(token)) => enrol(join, token, clock).await,
        (None, None) => Err(JoinError::NoToken { why }),
    }
}

/// What a node has that it can go on with.
enum Has {
    Good(Identity),
    Due(Identity),
}

/// Whether what a node keeps is what it is asked to be; if not, why.
fn fits(
    standing: Standing,
    id: &TaskManagerId,
    cluster: Option<Fingerprint>,
) -> (Option<Has>, String) {
    let has = match standing {
        Standing::New => return (None, "it never has".to_owned()),
        Standing::Lapsed(error) => return (None, error.to_string()),
        Standing::Member(identity) => Has::Good(identity),
        Standing::Due(identity) => Has::Due(identity),
    };
    let (Has::Good(identity) | Has::Due(identity)) = &has;
    if *identity.node() != Node::TaskManager(id.clone()) {
        let why = format!("its certificate is that of {}", identity.node());
        return (None, why);
    }
    match cluster {
        Some(cluster) if cluster != identity.cluster() => {
            let why = format!("its certificate is of cluster {}", identity.cluster());
            (None, why)
        }
        _ => (Some(has), String::new()),
    }
}

/// Asks for a certificate and keeps it.
async fn enrol(join: &Join, token: &JoinToken, clock: &Clock) -> Result<Identity, JoinError> {
    token.check_expiry(clock.now_ms())?;
    let key = KeyPair::generate().map_err(JoinError::Identity)?;
    let endpoint = Endpoint::client(None, join.endpoint.clone(), clock)?;
    let whom = Whom::JobManagerOf(token.cluster());
    let link = endpoint
        .connect(join.job_manager, whom, &protocol())
        .await?;
    let request = Request {
        token: token.reveal(),
        id: join.id.clone(),
        public_key: key.public(),
    };
    let asked = ask(&link.connection, &request);
    let answer = clock.timeout(TIMEOUT, asked).await;
    let answer = answer.unwrap_or_else(|late| Err(late.to_string()));
    close(&link.connection, CloseCode::Done, "joined");
    let refused = |reason| JoinError::Refused {
        job_manager: join.job_manager,
        reason,
    };
    let answer = answer.map_err(refused)?;
    let got = Admission {
        cluster: token.cluster(),
        id: join.id.clone(),
        certificate: answer.certificate,
        authority: answer.authority,
    };
    let kept = member::keep(&join.data_dir, &key, &got, clock.now_ms());
    endpoint.close("joined").await;
    kept.map_err(JoinError::Identity)
}

/// Sends the request and waits for the answer; a refusal comes as the reason of the connection's end.
async fn ask(connection: &Connection, request: &Request) -> Result<Answer, String> {
    let ended = |fallback: String| {
        let closing = connection.close_reason().map(|error| Closing::of(&error));
        closing.map_or(fallback, |closing| closing.reason)
    };
    let opened = connection.open_bi().await;
    let (mut send, mut receive) = opened.map_err(|error| Closing::of(&error).reason)?;
    let bytes = postcard::to_allocvec(request).map_err(|error| error.to_string())?;
    let sent = send.write_all(&bytes).await;
    sent.map_err(|error| ended(error.to_string()))?;
    let _closed = send.finish();
    let bytes = receive.read_to_end(MAX_ANSWER_BYTES).await;
    let bytes = bytes.map_err(|error| ended(error.to_string()))?;
    decode("answer to the request to join", &bytes).map_err(|error| error.to_string())
}
