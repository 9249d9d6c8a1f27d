//! The exchange as a pure machine: accounts, orders and markets, without clock, network or disk.
//!
//! `now` is venue time and is passed in. Public and private events come out through
//! [`Exchange::take_outputs`], what must be stored through [`Exchange::take_records`].

mod amend;
mod cancel;
mod far;
mod fee;
mod lists;
mod output;
mod place;
mod prevent;
mod replay;
mod replica;
mod restore;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use matching::{FeePolicy, Fees, MatchEvent, OrderKey, Owner, Submission};
use model::{
    Amount, Asset, Instrument, InstrumentId, Instruments, Interval, NewOrder, OrderKind,
    OrderQuantity, Price, Side, Symbol, TimeInForce, Timestamp, TradeId, VenueId,
};
use rust_decimal::Decimal;

use crate::accounts::Account;
use crate::api::error::ApiError;
use crate::config::{ExchangeConfig, SyntheticConfig};
use crate::flow::{Action, Flow, FlowConfig, FlowEvent, fnv1a};
use crate::keys::{ApiKey, Permissions};
use crate::limits::{AddressLimits, LimitsConfig};
use crate::market::past::Recipe;
use crate::market::tape::Print;
use crate::market::{BookSnapshot, Market, Reference};
use crate::orders::MyTrade;
use far::Far;
use settle::Cause;

pub use amend::AmendOrder;
pub use cancel::{CancelOrder, CancelRestriction, NotFound, OrderRef};
pub use fee::BNB_DISCOUNT;
pub use lists::{ListRef, PlaceList};
pub use output::{ExecutionReport, ExecutionType, Output, Prevention, Record, UserEvent};
pub use place::{PlaceOrder, Placed};

/// The default account.
pub const DEFAULT_ACCOUNT: u32 = 1;
/// Keys of clients' orders in a matcher start here; those of the flow count from 1.
const CLIENT_KEYS: u64 = 1 << 63;
/// Depth streams are published at multiples of this.
pub const BOUNDARY: Duration = Duration::from_millis(100);
/// Ids that one run may use before the next run's begin; the years before it have those just below.
/// In 10,000 runs they stay whole numbers for clients that know no others than floats.
pub(crate) const IDS_PER_RUN: i64 = 100_000_000_000;

/// The exogenous flow and the instant of its origin.
#[derive(Clone, Debug)]
struct Source {
    flow: Flow,
    config: FlowConfig,
    origin: Timestamp,
    far: Far,
}

impl Source {
    fn instant(&self, at: u64) -> Timestamp {
        self.origin.after(Duration::from_nanos(at))
    }
}

/// What one operation changed, until it is reported.
#[derive(Debug, Default)]
struct Operation {
    orders: BTreeSet<(u32, i64)>,
    trades: Vec<MyTrade>,
    /// It is a part of a greater one, which is reported as a whole.
    is_part: bool,
}

/// The exchange.
#[derive(Debug)]
pub struct Exchange {
    instruments: Instruments,
    markets: Vec<Market>,
    source: Option<Source>,
    depth_requests: BTreeSet<Symbol>,
    accounts: BTreeMap<u32, Account>,
    keys: BTreeMap<String, (ApiKey, u32)>,
    /// Use of request weights by address.
    pub address_limits: AddressLimits,
    limits: LimitsConfig,
    fees: Fees,
    started_at: Timestamp,
    next_boundary: Timestamp,
    next_order_id: i64,
    next_list_id: i64,
    next_execution_id: i64,
    next_prevented_id: i64,
    database: replica::Replica,
    memory: replica::Replica,
    next_generated_id: u64,
    outputs: Vec<Output>,
    records: Vec<Record>,
    operation: Operation,
    touched_lists: BTreeSet<(u32, i64)>,
    scratch: Vec<MatchEvent>,
}

impl Exchange {
    /// An exchange with a synthetic market, run up to `now` so that it has a history and a book.
    /// `run` counts the starts of the same state directory: ids go on from run to run.
    #[must_use]
    pub fn synthetic(
        config: &ExchangeConfig,
        market: &SyntheticConfig,
        now: Timestamp,
        run: i64,
    ) -> Self {
        let venue = VenueId::new("sim").expect("a plain name");
        let mut exchange = Self::empty(config, now);
        for symbol in &market.symbols {
            let instrument = symbol.instrument(venue);
            exchange.add_market(instrument, run * IDS_PER_RUN, Some(symbol.start_price));
        }
        let flow = FlowConfig {
            seed: market.seed,
            symbols: market.symbols.iter().map(crate::symbols::SymbolConfig::flow).collect(),
            history: market.history,
            volatility: market.volatility,
        };
        let origin = now.before(market.history + market.book_history);
        for (place, symbol) in flow.symbols.iter().enumerate() {
            exchange.markets[place].tape.set_past(Recipe {
                flow: *symbol,
                seed: market.seed,
                volatility: market.volatility,
                until: Interval::MINUTE.open_of(origin),
                last_trade: TradeId(run * IDS_PER_RUN),
            });
        }
        let book_from = u64::try_from(market.history.as_nanos()).unwrap_or(u64::MAX);
        let far = Far::new(&flow.symbols, book_from);
        exchange.source = Some(Source { flow: Flow::new(&flow), config: flow, origin, far });
        exchange.run_flow(now, false);
        for market in &mut exchange.markets {
            market.tape.roll(now);
        }
        exchange.discard_diffs();
        exchange
    }

    fn empty(config: &ExchangeConfig, now: Timestamp) -> Self {
        let fees = Fees {
            maker: config.maker_fee,
            taker: config.taker_fee,
            policy: FeePolicy::ReceivedAsset,
        };
        Self {
            instruments: Instruments::new(),
            markets: Vec::new(),
            source: None,
            depth_requests: BTreeSet::new(),
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            address_limits: AddressLimits::default(),
            limits: config.limits,
            fees,
            started_at: now,
            next_boundary: now.floor_to(BOUNDARY).after(BOUNDARY),
            next_order_id: 1,
            next_list_id: 1,
            next_execution_id: 1,
            next_prevented_id: 1,
            database: replica::Replica::default(),
            memory: replica::Replica::default(),
            next_generated_id: 1,
            outputs: Vec::new(),
            records: Vec::new(),
            operation: Operation::default(),
            touched_lists: BTreeSet::new(),
            scratch: Vec::new(),
        }
    }

    fn add_market(&mut self, instrument: Instrument, first_id: i64, price: Option<Price>) {
        let instrument = self.enlist(instrument);
        self.markets.push(Market::new(instrument, self.fees, first_id, price));
    }

    fn enlist(&mut self, instrument: Instrument) -> Instrument {
        let id = self.instruments.add(instrument);
        self.instruments.get(id).clone()
    }

    /// Changes of the book before anybody could see it are nobody's news.
    fn discard_diffs(&mut self) {
        for market in &mut self.markets {
            market.discard_diffs();
            market.changed_quote();
        }
        self.outputs.clear();
    }

    /// Opens an account with starting balances, and its keys.
    pub fn open_account(
        &mut self,
        id: u32,
        keys: impl IntoIterator<Item = ApiKey>,
        balances: &BTreeMap<Asset, Amount>,
    ) {
        let mut account = Account::new(id, self.started_at);
        for (asset, amount) in balances {
            account.change(*asset, *amount, Amount::ZERO, self.started_at);
        }
        for (asset, amount) in self.base_assets() {
            if !balances.contains_key(&asset) {
                account.change(asset, amount, Amount::ZERO, self.started_at);
            }
        }
        for asset in account.take_touched() {
            let balance = account.balance(asset);
            let at = account.updated_at;
            self.records.push(Record::Balance { account: id, asset, balance, at });
        }
        for key in keys {
            self.keys.insert(key.name.clone(), (key, id));
        }
        self.accounts.insert(id, account);
    }

    /// Some of each base asset, by its market's price.
    fn base_assets(&self) -> Vec<(Asset, Amount)> {
        let worth = Decimal::from(ExchangeConfig::BASE_VALUE);
        self.markets
            .iter()
            .filter_map(|market| {
                let price = market.matcher.last_price()?.to_decimal();
                let instrument = market.instrument();
                let is_dollar = ["USDT", "USDC", "FDUSD"].contains(&instrument.quote.as_str());
                let step = instrument.filters.lot_size.step.to_decimal();
                let amount = worth.checked_div(price).filter(|_| is_dollar)?;
                let amount = (amount / step).floor() * step;
                Some((instrument.base, Amount::new(amount.normalize())))
            })
            .collect()
    }

    /// Instant of the start: where the history ends.
    #[must_use]
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// All instruments.
    #[must_use]
    pub const fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// The market of an instrument.
    #[must_use]
    pub fn market(&self, instrument: InstrumentId) -> &Market {
        &self.markets[usize::from(instrument.0)]
    }

    /// The market of a symbol.
    ///
    /// # Errors
    /// -1121.
    pub fn market_of(&self, symbol: Symbol) -> Result<&Market, ApiError> {
        let instrument =
            self.instruments.by_symbol(symbol.as_str()).ok_or_else(ApiError::bad_symbol)?;
        Ok(self.market(instrument.id))
    }

    /// The book of a symbol as it is now, for whoever goes on from it with the streams.
    ///
    /// # Errors
    /// -1121.
    pub fn show_book(&mut self, symbol: Symbol, limit: usize) -> Result<BookSnapshot, ApiError> {
        let instrument = self.market_of(symbol)?.instrument().id;
        Ok(self.markets[usize::from(instrument.0)].snapshot(limit))
    }

    /// Changes whether a symbol takes orders. False if there is no such symbol.
    pub fn set_status(&mut self, symbol: &str, status: model::InstrumentStatus) -> bool {
        self.change_rules(symbol, |instrument| instrument.status = status)
    }

    /// Changes filters, features or the status of a symbol. False if there is no such symbol.
    pub fn change_rules(&mut self, symbol: &str, change: impl FnOnce(&mut Instrument)) -> bool {
        let Some(known) = self.instruments.by_symbol(symbol) else { return false };
        let mut changed = known.clone();
        change(&mut changed);
        self.instruments.refresh(changed.id, &changed);
        self.markets[usize::from(changed.id.0)].matcher.refresh(&changed);
        true
    }

    /// Gives a symbol a reference price of its own, or takes it away. False if there is no such
    /// symbol.
    pub fn set_reference(&mut self, symbol: &str, price: Option<Price>, now: Timestamp) -> bool {
        let Some(instrument) = self.instruments.by_symbol(symbol) else { return false };
        let market = &mut self.markets[usize::from(instrument.id.0)];
        market.set_reference(Reference { price, at: now });
        true
    }

    /// The limits in force.
    #[must_use]
    pub const fn limits(&self) -> &LimitsConfig {
        &self.limits
    }

    /// The fees in force.
    #[must_use]
    pub const fn fees(&self) -> &Fees {
        &self.fees
    }

    /// A key and its account.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<(&ApiKey, u32)> {
        self.keys.get(name).map(|(key, account)| (key, *account))
    }

    /// Takes a further key of an account into use.
    pub fn add_key(&mut self, account: u32, key: ApiKey) {
        self.keys.insert(key.name.clone(), (key, account));
    }

    /// Takes a key out of use: a fault for tests of clients.
    pub fn revoke_key(&mut self, name: &str) -> bool {
        self.keys.remove(name).is_some()
    }

    /// Changes what a key may do; false if there is no such key.
    pub fn set_key_rights(&mut self, name: &str, rights: Permissions) -> bool {
        let Some((key, _)) = self.keys.get_mut(name) else { return false };
        key.permissions = rights;
        true
    }

    /// An account.
    ///
    /// # Panics
    /// For a number that no key has: accounts are reached through keys only.
    #[must_use]
    pub fn account(&self, id: u32) -> &Account {
        self.accounts.get(&id).expect("accounts are reached through their keys")
    }

    fn account_mut(&mut self, id: u32) -> &mut Account {
        self.accounts.get_mut(&id).expect("accounts are reached through their keys")
    }

    /// Counts new orders against an account's limits.
    ///
    /// # Errors
    /// -1015.
    pub fn charge_orders(
        &mut self,
        account: u32,
        orders: u32,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let limits = self.limits;
        self.account_mut(account).counts.charge(now, orders, &limits)
    }

    /// Takes the count of refused orders back.
    pub fn refund_orders(&mut self, account: u32, orders: u32, now: Timestamp) {
        self.account_mut(account).counts.release(now, orders);
    }

    /// Events for the public and for accounts, in order, since the last call.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// What must be stored before anything of [`Self::take_outputs`] or an answer leaves.
    pub fn take_records(&mut self) -> Vec<Record> {
        let records = std::mem::take(&mut self.records);
        self.database.note(&records);
        self.memory.note(&records);
        records
    }

    /// When something happens next without a request.
    #[must_use]
    pub fn next_event_at(&self) -> Timestamp {
        let flow = self
            .source
            .as_ref()
            .and_then(|source| source.flow.next_at().map(|at| source.instant(at)));
        flow.map_or(self.next_boundary, |at| at.min(self.next_boundary))
    }

    /// Runs up to `now`, but no further than the next boundary of the paced streams. Returns the
    /// boundary if it was reached: publish what is due there, then call again.
    pub fn advance(&mut self, now: Timestamp) -> Option<Timestamp> {
        let boundary = self.next_boundary;
        if now < boundary {
            self.run_flow(now, true);
            return None;
        }
        self.run_flow(boundary, false);
        self.next_boundary = boundary.after(BOUNDARY);
        let is_second = boundary.as_nanos() % 1_000_000_000 == 0;
        for (index, market) in self.markets.iter_mut().enumerate() {
            let instrument = instrument_id(index);
            for is_fast in [true, false] {
                if is_fast || is_second {
                    let at = boundary;
                    let depth = |diff| Output::Depth { instrument, is_fast, diff, at };
                    self.outputs.extend(market.take_diffs(is_fast).into_iter().map(depth));
                }
            }
            if is_second {
                market.tape.roll(boundary);
            }
        }
        Some(boundary)
    }

    /// Passes over boundaries before `now` at which no market has anything to publish.
    pub fn skip_idle(&mut self, now: Timestamp) {
        let last = now.floor_to(BOUNDARY);
        let is_idle = self.source.is_none() && !self.markets.iter().any(Market::has_diff);
        if is_idle && self.next_boundary < last {
            self.next_boundary = last;
        }
    }

    fn run_flow(&mut self, until: Timestamp, is_inclusive: bool) {
        while let Some(source) = &mut self.source
            && let Some(at) = source.flow.next_at()
        {
            let at = source.instant(at);
            if at > until || (at == until && !is_inclusive) {
                break;
            }
            let Some(event) = source.flow.pop() else { break };
            self.follow_fair(at, &event);
            self.apply_flow(at, &event);
        }
    }

    fn apply_flow(&mut self, now: Timestamp, event: &FlowEvent) {
        let instrument = instrument_id(event.symbol);
        let limit = |side, price, quantity, time_in_force| {
            let kind = OrderKind::Limit { price, time_in_force };
            NewOrder::new(instrument, side, kind, OrderQuantity::Base(quantity))
        };
        let (key, order) = match event.action {
            Action::Print { price, quantity, aggressor } => {
                let market = &mut self.markets[event.symbol];
                let id = TradeId(market.matcher.last_trade_id() + 1);
                return market.record_history(Print { id, price, quantity, aggressor, at: now });
            }
            Action::Cancel { key } => return self.cancel_background(now, instrument, key),
            Action::Place { key, side, price, quantity } => {
                (key, limit(side, price, quantity, TimeInForce::GoodTilCanceled))
            }
            Action::Take { key, side, limit: price, quantity } => {
                (key, limit(side, price, quantity, TimeInForce::ImmediateOrCancel))
            }
        };
        let submission = Submission::new(OrderKey(key), Owner::BACKGROUND, order);
        let submitted = self.submit(now, &submission);
        debug_assert!(submitted.is_ok(), "nothing of the flow is refused: {submitted:?}");
    }

    fn cancel_background(&mut self, now: Timestamp, instrument: InstrumentId, key: u64) {
        let mut events = std::mem::take(&mut self.scratch);
        let matcher = &mut self.markets[usize::from(instrument.0)].matcher;
        // It may long be filled: makers don't look.
        if matcher.cancel(now, OrderKey(key), &mut events).is_ok() {
            self.settle(now, instrument, &mut events, Cause::Market);
        }
        self.scratch = events;
    }

    /// How many orders, cancels and trades of others there were; `None` without a synthetic
    /// market.
    #[must_use]
    pub fn flow_events(&self) -> Option<u64> {
        self.source.as_ref().map(|source| source.flow.taken())
    }

    /// Hash of the flow from its origin up to `mark` of market time after the start; `None`
    /// without a synthetic market.
    #[must_use]
    pub fn flow_hash(&self, mark: Duration) -> Option<u64> {
        let source = self.source.as_ref()?;
        let mark = self.started_at.since(source.origin) + mark;
        Some(source.flow.hash_until(mark).unwrap_or_else(|| Flow::hash_of(&source.config, mark)))
    }

    /// Books a deposit, or a withdrawal when negative.
    ///
    /// # Errors
    /// -2010 when more is withdrawn than is free.
    pub fn deposit(
        &mut self,
        account: u32,
        asset: Asset,
        delta: Amount,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let account = self.accounts.get_mut(&account).ok_or_else(ApiError::key_rejected)?;
        if (account.balance(asset).free + delta).is_negative() {
            return Err(ApiError::insufficient_balance());
        }
        account.change(asset, delta, Amount::ZERO, now);
        let (id, event) = (account.id, UserEvent::BalanceUpdate { asset, delta, at: now });
        self.outputs.push(Output::User { account: id, event });
        self.report_positions(now);
        Ok(())
    }

    /// A client order id for an order that came without one.
    fn generated_id(&mut self) -> model::ClientOrderId {
        let number = self.next_generated_id;
        self.next_generated_id += 1;
        // 22 letters and digits, as the venue's own are: eleven that are unique within the run, by
        // the multiplication with an odd number, and eleven that differ from run to run.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let start = self.started_at.as_nanos().to_le_bytes();
        let run = fnv1a(&start).wrapping_mul(spread | 1);
        let text: String = letters(spread).chain(letters(run)).collect();
        model::ClientOrderId::new(&text).expect("22 letters and digits")
    }
}

/// A number as eleven letters and digits, each number as others.
fn letters(mut number: u64) -> impl Iterator<Item = char> {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..11).map(move |_| {
        let letter = LETTERS[usize::try_from(number % 62).expect("less than 62")];
        number /= 62;
        char::from(letter)
    })
}

/// The instrument at a place of the table.
fn instrument_id(index: usize) -> InstrumentId {
    InstrumentId(u16::try_from(index).expect("fewer than 65,536 instruments"))
}

/// The assets that a side pays with and receives.
const fn paid_asset(instrument: &Instrument, side: Side) -> Asset {
    match side {
        Side::Buy => instrument.quote,
        Side::Sell => instrument.base,
    }
}
