//! Reads state of a job out of a checkpoint, for somebody who looks at it while the job runs.
//!
//! Of a canonical stream only the key's group is read, in pieces; the files of a native snapshot are brought
//! here and kept for the next question, which brings only those that are new. Invariants: at most
//! [`LOOKUPS`] run at once, and each ends by [`DEADLINE`]; at most [`MAX_VIEWS`] snapshots are kept, each of
//! at most [`MAX_VIEW_BYTES`], and none outlives its job here.

mod ranges;
mod view;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmill_actor::CancelToken;
use wasmill_checkpoint::handles::{KeyedState, NativeState};
use wasmill_checkpoint::storage::StorageError;
use wasmill_rpc::protocol::{MAX_STATE_BYTES, ReadState, StateRows};
use wasmill_state::Source;
use wasmill_state::lookup::{Found, Wanted, lookup};
use wasmill_types::id::JobId;

use crate::deploy::Site;
use crate::errand;
use crate::jobs::Refused;
use ranges::Ranges;
use view::View;

/// How many questions are answered at once; further ones are refused, for the tasks come first.
const LOOKUPS: usize = 4;
/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(25);
/// How many snapshots are kept for the next question.
const MAX_VIEWS: usize = 2;
/// The largest native snapshot of a subtask that is brought here for a question, in bytes.
const MAX_VIEW_BYTES: u64 = 4 << 30;

/// What is kept between questions.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    running: AtomicUsize,
    /// The one that was used last stands last.
    views: Mutex<Vec<View>>,
}

/// The right to answer a question.
struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Answers a question.
///
/// # Errors
/// When others are being answered, the snapshot is too large or cannot be read, or it takes too long.
pub(crate) async fn read(site: &Arc<Site>, question: ReadState) -> Result<StateRows, Refused> {
    let _turn = site.lookups.turn()?;
    let cancel = CancelToken::new();
    let work = answer(site, question, &cancel);
    let answered = site.clock.timeout(DEADLINE, work).await;
    answered.unwrap_or_else(|late| {
        cancel.cancel();
        Err(failed(&late))
    })
}

async fn answer(
    site: &Arc<Site>,
    question: ReadState,
    cancel: &CancelToken,
) -> Result<StateRows, Refused> {
    let wanted = Wanted {
        state: question.state,
        max_parallelism: question.max_parallelism,
        key: question.key,
        sub_key: question.sub_key,
        expired_at_ms: question.expired_at_ms,
        max_rows: question.max_rows as usize,
        max_bytes: MAX_STATE_BYTES,
    };
    let found = match question.keyed {
        KeyedState::Canonical(state) => {
            let stream = Ranges::new(site.state.storage.clone(), state.stream, cancel.clone());
            let search = move || lookup(Source::Canonical(Box::new(stream)), &wanted);
            errand::on_thread("look up state", search).await
        }
        KeyedState::Native(state) => {
            let view = site.lookups.bring(site, question.job, question.view, state);
            let view = view.await?;
            let site = Arc::clone(site);
            let search = move || {
                let found = lookup(Source::Native(view.path().to_owned()), &wanted);
                site.lookups.keep(view);
                found
            };
            errand::on_thread("look up state", search).await
        }
    };
    let found = found.map_err(Refused::Failed)?;
    let Found { rows, is_more } = found.map_err(|error| failed(&error))?;
    Ok(StateRows { rows, is_more })
}

impl Lookups {
    fn turn(&self) -> Result<Turn<'_>, Refused> {
        let before = self.running.fetch_add(1, Ordering::AcqRel);
        let turn = Turn(&self.running);
        match before < LOOKUPS {
            true => Ok(turn),
            false => {
                let busy = format!("{LOOKUPS} others look at state here; ask again later");
                Err(Refused::Failed(busy))
            }
        }
    }

    /// Brings the files of a snapshot here; those that an earlier one has are taken over.
    async fn bring(
        &self,
        site: &Site,
        job: JobId,
        name: String,
        state: NativeState,
    ) -> Result<View, Refused> {
        let bytes = state.files().map(|(_, handle)| handle.size).sum::<u64>();
        if bytes > MAX_VIEW_BYTES {
            return Err(Refused::Failed(format!(
                "the subtask has {bytes} bytes of state, and at most {MAX_VIEW_BYTES} are brought here for a \
                 question; run the job at a higher parallelism"
            )));
        }
        let earlier = self.take(job, &name);
        if let Some(view) = earlier.as_ref().filter(|view| view.state() == &state) {
            tracing::trace!(path = %view.path().display(), "state is here already");
        } else {
            let view = View::make(site.state.scratch(), job, name, state);
            let view = view.map_err(|error| failed(&error))?;
            let filled = view.fill(&site.state.storage, earlier.as_ref()).await;
            filled.map_err(|error| failed(&error))?;
            return Ok(view);
        }
        earlier.ok_or_else(|| Refused::Failed("the state is gone".to_owned()))
    }

    fn take(&self, job: JobId, name: &str) -> Option<View> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let found = views.iter().position(|view| view.is_of(job, name))?;
        Some(views.remove(found))
    }

    /// Keeps a snapshot for the next question; removes files, so it may block.
    fn keep(&self, view: View) {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.push(view);
        let surplus = views.len().saturating_sub(MAX_VIEWS);
        let removed: Vec<View> = views.drain(..surplus).collect();
        drop(views);
        drop(removed);
    }

    /// Removes what is kept of a job.
    pub(crate) fn forget(&self, job: JobId) {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let (gone, kept) = views.drain(..).partition(|view| view.is_of_job(job));
        *views = kept;
        drop(views);
        drop::<Vec<View>>(gone);
    }
}

/// A refusal with all that is known of the error.
fn failed(error: &dyn std::error::Error) -> Refused {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(&format!(": {source}"));
        cause = source.source();
    }
    Refused::Failed(text)
}

#[cfg(test)]
mod tests;
