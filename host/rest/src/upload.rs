//! A form with one file, streamed to the cluster as it comes.
//!
//! Called by the row that uploads bundles. Invariants: at most [`CHUNKS_AHEAD`] pieces of the file are
//! held in memory; the reader that the cluster gets comes to its end only when the whole form was in
//! order, so whatever is wrong with a request, also behind the file, leaves nothing behind; the file's
//! name is a label and has no directories.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::header;
use futures_core::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::mpsc;
use wasmill_jobmanager::view::BundleView;

use crate::api::Api;
use crate::call::Call;
use crate::cluster::Upload;
use crate::error::ApiError;

/// Pieces of a file that are read ahead of the cluster; a piece is what the socket gave at once.
const CHUNKS_AHEAD: usize = 2;

/// The most bytes that may pass without being a part of the file: headers of parts and attributes.
const MAX_OVERHEAD_BYTES: usize = 256 << 10;

/// What is said when there are more.
const TOO_MUCH_AROUND: &str = "there is too much around the file";

/// The attribute that is allowed beside the file (Flink's clients send it with some uploads).
const ATTRIBUTE: &str = "request";

/// Takes the one file of the request's form.
pub(crate) async fn receive(mut call: Call) -> Result<BundleView, ApiError> {
    let limit = call.api.options.limits.body_bytes;
    let boundary = boundary(&call)?;
    let mut form = Form::new(Arc::clone(&call.api), call.take_body(), boundary, limit);
    let field = form.first_file().await?;
    let file_name = file_name(&field)?;
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let upload = Upload {
        tenant: call.caller.tenant.clone(),
        file_name,
        limit,
        bytes: Box::new(FileReader {
            chunks: receiver,
            rest: Bytes::new(),
            has_ended: false,
        }),
    };
    let stored = call.api.cluster.upload(upload);
    match tokio::join!(form.pump(field, sender), stored) {
        // The cluster's error is only that the reader failed.
        (Err(wrong_form), _) => Err(wrong_form),
        (_, Err(refused)) => Err(refused.into()),
        (Ok(Pumped::All), Ok(bundle)) => Ok(bundle),
        (Ok(Pumped::Abandoned), Ok(_)) => {
            Err(ApiError::internal("the upload was taken before its end"))
        }
    }
}

fn boundary(call: &Call) -> Result<String, ApiError> {
    let content_type = call.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    multer::parse_boundary(content_type.unwrap_or_default()).map_err(|error| {
        ApiError::bad_request(format!(
            "an upload must be multipart/form-data with one file: {error}"
        ))
    })
}

/// The name by which a file was sent, without the directories that some clients send too.
fn file_name(field: &Field<'_>) -> Result<String, ApiError> {
    let sent = field.file_name().unwrap_or_default();
    let base = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_fine = base.len() <= Upload::MAX_NAME_BYTES && !base.chars().any(char::is_control);
    let stem = base.strip_suffix(".wasm").filter(|stem| !stem.is_empty());
    if stem.is_none() || !is_fine {
        return Err(ApiError::bad_request(format!(
            "Only bundles are allowed: files whose names end in .wasm and have at most {} bytes.",
            Upload::MAX_NAME_BYTES
        )));
    }
    Ok(base.to_owned())
}

/// How the passing on of a file ended.
enum Pumped {
    /// All of it, and the rest of the form was in order.
    All,
    /// The cluster wanted no more; it says why.
    Abandoned,
}

/// A form that is being read.
struct Form {
    api: Arc<Api>,
    parts: Multipart<'static>,
    overhead: Arc<AtomicUsize>,
}

impl Form {
    fn new(api: Arc<Api>, body: Body, boundary: String, limit: u64) -> Self {
        let overhead = Arc::new(AtomicUsize::new(0));
        let stream = Metered {
            stream: body.into_data_stream(),
            overhead: Arc::clone(&overhead),
            rests: false,
        };
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(limit));
        Self {
            api,
            parts: Multipart::with_constraints(stream, boundary, limits),
            overhead,
        }
    }

    /// The first part with a file.
    async fn first_file(&mut self) -> Result<Field<'static>, ApiError> {
        while let Some(field) = self.next_part().await? {
            if field.file_name().is_some() {
                return Ok(field);
            }
            self.skip_attribute(field).await?;
        }
        Err(ApiError::bad_request(
            "Exactly 1 file must be sent, received 0.",
        ))
    }

    /// Passes a file on, then sees that nothing comes behind it that must not.
    async fn pump(
        &mut self,
        field: Field<'static>,
        sender: mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<Pumped, ApiError> {
        let pumped = self.pump_and_check(field, &sender).await;
        if pumped.is_err() {
            // The error goes to the caller; the reader only has to fail. It may be gone already.
            let broken = io::Error::new(io::ErrorKind::InvalidData, "the request is not in order");
            let _ = sender.send(Err(broken)).await;
        }
        pumped
    }

    async fn pump_and_check(
        &mut self,
        mut field: Field<'static>,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<Pumped, ApiError> {
        while let Some(chunk) = self.timely(field.chunk()).await? {
            self.overhead.store(0, Ordering::Relaxed);
            // An empty piece means the end to the reader.
            if !chunk.is_empty() && sender.send(Ok(chunk)).await.is_err() {
                return Ok(Pumped::Abandoned);
            }
        }
        drop(field);
        while let Some(field) = self.next_part().await? {
            if field.file_name().is_some() {
                return Err(ApiError::bad_request(
                    "Exactly 1 file must be sent, received 2 or more.",
                ));
            }
            self.skip_attribute(field).await?;
        }
        match sender.send(Ok(Bytes::new())).await {
            Ok(()) => Ok(Pumped::All),
            Err(_) => Ok(Pumped::Abandoned),
        }
    }

    async fn next_part(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        let silence = self.api.options.limits.upload_silence;
        let next = self.api.clock.timeout(silence, self.parts.next_field());
        next.await
            .map_err(|_| silent(silence))?
            .map_err(|error| refusal(&error))
    }

    async fn skip_attribute(&self, mut field: Field<'static>) -> Result<(), ApiError> {
        let name = field.name().unwrap_or_default();
        if name != ATTRIBUTE {
            return Err(ApiError::bad_request(format!(
                "Received unknown attribute {name}."
            )));
        }
        let mut bytes = 0;
        while let Some(chunk) = self.timely(field.chunk()).await? {
            bytes += chunk.len();
            if bytes > MAX_OVERHEAD_BYTES {
                return Err(ApiError::bad_request(TOO_MUCH_AROUND));
            }
        }
        Ok(())
    }

    /// Waits for more of the request, but not for ever.
    async fn timely<T>(
        &self,
        more: impl Future<Output = Result<T, multer::Error>>,
    ) -> Result<T, ApiError> {
        let silence = self.api.options.limits.upload_silence;
        let more = self.api.clock.timeout(silence, more).await;
        more.map_err(|_| silent(silence))?
            .map_err(|error| refusal(&error))
    }
}

fn silent(silence: std::time::Duration) -> ApiError {
    ApiError::timed_out(format!("the upload sent nothing for {silence:?}"))
}

fn refusal(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { limit }
        | multer::Error::FieldSizeExceeded { limit, .. } => ApiError::too_large(format!(
            "the upload is larger than {limit} bytes (`rest.max-upload`)"
        )),
        other => ApiError::bad_request(format!("the upload is not in order or broke off: {other}")),
    }
}

/// The body, with two bounds that the parser of forms lacks: it keeps what it has not understood yet, and
/// it takes as much as it can get at once.
struct Metered {
    stream: BodyDataStream,
    /// Bytes since the last piece of the file.
    overhead: Arc<AtomicUsize>,
    /// Whether a piece was given and the parser should look at it before the next.
    rests: bool,
}

impl Stream for Metered {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(Pin::new(&mut self.stream).poll_next(context));
        Poll::Ready(next.map(|piece| {
            let piece = piece?;
            self.rests = true;
            let before = self.overhead.fetch_add(piece.len(), Ordering::Relaxed);
            // One piece of a file may be as large as the socket's buffer; what came before it may not.
            if before > MAX_OVERHEAD_BYTES {
                return Err(TOO_MUCH_AROUND.into());
            }
            Ok(piece)
        }))
    }
}

/// The file, as the cluster reads it.
struct FileReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
    has_ended: bool,
}

impl AsyncRead for FileReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() && !self.has_ended {
            match ready!(self.chunks.poll_recv(context)) {
                Some(Ok(chunk)) => {
                    self.has_ended = chunk.is_empty();
                    self.rest = chunk;
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}
