//! The memory allocator of a bundle: lists of free blocks by size, in front of the standard one.
//!
//! Records are small and short-lived, and an instance has one thread, so taking and giving back a block
//! is a few instructions here. Blocks above [`LARGEST`] and unusual alignments go to the standard
//! allocator. Invariant: a block of a class is only ever on the list of its class or in use; memory
//! moves from a class to no other, so the most that lies idle is the peak of each class.
//!
//! Left out of a bundle by `default-features = false`.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// Blocks come in multiples of this, and are aligned to it, in bytes.
const GRAIN: usize = 16;
/// The largest block that is kept in lists, in bytes.
const LARGEST: usize = 1024;
/// How much is taken from the standard allocator at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// See the module.
struct SizeClasses {
    /// The first free block of each class; a free block holds the address of the next.
    free: [Cell<*mut u8>; LARGEST / GRAIN],
    /// What is left of the current chunk.
    chunk: Cell<*mut u8>,
    left: Cell<usize>,
}

// SAFETY: the target has no threads, so the cells are never used by two at a time.
unsafe impl Sync for SizeClasses {}

#[global_allocator]
static ALLOCATOR: SizeClasses = SizeClasses {
    free: [const { Cell::new(null_mut()) }; LARGEST / GRAIN],
    chunk: Cell::new(null_mut()),
    left: Cell::new(0),
};

/// The class of a layout; none for those that go to the standard allocator.
#[inline]
fn class(layout: Layout) -> Option<usize> {
    let is_small = layout.size().wrapping_sub(1) < LARGEST && layout.align() <= GRAIN;
    is_small.then(|| (layout.size() - 1) / GRAIN)
}

impl SizeClasses {
    /// Cuts a block off the current chunk, or off a new one.
    #[cold]
    fn carve(&self, class: usize) -> *mut u8 {
        let size = (class + 1) * GRAIN;
        if self.left.get() < size {
            // What is left of the old chunk is given up: less than the largest block in 64 KiB.
            // SAFETY: the size is not zero and the alignment is a power of two.
            let chunk = unsafe { System.alloc(Layout::from_size_align_unchecked(CHUNK, GRAIN)) };
            if chunk.is_null() {
                return chunk;
            }
            self.chunk.set(chunk);
            self.left.set(CHUNK);
        }
        let block = self.chunk.get();
        // SAFETY: at least `size` bytes of the chunk are left.
        self.chunk.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - size);
        block
    }
}

// SAFETY: a block is at least as large and as aligned as its layout asks: classes round up and are
// multiples of the alignment; a block is on no list while it is in use.
unsafe impl GlobalAlloc for SizeClasses {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: handed on as it came.
            return unsafe { System.alloc(layout) };
        };
        let block = self.free[class].get();
        if block.is_null() {
            return self.carve(class);
        }
        // SAFETY: a block on a list is free and holds the address of the next, or null.
        self.free[class].set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: blocks of this layout came from the standard allocator.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the block is ours again, aligned to 16 bytes and at least that large.
        unsafe { block.cast::<*mut u8>().write(self.free[class].get()) };
        self.free[class].set(block);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size and the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            (Some(now), Some(then)) if now == then => block,
            // SAFETY: both layouts belong to the standard allocator.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: the new block is another one and both hold the smaller size.
                unsafe {
                    let new = self.alloc(wanted);
                    if !new.is_null() {
                        new.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    new
                }
            }
        }
    }
}
