//! Records of 100 bytes, changed a little, about half of them dropped.

use wasmill::connector::Custom;
use wasmill::prelude::*;

use crate::Sum;

/// The size of a record besides its three numbers, in bytes.
const PAYLOAD: usize = 76;

/// A record of 100 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    #[serde(with = "fixed")]
    id: i64,
    #[serde(with = "fixed")]
    ts: i64,
    #[serde(with = "fixed")]
    key: i64,
    #[serde(with = "payload")]
    payload: [u8; PAYLOAD],
}

/// The finaliser of splitmix64 over multiples of the golden ratio.
pub(crate) fn mix(i: u64) -> u64 {
    let z = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn event(i: u64) -> Event {
    let h = mix(i);
    let mut payload = [0; PAYLOAD];
    let (words, rest) = payload.split_at_mut(72);
    for (k, word) in words.chunks_exact_mut(8).enumerate() {
        let value = h.wrapping_add((k as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        word.copy_from_slice(&value.to_le_bytes());
    }
    rest.copy_from_slice(&(h as u32).to_le_bytes());
    Event {
        id: i as i64,
        ts: 1_700_000_000_000 + (i / 1000) as i64,
        key: (h & 0xF_FFFF) as i64,
        payload,
    }
}

fn change(mut event: Event) -> Event {
    let byte = event.payload[event.id as usize % PAYLOAD] as i8;
    event.key = event.key.wrapping_mul(31).wrapping_add(i64::from(byte));
    event
}

fn is_kept(event: &Event) -> bool {
    event.key & 1 == 0
}

fn checksum(event: &Event) -> u64 {
    event
        .key
        .wrapping_add(i64::from(event.payload[(event.ts & 63) as usize] as i8)) as u64
}

/// Source of the host, guest, sink of the host: every record crosses the border, half of them twice.
pub(crate) fn boundary(env: &Env) -> Result<()> {
    let events = Custom::postcard("bench")
        .option("workload", "map-filter")
        .option("records", env.arg_as::<u64>("records")?);
    env.source::<Event, _>(events)
        .map(change)
        .filter(is_kept)
        .sink(Blackhole);
    Ok(())
}

/// Everything in one chain: nothing leaves the guest.
pub(crate) fn fused(env: &Env) -> Result<()> {
    env.guest_source(generate(env.arg_as("records")?, event))
        .map(change)
        .filter(is_kept)
        .sink_with(Sum::new(checksum));
    Ok(())
}

/// An exchange between source and map.
pub(crate) fn exchange(env: &Env) -> Result<()> {
    env.guest_source(generate(env.arg_as("records")?, event))
        .rebalance()
        .map(change)
        .filter(is_kept)
        .sink_with(Sum::new(checksum));
    Ok(())
}

/// Numbers as eight bytes, so that every record has the same size.
pub(crate) mod fixed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_le_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        Ok(i64::from_le_bytes(<[u8; 8]>::deserialize(deserializer)?))
    }
}

/// The payload as one byte string.
mod payload {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    use super::PAYLOAD;

    pub(super) fn serialize<S: Serializer>(
        value: &[u8; PAYLOAD],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; PAYLOAD], D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = [u8; PAYLOAD];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{PAYLOAD} bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            bytes
                .try_into()
                .map_err(|_| E::invalid_length(bytes.len(), &self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_hundred_bytes_of_data() {
        let event = event(5);
        assert_eq!(size_of::<Event>(), 100_usize.next_multiple_of(8));
        let mut sum = 0_u64;
        for id in 0..1000 {
            let changed = change(super::event(id));
            if is_kept(&changed) {
                sum = sum.wrapping_add(checksum(&changed));
            }
        }
        assert_ne!(sum, 0);
        assert_eq!(event.key, (mix(5) & 0xF_FFFF) as i64);
    }
}
