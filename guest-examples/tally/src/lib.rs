//! Visits of users, counted by a program of which several versions exist: what may change between a savepoint
//! and the job that goes on from it, and what may not.
//!
//! Visit `i` is by user `i mod U` to one of three pages. The job keeps for each user how many visits there
//! were and how many of each page, and writes `user,count` for each visit. What differs between versions is
//! the argument `--version`: the type of the count and of the key. The job logs which checkpoints are
//! complete.

use std::fmt::Display;

use wasmill::prelude::*;
use wasmill::state::{MapState, ValueState};
use wasmill::{Collector, Key, KeyedContext, KeyedProcess, Record, Stream};

/// A visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Its number within its source.
    pub i: u64,
}

/// How many visits there were, as a version keeps it.
pub trait Tally: Record + Clone + Default {
    /// Counts a visit.
    fn add(&mut self);
    /// How many there were.
    fn visits(&self) -> u64;
}

impl Tally for u64 {
    fn add(&mut self) {
        *self += 1;
    }

    fn visits(&self) -> u64 {
        *self
    }
}

impl Tally for u32 {
    fn add(&mut self) {
        *self += 1;
    }

    fn visits(&self) -> u64 {
        (*self).into()
    }
}

/// What the first version kept that meant to evolve.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename = "Visits")]
pub enum FirstVisits {
    /// The number.
    V1(u64),
}

/// What the second keeps: a variant behind the old one, which is read as what it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Visits {
    /// The number.
    V1(u64),
    /// With how many of them came since this version.
    V2 {
        /// The number.
        all: u64,
        /// Of these since the change.
        new: u64,
    },
}

impl Default for FirstVisits {
    fn default() -> Self {
        Self::V1(0)
    }
}

impl Tally for FirstVisits {
    fn add(&mut self) {
        let Self::V1(visits) = self;
        *visits += 1;
    }

    fn visits(&self) -> u64 {
        let Self::V1(visits) = self;
        *visits
    }
}

impl Default for Visits {
    fn default() -> Self {
        Self::V1(0)
    }
}

impl Tally for Visits {
    fn add(&mut self) {
        *self = match *self {
            Self::V1(all) => Self::V2 {
                all: all + 1,
                new: 1,
            },
            Self::V2 { all, new } => Self::V2 {
                all: all + 1,
                new: new + 1,
            },
        };
    }

    fn visits(&self) -> u64 {
        match self {
            Self::V1(all) | Self::V2 { all, .. } => *all,
        }
    }
}

/// Counts the visits of a user.
struct Counting<C> {
    visits: ValueState<C>,
    pages: MapState<String, u64>,
}

impl<K: Key + Display, C: Tally> KeyedProcess<K, Visit> for Counting<C> {
    type Out = String;

    fn process(
        &mut self,
        visit: Visit,
        cx: &mut KeyedContext<'_, K>,
        out: &mut Collector<'_, String>,
    ) -> Result<()> {
        let mut visits = self.visits.get()?.unwrap_or_default();
        visits.add();
        let page = format!("page-{}", visit.i % 3);
        let of_page = self.pages.get(&page)?.unwrap_or_default();
        self.pages.insert(page, of_page + 1)?;
        out.emit(format!("{},{}", cx.key(), visits.visits()));
        self.visits.set(visits);
        Ok(())
    }

    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<()> {
        wasmill::log::info!("checkpoint {checkpoint} is complete");
        Ok(())
    }

    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<()> {
        wasmill::log::info!("checkpoint {checkpoint} was given up");
        Ok(())
    }
}

fn count<K: Key + Display, C: Tally>(
    env: &Env,
    visits: Stream<Visit>,
    key: impl Fn(&Visit) -> K + 'static,
) -> Result<()> {
    visits
        .key_by(key)
        .process_with(|states| Counting::<C> {
            visits: states.value("visits"),
            pages: states.map("pages"),
        })
        .name("visits of users")
        .uid("users")
        .sink(File::lines(env.arg("output")?))
        .name("counts")
        .uid("counts");
    Ok(())
}

fn visits(env: &Env, uid: &str, number: u64, rate: f64) -> Stream<Visit> {
    let visits = Datagen::new().sequence("i", 0).rows(number);
    let visits = match rate > 0.0 {
        true => visits.rate(rate),
        false => visits,
    };
    env.source(visits).name(uid).uid(uid).boxed()
}

/// Counts `--visits` visits, `--rate` per second (0, the default: as fast as can be), of `--users` users
/// (default 10), and with `--more` so many of a second source, and writes `user,count` to the directory
/// `--output`. `--version` is `u64` (the default), `u32`, `text-key`, `v1` or `v2`.
#[wasmill::job]
pub fn tally(env: &Env) -> Result<()> {
    env.name("tally");
    let users: u64 = env.arg_or("users", 10)?;
    if users == 0 {
        bail!("`--users` must be at least 1");
    }
    let rate = env.arg_or("rate", 0.0)?;
    let mut all = visits(env, "visits", env.arg_as("visits")?, rate);
    if let Some(more) = env.arg_opt("more")? {
        all = all.union(visits(env, "more visits", more, rate)).boxed();
    }
    let user = move |visit: &Visit| visit.i % users;
    let version: String = env.arg_or("version", "u64".to_owned())?;
    match version.as_str() {
        "u64" => count::<_, u64>(env, all, user),
        "u32" => count::<_, u32>(env, all, user),
        "text-key" => count::<_, u64>(env, all, move |visit| user(visit).to_string()),
        "v1" => count::<_, FirstVisits>(env, all, user),
        "v2" => count::<_, Visits>(env, all, user),
        other => bail!("there is no version `{other}`; take u64, u32, text-key, v1 or v2"),
    }
}

#[cfg(test)]
mod tests {
    use wasmill::testing::{Job, describe};

    use super::*;

    #[test]
    fn each_version_counts_the_same_and_says_what_it_keeps() {
        for (version, schema) in [
            ("u64", "u64 -> u64"),
            ("u32", "u64 -> u32"),
            ("text-key", "String -> u64"),
            ("v1", "u64 -> enum Visits { V1(u64) }"),
            (
                "v2",
                "u64 -> enum Visits { V1(u64), V2 { all: u64, new: u64 } }",
            ),
        ] {
            let args = ["--visits", "4", "--output", "any", "--version", version];
            let visits = (0..4).map(|i| Visit { i: i % 2 });
            let outcome = Job::new(tally).args(args).input("visits", visits);
            let lines = outcome.run().unwrap().lines("counts");
            assert_eq!(lines, ["0,1", "1,1", "0,2", "1,2"], "{version}");
            let graph = describe(tally, &args).unwrap();
            let mut states = graph.operators.iter().flat_map(|it| &it.states);
            let visits = states.find(|state| state.name == "visits").unwrap();
            assert_eq!(visits.schema.as_deref(), Some(schema));
        }
    }
}
