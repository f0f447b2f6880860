//! The decision as a table. A situation is a list of words: `full` outputs, a `cancelled` task, and
//! `flush@`, `timer@`, `poll@` with a time; it is 10 now.

use wasmill_actor::Signal;
use wasmill_network::gate;

use super::*;

fn facts(situation: &str) -> Facts {
    let mut facts = Facts {
        is_cancelled: false,
        has_orders: false,
        overtake_at: None,
        has_room: true,
        flush_at: None,
        timer_at: None,
        probe_at: None,
        poll_at: None,
        now: Duration::from_millis(10),
    };
    for word in situation.split_whitespace() {
        let (name, at) = word.split_once('@').unwrap_or((word, "0"));
        let at = Some(Duration::from_millis(at.parse().unwrap()));
        match name {
            "full" => facts.has_room = false,
            "order" => facts.has_orders = true,
            "cancelled" => facts.is_cancelled = true,
            "flush" => facts.flush_at = at,
            "overtake" => facts.overtake_at = at,
            "timer" => facts.timer_at = at,
            "probe" => facts.probe_at = at,
            "poll" => facts.poll_at = at,
            other => panic!("`{other}` is no fact"),
        }
    }
    facts
}

fn shown(next: Next) -> String {
    match next {
        Next::Wait(None) => "wait".to_owned(),
        Next::Wait(Some(at)) => format!("wait@{}", at.as_millis()),
        Next::WaitForRoom(None) => "wait-for-room".to_owned(),
        Next::WaitForRoom(Some(at)) => format!("wait-for-room@{}", at.as_millis()),
        Next::Input(channel, _) => format!("input {channel}"),
        Next::Lost(lost) => format!("lost {}", lost.channel),
        other @ (Next::Cancel
        | Next::Order
        | Next::Overtake
        | Next::Flush
        | Next::FireTimers
        | Next::Probe
        | Next::Poll) => format!("{other:?}").to_lowercase(),
    }
}

#[test]
fn the_most_urgent_thing_comes_first() {
    for (situation, with_input, without) in [
        ("", "input 0", "wait"),
        ("cancelled flush@0 full timer@0 poll@0", "cancel", "cancel"),
        ("order flush@0 full timer@0 poll@0", "order", "order"),
        ("cancelled order", "cancel", "cancel"),
        ("overtake@10 flush@0 full", "overtake", "overtake"),
        (
            "overtake@12 flush@15 full",
            "wait-for-room@12",
            "wait-for-room@12",
        ),
        ("flush@10 full timer@0 poll@0", "flush", "flush"),
        (
            "flush@11 full timer@0",
            "wait-for-room@11",
            "wait-for-room@11",
        ),
        ("full timer@0 poll@0", "wait-for-room", "wait-for-room"),
        ("timer@10 poll@0", "firetimers", "firetimers"),
        ("timer@11 poll@10", "poll", "poll"),
        ("timer@11 probe@10 poll@0", "probe", "probe"),
        ("timer@10 probe@10", "firetimers", "firetimers"),
        ("full probe@0", "wait-for-room", "wait-for-room"),
        ("poll@13 probe@11", "input 0", "wait@11"),
        ("poll@11 timer@12 flush@13", "input 0", "wait@11"),
        ("poll@14 timer@12 flush@13", "input 0", "wait@12"),
        ("poll@14 timer@15 flush@13", "input 0", "wait@13"),
        ("timer@15", "input 0", "wait@15"),
    ] {
        let (mut gate, mut senders) = gate(1, 2, Signal::new());
        let next = select(facts(situation), Some(&mut gate));
        assert_eq!(shown(next), without, "{situation}");
        assert_eq!(
            shown(select(facts(situation), None)),
            without,
            "{situation}, no gate"
        );
        senders[0].try_send(Element::Watermark(1)).unwrap();
        let next = select(facts(situation), Some(&mut gate));
        assert_eq!(shown(next), with_input, "{situation}, with input");
    }
}

#[test]
fn input_that_is_not_its_turn_yet_stays_in_the_gate() {
    let (mut gate, mut senders) = gate(1, 2, Signal::new());
    senders[0].try_send(Element::Watermark(1)).unwrap();
    for situation in ["cancelled", "flush@0", "full", "timer@0", "poll@0"] {
        select(facts(situation), Some(&mut gate));
    }
    let next = select(facts(""), Some(&mut gate));
    assert_eq!(next, Next::Input(0, Element::Watermark(1)));
}

#[test]
fn a_lost_producer_is_heard_of_after_its_last_element() {
    let (mut gate, mut senders) = gate(2, 2, Signal::new());
    senders[1].try_send(Element::Watermark(1)).unwrap();
    senders.remove(1);
    let mut next = || shown(select(facts(""), Some(&mut gate)));
    assert_eq!([next(), next(), next()], ["input 1", "lost 1", "wait"]);
}
