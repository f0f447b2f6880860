//! An operator that hands records on.
//!
//! Put in where a stream is not code of this bundle and code of this bundle must look at its records:
//! to hash a key, or to encode for a sink.

use std::marker::PhantomData;

use super::{Down, End, EndStage, Node, Pipe, Stage, Staged, Upstream};
use crate::bindings::exports::wasmill::dataflow::job::OperatorKind;
use crate::env::{Env, Port};
use crate::runtime::Scope;

/// Puts in an operator that hands records on.
pub(crate) fn through<T: 'static, U: Upstream<T>>(
    upstream: U,
    env: &Env,
    name: &str,
) -> EndStage<Through<T, U::Next>> {
    let operator = env.add_operator(name, OperatorKind::Guest, Vec::new());
    let prev = upstream.connect(env, Port { operator, input: 0 });
    End(Staged(Through {
        operator,
        prev,
        records: PhantomData,
    }))
}

/// The operator.
pub(crate) struct Through<T, P> {
    operator: u32,
    prev: P,
    records: PhantomData<fn() -> T>,
}

impl<T, P> Node for Through<T, P> {
    fn operator(&self) -> u32 {
        self.operator
    }
}

impl<T: 'static, P: Pipe<T>> Stage<T> for Through<T, P> {
    type Prev = P;
    type In = T;
    type Wrapped<D: Down<T>> = D;

    fn prev(&self) -> &P {
        &self.prev
    }

    fn wrap<D: Down<T>>(self, _: &Scope, down: D) -> (P, D) {
        (self.prev, down)
    }
}
