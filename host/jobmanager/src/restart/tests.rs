//! Restart strategies, failure by failure.

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The decisions about failures at these seconds: the delay in milliseconds, or none for the end.
fn decisions(strategy: Strategy, failures: &[u64]) -> Vec<Option<u128>> {
    let mut restart = Restart::new(strategy, Rng::seeded(7));
    let decide = |at: &u64| match restart.on_failure(secs(*at)) {
        Decision::After(delay) => Some(delay.as_millis()),
        Decision::GiveUp(_) => None,
    };
    failures.iter().map(decide).collect()
}

fn exponential(jitter: f64, attempts: Option<u32>) -> Strategy {
    Strategy::ExponentialDelay {
        initial: secs(1),
        max: secs(10),
        multiplier: 2.0,
        jitter,
        reset: secs(100),
        attempts,
    }
}

#[test]
fn strategies_decide_as_flinks_do() {
    let fixed = |attempts| Strategy::FixedDelay {
        attempts,
        delay: secs(2),
    };
    let rate = Strategy::FailureRate {
        max_failures: 2,
        interval: secs(60),
        delay: secs(3),
    };
    for (name, strategy, failures, expected) in [
        ("none", Strategy::None, &[1_u64][..], &[None][..]),
        (
            "fixed: N restarts, then the end",
            fixed(2),
            &[1, 2, 3],
            &[Some(2000), Some(2000), None],
        ),
        ("fixed with none", fixed(0), &[1], &[None]),
        (
            "rate: the third within a minute ends",
            rate,
            &[0, 30, 60],
            &[Some(3000), Some(3000), None],
        ),
        (
            "rate: old ones are forgotten",
            rate,
            &[0, 30, 61, 92],
            &[Some(3000); 4],
        ),
        (
            "exponential: grows to the maximum",
            exponential(0.0, None),
            &[0, 2, 5, 10, 20, 40],
            &[
                Some(1000),
                Some(2000),
                Some(4000),
                Some(8000),
                Some(10_000),
                Some(10_000),
            ],
        ),
        (
            "exponential: failures before the restart are the same one",
            exponential(0.0, None),
            &[0, 2, 3, 4, 5],
            &[Some(1000), Some(2000), Some(1000), Some(0), Some(4000)],
        ),
        (
            "exponential: a long quiet time starts over",
            exponential(0.0, None),
            &[0, 2, 104],
            &[Some(1000), Some(2000), Some(1000)],
        ),
        (
            "exponential: a quiet time that is too short does not",
            exponential(0.0, None),
            &[0, 2, 103],
            &[Some(1000), Some(2000), Some(4000)],
        ),
        (
            "exponential: a number of attempts until a reset",
            exponential(0.0, Some(2)),
            &[0, 2, 5, 200],
            &[Some(1000), Some(2000), None, Some(1000)],
        ),
    ] {
        assert_eq!(decisions(strategy, failures), expected, "{name}");
    }
}

#[test]
fn jitter_stays_within_its_share_and_within_the_bounds() {
    for seed in 0..200 {
        let mut restart = Restart::new(exponential(0.5, None), Rng::seeded(seed));
        let mut now = Duration::ZERO;
        for (low, high) in [(1000, 1500), (1000, 3000), (2000, 6000), (4000, 10_000)] {
            let Decision::After(delay) = restart.on_failure(now) else {
                panic!("there is no bound of attempts");
            };
            let millis = delay.as_millis();
            assert!((low..=high).contains(&millis), "{millis} of seed {seed}");
            now += delay + Duration::from_millis(1);
        }
    }
}

#[test]
fn defaults_are_flinks() {
    assert_eq!(
        decisions(Strategy::FIXED_DELAY, &[0, 5]),
        [Some(1000), None]
    );
    assert_eq!(
        decisions(Strategy::FAILURE_RATE, &[0, 61, 70]),
        [Some(1000), Some(1000), None]
    );
    assert_eq!(Strategy::default(), Strategy::None);
}
