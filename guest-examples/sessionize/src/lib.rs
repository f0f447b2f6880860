//! Sessions of clicks per user, from clicks out of order; clicks that come too late go elsewhere.
//!
//! Invariant: each click is in one session, or among the late ones.

use std::time::Duration;

use wasmill::prelude::*;
use wasmill::time::secs;
use wasmill::window::Session;
use wasmill::{SideOutput, WatermarkGenerator};

/// Somebody looks at a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Click {
    /// Who.
    pub user: String,
    /// What.
    pub page: String,
    /// When, in milliseconds since the epoch.
    pub at: i64,
}

/// Clicks of a user without a long pause between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Who.
    pub user: String,
    /// The time of the first click.
    pub from: i64,
    /// The time of the last click.
    pub to: i64,
    /// The pages in the order of the clicks' time.
    pub pages: Vec<String>,
}

/// Event time is the latest click's, less the delay; it is told with every click, so that it depends on the clicks
/// alone which of them are late.
#[derive(Clone)]
struct Delayed {
    delay: i64,
    latest: Option<i64>,
}

impl Delayed {
    fn time(&self) -> Option<i64> {
        let latest = self.latest?;
        Some(latest.saturating_sub(self.delay).saturating_sub(1))
    }
}

impl WatermarkGenerator<Click> for Delayed {
    fn on_event(&mut self, _: &Click, time: i64) -> Option<i64> {
        self.latest = self.latest.max(Some(time));
        self.time()
    }

    fn on_probe(&mut self) -> Option<i64> {
        self.time()
    }
}

/// Reads clicks as JSON lines from `--input`, writes the sessions, which end after `--gap` seconds (default 1800)
/// without a click, to `--output` and clicks that come too late for them to `--late`. Clicks come at most
/// `--delay` seconds (default 10) later than others.
#[wasmill::job]
pub fn sessionize(env: &Env) -> Result<()> {
    let gap: u64 = env.arg_or("gap", 1800)?;
    ensure!(gap > 0, "`--gap` must be at least one second");
    let delay: Duration = secs(env.arg_or("delay", 10)?);
    let delayed = Delayed {
        delay: i64::try_from(delay.as_millis()).unwrap_or(i64::MAX),
        latest: None,
    };
    let strategy = WatermarkStrategy::with(delayed).timestamps(|click: &Click| click.at);
    let late = SideOutput::new();
    let visits = env
        .source(File::json_lines(env.arg("input")?))
        .assign_timestamps_and_watermarks(strategy)
        .key_by_ref(|click: &Click| click.user.as_str())
        .window(Session::with_gap(secs(gap)))
        .late_to(&late)
        .process(|user: &String, _, clicks, out| {
            let mut clicks: Vec<_> = clicks.iter().collect();
            // This keeps clicks of one time in the order in which they came.
            clicks.sort_by_key(|(time, _)| *time);
            let times = clicks.first().zip(clicks.last());
            if let Some(((from, _), (to, _))) = times {
                out.emit(Visit {
                    user: user.clone(),
                    from: *from,
                    to: *to,
                    pages: clicks.iter().map(|(_, click)| click.page.clone()).collect(),
                });
            }
            Ok(())
        })
        .name("sessions")
        .uid("sessions");
    visits
        .side_output(&late)
        .sink(File::json_lines(env.arg("late")?))
        .name("late")
        .uid("late");
    visits
        .sink(File::json_lines(env.arg("output")?))
        .name("visits")
        .uid("visits");
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmill::testing::{Job, Outcome};

    use super::*;

    fn run(clicks: &[(&str, i64)], delay: &str) -> Outcome {
        let any = "any";
        let args = [
            "--input", any, "--output", any, "--late", any, "--gap", "30", "--delay", delay,
        ];
        let clicks = clicks.iter().map(|(user, second)| Click {
            user: (*user).to_owned(),
            page: format!("/{second}"),
            at: second * 1000,
        });
        let clicks: Vec<Click> = clicks.collect();
        let job = Job::new(sessionize).args(args);
        job.input("Source: file", clicks).run().unwrap()
    }

    #[test]
    fn a_click_between_two_sessions_makes_them_one() {
        let outcome = run(&[("ann", 0), ("ann", 50), ("bob", 7), ("ann", 25)], "60");
        let visits = outcome.lines("visits");
        assert_eq!(
            visits,
            [
                r#"{"user":"bob","from":7000,"to":7000,"pages":["/7"]}"#,
                r#"{"user":"ann","from":0,"to":50000,"pages":["/0","/25","/50"]}"#,
            ]
        );
        assert!(outcome.lines("late").is_empty());
    }

    #[test]
    fn a_click_that_comes_too_late_is_in_no_session() {
        let clicks = [("ann", 0), ("ann", 100), ("ann", 59), ("ann", 61)];
        let outcome = run(&clicks, "10");
        assert_eq!(
            outcome.lines("late"),
            [r#"{"user":"ann","page":"/59","at":59000}"#]
        );
        assert_eq!(
            outcome.lines("visits"),
            [
                r#"{"user":"ann","from":0,"to":0,"pages":["/0"]}"#,
                r#"{"user":"ann","from":61000,"to":61000,"pages":["/61"]}"#,
                r#"{"user":"ann","from":100000,"to":100000,"pages":["/100"]}"#,
            ]
        );
    }
}
