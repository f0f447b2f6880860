//! Round trips, every kind of damage, every kind of contradiction, the text for people.

use super::fixture::{checkpoint, own, savepoint};
use super::*;
use crate::handles::Place;

#[test]
fn metadata_reads_back_as_it_was_written() {
    for metadata in [checkpoint(), savepoint()] {
        let decoded = Metadata::decode(&metadata.encode()).unwrap();
        assert_eq!(decoded, metadata);
    }
}

#[test]
fn what_version_1_wrote_is_read() {
    // Written once and kept: when this fails, savepoints of released versions can no longer be read.
    let written = include_bytes!("savepoint-1.bin");
    assert_eq!(Metadata::decode(written).unwrap(), savepoint());
}

#[test]
fn what_version_2_wrote_is_read() {
    let mut savepoint = savepoint();
    // Written once and kept, as that of version 1.
    savepoint.tenant = "acme".parse().unwrap();
    assert_eq!(
        Metadata::decode(include_bytes!("savepoint-2.bin")).unwrap(),
        savepoint
    );
}

#[test]
fn every_truncation_is_named() {
    let bytes = savepoint().encode();
    for length in 0..bytes.len() {
        let error = Metadata::decode(&bytes[..length]).unwrap_err();
        let truncated =
            matches!(error, MetadataError::Truncated { found, .. } if found == length as u64);
        assert!(truncated, "{length}: {error}");
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    let bytes = savepoint().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Metadata::decode(&damaged).is_err(), "bit {bit}");
    }
}

#[test]
fn damage_is_named() {
    let bytes = savepoint().encode();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Metadata::decode(&bytes).unwrap_err().to_string()
    };
    for (error, expected) in [
        (
            with(&|b| b[0] = b'x'),
            "the file is not a checkpoint's metadata",
        ),
        (
            with(&|b| b[8] = 9),
            "the metadata has version 9, and this release reads up to 2",
        ),
        (with(&|b| b.push(0)), "the metadata is followed by 1 bytes"),
        (with(&|b| b[18] = 1), "the metadata claims"),
        (
            with(&|b| b[40] ^= 1),
            "the metadata is corrupted: its checksum is",
        ),
    ] {
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn content_that_is_no_metadata_is_named() {
    let error = Metadata::decode(&envelope::wrap(&"hello")).unwrap_err();
    assert!(matches!(error, MetadataError::Content(_)), "{error}");
}

#[test]
fn contradictions_are_named() {
    let check = |change: &dyn Fn(&mut OperatorSnapshot), expected: &str| {
        let mut metadata = savepoint();
        change(&mut metadata.operators[1]);
        let error = Metadata::decode(&metadata.encode())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`map`") && error.contains(expected),
            "{error}"
        );
    };
    let stream = |state: &mut OperatorSnapshot, place: Place| {
        let lists = state.subtasks.get_mut(&1).unwrap().lists.as_mut().unwrap();
        lists.stream.place = place;
    };
    check(&|o| o.uid = OperatorUid::of_uid("source"), "is there twice");
    check(&|o| o.parallelism = 0, "its parallelism is 0");
    check(&|o| o.parallelism = 129, "its max parallelism 128");
    check(&|o| o.max_parallelism = 1 << 16, "they must be 1 to 32768");
    check(&|o| o.parallelism = 1, "it has a subtask 1, and 1 subtasks");
    check(
        &|o| o.states.push(o.states[0].clone()),
        "its state `count` is there twice",
    );
    check(&|o| o.max_parallelism = 100, "key groups 64..128 of 100");
    check(
        &|o| stream(o, Place::Inline(vec![1])),
        "a handle of 10 bytes has 1",
    );
    check(
        &|o| stream(o, Place::Shared("x".to_owned())),
        "refers to `x` elsewhere",
    );
    check(
        &|o| stream(o, Place::Own("../x".to_owned())),
        "leaves its directory",
    );
    check(
        &|o| {
            let state = o.subtasks.get_mut(&1).unwrap();
            state.inputs[0].range = 10..101;
        },
        "a channel's data at 10..101 of 100 bytes",
    );
    check(
        &|o| {
            let state = o.subtasks.get_mut(&1).unwrap();
            state.committables[0].elements.end = 6;
        },
        "elements end at 6 of 5 bytes",
    );
}

#[test]
fn handles_that_were_made_absolute_name_their_directory() {
    let mut metadata = savepoint();
    metadata.make_absolute("s3://bucket/savepoint-1");
    let state = &metadata.operators[1].subtasks[&1];
    let place = Place::Elsewhere("s3://bucket/savepoint-1/staged".to_owned());
    assert_eq!(state.committables[0].stream.place, place);
    assert_ne!(own("staged", 5).place, place);
}

#[test]
fn a_description_is_for_people_and_tools() {
    let description = checkpoint().describe();
    let text = description.to_string();
    for line in [
        "checkpoint 7",
        "self-contained  no",
        "operator `map`",
        "  parallelism 2 of at most 128, 1 subtasks finished",
        "  keyed state: rocksdb",
        "  splits: 1",
        "  committables: 1",
        "  in flight: 90 bytes",
        "  state `count`: Value of u64",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line} in\n{text}"
        );
    }
    let json = serde_json::to_value(&description).unwrap();
    assert_eq!(json["operators"][1]["shared-files"], 1);
    assert_eq!(
        json["operators"][1]["states"][0]["fingerprint"],
        "0000000000000abc"
    );
    assert_eq!(json["state-bytes"], description.state_bytes);
}
