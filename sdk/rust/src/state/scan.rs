//! Reads all rows of a key from the host, page by page.
//!
//! Called by lists and maps when a program asks for all that there is. Invariant: after the first page,
//! a page has about [`PAGE_BYTES`] or a single row.

use anyhow::Result;

use crate::host::{self, blobs_iter};

/// How many bytes a page should have.
const PAGE_BYTES: usize = 1 << 20;
/// How many rows the first page has at most: nothing is known of their length.
const FIRST_PAGE: usize = 64;
/// How many rows a page has at most, however short they are.
const PAGE_ROWS: usize = 1024;

/// Visits sub-key and value of each row of a key, in ascending order of the sub-key.
pub(super) fn scan_rows(
    state: u32,
    key: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Vec<u8>> = None;
    let mut limit = FIRST_PAGE;
    loop {
        let page = host::state_scan(state, key, after.as_deref(), limit as u32);
        for (sub_key, value) in blobs_iter(&page.sub_keys).zip(blobs_iter(&page.values)) {
            visit(sub_key, value)?;
        }
        after = blobs_iter(&page.sub_keys).last().map(<[u8]>::to_vec);
        if !page.more || after.is_none() {
            return Ok(());
        }
        let bytes = page.sub_keys.data.len() + page.values.data.len();
        limit = page_rows(bytes, page.sub_keys.ends.len());
    }
}

/// How many rows to ask for when so many rows had so many bytes.
fn page_rows(bytes: usize, rows: usize) -> usize {
    let row = (bytes / rows.max(1)).max(1);
    (PAGE_BYTES / row).clamp(1, PAGE_ROWS)
}
