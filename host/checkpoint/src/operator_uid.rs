//! How an operator's id is written in metadata and messages: as its 16 bytes.
//!
//! For `#[serde(with = "crate::operator_uid")]`; the type's own form is text, for people.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wasmill_graph::OperatorUid;

pub(crate) fn serialize<S: Serializer>(uid: &OperatorUid, to: S) -> Result<S::Ok, S::Error> {
    uid.0.serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OperatorUid, D::Error> {
    u128::deserialize(from).map(OperatorUid)
}
