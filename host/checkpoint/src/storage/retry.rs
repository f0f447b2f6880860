//! Trying again: at most so often, at most so long.
//!
//! Invariant: a call ends after at most the budget and one request timeout, whatever storage does.

use std::time::Duration;

use wasmill_actor::{Clock, Elapsed};

use super::Options;
use super::error::{StorageError, Verdict, verdict};

/// One call and how often it may be tried.
#[derive(Debug)]
pub(super) struct Retry<'a> {
    options: &'a Options,
    clock: &'a Clock,
    action: &'static str,
    url: &'a str,
}

impl<'a> Retry<'a> {
    pub(super) fn new(
        options: &'a Options,
        clock: &'a Clock,
        action: &'static str,
        url: &'a str,
    ) -> Self {
        Self {
            options,
            clock,
            action,
            url,
        }
    }

    /// Makes the call until it succeeds, cannot succeed, or the budget is used up.
    pub(super) async fn run<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, StorageError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let end = self.clock.monotonic().saturating_add(self.options.budget);
        let mut pause = self.options.first_backoff;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match self
                .clock
                .timeout(self.options.request_timeout, call())
                .await
            {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => Ok(error),
                Err(elapsed) => Err(elapsed),
            };
            let last = attempts >= self.options.attempts
                || self.clock.monotonic().saturating_add(pause) >= end;
            match error {
                Ok(error) if last || verdict(&error) == Verdict::GiveUp => {
                    return Err(StorageError::of(self.action, self.url, attempts, error));
                }
                Err(Elapsed(after)) if last => return Err(self.timed_out(attempts, after)),
                Ok(error) => tracing::debug!(url = self.url, %error, "storage call is tried again"),
                Err(elapsed) => {
                    tracing::debug!(url = self.url, %elapsed, "storage call is tried again");
                }
            }
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(self.options.max_backoff);
        }
    }

    fn timed_out(&self, attempts: u32, after: Duration) -> StorageError {
        StorageError::TimedOut {
            action: self.action,
            url: self.url.to_owned(),
            attempts,
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn broken() -> object_store::Error {
        object_store::Error::Generic {
            store: "test",
            source: "503".into(),
        }
    }

    fn missing() -> object_store::Error {
        object_store::Error::NotFound {
            path: "x".to_owned(),
            source: "404".into(),
        }
    }

    /// Runs a call while time passes; says how it ended, how often it was tried and how long it took.
    fn run(
        options: &Options,
        mut call: impl AsyncFnMut(u32) -> object_store::Result<u32>,
    ) -> (Result<u32, StorageError>, u32, Duration) {
        let clock = Clock::manual(0);
        let tries = Cell::new(0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let result = runtime.block_on(async {
            let retry = Retry::new(options, &clock, "read", "s3://bucket/x");
            let mut made = Vec::new();
            for number in 1..=options.attempts {
                made.push(call(number).await);
            }
            let mut made = made.into_iter();
            let call = || {
                tries.set(tries.get() + 1);
                let next = made.next();
                async move {
                    match next {
                        Some(Err(object_store::Error::NotImplemented { .. })) => {
                            std::future::pending().await
                        }
                        Some(result) => result,
                        None => Err(broken()),
                    }
                }
            };
            tokio::select! {
                biased;
                result = retry.run(call) => result,
                () = pass(&clock) => unreachable!("time passes for ever"),
            }
        });
        (result, tries.get(), clock.monotonic())
    }

    async fn pass(clock: &Clock) {
        loop {
            clock.advance(Duration::from_millis(10));
            tokio::task::yield_now().await;
        }
    }

    /// Stands for a call that never answers.
    fn silent() -> object_store::Error {
        object_store::Error::NotImplemented {
            operation: String::new(),
            implementer: String::new(),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_with_growing_pauses() {
        let (result, tries, took) = run(&Options::default(), async |number| {
            if number < 4 {
                Err(broken())
            } else {
                Ok(number)
            }
        });
        assert_eq!((result.unwrap(), tries), (4, 4));
        assert!(took >= Duration::from_millis(700), "{took:?}");
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        let (result, tries, _) = run(&Options::default(), async |_| Err(missing()));
        assert_eq!(tries, 1);
        assert_eq!(
            result.unwrap_err().to_string(),
            "`s3://bucket/x` does not exist"
        );
    }

    #[test]
    fn the_number_of_tries_ends_it() {
        let (result, tries, _) = run(&Options::default(), async |_| Err(broken()));
        assert_eq!(tries, 5);
        let error = result.unwrap_err().to_string();
        assert_eq!(error, "read `s3://bucket/x` failed, tried 5 times");
    }

    #[test]
    fn a_silent_store_ends_it_within_the_budget_and_one_timeout() {
        let options = Options {
            attempts: 1_000,
            budget: Duration::from_secs(2),
            request_timeout: Duration::from_secs(1),
            ..Options::default()
        };
        let (result, tries, took) = run(&options, async |_| Err(silent()));
        assert!(took <= Duration::from_millis(3_100), "{took:?}");
        assert!((2..=3).contains(&tries), "{tries}");
        let error = result.unwrap_err().to_string();
        assert!(
            error.starts_with("read `s3://bucket/x`: no answer within 1s"),
            "{error}"
        );
    }
}
