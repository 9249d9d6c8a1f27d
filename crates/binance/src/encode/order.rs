//! Placing an order.

use kernel::venue::{OrderLeg, OrderPair};
use model::{ClientOrderId, Instrument, NewOrder, OrderQuantity, Side};

use super::call::{Call, Operation};
use super::params::Params;
use crate::{OrderSide, OrderType, ResponseType, SelfTradePrevention, WireTimeInForce};

/// What is said of every order, always and explicitly: the venue's defaults depend on the order's
/// type and on the symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitOptions {
    /// What happens when the order meets another one of the account.
    pub self_trade_prevention: SelfTradePrevention,
    /// How much the answer tells.
    pub response: ResponseType,
}

impl Call {
    /// Places an order that is already rounded to the instrument's tick and step.
    #[must_use]
    pub fn submit(
        instrument: &Instrument,
        new: &NewOrder,
        client_order_id: &ClientOrderId,
        options: SubmitOptions,
    ) -> Self {
        let mut params = Params::of_order()
            .text("symbol", instrument.symbol.as_str())
            .word("side", OrderSide::from(new.side).as_str())
            .word("type", OrderType::from(&new.kind).as_str());
        if let Some(time_in_force) = new.kind.time_in_force() {
            params = params.word("timeInForce", WireTimeInForce::from(time_in_force).as_str());
        }
        params = with_quantity(params, instrument, new.quantity);
        if let Some(price) = new.kind.limit_price() {
            params = params.text("price", price.to_plain_string());
        }
        if let Some(stop_price) = new.kind.stop_price() {
            params = params.text("stopPrice", stop_price.to_plain_string());
        }
        params = params
            .text("newClientOrderId", client_order_id.as_str())
            .word("newOrderRespType", options.response.as_str())
            .word("selfTradePreventionMode", options.self_trade_prevention.as_str());
        Self::new(Operation::PlaceOrder, 1, params)
    }
}

impl Call {
    /// Places two orders for the same lots, of which one cancels the other, both rounded already.
    #[must_use]
    pub fn submit_pair(
        instrument: &Instrument,
        OrderPair { stop, target }: &OrderPair,
        options: SubmitOptions,
    ) -> Self {
        let params = Params::of_order()
            .text("symbol", instrument.symbol.as_str())
            .word("side", OrderSide::from(stop.new.side).as_str());
        let params = with_quantity(params, instrument, stop.new.quantity);
        let (above, below) = match stop.new.side {
            Side::Sell => (target, stop),
            Side::Buy => (stop, target),
        };
        let params = with_leg(params, &ABOVE, above);
        let params = with_leg(params, &BELOW, below)
            .word("newOrderRespType", options.response.as_str())
            .word("selfTradePreventionMode", options.self_trade_prevention.as_str());
        Self::new(Operation::PlaceOco, 1, params)
    }

    /// Takes an order back if nothing of it has traded, and then places another one.
    #[must_use]
    pub fn cancel_replace(
        instrument: &Instrument,
        old: &ClientOrderId,
        new: &NewOrder,
        client_order_id: &ClientOrderId,
        options: SubmitOptions,
    ) -> Self {
        let params = Self::submit(instrument, new, client_order_id, options)
            .params
            .word("cancelReplaceMode", "STOP_ON_FAILURE")
            .text("cancelOrigClientOrderId", old.as_str())
            .word("cancelRestrictions", "ONLY_NEW");
        Self::new(Operation::CancelReplace, 1, params)
    }
}

/// What the parameters of a leg are called.
struct LegNames {
    kind: &'static str,
    client_order_id: &'static str,
    price: &'static str,
    stop_price: &'static str,
    time_in_force: &'static str,
}

const ABOVE: LegNames = LegNames {
    kind: "aboveType",
    client_order_id: "aboveClientOrderId",
    price: "abovePrice",
    stop_price: "aboveStopPrice",
    time_in_force: "aboveTimeInForce",
};

const BELOW: LegNames = LegNames {
    kind: "belowType",
    client_order_id: "belowClientOrderId",
    price: "belowPrice",
    stop_price: "belowStopPrice",
    time_in_force: "belowTimeInForce",
};

fn with_leg(params: Params, names: &LegNames, leg: &OrderLeg) -> Params {
    let kind = &leg.new.kind;
    let mut params = params
        .word(names.kind, OrderType::from(kind).as_str())
        .text(names.client_order_id, leg.client_order_id.as_str());
    if let Some(price) = kind.limit_price() {
        params = params.text(names.price, price.to_plain_string());
    }
    if let Some(stop_price) = kind.stop_price() {
        params = params.text(names.stop_price, stop_price.to_plain_string());
    }
    if let Some(time_in_force) = kind.time_in_force() {
        params = params.word(names.time_in_force, WireTimeInForce::from(time_in_force).as_str());
    }
    params
}

fn with_quantity(params: Params, instrument: &Instrument, quantity: OrderQuantity) -> Params {
    match quantity {
        OrderQuantity::Base(quantity) => params.text("quantity", quantity.to_plain_string()),
        OrderQuantity::Quote(amount) => {
            let amount = amount.truncated(instrument.quote_decimals);
            params.text("quoteOrderQty", amount.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Contract, Filters, InstrumentId, InstrumentStatus, OrderKind, Price, Side, TimeInForce,
        VenueId,
    };

    use super::*;

    fn instrument() -> Instrument {
        Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("test").unwrap(),
            symbol: "BTCUSDT".parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 2,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        }
    }

    #[test]
    fn each_kind_sends_exactly_what_it_needs() {
        #[track_caller]
        fn check(kind: OrderKind, quantity: OrderQuantity, expected: &str) {
            let new = NewOrder::new(InstrumentId(0), Side::Sell, kind, quantity);
            let id = "tw-1".parse().unwrap();
            let options = SubmitOptions {
                self_trade_prevention: SelfTradePrevention::ExpireTaker,
                response: ResponseType::Full,
            };
            let call = Call::submit(&instrument(), &new, &id, options);
            let query = call.params.to_query();
            let common = "&newClientOrderId=tw-1&newOrderRespType=FULL\
                          &selfTradePreventionMode=EXPIRE_TAKER";
            let expected = format!("symbol=BTCUSDT&side=SELL&{expected}{common}");
            assert_eq!(query, expected);
        }
        let px = |text: &str| text.parse::<Price>().unwrap();
        let lot = OrderQuantity::Base("0.0100".parse().unwrap());
        let (gtc, fok) = (TimeInForce::GoodTilCanceled, TimeInForce::FillOrKill);
        check(OrderKind::Market, lot, "type=MARKET&quantity=0.01");
        check(
            OrderKind::Market,
            OrderQuantity::Quote("12.349".parse().unwrap()),
            "type=MARKET&quoteOrderQty=12.34",
        );
        check(
            OrderKind::Limit { price: px("60000"), time_in_force: fok },
            OrderQuantity::Base("100".parse().unwrap()),
            "type=LIMIT&timeInForce=FOK&quantity=100&price=60000",
        );
        check(
            OrderKind::LimitMaker { price: px("0.00000001") },
            lot,
            "type=LIMIT_MAKER&quantity=0.01&price=0.00000001",
        );
        check(
            OrderKind::StopLoss { stop_price: px("59000.5") },
            lot,
            "type=STOP_LOSS&quantity=0.01&stopPrice=59000.5",
        );
        check(
            OrderKind::StopLossLimit { stop_price: px("1"), price: px("2"), time_in_force: gtc },
            lot,
            "type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.01&price=2&stopPrice=1",
        );
        check(
            OrderKind::TakeProfit { stop_price: px("70000") },
            lot,
            "type=TAKE_PROFIT&quantity=0.01&stopPrice=70000",
        );
        check(
            OrderKind::TakeProfitLimit { stop_price: px("1"), price: px("2"), time_in_force: gtc },
            lot,
            "type=TAKE_PROFIT_LIMIT&timeInForce=GTC&quantity=0.01&price=2&stopPrice=1",
        );
    }
}
