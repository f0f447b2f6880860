//! Operator state across restarts.

use wasmill::prelude::*;
use wasmill::testing::{Job, describe};
use wasmill::{Collector, KeyedContext, KeyedProcess, Process, ProcessContext, Stream};

use wasmill::state::OperatorList;

use crate::shapes::{check_failure, every_shape};

fn numbers(env: &Env) -> Stream<u64> {
    let source = env.source(File::json_lines("x")).name("numbers");
    source.map(|n: u64| n).boxed()
}

/// Remembers everything and says at the end what it is.
struct Collect(OperatorList<u64>);

impl Process<u64> for Collect {
    type Out = u64;

    fn process(
        &mut self,
        record: u64,
        _: &mut ProcessContext<'_>,
        _: &mut Collector<'_, u64>,
    ) -> Result<()> {
        self.0.push(record);
        Ok(())
    }

    fn end(&mut self, out: &mut Collector<'_, u64>) -> Result<()> {
        self.0
            .with(|items| items.drain(..).for_each(|item| out.emit(item)));
        Ok(())
    }
}

#[test]
fn a_list_outlives_a_restart() {
    fn main(env: &Env) -> Result<()> {
        let collected = numbers(env).process_with(|states| Collect(states.list("items")));
        collected.sink(Blackhole).name("out");
        Ok(())
    }
    let job = Job::new(main).input("numbers", 0..50_u64).restart_after(1);
    every_shape(&job, |outcome, shape| {
        let subtasks = outcome.output_by_subtask::<u64>("out");
        let mut all = subtasks.concat();
        assert!(subtasks.iter().all(|s| s.is_sorted()), "{shape}");
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>(), "{shape}");
    });
}

#[test]
fn of_a_union_list_every_subtask_gets_all_parts() {
    fn main(env: &Env) -> Result<()> {
        let collected = numbers(env).process_with(|states| Collect(states.union_list("items")));
        collected.sink(Blackhole).name("out");
        Ok(())
    }
    // Two subtasks with two records each before the restart, and one more each after it.
    let job = Job::new(main).input("numbers", 0..6_u64).batch_records(2);
    let outcome = job.parallelism(2).restart_after(2).run().unwrap();
    assert_eq!(
        outcome.output_by_subtask::<u64>("out"),
        [[0, 2, 1, 3, 4], [0, 2, 1, 3, 5]]
    );
}

#[test]
fn a_broadcast_state_is_restored_in_every_subtask() {
    fn main(env: &Env) -> Result<()> {
        let source = env
            .source(File::json_lines("x"))
            .name("numbers")
            .parallelism(1);
        let rules = source.map(|n: u64| n).parallelism(1).broadcast();
        let seen = rules.process(|states| {
            let rules = states.broadcast::<String, u64>("rules");
            move |n: u64, _, out| {
                rules.insert(format!("r{}", n % 3), n);
                if n % 5 == 4 {
                    rules.remove(&"r0".to_owned());
                }
                let values = rules.read(|map| map.values().copied().collect::<Vec<_>>());
                out.emit((values, rules.get(&"r1".to_owned())));
                Ok(())
            }
        });
        seen.sink(Blackhole).name("out");
        Ok(())
    }
    type Seen = (Vec<u64>, Option<u64>);
    let run = |job: Job| job.run().unwrap().output_by_subtask::<Seen>("out");
    let job = Job::new(main)
        .input("numbers", 0..12_u64)
        .batch_records(1)
        .parallelism(3);
    let plain = run(job.clone());
    assert_eq!(plain[0][11], (vec![10, 11], Some(10)));
    assert!(plain.iter().all(|subtask| *subtask == plain[0]));
    assert_eq!(run(job.restart_after(4).restart_after(9)), plain);
}

#[test]
fn several_operators_and_states_do_not_mix_their_snapshots() {
    fn main(env: &Env) -> Result<()> {
        fn summed(states: &mut wasmill::state::OperatorStates, by: u64) -> [OperatorList<u64>; 2] {
            let lists = [states.list("a"), states.list("b")];
            lists[0].with(|list| list.is_empty().then(|| list.push(by)));
            lists
        }
        let count = |by: u64| {
            move |states: &mut wasmill::state::OperatorStates| {
                let [total, seen] = summed(states, by);
                move |n: u64, _: &mut ProcessContext<'_>, out: &mut Collector<'_, u64>| {
                    seen.push(n);
                    total.with(|list| list[0] += by);
                    out.emit(total.with(|list| list[0]) * 1_000 + seen.len() as u64);
                    Ok(())
                }
            }
        };
        numbers(env)
            .process(count(1))
            .process(count(2))
            .sink(Blackhole)
            .name("out");
        Ok(())
    }
    let job = Job::new(main).input("numbers", 0..9_u64).batch_records(2);
    let plain = job.run().unwrap().output::<u64>("out");
    assert_eq!(plain.last(), Some(&20_009));
    for job in [job.clone(), job.chained()] {
        for restart in 1..=5 {
            let outcome = job.clone().restart_after(restart).run().unwrap();
            assert_eq!(outcome.output::<u64>("out"), plain, "after {restart}");
        }
    }
}

#[test]
fn a_restart_at_any_batch_changes_nothing() {
    fn main(env: &Env) -> Result<()> {
        let generated = env.guest_source(generate(40, |i| i));
        let read = env.source(File::json_lines("x")).name("numbers");
        let sums = generated
            .union(read.map(|n: u64| n))
            .key_by(|n| n % 6)
            .reduce(|a, b| (a + b) / 6 * 6 + a % 6);
        let counts = sums.key_by(|n| n % 6).count();
        counts.sink(Blackhole).name("out");
        Ok(())
    }
    let job = Job::new(main)
        .input("numbers", 100..125_u64)
        .batch_records(4)
        .cache_bytes(400);
    for job in [job.clone(), job.parallelism(3).chained()] {
        let plain = job.run().unwrap();
        for restart in 1..=plain.batches() {
            let outcome = job.clone().restart_after(restart).run().unwrap();
            assert_eq!(
                outcome.sorted::<(u64, u64)>("out"),
                plain.sorted::<(u64, u64)>("out"),
                "after {restart}"
            );
        }
    }
}

#[test]
fn a_restart_that_never_comes_is_a_mistake_of_the_test() {
    fn main(env: &Env) -> Result<()> {
        numbers(env).sink(Blackhole);
        Ok(())
    }
    let job = Job::new(main).input("numbers", [1]).restart_after(3);
    check_failure(&job, &["after 1 batches", "after 3", "batch_records"]);
}

#[test]
fn two_states_of_one_name_are_a_mistake() {
    fn keyed(env: &Env) -> Result<()> {
        let process = numbers(env).key_by(|n| *n).process(|states| {
            let _ = (states.value::<u64>("seen"), states.list::<u64>("seen"));
            |n: u64, _, out| {
                out.emit(n);
                Ok(())
            }
        });
        process.sink(Blackhole);
        Ok(())
    }
    fn operator(env: &Env) -> Result<()> {
        let process = numbers(env).process(|states| {
            let _ = (
                states.list::<u64>("seen"),
                states.broadcast::<u64, u64>("seen"),
            );
            |n: u64, _, out| {
                out.emit(n);
                Ok(())
            }
        });
        process.sink(Blackhole);
        Ok(())
    }
    for main in [keyed as wasmill::Main, operator] {
        let problem = describe(main, &[]).unwrap_err();
        assert!(problem.contains("two states named `seen`"), "{problem}");
    }
}

/// Emits what it was told of checkpoints so far, with each record.
struct Hears(Vec<(u64, bool)>);

impl Hears {
    fn hear(&mut self, checkpoint: u64, is_complete: bool) -> Result<()> {
        wasmill::ensure!(checkpoint < 4, "there are no more than three checkpoints");
        self.0.push((checkpoint, is_complete));
        Ok(())
    }
}

impl Process<u64> for Hears {
    type Out = Vec<(u64, bool)>;

    fn process(
        &mut self,
        _: u64,
        _: &mut ProcessContext<'_>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()> {
        out.emit(self.0.clone());
        Ok(())
    }

    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<()> {
        self.hear(checkpoint, true)
    }

    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<()> {
        self.hear(checkpoint, false)
    }
}

impl KeyedProcess<(), u64> for Hears {
    type Out = Vec<(u64, bool)>;

    fn process(
        &mut self,
        _: u64,
        _: &mut KeyedContext<'_, ()>,
        out: &mut Collector<'_, Self::Out>,
    ) -> Result<()> {
        out.emit(self.0.clone());
        Ok(())
    }

    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<()> {
        self.hear(checkpoint, true)
    }

    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<()> {
        self.hear(checkpoint, false)
    }
}

#[test]
fn functions_hear_of_complete_and_aborted_checkpoints() {
    fn plain(env: &Env) -> Result<()> {
        let heard = numbers(env).process_with(|_| Hears(Vec::new()));
        heard.sink(Blackhole).name("out");
        Ok(())
    }
    fn keyed(env: &Env) -> Result<()> {
        let keyed = numbers(env).key_by(|_| ());
        let heard = keyed.process_with(|_| Hears(Vec::new()));
        heard.sink(Blackhole).name("out");
        Ok(())
    }
    for main in [plain, keyed] {
        let job = Job::new(main).input("numbers", 0..5_u64).batch_records(1);
        let job = job.snapshot_after(1).abort_after(2).snapshot_after(4);
        let heard = job.run().unwrap().output::<Vec<(u64, bool)>>("out");
        let all = [(1, true), (2, false), (3, true)];
        let so_far = [0, 1, 2, 2, 3].map(|count| all[..count].to_vec());
        assert_eq!(heard, so_far);
        // What has been restarted starts anew, and a failure is the job's.
        let restarted = job.restart_after(3);
        check_failure(&restarted, &["there are no more than three checkpoints"]);
    }
}
