//! Streams written and read back, whole and damaged.

use std::io::Cursor;

use wasmill_types::operator::TimeDomain;

use super::*;
use crate::error::StateError;
use crate::row::Row;
use crate::snapshot::{GroupReader as _, Item, TimerItem};

fn head() -> Head {
    Head {
        max_parallelism: 128,
        groups: 3..10,
        timed: BTreeSet::from([4]),
    }
}

fn row(key_group: u16, key: &'static str, value: &'static [u8]) -> Row<'static> {
    Row {
        key_group,
        state: 1,
        key: key.as_bytes(),
        sub_key: b"sub",
        value,
    }
}

const TIMER: TimerItem<'static> = TimerItem {
    domain: TimeDomain::Processing,
    time: -5,
    key: b"key",
    namespace: b"",
};

/// A stream with rows in groups 3 and 7, the latter in many blocks, and a timer.
fn stream() -> Vec<u8> {
    static LARGE: [u8; BLOCK_BYTES / 2] = [7; BLOCK_BYTES / 2];
    let mut bytes = Vec::new();
    let mut writer = CanonicalWriter::new(&mut bytes, &head()).unwrap();
    writer.begin(3);
    writer.push(Item::Row(row(3, "a", b"1"))).unwrap();
    writer.end().unwrap();
    writer.begin(4);
    writer.end().unwrap();
    writer.begin(7);
    for key in ["b", "c", "d", "e", "f"] {
        writer.push(Item::Row(row(7, key, &LARGE))).unwrap();
    }
    writer.push(Item::Timer(TIMER)).unwrap();
    writer.end().unwrap();
    let summary = writer.finish().unwrap();
    assert_eq!((summary.rows, summary.timers), (6, 1));
    assert_eq!(summary.bytes, bytes.len() as u64);
    bytes
}

/// Everything in a stream, as text.
fn read(bytes: &[u8]) -> Result<String, StateError> {
    let mut reader = CanonicalReader::open(Cursor::new(bytes))?;
    assert_eq!(*reader.head(), head());
    let mut shown = Vec::new();
    for group in 0..128 {
        reader.read(group, &mut |item| {
            shown.push(match item {
                Item::Row(row) => {
                    let key = str::from_utf8(row.key).unwrap();
                    format!("{}/{key}={}", row.key_group, row.value.len())
                }
                Item::Timer(timer) => {
                    assert_eq!(timer, TIMER);
                    format!("{group}/timer")
                }
            });
            Ok(())
        })?;
    }
    Ok(shown.join(" "))
}

#[test]
fn what_is_written_reads_back_by_key_group() {
    assert_eq!(
        read(&stream()).unwrap(),
        "3/a=1 7/b=131072 7/c=131072 7/d=131072 7/e=131072 7/f=131072 7/timer"
    );
}

#[test]
fn a_stream_without_entries_reads_back() {
    let mut bytes = Vec::new();
    let writer = CanonicalWriter::new(&mut bytes, &head()).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 0);
    assert_eq!(read(&bytes).unwrap(), "");
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let whole = stream();
    for position in 0..whole.len() {
        for bit in [0, 7] {
            let mut bytes = whole.clone();
            bytes[position] ^= 1 << bit;
            assert!(read(&bytes).is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn no_cut_goes_unnoticed() {
    let whole = stream();
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_stream_of_another_version_says_so() {
    let mut bytes = stream();
    bytes[7] = 9;
    assert_eq!(
        read(&bytes).unwrap_err().to_string(),
        "the snapshot's state is of version 9, this program reads version 1; restore it with the program \
         that wrote it"
    );
}
