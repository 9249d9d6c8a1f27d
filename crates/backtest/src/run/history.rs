//! What comes before a run and warms its strategies up.

use std::collections::VecDeque;
use std::time::Duration;

use kernel::strategy::WarmUp;
use model::{InstrumentId, MarketEvent, StrategyId, Timestamp};

use crate::plan::RunPlan;

/// A longer time without a trade ends a history: an average over it would be one of two markets.
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
    kept: Vec<Kept>,
}

/// The newest events of one instrument.
#[derive(Clone, Debug, Default)]
struct Kept {
    events: VecDeque<MarketEvent>,
    /// When something was traded last of all that is not kept any more.
    traded_before: Option<Timestamp>,
}

/// Bars at the previous close, which are told where nothing was, tell of nothing.
fn is_traded(event: &MarketEvent) -> bool {
    match event {
        MarketEvent::Bar(bar) => bar.volume.is_positive(),
        MarketEvent::Trade(_)
        | MarketEvent::Quote(_)
        | MarketEvent::Book(_)
        | MarketEvent::Depth(_) => true,
    }
}

impl Kept {
    fn push(&mut self, event: MarketEvent, wanted: u32) {
        self.events.push_back(event);
        if self.events.len() > usize::try_from(wanted).unwrap_or(usize::MAX)
            && let Some(dropped) = self.events.pop_front()
            && is_traded(&dropped)
        {
            self.traded_before = Some(dropped.received_at());
        }
    }

    /// Drops what lies before the last gap that is longer than this; that gap.
    fn cut(&mut self, start: Timestamp, longest: Duration) -> Option<(Timestamp, Timestamp)> {
        let (mut cut, mut gap, mut last) = (0, None, self.traded_before);
        let traded = self.events.iter().enumerate().filter(|(_, event)| is_traded(event));
        let times = traded.map(|(place, event)| (place, event.received_at()));
        for (place, at) in times.chain([(self.events.len(), start)]) {
            if let Some(before) = last.filter(|before| at.since(*before) > longest) {
                (cut, gap) = (place, Some((before, at)));
            }
            last = Some(at);
        }
        self.events.drain(..cut);
        gap
    }
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
             a day without a trade (ten bars, where these are longer) is not used"
        )
    }
}

impl History {
    pub(super) fn new(strategy: StrategyId, traded: Vec<InstrumentId>, warm_up: WarmUp) -> Self {
        let kept = vec![Kept::default(); traded.len()];
        Self { strategy, traded, warm_up, kept }
    }

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
        if let Some(place) = place {
            self.kept[place].push(event.clone(), wanted);
        }
    }

    /// The longest time without a trade.
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
            if let Some((from, to)) = kept.cut(start, longest) {
                let (strategy, used) = (self.strategy, kept.events.len());
                gaps.push(WarmUpGap { strategy, instrument, from, to, used, asked });
            }
            events.extend(kept.events);
        }
        events.sort_by_key(MarketEvent::received_at);
        events.into_iter().map(move |event| (self.strategy, event))
    }
}

#[cfg(test)]
mod tests {
    use model::{Amount, Bar, Interval, Price, Quantity};

    use super::*;

    const HOURS: u32 = 3_600;

    fn hour(at: u32, volume: i64) -> MarketEvent {
        let open_at = Timestamp::from_secs(i64::from(at * HOURS));
        MarketEvent::from(Bar {
            instrument: InstrumentId(0),
            interval: Interval::HOUR,
            open_at,
            open: Price::ONE,
            high: Price::ONE,
            low: Price::ONE,
            close: Price::ONE,
            volume: Quantity::from_units(volume),
            quote_volume: Amount::ZERO,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 0,
            received_at: open_at.after(Interval::HOUR.duration()),
        })
    }

    /// Hours with trades and hours without, how many are wanted, the hour of the start; how many
    /// are used, and from which hour to which nothing is known.
    #[track_caller]
    fn check(
        label: &str,
        hours: impl Iterator<Item = (u32, i64)>,
        (wanted, start): (u32, u32),
        expected: (usize, Option<(i64, i64)>),
    ) {
        let warm_up = WarmUp::Bars(Interval::HOUR, wanted);
        let mut history = History::new(StrategyId(0), vec![InstrumentId(0)], warm_up);
        hours.for_each(|(at, volume)| history.keep(&hour(at, volume)));
        let mut gaps = Vec::new();
        let start = Timestamp::from_secs(i64::from(start * HOURS));
        let used = history.release(start, &mut gaps).count();
        let hours = |at: Timestamp| at.as_secs() / i64::from(HOURS);
        let gap = gaps.first().map(|gap| (hours(gap.from), hours(gap.to)));
        assert_eq!((used, gap), expected, "{label}");
        assert!(gaps.iter().all(|gap| (gap.used, gap.asked) == (used, wanted)), "{label}");
    }

    #[test]
    fn what_lies_before_a_gap_is_not_used() {
        let all = |from: u32, to: u32| (from..to).map(|at| (at, 1));
        let none = |from: u32, to: u32| (from..to).map(|at| (at, 0));
        check("whole", all(0, 50), (40, 50), (40, None));
        check("short", all(0, 5), (40, 5), (5, None));
        check("a night", all(0, 20).chain(all(40, 60)), (40, 60), (40, None));
        check("a gap", all(0, 20).chain(all(200, 210)), (40, 210), (10, Some((20, 201))));
        check(
            "two gaps",
            all(0, 9).chain(all(99, 109)).chain(all(300, 307)),
            (40, 307),
            (7, Some((109, 301))),
        );
        check("before the start", all(0, 20), (40, 99), (0, Some((20, 99))));
        let flat = || all(0, 20).chain(none(20, 200));
        check(
            "filled with bars of nothing",
            flat().chain(all(200, 210)),
            (40, 210),
            (10, Some((20, 201))),
        );
        check("so up to the start", flat(), (40, 200), (0, Some((20, 200))));
        check("nothing was ever traded", none(0, 50), (40, 50), (40, None));
    }
}
