//! Functions of two streams that have no keys.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;

use crate::bindings::exports::wasmill::dataflow::job::{OperatorKind, Partitioning};
use crate::codec::Record;
use crate::emit::Plain;
use crate::env::Port;
use crate::pipe::{BoxDown, Down, End, Leg, Legs, Node, Nowhere, OperatorPipe, Pipe, Upstream};
use crate::process::Context;
use crate::runtime::{Scope, Shared};
use crate::state::OperatorStates;
use crate::stream::{Collector, Stream};

/// Two streams that one operator will read: [`Stream::connect`] makes it.
pub struct Connected<A, U, B, V> {
    first: Stream<A, U>,
    second: Stream<B, V>,
}

impl<A, U, B, V> std::fmt::Debug for Connected<A, U, B, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Connected");
        debug.field("first", &self.first);
        debug.field("second", &self.second).finish()
    }
}

/// What [`Connected::process_with`] makes.
pub type CoProcessed<A, B, P> = Stream<<P as CoProcess<A, B>>::Out, End<CoStage<A, B, P>>>;

impl<A: Record, U: Upstream<A>, B: Record, V: Upstream<B>> Connected<A, U, B, V> {
    pub(crate) fn new(first: Stream<A, U>, second: Stream<B, V>) -> Self {
        Self { first, second }
    }

    /// Runs an object that processes the records of both streams; see [`CoProcess`].
    ///
    /// `setup` is called once per subtask, before the first record; it asks for the states and returns the object.
    /// How each stream is spread over the subtasks is its own affair: say `rebalance` or `broadcast` before.
    pub fn process_with<P, G>(self, setup: G) -> CoProcessed<A, B, P>
    where
        G: FnOnce(&mut OperatorStates) -> P,
        P: CoProcess<A, B>,
    {
        let (env, first) = self.first.into_parts();
        let (_, second) = self.second.into_parts();
        let operator = env.add_operator("Co-Process", OperatorKind::Guest, Vec::new());
        let mut states = OperatorStates::new(&env, operator);
        let process = setup(&mut states);
        states.finish(&env);
        let forward = Plain(Partitioning::Forward);
        let first = first.seal(&env, Port { operator, input: 0 }, forward);
        let second = second.seal(&env, Port { operator, input: 1 }, forward);
        Stream::new(
            &env,
            End(CoStage {
                operator,
                first,
                second,
                process,
            }),
        )
    }
}

/// An object that processes the records of two streams and is told when both have ended.
///
/// ```
/// use wasmill::connect::CoProcess;
/// use wasmill::prelude::*;
/// use wasmill::{Collector, ProcessContext};
///
/// /// Multiplies numbers with the last factor.
/// struct Scale(i64);
///
/// impl CoProcess<i64, String> for Scale {
///     type Out = i64;
///
///     fn process1(
///         &mut self,
///         number: i64,
///         _cx: &mut ProcessContext<'_>,
///         out: &mut Collector<'_, i64>,
///     ) -> Result<()> {
///         out.emit(number * self.0);
///         Ok(())
///     }
///
///     fn process2(
///         &mut self,
///         factor: String,
///         _cx: &mut ProcessContext<'_>,
///         _out: &mut Collector<'_, i64>,
///     ) -> Result<()> {
///         self.0 = factor.parse()?;
///         Ok(())
///     }
/// }
///
/// fn scaled(env: &Env) -> Result<()> {
///     let factors = env.source(File::lines("factors")).name("factors").broadcast();
///     let numbers = env.source(File::json_lines("numbers")).name("numbers");
///     numbers.connect(factors).process_with(|_| Scale(1)).sink(Blackhole);
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(scaled)
///     .input("factors", ["3"])
///     .input("numbers", [1, 2])
///     .run()?;
/// assert_eq!(outcome.output::<i64>("Sink: blackhole"), [3, 6]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub trait CoProcess<A, B>: 'static {
    /// What it emits.
    type Out: Record;

    /// Processes a record of the first stream.
    ///
    /// # Errors
    /// An error fails the job.
    fn process1(
        &mut self,
        record: A,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Processes a record of the second stream.
    ///
    /// # Errors
    /// An error fails the job.
    fn process2(
        &mut self,
        record: B,
        cx: &mut Context<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()>;

    /// Called once, after the last record of both.
    ///
    /// # Errors
    /// An error fails the job.
    fn end(&mut self, out: &mut Collector<'_, Self::Out>) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// An operator with two inputs, and what leads to it.
pub struct CoStage<A, B, P> {
    operator: u32,
    first: Vec<Leg<A>>,
    second: Vec<Leg<B>>,
    process: P,
}

impl<A, B, P> Node for CoStage<A, B, P> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<A: Record, B: Record, P: CoProcess<A, B>> OperatorPipe<P::Out> for CoStage<A, B, P> {}

/// It heads its chain: an operator with two inputs has no single one before it.
impl<A: Record, B: Record, P: CoProcess<A, B>> Pipe<P::Out> for CoStage<A, B, P> {
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<P::Out>>(self, scope: &Scope, down: D) {
        if !scope.has(self.operator) {
            return;
        }
        let core = Core {
            operator: self.operator,
            shared: scope.shared(),
            process: self.process,
            down,
        };
        let core = Rc::new(RefCell::new(core));
        let ended = Rc::clone(&core);
        let end = move || ended.borrow_mut().end::<A, B>();
        scope.add_end(self.operator, Box::new(end));
        Legs(self.first).build(scope, First(Rc::clone(&core), PhantomData));
        Legs(self.second).build(scope, Second(core, PhantomData));
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<P::Out>>) {
        self.build(scope, down.unwrap_or_else(|| Box::new(Nowhere)));
    }
}

/// The operator at work.
struct Core<P, D> {
    operator: u32,
    shared: Rc<Shared>,
    process: P,
    down: D,
}

impl<P, D> Core<P, D> {
    fn call<O: 'static>(
        &mut self,
        f: impl FnOnce(&mut P, &mut Context<'_>, &mut Collector<'_, O>) -> Result<()>,
    ) where
        D: Down<O>,
    {
        let mut context = Context::new(&self.shared, self.operator);
        let mut out = Collector::new(&mut self.down);
        if let Err(error) = f(&mut self.process, &mut context, &mut out) {
            self.shared.fail_user(&error);
        }
    }

    fn end<A, B>(&mut self)
    where
        P: CoProcess<A, B>,
        D: Down<P::Out>,
    {
        self.call(|process, _, out| process.end(out));
    }
}

/// The first input.
struct First<B, P, D>(Rc<RefCell<Core<P, D>>>, PhantomData<fn(B)>);

impl<A: 'static, B: 'static, P: CoProcess<A, B>, D: Down<P::Out>> Down<A> for First<B, P, D> {
    fn push(&mut self, value: A) {
        let call = |process: &mut P, cx: &mut Context<'_>, out: &mut Collector<'_, P::Out>| {
            process.process1(value, cx, out)
        };
        self.0.borrow_mut().call(call);
    }
}

/// The second input.
struct Second<A, P, D>(Rc<RefCell<Core<P, D>>>, PhantomData<fn(A)>);

impl<A: 'static, B: 'static, P: CoProcess<A, B>, D: Down<P::Out>> Down<B> for Second<A, P, D> {
    fn push(&mut self, value: B) {
        let call = |process: &mut P, cx: &mut Context<'_>, out: &mut Collector<'_, P::Out>| {
            process.process2(value, cx, out)
        };
        self.0.borrow_mut().call(call);
    }
}
