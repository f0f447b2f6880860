//! Finds accounts that spend more than rules allow, while the rules come as a stream themselves.
//!
//! Each rule reaches all subtasks and is kept there in broadcast state; payments are divided by account, and what an
//! account has spent is keyed state. A payment is judged when event time has come so far in both streams, by the
//! rules that are in force at its time: so what comes out does not depend on which stream was read first, nor on the
//! parallelism.

use std::collections::BTreeMap;

use wasmill::broadcast::{BroadcastContext, KeyedBroadcastProcess};
use wasmill::prelude::*;
use wasmill::state::{BroadcastView, MapState, ValueState};
use wasmill::time::secs;
use wasmill::{Collector, KeyedContext, Stream, TimeDomain, Timer};

/// The longest time that a rule can be about, in milliseconds: a day. Payments are kept as long.
const MAX_WITHIN: i64 = 86_400_000;
/// How late payments and rules may come.
const LATENESS_SECS: u64 = 1;

/// A line of the payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Whose.
    pub account: u64,
    /// When, in milliseconds.
    pub at: i64,
    /// How much, in cents.
    pub amount: u64,
}

/// A line of the rules: from some time on, this is how much an account may spend in so much time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name; a later rule of the same name takes its place.
    pub rule: String,
    /// From when, in milliseconds.
    pub from: i64,
    /// How much, in cents; `null` withdraws the rule.
    pub limit: Option<u64>,
    /// In how many milliseconds.
    pub within: i64,
}

/// A line of the output: an account has spent too much.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alert {
    /// Who.
    pub account: u64,
    /// When.
    pub at: i64,
    /// Against which rule.
    pub rule: String,
    /// How much.
    pub spent: u64,
}

/// What a rule says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Terms {
    limit: Option<u64>,
    within: i64,
}

/// Judges payments.
struct Judge {
    /// By name, the terms from each time on.
    rules: BroadcastView<String, BTreeMap<i64, Terms>>,
    /// Amounts by time whose time has not come.
    waiting: MapState<i64, Vec<u64>>,
    /// Time and amount of what was spent in the last day.
    recent: ValueState<Vec<(i64, u64)>>,
}

impl KeyedBroadcastProcess<u64, Payment, Rule> for Judge {
    type Out = Alert;

    fn process(
        &mut self,
        Payment { at, amount, .. }: Payment,
        cx: &mut KeyedContext<'_, u64>,
        _: &mut Collector<'_, Alert>,
    ) -> Result<()> {
        let mut amounts = self.waiting.get(&at)?.unwrap_or_default();
        amounts.push(amount);
        self.waiting.insert(at, amounts)?;
        cx.register_timer(TimeDomain::Event, at);
        Ok(())
    }

    fn process_broadcast(
        &mut self,
        rule: Rule,
        cx: &mut BroadcastContext<'_>,
        _: &mut Collector<'_, Alert>,
    ) -> Result<()> {
        let (name, limit, within) = (rule.rule, rule.limit, rule.within);
        if !(1..=MAX_WITHIN).contains(&within) {
            wasmill::log::warn!(
                "the rule `{name}` is about {within} ms; it must be 1 to {MAX_WITHIN}"
            );
            return Ok(());
        }
        cx.change(&self.rules, |rules| {
            let terms = rules.entry(name).or_default();
            terms.insert(rule.from, Terms { limit, within });
        });
        Ok(())
    }

    fn on_timer(
        &mut self,
        Timer { time, .. }: Timer,
        cx: &mut KeyedContext<'_, u64>,
        out: &mut Collector<'_, Alert>,
    ) -> Result<()> {
        let amounts = self.waiting.get(&time)?.unwrap_or_default();
        self.waiting.remove(&time)?;
        let mut recent = self.recent.get()?.unwrap_or_default();
        recent.retain(|(at, _)| *at > time - MAX_WITHIN);
        recent.extend(amounts.into_iter().map(|amount| (time, amount)));
        self.rules.read(|rules| {
            for (rule, terms) in rules {
                if let Some(spent) = broken(terms, time, &recent) {
                    out.emit(Alert {
                        account: *cx.key(),
                        at: time,
                        rule: rule.clone(),
                        spent,
                    });
                }
            }
        });
        self.recent.set(recent);
        Ok(())
    }
}

/// What was spent, if it is more than the terms in force allow.
fn broken(terms: &BTreeMap<i64, Terms>, time: i64, recent: &[(i64, u64)]) -> Option<u64> {
    let (_, Terms { limit, within }) = terms.range(..=time).next_back()?;
    let span = time - within + 1..=time;
    let counted = recent.iter().filter(|(at, _)| span.contains(at));
    let spent = counted.fold(0_u64, |sum, (_, amount)| sum.saturating_add(*amount));
    limit.is_some_and(|limit| spent > limit).then_some(spent)
}

/// Reads `--rules` and `--payments` (JSON lines), and writes JSON lines to the directory `--output`. With `--made N`
/// instead of `--payments`, `N` payments a second are made up, of the accounts 0 to 15, without end.
#[wasmill::job]
pub fn fraud(env: &Env) -> Result<()> {
    let lateness = || WatermarkStrategy::bounded_out_of_orderness(secs(LATENESS_SECS));
    let rules = env
        .source(File::json_lines(env.arg("rules")?))
        .name("rules")
        .uid("rules")
        .assign_timestamps_and_watermarks(lateness().timestamps(|rule: &Rule| rule.from));
    let payments = payments(env)?
        .assign_timestamps_and_watermarks(lateness().timestamps(|payment: &Payment| payment.at));
    payments
        .key_by(|payment| payment.account)
        .connect_broadcast(rules)
        .process_with(|states, broadcast| Judge {
            rules: broadcast.broadcast_view("rules"),
            waiting: states.map("waiting"),
            recent: states.value("recent"),
        })
        .name("judge")
        .uid("judge")
        .sink(File::json_lines(env.arg("output")?))
        .name("alerts")
        .uid("alerts");
    Ok(())
}

fn payments(env: &Env) -> Result<Stream<Payment>> {
    let Some(rate) = env.arg_opt::<f64>("made")? else {
        let file = File::json_lines(env.arg("payments")?);
        let payments = env.source(file).name("payments").uid("payments");
        return Ok(payments.map(|payment: Payment| payment).boxed());
    };
    let made = Datagen::new().rate(rate).sequence("at", 0);
    let made = made
        .random_int("account", 0, 15)
        .random_int("amount", 1, 100);
    // One subtask, since the times of several would be far apart.
    let payments = env
        .source(made)
        .name("payments")
        .uid("payments")
        .parallelism(1);
    let payments = payments.map(|payment: Payment| payment).parallelism(1);
    Ok(payments.boxed())
}

#[cfg(test)]
mod tests {
    use wasmill::testing::Job;

    use super::*;

    fn rule(from: i64, limit: Option<u64>) -> Rule {
        let (rule, within) = ("most".to_owned(), 10);
        Rule {
            rule,
            from,
            limit,
            within,
        }
    }

    #[test]
    fn payments_are_judged_by_the_rules_of_their_time() {
        let rules = [rule(20, Some(5)), rule(0, Some(9)), rule(40, None)];
        let payment = |at, amount| Payment {
            account: 1,
            at,
            amount,
        };
        let payments = [
            payment(30, 6),
            payment(5, 8),
            payment(14, 2),
            payment(15, 8),
            payment(41, 99),
        ];
        let alert = |at, spent| Alert {
            account: 1,
            at,
            rule: "most".to_owned(),
            spent,
        };
        let expected = [alert(14, 10), alert(15, 10), alert(30, 6)];
        let job = Job::new(fraud)
            .args(["--rules", "any", "--payments", "any", "--output", "any"])
            .input("rules", rules)
            .input("payments", payments);
        let hard = job.clone().batch_records(1).cache_bytes(1).restart_after(3);
        for job in [job.clone().parallelism(3), job.chained(), hard] {
            assert_eq!(job.run().unwrap().sorted::<Alert>("alerts"), expected);
        }
    }
}
