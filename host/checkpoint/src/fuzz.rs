//! Entry points for fuzzers: what reads bytes from outside.
//!
//! `tests/fuzz` calls them. Invariant: no bytes make these panic.

use crate::barrier::SnapshotKind;
use crate::{CheckpointId, Metadata};

/// Decodes metadata; what can be decoded must encode to something that decodes to the same.
///
/// # Panics
/// When it does not: that is what the fuzzer looks for.
pub fn metadata(bytes: &[u8]) {
    if let Ok(metadata) = Metadata::decode(bytes) {
        let again = Metadata::decode(&metadata.encode());
        let same = again.is_ok_and(|again| again == metadata);
        assert!(same, "metadata changes when it is written and read");
        drop(metadata.describe().to_string());
    }
}

/// Bytes of metadata, to begin with.
pub fn metadata_seeds() -> Vec<Vec<u8>> {
    let empty = Metadata {
        job: wasmill_types::id::JobId(1),
        checkpoint: CheckpointId::FIRST,
        kind: SnapshotKind::Checkpoint,
        triggered_ms: 0,
        self_contained: false,
        operators: Vec::new(),
        tenant: wasmill_types::id::TenantId::default(),
    };
    vec![
        empty.encode(),
        include_bytes!("metadata/savepoint-1.bin").to_vec(),
        include_bytes!("metadata/savepoint-2.bin").to_vec(),
    ]
}
