//! Makes the records of the `datagen` splits of one subtask, and keeps their pace.
//!
//! Splits without end take turns. Invariant: a poll makes at most [`BYTES_PER_POLL`] bytes and
//! [`RECORDS_PER_POLL`] records.

use std::collections::VecDeque;
use std::sync::Arc;

use wasmill_types::Batch;
use wasmill_types::operator::{BadRecordPolicy, PollStatus};

use super::{Numbers, Recipe};
use crate::error::ConnectorError;
use crate::source::{Budget, ReaderContext, SourceReader, Split};

/// The most bytes that one poll makes: a few milliseconds' worth.
const BYTES_PER_POLL: u32 = 4 << 20;

/// The most records that one poll makes, empty ones included.
const RECORDS_PER_POLL: u32 = 1 << 18;

/// How far behind its rate a split may catch up, in milliseconds. A job that stood still for an hour
/// does not get an hour's records at once.
const CATCH_UP_MS: f64 = 1000.0;

/// Makes records.
#[derive(Debug)]
pub(super) struct DatagenReader {
    recipe: Arc<Recipe>,
    context: ReaderContext,
    active: VecDeque<Active>,
    /// The record numbers of the last batch.
    last: Option<LastBatch>,
    bad_records: u64,
}

#[derive(Debug)]
struct Active {
    numbers: Numbers,
    seed: u64,
    pace: Option<Pace>,
}

/// Records `first`, `first + step`, … without those in `left_out`.
#[derive(Debug)]
struct LastBatch {
    first: u64,
    step: u64,
    records: usize,
    left_out: Vec<u64>,
}

impl DatagenReader {
    pub(super) fn new(recipe: Arc<Recipe>, context: ReaderContext) -> Self {
        Self {
            recipe,
            context,
            active: VecDeque::new(),
            last: None,
            bad_records: 0,
        }
    }

    /// Makes at most `allowed` records of one split.
    fn make(
        &mut self,
        active: &mut Active,
        allowed: u64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<(), ConnectorError> {
        let numbers = &mut active.numbers;
        let mut last = LastBatch {
            first: numbers.next,
            step: numbers.step,
            records: 0,
            left_out: Vec::new(),
        };
        let limit = self.context.max_record();
        let mut left = allowed.min(u64::from(RECORDS_PER_POLL));
        while left > 0 && !numbers.is_at_end() {
            let start = out.data.len();
            let template = &self.recipe.template;
            template.render(active.seed, numbers.next, &mut out.data);
            let bytes = out.data.len() - start;
            if bytes > limit {
                out.data.truncate(start);
                self.reject(numbers.next, bytes)?;
                last.left_out.push(numbers.next);
            } else {
                out.ends.push(out.data.len() as u32);
            }
            numbers.next = numbers.next.saturating_add(numbers.step);
            left -= 1;
            if budget.is_used_up(out) {
                break;
            }
        }
        let made = (numbers.next - last.first) / numbers.step;
        last.records = out.len();
        self.last = Some(last);
        if let Some(pace) = &mut active.pace {
            pace.count(made);
        }
        Ok(())
    }

    fn reject(&mut self, number: u64, bytes: usize) -> Result<(), ConnectorError> {
        if self.context.on_bad_record == BadRecordPolicy::Skip {
            self.bad_records += 1;
            return Ok(());
        }
        let limit = self.context.max_record();
        Err(ConnectorError::BadRecord {
            location: location(number),
            problem: format!("it has {bytes} bytes, the limit for a record is {limit}"),
        })
    }
}

impl SourceReader for DatagenReader {
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError> {
        let mut numbers: Numbers = split.unwrap_state()?;
        if numbers.step == 0 || numbers.shares == 0 {
            return Err(ConnectorError::Foreign {
                name: split.name,
                what: "split",
                reason: "its step or its number of shares is 0".to_owned(),
            });
        }
        // The snapshot takes the seed along: read again elsewhere, the records are the same.
        let seed = *numbers.seed.get_or_insert(self.context.seed);
        let share = |per_ms| Pace::new(per_ms / f64::from(numbers.shares));
        let pace = self.recipe.per_ms.map(share);
        self.active.push_back(Active {
            numbers,
            seed,
            pace,
        });
        Ok(())
    }

    fn poll(
        &mut self,
        now_ms: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError> {
        let budget = budget.clamped();
        let budget = Budget {
            bytes: budget.bytes.min(BYTES_PER_POLL),
            records: budget.records,
        };
        self.last = None;
        self.active.retain(|active| !active.numbers.is_at_end());
        let mut wake_at = i64::MAX;
        for _ in 0..self.active.len() {
            let Some(mut active) = self.active.pop_front() else {
                break;
            };
            let allowed = active
                .pace
                .as_mut()
                .map_or(u64::MAX, |pace| pace.allowed(now_ms));
            if allowed == 0 {
                // Rounding must not make the next record due now and not due at once.
                let next = active.pace.as_ref().map_or(now_ms, Pace::next_ms);
                wake_at = wake_at.min(next.max(now_ms.saturating_add(1)));
                self.active.push_back(active);
                continue;
            }
            self.make(&mut active, allowed, budget, out)?;
            if !active.numbers.is_at_end() {
                self.active.push_back(active);
            }
            wake_at = now_ms;
            break;
        }
        Ok(if self.active.is_empty() {
            PollStatus::Finished
        } else if wake_at > now_ms {
            PollStatus::IdleUntil(wake_at)
        } else {
            PollStatus::Ready
        })
    }

    fn locate(&self, index: u32) -> Option<String> {
        let last = self.last.as_ref()?;
        if index as usize >= last.records {
            return None;
        }
        let mut number = last.first + u64::from(index) * last.step;
        for left_out in &last.left_out {
            if *left_out <= number {
                number += last.step;
            }
        }
        Some(location(number))
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }

    fn snapshot(&self) -> Vec<Split> {
        let unfinished = self.active.iter().map(|active| &active.numbers);
        unfinished
            .filter(|numbers| !numbers.is_at_end())
            .map(Numbers::split)
            .collect()
    }
}

fn location(number: u64) -> String {
    format!("datagen, record {number}")
}

/// When how many records are due: record `k` at `origin + k / per_ms`.
#[derive(Debug)]
struct Pace {
    per_ms: f64,
    origin_ms: Option<f64>,
    last_ms: f64,
    made: f64,
}

impl Pace {
    fn new(per_ms: f64) -> Self {
        Self {
            per_ms,
            origin_ms: None,
            last_ms: 0.0,
            made: 0.0,
        }
    }

    /// How many records are due.
    fn allowed(&mut self, now_ms: i64) -> u64 {
        let now = now_ms as f64;
        let mut origin = *self.origin_ms.get_or_insert(now);
        if now < self.last_ms {
            // The clock was set back; the pace goes on from where it was.
            origin -= self.last_ms - now;
        }
        let behind = (now - origin) - self.made / self.per_ms;
        if behind > CATCH_UP_MS {
            origin += behind - CATCH_UP_MS;
        }
        self.origin_ms = Some(origin);
        self.last_ms = now;
        let due = ((now - origin) * self.per_ms).floor() + 1.0;
        (due - self.made).max(0.0) as u64
    }

    fn count(&mut self, made: u64) {
        self.made += made as f64;
    }

    /// When the next record is due.
    fn next_ms(&self) -> i64 {
        let origin = self.origin_ms.unwrap_or_default();
        (origin + self.made / self.per_ms).ceil() as i64
    }
}
