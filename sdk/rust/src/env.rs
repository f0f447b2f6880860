//! The environment that a program builds its graph in.
//!
//! [`Env`] numbers operators and edges in the order in which the program makes them, so a second run
//! of the same program gives the same numbers. Invariant: building never fails on the spot; what is
//! wrong is remembered and reported by `describe`, with the first mistake first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail, ensure};

use crate::bindings::exports::wasmill::dataflow::job::{
    Chaining, Edge, JobGraph, OperatorKind, OperatorSpec, Partitioning, StateSpec,
};
use crate::connector::Source;
use crate::pipe::{End, FromConnector};
use crate::runtime::Scope;
use crate::source::{FromGuest, GuestSource};
use crate::stream::Stream;

/// The name of a job whose function nobody marked, as in native tests.
pub(crate) const UNNAMED: &str = "job";

/// The main function of a bundle.
pub type Main = fn(&Env) -> Result<()>;

/// Where a program builds its graph; also gives it its arguments.
///
/// ```
/// # use wasmill::prelude::*;
/// fn copy(env: &Env) -> Result<()> {
///     env.name("copy");
///     env.parallelism(env.arg_or("parallelism", 2)?);
///     let lines = env.source(File::lines(env.arg("input")?));
///     let lines = lines.filter(|line| !line.is_empty());
///     if env.flag("print") {
///         lines.sink(Print::new());
///     } else {
///         lines.sink(File::lines(env.arg("output")?));
///     }
///     Ok(())
/// }
///
/// let graph = wasmill::testing::describe(copy, &["--input", "a", "--print"]).unwrap();
/// assert_eq!(graph.name, "copy");
/// assert_eq!(graph.operators[2].name, "Sink: print");
/// let problem = wasmill::testing::describe(copy, &["--input", "a", "--prnt", "--output", "b"]);
/// assert!(problem.unwrap_err().contains("no argument `--prnt`"));
/// ```
#[derive(Clone)]
pub struct Env {
    inner: Rc<Inner>,
}

struct Inner {
    args: Vec<String>,
    graph: RefCell<Graph>,
    /// The subtask that is being built; none while the graph is only described.
    scope: Option<Scope>,
}

struct Graph {
    job: JobGraph,
    used_args: Vec<UsedArg>,
    mistakes: Vec<String>,
    /// The operator of each side output.
    side_outputs: Vec<u32>,
    /// The operators whose main output the program gave up.
    discarded: Vec<u32>,
}

/// An argument that the program asked for.
struct UsedArg {
    name: String,
    takes_value: bool,
}

/// An input of an operator.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    pub(crate) operator: u32,
    pub(crate) input: u32,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env")
            .field("args", &self.inner.args)
            .finish_non_exhaustive()
    }
}

impl Env {
    pub(crate) fn new(args: Vec<String>, scope: Option<Scope>) -> Self {
        let job = JobGraph {
            name: UNNAMED.to_owned(),
            operators: Vec::new(),
            edges: Vec::new(),
            parallelism: None,
        };
        let graph = Graph {
            job,
            used_args: Vec::new(),
            mistakes: Vec::new(),
            side_outputs: Vec::new(),
            discarded: Vec::new(),
        };
        Self {
            inner: Rc::new(Inner {
                args,
                graph: RefCell::new(graph),
                scope,
            }),
        }
    }

    /// Names the job; without it the job has the name that `#[wasmill::job]` says, which is the crate's
    /// unless the attribute has another.
    pub fn name(&self, name: impl Into<String>) {
        self.inner.graph.borrow_mut().job.name = name.into();
    }

    /// Sets the parallelism of operators that name none; the submitter's choice otherwise.
    pub fn parallelism(&self, parallelism: u32) {
        self.inner.graph.borrow_mut().job.parallelism = Some(parallelism);
    }

    /// The value of the argument `--name VALUE` or `--name=VALUE`.
    ///
    /// # Errors
    /// When the argument is missing or is not a `T`.
    pub fn arg_as<T: FromStr>(&self, name: &str) -> Result<T>
    where
        T::Err: std::fmt::Display,
    {
        self.arg_opt(name)?.ok_or_else(|| {
            anyhow!("the argument `--{name}` is missing; add `--{name} VALUE` after `--`")
        })
    }

    /// The text of the argument `--name VALUE`.
    ///
    /// # Errors
    /// When the argument is missing.
    pub fn arg(&self, name: &str) -> Result<String> {
        self.arg_as(name)
    }

    /// As [`Env::arg_as`], with a default for a missing argument.
    ///
    /// # Errors
    /// When the argument is there but is not a `T`.
    pub fn arg_or<T: FromStr>(&self, name: &str, default: T) -> Result<T>
    where
        T::Err: std::fmt::Display,
    {
        Ok(self.arg_opt(name)?.unwrap_or(default))
    }

    /// As [`Env::arg_as`], `None` for a missing argument.
    ///
    /// # Errors
    /// When the argument is there but is not a `T`.
    pub fn arg_opt<T: FromStr>(&self, name: &str) -> Result<Option<T>>
    where
        T::Err: std::fmt::Display,
    {
        self.use_arg(name, true);
        let Some(text) = find_arg(&self.inner.args, name)? else {
            return Ok(None);
        };
        let value = text.parse();
        value.map(Some).map_err(|error: T::Err| {
            let what = not_a(std::any::type_name::<T>(), &error);
            anyhow!("argument `--{name}`: `{text}` is {what}")
        })
    }

    /// Whether the argument `--name`, which takes no value, was given.
    pub fn flag(&self, name: &str) -> bool {
        self.use_arg(name, false);
        let given = |arg: &&str| {
            let rest = arg.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        let mut options = self.inner.args.iter().filter_map(|a| a.strip_prefix("--"));
        let Some(option) = options.find(given) else {
            return false;
        };
        if option != name {
            self.mistake(format!("the argument `--{name}` takes no value"));
        }
        true
    }

    /// A stream that a connector of the host reads, for instance [`File::lines`](crate::File::lines).
    pub fn source<T: 'static, S: Source<T>>(
        &self,
        source: S,
    ) -> Stream<T, FromConnector<T, S::Codec>> {
        let (connector, codec) = source.into_parts();
        let name = format!("Source: {}", connector.name);
        let operator =
            self.add_operator(&name, OperatorKind::SourceConnector(connector), Vec::new());
        Stream::new(self, FromConnector::new(operator, codec))
    }

    /// A stream that code of this bundle makes, for instance [`generate`](crate::generate).
    pub fn guest_source<S: GuestSource>(&self, source: S) -> Stream<S::Item, End<FromGuest<S>>> {
        let operator = self.add_operator("Source: guest", OperatorKind::GuestSource, Vec::new());
        Stream::new(self, End(FromGuest::new(operator, source)))
    }

    pub(crate) fn scope(&self) -> Option<&Scope> {
        self.inner.scope.as_ref()
    }

    pub(crate) fn add_operator(
        &self,
        name: &str,
        kind: OperatorKind,
        states: Vec<StateSpec>,
    ) -> u32 {
        let operators = &mut self.inner.graph.borrow_mut().job.operators;
        let id = operators.len() as u32;
        operators.push(OperatorSpec {
            id,
            name: name.to_owned(),
            kind,
            chaining: Chaining::Always,
            states,
            uid: None,
            parallelism: None,
            max_parallelism: None,
            slot_sharing_group: None,
            co_location: None,
            watermark_interval: None,
        });
        id
    }

    /// Puts the states of an operator into the graph.
    pub(crate) fn declare_states(&self, operator: u32, states: &[StateSpec]) {
        for (index, state) in states.iter().enumerate() {
            if states[..index].iter().any(|other| other.name == state.name) {
                let (operator, state) = (self.operator_name(operator), &state.name);
                self.mistake(format!(
                    "operator `{operator}` has two states named `{state}`; rename one"
                ));
            }
        }
        self.edit(operator, |operator| operator.states = states.to_vec());
    }

    pub(crate) fn operator_name(&self, operator: u32) -> String {
        let operators = &self.inner.graph.borrow().job.operators;
        operators[operator as usize].name.clone()
    }

    pub(crate) fn operator_count(&self) -> usize {
        self.inner.graph.borrow().job.operators.len()
    }

    /// Remembers that nobody wants the main output of an operator.
    pub(crate) fn discard(&self, operator: u32) {
        self.inner.graph.borrow_mut().discarded.push(operator);
    }

    pub(crate) fn edit(&self, operator: u32, change: impl FnOnce(&mut OperatorSpec)) {
        change(&mut self.inner.graph.borrow_mut().job.operators[operator as usize]);
    }

    /// Adds an edge; its id is also made known to the subtask that is being built.
    pub(crate) fn add_edge(
        &self,
        upstream: u32,
        output: u32,
        to: Port,
        partitioning: Partitioning,
        format: &str,
    ) -> u32 {
        let edges = &mut self.inner.graph.borrow_mut().job.edges;
        let id = edges.len() as u32;
        let Port {
            operator: downstream,
            input,
        } = to;
        let format = format.to_owned();
        edges.push(Edge {
            upstream,
            output,
            downstream,
            input,
            partitioning,
            format,
        });
        if let Some(scope) = &self.inner.scope {
            scope.learn_edge(id, upstream, downstream);
        }
        id
    }

    /// The number of the next side output of an operator; 0 is the main output.
    pub(crate) fn next_side_output(&self, operator: u32) -> u32 {
        let sides = &mut self.inner.graph.borrow_mut().side_outputs;
        sides.push(operator);
        sides.iter().filter(|owner| **owner == operator).count() as u32
    }

    /// Where the records of an edge go, for people: the operator, and the side output if they leave by one.
    pub(crate) fn edge_target(&self, edge: u32) -> Option<String> {
        let job = &self.inner.graph.borrow().job;
        let edge = job.edges.get(edge as usize)?;
        let target = &job.operators.get(edge.downstream as usize)?.name;
        Some(match edge.output {
            0 => format!("`{target}`"),
            side => format!("`{target}` (side output {side})"),
        })
    }

    pub(crate) fn mistake(&self, mistake: String) {
        self.inner.graph.borrow_mut().mistakes.push(mistake);
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self.inner.graph.borrow().mistakes.first() {
            Some(mistake) => Err(anyhow!("{mistake}")),
            None => Ok(()),
        }
    }

    fn use_arg(&self, name: &str, takes_value: bool) {
        let name = name.to_owned();
        let used = UsedArg { name, takes_value };
        self.inner.graph.borrow_mut().used_args.push(used);
    }

    /// Every stream must lead somewhere: what nobody reads would not even run.
    fn check_streams(&self) -> Result<()> {
        let graph = self.inner.graph.borrow();
        for operator in &graph.job.operators {
            let (id, name) = (operator.id, &operator.name);
            let is_read = |edge: &Edge| edge.upstream == id && edge.output == 0;
            ensure!(
                matches!(operator.kind, OperatorKind::SinkConnector(_))
                    || graph.job.edges.iter().any(is_read)
                    || graph.discarded.contains(&id),
                "nobody reads the stream of `{name}`; end it with a sink, or with `discard` if only its \
                 effects or side outputs matter"
            );
        }
        Ok(())
    }

    /// Every word after `--` must be an argument that the program asks for, or the value of one.
    fn check_args(&self) -> Result<()> {
        let graph = self.inner.graph.borrow();
        let known = || {
            let used = graph.used_args.iter();
            let names: BTreeSet<_> = used.map(|used| format!("`--{}`", used.name)).collect();
            if names.is_empty() {
                return "none".to_owned();
            }
            names.into_iter().collect::<Vec<_>>().join(", ")
        };
        let mut words = self.inner.args.iter();
        let mut given = BTreeSet::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                bail!(
                    "the word `{word}` does not belong to an argument; the job reads: {}",
                    known()
                );
            };
            let (name, has_value) = match name.split_once('=') {
                Some((name, _)) => (name, true),
                None => (name, false),
            };
            let mut used = graph.used_args.iter().filter(|used| used.name == name);
            let Some(first) = used.next() else {
                bail!("the job has no argument `--{name}`; it reads: {}", known());
            };
            ensure!(
                given.insert(name),
                "the argument `--{name}` is given more than once; give it once"
            );
            if first.takes_value && !has_value {
                words.next();
            }
        }
        Ok(())
    }
}

/// Runs the program to learn its graph; the name is that of a job that says none itself.
pub(crate) fn describe(main: Main, name: &str, args: &[String]) -> Result<JobGraph, String> {
    let env = Env::new(args.to_vec(), None);
    env.name(name);
    let outcome = main(&env)
        .and_then(|()| env.check())
        .and_then(|()| env.check_args())
        .and_then(|()| env.check_streams());
    match outcome {
        Ok(()) => Ok(env.inner.graph.borrow().job.clone()),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// What a text is that cannot be read as a type. The words of the standard library say nothing to who
/// typed the text, so they are kept only for types that it does not name itself.
fn not_a(type_name: &str, error: &dyn std::fmt::Display) -> String {
    match type_name {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128"
        | "isize" => format!("not a whole number ({type_name})"),
        "f32" | "f64" => format!("not a number ({type_name})"),
        "bool" => "neither `true` nor `false`".to_owned(),
        "char" => "not a single character".to_owned(),
        _ => {
            let plain = type_name.split('<').next().unwrap_or(type_name);
            let short = plain.rsplit("::").next().unwrap_or(plain);
            format!("not a value of the type {short}: {error}")
        }
    }
}

fn find_arg<'a>(args: &'a [String], name: &str) -> Result<Option<&'a str>> {
    let mut found = None;
    for (index, arg) in args.iter().enumerate() {
        let Some(rest) = arg
            .strip_prefix("--")
            .and_then(|arg| arg.strip_prefix(name))
        else {
            continue;
        };
        if let Some(value) = rest.strip_prefix('=') {
            found = Some(value);
        } else if rest.is_empty() {
            let value = args.get(index + 1).filter(|value| !value.starts_with("--"));
            found = Some(
                value
                    .ok_or_else(|| anyhow!("the argument `--{name}` needs a value"))?
                    .as_str(),
            );
        }
    }
    Ok(found)
}
