//! Streams while they are built: a *pipe* is what is upstream of the next operator, as a type.
//!
//! Operators that follow each other become one nested type, so the compiler fuses them into one loop, as
//! it does with iterators. Pipes are built from their end: [`Pipe::build`] takes what follows
//! ([`Down`]) and passes itself plus that further up, until a head registers the whole with the
//! [`Scope`]. Whether two operators really run in one chain is only known when a subtask is built: the
//! host decides. If any link of a segment is not chained, [`Pipe::build_apart`] builds the parts one by
//! one with calls through pointers instead. Invariant: both ways compute the same.

mod fan;
mod head;
mod through;

use std::rc::Rc;

use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::codec::{Encode, Postcard, Record};
use crate::emit::{Emitter, Plain, Spread};
use crate::env::{Env, Port};
use crate::runtime::Scope;

pub(crate) use fan::{IntoOutlet, Outlet};
pub use fan::{Merged, SharedPort, Spreading, Tap};
pub(crate) use head::DecodeFn;
pub use head::{FromConnector, Head, Leg, Legs};
pub(crate) use through::through;

/// What comes after an operator: takes its records.
pub trait Down<T>: 'static {
    /// Takes a record.
    fn push(&mut self, value: T);

    /// Takes a record that the caller wants to keep; cheaper than a clone where a reference is enough.
    #[inline]
    fn push_ref(&mut self, value: &T)
    where
        T: Clone,
    {
        self.push(value.clone());
    }
}

/// A [`Down`] behind a pointer.
pub type BoxDown<T> = Box<dyn Down<T>>;

impl<T: 'static> Down<T> for BoxDown<T> {
    fn push(&mut self, value: T) {
        (**self).push(value);
    }

    fn push_ref(&mut self, value: &T)
    where
        T: Clone,
    {
        (**self).push_ref(value);
    }
}

/// The format between operators of a bundle.
pub(crate) const POSTCARD: &str = "postcard";

/// A stream's end to which the next operator is connected.
pub trait Upstream<T: 'static>: Sized + 'static {
    /// What the next operator pulls from.
    type Next: Pipe<T>;

    /// Connects an operator that may be chained.
    fn connect(self, env: &Env, to: Port) -> Self::Next;

    /// Connects an operator through an exchange that spreads records.
    fn seal<S: Spread<T>>(self, env: &Env, to: Port, spread: S) -> Vec<Leg<T>>
    where
        T: Record;

    /// Connects something that is not code of this bundle: records leave in the encoder's format.
    fn write<E: Encode<T>, S: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: S)
    where
        T: Record;

    /// The format in which records leave where no code of the bundle must look at them.
    fn format(&self) -> &'static str {
        POSTCARD
    }

    /// Runs what leads here for its effects.
    fn discard(self, env: &Env)
    where
        T: Record;

    /// Makes the stream readable more than once.
    fn share(self, env: &Env) -> SharedPort<T>
    where
        T: Record + Clone;
}

/// Where records that leave the bundle go, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Exit<'a> {
    pub(crate) to: Port,
    pub(crate) format: &'a str,
}

/// Operators that can be built with what follows them.
pub trait Pipe<T: 'static>: Sized + 'static {
    /// Whether every link up to the head lies inside the chain that is being built.
    fn is_fused(&self, scope: &Scope) -> bool;

    /// Builds the whole segment; only called when it is fused.
    fn build<D: Down<T>>(self, scope: &Scope, down: D);

    /// Builds the operators of the segment that run here one by one. `down` is what follows, if that
    /// runs here.
    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>);
}

/// Builds a segment with what ends it.
pub(crate) fn finish<T: 'static, P: Pipe<T>, D: Down<T>>(
    pipe: P,
    env: &Env,
    end: impl FnOnce(&Scope) -> D,
) {
    let Some(scope) = env.scope() else { return };
    let down = end(scope);
    if pipe.is_fused(scope) {
        pipe.build(scope, down);
    } else {
        pipe.build_apart(scope, Some(Box::new(down)));
    }
}

/// Something that is one operator, which can be named and set.
pub trait Node {
    /// The operator's id.
    fn operator(&self) -> u32;
}

/// A pipe that ends in an operator of the bundle.
pub trait OperatorPipe<T: 'static>: Pipe<T> + Node {}

/// The end of a stream that is an operator of the bundle.
pub struct End<P>(pub(crate) P);

/// The end of a stream that is a stage.
pub type EndStage<G> = End<Staged<G>>;

impl<P: Node> Node for End<P> {
    fn operator(&self) -> u32 {
        self.0.operator()
    }
}

impl<T: Record, P: OperatorPipe<T>> Upstream<T> for End<P> {
    type Next = Link<P>;

    fn connect(self, env: &Env, to: Port) -> Link<P> {
        let edge = env.add_edge(self.operator(), 0, to, Partitioning::Forward, POSTCARD);
        Link { edge, prev: self.0 }
    }

    fn seal<S: Spread<T>>(self, env: &Env, to: Port, spread: S) -> Vec<Leg<T>> {
        let edge = env.add_edge(self.operator(), 0, to, spread.partitioning(), POSTCARD);
        finish(self.0, env, |scope| {
            Emitter::new(scope, edge, Postcard, spread)
        });
        vec![Leg::postcard(edge)]
    }

    fn write<E: Encode<T>, S: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: S) {
        let edge = env.add_edge(
            self.operator(),
            0,
            exit.to,
            spread.partitioning(),
            exit.format,
        );
        finish(self.0, env, |scope| {
            Emitter::new(scope, edge, encode, spread)
        });
    }

    fn discard(self, env: &Env) {
        env.discard(self.operator());
        finish(self.0, env, |_| Nowhere);
    }

    fn share(self, env: &Env) -> SharedPort<T>
    where
        T: Clone,
    {
        let (operator, outlet) = (self.operator(), Outlet::new());
        finish(self.0, env, |_| IntoOutlet(Rc::clone(&outlet)));
        SharedPort::new(operator, 0, outlet)
    }
}

/// The link between an operator and the next one, which the host may cut.
pub struct Link<P> {
    edge: u32,
    prev: P,
}

impl<T: Record, P: Pipe<T>> Pipe<T> for Link<P> {
    fn is_fused(&self, scope: &Scope) -> bool {
        scope.is_chained(self.edge) && self.prev.is_fused(scope)
    }

    fn build<D: Down<T>>(self, scope: &Scope, down: D) {
        self.prev.build(scope, down);
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>) {
        if scope.is_chained(self.edge) {
            return self.prev.build_apart(scope, down);
        }
        if let Some(down) = down {
            Head::new(self.edge, Postcard).build_apart(scope, Some(down));
        }
        let out = scope.output(self.edge).is_some().then(|| {
            let spread = Plain(Partitioning::Forward);
            Box::new(Emitter::new(scope, self.edge, Postcard, spread)) as BoxDown<T>
        });
        self.prev.build_apart(scope, out);
    }
}

/// An operator in the middle of a segment: an [`Upstream`] and a [`Pipe`] at once, made of what it
/// pulls from and a function that wraps what follows.
pub trait Stage<T: 'static>: Node + Sized + 'static {
    /// What the stage pulls from.
    type Prev: Pipe<Self::In>;
    /// The records it takes.
    type In: 'static;
    /// The operator together with what follows it.
    type Wrapped<D: Down<T>>: Down<Self::In>;

    /// What the stage pulls from.
    fn prev(&self) -> &Self::Prev;
    /// Takes the stage apart.
    fn wrap<D: Down<T>>(self, scope: &Scope, down: D) -> (Self::Prev, Self::Wrapped<D>);
}

/// The stage as a pipe.
pub struct Staged<G>(pub(crate) G);

impl<G: Node> Node for Staged<G> {
    fn operator(&self) -> u32 {
        self.0.operator()
    }
}

impl<T: 'static, G: Stage<T>> OperatorPipe<T> for Staged<G> {}

impl<T: 'static, G: Stage<T>> Pipe<T> for Staged<G> {
    fn is_fused(&self, scope: &Scope) -> bool {
        self.0.prev().is_fused(scope)
    }

    fn build<D: Down<T>>(self, scope: &Scope, down: D) {
        let (prev, wrapped) = self.0.wrap(scope, down);
        prev.build(scope, wrapped);
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>) {
        let here = scope.has(self.0.operator());
        let (prev, wrapped) = self
            .0
            .wrap(scope, down.unwrap_or_else(|| Box::new(Nowhere)));
        prev.build_apart(scope, here.then(|| Box::new(wrapped) as BoxDown<G::In>));
    }
}

/// The end of a stream that nobody reads.
pub(crate) struct Nowhere;

impl<T: 'static> Down<T> for Nowhere {
    fn push(&mut self, _: T) {}
}
