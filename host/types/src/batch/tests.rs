//! Checks of columns from outside, and copying between batches.

use super::*;

fn check(ends: &[u32], data: &[u8], expected: Result<(), &str>) {
    let view = BatchView {
        ends,
        data,
        ..BatchView::default()
    };
    let outcome = view.checked(4).map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(
        outcome.as_ref().map_err(String::as_str).copied(),
        expected.as_ref().map_err(|e| *e).copied()
    );
}

#[test]
fn columns_from_outside_are_checked() {
    check(&[], b"", Ok(()));
    check(&[2, 2, 5], b"abcde", Ok(()));
    check(
        &[2, 1],
        b"ab",
        Err("record 1 ends at byte 1, outside 2..=2"),
    );
    check(&[3], b"ab", Err("record 0 ends at byte 3, outside 0..=2"));
    check(&[1], b"ab", Err("the last record ends at byte 1 of 2"));
    check(&[5], b"abcde", Err("record 0 has 5 bytes, the limit is 4"));
    let short = BatchView {
        hashes: &[1],
        ends: &[1, 2],
        data: b"ab",
        ..BatchView::default()
    };
    let message = short.checked(4).map(|_| ()).unwrap_err().to_string();
    assert_eq!(message, "column `hashes` has 1 entries for 2 records");
}

#[test]
fn records_with_and_without_timestamps_can_share_a_batch() {
    let stamped = BatchView {
        timestamps: &[7],
        ends: &[1],
        data: b"b",
        ..BatchView::default()
    };
    let plain = BatchView {
        ends: &[1],
        data: b"a",
        ..BatchView::default()
    };
    let mut one_by_one = Batch::default();
    let mut at_once = Batch::default();
    for view in [plain, stamped, plain] {
        one_by_one.push_from(&view, 0);
        at_once.extend_from(&view);
    }
    assert_eq!(one_by_one.timestamps, [NO_TIMESTAMP, 7, NO_TIMESTAMP]);
    assert_eq!(one_by_one, at_once);
    assert_eq!(
        one_by_one.view().records().collect::<Vec<_>>(),
        [b"a", b"b", b"a"]
    );
}
