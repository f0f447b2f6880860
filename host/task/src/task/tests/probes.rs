//! Tasks whose operators have a say in event time.

use super::*;

#[test]
fn a_chain_that_makes_watermarks_is_probed_and_hands_on_only_the_end_of_those_that_come() {
    let mut rig = rig(&[1], || {
        |io: &mut Io, call: Call<'_>| match call {
            Call::Timers(TimeDomain::Processing, timers) if timers.times.is_empty() => {
                say(io, "probe")?;
                DONE
            }
            other => talk(io, other),
        }
    });
    rig.task.event_time = Origin::Chain(Some(Duration::from_millis(200)));
    rig.task.operator.open(&rig.task.context).unwrap();
    let mut progress = rig.task.start();
    for word in [
        "0:W3", "0:idle", "0:active", "0:+199", "0:+1", "0:a", "0:w5", "0:Wmax", "0:end", "0:gone",
    ] {
        rig.send(word);
        for _ in 0..2 {
            if progress.open_inputs > 0 {
                rig.task.step(&mut progress).unwrap();
            }
        }
    }
    rig.task.finish(progress, &Outcome::default()).unwrap();
    assert_eq!(
        taken(&mut rig.output),
        "open watermark(3) probe 0:a W5 watermark(max) Wmax end(0) end gone"
    );
}

#[test]
fn the_shortest_interval_of_a_chain_counts() {
    let of = |intervals: &[u32]| Origin::of(intervals.iter().copied());
    let millis = |count| Some(Duration::from_millis(count));
    assert_eq!(of(&[]), Origin::Inputs);
    assert_eq!(of(&[0]), Origin::Chain(None));
    assert_eq!(of(&[200, 0, 50]), Origin::Chain(millis(50)));
    assert!(of(&[]).lets_through(3));
    assert!(!of(&[0]).lets_through(3));
    assert!(of(&[0]).lets_through(i64::MAX));
}

#[test]
fn the_bundles_own_event_time_mixes_with_that_of_the_input() {
    check(
        &[1],
        "0:w5 0:W3 0:W8 0:m 0:a 0:m,w9 0:end 0:gone",
        "open W5 at(3) at(8) W8 idle active 0:a idle active W9 end(0) end gone",
    );
}
