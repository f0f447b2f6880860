//! Process functions: code that sees each record with its context, keeps state, and may fail.

mod context;

use std::cell::{OnceCell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;

use crate::codec::Record;
use crate::env::Env;
use crate::host::OperatorState;
use crate::pipe::{Down, Node, Outlet, Pipe, Stage};
use crate::runtime::{News, Scope, Shared, Snapshot};
use crate::stream::Collector;

pub use context::{Context, KeyedContext};

/// An output besides the main one, of records of its own type.
///
/// Make it before the operator, emit with [`Context::side`], and read it with
/// [`Stream::side_output`](crate::Stream::side_output). Records emitted to an output that nobody reads
/// are dropped.
///
/// ```
/// use wasmill::SideOutput;
/// use wasmill::prelude::*;
///
/// fn sums(env: &Env) -> Result<()> {
///     let bad = SideOutput::new();
///     let to_bad = bad.clone();
///     let numbers = env.source(File::lines("numbers")).process(|_| {
///         move |line: String, cx, out| {
///             match line.parse::<i64>() {
///                 Ok(number) => out.emit(number),
///                 Err(_) => cx.side(&to_bad, line),
///             }
///             Ok(())
///         }
///     });
///     numbers.side_output(&bad).sink(File::lines("bad")).name("bad");
///     numbers.sink(File::lines("good")).name("good");
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(sums)
///     .input("Source: file", ["1", "one", "2"])
///     .run()?;
/// assert_eq!(outcome.lines("good"), ["1", "2"]);
/// assert_eq!(outcome.lines("bad"), ["one"]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct SideOutput<T> {
    outlet: Rc<Outlet<T>>,
    owner: Rc<OnceCell<Owner>>,
}

/// The operator that a side output belongs to.
#[derive(Debug)]
struct Owner {
    operator: u32,
    name: String,
    /// The number of the output.
    output: u32,
}

impl<T> Clone for SideOutput<T> {
    fn clone(&self) -> Self {
        Self {
            outlet: Rc::clone(&self.outlet),
            owner: Rc::clone(&self.owner),
        }
    }
}

impl<T> std::fmt::Debug for SideOutput<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SideOutput")
            .field("owner", &self.owner.get())
            .finish_non_exhaustive()
    }
}

impl<T: Record> Default for SideOutput<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Record> SideOutput<T> {
    /// An output that belongs to no operator yet.
    pub fn new() -> Self {
        Self {
            outlet: Outlet::new(),
            owner: Rc::new(OnceCell::new()),
        }
    }

    /// Makes the output one of the operator's, with a number of its own.
    pub(crate) fn attach(&self, env: &Env, operator: u32) -> (u32, Rc<Outlet<T>>) {
        let owner = self.owner.get_or_init(|| Owner {
            operator,
            name: env.operator_name(operator),
            output: env.next_side_output(operator),
        });
        if owner.operator != operator {
            let (owner, reader) = (&owner.name, env.operator_name(operator));
            env.mistake(format!(
                "a side output is read from `{owner}` and from `{reader}`; use one `SideOutput` per operator"
            ));
        }
        (owner.output, Rc::clone(&self.outlet))
    }
}

/// An object that processes records and is told when there are no more, and what came of checkpoints.
///
/// ```
/// use wasmill::prelude::*;
/// use wasmill::{Collector, Process, ProcessContext};
///
/// /// Emits the largest number when it has seen all.
/// struct Largest(Option<u64>);
///
/// impl Process<u64> for Largest {
///     type Out = u64;
///
///     fn process(
///         &mut self,
///         number: u64,
///         _cx: &mut ProcessContext<'_>,
///         _out: &mut Collector<'_, u64>,
///     ) -> Result<()> {
///         self.0 = self.0.max(Some(number));
///         Ok(())
///     }
///
///     fn end(&mut self, out: &mut Collector<'_, u64>) -> Result<()> {
///         self.0.take().into_iter().for_each(|number| out.emit(number));
///         Ok(())
///     }
/// }
///
/// fn largest(env: &Env) -> Result<()> {
///     let numbers = env.guest_source(generate(50, |i| i * 7 % 50));
///     numbers.process_with(|_| Largest(None)).sink(Blackhole);
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(largest).run()?;
/// assert_eq!(outcome.output::<u64>("Sink: blackhole"), [49]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait Process<T>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record.
    ///
    /// # Errors
    /// An error fails the job.
    fn process(
        &mut self,
        record: T,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Called once, after the last record.
    ///
    /// # Errors
    /// An error fails the job.
    fn end(&mut self, out: &mut Collector<'_, Self::Out>) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// Called when a checkpoint is complete: what the function did before its barrier will not be undone.
    ///
    /// Not every complete checkpoint is told of, and a job may fail before it hears of one, so a call stands
    /// for all checkpoints up to its number. A savepoint that does not stop the job is not told of. Nothing can
    /// be emitted here.
    ///
    /// # Errors
    /// An error fails the job.
    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<()> {
        let _ = checkpoint;
        Ok(())
    }

    /// Called when a checkpoint was given up: what the function did before its barrier belongs to the next.
    ///
    /// # Errors
    /// An error fails the job.
    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<()> {
        let _ = checkpoint;
        Ok(())
    }
}

/// See [`Stream::process`](crate::Stream::process).
pub struct ProcessStage<T, O, P, F> {
    operator: u32,
    prev: P,
    f: F,
    records: PhantomData<fn(T) -> O>,
}

impl<T, O, P, F> ProcessStage<T, O, P, F> {
    pub(crate) fn new(operator: u32, prev: P, f: F) -> Self {
        Self {
            operator,
            prev,
            f,
            records: PhantomData,
        }
    }
}

impl<T, O, P, F> Node for ProcessStage<T, O, P, F> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T, O, P, F> Stage<O> for ProcessStage<T, O, P, F>
where
    T: 'static,
    O: 'static,
    P: Pipe<T>,
    F: FnMut(T, &mut Context<'_>, &mut Collector<'_, O>) -> Result<()> + 'static,
{
    type Prev = P;
    type In = T;
    type Wrapped<D: Down<O>> = Processing<T, O, F, D>;

    fn prev(&self) -> &P {
        &self.prev
    }

    fn wrap<D: Down<O>>(self, scope: &Scope, down: D) -> (P, Self::Wrapped<D>) {
        let shared = scope.shared();
        (
            self.prev,
            Processing {
                operator: self.operator,
                f: self.f,
                down,
                shared,
                records: PhantomData,
            },
        )
    }
}

/// A process function together with what follows it.
pub struct Processing<T, O, F, D> {
    operator: u32,
    f: F,
    down: D,
    shared: Rc<Shared>,
    records: PhantomData<fn(T) -> O>,
}

impl<T, O, F, D> Down<T> for Processing<T, O, F, D>
where
    T: 'static,
    O: 'static,
    F: FnMut(T, &mut Context<'_>, &mut Collector<'_, O>) -> Result<()> + 'static,
    D: Down<O>,
{
    #[inline]
    fn push(&mut self, value: T) {
        let mut context = Context::new(&self.shared, self.operator);
        if let Err(error) = (self.f)(value, &mut context, &mut Collector::new(&mut self.down)) {
            self.shared.fail_user(&error);
        }
    }
}

/// See [`Stream::process_with`](crate::Stream::process_with).
pub struct Ended<T, P, G> {
    operator: u32,
    prev: P,
    process: G,
    records: PhantomData<fn(T)>,
}

impl<T, P, G> Ended<T, P, G> {
    pub(crate) fn new(operator: u32, prev: P, process: G) -> Self {
        Self {
            operator,
            prev,
            process,
            records: PhantomData,
        }
    }
}

impl<T, P, G> Node for Ended<T, P, G> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T: 'static, P: Pipe<T>, G: Process<T>> Stage<G::Out> for Ended<T, P, G> {
    type Prev = P;
    type In = T;
    type Wrapped<D: Down<G::Out>> = Object<G, D>;

    fn prev(&self) -> &P {
        &self.prev
    }

    fn wrap<D: Down<G::Out>>(self, scope: &Scope, down: D) -> (P, Object<G, D>) {
        let both = Rc::new(RefCell::new((self.process, down)));
        if scope.has(self.operator) {
            let (ended, shared) = (Rc::clone(&both), scope.shared());
            scope.add_end(
                self.operator,
                Box::new(move || {
                    let (process, down) = &mut *ended.borrow_mut();
                    if let Err(error) = process.end(&mut Collector::new(down)) {
                        shared.fail_user(&error);
                    }
                }),
            );
            let (both, shared) = (Rc::clone(&both), scope.shared());
            let records = PhantomData;
            scope.add_snapshot(Box::new(Told {
                both,
                shared,
                records,
            }));
        }
        (
            self.prev,
            Object {
                operator: self.operator,
                both,
                shared: scope.shared(),
            },
        )
    }
}

/// A process object as it hears of checkpoints.
struct Told<T, G, D> {
    both: Rc<RefCell<(G, D)>>,
    shared: Rc<Shared>,
    records: PhantomData<fn(T)>,
}

impl<T, G: Process<T>, D> Snapshot for Told<T, G, D> {
    fn snapshot(&mut self, _: &mut Vec<OperatorState>) -> Result<(), String> {
        Ok(())
    }

    fn told(&mut self, news: News) {
        let process = &mut self.both.borrow_mut().0;
        let told = match news {
            News::Complete(checkpoint) => process.checkpoint_complete(checkpoint),
            News::Aborted(checkpoint) => process.checkpoint_aborted(checkpoint),
        };
        if let Err(error) = told {
            self.shared.fail_user(&error);
        }
    }
}

/// A process object together with what follows it; also reached at the end of the input.
pub struct Object<G, D> {
    operator: u32,
    both: Rc<RefCell<(G, D)>>,
    shared: Rc<Shared>,
}

impl<T: 'static, G: Process<T>, D: Down<G::Out>> Down<T> for Object<G, D> {
    fn push(&mut self, value: T) {
        let (process, down) = &mut *self.both.borrow_mut();
        let mut context = Context::new(&self.shared, self.operator);
        if let Err(error) = process.process(value, &mut context, &mut Collector::new(down)) {
            self.shared.fail_user(&error);
        }
    }
}
