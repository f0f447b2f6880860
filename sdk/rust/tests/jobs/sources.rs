//! Sources written in the bundle.

use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{GuestSource, Poll, bail};

use crate::shapes::{check_failure, check_records};

/// Makes three records a split, one a millisecond.
struct Ticks {
    splits: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Position {
    split: u32,
    next: u32,
}

impl GuestSource for Ticks {
    type Item = (u32, u32, i64);
    type Split = Position;

    fn splits(&mut self, _: u32) -> Result<Vec<Position>> {
        let splits = 0..self.splits;
        Ok(splits.map(|split| Position { split, next: 0 }).collect())
    }

    fn poll(
        &mut self,
        position: &mut Position,
        _: u32,
        emit: &mut impl FnMut(Self::Item),
    ) -> Result<Poll> {
        let due = i64::from(position.next) * 10;
        if wasmill::now() < due {
            return Ok(Poll::IdleUntil(due));
        }
        emit((position.split, position.next, wasmill::now()));
        position.next += 1;
        Ok(if position.next == 3 {
            Poll::Finished
        } else {
            Poll::More
        })
    }
}

#[test]
fn generated_records_are_divided_among_the_subtasks() {
    fn main(env: &Env) -> Result<()> {
        env.guest_source(generate(100, |i| i * i))
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    check_records(
        &Job::new(main),
        "out",
        (0..100_u64).map(|i| i * i).collect(),
    );
    let outcome = Job::new(main).parallelism(3).run().unwrap();
    let sizes = outcome.output_by_subtask::<u64>("out");
    assert_eq!(sizes.iter().map(Vec::len).collect::<Vec<_>>(), [33, 33, 34]);
}

#[test]
fn a_source_of_nothing_ends() {
    fn main(env: &Env) -> Result<()> {
        let nothing = env.guest_source(generate(0, |i| i));
        nothing
            .union(env.guest_source(Ticks { splits: 0 }).map(|_| 1))
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    check_records::<u64>(&Job::new(main), "out", Vec::new());
}

#[test]
fn idle_splits_wait_for_the_clock_and_all_get_their_turn() {
    fn main(env: &Env) -> Result<()> {
        env.guest_source(Ticks { splits: 5 })
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    let all = (0..5).flat_map(|split| (0..3).map(move |n| (split, n, i64::from(n) * 10)));
    let all: Vec<(u32, u32, i64)> = all.collect();
    check_records(&Job::new(main), "out", all.clone());
    for parallelism in [1, 2, 5, 7] {
        for restart in 1..10 {
            let job = Job::new(main)
                .parallelism(parallelism)
                .restart_after(restart);
            let got = job.run().unwrap().sorted::<(u32, u32, i64)>("out");
            assert_eq!(
                got, all,
                "{parallelism} subtasks, restarted after {restart}"
            );
        }
    }
}

/// Splits that never end.
struct Endless;

impl GuestSource for Endless {
    type Item = u32;
    type Split = u32;

    fn splits(&mut self, _: u32) -> Result<Vec<u32>> {
        Ok(vec![0, 1])
    }

    fn poll(&mut self, split: &mut u32, _: u32, emit: &mut impl FnMut(u32)) -> Result<Poll> {
        emit(*split);
        Ok(Poll::More)
    }
}

#[test]
fn a_job_that_never_ends_is_stopped() {
    fn main(env: &Env) -> Result<()> {
        env.guest_source(Endless).sink(Blackhole);
        Ok(())
    }
    let job = Job::new(main).max_polls(50);
    check_failure(&job, &["not ended after 50 polls", "max_polls"]);
}

#[test]
fn splits_without_end_take_turns() {
    fn main(env: &Env) -> Result<()> {
        let seen = env.guest_source(Endless).process(|_| {
            let mut seen = [false; 2];
            move |split: u32, _, out| {
                seen[split as usize] = true;
                if seen == [true; 2] {
                    bail!("both splits were read");
                }
                out.emit(split);
                Ok(())
            }
        });
        seen.sink(Blackhole);
        Ok(())
    }
    check_failure(&Job::new(main), &["both splits were read"]);
}

/// Fails where it is told to.
struct Failing(&'static str);

impl GuestSource for Failing {
    type Item = u32;
    type Split = u32;

    fn splits(&mut self, _: u32) -> Result<Vec<u32>> {
        match self.0 {
            "splits" => bail!("no splits today"),
            _ => Ok(vec![0]),
        }
    }

    fn poll(&mut self, _: &mut u32, _: u32, _: &mut impl FnMut(u32)) -> Result<Poll> {
        bail!("no records today")
    }
}

#[test]
fn errors_of_a_source_fail_the_job() {
    fn splits(env: &Env) -> Result<()> {
        env.guest_source(Failing("splits")).sink(Blackhole);
        Ok(())
    }
    fn poll(env: &Env) -> Result<()> {
        env.guest_source(Failing("poll")).sink(Blackhole);
        Ok(())
    }
    check_failure(&Job::new(splits), &["`Source: guest`", "no splits today"]);
    check_failure(&Job::new(poll), &["`Source: guest`", "no records today"]);
}
