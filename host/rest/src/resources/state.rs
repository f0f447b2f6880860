//! Keyed state of a job that runs, as its last complete checkpoint has it. Not Flink's.
//!
//! Invariant: a key is JSON or hexadecimal digits; whatever else is a 400 that says so.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wasmill_jobmanager::lookup::{GivenKey, MAX_STATE_ENTRIES, StateEntry, StateQuestion};
use wasmill_types::job::StateKind;

use crate::call::Call;
use crate::error::ApiError;

/// How many entries of a map are shown unless said.
const ENTRIES: u32 = 100;

/// What a checkpoint has for a key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct KeyState {
    /// The checkpoint that was looked into.
    checkpoint_id: u64,
    /// `value`, `reducing`, `aggregating` or `map`.
    kind: String,
    /// The types of key and state, as the bundle describes them; null when it does not.
    types: Option<String>,
    /// Whether there is anything for the key.
    found: bool,
    /// What is kept for the key, or for the key and the sub-key; null when there is nothing, when its type is
    /// not known, and for all entries of a map.
    value: Option<Value>,
    /// Its bytes, in hexadecimal digits.
    value_hex: Option<String>,
    /// The entries of a map in the order of the bytes of their keys, when no sub-key was given.
    entries: Option<Vec<MapEntry>>,
    /// Whether the map has more.
    more: bool,
}

/// An entry of a map.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
struct MapEntry {
    /// Null when its type is not known.
    key: Option<Value>,
    key_hex: String,
    /// Null when its type is not known.
    value: Option<Value>,
    value_hex: String,
}

/// `GET /jobs/:jobid/state/:uid/:state`
pub(crate) async fn look_up(call: Call) -> Result<KeyState, ApiError> {
    let job = call.job()?;
    let missing = || ApiError::bad_parameter("give `key` as JSON, or `key-hex` as its bytes");
    let sub_key = given(&call, "sub-key", "sub-key-hex")?;
    let max_entries = call.parsed_query("limit", "a number from 1")?;
    let max_entries = max_entries.unwrap_or(ENTRIES);
    if !(1..=MAX_STATE_ENTRIES).contains(&max_entries) {
        let range = format!("`limit` is {max_entries}; it must be from 1 to {MAX_STATE_ENTRIES}");
        return Err(ApiError::bad_parameter(range));
    }
    let question = StateQuestion {
        operator: call.segment("uid").to_owned(),
        state: call.segment("state").to_owned(),
        key: given(&call, "key", "key-hex")?.ok_or_else(missing)?,
        sub_key,
        max_entries,
    };
    let lists = question.sub_key.is_none();
    let tenant = &call.caller.tenant;
    let looked_up = call.api.cluster.look_up_state(tenant, job.id(), &question);
    let answer = looked_up.await?;
    let found = !answer.entries.is_empty();
    let mut entries = answer.entries;
    let is_map = answer.kind == StateKind::Map;
    let only = match is_map && lists {
        true => None,
        false => entries.pop(),
    };
    Ok(KeyState {
        checkpoint_id: answer.checkpoint.0,
        kind: kind(answer.kind).to_owned(),
        types: answer.types,
        found,
        value: only.as_ref().and_then(|entry| entry.value.clone()),
        value_hex: only.map(|entry| hex(&entry.value_bytes)),
        entries: (is_map && lists).then(|| entries.into_iter().map(MapEntry::of).collect()),
        more: answer.is_more,
    })
}

impl MapEntry {
    fn of(entry: StateEntry) -> Self {
        Self {
            key: entry.key,
            key_hex: hex(&entry.key_bytes),
            value: entry.value,
            value_hex: hex(&entry.value_bytes),
        }
    }
}

/// A key as the query gives it, in one of two ways.
fn given(call: &Call, json: &str, digits: &str) -> Result<Option<GivenKey>, ApiError> {
    let (text, bytes) = (call.query(json), call.query(digits));
    match (text, bytes) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ApiError::bad_parameter(format!(
            "give `{json}` or `{digits}`, not both"
        ))),
        (Some(text), None) => {
            let value = serde_json::from_str(text).map_err(|error| {
                ApiError::bad_parameter(format!(
                    "`{json}` is no JSON, of which a text has quotation marks: {error}"
                ))
            })?;
            Ok(Some(GivenKey::Json(value)))
        }
        (None, Some(text)) => {
            let bytes = unhex(text).ok_or_else(|| {
                ApiError::bad_parameter(format!("`{digits}` is not of pairs of hexadecimal digits"))
            })?;
            Ok(Some(GivenKey::Bytes(bytes)))
        }
    }
}

fn kind(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Value => "value",
        StateKind::List => "list",
        StateKind::Map => "map",
        StateKind::Reducing => "reducing",
        StateKind::Aggregating => "aggregating",
        StateKind::OperatorList => "operator-list",
        StateKind::OperatorUnion => "operator-union",
        StateKind::Broadcast => "broadcast",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    pairs.map(byte).collect()
}
