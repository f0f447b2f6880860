//! Sequences of events as text, and what the aligner says to each: `b0:5` is barrier 5 on channel 0, `e1` the
//! end of channel 1, `a5` that checkpoint 5 was given up.

use wasmill_actor::Rng;
use wasmill_types::barrier::SnapshotKind;

use super::*;

fn barrier(id: u64, alignment: Alignment) -> Arc<Barrier> {
    Arc::new(Barrier {
        checkpoint: CheckpointId(id),
        triggered_ms: 0,
        alignment,
        kind: SnapshotKind::Checkpoint,
        directory: String::new(),
        shared: None,
        full: false,
    })
}

fn shown(step: &Step) -> String {
    match step {
        Step::Block(channel) => format!("block{channel}"),
        Step::Resume(channel) => format!("resume{channel}"),
        Step::Take { barrier, .. } => format!("take{}", barrier.checkpoint),
        Step::Complete(checkpoint) => format!("complete{checkpoint}"),
        Step::Subsumed(checkpoint) => format!("subsumed{checkpoint}"),
    }
}

fn said(channels: usize, alignment: Alignment, events: &str) -> String {
    let mut aligner = Aligner::new(channels);
    let answers = events.split_whitespace().map(|event| {
        let (kind, rest) = event.split_at(1);
        let steps = match kind {
            "b" => {
                let (channel, id) = rest.split_once(':').unwrap();
                let barrier = barrier(id.parse().unwrap(), alignment);
                aligner.barrier(channel.parse().unwrap(), barrier, Duration::ZERO)
            }
            "e" => aligner.ended(rest.parse().unwrap()),
            _ => aligner.aborted(CheckpointId(rest.parse().unwrap())),
        };
        steps.iter().map(shown).collect::<Vec<_>>().join(",")
    });
    answers.collect::<Vec<_>>().join(" | ")
}

#[test]
fn a_channel_is_blocked_from_its_barrier_until_all_have_brought_theirs() {
    for (channels, events, expected) in [
        (
            1,
            "b0:1 b0:2",
            "block0,take1,resume0 | block0,take2,resume0",
        ),
        (
            3,
            "b1:1 b0:1 b2:1",
            "block1 | block0 | block2,take1,resume0,resume1,resume2",
        ),
        // A channel's end counts as its barrier, and it has no more part in later ones (semantics §7.9).
        (
            2,
            "b0:1 e1 b0:2",
            "block0 | take1,resume0 | block0,take2,resume0",
        ),
        (2, "e0 b1:1", " | block1,take1,resume1"),
        // Old barriers change nothing (semantics §7.6).
        (
            2,
            "b0:2 b1:2 b0:1 b1:1",
            "block0 | block1,take2,resume0,resume1 |  | ",
        ),
        (
            2,
            "b0:2 b1:1 b1:2",
            "block0 |  | block1,take2,resume0,resume1",
        ),
        // A newer one ends the pending one (semantics §7.7).
        (
            2,
            "b0:1 b1:2 b0:2",
            "block0 | subsumed1,resume0,block1 | block0,take2,resume0,resume1",
        ),
        // What was given up is not taken any more (semantics §7.8).
        (
            2,
            "b0:1 a1 b1:1 b0:2 b1:2",
            "block0 | resume0 |  | block0 | block1,take2,resume0,resume1",
        ),
        (
            2,
            "a3 b0:3 b0:4 b1:4",
            " |  | block0 | block1,take4,resume0,resume1",
        ),
    ] {
        assert_eq!(
            said(channels, Alignment::Aligned, events),
            expected,
            "{events}"
        );
    }
}

#[test]
fn at_least_once_counts_barriers_and_blocks_nothing() {
    for (channels, events, expected) in [
        (2, "b0:1 b1:1", " | take1"),
        (2, "b0:1 b0:2 b1:2 b1:1", " |  | take2 | "),
        (2, "b0:1 b0:2 e1", " |  | take2"),
        (2, "b0:1 a1 b1:1", " |  | "),
    ] {
        assert_eq!(
            said(channels, Alignment::AtLeastOnce, events),
            expected,
            "{events}"
        );
    }
}

#[test]
fn a_barrier_that_overtakes_is_taken_at_once_and_complete_when_it_came_everywhere() {
    for (channels, events, expected) in [
        (1, "b0:1", "take1,resume0,complete1"),
        (3, "b1:1 b0:1 b2:1", "take1,resume1 |  | complete1"),
        (2, "b0:1 e1", "take1,resume0 | complete1"),
        (
            2,
            "b0:1 b0:2 b1:2",
            "take1,resume0 | subsumed1,take2,resume0 | complete2",
        ),
        (
            2,
            "b0:1 a1 b1:1 b0:2",
            "take1,resume0 |  |  | take2,resume0",
        ),
    ] {
        assert_eq!(
            said(channels, Alignment::Unaligned, events),
            expected,
            "{events}"
        );
    }
}

#[test]
fn a_barrier_that_has_tried_to_align_for_long_enough_overtakes() {
    let mut aligner = Aligner::new(3);
    let aligned = barrier(1, Alignment::AlignedFor(Duration::ZERO));
    let mut steps = aligner.barrier(0, Arc::clone(&aligned), Duration::ZERO);
    assert!(aligner.pending().is_some() && !aligner.is_missing(1));
    steps.extend(aligner.overtake());
    assert!(aligner.pending().is_none() && aligner.is_missing(1) && !aligner.is_missing(0));
    steps.extend(aligner.overtake());
    // Barriers that still come in order do not block any more.
    steps.extend(aligner.barrier(1, Arc::clone(&aligned), Duration::ZERO));
    steps.extend(aligner.ended(2));
    let steps: Vec<_> = steps.iter().map(shown).collect();
    assert_eq!(steps, ["block0", "take1", "resume0", "complete1"]);
}

/// Channels bring barriers in order, some are given up, some channels end: whatever the order between
/// channels, ids that are taken ascend, each is taken after it came on all channels that were open, and in
/// the end nothing is blocked.
#[test]
fn whatever_the_order_checkpoints_are_taken_once_and_nothing_stays_blocked() {
    for seed in 0..500 {
        let mut rng = Rng::seeded(seed);
        let channels = 1 + rng.below(4) as usize;
        let mut aligner = Aligner::new(channels);
        let mut next = vec![1_u64; channels];
        let mut blocked = vec![false; channels];
        let mut open = vec![true; channels];
        let mut taken = Vec::new();
        for _ in 0..200 {
            let channel = rng.below(channels as u64) as usize;
            let steps = match rng.below(20) {
                0 => aligner.aborted(CheckpointId(1 + rng.below(20))),
                1 if open[channel] && !blocked[channel] => {
                    open[channel] = false;
                    aligner.ended(channel)
                }
                _ if open[channel] && !blocked[channel] && next[channel] <= 20 => {
                    let id = next[channel];
                    next[channel] += 1 + rng.below(2);
                    let barrier = barrier(id, Alignment::Aligned);
                    aligner.barrier(channel, barrier, Duration::ZERO)
                }
                _ => continue,
            };
            for step in steps {
                match step {
                    Step::Block(channel) => blocked[channel] = true,
                    Step::Resume(channel) => blocked[channel] = false,
                    Step::Take { barrier, .. } => {
                        let id = barrier.checkpoint.0;
                        let behind = (0..channels).find(|it| open[*it] && next[*it] <= id);
                        assert_eq!(behind, None, "seed {seed}: {id} taken too early");
                        assert!(
                            taken.last() < Some(&id),
                            "seed {seed}: {taken:?}, then {id}"
                        );
                        taken.push(id);
                    }
                    Step::Complete(_) | Step::Subsumed(_) => {}
                }
            }
        }
        for channel in 0..channels {
            if std::mem::take(&mut open[channel]) {
                for step in aligner.ended(channel) {
                    match step {
                        Step::Block(channel) => blocked[channel] = true,
                        Step::Resume(channel) => blocked[channel] = false,
                        Step::Take { .. } | Step::Complete(_) | Step::Subsumed(_) => {}
                    }
                }
                blocked[channel] = false;
            }
        }
        assert!(!blocked.contains(&true), "seed {seed}: {blocked:?}");
    }
}
