//! One strategy for several symbols: a machine for each, that knows nothing of the others.

use kernel::parameters::Parameters;
use kernel::strategy::{
    Context, Requirements, SetupError, Strategy, StrategyError, StrategyResult, StrategySetup,
};
use model::{Bar, BookState, InstrumentId, OrderEvent, Quote, Trade};

/// Builds a machine for each symbol of the setup. A machine names its timers after its
/// instrument's number.
pub(crate) fn build<S: Strategy + 'static>(
    setup: &StrategySetup<'_>,
    new: impl Fn(InstrumentId, &Parameters) -> S,
) -> Result<Box<dyn Strategy>, SetupError> {
    let build_one = |id: &InstrumentId| (*id, new(*id, setup.parameters));
    let mut machines: Vec<(InstrumentId, S)> = setup.traded.iter().map(build_one).collect();
    match machines.len() {
        0 => Err(SetupError::Symbols { expected: "at least one symbol", actual: 0 }),
        1 => Ok(Box::new(machines.remove(0).1)),
        _ => Ok(Box::new(PerSymbol { machines })),
    }
}

struct PerSymbol<S> {
    machines: Vec<(InstrumentId, S)>,
}

impl<S: Strategy> PerSymbol<S> {
    fn tell(
        &mut self,
        id: InstrumentId,
        tell: impl FnOnce(&mut S) -> StrategyResult,
    ) -> StrategyResult {
        let found = self.machines.iter_mut().find(|(own, _)| *own == id);
        found.map_or(Ok(()), |(_, machine)| tell(machine))
    }
}

impl<S: Strategy> Strategy for PerSymbol<S> {
    fn requirements(&self) -> Requirements {
        self.machines.first().map(|(_, machine)| machine.requirements()).unwrap_or_default()
    }

    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.machines.iter_mut().try_for_each(|(_, machine)| machine.on_start(context))
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.tell(trade.instrument, |machine| machine.on_trade(context, trade))
    }

    fn on_quote(&mut self, context: &mut Context<'_>, quote: &Quote) -> StrategyResult {
        self.tell(quote.instrument, |machine| machine.on_quote(context, quote))
    }

    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        self.tell(bar.instrument, |machine| machine.on_bar(context, bar))
    }

    fn on_book(&mut self, context: &mut Context<'_>, book: &BookState) -> StrategyResult {
        self.tell(book.instrument, |machine| machine.on_book(context, book))
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.tell(event.instrument, |machine| machine.on_order(context, event))
    }

    fn on_timer(&mut self, context: &mut Context<'_>, timer: u32) -> StrategyResult {
        let id = InstrumentId(u16::try_from(timer).unwrap_or(u16::MAX));
        self.tell(id, |machine| machine.on_timer(context, timer))
    }

    fn on_stop(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.machines.iter_mut().try_for_each(|(_, machine)| machine.on_stop(context))
    }

    fn snapshot(&self) -> Option<serde_json::Value> {
        let state = |(id, machine): &(InstrumentId, S)| Some((*id, machine.snapshot()?));
        let states: Vec<_> = self.machines.iter().filter_map(state).collect();
        if states.is_empty() { None } else { serde_json::to_value(states).ok() }
    }

    fn restore(&mut self, snapshot: serde_json::Value) -> StrategyResult {
        let states: Vec<(InstrumentId, serde_json::Value)> =
            serde_json::from_value(snapshot).map_err(|error| StrategyError(error.to_string()))?;
        states.into_iter().try_for_each(|(id, state)| self.tell(id, |own| own.restore(state)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernel::strategy::HostInput;
    use model::{MarketEvent, Side};

    use super::*;
    use crate::testing::{ID, Market, Step, held};

    const OTHER: InstrumentId = InstrumentId(1);

    fn market(kind: &str, given: &[(&str, &str)]) -> Market {
        let (positions, orders) = (BTreeMap::new(), Vec::new());
        let mut market = Market::trading(vec![ID, OTHER], kind, given, positions, orders);
        market.give(HostInput::Start);
        market
    }

    fn of_other(event: MarketEvent) -> MarketEvent {
        match event {
            MarketEvent::Trade(trade) => MarketEvent::Trade(Trade { instrument: OTHER, ..trade }),
            MarketEvent::Quote(quote) => MarketEvent::Quote(Quote { instrument: OTHER, ..quote }),
            MarketEvent::Bar(_) | MarketEvent::Book(_) | MarketEvent::Depth(_) => event,
        }
    }

    fn ordered(market: &Market) -> Vec<(InstrumentId, Side)> {
        market.host.open_orders().map(|open| (open.new.instrument, open.new.side)).collect()
    }

    #[test]
    fn each_symbol_is_decided_apart() {
        let given = [
            ("source", "trades"),
            ("fast", "1"),
            ("slow", "2"),
            ("quantity", "1"),
            ("warm_up", "0"),
        ];
        let mut market = market("ema_cross", &given);
        for (price, other) in [("100", "100"), ("101", "99"), ("102", "98"), ("103", "99")] {
            market.step(Step::Trade(price));
            let event = market.trade(other.parse().unwrap());
            market.market(of_other(event));
        }
        assert_eq!(ordered(&market), [(ID, Side::Buy), (OTHER, Side::Buy)]);
    }

    #[test]
    fn timers_find_their_symbol() {
        let given = [("quantity", "1"), ("requote_ms", "1000"), ("requote_bps", "0")];
        let mut market = market("market_maker", &given);
        let event = market.quote("95", "105");
        market.market(of_other(event));
        assert_eq!(ordered(&market), [(OTHER, Side::Buy)]);
        // An event of an order goes to its symbol's machine, which waits for its time.
        let order = market.host.open_orders().next().unwrap().order;
        let kind = model::OrderEventKind::Canceled { reason: model::CancelReason::Requested };
        let event = OrderEvent {
            order,
            instrument: OTHER,
            received_at: market.now,
            correlation: model::CorrelationId(1),
            kind,
        };
        market.give(HostInput::Order { event, fee_in_quote: model::Amount::ZERO });
        assert_eq!(ordered(&market), []);
        market.step(Step::Pass(1_000));
        assert_eq!(ordered(&market), [(OTHER, Side::Buy)]);
    }

    #[test]
    fn snapshots_go_back_to_their_symbol() {
        let given = [("quantity", "1"), ("reference_bars", "1")];
        let mut before = market("dip_buyer", &given);
        before.step(Step::Bar("100"));
        before.step(Step::Trade("90"));
        before.step(Step::Fill(1, "1", "90"));
        let snapshot = before.host.snapshot().unwrap();
        let traded = vec![ID, OTHER];
        let mut after = Market::trading(traded, "dip_buyer", &given, held("1", "90"), Vec::new());
        after.host.restore(snapshot.clone()).unwrap();
        after.give(HostInput::Start);
        assert_eq!(after.host.snapshot(), Some(snapshot));
    }
}
