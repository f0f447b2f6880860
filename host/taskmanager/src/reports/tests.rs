//! The order of changes, and what becomes of those that are not taken.

use wasmill_rpc::protocol::JobSettings;
use wasmill_types::ExecutionState;
use wasmill_types::id::{AttemptId, JobId, LeaderId, RegistrationId, TenantId, VertexId};
use wasmill_types::job::JobSpec;
use wasmill_types::operator::BadRecordPolicy;

use super::*;

fn report(subtask: u32) -> Report {
    let job = JobDescription {
        job: JobId(1),
        tenant: TenantId::default(),
        spec: JobSpec {
            name: String::new(),
            operators: Vec::new(),
            edges: Vec::new(),
            parallelism: None,
        },
        bundle: None,
        args: Vec::new(),
        settings: JobSettings {
            parallelism: 1,
            on_bad_record: BadRecordPolicy::Fail,
            cache_bytes: None,
            memory_bytes: None,
            call_timeout_ms: None,
            seed: 0,
            checkpoints: wasmill_checkpoint::Options::default(),
            backend: None,
            restore: None,
        },
    };
    let changed = TaskChanged {
        end_of_data: false,
        registration: RegistrationId(1),
        leader: LeaderId(1),
        attempt: AttemptId {
            job: job.job,
            vertex: VertexId(0),
            subtask,
            attempt: 0,
        },
        state: ExecutionState::Running,
        failure: None,
        parts: Vec::new(),
        counters: TaskCounters::default(),
    };
    Report {
        changed,
        job: Arc::new(job),
    }
}

/// What a story tells: `+` is a change, `t` tells, `y` and `n` are answers to what was told last, `c`
/// hands back, a digit is the time.
fn told(story: &str) -> String {
    let (mut outbox, mut now, mut last) = (Outbox::default(), Duration::ZERO, 99);
    let (mut next, mut told) = (0, String::new());
    for step in story.chars() {
        match step {
            '+' => {
                outbox.push(report(next));
                next += 1;
            }
            't' => match outbox.tell(now) {
                Some((number, changed)) => {
                    last = number;
                    told.push_str(&changed.attempt.subtask.to_string());
                }
                None => told.push('-'),
            },
            'y' => drop(outbox.taken(last)),
            'n' => outbox.failed(last, now, |failures| Duration::from_secs(1 << failures)),
            'c' => told.push_str(&format!("({})", outbox.clear().len())),
            digit => now = Duration::from_secs(u64::from(digit.to_digit(10).unwrap())),
        }
    }
    told
}

#[test]
fn changes_are_told_in_order_one_at_a_time_until_taken() {
    for (story, expected) in [
        ("t", "-"),
        ("++tt", "0-"),
        ("++tytyt", "01-"),
        ("+tnt1t", "0-0"),
        ("+tn1tn2t3t", "00-0"),
        ("++tct", "0(1)-"),
        // An answer to what was handed back means nothing.
        ("+tc+yt", "0(0)1"),
        ("+tc+nt", "0(0)1"),
        ("++tnc", "0(1)"),
        ("++tyc", "0(1)"),
    ] {
        assert_eq!(told(story), expected, "{story}");
    }
}
