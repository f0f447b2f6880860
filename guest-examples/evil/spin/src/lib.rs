//! A hostile guest: a loop without an end, in the stage of its life that `--in` names.
//!
//! Only the host can end it, by the deadline of the call or because the job is cancelled.

use std::hint::black_box;

use wasmill::prelude::*;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes them to `--output`, but never gets beyond the stage `--in`:
/// `describe`, `open`, or `process`, which is where it spins when nothing is said.
#[wasmill::job]
pub fn spin(env: &Env) -> Result<()> {
    let stage: String = env.arg_or("in", "process".to_owned())?;
    ensure!(
        ["describe", "open", "process"].contains(&stage.as_str()),
        "`--in {stage}` is none of `describe`, `open`, `process`"
    );
    if stage == "describe" {
        spin_for_ever();
    }
    // The graph is described before time begins; a subtask has a clock.
    if stage == "open" && wasmill::now() > 0 {
        spin_for_ever();
    }
    env.source(Datagen::new().rows(1000).sequence("n", 0))
        .map(move |number: Number| {
            if stage == "process" {
                spin_for_ever();
            }
            number.n
        })
        .name("spin")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}

fn spin_for_ever() {
    wasmill::log::info!("spinning from here on");
    let mut turns = 0_u64;
    while black_box(turns) < u64::MAX {
        turns += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stages_that_exist_are_taken() {
        let describe = |stage| wasmill::testing::describe(spin, &["--output", "o", "--in", stage]);
        assert!(describe("process").is_ok());
        assert!(describe("sleep").unwrap_err().contains("`--in sleep`"));
    }
}
