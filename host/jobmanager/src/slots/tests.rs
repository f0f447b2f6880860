//! Who gets which slot, and what is said when there is none.

use std::time::Duration;

use wasmill_types::id::{JobId, TaskManagerId};

use super::*;
use crate::fixture;

fn shared(text: &str) -> Vec<String> {
    let graph = fixture::graph(text);
    let slots = SharedSlots::of(&graph);
    let name = |it: &Subtask| {
        let operator = graph.vertex(it.vertex).head();
        format!("{}{}", graph.operator(operator).name, it.index)
    };
    let names = |slot: &Vec<Subtask>| slot.iter().map(name).collect::<Vec<_>>().join(" ");
    slots.slots.iter().map(names).collect()
}

#[test]
fn subtasks_of_equal_index_in_a_group_share_a_slot() {
    for (text, expected) in [
        ("a*1", &["a0"][..]),
        ("a*2 => b*3", &["a0 b0", "a1 b1", "b2"]),
        ("a*2 => b*2@other => c*1", &["a0", "a1", "b0 c0", "b1"]),
    ] {
        assert_eq!(shared(text), expected, "{text}");
    }
}

const MIB: u64 = 1 << 20;

/// A table with TaskManagers of so many slots, all with 64 MiB for guests each.
fn table(placement: Placement, slots: &[u32]) -> Table {
    let mut table = Table::new(placement);
    for (index, slots) in slots.iter().enumerate() {
        let memory = SlotMemory {
            guest: 64 * MIB,
            ..SlotMemory::default()
        };
        let id: TaskManagerId = format!("tm-{index}").parse().unwrap();
        let registration = RegistrationId(index as u64);
        table.register(id, registration, *slots, memory, Duration::ZERO);
    }
    table
}

fn request(job: u128, slots: usize, guest: u64) -> SlotRequest {
    SlotRequest {
        job: JobId(job),
        number: 0,
        slots,
        held: 0,
        demand: Demand { guest, cache: 0 },
        deadline: Duration::from_secs(300),
    }
}

/// What is granted, as `job:tm/slot,tm/slot`.
fn granted(table: &mut Table) -> Vec<String> {
    let slot = |it: &SlotRef| format!("{}/{}", it.registration.0, it.slot);
    let text = |it: &Granted| {
        let slots: Vec<_> = it.slots.iter().map(slot).collect();
        format!("{}:{}", it.request.job.0, slots.join(","))
    };
    table.grant().iter().map(text).collect()
}

#[test]
fn slots_are_spread_or_packed() {
    for (placement, slots, requests, expected) in [
        (Placement::Spread, &[2, 2][..], &[2][..], &["1:0/0,1/0"][..]),
        (
            Placement::Spread,
            &[2, 2],
            &[1, 1, 2],
            &["1:0/0", "2:1/0", "3:0/1,1/1"],
        ),
        (Placement::Spread, &[4, 1], &[3], &["1:0/0,0/1,0/2"]),
        (Placement::Spread, &[4, 2], &[4], &["1:0/0,0/1,1/0,0/2"]),
        (
            Placement::Pack,
            &[4, 2],
            &[2, 3],
            &["1:1/0,1/1", "2:0/0,0/1,0/2"],
        ),
        (
            Placement::Pack,
            &[2, 2],
            &[1, 1, 1],
            &["1:0/0", "2:0/1", "3:1/0"],
        ),
        (Placement::Spread, &[2], &[3, 1, 1], &["2:0/0", "3:0/1"]),
    ] {
        let mut table = table(placement, slots);
        for (index, slots) in requests.iter().enumerate() {
            table.request(request(index as u128 + 1, *slots, 0));
        }
        assert_eq!(
            granted(&mut table),
            expected,
            "{placement:?} {slots:?} {requests:?}"
        );
    }
}

#[test]
fn what_is_missing_is_said_with_numbers() {
    for (slots, used, wish, expected) in [
        (
            &[2, 2][..],
            2,
            request(9, 8, 0),
            "needs 8 slots, 4 are there, 2 of them free: add TaskManagers or lower the parallelism",
        ),
        (
            &[],
            0,
            request(9, 1, 0),
            "needs 1 slots, 0 are there, 0 of them free: add TaskManagers or lower the parallelism",
        ),
        (
            &[2],
            0,
            request(9, 1, 65 * MIB),
            "needs 1 slots with 65 MiB of memory for bundles each, 0 such slots are there, 0 of them \
             free, of 2 in all: add TaskManagers with larger slots, or lower the job's memory or \
             parallelism",
        ),
    ] {
        let mut table = table(Placement::Spread, slots);
        table.request(request(1, used, 0));
        table.grant();
        table.request(wish);
        assert_eq!(granted(&mut table), [""; 0]);
        assert_eq!(table.expire(Duration::from_secs(299)), []);
        let expired = table.expire(Duration::from_secs(300));
        let texts: Vec<_> = expired.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, [expected]);
    }
}

#[test]
fn slots_come_back_from_jobs_that_end_and_go_with_their_task_manager() {
    let now = Duration::from_secs(1);
    let mut table = table(Placement::Pack, &[2, 1]);
    table.request(request(1, 3, 0));
    assert_eq!(granted(&mut table).len(), 1);
    table.request(request(2, 1, 0));
    assert_eq!((granted(&mut table).len(), table.missing()), (0, 1));
    let slot = SlotRef {
        registration: RegistrationId(0),
        slot: SlotId(1),
    };
    table.give_up(JobId(1), slot, now);
    table.give_back(JobId(1), &[slot], now);
    assert_eq!(
        granted(&mut table),
        [""; 0],
        "a slot that was given up is not free"
    );
    table.job_ended(JobId(1), now);
    assert_eq!(granted(&mut table), ["2:0/0"]);
    table.in_use(RegistrationId(0), &[], now);
    assert_eq!(table.idle().count(), 1);
    assert_eq!(table.remove(RegistrationId(0)), [JobId(2)]);
    assert_eq!(table.remove(RegistrationId(0)), []);
    table.request(request(3, 1, 0));
    assert_eq!(granted(&mut table), ["3:1/0"]);
}

#[test]
fn a_task_manager_that_leaves_gets_nothing_more() {
    let mut table = table(Placement::Spread, &[2]);
    table.drain(&"tm-0".parse().unwrap());
    table.request(request(1, 1, 0));
    assert_eq!(granted(&mut table), [""; 0]);
    assert_eq!(table.missing(), 1);
}
