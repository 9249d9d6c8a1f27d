//! Events of the account: order reports, balances, order lists.

use std::borrow::Cow;

use model::{
    Amount, Asset, Fill, FillKey, InstrumentId, Liquidity, Price, Quantity, Timestamp, TradeId,
    VenueOrderId,
};
use serde::Deserialize;

use super::field::{check_trade, instant, optional_instant, optional_text};
use super::{DecodeError, parse};
use crate::{
    ExecutionType, ListOrderStatus, ListStatusType, OrderSide, OrderType, SelfTradePrevention,
    WireOrderStatus, WireTimeInForce,
};

/// One event of the user data stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserEvent<'a> {
    /// A step in the life of an order.
    Execution(Box<ExecutionReport<'a>>),
    /// New balances of the assets that an event touched.
    Position(AccountPosition<'a>),
    /// A deposit, withdrawal or transfer.
    Balance(BalanceUpdate<'a>),
    /// Part of a balance was locked or freed by another product of the venue.
    ExternalLock(BalanceUpdate<'a>),
    /// A step in the life of an order list.
    List(ListStatus<'a>),
    /// The subscription ended: logged out, unsubscribed or expired.
    StreamTerminated {
        /// When the event was made.
        event_at: Timestamp,
    },
    /// The server is about to close: connect anew.
    ServerShutdown {
        /// When the event was made.
        event_at: Timestamp,
    },
    /// An event that this build does not know.
    Other {
        /// The event's name.
        event: Cow<'a, str>,
    },
}

impl<'a> UserEvent<'a> {
    /// Reads the object under `event`.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow)]
            e: Cow<'a, str>,
            #[serde(rename = "E", deserialize_with = "instant")]
            event_at: Timestamp,
        }
        // Order reports are on the way from fill to strategy: they are read in one pass.
        if bytes.starts_with(b"{\"e\":\"executionReport\",") {
            return Ok(Self::Execution(parse("executionReport", bytes)?));
        }
        let Head { e, event_at } = parse("user data event", bytes)?;
        Ok(match e.as_ref() {
            "executionReport" => Self::Execution(parse("executionReport", bytes)?),
            "outboundAccountPosition" => Self::Position(parse("outboundAccountPosition", bytes)?),
            "balanceUpdate" => Self::Balance(parse("balanceUpdate", bytes)?),
            "externalLockUpdate" => Self::ExternalLock(parse("externalLockUpdate", bytes)?),
            "listStatus" => Self::List(parse("listStatus", bytes)?),
            "eventStreamTerminated" => Self::StreamTerminated { event_at },
            "serverShutdown" => Self::ServerShutdown { event_at },
            _ => Self::Other { event: e },
        })
    }
}

/// One step in the life of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ExecutionReport<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// Client order id; of the cancel, when the report is one.
    #[serde(rename = "c", borrow)]
    pub client_order_id: Cow<'a, str>,
    /// Side.
    #[serde(rename = "S")]
    pub side: OrderSide,
    /// Kind.
    #[serde(rename = "o")]
    pub order_type: OrderType,
    /// How long it stays.
    #[serde(rename = "f")]
    pub time_in_force: WireTimeInForce,
    /// Quantity asked.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// Limit price; zero for market orders.
    #[serde(rename = "p")]
    pub price: Price,
    /// Trigger price.
    #[serde(rename = "P")]
    pub stop_price: Price,
    /// The list that the order belongs to, -1 for none.
    #[serde(rename = "g")]
    pub order_list_id: i64,
    /// The order's client id when the report is a cancel, else empty.
    #[serde(rename = "C", borrow)]
    pub orig_client_order_id: Cow<'a, str>,
    /// What the report reports.
    #[serde(rename = "x")]
    pub execution_type: ExecutionType,
    /// Where the order is now.
    #[serde(rename = "X")]
    pub status: WireOrderStatus,
    /// Why it was refused, `NONE` otherwise.
    #[serde(rename = "r", borrow)]
    pub reject_reason: Cow<'a, str>,
    /// The venue's number.
    #[serde(rename = "i")]
    pub order_id: i64,
    /// Quantity of this execution.
    #[serde(rename = "l")]
    pub last_quantity: Quantity,
    /// Quantity executed so far.
    #[serde(rename = "z")]
    pub cumulative_quantity: Quantity,
    /// Price of this execution.
    #[serde(rename = "L")]
    pub last_price: Price,
    /// Fee of this execution.
    #[serde(rename = "n")]
    pub commission: Amount,
    /// What the fee was paid in.
    #[serde(rename = "N", borrow, default, deserialize_with = "optional_text")]
    pub commission_asset: Option<Cow<'a, str>>,
    /// When it happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub transacted_at: Timestamp,
    /// The venue's trade, -1 for none.
    #[serde(rename = "t")]
    pub trade_id: i64,
    /// Whether the order is on the book.
    #[serde(rename = "w")]
    pub is_on_book: bool,
    /// Whether this execution rested.
    #[serde(rename = "m")]
    pub is_maker: bool,
    /// Quote amount executed so far.
    #[serde(rename = "Z")]
    pub cumulative_quote: Amount,
    /// When it came onto the book.
    #[serde(rename = "W", default, deserialize_with = "optional_instant")]
    pub working_at: Option<Timestamp>,
    /// What happens when it meets another order of the account.
    #[serde(rename = "V")]
    pub self_trade_prevention: Option<SelfTradePrevention>,
    /// Why it ended before it was filled.
    #[serde(rename = "eR", borrow, default, deserialize_with = "optional_text")]
    pub expiry_reason: Option<Cow<'a, str>>,
}

impl ExecutionReport<'_> {
    /// The client id that the order was placed with.
    #[must_use]
    pub fn own_client_order_id(&self) -> &str {
        if self.orig_client_order_id.is_empty() {
            &self.client_order_id
        } else {
            &self.orig_client_order_id
        }
    }

    /// The execution that the report carries, if it reports one.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] for an execution without price, quantity, side or fee asset.
    pub fn fill(&self, instrument: InstrumentId) -> Result<Option<Fill>, DecodeError> {
        const WHAT: &str = "executionReport";
        match self.execution_type {
            ExecutionType::Trade => {}
            ExecutionType::New
            | ExecutionType::Canceled
            | ExecutionType::Replaced
            | ExecutionType::Rejected
            | ExecutionType::Expired
            | ExecutionType::TradePrevention
            | ExecutionType::Unknown => return Ok(None),
        }
        check_trade(WHAT, self.last_price, self.last_quantity)?;
        let asset = self.commission_asset.as_deref().unwrap_or("");
        Ok(Some(Fill {
            key: FillKey {
                instrument,
                trade: TradeId(self.trade_id),
                venue_order: VenueOrderId(self.order_id),
            },
            side: self
                .side
                .to_side()
                .ok_or_else(|| DecodeError::impossible(WHAT, "side", &self.side))?,
            price: self.last_price,
            quantity: self.last_quantity,
            fee: self.commission,
            fee_asset: Asset::new(asset)
                .map_err(|_| DecodeError::impossible(WHAT, "commission asset", &asset))?,
            liquidity: if self.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            event_at: self.transacted_at,
        }))
    }
}

/// New balances of the assets that an event touched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountPosition<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// When the account changed.
    #[serde(rename = "u", deserialize_with = "instant")]
    pub updated_at: Timestamp,
    /// Balances.
    #[serde(rename = "B", borrow)]
    pub balances: Vec<PositionBalance<'a>>,
}

/// The balance of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PositionBalance<'a> {
    /// Asset.
    #[serde(rename = "a", borrow)]
    pub asset: Cow<'a, str>,
    /// Free to use.
    #[serde(rename = "f")]
    pub free: Amount,
    /// In open orders.
    #[serde(rename = "l")]
    pub locked: Amount,
}

/// A change of one balance that no order explains.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BalanceUpdate<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Asset.
    #[serde(rename = "a", borrow)]
    pub asset: Cow<'a, str>,
    /// By how much; negative for money that left.
    #[serde(rename = "d")]
    pub delta: Amount,
    /// When it happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub cleared_at: Timestamp,
}

/// One step in the life of an order list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListStatus<'a> {
    /// When the event was made.
    #[serde(rename = "E", deserialize_with = "instant")]
    pub event_at: Timestamp,
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number of the list.
    #[serde(rename = "g")]
    pub order_list_id: i64,
    /// What the event reports.
    #[serde(rename = "l")]
    pub status_type: ListStatusType,
    /// Where the list is now.
    #[serde(rename = "L")]
    pub order_status: ListOrderStatus,
    /// Why it was refused, `NONE` otherwise.
    #[serde(rename = "r", borrow)]
    pub reject_reason: Cow<'a, str>,
    /// Client id of the list.
    #[serde(rename = "C", borrow)]
    pub list_client_order_id: Cow<'a, str>,
    /// When it happened.
    #[serde(rename = "T", deserialize_with = "instant")]
    pub transacted_at: Timestamp,
    /// The orders of the list.
    #[serde(rename = "O", borrow)]
    pub orders: Vec<ListOrder<'a>>,
}

/// An order of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListOrder<'a> {
    /// Symbol.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's number of the order.
    #[serde(rename = "i")]
    pub order_id: i64,
    /// Client order id.
    #[serde(rename = "c", borrow)]
    pub client_order_id: Cow<'a, str>,
}
