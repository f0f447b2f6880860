//! When a subtask without records stops holding back event time.

/// How long there have been no records (semantics §1.17, §1.18).
///
/// It counts from the first probe that saw none, and only what lies between probes: while a task cannot
/// send it is not probed. Invariant: one probe adds at most [`LONGEST_STEP`] intervals.
#[derive(Debug)]
pub(super) struct Idleness {
    timeout: i64,
    has_records: bool,
    is_idle: bool,
    /// The time of the last probe.
    probed: Option<i64>,
    /// The shortest time between two probes.
    step: i64,
    /// Since the first probe that saw none.
    quiet: Option<i64>,
}

/// A gap between probes counts for at most so many of the shortest ones.
const LONGEST_STEP: i64 = 2;

impl Idleness {
    pub(super) fn new(timeout: i64) -> Self {
        Self {
            timeout,
            has_records: true,
            is_idle: false,
            probed: None,
            step: i64::MAX,
            quiet: None,
        }
    }

    /// There is a record; whether there were none for too long.
    #[inline]
    pub(super) fn saw_record(&mut self) -> bool {
        self.has_records = true;
        std::mem::take(&mut self.is_idle)
    }

    /// Whether there have been none for too long now.
    pub(super) fn probe(&mut self, now: i64) -> bool {
        let since = self.probed.replace(now).map(|probed| now - probed);
        if let Some(since) = since.filter(|since| *since > 0) {
            self.step = self.step.min(since);
        }
        if std::mem::take(&mut self.has_records) {
            self.quiet = None;
            return false;
        }
        let most = self.step.saturating_mul(LONGEST_STEP);
        let quiet = match self.quiet {
            None => 0,
            Some(quiet) => quiet.saturating_add(since.unwrap_or(0).clamp(0, most)),
        };
        self.quiet = Some(quiet);
        self.is_idle = quiet > self.timeout;
        self.is_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idleness_needs_more_than_the_timeout_after_a_probe_without_records() {
        let mut idleness = Idleness::new(100);
        let steps = [
            ("record", 0, false),
            ("", 50, false),
            ("", 100, false),
            ("", 150, false),
            ("", 200, true),
            ("", 250, true),
            ("record", 300, false),
            ("", 350, false),
            // The task could not send for long; two steps count.
            ("", 5_000, false),
            ("", 5_050, true),
        ];
        for (what, at, expected) in steps {
            if what == "record" {
                idleness.saw_record();
            }
            assert_eq!(idleness.probe(at), expected, "{what} at {at}");
        }
    }
}
