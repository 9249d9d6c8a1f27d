//! Looking on after each step of the simulation: at the journal's records as they are written, and
//! at the exchange itself, past the network and its faults. What does not hold is named at the
//! step that broke it.

use std::collections::{BTreeMap, BTreeSet};

use exchange::machine::{DEFAULT_ACCOUNT, Exchange};
use exchange::orders::{MyTrade, Order};
use kernel::journal::{IntentRecord, Record};
use kernel::ledger::Ledger;
use model::{ClientOrderId, Fill, FillKey, OrderEventKind, OrderId, OrderQuantity, Symbol};
use store::journal::{Level, MemoryDisk};

use super::exchange_host::{SYMBOLS, is_manual};

/// What the journal says, record by record.
#[derive(Default)]
struct Written {
    records: usize,
    ledger: Ledger,
    intents: BTreeMap<ClientOrderId, (usize, IntentRecord)>,
    fills: BTreeSet<FillKey>,
}

/// What was seen so far.
pub struct Watch {
    level: Level,
    written: Written,
    /// The newest order of each symbol that was looked at.
    last_orders: BTreeMap<Symbol, i64>,
    accepted: BTreeMap<ClientOrderId, i64>,
    /// Steps at which something was compared.
    pub looks: u64,
    broken: Vec<String>,
}

impl Watch {
    pub fn new(level: Level) -> Self {
        Self {
            level,
            written: Written::default(),
            last_orders: SYMBOLS.map(|name| (name.parse().unwrap(), i64::MIN)).into(),
            accepted: BTreeMap::new(),
            looks: 0,
            broken: Vec::new(),
        }
    }

    /// What was found to be broken since the last call, each with the invariant's name.
    pub fn take_broken(&mut self) -> Vec<String> {
        std::mem::take(&mut self.broken)
    }

    /// The journal as of the last look.
    pub const fn ledger(&self) -> &Ledger {
        &self.written.ledger
    }

    /// Orders that work at the exchange and that the journal knows.
    pub fn open(&self, exchange: &Exchange) -> BTreeSet<OrderId> {
        let known = |order: &Order| self.written.intents.get(&order.client_id);
        let open = exchange.account(DEFAULT_ACCOUNT).orders.open();
        open.filter_map(known).map(|(_, intent)| intent.order).collect()
    }

    /// Looks at what is new on both sides.
    pub fn look(&mut self, disk: &MemoryDisk, exchange: &Exchange) {
        self.looks += 1;
        self.read_journal(disk, exchange);
        let synced = disk.synced_records();
        let orders = &exchange.account(DEFAULT_ACCOUNT).orders;
        let mut news: Vec<Order> = Vec::new();
        for (symbol, last) in &mut self.last_orders {
            for order in orders.all_from(*symbol, last.saturating_add(1)) {
                *last = order.id;
                news.push(order.clone());
            }
        }
        for order in news {
            self.accept(&order, synced);
        }
    }

    fn read_journal(&mut self, disk: &MemoryDisk, exchange: &Exchange) {
        if disk.records() < self.written.records {
            // The power took the end of it: what is left is read again.
            self.written = Written::default();
        }
        if disk.records() == self.written.records {
            return;
        }
        let mut news = Vec::new();
        let read = disk.read_after(self.written.records, |number, record| {
            news.push((number, record));
            Ok(())
        });
        read.expect("no record is corrupted here");
        for (number, record) in news {
            self.written.records = usize::try_from(number).unwrap();
            if let Err(error) = self.written.ledger.apply(&record) {
                self.broken.push(format!("LedgerHolds: record {number}: {error}"));
            }
            match record {
                Record::OrderIntended(intent) => {
                    let entry = (self.written.records, *intent);
                    self.written.intents.insert(entry.1.client_order_id, entry);
                }
                Record::OrderChanged { event, .. } => {
                    if let OrderEventKind::Filled { fill, .. } = event.kind {
                        self.book(&fill, exchange);
                    }
                }
                Record::ExternalFill { fill } => {
                    self.book(&fill, exchange);
                    self.judge_external(&fill, exchange);
                }
                Record::EpochStarted { .. }
                | Record::InstrumentRegistered { .. }
                | Record::StrategyRegistered { .. }
                | Record::BalancesOpened { .. }
                | Record::OrderSent { .. }
                | Record::CancelIntended { .. }
                | Record::FeeValued { .. }
                | Record::ExternalFlow { .. }
                | Record::TradingStateChanged { .. }
                | Record::QuarantineChanged { .. }
                | Record::StrategySnapshot { .. }
                | Record::EquitySampled { .. } => {}
            }
        }
    }

    /// A fill is in the journal once, and as the exchange executed it.
    fn book(&mut self, fill: &Fill, exchange: &Exchange) {
        if !self.written.fills.insert(fill.key) {
            self.broken.push(format!("FillsMatch: {:?}: booked twice", fill.key));
        }
        let instrument = self.written.ledger.instrument(fill.key.instrument);
        let symbol: Symbol = instrument.expect("the ledger took it").symbol;
        let orders = &exchange.account(DEFAULT_ACCOUNT).orders;
        let mut executed = orders.trades_from(symbol, fill.key.trade);
        let is_it =
            |trade: &&MyTrade| trade.id == fill.key.trade && trade.order == fill.key.venue_order.0;
        match executed.find(is_it) {
            None => self.broken.push(format!("FillsMatch: {:?}: never executed", fill.key)),
            Some(trade) => {
                let ours = (fill.side, fill.price, fill.quantity, fill.fee, fill.fee_asset);
                let theirs = (trade.side, trade.price, trade.quantity, trade.fee, trade.fee_asset);
                if ours != theirs {
                    self.broken.push(format!("FillsMatch: {fill:?}, there {trade:?}"));
                }
            }
        }
    }

    /// What is booked as somebody else's was traded by hand.
    fn judge_external(&mut self, fill: &Fill, exchange: &Exchange) {
        let orders = &exchange.account(DEFAULT_ACCOUNT).orders;
        let order = orders.get(fill.key.venue_order.0);
        if !order.is_some_and(|order| is_manual(order.client_id.as_str())) {
            self.broken.push(format!("FillsMatch: {:?}: ours, booked as external", fill.key));
        }
    }

    /// The exchange has taken an order: once, after its intent was durable, and as it was approved.
    fn accept(&mut self, order: &Order, synced: usize) {
        let name = order.client_id;
        if is_manual(name.as_str()) {
            return;
        }
        if let Some(other) = self.accepted.insert(name, order.id) {
            self.broken.push(format!("AcceptedOnce: {name}: orders {other} and {}", order.id));
        }
        match (self.written.intents.get(&name), self.level) {
            (None, Level::Power) => {
                self.broken.push(format!("IntendedBeforeSent: {name}: not in the journal"));
            }
            (Some((number, _)), Level::Power) if *number > synced => {
                self.broken.push(format!("IntendedBeforeSent: {name}: not on the disk"));
            }
            // The power may take the intent of an order that is on its way.
            (Some(_) | None, Level::Power | Level::Process) => {}
        }
        let Some((_, intent)) = self.written.intents.get(&name) else { return };
        let is_as_approved = order.side == intent.new.side
            && order.kind == intent.new.kind
            && intent.new.quantity == OrderQuantity::Base(order.quantity);
        if !is_as_approved || intent.approved_at < intent.decided_at {
            self.broken.push(format!("SentAsApproved: {:?}, there {order:?}", intent.new));
        }
    }
}
