//! Frames survive the wire in pieces of any size; whatever else comes is an error and never a panic.

use std::sync::Arc;
use std::time::Duration;
use wasmill_actor::{Rng, Signal};

use wasmill_types::barrier::{Alignment, SnapshotKind};
use wasmill_types::element::ChannelStatus;
use wasmill_types::id::CheckpointId;
use wasmill_types::{Barrier, Batch, Element};

use bytes::Bytes;

use super::*;
use crate::gate::gate;

const MAX_RECORD: u32 = 200_000;

fn random_batch(rng: &mut Rng) -> Batch {
    let (records, most) = match rng.below(4) {
        0 => (1, MAX_RECORD as usize),
        1 => (3_000, 40),
        2 => (20, 20_000),
        _ => (5, 10),
    };
    let mut batch = Batch::default();
    let with = rng.below(4);
    let mut length = rng.below(most as u64 + 1) as usize;
    let is_even = rng.below(2) == 0;
    for record in 0..records {
        if !is_even {
            length = rng.below(most as u64 + 1) as usize;
        }
        batch.data.resize(batch.data.len() + length, record as u8);
        batch.ends.push(batch.data.len() as u32);
        if with & 1 != 0 {
            batch.timestamps.push(rng.next_u64() as i64);
        }
        if with & 2 != 0 {
            batch.hashes.push(rng.next_u64() as u32);
        }
    }
    batch
}

fn barrier(rng: &mut Rng) -> Barrier {
    Barrier {
        checkpoint: CheckpointId(rng.next_u64()),
        triggered_ms: rng.next_u64() as i64,
        alignment: Alignment::AlignedFor(Duration::from_millis(rng.below(1 << 40))),
        kind: SnapshotKind::Checkpoint,
        directory: "d".repeat(rng.below(3_000) as usize),
        shared: (rng.below(2) == 0).then(|| "/shared".to_owned()),
        full: rng.below(2) == 0,
    }
}

fn random_element(rng: &mut Rng) -> Element {
    match rng.below(7) {
        3 => Element::Barrier(Arc::new(barrier(rng))),
        0 => Element::Watermark(rng.next_u64() as i64),
        1 => Element::Status(ChannelStatus::Active),
        2 => Element::Status(ChannelStatus::Idle),
        _ => Element::Batch(random_batch(rng)),
    }
}

/// The bytes of elements, as a producer writes them.
fn encode(elements: &[Element]) -> Vec<u8> {
    let (gate, _senders) = gate(1, 1, Signal::new());
    let mut encoder = Encoder::new(MAX_RECORD);
    for element in elements {
        let Element::Batch(batch) = element else {
            encoder.event(element).unwrap();
            continue;
        };
        encoder.begin(batch.clone(), gate.shared());
        while let Some(part) = encoder.next_part().unwrap() {
            encoder.send_part(part, 7);
        }
    }
    encoder.pieces().concat()
}

/// Reads all of the bytes in pieces; the parts of a batch come as batches of their own.
fn decode(bytes: &[u8], rng: &mut Rng) -> Result<Vec<Decoded>, MalformedFrame> {
    let mut decoder = Decoder::new(MAX_RECORD);
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut decoded = Vec::new();
    while !rest.is_empty() {
        let most = [3, 100, 1_452, rest.len()][rng.below(4) as usize].min(rest.len());
        let mut piece = rest.split_to(1 + rng.below(most as u64) as usize);
        while let Some(next) = decoder.next(&mut piece)? {
            decoded.push(next);
        }
        assert!(piece.is_empty());
    }
    Ok(decoded)
}

/// Puts the parts of batches together again.
fn joined(decoded: Vec<Decoded>, sent: &[Element]) -> Vec<Element> {
    let mut sent = sent.iter();
    let mut elements = Vec::new();
    let mut open: Option<(Batch, usize)> = None;
    for next in decoded {
        match next {
            Decoded::Coming { buffers, backlog } => {
                assert_eq!(backlog, 7);
                assert!(buffers > 0);
            }
            Decoded::Event(event) => {
                sent.next();
                elements.push(event);
            }
            Decoded::Batch(part) => {
                assert!(part.len() == 1 || part.footprint() <= BUFFER_BYTES);
                let (batch, records) = open.get_or_insert_with(|| {
                    let Some(Element::Batch(whole)) = sent.next() else {
                        panic!("a batch came that was not sent");
                    };
                    (Batch::default(), whole.len())
                });
                batch.extend_from(&part.view());
                if batch.len() == *records {
                    elements.extend(open.take().map(|(batch, _)| Element::Batch(batch)));
                }
            }
            Decoded::Lost(_) => panic!("nobody was lost"),
        }
    }
    assert_eq!(open, None);
    elements
}

#[test]
fn elements_survive_the_wire_in_pieces() {
    let mut rng = Rng::seeded(1);
    for _ in 0..60 {
        let mut sent: Vec<_> = (0..12).map(|_| random_element(&mut rng)).collect();
        sent.push(Element::EndOfData);
        sent.push(Element::Watermark(i64::MAX));
        sent.push(Element::EndOfPartition);
        let decoded = decode(&encode(&sent), &mut rng).unwrap();
        assert_eq!(joined(decoded, &sent), sent);
    }
}

#[test]
fn frames_fill_buffers_as_far_as_records_allow() {
    for (name, records, length, expected) in [
        ("one small record", 1, 10, vec![1]),
        (
            "a frame of 100 bytes a record and its columns",
            328,
            100,
            vec![1],
        ),
        ("half more than a buffer", 600, 100, vec![1, 1]),
        ("empty records", 20_000, 0, vec![1, 1]),
        ("a giant record", 1, 100_000, vec![3]),
        ("giant records", 2, 100_000, vec![3, 3]),
        ("two that fit only alone", 2, 30_000, vec![1, 1]),
    ] {
        let mut batch = Batch::default();
        (0..records).for_each(|_| batch.push(&vec![1; length]));
        let bytes = encode(&[Element::Batch(batch)]);
        let decoded = decode(&bytes, &mut Rng::seeded(1)).unwrap();
        let buffers: Vec<_> = decoded
            .iter()
            .filter_map(|next| match next {
                Decoded::Coming { buffers, .. } => Some(*buffers),
                Decoded::Batch(_) | Decoded::Event(_) | Decoded::Lost(_) => None,
            })
            .collect();
        assert_eq!(buffers, expected, "{name}");
    }
}

#[test]
fn ends_stay_behind_when_all_records_have_one_length() {
    for (name, lengths, ends) in [
        ("one record", &[9][..], 0),
        ("even", &[9, 9, 9], 0),
        ("empty", &[0, 0], 0),
        ("the last is longer", &[9, 9, 10], 3),
        ("even on average", &[8, 10, 9], 3),
    ] {
        let mut batch = Batch::default();
        lengths
            .iter()
            .for_each(|length| batch.push(&vec![1; *length]));
        let bytes = encode(&[Element::Batch(batch.clone())]);
        assert_eq!(
            bytes.len(),
            BATCH_HEAD + batch.data.len() + 4 * ends,
            "{name}"
        );
        let decoded = decode(&bytes, &mut Rng::seeded(1)).unwrap();
        assert_eq!(decoded.last(), Some(&Decoded::Batch(batch)), "{name}");
    }
}

#[test]
fn a_record_above_the_limit_is_not_sent() {
    let (gate, _senders) = gate(1, 1, Signal::new());
    let mut encoder = Encoder::new(100_000);
    let mut batch = Batch::default();
    batch.push(&vec![0; 100_001]);
    encoder.begin(batch, gate.shared());
    let error = encoder.next_part().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a record of 100001 bytes is above the limit `wasm.record` of 100000 bytes"
    );
}

#[test]
fn the_memory_of_a_batch_comes_back_when_the_transport_is_done() {
    let (gate, mut senders) = gate(1, 1, Signal::new());
    let mut encoder = Encoder::new(MAX_RECORD);
    let mut batch = Batch::default();
    (0..600).for_each(|_| batch.push(&[1; 100]));
    let memory = batch.data.as_ptr();
    encoder.begin(batch, gate.shared());
    while let Some(part) = encoder.next_part().unwrap() {
        encoder.send_part(part, 0);
    }
    let pieces = std::mem::take(encoder.pieces());
    let [first, first_data, second, second_data] = pieces.try_into().unwrap();
    drop((first, second, first_data));
    assert_eq!(senders[0].spare(), None, "a piece of it is left");
    drop(second_data);
    let spare = senders[0].spare().unwrap();
    assert_eq!((spare.len(), spare.data.as_ptr()), (0, memory));
}

#[test]
fn the_reason_of_a_loss_is_cut_to_its_limit() {
    for (reason, expected) in [
        (String::new(), String::new()),
        ("broken".to_owned(), "broken".to_owned()),
        ("ä".repeat(1_000), "ä".repeat(512)),
        (
            format!("x{}", "ä".repeat(1_000)),
            format!("x{}", "ä".repeat(511)),
        ),
    ] {
        let mut encoder = Encoder::new(MAX_RECORD);
        encoder.lost(&reason);
        let bytes = encoder.pieces().concat();
        let decoded = decode(&bytes, &mut Rng::seeded(1)).unwrap();
        assert_eq!(decoded, [Decoded::Lost(expected)]);
    }
}

/// The head of a batch.
fn head(columns: u8, records: u32, data: u32) -> Vec<u8> {
    let mut bytes = vec![BATCH, columns, 0, 0, 0, 0];
    bytes.extend_from_slice(&records.to_le_bytes());
    bytes.extend_from_slice(&data.to_le_bytes());
    bytes
}

#[test]
fn bytes_that_are_no_frame_are_refused() {
    let with = |mut bytes: Vec<u8>, more: &[u8]| {
        bytes.extend_from_slice(more);
        bytes
    };
    for (bytes, expected) in [
        (vec![0], "no frame begins with the byte 0"),
        (vec![17], "no frame begins with the byte 17"),
        (vec![STATUS, 2], "a status is 2"),
        (
            vec![LOST, 1, 4],
            "a reason is not a text of at most 1024 bytes",
        ),
        (
            vec![LOST, 1, 0, 0xff],
            "a reason is not a text of at most 1024 bytes",
        ),
        (
            vec![END_OF_PARTITION, WATERMARK],
            "a frame that begins with the byte 2 follows the end",
        ),
        (
            vec![LOST, 0, 0, END_OF_DATA],
            "a frame that begins with the byte 4 follows the end",
        ),
        (
            vec![END_OF_DATA, BATCH],
            "a frame that begins with the byte 1 follows the end",
        ),
        (head(8, 1, 0), "a batch has the columns 0x8"),
        (head(0, 0, 0), "a batch has no records"),
        (
            head(0, 2, 50_000),
            "a batch of 2 records has 50008 bytes, the limit is 40960",
        ),
        (
            head(0, 1, 300_000),
            "a batch of 1 records has 300004 bytes, the limit is 200004",
        ),
        (
            head(3, u32::MAX, u32::MAX),
            "a batch of 4294967295 records has 73014444015 bytes, the limit is 40960",
        ),
        (
            with(head(0, 2, 2), &[2, 0, 0, 0, 1, 0, 0, 0, 9, 9]),
            "record 1 ends at byte 1, outside 2..=2",
        ),
        (
            with(head(0, 1, 2), &[1, 0, 0, 0, 9, 9]),
            "the last record ends at byte 1 of 2",
        ),
        (
            with(head(0, 1, 2), &[3, 0, 0, 0, 9, 9]),
            "record 0 ends at byte 3, outside 0..=2",
        ),
    ] {
        let error = decode(&bytes, &mut Rng::seeded(1)).unwrap_err();
        assert_eq!(error.to_string(), expected, "{bytes:?}");
    }
}

#[test]
fn records_of_one_length_are_refused_that_cannot_be() {
    for (records, data, expected) in [
        (
            3,
            10,
            "a batch of 3 records of one length has 10 bytes of data",
        ),
        (0, 0, "a batch has no records"),
        (
            20_000,
            20_000,
            "a batch of 20000 records has 100000 bytes, the limit is 40960",
        ),
    ] {
        let error = decode(&head(IS_EVEN, records, data), &mut Rng::seeded(1)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn random_and_mutated_bytes_are_frames_or_an_error() {
    let mut rng = Rng::seeded(2);
    for round in 0..4_000 {
        let mut bytes = if round % 2 == 0 {
            let most = 1 + rng.below(200);
            (0..most)
                .map(|_| [rng.below(7) as u8, rng.next_u64() as u8][rng.below(2) as usize])
                .collect()
        } else {
            let mut batch = Batch::default();
            (0..rng.below(20)).for_each(|_| batch.push(&[5; 30]));
            encode(&[
                Element::Watermark(3),
                Element::Batch(batch),
                Element::EndOfData,
                Element::EndOfPartition,
            ])
        };
        for _ in 0..rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(3) {
                0 => bytes[at] ^= 1 << rng.below(8),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, rng.next_u64() as u8),
            }
        }
        for next in decode(&bytes, &mut rng).unwrap_or_default() {
            if let Decoded::Batch(batch) = next {
                batch.view().checked(MAX_RECORD).unwrap();
            }
        }
    }
}
