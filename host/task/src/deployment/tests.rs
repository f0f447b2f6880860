//! Whole jobs in one process, with real connectors and guest code as closures.

mod delivery;
mod endings;
mod failures;

use wasmill_types::TaskFailure;

use super::*;
use crate::fixture::job::{Job, SOON};
