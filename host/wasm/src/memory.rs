//! What an instance may allocate, as the sandbox asks before every growth.
//!
//! Invariant: the sums over all memories and all tables of an instance stay within the limits; a refusal
//! is remembered until the next call, for the trap that follows does not say why.

use wasmill_types::TaskFailure;
use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// The books on memories and tables of one instance.
#[derive(Debug)]
pub(crate) struct MemoryGate {
    memory: Account,
    elements: Account,
    memories: usize,
    tables: usize,
    instances: usize,
    refused: Option<(&'static str, String)>,
}

#[derive(Debug)]
struct Account {
    used: u64,
    allowed: u64,
}

impl MemoryGate {
    pub(crate) fn new(limits: &Limits) -> Self {
        let account = |allowed| Account { used: 0, allowed };
        Self {
            memory: account(limits.memory_bytes),
            elements: account(limits.table_elements),
            memories: limits.memories as usize,
            tables: limits.tables as usize,
            instances: limits.instances as usize,
            refused: None,
        }
    }

    /// A call begins: earlier refusals explain nothing any more.
    pub(crate) fn begin(&mut self) {
        self.refused = None;
    }

    /// The refusal that explains a trap of the running call.
    pub(crate) fn refused(&self) -> Option<TaskFailure> {
        let (limit, message) = self.refused.clone()?;
        Some(TaskFailure::Limit { limit, message })
    }
}

impl Account {
    /// Grows one of several things, and says whether the sum is within what is allowed.
    fn grow(&mut self, current: usize, desired: usize) -> Result<(), u64> {
        let sum = (self.used + desired as u64).saturating_sub(current as u64);
        if sum > self.allowed {
            return Err(sum);
        }
        self.used = sum;
        Ok(())
    }
}

impl ResourceLimiter for MemoryGate {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Beyond its own maximum the guest fails by itself, and nothing is booked.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(true);
        }
        if let Err(asked) = self.memory.grow(current, desired) {
            let allowed = self.memory.allowed;
            let message = format!("it asked for {asked} bytes of memory, {allowed} are allowed");
            self.refused = Some((Limits::MEMORY, message));
            return Ok(false);
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(true);
        }
        if let Err(asked) = self.elements.grow(current, desired) {
            let allowed = self.elements.allowed;
            let message = format!("it asked for {asked} table elements, {allowed} are allowed");
            self.refused = Some((Limits::TABLE_ELEMENTS, message));
            return Ok(false);
        }
        Ok(true)
    }

    fn memories(&self) -> usize {
        self.memories
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn instances(&self) -> usize {
        self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit_and_a_refusal_names_the_sum() {
        let limits = Limits {
            memory_bytes: 100,
            ..Limits::default()
        };
        let mut gate = MemoryGate::new(&limits);
        for (current, desired, maximum, granted) in [
            (0, 60, None, true),
            (0, 41, None, false),
            (0, 40, None, true),
            (60, 61, None, false),
            (60, 500, Some(200), true),
        ] {
            let answer = gate.memory_growing(current, desired, maximum).unwrap();
            assert_eq!(answer, granted, "{current} to {desired}");
        }
        let refused = gate.refused().unwrap().to_string();
        assert!(refused.contains("`wasm.memory`: it asked for 101 bytes of memory, 100 are"));
        gate.begin();
        assert!(gate.refused().is_none());
    }
}
