//! Sinks written in the bundle: the end of a stream, by reference.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;

use crate::pipe::Down;
use crate::runtime::{Scope, Shared};

/// A sink written in the bundle.
///
/// It sees records by reference, so nothing is copied for it. It can count, log, and keep what fits in
/// memory; it cannot reach anything outside.
pub trait GuestSink<T>: 'static {
    /// Takes a record.
    ///
    /// # Errors
    /// An error fails the job.
    fn write(&mut self, record: &T) -> Result<()>;

    /// Called once, after the last record.
    ///
    /// # Errors
    /// An error fails the job.
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A sink at work; also reached at the end of the input.
pub struct Writing<S> {
    sink: Rc<RefCell<S>>,
    shared: Rc<Shared>,
}

impl<S: 'static> Writing<S> {
    /// The sink, with its end registered where the operator runs.
    pub(crate) fn new<T>(scope: &Scope, operator: u32, sink: S) -> Self
    where
        S: GuestSink<T>,
    {
        let sink = Rc::new(RefCell::new(sink));
        let shared = scope.shared();
        if scope.has(operator) {
            let (sink, shared) = (Rc::clone(&sink), Rc::clone(&shared));
            let end = move || {
                if let Err(error) = sink.borrow_mut().end() {
                    shared.fail_user(&error);
                }
            };
            scope.add_end(operator, Box::new(end));
        }
        Self { sink, shared }
    }

    #[inline]
    fn take<T>(&self, value: &T)
    where
        S: GuestSink<T>,
    {
        if let Err(error) = self.sink.borrow_mut().write(value) {
            self.shared.fail_user(&error);
        }
    }
}

impl<T: 'static, S: GuestSink<T>> Down<T> for Writing<S> {
    #[inline]
    fn push(&mut self, value: T) {
        self.take(&value);
    }

    #[inline]
    fn push_ref(&mut self, value: &T) {
        self.take(value);
    }
}
