//! The metrics of tasks as Prometheus reads them, the same from JobManagers and TaskManagers.
//!
//! Invariants: at most [`MAX_TASKS`] tasks are shown, and a gauge says how many there are beyond; each
//! subtask is shown once, though an attempt that is being stopped may still run beside its successor.

use std::collections::BTreeMap;

use wasmill_types::id::{AttemptId, TenantId};
use wasmill_types::metric::prometheus::{self as table, Family, Labels, Metric};

use crate::protocol::TaskCounters;
use crate::rates::Rate;

/// The most tasks that are shown; each has a line per metric.
pub const MAX_TASKS: usize = 5_000;

/// A task that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Task<'a> {
    /// Whose it is.
    pub tenant: &'a TenantId,
    /// Which attempt at it.
    pub attempt: AttemptId,
    /// The id of its vertex over REST.
    pub vertex: String,
    /// The name of its vertex.
    pub name: &'a str,
    /// Its counters.
    pub counters: &'a TaskCounters,
    /// How fast it works, once that is known.
    pub rate: Option<Rate>,
}

/// Takes a value from what is known.
type Reading<T, V = f64> = fn(&T) -> V;

/// Each metric of counters, and its value.
const COUNTERS: [(&Metric, Reading<TaskCounters>); 9] = [
    (table::TASK_RECORDS_IN, |it| it.records_in as f64),
    (table::TASK_RECORDS_OUT, |it| it.records_out as f64),
    (table::TASK_BYTES_IN, |it| it.bytes_in as f64),
    (table::TASK_BYTES_OUT, |it| it.bytes_out as f64),
    (table::TASK_RECORDS_SENT, |it| it.records_sent as f64),
    (table::TASK_BAD_RECORDS, |it| it.bad_records as f64),
    (table::TASK_BUSY, |it| it.busy_ms as f64 / 1000.0),
    (table::TASK_BACKPRESSURED, |it| {
        it.backpressured_ms as f64 / 1000.0
    }),
    (table::TASK_IDLE, |it| it.idle_ms as f64 / 1000.0),
];

/// Each metric of counters that is not always known, and its value.
const TIMES: [(&Metric, Reading<TaskCounters, Option<f64>>); 2] = [
    (table::TASK_WATERMARK, |it| {
        let time = it.watermark_in.filter(|time| *time < i64::MAX);
        time.map(|millis| millis as f64 / 1000.0)
    }),
    (table::TASK_WATERMARK_LAG, |it| {
        it.watermark_lag_ms.map(|millis| millis as f64 / 1000.0)
    }),
];

/// Each metric of rates, and its value.
const RATES: [(&Metric, Reading<Rate>); 3] = [
    (table::TASK_BUSY_RATE, |it| it.busy),
    (table::TASK_BACKPRESSURED_RATE, |it| it.backpressured),
    (table::TASK_IDLE_RATE, |it| it.idle),
];

/// The metrics of these tasks.
pub fn of_tasks<'a>(tasks: impl IntoIterator<Item = Task<'a>>) -> Vec<Family> {
    let mut newest: BTreeMap<_, Task<'a>> = BTreeMap::new();
    for task in tasks {
        let AttemptId {
            job,
            vertex,
            subtask,
            attempt,
        } = task.attempt;
        let place = (job, vertex, subtask);
        let known = newest.get(&place);
        if known.is_none_or(|known| known.attempt.attempt < attempt) {
            newest.insert(place, task);
        }
    }
    let beyond = newest.len().saturating_sub(MAX_TASKS);
    let shown: Vec<_> = newest.values().take(MAX_TASKS).collect();
    let shown: Vec<_> = shown.iter().map(|task| (labels(task), *task)).collect();
    let mut families = vec![Family::one(table::TASKS_NOT_SHOWN, beyond as f64)];
    families.extend(COUNTERS.map(|(metric, value)| {
        let sample = |(labels, task): &(Labels, &Task<'_>)| {
            let labels = Labels::clone(labels);
            (labels, value(task.counters))
        };
        Family::of(metric, shown.iter().map(sample))
    }));
    families.extend(TIMES.map(|(metric, value)| {
        let sample = |(labels, task): &(Labels, &Task<'_>)| {
            Some((Labels::clone(labels), value(task.counters)?))
        };
        Family::of(metric, shown.iter().filter_map(sample))
    }));
    families.extend(RATES.map(|(metric, value)| {
        let sample = |(labels, task): &(Labels, &Task<'_>)| {
            let rate = task.rate.as_ref()?;
            Some((Labels::clone(labels), value(rate)))
        };
        Family::of(metric, shown.iter().filter_map(sample))
    }));
    families
}

fn labels(task: &Task<'_>) -> Labels {
    Labels::from([
        ("tenant", task.tenant.to_string()),
        ("job", task.attempt.job.to_string()),
        ("vertex", task.vertex.clone()),
        ("task", task.name.to_owned()),
        ("subtask", task.attempt.subtask.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use wasmill_types::id::{JobId, VertexId};

    use super::*;

    fn task<'a>(
        subtask: u32,
        attempt: u32,
        (tenant, counters): (&'a TenantId, &'a TaskCounters),
    ) -> Task<'a> {
        Task {
            tenant,
            attempt: AttemptId {
                job: JobId(1),
                vertex: VertexId(0),
                subtask,
                attempt,
            },
            vertex: "v".to_owned(),
            name: "map",
            counters,
            rate: (attempt > 0).then(|| Rate {
                busy: 250.0,
                ..Rate::default()
            }),
        }
    }

    fn values(families: &[Family], metric: &Metric) -> Vec<f64> {
        let family = families.iter().find(|family| family.metric == metric);
        let samples = family.into_iter().flat_map(|family| &family.samples);
        samples.map(|sample| sample.value).collect()
    }

    #[test]
    fn a_subtask_is_shown_once_with_its_newest_attempt() {
        let tenant = TenantId::default();
        let [old, new] = [10, 3].map(|records_in| TaskCounters {
            records_in,
            watermark_in: (records_in == 3).then_some(1_500),
            watermark_lag_ms: (records_in == 3).then_some(250),
            ..TaskCounters::default()
        });
        let tasks = [
            task(0, 1, (&tenant, &new)),
            task(0, 0, (&tenant, &old)),
            task(1, 0, (&tenant, &old)),
        ];
        let families = of_tasks(tasks);
        assert_eq!(values(&families, table::TASK_RECORDS_IN), [3.0, 10.0]);
        assert_eq!(values(&families, table::TASK_BUSY_RATE), [250.0]);
        assert_eq!(values(&families, table::TASK_WATERMARK), [1.5]);
        assert_eq!(values(&families, table::TASK_WATERMARK_LAG), [0.25]);
        assert_eq!(values(&families, table::TASKS_NOT_SHOWN), [0.0]);
    }

    #[test]
    fn only_so_many_tasks_are_shown() {
        let (tenant, counters) = (TenantId::default(), TaskCounters::default());
        let tasks = (0..MAX_TASKS as u32 + 7).map(|subtask| task(subtask, 0, (&tenant, &counters)));
        let families = of_tasks(tasks);
        let shown = values(&families, table::TASK_BYTES_OUT);
        assert_eq!(shown.len(), MAX_TASKS);
        assert_eq!(values(&families, table::TASKS_NOT_SHOWN), [7.0]);
    }
}
