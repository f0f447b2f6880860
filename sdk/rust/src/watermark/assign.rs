//! The operator that gives records their time and makes watermarks, at work.
//!
//! Invariant: a split that has had no record yet holds back the watermark of its subtask.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::idle::Idleness;
use super::{TimestampAssigner, WatermarkGenerator, WatermarkStrategy};
use crate::host;
use crate::pipe::{Down, Node, Pipe, Stage};
use crate::runtime::{NO_TIMESTAMP, Scope, Shared};
use crate::time::as_millis;

/// See [`Stream::assign_timestamps_and_watermarks`](crate::Stream::assign_timestamps_and_watermarks).
pub struct AssignTimestamps<T, P, F, G> {
    operator: u32,
    prev: P,
    strategy: WatermarkStrategy<F, G>,
    records: PhantomData<fn(T)>,
}

impl<T, P, F, G> AssignTimestamps<T, P, F, G> {
    pub(crate) fn new(operator: u32, prev: P, strategy: WatermarkStrategy<F, G>) -> Self {
        Self {
            operator,
            prev,
            strategy,
            records: PhantomData,
        }
    }
}

impl<T, P, F, G> Node for AssignTimestamps<T, P, F, G> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T, P, F, G> Stage<T> for AssignTimestamps<T, P, F, G>
where
    T: 'static,
    P: Pipe<T>,
    F: TimestampAssigner<T>,
    G: WatermarkGenerator<T>,
{
    type Prev = P;
    type In = T;
    type Wrapped<D: Down<T>> = Assigning<F, G, D>;

    fn prev(&self) -> &P {
        &self.prev
    }

    fn wrap<D: Down<T>>(self, scope: &Scope, down: D) -> (P, Self::Wrapped<D>) {
        let WatermarkStrategy {
            timestamps,
            generator,
            idle_after,
            ..
        } = self.strategy;
        // A stage is also built where it does not run.
        let maker = scope.has(self.operator).then(|| scope.add_maker());
        let generating = Rc::new(RefCell::new(Generating {
            first: generator,
            idle_after: idle_after.map(as_millis),
            scope: scope.clone(),
            maker: maker.unwrap_or_default(),
            parts: Vec::new(),
            current: 0,
        }));
        if maker.is_some() {
            let generating = Rc::clone(&generating);
            let probe = move || generating.borrow_mut().probe::<T>(host::now());
            scope.add_probe(Box::new(probe));
        }
        let assigning = Assigning {
            timestamps,
            generating,
            shared: scope.shared(),
            down,
        };
        (self.prev, assigning)
    }
}

/// The operator at work, together with what follows it.
pub struct Assigning<F, G, D> {
    timestamps: F,
    generating: Rc<RefCell<Generating<G>>>,
    shared: Rc<Shared>,
    down: D,
}

/// What makes the watermarks of a subtask.
struct Generating<G> {
    /// What the others are clones of.
    first: G,
    idle_after: Option<i64>,
    scope: Scope,
    maker: usize,
    /// One per split that is being read; one in all where no splits are read here.
    parts: Vec<Part<G>>,
    /// Whose record came last.
    current: usize,
}

struct Part<G> {
    split: u32,
    generator: G,
    watermark: i64,
    idleness: Option<Idleness>,
    is_idle: bool,
}

impl<G: Clone> Generating<G> {
    /// The part of a split, made if it is new.
    #[inline]
    fn part(&mut self, split: u32) -> &mut Part<G> {
        if self
            .parts
            .get(self.current)
            .is_none_or(|part| part.split != split)
        {
            self.current = self.find(split);
        }
        &mut self.parts[self.current]
    }

    #[cold]
    fn find(&mut self, split: u32) -> usize {
        if let Some(index) = self.parts.iter().position(|part| part.split == split) {
            return index;
        }
        self.parts.push(Part {
            split,
            generator: self.first.clone(),
            watermark: i64::MIN,
            idleness: self.idle_after.map(Idleness::new),
            is_idle: false,
        });
        self.parts.len() - 1
    }

    fn probe<T>(&mut self, now: i64)
    where
        G: WatermarkGenerator<T>,
    {
        let shared = self.scope.shared();
        let splits = shared.splits();
        self.parts.retain(|part| splits.contains(&part.split));
        for split in splits {
            let part = self.part(split);
            if let Some(idleness) = &mut part.idleness
                && idleness.probe(now)
            {
                part.is_idle = true;
            } else if let Some(time) = part.generator.on_probe() {
                part.watermark = part.watermark.max(time);
            }
        }
        self.report();
    }

    /// Says the least of the splits that are not idle.
    fn report(&self) {
        if self.parts.is_empty() {
            return;
        }
        let active = self.parts.iter().filter(|part| !part.is_idle);
        match active.map(|part| part.watermark).min() {
            None => self.scope.set_idle(self.maker, true),
            Some(i64::MIN) => {}
            Some(time) => self.scope.made_watermark(self.maker, time),
        }
    }

    /// Sees a record; whether a watermark follows it.
    #[inline]
    fn saw<T>(&mut self, split: u32, record: &T, timestamp: i64) -> bool
    where
        G: WatermarkGenerator<T>,
    {
        let part = self.part(split);
        if let Some(idleness) = &mut part.idleness
            && idleness.saw_record()
        {
            part.is_idle = false;
            self.scope.set_idle(self.maker, false);
        }
        if timestamp == NO_TIMESTAMP {
            return false;
        }
        let part = self.part(split);
        let Some(time) = part.generator.on_event(record, timestamp) else {
            return false;
        };
        part.watermark = part.watermark.max(time);
        true
    }
}

impl<T, F, G, D> Down<T> for Assigning<F, G, D>
where
    T: 'static,
    F: TimestampAssigner<T>,
    G: WatermarkGenerator<T>,
    D: Down<T>,
{
    #[inline]
    fn push(&mut self, record: T) {
        let known = self.shared.timestamp();
        let timestamp = self.timestamps.timestamp(&record, known);
        let split = self.shared.split();
        let says = self.generating.borrow_mut().saw(split, &record, timestamp);
        self.shared.set_timestamp(timestamp);
        self.down.push(record);
        // Others that read the same record know its old one.
        self.shared.set_timestamp(known);
        if says {
            self.generating.borrow().report();
        }
    }
}
