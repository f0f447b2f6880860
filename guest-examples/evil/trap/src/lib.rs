//! A hostile guest: panics in the stage of its life that `--in` names.
//!
//! A panic of a guest is a trap; the host says where, and what the panic's words were.

use wasmill::Collector;
use wasmill::prelude::{Datagen, Deserialize, Env, File, Result, Serialize, ensure};
use wasmill::process::{Context, Process};

/// The stages that it knows.
const STAGES: [&str; 4] = ["describe", "open", "process", "end"];

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes them to `--output`, but breaks in the stage `--in`: `describe`,
/// `open`, `process`, which is where it breaks when nothing is said, or `end`. In `process` it breaks at
/// the number `--at`.
#[wasmill::job]
pub fn trap(env: &Env) -> Result<()> {
    let stage: String = env.arg_or("in", "process".to_owned())?;
    let at = env.arg_or("at", 500)?;
    ensure!(
        STAGES.contains(&stage.as_str()),
        "`--in {stage}` is none of {STAGES:?}"
    );
    if stage == "describe" {
        break_down(&stage);
    }
    // The graph is described before time begins; a subtask has a clock.
    if stage == "open" && wasmill::now() > 0 {
        break_down(&stage);
    }
    env.source(Datagen::new().rows(1000).sequence("n", 0))
        .process_with(|_| Fragile { stage, at })
        .name("trap")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}

/// Breaks when its stage has come.
struct Fragile {
    stage: String,
    at: u64,
}

impl Process<Number> for Fragile {
    type Out = u64;

    fn process(
        &mut self,
        number: Number,
        _: &mut Context<'_>,
        out: &mut Collector<'_, u64>,
    ) -> Result<()> {
        if self.stage == "process" && number.n == self.at {
            break_down(&self.stage);
        }
        out.emit(number.n);
        Ok(())
    }

    fn end(&mut self, _: &mut Collector<'_, u64>) -> Result<()> {
        if self.stage == "end" {
            break_down(&self.stage);
        }
        Ok(())
    }
}

/// Kept out of line, so that the trap names it.
#[inline(never)]
fn break_down(stage: &str) {
    panic!("this guest breaks in `{stage}`");
}
