//! The rules of the house that no compiler checks: the shape of sources, crates and the contract.
//!
//! Invariant: each failure lists every place that breaks the rule, with what to do.

mod contract;
mod crates;
mod sources;

/// Fails with all findings, if there are any.
fn report(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
