//! What peers send; the layouts are those of the decoders' own documentation.

use std::collections::BTreeSet;

use wasmill_network::identity::JoinToken;
use wasmill_rpc::protocol::{
    Hardware, Heartbeat, JobDescription, JobSettings, NextSplit, Prepare, Register, SlotMemory,
    TaskCounters, TaskReport, ToJobManager, ToTaskManager,
};
use wasmill_types::id::{AttemptId, Digest, JobId, LeaderId, RegistrationId, TenantId, VertexId};
use wasmill_types::job::JobSpec;
use wasmill_types::operator::BadRecordPolicy;

/// In pieces of 16 bytes: a batch of two records with all columns, a watermark, idleness, both ends; and a loss.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let mut all = vec![16, 1, 3];
    all.extend([7_u32, 2, 5].iter().flat_map(|number| number.to_le_bytes()));
    all.extend([1_i64, 2].iter().flat_map(|number| number.to_le_bytes()));
    all.extend(
        [9_u32, 8, 2, 5]
            .iter()
            .flat_map(|number| number.to_le_bytes()),
    );
    all.extend(b"abcde");
    all.extend([2, 0, 0, 0, 0, 0, 0, 0, 1, 3, 1, 4, 5]);
    let lost = vec![1, 6, 4, 0, b'g', b'o', b'n', b'e'];
    vec![all, lost]
}

/// A subscription and a grant.
pub(crate) fn control() -> Vec<Vec<u8>> {
    let mut subscribe = vec![8, 1];
    subscribe.extend([0; 4 + 36 + 4]);
    let grant = vec![3, 2, 1, 0, 0, 0, 2, 0, 0, 0];
    let both = [subscribe.as_slice(), &grant[1..]].concat();
    vec![subscribe, grant, both]
}

/// A version and its protocols.
pub(crate) fn greeting() -> Vec<Vec<u8>> {
    vec![b"WSML\x050.1.0\x11wasmill-control/1".to_vec()]
}

/// A version, the software's version, a name.
pub(crate) fn hello() -> Vec<Vec<u8>> {
    vec![b"WCTL\0\0\0\x01\x050.1.0\x02tm".to_vec()]
}

/// A message of each kind that is likely to be large.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let to_job_manager = [
        ToJobManager::Register(Box::new(Register {
            id: "tm-1".parse().expect("a name"),
            host: "host".to_owned(),
            data: None,
            version: "0.1.0".to_owned(),
            pid: 1,
            slots: 2,
            memory: SlotMemory::default(),
            hardware: Hardware::default(),
        })),
        ToJobManager::Heartbeat(Box::new(Heartbeat {
            registration: RegistrationId(1),
            slots: Vec::new(),
            tasks: vec![TaskReport {
                attempt: attempt(),
                counters: TaskCounters {
                    custom: vec![("words".to_owned(), 3)],
                    ..TaskCounters::default()
                },
            }],
            resident_bytes: 1,
            network_buffers: (1, 2),
        })),
        ToJobManager::NextSplit(NextSplit {
            registration: RegistrationId(1),
            leader: LeaderId(1),
            attempt: attempt(),
        }),
    ];
    let prepare = ToTaskManager::Prepare(Box::new(Prepare {
        leader: LeaderId(1),
        job: description(),
        only: Some(BTreeSet::from([VertexId(0)])),
    }));
    let mut seeds: Vec<_> = to_job_manager.iter().map(|it| encoded(0, it)).collect();
    seeds.push(encoded(1, &prepare));
    seeds
}

/// The text form of a join token.
pub(crate) fn join_token(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Either is fine.
        let _ = text.parse::<JoinToken>();
    }
}

/// Texts with the mark of a token.
pub(crate) fn join_tokens() -> Vec<Vec<u8>> {
    let long = format!("wmj1_{}", "Ab_-".repeat(26));
    vec![b"wmj1_".to_vec(), long.into_bytes()]
}

fn encoded(kind: u8, message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(postcard::to_allocvec(message).unwrap_or_default());
    bytes
}

fn attempt() -> AttemptId {
    AttemptId {
        job: JobId(1),
        vertex: VertexId(0),
        subtask: 0,
        attempt: 0,
    }
}

fn description() -> JobDescription {
    JobDescription {
        job: JobId(1),
        tenant: TenantId::default(),
        spec: JobSpec {
            name: "job".to_owned(),
            operators: Vec::new(),
            edges: Vec::new(),
            parallelism: None,
        },
        bundle: Some(Digest([7; 32])),
        args: vec!["--input".to_owned()],
        settings: JobSettings {
            parallelism: 1,
            on_bad_record: BadRecordPolicy::Fail,
            cache_bytes: None,
            memory_bytes: None,
            call_timeout_ms: Some(1),
            seed: 1,
            checkpoints: wasmill_checkpoint::Options::default(),
            backend: None,
            restore: None,
        },
    }
}
