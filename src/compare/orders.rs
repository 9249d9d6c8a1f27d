//! One order with all that became of it, whichever side it is from.

use std::collections::BTreeMap;

use backtest::tally::fee_in_quote;
use model::{
    Amount, CancelReason, Fill, InstrumentId, Instruments, Liquidity, NewOrder, OrderEvent,
    OrderEventKind, OrderId, OrderQuantity, Price, Quantity, Role, Side, Symbol, Timestamp,
    TradeId,
};
use serde::Serialize;

/// An execution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Execution {
    /// The venue's time.
    pub at: Timestamp,
    /// At.
    pub price: Price,
    /// In base.
    pub quantity: Quantity,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// The venue's number of the trade; none in an export.
    #[serde(skip)]
    pub trade: Option<TradeId>,
    /// When the strategy heard of it; in an export, nobody knows.
    #[serde(skip)]
    pub heard_at: Option<Timestamp>,
    /// The fee, in the quote asset at the fill's own price.
    pub fee_in_quote: Amount,
}

/// What became of an order within the span.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works still, or its answer is not there.
    Open,
    /// Executed whole.
    Filled,
    /// Taken back, and by whom.
    Canceled(CancelReason),
    /// The gate refused it: the rule.
    Denied(String),
    /// The venue refused it: its words.
    Rejected(String),
    /// The venue ended it: its words.
    Expired(String),
    /// It never arrived.
    Absent,
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OrderRecord {
    /// Epoch, strategy and number.
    pub order: String,
    /// Whose.
    pub strategy: String,
    /// What it trades.
    pub symbol: Symbol,
    /// The same, by its number.
    #[serde(skip)]
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Its type.
    pub kind: String,
    /// What it is for.
    pub role: Role,
    /// Limit.
    pub price: Option<Price>,
    /// Trigger.
    pub stop_price: Option<Price>,
    /// In base; none for an order by quote amount.
    pub quantity: Option<Quantity>,
    /// When the event that caused it was received.
    pub caused_at: Timestamp,
    /// Whether it waited until the order that it replaced was gone.
    pub is_replacement: bool,
    /// Whether an answer about it was lost.
    pub was_unknown: bool,
    /// When it was decided to take it back.
    pub cancel_at: Option<Timestamp>,
    /// When it was handed to the connection.
    pub submitted_at: Option<Timestamp>,
    /// When the venue's first word of it came.
    pub answered_at: Option<Timestamp>,
    /// When its end was told.
    pub ended_at: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
    /// Its executions.
    pub fills: Vec<Execution>,
}

impl OrderRecord {
    /// As it was wanted.
    #[must_use]
    pub fn wanted(
        order: String,
        strategy: &str,
        symbol: Symbol,
        new: &NewOrder,
        caused_at: Timestamp,
    ) -> Self {
        Self {
            order,
            strategy: strategy.to_owned(),
            symbol,
            instrument: new.instrument,
            side: new.side,
            kind: new.kind.name().to_owned(),
            role: new.role,
            price: new.kind.limit_price(),
            stop_price: new.kind.stop_price(),
            quantity: match new.quantity {
                OrderQuantity::Base(quantity) => Some(quantity),
                OrderQuantity::Quote(_) => None,
            },
            caused_at,
            is_replacement: false,
            was_unknown: false,
            cancel_at: None,
            submitted_at: None,
            answered_at: None,
            ended_at: None,
            outcome: Outcome::Open,
            fills: Vec::new(),
        }
    }

    /// Executed in all.
    #[must_use]
    pub fn filled(&self) -> Quantity {
        self.fills.iter().fold(Quantity::ZERO, |sum, fill| sum + fill.quantity)
    }

    /// The average price of its executions.
    #[must_use]
    pub fn average_price(&self) -> Option<f64> {
        let quantity: f64 = self.fills.iter().map(|fill| fill.quantity.to_f64()).sum();
        (quantity > 0.0).then(|| self.notional() / quantity)
    }

    /// What was executed is worth, in quote.
    #[must_use]
    pub fn notional(&self) -> f64 {
        self.fills.iter().map(|fill| fill.price.to_f64() * fill.quantity.to_f64()).sum()
    }

    /// Whether it reached the venue.
    #[must_use]
    pub const fn was_sent(&self) -> bool {
        !matches!(self.outcome, Outcome::Denied(_))
    }

    /// Whether it took, when it was executed at all.
    #[must_use]
    pub fn has_taken(&self) -> bool {
        self.fills.iter().any(|fill| fill.liquidity == Liquidity::Taker)
    }
}

/// Orders on the way to their ends.
#[derive(Debug, Default)]
pub struct Orders(BTreeMap<OrderId, OrderRecord>);

impl Orders {
    /// An order is wanted.
    pub fn want(
        &mut self,
        order: OrderId,
        strategy: &str,
        instruments: &Instruments,
        new: &NewOrder,
        replaces: Option<OrderId>,
        caused_at: Timestamp,
    ) {
        let instrument = instruments.get(new.instrument);
        let symbol = instrument.symbol;
        let record = OrderRecord::wanted(order.to_string(), strategy, symbol, new, caused_at);
        // As it would be sent: one that never was is then like one that was.
        let rounded = |quantity| instrument.quantise_quantity(&new.kind, quantity);
        let quantity = record.quantity.map(rounded);
        let price = record.price.map(|price| instrument.quantise_price(new.side, price));
        let is_replacement = replaces.is_some();
        self.0.insert(order, OrderRecord { quantity, price, is_replacement, ..record });
        if let Some(replaced) = replaces {
            self.cancel(replaced, caused_at);
        }
    }

    /// An order is to be taken back.
    pub fn cancel(&mut self, order: OrderId, at: Timestamp) {
        if let Some(record) = self.0.get_mut(&order) {
            record.cancel_at.get_or_insert(at);
        }
    }

    /// Something happened to an order. `third` is the worth of a fee in a third asset.
    pub fn change(&mut self, event: &OrderEvent, instruments: &Instruments, third: Amount) {
        let Some(record) = self.0.get_mut(&event.order) else { return };
        let at = event.received_at;
        let mut end = |outcome: Outcome| {
            record.outcome = outcome;
            record.ended_at = Some(at);
        };
        match &event.kind {
            OrderEventKind::Denied { reason } => end(Outcome::Denied(reason.rule.clone())),
            OrderEventKind::Submitted { quantity, price } => {
                record.submitted_at = Some(at);
                record.quantity = quantity.or(record.quantity);
                record.price = price.or(record.price);
            }
            OrderEventKind::Accepted { .. } => {
                record.answered_at.get_or_insert(at);
            }
            OrderEventKind::Filled { fill, complete, .. } => {
                if *complete {
                    end(Outcome::Filled);
                }
                record.answered_at.get_or_insert(at);
                let heard_at = Some(at);
                let fill = execution(fill, instruments, third);
                record.fills.push(Execution { heard_at, ..fill });
            }
            OrderEventKind::Completed => end(Outcome::Filled),
            OrderEventKind::Canceled { reason } => end(Outcome::Canceled(*reason)),
            OrderEventKind::Expired { reason, .. } => end(Outcome::Expired(reason.clone())),
            OrderEventKind::Rejected { reason } => {
                end(Outcome::Rejected(reason.message.clone()));
                record.answered_at.get_or_insert(at);
            }
            OrderEventKind::Absent { .. } => end(Outcome::Absent),
            OrderEventKind::OutcomeUnknown { .. } => record.was_unknown = true,
            OrderEventKind::Triggered | OrderEventKind::CancelRejected { .. } => {}
        }
    }

    /// What a fee in a third asset was worth, told after its fill.
    pub fn value_fee(&mut self, order: OrderId, trade: TradeId, in_quote: Amount) {
        let Some(record) = self.0.get_mut(&order) else { return };
        let mut fills = record.fills.iter_mut();
        if let Some(fill) = fills.find(|fill| fill.trade == Some(trade)) {
            fill.fee_in_quote = in_quote;
        }
    }

    /// All of them, in the order in which they were caused.
    #[must_use]
    pub fn into_records(self) -> Vec<OrderRecord> {
        let mut records: Vec<OrderRecord> = self.0.into_values().collect();
        records.sort_by_key(|record| record.caused_at);
        records
    }
}

fn execution(fill: &Fill, instruments: &Instruments, third: Amount) -> Execution {
    let instrument = instruments.get(fill.key.instrument);
    Execution {
        at: fill.event_at,
        price: fill.price,
        quantity: fill.quantity,
        liquidity: fill.liquidity,
        trade: Some(fill.key.trade),
        heard_at: None,
        fee_in_quote: fee_in_quote(fill, instrument, third),
    }
}

#[cfg(test)]
mod tests {
    use model::{FillKey, Side, VenueOrderId};

    use super::*;
    use crate::compare::testing::{base_order, instruments};

    #[test]
    fn a_fee_is_valued_by_its_fill_and_not_by_its_time() {
        let instruments = instruments(&["USDT"]);
        let (id, at) = (base_order(1), Timestamp::from_millis(5));
        let new = NewOrder::market(InstrumentId(0), Side::Buy, Quantity::ONE);
        let mut orders = Orders::default();
        orders.want(id, "a", &instruments, &new, None, at);
        for trade in [7, 8] {
            let venue_order = VenueOrderId(1);
            let fill = Fill {
                key: FillKey { instrument: InstrumentId(0), trade: TradeId(trade), venue_order },
                side: Side::Buy,
                price: Price::from_units(100),
                quantity: Quantity::ONE,
                fee: Amount::ZERO,
                fee_asset: model::Asset::new("BNB").unwrap(),
                liquidity: Liquidity::Taker,
                event_at: at,
            };
            let (cumulative_quantity, complete) = (Quantity::ONE, false);
            let kind = OrderEventKind::Filled { fill, cumulative_quantity, complete };
            let event = OrderEvent {
                order: id,
                instrument: InstrumentId(0),
                correlation: model::CorrelationId(0),
                received_at: at,
                kind,
            };
            orders.change(&event, &instruments, Amount::ZERO);
        }
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        orders.value_fee(id, TradeId(7), amount("0.1"));
        orders.value_fee(id, TradeId(8), amount("0.2"));
        orders.value_fee(id, TradeId(9), amount("0.4"));
        let records = orders.into_records();
        let fees: Vec<Amount> = records[0].fills.iter().map(|fill| fill.fee_in_quote).collect();
        assert_eq!(fees, [amount("0.1"), amount("0.2")]);
    }
}
