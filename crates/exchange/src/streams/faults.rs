//! Faults of market frames: what a network and a venue do to a stream.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What happens to a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    /// It is lost: a gap.
    Skip,
    /// It comes twice.
    Duplicate,
    /// It comes after the next one of its stream.
    Swap,
    /// It is cut in the middle of its JSON.
    Garble,
    /// It is longer than any message of the venue.
    Oversize,
}

impl FrameFault {
    /// The fault of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "skip" => Some(Self::Skip),
            "duplicate" => Some(Self::Duplicate),
            "swap" => Some(Self::Swap),
            "garble" => Some(Self::Garble),
            "oversize" => Some(Self::Oversize),
            _ => None,
        }
    }
}

/// Length of an oversize frame: past what clients of the venue accept.
const OVERSIZE: usize = 17 << 20;
/// Most faults that may be planned.
const MOST: usize = 10_000;

/// Faults to come.
#[derive(Debug, Default)]
pub struct FrameFaults {
    planned: VecDeque<(FrameFault, String)>,
    /// How many faults were injected.
    pub injected: u64,
}

impl FrameFaults {
    /// Plans a fault for the next frames of streams whose name contains `matching`.
    pub fn plan(&mut self, fault: FrameFault, matching: &str, count: usize) {
        let room = MOST.saturating_sub(self.planned.len());
        let planned = std::iter::repeat_n((fault, matching.to_owned()), count.min(room));
        self.planned.extend(planned);
    }

    /// Forgets what is planned.
    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// The fault that the next frame of a stream meets; it is used up.
    pub fn take(&mut self, stream: &str) -> Option<FrameFault> {
        if self.planned.is_empty() {
            return None;
        }
        let place = self.planned.iter().position(|(_, matching)| stream.contains(matching))?;
        self.injected += 1;
        self.planned.remove(place).map(|(fault, _)| fault)
    }
}

/// The frame as the fault leaves it; `None` for faults of order, which change no frame.
#[must_use]
pub fn damaged(fault: FrameFault, frame: &Utf8Bytes) -> Option<Utf8Bytes> {
    match fault {
        FrameFault::Skip | FrameFault::Duplicate | FrameFault::Swap => None,
        FrameFault::Garble => {
            let mut middle = frame.len() / 2;
            while !frame.is_char_boundary(middle) {
                middle -= 1;
            }
            Some(Utf8Bytes::from(&frame[..middle]))
        }
        FrameFault::Oversize => {
            let mut text = frame.to_string();
            let end = text.len() - 1;
            text.insert_str(end, &" ".repeat(OVERSIZE));
            Some(Utf8Bytes::from(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_stream_it_is_meant_for() {
        let mut faults = FrameFaults::default();
        faults.plan(FrameFault::Skip, "depth", 1);
        assert_eq!(faults.take("btcusdt@trade"), None);
        assert_eq!(faults.take("btcusdt@depth@100ms"), Some(FrameFault::Skip));
        assert_eq!(faults.take("btcusdt@depth@100ms"), None);
        assert_eq!(faults.injected, 1);
    }

    #[test]
    fn damaged_frames_are_broken_or_long() {
        let frame = Utf8Bytes::from(r#"{"e":"trade","s":"币"}"#);
        let garbled = damaged(FrameFault::Garble, &frame).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&garbled).is_err());
        let long = damaged(FrameFault::Oversize, &frame).unwrap();
        assert!(long.len() > OVERSIZE);
        assert!(serde_json::from_str::<serde_json::Value>(&long).is_ok());
    }
}
