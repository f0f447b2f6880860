//! The metrics of a TaskManager that works.

use std::collections::BTreeSet;

use wasmill_rpc::protocol::Prepare;

use super::*;
use crate::fixture::channels::Memory;
use crate::fixture::guest::bundle;
use crate::fixture::job_manager::Notes;
use crate::fixture::{LEADER, SOON, TaskManager, deployment, job, run};

fn value(families: &[Family], metric: &Metric, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|family| family.metric == metric)?;
    let is_of = |known: &Labels| {
        let has = |wanted: &(&str, &str)| known.iter().any(|(name, it)| (*name, &**it) == *wanted);
        labels.iter().all(has)
    };
    let sample = family.samples.iter().find(|sample| is_of(&sample.labels));
    sample.map(|sample| sample.value)
}

fn assert_is_well_formed(families: &[Family]) {
    let names: BTreeSet<_> = families.iter().map(|family| family.metric.name).collect();
    assert_eq!(names.len(), families.len(), "each metric is there once");
    for Family { metric, samples } in families {
        let series: BTreeSet<_> = samples.iter().map(|sample| &sample.labels).collect();
        assert_eq!(series.len(), samples.len(), "{}", metric.name);
        for sample in samples {
            assert!(
                sample.value.is_finite() && sample.value >= 0.0,
                "{sample:?}"
            );
            for (label, _) in sample.labels.iter() {
                assert!(table::LABELS.contains(label), "{label}");
            }
        }
    }
}

#[test]
fn tasks_slots_memory_and_network_are_shown() {
    run(async {
        let notes = Arc::<Notes>::default();
        let directory = tempfile::tempdir().unwrap();
        let channels = Arc::new(Arc::new(Memory::default()));
        let manager = TaskManager::start("a", &notes, channels, |_| {}).await;
        let metrics = Metrics::new(manager.handle.clone(), Clock::system());
        let families = metrics.families().await.unwrap();
        assert_is_well_formed(&families);
        assert_eq!(value(&families, table::OWN_SLOTS_FREE, &[]), Some(2.0));
        assert_eq!(value(&families, table::TASK_RECORDS_IN, &[]), None);

        let mut job = job(None, "map", &directory.path().join("out"));
        job.bundle = Some(bundle("map"));
        let prepare = Prepare {
            leader: LEADER,
            job: job.clone(),
            only: None,
        };
        notes.keep(manager.gateway.call(prepare, SOON).await.unwrap());
        let deploy = deployment(&job, &["a"], 0);
        manager.gateway.call(deploy, SOON).await.unwrap();
        let (id, tenant) = (job.job.to_string(), job.tenant.to_string());
        let sink = [
            ("tenant", &*tenant),
            ("job", &*id),
            ("task", "map -> Sink: out"),
            ("subtask", "1"),
        ];
        let families = loop {
            let families = metrics.families().await.unwrap();
            assert_is_well_formed(&families);
            let has_records = value(&families, table::TASK_RECORDS_IN, &sink) > Some(0.0);
            // The other subtasks may start after the first has received records.
            if has_records && value(&families, table::OWN_TASKS, &[]) == Some(4.0) {
                break families;
            }
            tokio::task::yield_now().await;
        };
        for (metric, labels, expected) in [
            (table::OWN_REGISTERED, vec![], 1.0),
            (table::OWN_SLOTS, vec![], 2.0),
            (table::OWN_SLOTS_FREE, vec![], 0.0),
            (table::OWN_TASKS, vec![], 4.0),
            (
                table::OWN_MEMORY,
                vec![("pool", "guest")],
                2.0 * f64::from(1 << 30),
            ),
            (table::OWN_CREDITS_IN, vec![], 3.0),
            (table::TASKS_NOT_SHOWN, vec![], 0.0),
        ] {
            assert_eq!(
                value(&families, metric, &labels),
                Some(expected),
                "{}",
                metric.name
            );
        }
        let shares = [
            table::TASK_BUSY_RATE,
            table::TASK_BACKPRESSURED_RATE,
            table::TASK_IDLE_RATE,
        ];
        let shares = shares.map(|metric| value(&families, metric, &sink).unwrap_or_default());
        let total: f64 = shares.iter().sum();
        assert!(total == 0.0 || (total - 1000.0).abs() < 1.0, "{shares:?}");
        manager.handle.shut_down().await;
        assert!(metrics.families().await.is_err());
    });
}
