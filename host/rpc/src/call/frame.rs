//! The bytes of calls, one stream each.
//!
//! A request is its kind (1 call, 2 blob). A call goes on with the deadline in milliseconds (4 bytes, big
//! endian), the length (4) and the message in postcard; a blob with the digest (32). An answer is a status
//! byte (0 done, 1 refused, 2 not understood), a length and the reply in postcard, or the reason as text; a
//! blob's is a status byte, its length (8) and its bytes. Invariant: no length is believed before it is
//! compared with its bound.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmill_network::endpoint::{
    Closing, ReadError, ReadExactError, RecvStream, SendStream, WriteError,
};
use wasmill_types::id::Digest;

use super::{CallErrorKind, MAX_DEADLINE};

/// The largest request or answer, in bytes: a deployment with the splits of a large job has a few MiB.
pub const MAX_BYTES: usize = 64 << 20;
/// The longest reason of a refusal, in bytes.
const MAX_REASON: usize = 16 << 10;

const CALL: u8 = 1;
const BLOB: u8 = 2;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// A call: how long its caller waits, and the length of the message.
    Call(Duration, usize),
    /// A blob is asked for.
    Blob(Digest),
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Done,
    Refused,
    Malformed,
}

impl Status {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Malformed => 2,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Result<Self, CallErrorKind> {
        match byte {
            0 => Ok(Self::Done),
            1 => Ok(Self::Refused),
            2 => Ok(Self::Malformed),
            _ => Err(malformed(format!(
                "the answer has the unknown status {byte}"
            ))),
        }
    }
}

/// The bytes of a request.
pub(crate) fn request(
    message: &impl Serialize,
    deadline: Duration,
) -> Result<Vec<u8>, CallErrorKind> {
    let body = encode("request", message)?;
    let millis = deadline.min(MAX_DEADLINE).as_millis() as u32;
    let mut bytes = Vec::with_capacity(9 + body.len());
    bytes.push(CALL);
    bytes.extend_from_slice(&millis.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The bytes that ask for a blob.
pub(crate) fn blob_request(digest: &Digest) -> Vec<u8> {
    let mut bytes = vec![BLOB];
    bytes.extend_from_slice(&digest.0);
    bytes
}

/// Reads what a stream is for.
pub(crate) async fn head(stream: &mut RecvStream) -> Result<Head, CallErrorKind> {
    match read::<1>(stream).await?[0] {
        CALL => {
            let millis = u32::from_be_bytes(read(stream).await?);
            let deadline = Duration::from_millis(millis.into()).min(MAX_DEADLINE);
            let length = length(stream, "request", MAX_BYTES).await?;
            Ok(Head::Call(deadline, length))
        }
        BLOB => Ok(Head::Blob(Digest(read(stream).await?))),
        kind => Err(malformed(format!("there is no kind of call {kind}"))),
    }
}

/// Reads a body whose length was checked.
pub(crate) async fn body(stream: &mut RecvStream, length: usize) -> Result<Vec<u8>, CallErrorKind> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.map_err(read_failed)?;
    Ok(bytes)
}

/// Writes an answer: encoded reply or text.
pub(crate) async fn write_answer(
    stream: &mut SendStream,
    status: Status,
    body: &[u8],
) -> Result<(), WriteError> {
    let body = match status {
        Status::Done => body,
        Status::Refused | Status::Malformed => &body[..body.len().min(MAX_REASON)],
    };
    stream.write_all(&[status.byte()]).await?;
    stream.write_all(&(body.len() as u32).to_be_bytes()).await?;
    stream.write_all(body).await
}

/// Reads the answer's status; refusals become errors.
pub(crate) async fn status(stream: &mut RecvStream) -> Result<(), CallErrorKind> {
    let status = Status::from_byte(read::<1>(stream).await?[0])?;
    let error: fn(String) -> CallErrorKind = match status {
        Status::Done => return Ok(()),
        Status::Refused => CallErrorKind::Refused,
        Status::Malformed => CallErrorKind::Malformed,
    };
    let length = length(stream, "reason", MAX_REASON).await?;
    let text = body(stream, length).await?;
    Err(error(String::from_utf8_lossy(&text).into_owned()))
}

/// Reads the answer's reply.
pub(crate) async fn reply<T: DeserializeOwned>(
    stream: &mut RecvStream,
) -> Result<T, CallErrorKind> {
    status(stream).await?;
    let length = length(stream, "answer", MAX_BYTES).await?;
    let bytes = body(stream, length).await?;
    decode("answer", &bytes)
}

/// Reads a blob's length.
pub(crate) async fn blob_length(stream: &mut RecvStream) -> Result<u64, CallErrorKind> {
    status(stream).await?;
    read(stream).await.map(u64::from_be_bytes)
}

pub(crate) fn encode(what: &str, value: &impl Serialize) -> Result<Vec<u8>, CallErrorKind> {
    let bytes = postcard::to_allocvec(value);
    let bytes = bytes.map_err(|error| malformed(format!("encode the {what}: {error}")))?;
    fits(what, bytes.len(), MAX_BYTES)?;
    Ok(bytes)
}

/// Reads a value that takes up all of the bytes.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, CallErrorKind> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => {
            let rest = rest.len();
            Err(malformed(format!("{rest} bytes follow the {what}")))
        }
        Err(error) => Err(malformed(format!("decode the {what}: {error}"))),
    }
}

pub(crate) fn fits(what: &str, length: usize, limit: usize) -> Result<(), CallErrorKind> {
    if length > limit {
        return Err(malformed(format!(
            "the {what} has {length} bytes, over the limit of {limit}"
        )));
    }
    Ok(())
}

async fn length(stream: &mut RecvStream, what: &str, limit: usize) -> Result<usize, CallErrorKind> {
    let length = u32::from_be_bytes(read(stream).await?) as usize;
    fits(what, length, limit)?;
    Ok(length)
}

async fn read<const N: usize>(stream: &mut RecvStream) -> Result<[u8; N], CallErrorKind> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(read_failed)?;
    Ok(bytes)
}

pub(crate) fn malformed(text: impl Into<String>) -> CallErrorKind {
    CallErrorKind::Malformed(text.into())
}

fn read_failed(error: ReadExactError) -> CallErrorKind {
    match error {
        ReadExactError::ReadError(ReadError::ConnectionLost(error)) => disconnected(&error),
        ReadExactError::ReadError(error) => malformed(format!("the other side gave up: {error}")),
        ReadExactError::FinishedEarly(_) => malformed("the other side stopped in the middle"),
    }
}

pub(crate) fn disconnected(error: &wasmill_network::endpoint::ConnectionError) -> CallErrorKind {
    let reason = Closing::of(error).reason;
    CallErrorKind::Disconnected { reason }
}
