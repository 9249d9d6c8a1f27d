//! What a strategy's file says of protection, and the orders that follow from it.

use model::{InstrumentId, NewOrder, OrderKind, OrderQuantity, Price, Quantity, Side, TimeInForce};

use crate::portfolio::{MarketPrices, Position, Rate};

/// What a [`Price`] can hold.
const PRICE_DECIMALS: u32 = 8;

/// How far above the market a target is placed that the market has passed already.
const BESIDE_MARKET: Rate = Rate::ONE_BPS;

/// What a position cost on average; `None` for one without a cost.
fn cost_of(position: &Position) -> Option<Price> {
    let cost = position.average_cost()?.to_decimal().round_dp(PRICE_DECIMALS);
    Price::from_decimal(cost).ok().filter(|cost| cost.is_positive())
}

/// How the positions of a strategy are protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtectionPolicy {
    /// How far below the average cost of the position the stop waits.
    pub stop_loss: Rate,
    /// How far below its trigger the stop still sells; `None`: at whatever the market pays.
    pub stop_limit: Option<Rate>,
    /// How far above the average cost a sell rests beside the stop, as one pair with it; `None`:
    /// the stop stands alone.
    pub take_profit: Option<Rate>,
}

impl ProtectionPolicy {
    /// The price at which a position is given up; `None` for one without a cost.
    pub(super) fn stop_price(&self, position: &Position) -> Option<Price> {
        Some(self.stop_loss.below(cost_of(position)?)).filter(|stop| stop.is_positive())
    }

    /// The order that takes the profit beside the stop, never below the market: there it would
    /// trade at once, and the venue takes no pair that does. `None` where the stop stands alone:
    /// nothing is wanted, or the stop's price is reached already.
    pub(super) fn target(
        &self,
        instrument: InstrumentId,
        quantity: Quantity,
        position: &Position,
        stop_price: Price,
        market: &MarketPrices,
    ) -> Option<NewOrder> {
        let wanted = self.take_profit?.above(cost_of(position)?);
        let known = [market.mark, market.ask].into_iter().flatten().max();
        if market.mark.is_some_and(|mark| mark <= stop_price) {
            return None;
        }
        let price = known.map_or(wanted, |known| wanted.max(BESIDE_MARKET.above(known)));
        let kind = OrderKind::LimitMaker { price };
        let new = NewOrder::new(instrument, Side::Sell, kind, OrderQuantity::Base(quantity));
        Some(new.protective())
    }

    /// The order that sells when the price falls to the stop. When it has fallen already, the
    /// venue would refuse a stop: then the order that a stop becomes.
    pub(super) fn stop(
        &self,
        instrument: InstrumentId,
        quantity: Quantity,
        stop_price: Price,
        mark: Option<Price>,
    ) -> NewOrder {
        let is_passed = mark.is_some_and(|mark| mark <= stop_price);
        let kind = match (self.stop_limit, mark.filter(|_| is_passed)) {
            (None, None) => OrderKind::StopLoss { stop_price },
            (None, Some(_)) => OrderKind::Market,
            (Some(rate), None) => OrderKind::StopLossLimit {
                stop_price,
                price: rate.below(stop_price),
                time_in_force: TimeInForce::GoodTilCanceled,
            },
            (Some(rate), Some(mark)) => OrderKind::Limit {
                price: rate.below(mark),
                time_in_force: TimeInForce::ImmediateOrCancel,
            },
        };
        NewOrder::new(instrument, Side::Sell, kind, OrderQuantity::Base(quantity)).protective()
    }
}
