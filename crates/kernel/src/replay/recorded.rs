//! What the recorded machines have in common.

use std::fmt::Debug;

use super::delivery::{Delivered, VenueDelivered};
use super::digest::Digest;
use crate::feed::{FeedEffect, FeedInput, FeedMachine, FeedProtocol};
use crate::orders::{ExecutionEffect, ExecutionInput, ExecutionMachine};
use crate::risk::{RiskEffect, RiskInput, RiskMachine};
use crate::venue::{Venue, VenueEffect, VenueInput};
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
    fn delivered(&self, input: &Self::Input<'_>) -> Delivered;

    /// The fingerprint of effects.
    fn effects_digest(&self, effects: &[Self::Effect]) -> Digest {
        Digest::of(effects)
    }

    /// The fingerprint of all that it knows.
    fn state_digest(&self) -> Digest;
}

impl<P: FeedProtocol> Recorded for FeedMachine<P> {
    type Input<'a> = FeedInput<'a>;
    type Effect = FeedEffect;

    fn take(&mut self, now: Moment, input: FeedInput<'_>, effects: &mut Vec<FeedEffect>) {
        self.step(now, input, effects);
    }

    fn delivered(&self, input: &FeedInput<'_>) -> Delivered {
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

    fn delivered(&self, input: &RiskInput<'_>) -> Delivered {
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

    fn delivered(&self, input: &ExecutionInput) -> Delivered {
        Delivered::Execution(input.into())
    }

    fn state_digest(&self) -> Digest {
        Digest::of(self)
    }
}

/// What a venue is given; a market event with its place in the feed's sequence.
#[derive(Debug)]
pub struct VenueGiven<'a> {
    /// The input.
    pub input: VenueInput<'a>,
    /// Of a market event; 0 otherwise.
    pub sequence: u64,
}

impl<'a> From<VenueInput<'a>> for VenueGiven<'a> {
    fn from(input: VenueInput<'a>) -> Self {
        Self { input, sequence: 0 }
    }
}

impl Recorded for Box<dyn Venue> {
    type Input<'a> = VenueGiven<'a>;
    type Effect = VenueEffect;

    fn take(&mut self, now: Moment, given: VenueGiven<'_>, effects: &mut Vec<VenueEffect>) {
        self.step(now, given.input, effects);
    }

    fn delivered(&self, given: &VenueGiven<'_>) -> Delivered {
        Delivered::Venue(VenueDelivered::of(given, self.hidden_fields()))
    }

    fn effects_digest(&self, effects: &[VenueEffect]) -> Digest {
        // Most inputs of a session have none: nothing is to be hidden in nothing.
        let hidden = if effects.is_empty() { &[] } else { self.hidden_fields() };
        Digest::of_masked(effects, hidden)
    }

    fn state_digest(&self) -> Digest {
        Digest::of(self)
    }
}
