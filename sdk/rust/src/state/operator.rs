//! State of a subtask rather than of a key.
//!
//! It lives in the bundle's memory and is handed to the host whole at a snapshot.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::bindings::exports::wasmill::dataflow::job::{StateKind, StateSpec};
use crate::codec::{Record, from_postcard, to_postcard};
use crate::env::Env;
use crate::host::{OperatorState, blobs_iter, blobs_push, empty_blobs};
use crate::runtime::Snapshot;
use crate::schema;

/// The operator states of an operator, while it is set up.
///
/// A name identifies a state across versions of the program; names of one operator differ.
pub struct OperatorStates {
    operator: u32,
    /// The number of the first state.
    first: u32,
    specs: Vec<StateSpec>,
    restored: Vec<OperatorState>,
    snapshots: Vec<Box<dyn Snapshot>>,
    problem: Option<String>,
    runs_here: bool,
    /// Whether the job is only described, and types are asked for.
    describes: bool,
}

impl std::fmt::Debug for OperatorStates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorStates")
            .field("states", &self.specs)
            .finish_non_exhaustive()
    }
}

impl OperatorStates {
    pub(crate) fn new(env: &Env, operator: u32) -> Self {
        let restored = env
            .scope()
            .map_or_else(Vec::new, |scope| scope.context().restored.clone());
        let runs_here = env.scope().is_some_and(|scope| scope.has(operator));
        let (specs, snapshots) = (Vec::new(), Vec::new());
        Self {
            operator,
            first: 0,
            specs,
            restored,
            snapshots,
            problem: None,
            runs_here,
            describes: env.scope().is_none(),
        }
    }

    /// As `new`, for an operator that has keyed states too, which are numbered from 0.
    pub(crate) fn beside_keyed(env: &Env, operator: u32) -> Self {
        Self {
            first: BESIDE_KEYED,
            ..Self::new(env, operator)
        }
    }

    /// A list that is divided evenly among the subtasks when their number changes.
    pub fn list<T: Record>(&mut self, name: &str) -> OperatorList<T> {
        self.list_of_kind(name, StateKind::OperatorList)
    }

    /// A list of which every subtask gets the parts of all when the job is restored.
    pub fn union_list<T: Record>(&mut self, name: &str) -> OperatorList<T> {
        self.list_of_kind(name, StateKind::OperatorUnion)
    }

    /// As [`OperatorStates::broadcast`], for an operator with an input of broadcast records: a map that only
    /// these can change; see [`BroadcastProcess`](crate::broadcast::BroadcastProcess).
    pub fn broadcast_view<K: Record + Ord, V: Record>(
        &mut self,
        name: &str,
    ) -> BroadcastView<K, V> {
        BroadcastView(self.broadcast(name))
    }

    /// A map that is equal in all subtasks, because all see the same broadcast records.
    pub fn broadcast<K: Record + Ord, V: Record>(&mut self, name: &str) -> BroadcastState<K, V> {
        let state = self.add(name, StateKind::Broadcast, schema::of_map::<K, V>);
        let items = self.restore::<Either<K, V>>(state, |index, bytes| {
            Ok(if index % 2 == 0 {
                Either::Key(from_postcard(bytes)?)
            } else {
                Either::Value(from_postcard(bytes)?)
            })
        });
        let mut map = BTreeMap::new();
        let mut key = None;
        for item in items {
            match item {
                Either::Key(found) => key = Some(found),
                Either::Value(value) => {
                    key.take().map(|key| map.insert(key, value));
                }
            }
        }
        let state = BroadcastState {
            operator: self.operator,
            state,
            map: Rc::new(RefCell::new(map)),
        };
        self.snapshots.push(Box::new(state.clone()));
        state
    }

    /// Puts the states into the graph and, where the operator runs, into its snapshots.
    pub(crate) fn finish(self, env: &Env) {
        self.finish_beside(env, &[]);
    }

    /// As `finish`, with the operator's keyed states.
    pub(crate) fn finish_beside(self, env: &Env, keyed: &[StateSpec]) {
        env.declare_states(self.operator, &[keyed, &self.specs].concat());
        if let Some(problem) = self.problem {
            env.mistake(problem);
        }
        if let Some(scope) = env.scope().filter(|_| self.runs_here) {
            self.snapshots
                .into_iter()
                .for_each(|snapshot| scope.add_snapshot(snapshot));
        }
    }

    fn list_of_kind<T: Record>(&mut self, name: &str, kind: StateKind) -> OperatorList<T> {
        let state = self.add(name, kind, schema::of::<T>);
        let items = self.restore(state, |_, bytes| from_postcard(bytes));
        let items = Rc::new(RefCell::new(items));
        let list = OperatorList {
            operator: self.operator,
            state,
            items,
        };
        self.snapshots.push(Box::new(list.clone()));
        list
    }

    fn restore<T>(
        &mut self,
        state: u32,
        read: impl Fn(usize, &[u8]) -> Result<T, String>,
    ) -> Vec<T> {
        let mine = |s: &&OperatorState| s.operator == self.operator && s.state == state;
        let restored = self.restored.iter().filter(mine);
        let items: Result<Vec<T>, String> = restored
            .flat_map(|state| blobs_iter(&state.items).enumerate())
            .map(|(index, bytes)| read(index, bytes))
            .collect();
        items.unwrap_or_else(|problem| {
            let name = &self.specs[(state - self.first) as usize].name;
            self.problem = Some(format!(
                "the restored state `{name}` cannot be read: {problem}"
            ));
            Vec::new()
        })
    }

    fn add(&mut self, name: &str, kind: StateKind, value: impl FnOnce() -> String) -> u32 {
        let id = self.first + self.specs.len() as u32;
        let value = self.describes.then(value);
        let schema = value.and_then(|value| schema::of_state(None, &value));
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

/// Where the numbers of operator states begin in an operator with keyed states, which has fewer of these.
const BESIDE_KEYED: u32 = 1 << 16;

enum Either<K, V> {
    Key(K),
    Value(V),
}

/// A list of a subtask.
///
/// ```
/// # use wasmill::prelude::*;
/// fn every_third(env: &Env) -> Result<()> {
///     let numbers = env.guest_source(generate(7, |i| i));
///     let thirds = numbers.process(|states| {
///         let waiting = states.list::<u64>("waiting");
///         move |n: u64, _cx, out| {
///             waiting.push(n);
///             if waiting.len() == 3 {
///                 out.emit(waiting.with(std::mem::take));
///             }
///             Ok(())
///         }
///     });
///     thirds.sink(Blackhole);
///     Ok(())
/// }
///
/// let outcome = wasmill::testing::Job::new(every_third).run()?;
/// assert_eq!(outcome.output::<Vec<u64>>("Sink: blackhole"), [[0, 1, 2], [3, 4, 5]]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct OperatorList<T> {
    operator: u32,
    state: u32,
    items: Rc<RefCell<Vec<T>>>,
}

impl<T> std::fmt::Debug for OperatorList<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorList")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for OperatorList<T> {
    fn clone(&self) -> Self {
        Self {
            operator: self.operator,
            state: self.state,
            items: Rc::clone(&self.items),
        }
    }
}

impl<T: Record> OperatorList<T> {
    /// Appends an item.
    pub fn push(&self, item: T) {
        self.items.borrow_mut().push(item);
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.borrow().is_empty()
    }

    /// Changes the list. The function must not use the list by this handle or another.
    pub fn with<R>(&self, f: impl FnOnce(&mut Vec<T>) -> R) -> R {
        f(&mut self.items.borrow_mut())
    }
}

impl<T: Record> Snapshot for OperatorList<T> {
    fn snapshot(&mut self, into: &mut Vec<OperatorState>) -> Result<(), String> {
        let mut items = empty_blobs();
        for item in self.items.borrow().iter() {
            blobs_push(&mut items, |bytes| to_postcard(item, bytes))?;
        }
        into.push(OperatorState {
            operator: self.operator,
            state: self.state,
            items,
        });
        Ok(())
    }
}

/// A map that is equal in all subtasks, since all read the same broadcast records.
///
/// ```
/// # use wasmill::prelude::*;
/// fn settings(env: &Env) -> Result<()> {
///     let lines = env.source(File::lines("settings")).broadcast();
///     let known = lines.process(|states| {
///         let known = states.broadcast::<String, String>("known");
///         move |line: String, _cx, out| {
///             if let Some((name, value)) = line.split_once('=') {
///                 known.insert(name.to_owned(), value.to_owned());
///             }
///             out.emit(known.read(|map| map.len()));
///             Ok(())
///         }
///     });
///     known.sink(Blackhole);
///     Ok(())
/// }
///
/// let job = wasmill::testing::Job::new(settings).input("Source: file", ["a=1", "b=2", "a=3"]);
/// assert_eq!(job.run()?.output::<usize>("Sink: blackhole"), [1, 2, 2]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct BroadcastState<K, V> {
    operator: u32,
    state: u32,
    map: Rc<RefCell<BTreeMap<K, V>>>,
}

impl<K, V> std::fmt::Debug for BroadcastState<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BroadcastState")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<K, V> Clone for BroadcastState<K, V> {
    fn clone(&self) -> Self {
        Self {
            operator: self.operator,
            state: self.state,
            map: Rc::clone(&self.map),
        }
    }
}

impl<K: Record + Ord, V: Record> BroadcastState<K, V> {
    /// The value at a key.
    pub fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.map.borrow().get(key).cloned()
    }

    /// Sets the value at a key.
    pub fn insert(&self, key: K, value: V) {
        self.map.borrow_mut().insert(key, value);
    }

    /// Removes the value at a key.
    pub fn remove(&self, key: &K) {
        self.map.borrow_mut().remove(key);
    }

    /// Looks at the whole map.
    pub fn read<R>(&self, f: impl FnOnce(&BTreeMap<K, V>) -> R) -> R {
        f(&self.map.borrow())
    }
}

impl<K: Record + Ord, V: Record> Snapshot for BroadcastState<K, V> {
    fn snapshot(&mut self, into: &mut Vec<OperatorState>) -> Result<(), String> {
        let mut items = empty_blobs();
        for (key, value) in self.map.borrow().iter() {
            blobs_push(&mut items, |bytes| to_postcard(key, bytes))?;
            blobs_push(&mut items, |bytes| to_postcard(value, bytes))?;
        }
        into.push(OperatorState {
            operator: self.operator,
            state: self.state,
            items,
        });
        Ok(())
    }
}

/// A [`BroadcastState`] that functions can look at; only a broadcast record can change it, with
/// [`BroadcastContext::change`](crate::broadcast::BroadcastContext::change).
pub struct BroadcastView<K, V>(BroadcastState<K, V>);

impl<K, V> std::fmt::Debug for BroadcastView<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<K, V> Clone for BroadcastView<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Record + Ord, V: Record> BroadcastView<K, V> {
    /// The value at a key.
    pub fn get(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.0.get(key)
    }

    /// Looks at the whole map.
    pub fn read<R>(&self, f: impl FnOnce(&BTreeMap<K, V>) -> R) -> R {
        self.0.read(f)
    }

    /// Changes the map; only for broadcast records.
    pub(crate) fn change<R>(&self, f: impl FnOnce(&mut BTreeMap<K, V>) -> R) -> R {
        f(&mut self.0.map.borrow_mut())
    }
}
