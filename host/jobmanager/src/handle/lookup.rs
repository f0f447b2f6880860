//! Looking up keyed state of a job that runs, as its last complete checkpoint has it.
//!
//! Follow a question: the operator and the state are found in the graph and in the checkpoint, the key is
//! encoded by its type as the checkpoint tells it, the subtask that had the key's group is found, a
//! TaskManager reads the rows, and these are decoded. Invariants: what is asked of a TaskManager is bounded,
//! in rows, bytes and time; the job does not notice.

use std::time::Duration;

use serde_json::Value;
use wasmill_checkpoint::CheckpointId;
use wasmill_checkpoint::coordinator::Completed;
use wasmill_checkpoint::handles::{KeyedState, SubtaskState};
use wasmill_checkpoint::metadata::{OperatorSnapshot, StateDescription};
use wasmill_graph::{JobGraph, Operator};
use wasmill_rpc::protocol::{ReadState, StateRows};
use wasmill_rpc::{CallError, CallErrorKind};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::job::StateKind;
use wasmill_types::key_group;
use wasmill_types::schema::{Schema, Type};

use super::{Handle, JobManagerError};
use crate::{master, resources};

/// How long a TaskManager may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a question is asked: a checkpoint may be deleted for a newer one while it is read.
const TRIES: u32 = 3;
/// The most entries of a map in an answer.
pub const MAX_STATE_ENTRIES: u32 = 10_000;
/// The longest key, in bytes: the largest record by default.
const MAX_KEY_BYTES: usize = 1 << 20;
/// How many names an error lists.
const SHOWN_NAMES: usize = 10;

/// A key as somebody gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenKey {
    /// To be encoded by its type.
    Json(Value),
    /// As the bundle encodes it.
    Bytes(Vec<u8>),
}

/// What somebody wants to know.
#[derive(Debug, Clone, PartialEq)]
pub struct StateQuestion {
    /// The operator's uid, or its id in hexadecimal digits.
    pub operator: String,
    /// The state's name.
    pub state: String,
    /// The key.
    pub key: GivenKey,
    /// The key in a map; without one all entries are wanted.
    pub sub_key: Option<GivenKey>,
    /// The most entries of a map, at most [`MAX_STATE_ENTRIES`].
    pub max_entries: u32,
}

/// What the checkpoint says.
#[derive(Debug, Clone, PartialEq)]
pub struct StateAnswer {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// What the state is.
    pub kind: StateKind,
    /// Its types, as the bundle describes them.
    pub types: Option<String>,
    /// The value, or the entries of a map; none where there is nothing for the key.
    pub entries: Vec<StateEntry>,
    /// Whether there are more entries.
    pub is_more: bool,
}

/// A value, with its key in a map.
#[derive(Debug, Clone, PartialEq)]
pub struct StateEntry {
    /// The key in a map; none where its type is not known.
    pub key: Option<Value>,
    /// Its bytes.
    pub key_bytes: Vec<u8>,
    /// The value; none where its type is not known.
    pub value: Option<Value>,
    /// Its bytes.
    pub value_bytes: Vec<u8>,
}

/// A state in a checkpoint.
struct Target<'a> {
    operator: &'a Operator,
    snapshot: &'a OperatorSnapshot,
    state: &'a StateDescription,
    /// The types, where they are known.
    key: Option<Type>,
    sub_key: Option<Type>,
    value: Option<Type>,
}

impl Handle {
    /// Looks up keyed state of a job as its last complete checkpoint has it.
    ///
    /// # Errors
    /// When the tenant has no such job, it does not run, has no complete checkpoint yet, or no such operator or
    /// state; when a key is none of its type, or the checkpoint cannot be read.
    pub async fn look_up_state(
        &self,
        tenant: &TenantId,
        job: JobId,
        question: &StateQuestion,
    ) -> Result<StateAnswer, JobManagerError> {
        let entry = self.entry(job);
        let entry = entry.filter(|entry| entry.view().description.tenant == *tenant);
        let unknown = || JobManagerError::NotFound(format!("there is no job {job}"));
        let entry = entry.ok_or_else(unknown)?;
        let over = || {
            JobManagerError::Conflict(format!(
                "job {job} has ended; the state of jobs that run is looked up"
            ))
        };
        let view = entry.view();
        let master = entry.master.ok_or_else(over)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let latest = self.ask(&master, master::Message::Latest).await;
            let latest = latest.map_err(|_| over())?.ok_or_else(|| {
                JobManagerError::Conflict(format!(
                    "job {job} has no complete checkpoint yet, and its last one is what is looked at; let it \
                     take checkpoints, and ask again"
                ))
            })?;
            let now_ms = self.inner.clock.now_ms();
            let target = Target::find(&view.graph, &latest, question)?;
            let Some(read) = target.request(job, &latest, question, now_ms)? else {
                return Ok(target.answer(&latest, StateRows::default()));
            };
            let rows = match self.read_state(read).await {
                Ok(rows) => rows,
                Err(error) if tries >= TRIES => return Err(error),
                Err(error) => {
                    let now = self.ask(&master, master::Message::Latest).await;
                    let now = now.map_err(|_| over())?.map(|now| now.id());
                    if now == Some(latest.id()) {
                        return Err(error);
                    }
                    continue;
                }
            };
            return Ok(target.answer(&latest, rows));
        }
    }

    /// Has a TaskManager read rows, for one subtask always the same: it may have files of it.
    async fn read_state(&self, read: ReadState) -> Result<StateRows, JobManagerError> {
        let members = resources::Message::Members;
        let mut members = self.ask(&self.inner.resources, members).await?;
        members.sort_by_key(|member| member.registration);
        let nobody = "no TaskManager is registered to read the state; ask again later";
        let nobody = || JobManagerError::Unavailable(nobody.to_owned());
        let place = key_group::hash(read.view.as_bytes()) as usize;
        let place = place.checked_rem(members.len()).ok_or_else(nobody)?;
        let answer = members[place].gateway.call(read, PATIENCE).await;
        answer.map_err(|error: CallError| match error.kind {
            CallErrorKind::Refused(reason) => {
                JobManagerError::Unavailable(format!("the state cannot be read: {reason}"))
            }
            CallErrorKind::Timeout(_) => JobManagerError::TimedOut(error.to_string()),
            CallErrorKind::Disconnected { .. } | CallErrorKind::Malformed(_) => {
                JobManagerError::Unavailable(error.to_string())
            }
        })
    }
}

impl<'a> Target<'a> {
    fn find(
        graph: &'a JobGraph,
        latest: &'a Completed,
        question: &StateQuestion,
    ) -> Result<Self, JobManagerError> {
        let operator = operator(graph, &question.operator)?;
        let name = &question.state;
        let known = operator.states.iter();
        let known: Vec<_> = known.filter(|state| state.kind.is_keyed()).collect();
        if !known.iter().any(|state| state.name == *name) {
            let names = listed(known.iter().map(|state| state.name.as_str()));
            return Err(JobManagerError::NotFound(format!(
                "operator `{}` keeps no state `{name}` by key; those that it keeps: {names}",
                question.operator
            )));
        }
        let snapshot = latest.metadata.operator(operator.state_id);
        let state = snapshot.and_then(|snapshot| {
            let state = snapshot.states.iter().find(|state| state.name == *name)?;
            Some((snapshot, state))
        });
        let (snapshot, state) = state.ok_or_else(|| {
            JobManagerError::Conflict(format!(
                "checkpoint {} was taken before the program had the state `{name}`; ask again after the next",
                latest.id()
            ))
        })?;
        let is_map = state.kind == StateKind::Map;
        if state.kind == StateKind::List {
            return Err(JobManagerError::Invalid(format!(
                "state `{name}` is a list per key; values and maps can be looked up"
            )));
        }
        if question.sub_key.is_some() && !is_map {
            return Err(JobManagerError::Invalid(format!(
                "state `{name}` is no map; leave `sub-key` out"
            )));
        }
        let schema = state.schema.as_ref();
        let schema = schema.and_then(|schema| Schema::parse(&schema.type_name).ok());
        let (key, value) = schema.map_or((None, None), |it| (it.key, Some(it.value)));
        let (sub_key, value) = match value {
            Some(Type::Map(sub_key, value)) if is_map => (Some(*sub_key), Some(*value)),
            value => (None, value),
        };
        Ok(Self {
            operator,
            snapshot,
            state,
            key,
            sub_key,
            value,
        })
    }

    /// What a TaskManager has to do; none when no subtask had anything for the key.
    fn request(
        &self,
        job: JobId,
        latest: &Completed,
        question: &StateQuestion,
        now_ms: i64,
    ) -> Result<Option<ReadState>, JobManagerError> {
        let key = encoded("key", self.key.as_ref(), &question.key)?;
        let sub_key = question.sub_key.as_ref();
        let sub_key = sub_key.map(|sub_key| encoded("sub-key", self.sub_key.as_ref(), sub_key));
        let sub_key = sub_key.transpose()?;
        let max_parallelism = self.snapshot.max_parallelism;
        let group = key_group::of_hash(key_group::hash(&key), max_parallelism);
        let owner = self.snapshot.subtasks.iter().find_map(|(index, state)| {
            let keyed = state.keyed.as_ref()?;
            keyed
                .key_groups()
                .contains(&group)
                .then_some((index, keyed))
        });
        let Some((index, keyed)) = owner else {
            return Ok(None);
        };
        let states = &self.operator.states;
        let now = states.iter().find(|state| state.name == self.state.name);
        let ttl = now.and_then(|state| state.ttl);
        let ttl = ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX));
        Ok(Some(ReadState {
            job,
            view: format!("{}-{index}", self.operator.state_id),
            keyed: absolute(keyed, &latest.location),
            max_parallelism,
            state: self.state.id,
            key,
            sub_key,
            expired_at_ms: ttl.map(|ttl| now_ms.saturating_sub(ttl)),
            max_rows: question.max_entries.clamp(1, MAX_STATE_ENTRIES),
        }))
    }

    fn answer(&self, latest: &Completed, rows: StateRows) -> StateAnswer {
        let entry = |(key, value): (Vec<u8>, Vec<u8>)| StateEntry {
            key: decoded(self.sub_key.as_ref(), &key),
            key_bytes: key,
            value: decoded(self.value.as_ref(), &value),
            value_bytes: value,
        };
        let types = self.state.schema.as_ref();
        StateAnswer {
            checkpoint: latest.id(),
            kind: self.state.kind,
            types: types.map(|types| types.type_name.clone()),
            entries: rows.rows.into_iter().map(entry).collect(),
            is_more: rows.is_more,
        }
    }
}

fn operator<'a>(graph: &'a JobGraph, wanted: &str) -> Result<&'a Operator, JobManagerError> {
    let operators = graph.logical().operators();
    let mut found = operators.iter();
    let found = found.find(|operator| {
        operator.uid.as_deref() == Some(wanted) || operator.state_id.to_string() == wanted
    });
    found.ok_or_else(|| {
        let keeps = |operator: &&Operator| operator.states.iter().any(|it| it.kind.is_keyed());
        let ids = operators.iter().filter(keeps).map(|operator| {
            let id = || operator.state_id.to_string();
            operator.uid.clone().unwrap_or_else(id)
        });
        let ids: Vec<String> = ids.collect();
        JobManagerError::NotFound(format!(
            "the job has no operator with the uid `{wanted}`; those that keep state by key: {}",
            listed(ids.iter().map(String::as_str))
        ))
    })
}

/// Some names, for people.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    match (names.len(), names.len().saturating_sub(SHOWN_NAMES)) {
        (0, _) => "none".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn encoded(what: &str, kind: Option<&Type>, given: &GivenKey) -> Result<Vec<u8>, JobManagerError> {
    let bytes = match (given, kind) {
        (GivenKey::Bytes(bytes), _) => bytes.clone(),
        (GivenKey::Json(_), None | Some(Type::Unknown)) => {
            return Err(JobManagerError::Invalid(format!(
                "the type of the {what} is not known; give its bytes with `{what}-hex`"
            )));
        }
        (GivenKey::Json(value), Some(kind)) => kind
            .encode(value)
            .map_err(|error| JobManagerError::Invalid(format!("`{what}`: {error}")))?,
    };
    match bytes.len() > MAX_KEY_BYTES {
        true => Err(JobManagerError::Invalid(format!(
            "`{what}` has {} bytes, and at most {MAX_KEY_BYTES} are looked up",
            bytes.len()
        ))),
        false => Ok(bytes),
    }
}

/// The value of bytes. One that cannot be shown, for its type is not known or it has too many parts, is there in
/// bytes only.
fn decoded(kind: Option<&Type>, bytes: &[u8]) -> Option<Value> {
    kind.and_then(|kind| kind.decode(bytes).ok())
}

/// The state with handles that are independent of the checkpoint's directory.
fn absolute(keyed: &KeyedState, directory: &str) -> KeyedState {
    let mut state = SubtaskState {
        keyed: Some(keyed.clone()),
        ..SubtaskState::default()
    };
    state.for_each_handle(|handle| handle.make_absolute(directory));
    state.keyed.unwrap_or_else(|| keyed.clone())
}

#[cfg(test)]
mod tests;
