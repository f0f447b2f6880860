//! Combines the event time of channels (semantics §1.3–9). Pure.
//!
//! Invariant: emitted watermarks increase strictly, and none exceeds the watermark of an aligned channel.

use wasmill_types::element::ChannelStatus;

/// The watermarks of the channels of one input.
#[derive(Debug)]
pub struct Valve {
    channels: Vec<ChannelTime>,
    emitted: i64,
    status: ChannelStatus,
}

#[derive(Debug, Clone, Copy)]
struct ChannelTime {
    watermark: i64,
    status: ChannelStatus,
    is_aligned: bool,
}

/// What the valve lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Event time has advanced.
    Watermark(i64),
    /// The input has become idle or active.
    Status(ChannelStatus),
}

impl Valve {
    /// A valve over channels that are all active, aligned, and at the beginning of time.
    pub fn new(channels: usize) -> Self {
        let start = ChannelTime {
            watermark: i64::MIN,
            status: ChannelStatus::Active,
            is_aligned: true,
        };
        Self {
            channels: vec![start; channels],
            emitted: i64::MIN,
            status: ChannelStatus::Active,
        }
    }

    /// Takes a watermark of a channel.
    pub fn watermark(&mut self, channel: usize, time: i64) -> Option<Passed> {
        let at = &mut self.channels[channel];
        let is_idle = at.status == ChannelStatus::Idle || self.status == ChannelStatus::Idle;
        if is_idle || time <= at.watermark {
            return None;
        }
        at.watermark = time;
        if time >= self.emitted {
            at.is_aligned = true;
        }
        self.advance()
    }

    /// Takes a change of a channel's status; what passes, in order.
    pub fn status(&mut self, channel: usize, status: ChannelStatus) -> Vec<Passed> {
        let at = &mut self.channels[channel];
        if at.status == status {
            return Vec::new();
        }
        at.status = status;
        match status {
            ChannelStatus::Idle => self.went_idle(channel),
            ChannelStatus::Active => {
                at.is_aligned = at.watermark >= self.emitted;
                let was_idle = std::mem::replace(&mut self.status, status) == ChannelStatus::Idle;
                was_idle
                    .then_some(Passed::Status(status))
                    .into_iter()
                    .collect()
            }
        }
    }

    fn went_idle(&mut self, channel: usize) -> Vec<Passed> {
        self.channels[channel].is_aligned = false;
        let watermark = self.channels[channel].watermark;
        if self
            .channels
            .iter()
            .any(|at| at.status == ChannelStatus::Active)
        {
            let held_back = watermark == self.emitted;
            return held_back
                .then(|| self.advance())
                .flatten()
                .into_iter()
                .collect();
        }
        let mut passed = Vec::new();
        let latest = self
            .channels
            .iter()
            .map(|at| at.watermark)
            .max()
            .unwrap_or(i64::MIN);
        if watermark == self.emitted && latest > self.emitted {
            self.emitted = latest;
            passed.push(Passed::Watermark(latest));
        }
        self.status = ChannelStatus::Idle;
        passed.push(Passed::Status(ChannelStatus::Idle));
        passed
    }

    fn advance(&mut self) -> Option<Passed> {
        let aligned = self.channels.iter().filter(|at| at.is_aligned);
        let least = aligned.map(|at| at.watermark).min()?;
        if least <= self.emitted {
            return None;
        }
        self.emitted = least;
        Some(Passed::Watermark(least))
    }
}

#[cfg(test)]
mod tests;
