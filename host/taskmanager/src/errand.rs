//! Work that blocks, on a thread of its own, for a future that must not.

use tokio::sync::oneshot;
use wasmill_actor::{ThreadKind, threads};

/// Does work on a thread, whose stack is large enough for guests.
///
/// # Errors
/// When there is no thread, or the work panicked; the text is for people.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, result) = oneshot::channel();
    let worker = threads::spawn(ThreadKind::Errand, name, move || {
        // Nobody may be waiting any more.
        let _ = done.send(threads::catch(work));
    });
    match worker {
        Ok(worker) => drop(worker),
        Err(error) => return Err(error.to_string()),
    }
    let ended = result.await;
    let ended = ended.map_err(|_| "its thread is gone".to_owned())?;
    ended.map_err(|message| format!("panicked: {message}; please report this bug"))
}
