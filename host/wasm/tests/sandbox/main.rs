//! The sandbox against guests that are written by hand, instruction by instruction.
//!
//! `guest` makes components of core modules, `recorder` is the host's side; the other files are tests,
//! one per question. What a guest of the SDK does is tested where the SDK is.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod calls;
mod describe;
mod failures;
mod guest;
mod image;
mod imports;
mod interruption;
mod limits;
mod load;
mod recorder;
