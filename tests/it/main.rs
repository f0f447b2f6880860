//! Tests of the whole project: its rules, and the program as a user runs it.
//!
//! [`tidy`] reads the sources. The others build guests from source and run the real `wasmill` through
//! [`harness`]; what they check is what a user sees: exit codes, messages, files.

mod bindings;
mod harness;
mod tidy;
