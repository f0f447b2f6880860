//! The stateless operators, each as a stage of a stream and as what it is at work.

use std::marker::PhantomData;
use std::rc::Rc;

use anyhow::Result;

use super::Collector;
use crate::pipe::{Down, Node, Pipe, Stage};
use crate::runtime::{Scope, Shared};

macro_rules! stage {
    (
        $(#[$doc:meta])* $name:ident at work $working:ident $(that fails through $shared:ident)?,
        from $input:ident to $output:ident by $($bound:tt)+
    ) => {
        $(#[$doc])*
        pub struct $name<T, O, P, F> {
            operator: u32,
            prev: P,
            f: F,
            records: PhantomData<fn(T) -> O>,
        }

        impl<T, O, P, F> $name<T, O, P, F> {
            pub(crate) fn new(operator: u32, prev: P, f: F) -> Self {
                Self { operator, prev, f, records: PhantomData }
            }
        }

        impl<T, O, P, F> Node for $name<T, O, P, F> {
            fn operator(&self) -> u32 {
                self.operator
            }
        }

        impl<T, O, P, F> Stage<$output> for $name<T, O, P, F>
        where
            T: 'static,
            O: 'static,
            P: Pipe<T>,
            F: $($bound)+ + 'static,
        {
            type Prev = P;
            type In = T;
            type Wrapped<D: Down<$output>> = $working<T, O, F, D>;

            fn prev(&self) -> &P {
                &self.prev
            }

            #[inline]
            fn wrap<D: Down<$output>>(self, scope: &Scope, down: D) -> (P, Self::Wrapped<D>) {
                $(let $shared = scope.shared();)?
                // Most stages cannot fail and need nothing of the subtask.
                let _ = scope;
                (self.prev, $working { f: self.f, down, $($shared,)? records: PhantomData })
            }
        }

        /// The operator together with what follows it.
        pub struct $working<T, O, F, D> {
            f: F,
            down: D,
            $($shared: Rc<Shared>,)?
            records: PhantomData<fn(T) -> O>,
        }
    };
}

stage! {
    /// See [`Stream::map`](super::Stream::map).
    Map at work Mapping, from T to O by FnMut(T) -> O
}

impl<T: 'static, O: 'static, F: FnMut(T) -> O + 'static, D: Down<O>> Down<T>
    for Mapping<T, O, F, D>
{
    #[inline]
    fn push(&mut self, value: T) {
        self.down.push((self.f)(value));
    }
}

stage! {
    /// See [`Stream::try_map`](super::Stream::try_map).
    TryMap at work TryMapping that fails through shared, from T to O by FnMut(T) -> Result<O>
}

impl<T, O, F, D> Down<T> for TryMapping<T, O, F, D>
where
    T: 'static,
    O: 'static,
    F: FnMut(T) -> Result<O> + 'static,
    D: Down<O>,
{
    #[inline]
    fn push(&mut self, value: T) {
        match (self.f)(value) {
            Ok(value) => self.down.push(value),
            Err(error) => self.shared.fail_user(&error),
        }
    }
}

stage! {
    /// See [`Stream::flat_map`](super::Stream::flat_map).
    FlatMap at work FlatMapping, from T to O by for<'c> FnMut(T, &mut Collector<'c, O>)
}

impl<T, O, F, D> Down<T> for FlatMapping<T, O, F, D>
where
    T: 'static,
    O: 'static,
    F: FnMut(T, &mut Collector<'_, O>) + 'static,
    D: Down<O>,
{
    #[inline]
    fn push(&mut self, value: T) {
        (self.f)(value, &mut Collector::new(&mut self.down));
    }
}

stage! {
    /// See [`Stream::filter`](super::Stream::filter).
    Filter at work Filtering, from T to T by FnMut(&T) -> bool
}

impl<T: 'static, O: 'static, F: FnMut(&T) -> bool + 'static, D: Down<T>> Down<T>
    for Filtering<T, O, F, D>
{
    #[inline]
    fn push(&mut self, value: T) {
        if (self.f)(&value) {
            self.down.push(value);
        }
    }

    #[inline]
    fn push_ref(&mut self, value: &T)
    where
        T: Clone,
    {
        if (self.f)(value) {
            self.down.push_ref(value);
        }
    }
}

stage! {
    /// See [`Stream::inspect`](super::Stream::inspect).
    Inspect at work Inspecting, from T to T by FnMut(&T)
}

impl<T: 'static, O: 'static, F: FnMut(&T) + 'static, D: Down<T>> Down<T>
    for Inspecting<T, O, F, D>
{
    #[inline]
    fn push(&mut self, value: T) {
        (self.f)(&value);
        self.down.push(value);
    }

    #[inline]
    fn push_ref(&mut self, value: &T)
    where
        T: Clone,
    {
        (self.f)(value);
        self.down.push_ref(value);
    }
}
