//! The sentences of semantics §1.2–1.9, one test each.
//!
//! A line of a stream is what comes in, then `|`, then what passes: `0:W5` is watermark 5 on channel 0,
//! `0:idle` and `0:active` its status; without a channel the same words are what the valve lets through.

use super::*;

/// Feeds the stream to a valve line by line and compares what passes.
#[track_caller]
fn check(channels: usize, stream: &str) {
    let mut valve = Valve::new(channels);
    for line in stream
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (events, expected) = line.split_once('|').unwrap();
        let events = events.split_whitespace();
        let passed: Vec<String> = events.flat_map(|event| feed(&mut valve, event)).collect();
        assert_eq!(passed.join(" "), expected.trim(), "after `{line}`");
    }
}

fn feed(valve: &mut Valve, event: &str) -> Vec<String> {
    let (channel, what) = event.split_once(':').unwrap();
    let channel = channel.parse().unwrap();
    let passed: Vec<Passed> = match what {
        "idle" => valve.status(channel, ChannelStatus::Idle),
        "active" => valve.status(channel, ChannelStatus::Active),
        time => valve
            .watermark(channel, time[1..].parse().unwrap())
            .into_iter()
            .collect(),
    };
    passed.into_iter().map(shown).collect()
}

fn shown(passed: Passed) -> String {
    match passed {
        Passed::Watermark(time) => format!("W{time}"),
        Passed::Status(ChannelStatus::Idle) => "idle".to_owned(),
        Passed::Status(ChannelStatus::Active) => "active".to_owned(),
    }
}

#[test]
fn one_channel_passes_its_watermarks() {
    check(1, "0:W1 0:W2 0:W7 | W1 W2 W7");
}

/// §1.2.
#[test]
fn a_watermark_that_is_not_above_the_last_of_its_channel_is_ignored() {
    check(1, "0:W5 0:W5 0:W4 0:W6 | W5 W6");
    check(
        2,
        "0:W5 0:W3 |
         1:W4      | W4
         1:W9      | W5",
    );
}

/// §1.3, first half.
#[test]
fn the_least_watermark_of_the_channels_passes_when_it_has_grown() {
    check(
        3,
        "0:W5 1:W3 |
         2:W4      | W3
         0:W6 2:W7 |
         1:W5      | W5
         1:W9      | W6",
    );
}

/// §1.3, second half.
#[test]
fn nothing_passes_before_every_channel_has_sent_a_watermark() {
    check(
        3,
        "0:W5 0:W9 1:W7 |
         2:W-3          | W-3",
    );
}

/// §1.4.
#[test]
fn a_watermark_on_an_idle_channel_is_dropped() {
    check(
        2,
        "0:idle 0:W50     |
         1:W3             | W3
         0:active 1:W60   | W60",
    );
}

/// §1.4: the channel is active, and so would be the valve, only after it has said so.
#[test]
fn a_watermark_on_an_idle_valve_is_dropped_and_not_remembered() {
    check(
        1,
        "0:W1 0:idle       | W1 idle
         0:W5              |
         0:active          | active
         0:W4              | W4",
    );
}

/// §1.5, first half.
#[test]
fn an_idle_channel_holds_nothing_back() {
    check(
        2,
        "0:W5   | 
         1:idle | W5
         0:W7   | W7",
    );
}

/// §1.5, second half.
#[test]
fn only_the_channel_that_held_the_minimum_lets_time_advance_by_going_idle() {
    check(
        3,
        "0:W2 1:W5 2:W9 | W2
         0:idle         | W5
         2:idle         |
         1:W6           | W6",
    );
    check(
        3,
        "0:W2 1:W5 2:W9 | W2
         1:idle         |
         0:idle         | W9",
    );
}

/// §1.6, first half.
#[test]
fn the_last_channel_to_go_idle_flushes_the_latest_watermark_if_it_held_the_minimum() {
    check(
        2,
        "0:W9 1:W5 | W5
         0:idle    |
         1:idle    | W9 idle",
    );
    check(1, "0:W9 0:idle | W9 idle");
}

/// §1.6: a watermark of the beginning of time equals what was emitted, which is nothing.
#[test]
fn channels_that_never_sent_a_watermark_go_idle_without_one() {
    check(2, "0:idle 1:idle | idle");
    check(
        2,
        "0:W3   |
         0:idle |
         1:idle | W3 idle",
    );
}

/// §1.6, second half.
#[test]
fn the_last_channel_to_go_idle_flushes_nothing_if_it_was_ahead() {
    check(
        2,
        "0:W5 1:W3      | W3
         1:idle         | W5
         1:active 1:W4  |
         0:W9           | W9
         0:idle         |
         1:idle         | idle",
    );
}

/// §1.7, first half.
#[test]
fn a_channel_that_returns_at_the_emitted_time_or_after_holds_back_at_once() {
    check(
        2,
        "0:W9 1:W5 | W5
         0:idle    |
         0:active  |
         1:W20     | W9",
    );
    check(
        2,
        "0:W5 1:W5 | W5
         0:idle    |
         0:active  |
         1:W20     |
         0:W6      | W6",
    );
}

/// §1.7, second half.
#[test]
fn a_channel_that_returns_behind_holds_nothing_back_until_it_has_caught_up() {
    check(
        2,
        "0:W2 1:W5  | W2
         0:idle     | W5
         0:active   |
         1:W8       | W8
         0:W7 1:W10 | W10
         0:W10      |
         1:W20      |
         0:W11      | W11",
    );
}

/// §1.7, last sentence.
#[test]
fn an_idle_valve_becomes_active_once_with_its_first_channel() {
    check(
        2,
        "0:idle 1:idle     | idle
         0:active 1:active | active
         0:W1 1:W1         | W1",
    );
}

/// §1.8.
#[test]
fn a_status_that_the_channel_has_already_changes_nothing() {
    check(
        2,
        "0:active 1:active | 
         0:W1 1:W2         | W1
         0:idle            | W2
         0:idle            |
         1:idle            | idle
         1:idle 0:idle     |
         0:active          | active
         0:active          |",
    );
}

/// §1.9.
#[test]
fn nothing_passes_when_only_channels_that_are_behind_are_active() {
    check(
        2,
        "0:W2 1:W5  | W2
         0:idle     | W5
         0:active   |
         1:idle     |
         0:W4       |
         0:W6       | W6",
    );
}

/// The end of input is an ordinary watermark (semantics §9.1, §2.11).
#[test]
fn the_end_of_time_passes_when_all_channels_have_reached_it() {
    let max = i64::MAX;
    check(
        2,
        &format!(
            "0:W{max} 1:W3 | W3
             1:W{max}      | W{max}
             1:W{max}      |"
        ),
    );
}
