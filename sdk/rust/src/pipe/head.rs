//! The heads of segments: where records come in from outside the chain.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use super::{BoxDown, Down, Exit, Node, Pipe, SharedPort, Upstream, through};
use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::codec::{Decode, Encode, Postcard, Record, from_postcard};
use crate::emit::Spread;
use crate::env::{Env, Port};
use crate::reader::Reader;
use crate::runtime::Scope;

/// Records of one edge, decoded.
pub struct Head<T, C> {
    edge: u32,
    codec: C,
    records: PhantomData<fn() -> T>,
}

impl<T, C> Head<T, C> {
    pub(crate) fn new(edge: u32, codec: C) -> Self {
        Self {
            edge,
            codec,
            records: PhantomData,
        }
    }
}

impl<T: 'static, C: Decode<T>> Pipe<T> for Head<T, C> {
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<T>>(self, scope: &Scope, down: D) {
        let codec = self.codec;
        let decode = move |bytes: &[u8]| codec.decode(bytes);
        scope.add_input(self.edge, Reader::new(scope, decode, down).into_input());
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>) {
        if let Some(down) = down {
            self.build(scope, down);
        }
    }
}

/// The end of a stream that a connector of the host reads.
pub struct FromConnector<T, C> {
    operator: u32,
    codec: C,
    records: PhantomData<fn() -> T>,
}

impl<T, C> FromConnector<T, C> {
    pub(crate) fn new(operator: u32, codec: C) -> Self {
        Self {
            operator,
            codec,
            records: PhantomData,
        }
    }
}

impl<T, C> Node for FromConnector<T, C> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T, C: Clone> Clone for FromConnector<T, C> {
    fn clone(&self) -> Self {
        Self::new(self.operator, self.codec.clone())
    }
}

impl<T: 'static, C: Decode<T>> Upstream<T> for FromConnector<T, C> {
    type Next = Head<T, C>;

    fn connect(self, env: &Env, to: Port) -> Self::Next {
        let edge = env.add_edge(self.operator, 0, to, Partitioning::Forward, C::FORMAT);
        Head::new(edge, self.codec)
    }

    fn seal<S: Spread<T>>(self, env: &Env, to: Port, spread: S) -> Vec<Leg<T>>
    where
        T: Record,
    {
        if spread.needs_guest() {
            return through(self, env, "Partition").seal(env, to, spread);
        }
        let edge = env.add_edge(self.operator, 0, to, spread.partitioning(), C::FORMAT);
        let codec = self.codec;
        vec![Leg {
            edge,
            decode: Some(Box::new(move |bytes| codec.decode(bytes))),
        }]
    }

    fn write<E: Encode<T>, S: Spread<T>>(self, env: &Env, exit: Exit<'_>, encode: E, spread: S)
    where
        T: Record,
    {
        through(self, env, "Encode").write(env, exit, encode, spread);
    }

    fn format(&self) -> &'static str {
        C::FORMAT
    }

    fn discard(self, env: &Env)
    where
        T: Record,
    {
        through(self, env, "Discard").discard(env);
    }

    fn share(self, env: &Env) -> SharedPort<T>
    where
        T: Record + Clone,
    {
        through(self, env, "Share").share(env)
    }
}

/// One of the edges that lead to the same input through an exchange.
pub struct Leg<T> {
    edge: u32,
    /// How its records are read; postcard when nothing else is said.
    decode: Option<DecodeFn<T>>,
}

/// Decodes a record.
pub(crate) type DecodeFn<T> = Box<dyn Fn(&[u8]) -> Result<T, String>>;

impl<T: Record> Leg<T> {
    pub(crate) fn postcard(edge: u32) -> Self {
        Self { edge, decode: None }
    }

    /// The edge, and how its records are read; postcard when nothing is said.
    pub(crate) fn into_parts(self) -> (u32, Option<DecodeFn<T>>) {
        (self.edge, self.decode)
    }

    /// The edge as one whose records are made of those that come.
    pub(crate) fn map<O: 'static>(self, f: fn(T) -> O) -> Leg<O> {
        let decode: DecodeFn<O> = match self.decode {
            Some(decode) => Box::new(move |bytes| decode(bytes).map(f)),
            None => Box::new(move |bytes| from_postcard(bytes).map(f)),
        };
        Leg {
            edge: self.edge,
            decode: Some(decode),
        }
    }

    fn read<D: Down<T>>(self, scope: &Scope, down: D) {
        match self.decode {
            None => Head::new(self.edge, Postcard).build(scope, down),
            Some(decode) => {
                scope.add_input(self.edge, Reader::new(scope, decode, down).into_input());
            }
        }
    }
}

/// The edges that lead to the same input through an exchange.
pub struct Legs<T>(pub(crate) Vec<Leg<T>>);

impl<T: Record> Pipe<T> for Legs<T> {
    fn is_fused(&self, _: &Scope) -> bool {
        true
    }

    fn build<D: Down<T>>(mut self, scope: &Scope, down: D) {
        if self.0.len() == 1 {
            return self.0.remove(0).read(scope, down);
        }
        let both = Rc::new(RefCell::new(down));
        for leg in self.0 {
            leg.read(scope, Both(Rc::clone(&both)));
        }
    }

    fn build_apart(self, scope: &Scope, down: Option<BoxDown<T>>) {
        if let Some(down) = down {
            self.build(scope, down);
        }
    }
}

/// What several edges lead to.
struct Both<D>(Rc<RefCell<D>>);

impl<T, D: Down<T>> Down<T> for Both<D> {
    fn push(&mut self, value: T) {
        self.0.borrow_mut().push(value);
    }
}
