//! What the exchange has on record, as its signed REST tells it.

use std::collections::BTreeMap;

use binance::decode::{Account, MyTrade, OrderReply, parse};
use binance::encode::Call;
use model::{Amount, Fill, InstrumentId};

/// Rows of one answer, at most.
const PAGE: u32 = 1_000;

/// Anything that went wrong around the engine.
pub type Error = Box<dyn std::error::Error>;

/// Whether there are further rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum More {
    /// Ask again.
    There,
    /// That was all.
    Not,
}

impl More {
    const fn after(rows: usize) -> Self {
        if rows < PAGE as usize { Self::Not } else { Self::There }
    }
}

/// An order as the exchange has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VenueOrder {
    /// Our name for it.
    pub client_order_id: String,
    /// As the exchange spells it.
    pub status: String,
    /// The list that it is a leg of.
    pub list: Option<i64>,
}

impl VenueOrder {
    fn is_final(&self) -> bool {
        !matches!(self.status.as_str(), "NEW" | "PENDING_NEW" | "PARTIALLY_FILLED")
    }
}

/// What the exchange has on record. It keeps the newest orders and trades only: what was read
/// stays here.
#[derive(Debug, Default)]
pub struct VenueRecord {
    /// By symbol and the exchange's number.
    pub orders: BTreeMap<(String, i64), VenueOrder>,
    /// By symbol, and the exchange's numbers of trade and order.
    pub fills: BTreeMap<(String, i64, i64), Fill>,
    /// Free and locked together, by asset.
    pub balances: BTreeMap<String, Amount>,
    /// Names of the orders that work now.
    pub open: Vec<String>,
    /// The first order of a symbol that is not read yet.
    unread: BTreeMap<String, i64>,
}

impl VenueRecord {
    /// Goes back to the oldest order of each symbol that still worked when it was read.
    pub fn go_back(&mut self) {
        for ((symbol, number), order) in self.orders.iter().rev() {
            if !order.is_final() {
                self.unread.insert(symbol.clone(), *number);
            }
        }
    }

    /// Asks for what is new of a symbol's orders.
    pub fn orders_call(&self, symbol: &str) -> Call {
        let from = self.unread.get(symbol).copied().unwrap_or_default();
        Call::all_orders(symbol, Some(from), PAGE)
    }

    /// Takes the answer.
    pub fn add_orders(&mut self, symbol: &str, body: &[u8]) -> Result<More, Error> {
        let page: Vec<OrderReply<'_>> = parse("allOrders", body)?;
        for order in &page {
            let status = order.status.ok_or("an order without a status")?.to_string();
            let client_order_id = order.own_client_order_id().to_owned();
            let list = Some(order.order_list_id).filter(|list| *list >= 0);
            let seen = VenueOrder { client_order_id, status, list };
            self.unread.insert(symbol.to_owned(), order.order_id + 1);
            self.orders.insert((symbol.to_owned(), order.order_id), seen);
        }
        Ok(More::after(page.len()))
    }

    /// Asks for what is new of a symbol's fills.
    pub fn fills_call(&self, symbol: &str) -> Call {
        let last = self.fills.keys().rev().find(|(of, ..)| of == symbol);
        Call::my_trades(symbol, Some(last.map_or(0, |(_, trade, _)| trade + 1)), PAGE)
    }

    /// Takes the answer.
    pub fn add_fills(&mut self, symbol: &str, body: &[u8]) -> Result<More, Error> {
        let page: Vec<MyTrade<'_>> = parse("myTrades", body)?;
        for trade in &page {
            let fill = trade.to_fill(InstrumentId(0))?;
            let key = (symbol.to_owned(), fill.key.trade.0, fill.key.venue_order.0);
            self.fills.insert(key, fill);
        }
        Ok(More::after(page.len()))
    }

    /// Takes the account.
    pub fn set_balances(&mut self, body: &[u8]) -> Result<(), Error> {
        let account: Account<'_> = parse("account", body)?;
        let totals = account.balances.iter().map(|b| (b.asset.to_string(), b.free + b.locked));
        self.balances = totals.filter(|(_, total)| !total.is_zero()).collect();
        Ok(())
    }

    /// Takes the open orders.
    pub fn set_open(&mut self, body: &[u8]) -> Result<(), Error> {
        let open: Vec<OrderReply<'_>> = parse("openOrders", body)?;
        self.open = open.iter().map(|order| order.own_client_order_id().to_owned()).collect();
        Ok(())
    }
}
