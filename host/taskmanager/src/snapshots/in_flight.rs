//! Records that a barrier overtook, as bytes: batches of one channel after each other.
//!
//! `save` writes them, `restore` reads them. Invariant: what is read is checked before it is believed.

use serde::{Deserialize, Serialize};
use wasmill_checkpoint::assignment::Filter;
use wasmill_types::{Batch, key_group};

/// The columns of a batch.
#[derive(Debug, Serialize, Deserialize)]
struct Columns {
    timestamps: Vec<i64>,
    hashes: Vec<u32>,
    ends: Vec<u32>,
    data: Vec<u8>,
}

/// Appends batches to a stream.
///
/// # Errors
/// None that columns in memory have; it is passed on all the same, because what is missing here is lost.
pub(super) fn write(stream: &mut Vec<u8>, batches: Vec<Batch>) -> Result<(), postcard::Error> {
    let columns: Vec<Columns> = batches
        .into_iter()
        .map(|batch| Columns {
            timestamps: batch.timestamps,
            hashes: batch.hashes,
            ends: batch.ends,
            data: batch.data,
        })
        .collect();
    stream.extend(postcard::to_stdvec(&columns)?);
    Ok(())
}

/// Reads the batches of one channel, with the records that a filter lets through.
///
/// # Errors
/// What is wrong with them, for people.
pub(super) fn read(
    bytes: &[u8],
    filter: &Filter,
    max_parallelism: u32,
    max_record_bytes: u32,
) -> Result<Vec<Batch>, String> {
    let columns: Vec<Columns> =
        postcard::from_bytes(bytes).map_err(|error| format!("records in flight: {error}"))?;
    let mut batches = Vec::new();
    for columns in columns {
        let batch = Batch {
            timestamps: columns.timestamps,
            hashes: columns.hashes,
            ends: columns.ends,
            data: columns.data,
        };
        let view = batch.view();
        let checked = view.checked(max_record_bytes);
        checked.map_err(|error| format!("records in flight: {error}"))?;
        match filter {
            Filter::All => batches.push(batch),
            Filter::KeyGroups(groups) => {
                let mut kept = Batch::default();
                for (index, hash) in batch.hashes.iter().enumerate() {
                    let group = key_group::of_hash(*hash, max_parallelism);
                    if groups.contains(&group) {
                        kept.push_from(&view, index);
                    }
                }
                if !kept.is_empty() {
                    batches.push(kept);
                }
            }
            Filter::Custom => {
                return Err(
                    "records in flight with custom partitioning can only be restored at the \
                            same parallelism; restore from a savepoint to change it"
                        .to_owned(),
                );
            }
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subtask_reads_the_records_of_its_key_groups() {
        let mut batch = Batch::default();
        for number in 0..100_u32 {
            batch.data.extend_from_slice(&number.to_le_bytes());
            batch.ends.push(batch.data.len() as u32);
            batch.hashes.push(number.wrapping_mul(0x9e37_79b9));
        }
        let mut stream = Vec::new();
        write(&mut stream, vec![batch.clone(), batch.clone()]).unwrap();
        let whole = read(&stream, &Filter::All, 128, 100).unwrap();
        assert_eq!(whole, [batch.clone(), batch]);
        let parts = [0..40, 40..128].map(|groups| {
            let read = read(&stream, &Filter::KeyGroups(groups), 128, 100).unwrap();
            read.iter().map(Batch::len).sum::<usize>()
        });
        assert!(parts[0] > 0 && parts[1] > 0);
        assert_eq!(parts.iter().sum::<usize>(), 200);
        assert!(read(&stream[..stream.len() - 1], &Filter::All, 128, 100).is_err());
        assert!(read(&stream, &Filter::Custom, 128, 100).is_err());
        assert!(read(&stream, &Filter::All, 128, 3).is_err(), "too large");
    }
}
