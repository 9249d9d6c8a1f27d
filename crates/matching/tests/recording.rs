//! A recorded market fed with what the real exchange sent.

#![allow(clippy::unwrap_used, reason = "a test that fails to unwrap has failed")]

mod instrument;
#[path = "../../market/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use market::{BookSync, SnapshotOutcome};
use model::{Instrument, InstrumentId, MarketEvent, NewOrder, Price, Quantity, Side};
use support::Line;
use tickwright_matching::{
    Execution, Fees, MatchEvent, Matcher, OrderKey, Owner, QueueModel, Recorded, RecordedModels,
    Submission,
};

fn instrument() -> Instrument {
    instrument::bitcoin(1_000_000, 1_000)
}

/// The events of a capture as the feed publishes them: depth begins with the snapshot.
fn events(name: &str) -> Option<Vec<MarketEvent>> {
    let mut sync = BookSync::new(InstrumentId(0));
    let mut events = Vec::new();
    for line in support::capture(name)? {
        match line {
            Line::Trade(trade) => events.push(MarketEvent::Trade(trade)),
            Line::Quote(quote) => events.push(MarketEvent::Quote(quote)),
            Line::Depth(depth) if depth.is_snapshot => {
                let SnapshotOutcome::Synchronised { applied } = sync.on_snapshot(&depth) else {
                    panic!("the snapshot does not fit");
                };
                events.push(MarketEvent::Depth(Arc::new(depth)));
                events.extend(applied.into_iter().map(MarketEvent::Depth));
            }
            Line::Depth(depth) => {
                let depth = Arc::new(depth);
                sync.on_diff(&depth);
                if sync.book().is_some() {
                    events.push(MarketEvent::Depth(depth));
                }
            }
        }
    }
    Some(events)
}

fn matcher(queue: QueueModel) -> Matcher<Recorded> {
    let models = RecordedModels { queue, ..RecordedModels::default() };
    Matcher::new(instrument(), Fees::NONE, Recorded::new(&instrument(), models))
}

#[test]
fn what_is_displayed_is_the_best_of_both_streams() {
    for name in ["ws_binance_spot_BTCUSDT_20240808.gz", "ws_binance_spot_ETHUSDT_20240808.gz"] {
        let Some(events) = events(name) else { return };
        let mut matcher = matcher(QueueModel::Back);
        let (mut out, mut compared, mut newest) = (Vec::new(), 0, None);
        for event in &events {
            matcher.on_market(event.received_at(), event, &mut out);
            let book = matcher.displayed();
            assert!(!book.is_crossed(), "{event:?}");
            if let MarketEvent::Quote(quote) = event {
                newest = Some(*quote);
            }
            // The newest best prices hold until depth that is newer says otherwise.
            if let Some(quote) = newest
                && quote.update_id >= book.update_id()
            {
                assert_eq!(book.best_bid(), Some(quote.bid), "{event:?}");
                assert_eq!(book.best_ask(), Some(quote.ask), "{event:?}");
                compared += 1;
            }
        }
        assert!(out.is_empty() && compared > 20_000, "{compared} compared in {name}");
    }
}

/// Keeps an order at the best price of each side, placed anew when the best price moves away.
fn quote_both_sides(events: &[MarketEvent], queue: QueueModel) -> Vec<Execution> {
    let mut matcher = matcher(queue);
    let (mut out, mut fills, mut key) = (Vec::new(), Vec::new(), 0);
    let mut placed: [Option<(u64, Price)>; 2] = [None, None];
    for event in events {
        let now = event.received_at();
        matcher.on_market(now, event, &mut out);
        for side in [Side::Buy, Side::Sell] {
            let Some(best) = matcher.displayed().best(side) else { continue };
            let slot = &mut placed[side as usize];
            if let Some((old, price)) = *slot
                && matcher.order(OrderKey(old)).is_some()
            {
                if price == best.price {
                    continue;
                }
                matcher.cancel(now, OrderKey(old), &mut out).unwrap();
            }
            key += 1;
            let quantity = Quantity::from_units(1_000_000);
            let order = NewOrder::limit_maker(InstrumentId(0), side, quantity, best.price);
            let submission = Submission::new(OrderKey(key), Owner(1), order);
            *slot = matcher.place(now, &submission, &mut out).ok().map(|()| (key, best.price));
        }
        fills.extend(out.drain(..).filter_map(|event| match event {
            MatchEvent::Traded(trade) => Some(trade),
            MatchEvent::Accepted { .. }
            | MatchEvent::Triggered { .. }
            | MatchEvent::Tracking { .. }
            | MatchEvent::Prevented(_)
            | MatchEvent::Expired { .. }
            | MatchEvent::Canceled { .. }
            | MatchEvent::LevelChanged(_) => None,
        }));
    }
    fills
}

#[test]
fn a_cautious_queue_fills_less() {
    let Some(events) = events("ws_binance_spot_BTCUSDT_20240808.gz") else { return };
    let traded: Quantity = events
        .iter()
        .filter_map(|event| match event {
            MarketEvent::Trade(trade) => Some(trade.quantity),
            MarketEvent::Quote(_)
            | MarketEvent::Bar(_)
            | MarketEvent::Book(_)
            | MarketEvent::Depth(_) => None,
        })
        .sum();
    let volume = |fills: &[Execution]| fills.iter().map(|fill| fill.quantity).sum::<Quantity>();
    let (back, proportional) = (
        quote_both_sides(&events, QueueModel::Back),
        quote_both_sides(&events, QueueModel::Proportional),
    );
    eprintln!(
        "{} fills of {} at the back, {} of {} in proportion, {traded} traded",
        back.len(),
        volume(&back),
        proportional.len(),
        volume(&proportional)
    );
    assert!(back.len() > 100 && volume(&back) <= volume(&proportional));
    assert!(volume(&proportional) < traded);
    assert!(back.iter().all(|fill| fill.taker.is_none() && fill.maker.is_some()));
}
