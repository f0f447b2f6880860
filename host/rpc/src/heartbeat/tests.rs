//! When a silent peer counts as lost, by a clock that is moved by hand.

use wasmill_network::endpoint::CloseCode;
use wasmill_network::identity::Node;

use super::*;
use crate::blob::NoBlobs;
use crate::fixture::{Add, Ask, Hang, LONG, Panic, id, pair, run, services};

const SECOND: Duration = Duration::from_secs(1);

/// What happens to a monitor of the default options.
#[derive(Debug, Clone, Copy)]
enum Event {
    Heard,
    Failed,
    Check,
}

use Event::{Check, Failed, Heard};

/// When it happens, in milliseconds, and what the monitor reports.
type Step = (u64, Event, Option<&'static str>);

#[test]
fn a_monitor_reports_one_loss() {
    let unreachable = Some("2 heartbeats in a row failed, the last because of this: broken");
    let silent = |text| Some(text);
    let table: &[(&str, &[Step])] = &[
        (
            "silence",
            &[
                (4_999, Check, None),
                (5_000, Check, silent("nothing was heard for 5s; it hangs")),
                (6_000, Check, None),
                (6_000, Failed, None),
                (6_000, Failed, None),
            ],
        ),
        (
            "any message resets the timeout",
            &[
                (4_999, Heard, None),
                (9_998, Check, None),
                (9_999, Check, silent("nothing was heard for 5s")),
            ],
        ),
        (
            "two failures in a row",
            &[
                (1_000, Failed, None),
                (2_000, Failed, unreachable),
                (3_000, Failed, None),
                (9_000, Check, None),
            ],
        ),
        (
            "a success between failures",
            &[
                (1_000, Failed, None),
                (2_000, Heard, None),
                (3_000, Failed, None),
                (4_000, Failed, unreachable),
            ],
        ),
        (
            "messages out of order",
            &[
                (4_000, Heard, None),
                (1_000, Heard, None),
                (8_999, Check, None),
                (9_000, Check, silent("nothing was heard for 5s")),
            ],
        ),
    ];
    for (case, events) in table {
        let mut monitor = Monitor::new(&Options::default(), Duration::ZERO);
        for (index, (at_ms, event, expected)) in events.iter().enumerate() {
            let now = Duration::from_millis(*at_ms);
            let loss = match event {
                Heard => {
                    monitor.heard(now);
                    None
                }
                Failed => monitor.failed("broken"),
                Check => monitor.check(now),
            };
            let loss = loss.map(|loss| loss.to_string());
            let fits = match (&loss, expected) {
                (Some(loss), Some(expected)) => loss.starts_with(expected),
                (loss, expected) => loss.is_none() && expected.is_none(),
            };
            assert!(fits, "{case}, event {index}: {loss:?}");
        }
    }
}

#[test]
fn options_are_within_flinks_defaults() {
    let ms = Duration::from_millis;
    for (interval, timeout, expected) in [
        (1_000, 5_000, None),
        (10_000, 50_000, None),
        (10, 20, None),
        (
            9,
            5_000,
            Some("a heartbeat interval of 9ms is not between 10 ms and 10s"),
        ),
        (
            10_001,
            50_000,
            Some("a heartbeat interval of 10.001s is not between 10 ms and 10s"),
        ),
        (
            10_000,
            50_001,
            Some("a heartbeat timeout of 50.001s is longer than 50s"),
        ),
        (
            1_000,
            1_999,
            Some("a heartbeat timeout of 1.999s is less than twice the interval of 1s"),
        ),
    ] {
        let error = Options::new(ms(interval), ms(timeout)).err();
        let error = error.map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected);
    }
}

/// Moves the clock second by second until the watch ends; answers when that was.
async fn watch_virtually<R: Request<Message = Ask>>(
    gateway: &Gateway<Ask>,
    clock: &Clock,
    payload: impl Fn() -> R,
    until: u64,
) -> (Loss, u32) {
    let mut answers = 0;
    let options = Options::default();
    let loss = {
        let watching = watch(gateway, &options, clock, payload, |_| answers += 1);
        let moving = async {
            for second in 0..=until {
                if second == until {
                    gateway.close(CloseCode::Done, "over");
                }
                // Enough for a call to be spawned, answered and heard.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                clock.advance(SECOND);
            }
        };
        let (loss, ()) = tokio::join!(watching, moving);
        loss
    };
    (loss, answers)
}

#[test]
fn a_watch_ends_with_the_kind_of_loss() {
    run(async {
        let local = |clock: &Clock| {
            let caller = Node::TaskManager(id("tm-1"));
            Gateway::local(Node::JobManager, caller, services(NoBlobs), clock.clone())
        };
        let clock = Clock::manual(0);
        let (loss, answers) = watch_virtually(&local(&clock), &clock, || Add(1, 1), 10).await;
        assert!(matches!(loss, Loss::Disconnected(_)), "{loss:?}");
        assert_eq!(answers, 10, "one each second");
        let clock = Clock::manual(0);
        let (loss, _) = watch_virtually(&local(&clock), &clock, || Hang, 10).await;
        assert_eq!(loss, Loss::Timeout(5 * SECOND));
        let clock = Clock::manual(0);
        let (loss, _) = watch_virtually(&local(&clock), &clock, || Panic, 10).await;
        assert!(
            matches!(loss, Loss::Unreachable { failed: 2, .. }),
            "{loss:?}"
        );
    });
}

#[test]
fn a_lost_connection_is_noticed_at_once() {
    run(async {
        let pair = pair(NoBlobs).await;
        let clock = pair.cluster.clock.clone();
        let gateway = Gateway::from(pair.job_manager.clone());
        let options = Options::new(MAX_INTERVAL, MAX_TIMEOUT).unwrap();
        let start = clock.monotonic();
        let mut answers = 0;
        let watching = watch(
            &gateway,
            &options,
            &clock,
            || Add(1, 1),
            |sum| answers += sum,
        );
        let closing = async {
            assert_eq!(pair.task_manager.call(Add(1, 1), LONG).await, Ok(2));
            pair.cluster.endpoint.close("killed").await;
        };
        let (loss, ()) = tokio::join!(watching, closing);
        assert_eq!(loss, Loss::Disconnected("killed".to_owned()));
        assert!(clock.monotonic() - start < MAX_INTERVAL);
    });
}
