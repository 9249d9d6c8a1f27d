//! What the recorded machines have in common.

use std::fmt::Debug;

use super::delivery::Delivered;
use super::digest::Digest;
use crate::feed::{FeedEffect, FeedInput, FeedMachine, FeedProtocol};
use crate::orders::{ExecutionEffect, ExecutionInput, ExecutionMachine};
use crate::risk::{RiskEffect, RiskInput, RiskMachine};
use crate::wire::Moment;

/// A machine whose inputs can be recorded and replayed.
pub trait Recorded {
    /// What it is given.
    type Input<'a>;
    /// What it wants done.
    type Effect: Debug;

    /// Takes one input and appends what follows from it.
    fn take(&mut self, now: Moment, input: Self::Input<'_>, effects: &mut Vec<Self::Effect>);

    /// What is noted of an input.
    fn delivered(input: &Self::Input<'_>) -> Delivered;

    /// The fingerprint of all that it knows.
    fn state_digest(&self) -> Digest;
}

impl<P: FeedProtocol> Recorded for FeedMachine<P> {
    type Input<'a> = FeedInput<'a>;
    type Effect = FeedEffect;

    fn take(&mut self, now: Moment, input: FeedInput<'_>, effects: &mut Vec<FeedEffect>) {
        self.step(now, input, effects);
    }

    fn delivered(input: &FeedInput<'_>) -> Delivered {
        Delivered::Feed(input.into())
    }

    fn state_digest(&self) -> Digest {
        self.digest()
    }
}

impl Recorded for RiskMachine {
    type Input<'a> = RiskInput<'a>;
    type Effect = RiskEffect;

    fn take(&mut self, now: Moment, input: RiskInput<'_>, effects: &mut Vec<RiskEffect>) {
        self.step(now.venue, input, effects);
    }

    fn delivered(input: &RiskInput<'_>) -> Delivered {
        Delivered::Risk(input.into())
    }

    fn state_digest(&self) -> Digest {
        Digest::of(self)
    }
}

impl Recorded for ExecutionMachine {
    type Input<'a> = ExecutionInput;
    type Effect = ExecutionEffect;

    fn take(&mut self, now: Moment, input: ExecutionInput, effects: &mut Vec<ExecutionEffect>) {
        self.step(now.venue, input, effects);
    }

    fn delivered(input: &ExecutionInput) -> Delivered {
        Delivered::Execution(input.into())
    }

    fn state_digest(&self) -> Digest {
        Digest::of(self)
    }
}
