//! Windows: finite parts of a keyed stream (semantics §3).
//!
//! [`KeyedStream::window`] divides each key's records; the trigger says when what is in a window comes out,
//! and the last call what that is.
//!
//! ```
//! use wasmill::prelude::*;
//! use wasmill::time::secs;
//! use wasmill::window::Tumbling;
//!
//! fn clicks_per_minute(env: &Env) -> Result<()> {
//!     let clicks = env.source(File::csv("clicks"));
//!     let strategy = WatermarkStrategy::bounded_out_of_orderness(secs(5))
//!         .timestamps(|(_, at): &(String, i64)| *at);
//!     clicks
//!         .assign_timestamps_and_watermarks(strategy)
//!         .key_by(|(page, _)| page.clone())
//!         .window(Tumbling::of(secs(60)))
//!         .aggregate_with(Count, |page, window, count, out| {
//!             out.emit((page.clone(), window.start, count));
//!             Ok(())
//!         })
//!         .sink(File::csv("out"));
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(clicks_per_minute)
//!     .input("Source: file", [("a", 1_000), ("b", 59_999), ("a", 2_000), ("a", 60_000)])
//!     .run()?;
//! assert_eq!(outcome.lines("Sink: file"), ["a,0,2", "b,0,1", "a,60000,1"]);
//! # wasmill::Result::<()>::Ok(())
//! ```

mod assign;
mod function;
mod logic;
mod slices;
mod trigger;

use std::marker::PhantomData;
use std::time::Duration;

use anyhow::Result;

use crate::bindings::exports::wasmill::dataflow::job::StateKind;
use crate::codec::Record;
use crate::keyed::{Aggregate, KeySelector, Keyed, KeyedStream};
use crate::pipe::Upstream;
use crate::process::SideOutput;
use crate::stream::Collector;
use crate::time::as_millis;

pub use assign::{
    DynamicGap, Gap, Global, OfEventTime, OfProcessingTime, Session, Sliding, Tumbling, Window,
    WindowAssigner, WindowClock,
};
pub use function::{
    AggregateWindow, AggregateWith, Evictor, KeepAll, KeepLast, KeepRecent, KeepSimilar,
    ProcessWindow, ReduceWindow, Timestamped, WindowFunction,
};
use logic::{Keeping, Rules};
pub use logic::{Pane, WindowLogic};
pub use slices::Slices;
pub use trigger::{
    Continuous, Delta, EachCount, EventTime, Last, Never, ProcessingTime, Purging, Trigger,
    TriggerContext, TriggerResult,
};

/// A keyed stream divided into windows: [`KeyedStream::window`] makes one.
pub struct WindowedStream<T, U, S, W, R, V = KeepAll> {
    keyed: KeyedStream<T, U, S>,
    assigner: W,
    trigger: R,
    evictor: V,
    lateness: Duration,
    late: Option<SideOutput<T>>,
}

impl<T, U, S, W, R, V> std::fmt::Debug for WindowedStream<T, U, S, W, R, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowedStream")
            .field("of", &self.keyed)
            .finish_non_exhaustive()
    }
}

/// What a window operator makes.
pub type Windowed<T, S, W, R, F> = Keyed<T, S, LogicOf<T, S, W, R, F>>;
type LogicOf<T, S, W, R, F> = WindowLogic<T, <S as KeySelector<T>>::Owned, W, R, F>;

impl<T: Record + Clone, U: Upstream<T>, S: KeySelector<T>> KeyedStream<T, U, S> {
    /// Divides the records of each key into windows; see [the module](crate::window).
    pub fn window<W: WindowAssigner<T>>(
        self,
        assigner: W,
    ) -> WindowedStream<T, U, S, W, W::DefaultTrigger> {
        let trigger = assigner.default_trigger();
        WindowedStream {
            keyed: self,
            assigner,
            trigger,
            evictor: KeepAll,
            lateness: Duration::ZERO,
            late: None,
        }
    }

    /// Windows of so many records each.
    pub fn count_window(self, count: u64) -> WindowedStream<T, U, S, Global, Purging<EachCount>> {
        self.window(Global).trigger(Purging(EachCount(count)))
    }

    /// The last `count` records, each time that `slide` records have come; `process` lets them come out.
    pub fn sliding_count_window(
        self,
        count: usize,
        slide: u64,
    ) -> WindowedStream<T, U, S, Global, EachCount, KeepLast> {
        let windowed = self.window(Global).trigger(EachCount(slide));
        windowed.evictor(KeepLast(count))
    }
}

impl<T, U, S, W, R, V> WindowedStream<T, U, S, W, R, V>
where
    T: Record + Clone,
    U: Upstream<T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    R: Trigger<T>,
{
    /// Says when windows fire.
    pub fn trigger<X: Trigger<T>>(self, trigger: X) -> WindowedStream<T, U, S, W, X, V> {
        WindowedStream {
            keyed: self.keyed,
            assigner: self.assigner,
            trigger,
            evictor: self.evictor,
            lateness: self.lateness,
            late: self.late,
        }
    }

    /// Removes records when windows fire, which are then kept whole; only [`WindowedStream::process`]
    /// follows.
    pub fn evictor<X: Evictor<T>>(self, evictor: X) -> WindowedStream<T, U, S, W, R, X> {
        WindowedStream {
            keyed: self.keyed,
            assigner: self.assigner,
            trigger: self.trigger,
            evictor,
            lateness: self.lateness,
            late: self.late,
        }
    }

    /// Keeps windows for so long after event time has passed their end. A record that comes meanwhile has
    /// its window fire again.
    #[must_use]
    pub fn allowed_lateness(mut self, lateness: Duration) -> Self {
        self.lateness = lateness;
        self
    }

    /// Where records go that come too late for all their windows. Without it they are counted in
    /// `numLateRecordsDropped`.
    #[must_use]
    pub fn late_to(mut self, late: &SideOutput<T>) -> Self {
        self.late = Some(late.clone());
        self
    }

    /// Lets a function make what comes out of the records of a window, each with its timestamp, in the
    /// order in which they came.
    pub fn process<O, G>(self, f: G) -> Windowed<T, S, W, R, ProcessWindow<G, V, O>>
    where
        V: Evictor<T>,
        O: Record,
        G: FnMut(&S::Owned, Window, &[Timestamped<T>], &mut Collector<'_, O>) -> Result<()>
            + 'static,
    {
        let (windowed, evictor) = self.without_evictor();
        let out = PhantomData;
        windowed.operator(ProcessWindow { f, evictor, out })
    }

    fn without_evictor(self) -> (WindowedStream<T, U, S, W, R>, V) {
        let windowed = WindowedStream {
            keyed: self.keyed,
            assigner: self.assigner,
            trigger: self.trigger,
            evictor: KeepAll,
            lateness: self.lateness,
            late: self.late,
        };
        (windowed, self.evictor)
    }
}

impl<T, U, S, W, R> WindowedStream<T, U, S, W, R>
where
    T: Record + Clone,
    U: Upstream<T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    R: Trigger<T>,
{
    /// Folds the records of a window into one, which comes out. Of windows that overlap parts are folded first;
    /// see [`Sliding`].
    pub fn reduce<F: FnMut(T, T) -> T + 'static>(
        self,
        f: F,
    ) -> Windowed<T, S, W, R, ReduceWindow<F>> {
        self.operator(ReduceWindow(f))
    }

    /// Folds the records of a window into an accumulator; the key and the result come out.
    pub fn aggregate<A: Aggregate<T>>(
        self,
        aggregate: A,
    ) -> Windowed<T, S, W, R, AggregateWindow<A>> {
        self.operator(AggregateWindow(aggregate))
    }

    /// As [`WindowedStream::aggregate`]; a function makes what comes out of key, window and result.
    pub fn aggregate_with<A, O, G>(
        self,
        aggregate: A,
        f: G,
    ) -> Windowed<T, S, W, R, AggregateWith<A, G, O>>
    where
        A: Aggregate<T>,
        O: Record,
        G: FnMut(&S::Owned, Window, A::Out, &mut Collector<'_, O>) -> Result<()> + 'static,
    {
        let out = PhantomData;
        self.operator(AggregateWith { aggregate, f, out })
    }

    fn operator<F>(self, function: F) -> Windowed<T, S, W, R, F>
    where
        F: WindowFunction<T, S::Owned>,
    {
        let (assigner, trigger) = (self.assigner, self.trigger);
        let cannot_merge = assigner.merges() && !trigger.can_merge();
        let problems = [
            assigner.problem(),
            trigger.problem(),
            cannot_merge.then(|| {
                "windows that merge have a trigger that cannot; use another trigger".to_owned()
            }),
        ];
        let env = self.keyed.env().clone();
        problems
            .into_iter()
            .flatten()
            .for_each(|it| env.mistake(it));
        let lateness = as_millis(self.lateness);
        let keeping = Keeping::of::<T, S::Owned, _, _, _>(&assigner, &trigger, &function, lateness);
        let rules = Rules {
            domain: assigner.domain(),
            assigner,
            lateness,
            late: self.late,
            keeping,
        };
        self.keyed.operator("Window", |states| {
            let panes = states.value_of_kind(keeping.state(), StateKind::Value);
            WindowLogic::new(panes, rules, (trigger, function))
        })
    }
}
