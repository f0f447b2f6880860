//! Records as columns, owned and borrowed.
//!
//! The same four columns travel from a connector through channels into guest memory and back
//! (`wit/types.wit`, `batch`), so no layer rearranges them. Invariant: in a [`Batch`] or [`BatchView`]
//! `ends` never decreases and ends at `data.len()`, and `timestamps` and `hashes` are empty or have one
//! entry per record. Columns from outside are checked by [`BatchView::checked`].

use thiserror::Error;

/// The timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = i64::MIN;

/// Records as columns; record `i` is `data[ends[i - 1]..ends[i]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Event time per record in milliseconds since the epoch; empty when no record has one.
    pub timestamps: Vec<i64>,
    /// Key hash (hash edges) or target subtask (custom edges) per record; empty on other edges.
    pub hashes: Vec<u32>,
    /// Where each record ends in `data`.
    pub ends: Vec<u32>,
    /// The encoded records, back to back.
    pub data: Vec<u8>,
}

/// A [`Batch`] that somebody else owns, for instance a guest's memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct BatchView<'a> {
    /// See [`Batch::timestamps`].
    pub timestamps: &'a [i64],
    /// See [`Batch::hashes`].
    pub hashes: &'a [u32],
    /// See [`Batch::ends`].
    pub ends: &'a [u32],
    /// See [`Batch::data`].
    pub data: &'a [u8],
}

/// What is wrong with columns that came from outside.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum MalformedBatch {
    /// `ends` decreases or leaves `data`.
    #[error("record {index} ends at byte {end}, outside {from}..={len}")]
    End {
        /// The record.
        index: usize,
        /// Its claimed end.
        end: u32,
        /// Where it starts.
        from: u32,
        /// The length of the data.
        len: usize,
    },
    /// Bytes follow the last record.
    #[error("the last record ends at byte {end} of {len}")]
    Trailing {
        /// The end of the last record.
        end: u32,
        /// The length of the data.
        len: usize,
    },
    /// A column that is neither empty nor as long as `ends`.
    #[error("column `{column}` has {len} entries for {records} records")]
    Column {
        /// The column's name.
        column: &'static str,
        /// Its length.
        len: usize,
        /// The number of records.
        records: usize,
    },
    /// A record above the limit.
    #[error("record {index} has {bytes} bytes, the limit is {limit}")]
    RecordTooLarge {
        /// The record.
        index: usize,
        /// Its size in bytes.
        bytes: u32,
        /// The largest size allowed, in bytes.
        limit: u32,
    },
}

impl Batch {
    /// A batch without records that can take `records` records of `bytes` bytes before it grows.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            ends: Vec::with_capacity(records),
            data: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Removes all records and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.hashes.clear();
        self.ends.clear();
        self.data.clear();
    }

    /// The same records, borrowed.
    pub fn view(&self) -> BatchView<'_> {
        BatchView {
            timestamps: &self.timestamps,
            hashes: &self.hashes,
            ends: &self.ends,
            data: &self.data,
        }
    }

    /// Appends a record without timestamp and hash.
    ///
    /// Must not be mixed with [`Batch::push_from`] on a batch that has timestamps or hashes.
    pub fn push(&mut self, record: &[u8]) {
        debug_assert!(
            self.timestamps.is_empty(),
            "records of a batch agree on having timestamps"
        );
        debug_assert!(
            self.hashes.is_empty(),
            "records of a batch agree on having hashes"
        );
        self.data.extend_from_slice(record);
        self.ends.push(self.data.len() as u32);
    }

    /// Appends record `index` of `from` with its timestamp and its hash.
    ///
    /// All records of a batch agree on having hashes, because they come over the same edge.
    #[inline]
    pub fn push_from(&mut self, from: &BatchView<'_>, index: usize) {
        let (start, end) = from.bounds(index);
        if !from.timestamps.is_empty() {
            self.push_timestamp(from.timestamps[index]);
        } else if !self.timestamps.is_empty() {
            self.timestamps.push(NO_TIMESTAMP);
        }
        if let Some(hash) = from.hashes.get(index) {
            self.hashes.push(*hash);
        }
        self.data.extend_from_slice(&from.data[start..end]);
        self.ends.push(self.data.len() as u32);
    }

    /// Appends all records of `from` with their timestamps and hashes.
    pub fn extend_from(&mut self, from: &BatchView<'_>) {
        if from.timestamps.is_empty() {
            if !self.timestamps.is_empty() {
                self.timestamps
                    .resize(self.len() + from.len(), NO_TIMESTAMP);
            }
        } else {
            self.timestamps.resize(self.len(), NO_TIMESTAMP);
            self.timestamps.extend_from_slice(from.timestamps);
        }
        self.hashes.extend_from_slice(from.hashes);
        let base = self.data.len() as u32;
        self.data.extend_from_slice(from.data);
        self.ends.extend(from.ends.iter().map(|end| base + end));
    }

    /// The bytes that the columns occupy, for accounting.
    pub fn footprint(&self) -> usize {
        self.data.len() + self.ends.len() * 4 + self.timestamps.len() * 8 + self.hashes.len() * 4
    }

    fn push_timestamp(&mut self, time: i64) {
        if self.timestamps.len() < self.ends.len() {
            self.timestamps.resize(self.ends.len(), NO_TIMESTAMP);
        }
        self.timestamps.push(time);
    }
}

impl<'a> BatchView<'a> {
    /// Checks columns that came from outside.
    ///
    /// # Errors
    /// Names the first thing that breaks the invariant of this module or exceeds `max_record` bytes.
    pub fn checked(self, max_record: u32) -> Result<Self, MalformedBatch> {
        let records = self.ends.len();
        for (column, len) in [
            ("timestamps", self.timestamps.len()),
            ("hashes", self.hashes.len()),
        ] {
            if len != 0 && len != records {
                return Err(MalformedBatch::Column {
                    column,
                    len,
                    records,
                });
            }
        }
        let mut from = 0;
        for (index, &end) in self.ends.iter().enumerate() {
            if end < from || end as usize > self.data.len() {
                return Err(MalformedBatch::End {
                    index,
                    end,
                    from,
                    len: self.data.len(),
                });
            }
            if end - from > max_record {
                let bytes = end - from;
                return Err(MalformedBatch::RecordTooLarge {
                    index,
                    bytes,
                    limit: max_record,
                });
            }
            from = end;
        }
        if from as usize != self.data.len() {
            return Err(MalformedBatch::Trailing {
                end: from,
                len: self.data.len(),
            });
        }
        Ok(self)
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of record `index`.
    pub fn record(&self, index: usize) -> &'a [u8] {
        let (start, end) = self.bounds(index);
        &self.data[start..end]
    }

    /// The length of record `index`, in bytes.
    #[inline]
    pub fn length(&self, index: usize) -> usize {
        let (start, end) = self.bounds(index);
        end - start
    }

    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (ends, data) = (self.ends, self.data);
        (0..ends.len()).map(move |i| {
            let start = if i == 0 { 0 } else { ends[i - 1] as usize };
            &data[start..ends[i] as usize]
        })
    }

    /// An owned copy.
    pub fn to_batch(self) -> Batch {
        Batch {
            timestamps: self.timestamps.to_vec(),
            hashes: self.hashes.to_vec(),
            ends: self.ends.to_vec(),
            data: self.data.to_vec(),
        }
    }

    #[inline]
    fn bounds(&self, index: usize) -> (usize, usize) {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        (start, self.ends[index] as usize)
    }
}

/// A list of byte strings as columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blobs {
    /// Where each string ends in `data`.
    pub ends: Vec<u32>,
    /// The strings, back to back.
    pub data: Vec<u8>,
}

/// [`Blobs`] that somebody else owns.
#[derive(Debug, Clone, Copy, Default)]
pub struct BlobsView<'a> {
    /// See [`Blobs::ends`].
    pub ends: &'a [u32],
    /// See [`Blobs::data`].
    pub data: &'a [u8],
}

impl Blobs {
    /// Appends a string.
    pub fn push(&mut self, blob: &[u8]) {
        self.data.extend_from_slice(blob);
        self.ends.push(self.data.len() as u32);
    }

    /// The same strings, borrowed.
    pub fn view(&self) -> BlobsView<'_> {
        BlobsView {
            ends: &self.ends,
            data: &self.data,
        }
    }
}

impl<'a> FromIterator<&'a [u8]> for Blobs {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(iter: I) -> Self {
        let mut blobs = Self::default();
        iter.into_iter().for_each(|blob| blobs.push(blob));
        blobs
    }
}

impl<'a> BlobsView<'a> {
    /// Checks columns that came from outside.
    ///
    /// # Errors
    /// As [`BatchView::checked`].
    pub fn checked(self) -> Result<Self, MalformedBatch> {
        BatchView {
            ends: self.ends,
            data: self.data,
            ..BatchView::default()
        }
        .checked(u32::MAX)?;
        Ok(self)
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// String `index`.
    pub fn get(&self, index: usize) -> &'a [u8] {
        BatchView {
            ends: self.ends,
            data: self.data,
            ..BatchView::default()
        }
        .record(index)
    }

    /// The strings, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        BatchView {
            ends: self.ends,
            data: self.data,
            ..BatchView::default()
        }
        .records()
    }

    /// An owned copy.
    pub fn to_blobs(self) -> Blobs {
        Blobs {
            ends: self.ends.to_vec(),
            data: self.data.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests;
