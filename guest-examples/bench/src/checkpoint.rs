//! Large values by key: first all of them are made, then a few of them change again and again.
//!
//! What is measured are the later changes: in the first quarter the backend still puts in order what was made
//! all at once. So the sink says when the measured ones began and ended.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use wasmill::GuestSink;
use wasmill::prelude::*;

use crate::map_filter::mix;

/// What is kept by key: bytes that no compression makes smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Noise(Vec<u8>);

impl Noise {
    fn new(seed: u64, bytes: usize) -> Self {
        let words = (0..bytes.div_ceil(8) as u64).map(|word| mix(seed ^ word << 40));
        let mut noise: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        noise.truncate(bytes);
        Self(noise)
    }

    /// Changes the first eight bytes.
    fn change(&mut self, i: u64) {
        for (byte, new) in self.0.iter_mut().zip(i.to_le_bytes()) {
            *byte = new;
        }
    }
}

/// Makes `--keys` values of `--value-bytes` bytes, then changes `--records` times one of `--changed` of them,
/// which lie all over the others. Panics when the time `--panic-at` (in milliseconds since the epoch) comes.
pub(crate) fn checkpoint(env: &Env) -> Result<()> {
    let keys: u64 = env.arg_as("keys")?;
    let changed: u64 = env.arg_as("changed")?;
    let updates: u64 = env.arg_as("records")?;
    let bytes: usize = env.arg_as("value-bytes")?;
    let panic_at: i64 = env.arg_or("panic-at", i64::MAX)?;
    if changed == 0 || changed > keys {
        bail!("`--changed` must be from 1 to `--keys`");
    }
    let step = keys / changed;
    let key = move |i| match i < keys {
        true => i,
        false => mix(i) % changed * step,
    };
    env.guest_source(generate(keys + updates, move |i| (key(i), i)))
        .uid("keys")
        .key_by(|(key, _)| *key)
        .process(move |states| {
            let value = states.value::<Noise>("value");
            let mut crash = Crash::at(panic_at);
            move |(key, i): (u64, u64), _cx, out| {
                crash.look();
                value.entry(|value| match value {
                    Some(value) => value.change(i),
                    None => *value = Some(Noise::new(key, bytes)),
                })?;
                out.emit(i);
                Ok(())
            }
        })
        .uid("values")
        .sink_with(Updates {
            from: keys + updates / 4,
            count: 0,
        });
    Ok(())
}

/// Panics once: an attempt that begins later does not.
struct Crash {
    at: i64,
    /// The time of the first look.
    begun: Option<i64>,
    looks: u32,
}

/// How many records pass between two looks at the clock.
const RECORDS_PER_LOOK: u32 = 256;

impl Crash {
    fn at(at: i64) -> Self {
        Self {
            at,
            begun: None,
            looks: 0,
        }
    }

    #[inline]
    fn look(&mut self) {
        if self.at == i64::MAX {
            return;
        }
        self.looks = self.looks.wrapping_add(1);
        if self.looks % RECORDS_PER_LOOK == 1 {
            let now = wasmill::now();
            let begun = *self.begun.get_or_insert(now);
            if begun < self.at && self.at <= now {
                panic!("time {} has come", self.at);
            }
        }
    }
}

/// Counts the changes that are measured.
struct Updates {
    from: u64,
    count: u64,
}

impl GuestSink<u64> for Updates {
    fn write(&mut self, i: &u64) -> Result<()> {
        if *i < self.from {
            return Ok(());
        }
        if self.count == 0 {
            wasmill::metrics::add("began-ms", now());
        }
        self.count += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        wasmill::metrics::add("ended-ms", now());
        wasmill::metrics::add("checksum", self.count);
        Ok(())
    }
}

/// The time in milliseconds since the epoch.
fn now() -> u64 {
    u64::try_from(wasmill::now()).unwrap_or_default()
}

impl Serialize for Noise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Noise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes).map(Self)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_length_it_is_told_and_changes() {
        let mut noise = Noise::new(7, 1001);
        assert_eq!(noise.0.len(), 1001);
        assert_ne!(noise.0[..8], noise.0[8..16]);
        let before = noise.clone();
        noise.change(1);
        assert_ne!(noise, before);
        assert_eq!(noise.0[8..], before.0[8..]);
    }
}
