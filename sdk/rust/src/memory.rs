//! Copying and comparing short pieces of memory on Wasm.
//!
//! Records are short, and the target's own ways are made for long ones: its copy instruction is a call
//! into the host, and its comparison a loop over bytes, each round of which asks whether to stop. These
//! replace the symbols that the compiler calls; pieces up to 64 bytes take no loop. Invariant: the same
//! results as the C functions of the same names.
//!
//! Left out of a bundle together with the allocator.

#![expect(unsafe_code, reason = "the C functions work on raw memory")]

use core::arch::wasm32::{v128, v128_load, v128_store};
use core::ptr::{read_unaligned, write_unaligned};

/// Copies `n` bytes between places that do not overlap.
///
/// # Safety
/// As C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: all reads come before the writes of their range, so `memmove` is safe for more.
    unsafe { memmove(to, from, n) }
}

/// Copies `n` bytes between places that may overlap.
///
/// # Safety
/// As C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller vouches for `n` bytes at both places; each branch reads and writes only
    // offsets below `n`, and reads all that it writes before it writes.
    unsafe {
        if n >= 16 {
            if n > 64 {
                return long_copy(to, from, n);
            }
            let last = n - 16;
            let head = v128_load(from.cast::<v128>());
            let tail = v128_load(from.add(last).cast::<v128>());
            if n > 32 {
                let second = v128_load(from.add(16).cast::<v128>());
                let third = v128_load(from.add(last - 16).cast::<v128>());
                v128_store(to.add(16).cast::<v128>(), second);
                v128_store(to.add(last - 16).cast::<v128>(), third);
            }
            v128_store(to.cast::<v128>(), head);
            v128_store(to.add(last).cast::<v128>(), tail);
        } else if n >= 8 {
            let head = read_unaligned(from.cast::<u64>());
            let tail = read_unaligned(from.add(n - 8).cast::<u64>());
            write_unaligned(to.cast::<u64>(), head);
            write_unaligned(to.add(n - 8).cast::<u64>(), tail);
        } else if n >= 4 {
            let head = read_unaligned(from.cast::<u32>());
            let tail = read_unaligned(from.add(n - 4).cast::<u32>());
            write_unaligned(to.cast::<u32>(), head);
            write_unaligned(to.add(n - 4).cast::<u32>(), tail);
        } else if n > 0 {
            let (first, middle, last) = (*from, *from.add(n / 2), *from.add(n - 1));
            *to = first;
            *to.add(n / 2) = middle;
            *to.add(n - 1) = last;
        }
    }
    to
}

/// The target's own copy instruction.
///
/// # Safety
/// As C's `memmove`.
#[inline(never)]
#[target_feature(enable = "bulk-memory")]
unsafe fn long_copy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller vouches for both places.
    unsafe { core::ptr::copy(from, to, n) };
    to
}

/// Compares `n` bytes as unsigned numbers, the first difference counts.
///
/// # Safety
/// As C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: the caller vouches for `n` bytes at both places, and all offsets are below `n`.
    unsafe {
        let word = |at: usize| {
            let left = read_unaligned(left.add(at).cast::<u64>());
            (left, read_unaligned(right.add(at).cast::<u64>()))
        };
        if n >= 8 {
            let mut at = 0;
            while at + 8 < n {
                let (left, right) = word(at);
                if left != right {
                    return order(left, right);
                }
                at += 8;
            }
            let (left, right) = word(n - 8);
            return order(left, right);
        }
        if n >= 4 {
            let half = |at: usize| {
                let left = read_unaligned(left.add(at).cast::<u32>());
                (left, read_unaligned(right.add(at).cast::<u32>()))
            };
            let (head, tail) = (half(0), half(n - 4));
            if head.0 != head.1 {
                return order(u64::from(head.0), u64::from(head.1));
            }
            return order(u64::from(tail.0), u64::from(tail.1));
        }
        let mut at = 0;
        while at < n {
            let difference = i32::from(*left.add(at)) - i32::from(*right.add(at));
            if difference != 0 {
                return difference;
            }
            at += 1;
        }
    }
    0
}

/// Says whether `n` bytes differ.
///
/// # Safety
/// As C's `bcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, n: usize) -> i32 {
    // SAFETY: handed on as it came.
    unsafe { memcmp(left, right, n) }
}

/// Which of two little-endian words comes first, byte by byte.
#[inline]
fn order(left: u64, right: u64) -> i32 {
    match left.swap_bytes().cmp(&right.swap_bytes()) {
        core::cmp::Ordering::Less => -1,
        core::cmp::Ordering::Equal => 0,
        core::cmp::Ordering::Greater => 1,
    }
}
