//! Where the time goes.

use super::*;

/// The milliseconds that a task worked, was held up and had nothing.
fn spent(times: &TaskTimes, clock: &Clock) -> [u128; 3] {
    let Spent {
        busy,
        backpressured,
        idle,
    } = times.spent(clock.monotonic());
    [busy, backpressured, idle].map(|time| time.as_millis())
}

#[test]
fn what_is_not_waited_is_worked_also_while_it_lasts() {
    let (clock, times) = (Clock::manual(0), TaskTimes::default());
    let pass = |millis| clock.advance(Duration::from_millis(millis));
    pass(5);
    assert_eq!(spent(&times, &clock), [0, 0, 0], "it has not begun");
    times.begin(clock.monotonic());
    pass(10);
    times.wait(&clock, Wait::Input, || {
        pass(20);
        assert_eq!(spent(&times, &clock), [10, 0, 20]);
        pass(1);
    });
    times.wait(&clock, Wait::Room, || {
        pass(30);
        assert_eq!(spent(&times, &clock), [10, 30, 21]);
    });
    pass(2);
    times.end(clock.monotonic());
    pass(100);
    assert_eq!(spent(&times, &clock), [12, 30, 21], "it has ended");
}
