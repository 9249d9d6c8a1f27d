//! What comes before a run and warms its strategies up.

use std::collections::VecDeque;
use std::time::Duration;

use kernel::strategy::WarmUp;
use model::{InstrumentId, MarketEvent, StrategyId, Timestamp};

use crate::plan::RunPlan;

/// A longer time without an event ends a history: an average over it would be one of two markets.
/// The venue's longest outage was a day and a half; usual ones last hours.
const LONGEST_GAP: Duration = Duration::from_secs(86_400);

/// And so many bars without one, where bars are long.
const BARS_WITHOUT: u32 = 10;

/// History that a strategy asked for, kept until the run begins.
#[derive(Debug)]
pub(super) struct History {
    pub(super) strategy: StrategyId,
    pub(super) traded: Vec<InstrumentId>,
    pub(super) warm_up: WarmUp,
    /// By place in `traded`.
    pub(super) kept: Vec<VecDeque<MarketEvent>>,
}

/// A history that a strategy was not warmed up with, because of what is missing behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WarmUpGap {
    /// Whose.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// The last event before the gap.
    pub from: Timestamp,
    /// The first one behind it, or the start of the run.
    pub to: Timestamp,
    /// How many trades or bars are left.
    pub used: usize,
    /// How many were asked for.
    pub asked: u32,
}

impl WarmUpGap {
    /// As a warning.
    #[must_use]
    pub fn in_words(&self, plan: &RunPlan) -> String {
        let Self { from, to, used, asked, .. } = self;
        let name = &plan.strategies[usize::from(self.strategy.0)].name;
        let symbol = plan.instruments.get(self.instrument).symbol;
        let hours = to.since(*from).as_secs() / 3_600;
        format!(
            "{name} is warmed up with {used} of the {asked} events of {symbol} that it asks for: \
             nothing is known of {hours} hours from {from} to {to}, and what lies before more than \
             a day, or ten bars, without an event is not used"
        )
    }
}

impl History {
    pub(super) fn keep(&mut self, event: &MarketEvent) {
        let wanted = match (self.warm_up, event) {
            (WarmUp::Trades(count), MarketEvent::Trade(_)) => count,
            (WarmUp::Bars(interval, count), MarketEvent::Bar(bar))
                if bar.interval == interval && !bar.has_only_opened() =>
            {
                count
            }
            (WarmUp::None | WarmUp::Trades(_) | WarmUp::Bars(..), _) => return,
        };
        let place = self.traded.iter().position(|traded| *traded == event.instrument());
        let Some(kept) = place.map(|place| &mut self.kept[place]) else { return };
        kept.push_back(event.clone());
        if kept.len() > usize::try_from(wanted).unwrap_or(usize::MAX) {
            kept.pop_front();
        }
    }

    /// The longest time without an event.
    fn longest_gap(&self) -> Duration {
        match self.warm_up {
            WarmUp::Bars(interval, _) => LONGEST_GAP.max(interval.duration() * BARS_WITHOUT),
            WarmUp::None | WarmUp::Trades(_) => LONGEST_GAP,
        }
    }

    const fn asked(&self) -> u32 {
        match self.warm_up {
            WarmUp::None => 0,
            WarmUp::Trades(count) | WarmUp::Bars(_, count) => count,
        }
    }

    /// Everything kept that reaches to the start without a gap, in order of time; and the gaps.
    pub(super) fn release(
        mut self,
        start: Timestamp,
        gaps: &mut Vec<WarmUpGap>,
    ) -> impl Iterator<Item = (StrategyId, MarketEvent)> {
        let (longest, asked) = (self.longest_gap(), self.asked());
        let mut events: Vec<MarketEvent> = Vec::new();
        for (instrument, mut kept) in self.traded.into_iter().zip(std::mem::take(&mut self.kept)) {
            let times = kept.iter().map(MarketEvent::received_at);
            let next = kept.iter().skip(1).map(MarketEvent::received_at).chain([start]);
            let last =
                times.zip(next).enumerate().filter(|(_, (at, next))| next.since(*at) > longest);
            if let Some((place, (from, to))) = last.last() {
                kept.drain(..=place);
                let (strategy, used) = (self.strategy, kept.len());
                gaps.push(WarmUpGap { strategy, instrument, from, to, used, asked });
            }
            events.extend(kept);
        }
        events.sort_by_key(MarketEvent::received_at);
        events.into_iter().map(move |event| (self.strategy, event))
    }
}
