//! One subtask at work: its inputs, outputs, state and failures.
//!
//! `Runtime` answers the calls of the host; [`Scope`] is the same thing while the program builds its
//! operators into it. Invariant: a call that fails leaves the failure as its result, and the subtask is
//! not called again.

mod shared;

use std::cell::RefCell;
use std::rc::Rc;

use crate::emit::OutputBuffer;
use crate::env::{Env, Main};
use crate::host::{
    self, BadRecordPolicy, Batch, Blobs, Failure, OperatorState, OutputEdge, PollStatus,
    TaskContext,
};
use crate::timers::TimeDomain;
use crate::watermark::{Makers, Said};

pub use shared::Shared;

/// The timestamp of a record that has none.
pub(crate) const NO_TIMESTAMP: i64 = i64::MIN;

/// What an operator does when all input has ended.
pub(crate) type AtEnd = Box<dyn FnMut()>;

/// Something that takes the batches of one input.
pub(crate) trait Input {
    fn process(&mut self, batch: &Batch);
}

/// A keyed operator whose timers fire.
pub(crate) trait FireTimers {
    fn fire(&mut self, domain: TimeDomain, times: &[i64], keys: &Blobs, namespaces: &Blobs);
}

/// An operator that is probed from time to time.
pub(crate) type Probe = Box<dyn FnMut()>;

/// Something that makes the records of a guest source.
pub(crate) trait SourceDriver {
    fn splits(&mut self, parallelism: u32) -> Result<Blobs, Failure>;
    fn assign(&mut self, splits: &Blobs) -> Result<(), Failure>;
    fn poll(&mut self, max_records: u32) -> Result<PollStatus, Failure>;
    fn snapshot(&mut self) -> Result<Blobs, Failure>;
}

/// State of an operator that takes part in snapshots, or an operator that is told what came of them.
pub(crate) trait Snapshot {
    fn snapshot(&mut self, into: &mut Vec<OperatorState>) -> Result<(), String>;

    /// Hears of a checkpoint; a failure goes to the operator's [`Shared`].
    fn told(&mut self, news: News) {
        let _ = news;
    }
}

/// What came of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It is complete.
    Complete(u64),
    /// It was given up.
    Aborted(u64),
}

/// A subtask while its operators are built.
#[derive(Clone)]
pub struct Scope(Rc<Parts>);

struct Parts {
    context: TaskContext,
    shared: Rc<Shared>,
    edges: RefCell<Vec<(u32, u32)>>,
    inputs: RefCell<Vec<Option<Box<dyn Input>>>>,
    outputs: RefCell<Vec<Option<Rc<RefCell<OutputBuffer>>>>>,
    ends: RefCell<Vec<(u32, AtEnd)>>,
    snapshots: RefCell<Vec<Box<dyn Snapshot>>>,
    timers: RefCell<Option<Box<dyn FireTimers>>>,
    probes: RefCell<Vec<Probe>>,
    makers: RefCell<Makers>,
    source: RefCell<Option<(u32, Box<dyn SourceDriver>)>>,
}

impl Scope {
    fn new(context: TaskContext) -> Self {
        let shared = Shared::new(context.on_bad_record == BadRecordPolicy::Skip);
        Self(Rc::new(Parts {
            shared: Rc::new(shared),
            edges: RefCell::new(Vec::new()),
            inputs: RefCell::new(context.inputs.iter().map(|_| None).collect()),
            outputs: RefCell::new(context.outputs.iter().map(|_| None).collect()),
            ends: RefCell::new(Vec::new()),
            snapshots: RefCell::new(Vec::new()),
            timers: RefCell::new(None),
            probes: RefCell::new(Vec::new()),
            makers: RefCell::default(),
            source: RefCell::new(None),
            context,
        }))
    }

    pub(crate) fn context(&self) -> &TaskContext {
        &self.0.context
    }

    pub(crate) fn shared(&self) -> Rc<Shared> {
        Rc::clone(&self.0.shared)
    }

    /// Whether an operator runs here.
    pub(crate) fn has(&self, operator: u32) -> bool {
        self.0.context.operators.contains(&operator)
    }

    /// Remembers the ends of an edge; edges come in the order of their ids.
    pub(crate) fn learn_edge(&self, id: u32, upstream: u32, downstream: u32) {
        let mut edges = self.0.edges.borrow_mut();
        debug_assert_eq!(edges.len(), id as usize, "edges are learned in order");
        edges.push((upstream, downstream));
    }

    /// Whether both ends of an edge run here, one calling the other.
    pub(crate) fn is_chained(&self, edge: u32) -> bool {
        let (upstream, downstream) = self.0.edges.borrow()[edge as usize];
        self.has(upstream)
            && self.has(downstream)
            && self.output(edge).is_none()
            && !self.0.context.inputs.contains(&edge)
    }

    /// The output behind an edge that leaves this subtask.
    pub(crate) fn output(&self, edge: u32) -> Option<OutputEdge> {
        self.0
            .context
            .outputs
            .iter()
            .find(|output| output.edge == edge)
            .copied()
    }

    /// The columns of an output.
    pub(crate) fn output_buffer(&self, edge: u32) -> Rc<RefCell<OutputBuffer>> {
        let context = &self.0.context;
        let index = context
            .outputs
            .iter()
            .position(|output| output.edge == edge);
        let index = index.expect("only asked for edges that `output` found");
        let mut outputs = self.0.outputs.borrow_mut();
        let new = || {
            let (bytes, record) = (context.batch_bytes, context.max_record_bytes);
            Rc::new(RefCell::new(OutputBuffer::new(index as u32, bytes, record)))
        };
        Rc::clone(outputs[index].get_or_insert_with(new))
    }

    /// Registers what takes the records of an edge, if that edge comes in here.
    pub(crate) fn add_input(&self, edge: u32, input: Box<dyn Input>) {
        if let Some(index) = self.0.context.inputs.iter().position(|id| *id == edge) {
            self.0.inputs.borrow_mut()[index] = Some(input);
        }
    }

    /// Registers what an operator does when all input has ended.
    pub(crate) fn add_end(&self, operator: u32, end: AtEnd) {
        self.0.ends.borrow_mut().push((operator, end));
    }

    pub(crate) fn add_snapshot(&self, snapshot: Box<dyn Snapshot>) {
        self.0.snapshots.borrow_mut().push(snapshot);
    }

    /// Registers the keyed operator.
    pub(crate) fn set_timers(&self, timers: Box<dyn FireTimers>) {
        *self.0.timers.borrow_mut() = Some(timers);
    }

    /// Registers an operator that is to be probed.
    pub(crate) fn add_probe(&self, probe: Probe) {
        self.0.probes.borrow_mut().push(probe);
    }

    /// Registers an operator that makes watermarks; its number.
    pub(crate) fn add_maker(&self) -> usize {
        self.0.makers.borrow_mut().add()
    }

    /// An operator has made a watermark.
    pub(crate) fn made_watermark(&self, maker: usize, time: i64) {
        let said = self.0.makers.borrow_mut().watermark(maker, time);
        self.say(said);
    }

    /// An operator has had no records for long, or has some again.
    pub(crate) fn set_idle(&self, maker: usize, is_idle: bool) {
        let said = self.0.makers.borrow_mut().set_idle(maker, is_idle);
        self.say(said);
    }

    /// Records that were emitted before come first.
    fn say(&self, said: Option<Said>) {
        let Some(said) = said else { return };
        self.flush();
        match said {
            Said::Watermark(time) => host::emit_watermark(time),
            Said::Idle => host::mark_idle(),
        }
    }

    fn flush(&self) {
        let outputs = self.0.outputs.borrow();
        let outputs = outputs.iter().flatten();
        outputs.for_each(|output| output.borrow_mut().flush());
    }

    /// Registers a source operator, if it runs here.
    pub(crate) fn add_source(&self, operator: u32, source: Box<dyn SourceDriver>) {
        if self.has(operator) {
            *self.0.source.borrow_mut() = Some((operator, source));
        }
    }
}

/// A subtask that is ready for calls.
pub(crate) struct Runtime {
    scope: Scope,
    inputs: Vec<Option<Box<dyn Input>>>,
    ends: Vec<(u32, AtEnd)>,
    snapshots: Vec<Box<dyn Snapshot>>,
    timers: Option<Box<dyn FireTimers>>,
    probes: Vec<Probe>,
    source: Option<Box<dyn SourceDriver>>,
    open_inputs: usize,
}

impl Runtime {
    pub(crate) fn open(main: Main, context: TaskContext) -> Result<Self, Failure> {
        let (args, open_inputs) = (context.args.clone(), context.inputs.len());
        let scope = Scope::new(context);
        let env = Env::new(args, Some(scope.clone()));
        let built = main(&env).and_then(|()| env.check());
        built.map_err(|error| Failure::User(format!("{error:#}")))?;
        let parts = &scope.0;
        let inputs = parts.inputs.take();
        if let Some(index) = inputs.iter().position(Option::is_none) {
            let edge = parts.context.inputs[index];
            return Err(Failure::Other(format!(
                "nothing reads edge {edge}; the program must build the same graph each time"
            )));
        }
        let missing = parts.outputs.borrow().iter().position(Option::is_none);
        if let Some(index) = missing {
            let edge = parts.context.outputs[index].edge;
            return Err(Failure::Other(format!(
                "nothing writes edge {edge}; the program must build the same graph each time"
            )));
        }
        let targets = parts.context.outputs.iter();
        let targets =
            targets.filter_map(|output| Some((output.edge, env.edge_target(output.edge)?)));
        parts.shared.set_targets(targets.collect());
        let known = env.operator_count() as u32;
        if let Some(operator) = parts.context.operators.iter().find(|id| **id >= known) {
            return Err(Failure::Other(format!(
                "there is no operator {operator}; the program must build the same graph each time"
            )));
        }
        // Programs number operators from the sources on, so this is the order of the chain.
        let mut ends = parts.ends.take();
        ends.sort_by_key(|(operator, _)| *operator);
        let runtime = Self {
            inputs,
            ends,
            snapshots: parts.snapshots.take(),
            timers: parts.timers.take(),
            probes: parts.probes.take(),
            source: parts.source.take().map(|(_, source)| source),
            open_inputs,
            scope,
        };
        runtime.scope.0.shared.take_failure()?;
        Ok(runtime)
    }

    pub(crate) fn splits(
        main: Main,
        args: &[String],
        operator: u32,
        parallelism: u32,
    ) -> Result<Blobs, Failure> {
        let mut runtime = Self::open(main, splits_context(args, operator, parallelism))?;
        runtime.source()?.splits(parallelism)
    }

    pub(crate) fn process(&mut self, input: u32, records: &Batch) -> Result<(), Failure> {
        let reader = self.inputs.get_mut(input as usize).and_then(Option::as_mut);
        let reader = reader.ok_or_else(|| Failure::Other(format!("there is no input {input}")))?;
        reader.process(records);
        self.finish_call()
    }

    /// Without timers it is a probe.
    pub(crate) fn on_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) -> Result<(), Failure> {
        if times.is_empty() {
            self.scope.0.shared.set_timestamp(NO_TIMESTAMP);
            self.probes.iter_mut().for_each(|probe| probe());
            return self.finish_call();
        }
        if keys.ends.len() != times.len() || namespaces.ends.len() != times.len() {
            let (times, keys, namespaces) = (times.len(), keys.ends.len(), namespaces.ends.len());
            return Err(Failure::Other(format!(
                "{times} timers came with {keys} keys and {namespaces} namespaces"
            )));
        }
        let Some(timers) = &mut self.timers else {
            let operators = &self.scope.context().operators;
            return Err(Failure::Other(format!(
                "timers fired, and none of the operators {operators:?} has keyed state"
            )));
        };
        timers.fire(domain, times, keys, namespaces);
        self.finish_call()
    }

    pub(crate) fn on_watermark(&self, time: i64) -> Result<(), Failure> {
        self.scope.0.shared.advance(time);
        self.finish_call()
    }

    pub(crate) fn end_of_input(&mut self, _input: u32) -> Result<(), Failure> {
        self.open_inputs = self.open_inputs.saturating_sub(1);
        if self.open_inputs == 0 {
            self.scope.0.shared.set_timestamp(NO_TIMESTAMP);
            for (_, end) in &mut self.ends {
                end();
            }
        }
        self.finish_call()
    }

    pub(crate) fn snapshot(&mut self) -> Result<Vec<OperatorState>, Failure> {
        let mut states = Vec::new();
        for snapshot in &mut self.snapshots {
            snapshot.snapshot(&mut states).map_err(Failure::Other)?;
        }
        Ok(states)
    }

    /// Tells all operators what came of a checkpoint.
    pub(crate) fn told(&mut self, news: News) -> Result<(), Failure> {
        self.snapshots.iter_mut().for_each(|it| it.told(news));
        self.finish_call()
    }

    pub(crate) fn assign(&mut self, splits: &Blobs) -> Result<(), Failure> {
        self.source()?.assign(splits)
    }

    pub(crate) fn poll(&mut self, max_records: u32) -> Result<PollStatus, Failure> {
        let status = self.source()?.poll(max_records)?;
        self.finish_call()?;
        Ok(status)
    }

    pub(crate) fn snapshot_splits(&mut self) -> Result<Blobs, Failure> {
        self.source()?.snapshot()
    }

    fn source(&mut self) -> Result<&mut Box<dyn SourceDriver>, Failure> {
        let missing = || Failure::Other("this chain does not start with a source".to_owned());
        self.source.as_mut().ok_or_else(missing)
    }

    fn finish_call(&self) -> Result<(), Failure> {
        let shared = &self.scope.0.shared;
        shared.take_failure()?;
        self.scope.flush();
        shared.finish_call();
        Ok(())
    }
}

/// The context of an instance that is only asked for the splits of a source.
fn splits_context(args: &[String], operator: u32, parallelism: u32) -> TaskContext {
    TaskContext {
        job: String::new(),
        args: args.to_vec(),
        operators: vec![operator],
        inputs: Vec::new(),
        outputs: Vec::new(),
        subtask: 0,
        parallelism,
        max_parallelism: parallelism,
        attempt: 0,
        restored: Vec::new(),
        has_keyed_state: false,
        cache_bytes: 0,
        batch_bytes: 0,
        max_record_bytes: 0,
        on_bad_record: BadRecordPolicy::Fail,
    }
}
