//! Redistribution as text: the list of each subtask in brackets, with `.` where there is nothing.

use wasmill_types::key_group::MAX_PARALLELISM;

use super::*;

const OPERATOR: OperatorId = OperatorId(7);

/// One list per subtask and state: `["a b", "c"]` is what subtasks 0 and 1 keep.
fn kept(states: &[(u32, &[&str])]) -> Vec<Vec<OperatorState>> {
    let subtasks = states.iter().map(|(_, lists)| lists.len()).max().unwrap();
    let mut kept = vec![Vec::new(); subtasks];
    for (state, lists) in states {
        for (subtask, list) in lists.iter().enumerate() {
            kept[subtask].push(OperatorState {
                operator: OPERATOR,
                state: *state,
                items: list.split_whitespace().map(str::as_bytes).collect(),
            });
        }
    }
    kept
}

fn shown(dealt: &[Vec<OperatorState>]) -> Vec<String> {
    let text = |state: &OperatorState| {
        let items = state.items.view();
        let items: Vec<_> = items
            .iter()
            .map(|item| str::from_utf8(item).unwrap())
            .collect();
        format!("{}:{}", state.state, items.join(" "))
    };
    let subtasks = dealt.iter();
    subtasks
        .map(|states| states.iter().map(text).collect::<Vec<_>>().join(", "))
        .collect()
}

#[test]
fn operator_state_is_dealt_as_its_kind_says() {
    use StateKind::{Broadcast, OperatorList, OperatorUnion};
    let cases: &[(StateKind, &[&str], u32, &[&str])] = &[
        // Unchanged parallelism: nothing is moved, even where it is uneven.
        (OperatorList, &["a b c", ""], 2, &["0:a b c", "0:"]),
        // The concatenation in contiguous parts, the first ones with one more.
        (
            OperatorList,
            &["a b", "c d e"],
            3,
            &["0:a b", "0:c d", "0:e"],
        ),
        (OperatorList, &["a b", "c d e"], 1, &["0:a b c d e"]),
        (OperatorList, &["a"], 3, &["0:a", "0:", "0:"]),
        (OperatorList, &["", ""], 3, &["0:", "0:", "0:"]),
        (
            OperatorList,
            &["a b c d e f g", "h i j"],
            4,
            &["0:a b c", "0:d e f", "0:g h", "0:i j"],
        ),
        // Everything to everybody, also when the parallelism is unchanged.
        (OperatorUnion, &["a b", "c"], 2, &["0:a b c", "0:a b c"]),
        (OperatorUnion, &["a b", "c"], 1, &["0:a b c"]),
        (OperatorUnion, &["a", "b"], 3, &["0:a b", "0:a b", "0:a b"]),
        // Copy number (i mod earlier parallelism), neither merged nor doubled.
        (Broadcast, &["a", "b"], 2, &["0:a", "0:b"]),
        (Broadcast, &["a", "b"], 1, &["0:a"]),
        (
            Broadcast,
            &["a", "b"],
            5,
            &["0:a", "0:b", "0:a", "0:b", "0:a"],
        ),
    ];
    for (kind, lists, parallelism, expected) in cases {
        let dealt = operator_state(&kept(&[(0, lists)]), *parallelism, |_, _| Some(*kind));
        assert_eq!(
            shown(&dealt),
            *expected,
            "{kind:?} {lists:?} to {parallelism}"
        );
    }
}

#[test]
fn the_subtasks_that_get_one_more_move_on_from_state_to_state() {
    let earlier = kept(&[(0, &["a b c d"]), (1, &["e f g h"]), (2, &["i j k"])]);
    let dealt = operator_state(&earlier, 3, |_, _| Some(StateKind::OperatorList));
    assert_eq!(
        shown(&dealt),
        ["0:a b, 1:h, 2:j", "0:c, 1:e f, 2:k", "0:d, 1:g, 2:i"]
    );
}

#[test]
fn a_state_that_the_program_no_longer_has_is_left_out() {
    let earlier = kept(&[(0, &["a"]), (1, &["b"])]);
    let kind = |_, state| (state == 1).then_some(StateKind::OperatorUnion);
    assert_eq!(shown(&operator_state(&earlier, 2, kind)), ["1:b", "1:b"]);
}

#[test]
fn every_element_of_a_list_goes_to_exactly_one_subtask_in_order() {
    for earlier in 1..6_usize {
        for parallelism in 1..7_u32 {
            let lists: Vec<String> = (0..earlier)
                .map(|s| (0..s * 3 % 5).map(|i| format!("{s}.{i} ")).collect())
                .collect();
            let lists: Vec<&str> = lists.iter().map(String::as_str).collect();
            let list = |_, _| Some(StateKind::OperatorList);
            let dealt = operator_state(&kept(&[(0, &lists)]), parallelism, list);
            let all: Vec<String> = shown(&dealt)
                .iter()
                .flat_map(|text| text["0:".len()..].split_whitespace())
                .map(str::to_owned)
                .collect();
            let expected: Vec<&str> = lists.iter().flat_map(|l| l.split_whitespace()).collect();
            assert_eq!(all, expected, "{earlier} to {parallelism}");
        }
    }
}

#[test]
fn a_subtask_reads_the_snapshots_that_have_its_key_groups_and_no_others() {
    for max in [1, 2, 7, 128, 1000, MAX_PARALLELISM] {
        for earlier in [1, 2, 3, 5, 128].into_iter().filter(|p| *p <= max) {
            for parallelism in [1, 2, 3, 4, 7, 128].into_iter().filter(|p| *p <= max) {
                for subtask in 0..parallelism {
                    let owned = key_group::range(subtask, parallelism, max);
                    let sources = keyed_sources(subtask, parallelism, earlier, max);
                    let needed: Vec<u32> = (0..earlier)
                        .filter(|s| {
                            let there = key_group::range(*s, earlier, max);
                            there.start < owned.end && owned.start < there.end
                        })
                        .collect();
                    let found: Vec<u32> = sources.collect();
                    assert_eq!(found, needed, "{subtask} of {parallelism} from {earlier}");
                }
            }
        }
    }
}

#[test]
fn with_unchanged_parallelism_each_subtask_reads_its_own_snapshot() {
    for parallelism in [1, 2, 3, 50, 128] {
        for subtask in 0..parallelism {
            let sources = keyed_sources(subtask, parallelism, parallelism, 128);
            assert_eq!(sources, subtask..subtask + 1);
        }
    }
}

#[test]
fn the_max_parallelism_of_a_snapshot_is_for_ever() {
    for (stored, configured, parallelism, expected) in [
        (128, None, 2, Ok(128)),
        (128, None, 128, Ok(128)),
        (256, Some(256), 3, Ok(256)),
        (
            128,
            Some(256),
            2,
            Err(
                "max parallelism mismatch: the snapshot has 128, the program sets 256; remove the setting \
                 or set 128",
            ),
        ),
        (
            128,
            None,
            129,
            Err(
                "the parallelism 129 is larger than the snapshot's max parallelism 128, which cannot \
                 change any more; set it to at most 128",
            ),
        ),
    ] {
        let found = max_parallelism(stored, configured, parallelism);
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }
}
