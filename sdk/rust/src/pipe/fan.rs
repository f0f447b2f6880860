//! Streams that several operators read, and streams that are several in one.

use std::cell::RefCell;
use std::rc::Rc;

use super::{BoxDown, Down, Exit, Head, Leg, Legs, Node, POSTCARD, Pipe, Upstream, through};
use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::codec::{Encode, Postcard, Record};
use crate::emit::{Emitter, Plain, Spread};
use crate::env::{Env, Port};
use crate::runtime::Scope;

/// An output with any number of readers; they register while the graph is built.
pub(crate) struct Outlet<T> {
    readers: RefCell<Vec<BoxDown<T>>>,
}

impl<T: 'static> Outlet<T> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            readers: RefCell::new(Vec::new()),
        })
    }

    fn add(&self, reader: BoxDown<T>) {
        self.readers.borrow_mut().push(reader);
    }

    /// Hands a record to all readers.
    pub(crate) fn push(&self, value: T)
    where
        T: Clone,
    {
        if let Some((last, others)) = self.readers.borrow_mut().split_last_mut() {
            others.iter_mut().for_each(|reader| reader.push_ref(&value));
            last.push(value);
        }
    }
}

/// Hands records to an outlet.
pub(crate) struct IntoOutlet<T>(pub(crate) Rc<Outlet<T>>);

impl<T: Clone + 'static> Down<T> for IntoOutlet<T> {
    fn push(&mut self, value: T) {
        self.0.push(value);
    }
}

/// A stream's end that can be read more than once.
pub struct SharedPort<T> {
    operator: u32,
    output: u32,
    outlet: Rc<Outlet<T>>,
}

impl<T> SharedPort<T> {
    pub(crate) fn new(operator: u32, output: u32, outlet: Rc<Outlet<T>>) -> Self {
        Self {
            operator,
            output,
            outlet,
        }
    }
}

impl<T> Node for SharedPort<T> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T> Clone for SharedPort<T> {
    fn clone(&self) -> Self {
        Self::new(self.operator, self.output, Rc::clone(&self.outlet))
    }
}

impl<T: Record> Upstream<T> for SharedPort<T> {
    type Next = Tap<T>;

    fn connect(self, env: &Env, to: Port) -> Tap<T> {
        let forward = Partitioning::Forward;
        let edge = env.add_edge(self.operator, self.output, to, forward, POSTCARD);
        Tap {
            edge,
            outlet: self.outlet,
        }
    }

    fn seal<S: Spread<T>>(self, env: &Env, to: Port, spread: S) -> Vec<Leg<T>> {
        let edge = env.add_edge(
            self.operator,
            self.output,
            to,
            spread.partitioning(),
            POSTCARD,
        );
        if let Some(scope) = env.scope().filter(|scope| scope.output(edge).is_some()) {
            self.outlet
                .add(Box::new(Emitter::new(scope, edge, Postcard, spread)));
        }
        vec![Leg::postcard(edge)]
    }

    fn write<E: Encode<T>, S: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: S) {
        let (operator, output) = (self.operator, self.output);
        let edge = env.add_edge(
            operator,
            output,
            exit.to,
            spread.partitioning(),
            exit.format,
        );
        if let Some(scope) = env.scope().filter(|scope| scope.output(edge).is_some()) {
            self.outlet
                .add(Box::new(Emitter::new(scope, edge, encode, spread)));
        }
    }

    fn discard(self, env: &Env) {
        env.discard(self.operator);
    }

    fn share(self, _: &Env) -> Self {
        self
    }
}

/// One reader of a shared stream: inside the chain, or behind an edge.
pub struct Tap<T> {
    edge: u32,
    outlet: Rc<Outlet<T>>,
}

impl<T: Record> Pipe<T> for Tap<T> {
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<T>>(self, scope: &Scope, down: D) {
        if scope.is_chained(self.edge) {
            return self.outlet.add(Box::new(down));
        }
        self.emit(scope);
        Head::new(self.edge, Postcard).build(scope, down);
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>) {
        match down {
            Some(down) => self.build(scope, down),
            None => self.emit(scope),
        }
    }
}

impl<T: Record> Tap<T> {
    fn emit(&self, scope: &Scope) {
        if scope.output(self.edge).is_some() {
            let spread = Plain(Partitioning::Forward);
            self.outlet
                .add(Box::new(Emitter::new(scope, self.edge, Postcard, spread)));
        }
    }
}

/// Two streams in one.
#[derive(Clone)]
pub struct Merged<A, B>(pub(crate) A, pub(crate) B);

impl<T: Record, A: Upstream<T>, B: Upstream<T>> Upstream<T> for Merged<A, B> {
    type Next = Legs<T>;

    fn connect(self, env: &Env, to: Port) -> Legs<T> {
        Legs(self.seal(env, to, Plain(Partitioning::Forward)))
    }

    /// The edges into one input carry one format, so streams of different formats meet as postcard.
    fn seal<S: Spread<T>>(self, env: &Env, to: Port, spread: S) -> Vec<Leg<T>> {
        if self.0.format() == self.1.format() {
            let mut legs = self.0.seal(env, to, spread.clone());
            legs.extend(self.1.seal(env, to, spread));
            return legs;
        }
        let mut legs = seal_postcard(self.0, env, to, spread.clone());
        legs.extend(seal_postcard(self.1, env, to, spread));
        legs
    }

    fn format(&self) -> &'static str {
        let (first, second) = (self.0.format(), self.1.format());
        if first == second { first } else { POSTCARD }
    }

    fn discard(self, env: &Env) {
        self.0.discard(env);
        self.1.discard(env);
    }

    fn write<E: Encode<T>, S: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: S) {
        through(self, env, "Union").write(env, exit, encode, spread);
    }

    fn share(self, env: &Env) -> SharedPort<T>
    where
        T: Clone,
    {
        through(self, env, "Union").share(env)
    }
}

/// Connects through an exchange, as postcard.
fn seal_postcard<T, U, S>(upstream: U, env: &Env, to: Port, spread: S) -> Vec<Leg<T>>
where
    T: Record,
    U: Upstream<T>,
    S: Spread<T>,
{
    // Where code of the bundle looks at the records anyway, they come as postcard.
    if upstream.format() == POSTCARD || spread.needs_guest() {
        return upstream.seal(env, to, spread);
    }
    through(upstream, env, "Decode").seal(env, to, spread)
}

/// A stream whose next operator is reached through an exchange.
#[derive(Clone)]
pub struct Spreading<U, S> {
    pub(crate) upstream: U,
    pub(crate) spread: S,
}

/// The spread that the program asked for last is the one that counts, as in Flink.
impl<T: Record, U: Upstream<T>, S: Spread<T>> Upstream<T> for Spreading<U, S> {
    type Next = Legs<T>;

    fn connect(self, env: &Env, to: Port) -> Legs<T> {
        Legs(self.upstream.seal(env, to, self.spread))
    }

    fn seal<Z: Spread<T>>(self, env: &Env, to: Port, spread: Z) -> Vec<Leg<T>> {
        if spread.is_default() {
            return self.upstream.seal(env, to, self.spread);
        }
        self.upstream.seal(env, to, spread)
    }

    fn format(&self) -> &'static str {
        if self.spread.needs_guest() {
            return POSTCARD;
        }
        self.upstream.format()
    }

    fn discard(self, env: &Env) {
        self.upstream.discard(env);
    }

    fn write<E: Encode<T>, Z: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: Z) {
        if spread.is_default() {
            return self.upstream.write(env, exit, encode, self.spread);
        }
        self.upstream.write(env, exit, encode, spread);
    }

    fn share(self, env: &Env) -> SharedPort<T>
    where
        T: Clone,
    {
        through(self, env, "Share").share(env)
    }
}
