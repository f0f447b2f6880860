//! What a keyed operator asks for when it is set up: its states.

use std::cell::RefCell;
use std::rc::Rc;

use super::cache::Column;
use super::list::{ListColumn, ListState};
use super::map::{MapColumn, MapState};
use super::table::Cursor;
use super::value::{AggregatingState, ReducingState, ValueColumn, ValueState};
use crate::bindings::exports::wasmill::dataflow::job::{StateKind, StateSpec};
use crate::codec::Record;
use crate::env::Env;
use crate::keyed::{Aggregate, Key};
use crate::schema;

/// The states of a keyed operator, while it is set up.
///
/// A name identifies a state across versions of the program; names of one operator differ.
pub struct KeyedStates {
    specs: Vec<StateSpec>,
    columns: Vec<Rc<RefCell<dyn Column>>>,
    cursor: Rc<Cursor>,
    /// The type of the key, where types are asked for: while the job is only described.
    key: Option<String>,
}

impl std::fmt::Debug for KeyedStates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedStates")
            .field("states", &self.specs)
            .finish_non_exhaustive()
    }
}

impl KeyedStates {
    pub(crate) fn new<K: Key>(env: &Env) -> Self {
        let complete = env
            .scope()
            .is_none_or(|scope| !scope.context().has_keyed_state);
        let (specs, columns) = (Vec::new(), Vec::new());
        Self {
            specs,
            columns,
            cursor: Cursor::new(complete),
            key: env.scope().is_none().then(schema::of::<K>),
        }
    }

    /// One value per key.
    pub fn value<V: Record>(&mut self, name: &str) -> ValueState<V> {
        self.value_of_kind(name, StateKind::Value)
    }

    /// A list per key.
    pub fn list<V: Record>(&mut self, name: &str) -> ListState<V> {
        let id = self.add(name, StateKind::List, schema::of::<V>);
        let column = Rc::new(RefCell::new(ListColumn::new(id)));
        self.columns
            .push(Rc::clone(&column) as Rc<RefCell<dyn Column>>);
        ListState::new(column, Rc::clone(&self.cursor))
    }

    /// A map per key.
    pub fn map<K, V>(&mut self, name: &str) -> MapState<K, V>
    where
        K: Record + Eq + std::hash::Hash + Clone,
        V: Record,
    {
        let id = self.add(name, StateKind::Map, schema::of_map::<K, V>);
        let column = Rc::new(RefCell::new(MapColumn::new(id)));
        self.columns
            .push(Rc::clone(&column) as Rc<RefCell<dyn Column>>);
        MapState::new(column, Rc::clone(&self.cursor))
    }

    /// One value per key into which others are folded by `f`.
    pub fn reducing<V: Record>(
        &mut self,
        name: &str,
        f: impl Fn(V, V) -> V + 'static,
    ) -> ReducingState<V> {
        ReducingState::new(self.value_of_kind(name, StateKind::Reducing), f)
    }

    /// One accumulator per key.
    pub fn aggregating<T, A: Aggregate<T>>(
        &mut self,
        name: &str,
        aggregate: A,
    ) -> AggregatingState<T, A> {
        AggregatingState::new(self.value_of_kind(name, StateKind::Aggregating), aggregate)
    }

    pub(crate) fn value_of_kind<V: Record>(
        &mut self,
        name: &str,
        kind: StateKind,
    ) -> ValueState<V> {
        let id = self.add(name, kind, schema::of::<V>);
        let column = Rc::new(RefCell::new(ValueColumn::new(id)));
        self.columns
            .push(Rc::clone(&column) as Rc<RefCell<dyn Column>>);
        ValueState::new(column, Rc::clone(&self.cursor))
    }

    /// What the graph says of the states.
    pub(crate) fn specs(&self) -> &[StateSpec] {
        &self.specs
    }

    pub(crate) fn into_parts(self) -> (Vec<Rc<RefCell<dyn Column>>>, Rc<Cursor>) {
        (self.columns, self.cursor)
    }

    fn add(&mut self, name: &str, kind: StateKind, value: impl FnOnce() -> String) -> u32 {
        let id = self.specs.len() as u32;
        let key = self.key.as_deref();
        let schema = key.and_then(|key| schema::of_state(Some(key), &value()));
        self.specs.push(StateSpec {
            id,
            name: name.to_owned(),
            kind,
            ttl: None,
            schema,
        });
        id
    }
}
