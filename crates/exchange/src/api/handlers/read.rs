//! Reading orders from parameters: of a single order, or of a leg of a list, whose parameters
//! carry the leg's name in front (`abovePrice`, `pendingBelowStopPrice`).

use model::{Amount, ClientOrderId, OrderKind, OrderQuantity, Price, Quantity, Side, TimeInForce};

use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::machine::{CancelRestriction, Exchange, OrderRef, PlaceOrder};
use crate::orders::SelfTradePrevention;

const GTC: TimeInForce = TimeInForce::GoodTilCanceled;

/// How much of a new order is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// The ids.
    Ack,
    /// The order.
    Result,
    /// The order with its executions.
    Full,
}

/// A client order id.
///
/// # Errors
/// -1100 for characters that the venue does not take.
pub fn client_id(params: &Params, name: &str) -> Result<Option<ClientOrderId>, ApiError> {
    let legal = "^[a-zA-Z0-9-_.:/]{1,36}$";
    let Some(text) = params.text(name)? else { return Ok(None) };
    let is_legal = text.len() <= 36
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    if !is_legal {
        return Err(ApiError::illegal_characters(name, legal));
    }
    ClientOrderId::new(text).map(Some).map_err(|_| ApiError::illegal_characters(name, legal))
}

/// A mandatory side.
///
/// # Errors
/// -1102, -1117.
pub fn side(params: &Params, name: &str) -> Result<Side, ApiError> {
    match params.required_text(name)? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::bad_side()),
    }
}

/// The order that a request names.
///
/// # Errors
/// -1102 without either id.
pub fn order_ref(params: &Params, id: &str, client: &str) -> Result<OrderRef, ApiError> {
    let order = OrderRef { id: params.integer(id)?, client_id: client_id(params, client)? };
    if order.id.is_none() && order.client_id.is_none() {
        return Err(ApiError::either(client, id));
    }
    Ok(order)
}

/// The condition of a cancel.
///
/// # Errors
/// -1145.
pub fn read_restriction(params: &Params) -> Result<Option<CancelRestriction>, ApiError> {
    match params.text("cancelRestrictions")? {
        None => Ok(None),
        Some("ONLY_NEW") => Ok(Some(CancelRestriction::OnlyNew)),
        Some("ONLY_PARTIALLY_FILLED") => Ok(Some(CancelRestriction::OnlyPartiallyFilled)),
        Some(_) => Err(ApiError::bad_cancel_restrictions()),
    }
}

/// Self-trade prevention.
///
/// # Errors
/// -1013 for the mode that no symbol allows here, -1130 for what is none.
pub fn read_prevention(params: &Params) -> Result<SelfTradePrevention, ApiError> {
    let Some(name) = params.text("selfTradePreventionMode")? else {
        return Ok(SelfTradePrevention::None);
    };
    let known = SelfTradePrevention::ALL.into_iter().find(|mode| mode.venue_name() == name);
    known.ok_or_else(|| match name {
        "TRANSFER" => ApiError::invalid_message(
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        _ => ApiError::invalid_parameter("selfTradePreventionMode"),
    })
}

/// How much the answer shall say.
///
/// # Errors
/// -1130.
pub fn read_detail(params: &Params, kind: &OrderKind) -> Result<Detail, ApiError> {
    match params.text("newOrderRespType")? {
        None if matches!(kind, OrderKind::Market | OrderKind::Limit { .. }) => Ok(Detail::Full),
        None | Some("ACK") => Ok(Detail::Ack),
        Some("RESULT") => Ok(Detail::Result),
        Some("FULL") => Ok(Detail::Full),
        Some(_) => Err(ApiError::invalid_parameter("newOrderRespType")),
    }
}

/// How much the answer to a list shall say of each of its orders.
///
/// # Errors
/// -1130.
pub fn read_list_detail(params: &Params) -> Result<Detail, ApiError> {
    match params.text("newOrderRespType")? {
        None | Some("RESULT") => Ok(Detail::Result),
        Some("ACK") => Ok(Detail::Ack),
        Some("FULL") => Ok(Detail::Full),
        Some(_) => Err(ApiError::invalid_parameter("newOrderRespType")),
    }
}

/// A single order.
///
/// # Errors
/// The venue's refusals of what is missing, not allowed or malformed.
pub fn read_order(exchange: &Exchange, params: &Params) -> Result<PlaceOrder, ApiError> {
    let symbol = params.symbol()?;
    exchange.market_of(symbol)?;
    let side = side(params, "side")?;
    let leg = Leg { params, prefix: "", quantity: "quantity" };
    let (kind, quantity) = leg.kind()?;
    let (strategy_id, strategy_type) = leg.strategy()?;
    Ok(PlaceOrder {
        symbol,
        side,
        kind,
        quantity,
        iceberg: leg.iceberg(&kind)?,
        trailing_delta: leg.trailing_delta(&kind)?,
        client_id: client_id(params, "newClientOrderId")?,
        prevention: read_prevention(params)?,
        strategy_id,
        strategy_type,
    })
}

/// The parameters of one order among those of a request.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// The request's parameters.
    pub params: &'a Params,
    /// What stands in front of each name; empty for a single order.
    pub prefix: &'static str,
    /// The whole name of the quantity, which legs may share.
    pub quantity: &'static str,
}

impl Leg<'_> {
    /// The leg's name of a parameter.
    #[must_use]
    pub fn name(&self, base: &str) -> String {
        if self.prefix.is_empty() {
            return base.to_owned();
        }
        let (first, rest) = base.split_at(1);
        format!("{}{}{rest}", self.prefix, first.to_ascii_uppercase())
    }

    /// The leg's client id.
    ///
    /// # Errors
    /// -1100.
    pub fn client_id(&self) -> Result<Option<ClientOrderId>, ApiError> {
        client_id(self.params, &self.name("clientOrderId"))
    }

    /// The client's numbers for its strategy.
    ///
    /// # Errors
    /// -1134.
    pub fn strategy(&self) -> Result<(Option<i64>, Option<i64>), ApiError> {
        let kind = self.params.integer(&self.name("strategyType"))?;
        if kind.is_some_and(|number| number < 1_000_000) {
            return Err(ApiError::strategy_type_too_small());
        }
        Ok((self.params.integer(&self.name("strategyId"))?, kind))
    }

    fn optional_price(&self, base: &str) -> Result<Option<Price>, ApiError> {
        let price = self.params.price(&self.name(base))?;
        if price.is_some_and(Price::is_zero) {
            return Err(ApiError::invalid_message(&format!("Invalid {}.", self.name(base))));
        }
        Ok(price)
    }

    fn price(&self) -> Result<Price, ApiError> {
        self.optional_price("price")?.ok_or_else(|| ApiError::mandatory(&self.name("price")))
    }

    /// The stop; zero for a trailing order that has none.
    fn stop_price(&self) -> Result<Price, ApiError> {
        let (stop, trailing) = (self.name("stopPrice"), self.name("trailingDelta"));
        match (self.optional_price("stopPrice")?, self.params.text(&trailing)?) {
            (Some(price), _) => Ok(price),
            (None, Some(_)) => Ok(Price::ZERO),
            (None, None) => Err(ApiError::either(&stop, &trailing)),
        }
    }

    /// How far a trailing order lets the market come back, in hundredths of a percent.
    ///
    /// # Errors
    /// -1106 for kinds that don't wait.
    pub fn trailing_delta(&self, kind: &OrderKind) -> Result<Option<u32>, ApiError> {
        let name = self.name("trailingDelta");
        if kind.stop_price().is_none() {
            self.refuse(&["trailingDelta"])?;
        }
        let delta = self.params.integer(&name)?;
        Ok(delta.map(|delta| u32::try_from(delta).unwrap_or(u32::MAX)))
    }

    /// The part of a resting order that shows; zero is none.
    ///
    /// # Errors
    /// -1106 for orders that don't rest, -1160 for legs that could but shall not.
    pub fn iceberg(&self, kind: &OrderKind) -> Result<Option<Quantity>, ApiError> {
        let part = self.params.quantity(&self.name("icebergQty"))?;
        let part = part.filter(|part| part.is_positive());
        let rests = match kind {
            OrderKind::LimitMaker { .. } => true,
            OrderKind::Limit { time_in_force, .. }
            | OrderKind::StopLossLimit { time_in_force, .. }
            | OrderKind::TakeProfitLimit { time_in_force, .. } => *time_in_force == GTC,
            OrderKind::Market | OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => false,
        };
        let is_leg_with_time =
            !self.prefix.is_empty() && kind.time_in_force().is_some_and(|time| time != GTC);
        if part.is_some() && is_leg_with_time {
            let (iceberg, time) = (self.name("icebergQty"), self.name("timeInForce"));
            return Err(ApiError::iceberg_not_resting(&iceberg, &time));
        }
        if part.is_some() && !rests {
            return Err(ApiError::not_required(&self.name("icebergQty")));
        }
        Ok(part)
    }

    fn time_in_force(&self) -> Result<TimeInForce, ApiError> {
        let name = self.name("timeInForce");
        match self.params.text(&name)? {
            None => Err(ApiError::mandatory(&name)),
            Some("GTC") => Ok(TimeInForce::GoodTilCanceled),
            Some("IOC") => Ok(TimeInForce::ImmediateOrCancel),
            Some("FOK") => Ok(TimeInForce::FillOrKill),
            Some(_) => Err(ApiError::bad_time_in_force()),
        }
    }

    fn base_quantity(&self) -> Result<Option<Quantity>, ApiError> {
        let quantity = self.params.quantity(self.quantity)?;
        if quantity.is_some_and(Quantity::is_zero) {
            return Err(ApiError::invalid_message("Invalid quantity."));
        }
        Ok(quantity)
    }

    fn quantity(&self) -> Result<OrderQuantity, ApiError> {
        let quantity = self.base_quantity()?;
        quantity.map(OrderQuantity::Base).ok_or_else(|| ApiError::mandatory(self.quantity))
    }

    fn market_quantity(&self) -> Result<OrderQuantity, ApiError> {
        // An amount of the quote asset has as many decimals as a price.
        let quote = self.params.price("quoteOrderQty")?;
        if quote.is_some_and(Price::is_zero) {
            return Err(ApiError::invalid_message("Invalid quote order quantity."));
        }
        match (self.base_quantity()?, quote) {
            (Some(quantity), None) => Ok(OrderQuantity::Base(quantity)),
            (None, Some(quote)) => Ok(OrderQuantity::Quote(Amount::new(quote.to_decimal()))),
            (Some(_), Some(_)) => Err(ApiError::bad_combination()),
            (None, None) => Err(ApiError::either(self.quantity, "quoteOrderQty")),
        }
    }

    /// Refuses what the kind does not have.
    fn refuse(&self, bases: &[&str]) -> Result<(), ApiError> {
        for base in bases {
            let name = self.name(base);
            if self.params.text(&name)?.is_some() {
                return Err(ApiError::not_required(&name));
            }
        }
        Ok(())
    }

    /// Options that this exchange leaves out: they are refused, not ignored.
    fn refuse_left_out(&self) -> Result<(), ApiError> {
        for (base, words) in LEFT_OUT {
            if self.params.text(&self.name(base))?.is_some() {
                return Err(ApiError::order_rejected(words));
            }
        }
        Ok(())
    }

    /// Kind and quantity.
    ///
    /// # Errors
    /// -1102 for what is missing, -1106 for what the kind does not have, -1115, -1116.
    pub fn kind(&self) -> Result<(OrderKind, OrderQuantity), ApiError> {
        let type_name = self.params.required_text(&self.name("type"))?;
        if !KINDS.contains(&type_name) {
            return Err(ApiError::bad_order_type());
        }
        self.refuse_left_out()?;
        if type_name == "MARKET" {
            self.refuse(&["price", "timeInForce", "stopPrice"])?;
            return Ok((OrderKind::Market, self.market_quantity()?));
        }
        if self.prefix.is_empty() {
            self.refuse(&["quoteOrderQty"])?;
        }
        Ok((self.other_kind(type_name)?, self.quantity()?))
    }

    fn other_kind(&self, type_name: &str) -> Result<OrderKind, ApiError> {
        Ok(match type_name {
            "LIMIT" => {
                self.refuse(&["stopPrice"])?;
                let time_in_force = self.time_in_force()?;
                OrderKind::Limit { price: self.price()?, time_in_force }
            }
            "LIMIT_MAKER" => {
                self.refuse(&["stopPrice", "timeInForce"])?;
                OrderKind::LimitMaker { price: self.price()? }
            }
            "STOP_LOSS" => {
                self.refuse(&["price", "timeInForce"])?;
                OrderKind::StopLoss { stop_price: self.stop_price()? }
            }
            "TAKE_PROFIT" => {
                self.refuse(&["price", "timeInForce"])?;
                OrderKind::TakeProfit { stop_price: self.stop_price()? }
            }
            _ => {
                let time_in_force = self.time_in_force()?;
                let (price, stop_price) = (self.price()?, self.stop_price()?);
                if type_name == "STOP_LOSS_LIMIT" {
                    OrderKind::StopLossLimit { stop_price, price, time_in_force }
                } else {
                    OrderKind::TakeProfitLimit { stop_price, price, time_in_force }
                }
            }
        })
    }
}

/// Options that no symbol allows here, and the venue's words for it.
const LEFT_OUT: [(&str, &str); 3] = [
    ("pegPriceType", "Pegged orders are not supported for this symbol."),
    ("pegOffsetType", "Pegged orders are not supported for this symbol."),
    ("pegOffsetValue", "Pegged orders are not supported for this symbol."),
];

/// The venue's order types.
const KINDS: [&str; 7] = [
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
];
