//! What guest code may and may not do through its host.

use std::sync::atomic::Ordering;

use wasmill_actor::CancelToken;
use wasmill_network::{Gate, gate};
use wasmill_types::Batch;
use wasmill_types::job::Partitioning;

use super::*;
use crate::fixture::{Writer, batch, host, shown};
use crate::partition::ResultPartition;
use crate::partitioner::Partitioner;

/// An edge to one reader, and its reading end.
fn edge() -> (Output, Gate) {
    let (gate, senders) = gate(1, 10, Signal::new());
    let partitioner = Partitioner::new(Partitioning::Forward, 1, 128, Rng::seeded(1));
    let partition = ResultPartition::new(senders, partitioner, 100, CancelToken::new());
    (Output::Edge(partition), gate)
}

fn sink() -> Output {
    crate::fixture::sink(7, Writer::default())
}

fn taken(gate: &mut Gate) -> String {
    let next = || gate.next().unwrap().map(|(_, element)| shown(&element));
    std::iter::from_fn(next).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_breaks_the_contract_or_a_limit_is_refused() {
    let columns = |ends: &[u32], bytes: usize| Batch {
        ends: ends.to_vec(),
        data: vec![b'x'; bytes],
        ..Batch::default()
    };
    for (output, records, told) in [
        (
            1,
            columns(&[], 0),
            "it emitted on output 1, and the chain has 1",
        ),
        (
            u32::MAX,
            columns(&[], 0),
            "it emitted on output 4294967295, and the chain has 1",
        ),
        (
            0,
            columns(&[2, 1], 2),
            "malformed batch: record 1 ends at byte 1, outside 2..=2",
        ),
        (
            0,
            columns(&[3], 2),
            "malformed batch: record 0 ends at byte 3",
        ),
        (
            0,
            columns(&[1], 2),
            "malformed batch: the last record ends at byte 1 of 2",
        ),
        (
            0,
            Batch {
                timestamps: vec![1],
                ..columns(&[1, 2], 2)
            },
            "malformed batch: column `timestamps` has 1 entries for 2 records",
        ),
        (
            0,
            columns(&[101], 101),
            "the bundle exceeded the limit `wasm.record`: record 0 has 101 bytes, the limit is 100",
        ),
    ] {
        let (edge, _gate) = edge();
        // The second output is not the operators'.
        let mut host = TaskHost {
            operator_outputs: 1,
            ..host(vec![edge, sink()])
        };
        let failure = host.emit(output, records.view()).unwrap_err();
        assert!(failure.to_string().contains(told), "{failure}");
    }
}

#[test]
fn state_and_timers_belong_to_keyed_chains() {
    let mut host = host(Vec::new());
    let none = BlobsView::default();
    let timers = Timers::default();
    for (failure, what) in [
        (host.state_get(0, none, none).unwrap_err(), "state"),
        (host.state_scan(0, &[], None, 1).unwrap_err(), "state"),
        (
            host.register_timers(TimeDomain::Event, timers.clone())
                .unwrap_err(),
            "timers",
        ),
        (
            host.delete_timers(TimeDomain::Event, timers).unwrap_err(),
            "timers",
        ),
    ] {
        let told = format!("the chain has no keyed operator, so it has no keyed {what}");
        assert!(failure.to_string().ends_with(&told), "{failure}");
    }
}

#[test]
fn nothing_follows_the_end_of_the_data() {
    let (edge, mut gate) = edge();
    let mut host = host(vec![edge]);
    host.emit(0, batch(&["a"]).view()).unwrap();
    host.end_data().unwrap();
    for (failure, what) in [
        (host.emit(0, batch(&["b"]).view()).unwrap_err(), "records"),
        (host.emit_watermark(1).unwrap_err(), "a watermark"),
        (host.mark_idle().unwrap_err(), "its idleness"),
    ] {
        let told = format!("it emitted {what} while it was closed, after its last input had ended");
        assert!(failure.to_string().ends_with(&told), "{failure}");
    }
    host.end_partition().unwrap();
    assert_eq!(taken(&mut gate), "a end gone");
}

#[test]
fn event_time_goes_to_all_edges_and_only_when_it_is_new() {
    let ((one, mut first), (other, mut second)) = (edge(), edge());
    let mut host = host(vec![one, sink(), other]);
    host.emit_watermark(1).unwrap();
    host.emit_watermark(1).unwrap();
    host.emit(0, batch(&["a"]).view()).unwrap();
    host.watermark(5).unwrap();
    host.emit_watermark(4).unwrap();
    assert_eq!(taken(&mut first), "W1 a W5");
    assert_eq!(taken(&mut second), "W1 W5");
}

#[test]
fn marked_idleness_ends_with_the_next_record_on_any_output() {
    let ((one, mut first), (other, mut second)) = (edge(), edge());
    let mut host = host(vec![one, other]);
    host.mark_idle().unwrap();
    host.emit(1, batch(&[]).view()).unwrap();
    assert_eq!(taken(&mut first), "idle");
    host.emit(1, batch(&["a"]).view()).unwrap();
    host.flush().unwrap();
    assert_eq!(taken(&mut first), "active");
    assert_eq!(taken(&mut second), "idle active a");
}

#[test]
fn records_are_counted_where_they_go() {
    let (edge, _gate) = edge();
    let mut host = host(vec![edge, sink()]);
    host.emit(0, batch(&["a", "bc"]).view()).unwrap();
    host.emit(1, batch(&["def"]).view()).unwrap();
    let metrics = &host.metrics;
    let counters = [
        &metrics.records_out,
        &metrics.bytes_out,
        &metrics.records_sent,
    ];
    let counted = counters.map(|counter| counter.load(Ordering::Relaxed));
    assert_eq!(counted, [3, 6, 1]);
}

#[test]
fn metrics_of_the_bundle_add_up() {
    let mut host = host(Vec::new());
    host.counter_add("c", 2);
    host.counter_add("c", u64::MAX);
    host.gauge_set("g", 1.0);
    host.gauge_set("g", 2.0);
    for value in [3.0, 1.0, 2.0] {
        host.histogram_record("h", value);
    }
    assert_eq!(host.metrics.counter("c"), u64::MAX);
    assert_eq!(host.metrics.counter("unknown"), 0);
    let kept = host.metrics.with_guest(|guest| guest.clone());
    assert_eq!(kept.gauges["g"], 2.0);
    let expected = Histogram {
        count: 3,
        sum: 6.0,
        min: 1.0,
        max: 3.0,
    };
    assert_eq!(kept.histograms["h"], expected);
}
