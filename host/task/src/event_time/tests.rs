//! Inputs as text: `0:W5` is watermark 5 of input 0, `0:idle` and `0:active` its status; behind `|` stands
//! what passes.

use super::*;

#[track_caller]
fn check(inputs: usize, stream: &str) {
    let mut time = InputTime::new(inputs);
    for line in stream.lines().map(str::trim) {
        let (events, expected) = line.split_once('|').unwrap();
        let events = events.split_whitespace();
        let passed: Vec<String> = events.flat_map(|event| feed(&mut time, event)).collect();
        assert_eq!(passed.join(" "), expected.trim(), "after `{line}`");
    }
}

fn feed(time: &mut InputTime, event: &str) -> Vec<String> {
    let (input, what) = event.split_once(':').unwrap();
    let input = input.parse().unwrap();
    let passed: Vec<Passed> = match what {
        "idle" => time.status(input, ChannelStatus::Idle),
        "active" => time.status(input, ChannelStatus::Active),
        at => {
            let passed = time.watermark(input, at[1..].parse().unwrap());
            passed.map(Passed::Watermark).into_iter().collect()
        }
    };
    let shown = |passed: Passed| match passed {
        Passed::Watermark(time) => format!("W{time}"),
        Passed::Status(status) => format!("{status:?}").to_lowercase(),
    };
    passed.into_iter().map(shown).collect()
}

#[test]
fn the_least_watermark_of_the_inputs_that_are_not_idle_counts() {
    check(
        2,
        "0:W5      |
         1:W3      | W3
         1:W9      | W5
         0:idle    | W9
         1:W10     | W10",
    );
}

#[test]
fn when_all_inputs_are_idle_the_latest_watermark_passes_and_then_the_status() {
    check(
        2,
        "0:W9 1:W3 | W3
         0:idle    |
         1:idle    | W9 idle",
    );
    check(3, "0:idle 1:idle 2:idle | idle");
    check(1, "0:W4 0:idle | W4 idle");
}

#[test]
fn the_first_input_that_returns_makes_all_active() {
    check(
        2,
        "0:idle 1:idle     | idle
         1:active          | active
         0:active          |
         0:W1 1:W2         | W1",
    );
}

#[test]
fn combined_time_does_not_go_back_when_a_late_input_returns() {
    check(
        2,
        "0:W2 1:W2 | W2
         0:idle    |
         1:W8      | W8
         0:active  |
         0:W5 1:W9 |
         0:W9      | W9",
    );
}

#[test]
fn a_repeated_status_changes_nothing() {
    check(
        2,
        "0:active        |
         0:idle 0:idle   |
         1:idle 1:idle   | idle
         0:idle          |
         0:active        | active",
    );
}

/// What the outputs are told, for a line of calls: `W5`, `idle` and `active` of the inputs, `mark` of the
/// bundle, and `record`.
#[test]
fn outputs_are_told_what_is_new_to_them() {
    for (calls, expected) in [
        ("W1 W2 W5", "W1 W2 W5"),
        ("W5 W5 W3 W6", "W5 W6"),
        ("idle idle active active", "idle active"),
        ("mark mark record record", "idle active"),
        ("record mark record W1", "idle active W1"),
        ("mark W3 record", "idle active W3"),
        ("W3 mark W3 W4", "W3 idle active W4"),
        ("idle W9", "idle active W9"),
        // A timer's record does not speak for the inputs.
        ("idle record", "idle"),
        ("idle mark record active", "idle active"),
        ("mark active", "idle active"),
        ("mark idle record", "idle"),
    ] {
        let mut outputs = OutputTime::default();
        let mut told = Vec::new();
        for call in calls.split_whitespace() {
            match call {
                "idle" => told.extend(outputs.status(ChannelStatus::Idle)),
                "active" => told.extend(outputs.status(ChannelStatus::Active)),
                "mark" => told.extend(outputs.mark_idle()),
                "record" if outputs.is_marked_idle() => {
                    told.extend(outputs.status(ChannelStatus::Active));
                }
                "record" => {}
                time => told.extend(outputs.watermark(time[1..].parse().unwrap())),
            }
        }
        let shown = |element: &Element| match element {
            Element::Watermark(time) => format!("W{time}"),
            Element::Status(status) => format!("{status:?}").to_lowercase(),
            other => panic!("{other:?}"),
        };
        let told: Vec<String> = told.iter().map(shown).collect();
        assert_eq!(told.join(" "), expected, "{calls}");
    }
}
