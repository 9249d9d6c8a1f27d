//! One order, from the tick to the last fill, told from the journal alone.

use std::fmt;

use kernel::journal::{IntentRecord, JournalError, Record};
use kernel::messages::Cause;
use kernel::risk::RiskCheck;
use model::{
    Level, MarketEvent, NewOrder, OrderEvent, OrderEventKind, OrderId, OrderQuantity, Timestamp,
};
use serde::Serialize;
use store::journal::JournalReader;

/// What happened to the order, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The record that says so; `None` for what the intent says of the time before it.
    pub record: Option<u64>,
    /// When, by the clock that the engine went by.
    pub at: String,
    /// Nanoseconds after the step before.
    pub after_ns: i64,
    /// What, in a word.
    pub what: &'static str,
    /// The rest, in words.
    pub detail: String,
    #[serde(skip)]
    instant: Timestamp,
}

/// Everything that the journal knows of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its identity.
    pub order: String,
    /// Its name on the wire.
    pub client_order_id: Option<String>,
    /// Whose.
    pub strategy: String,
    /// What it trades.
    pub symbol: Option<String>,
    /// What was asked for.
    pub asked: Option<String>,
    /// What made the strategy act.
    pub cause: Option<String>,
    /// The causing event by value.
    pub cause_event: Option<Cause>,
    /// The chain of events that it belongs to.
    pub correlation: Option<String>,
    /// The feed's sequence that the gate judged on.
    pub judged_on_sequence: Option<u64>,
    /// What each risk rule compared.
    pub checks: Vec<RiskCheck>,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

impl Explanation {
    /// Reads it; `None` for an order that the journal does not know.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn read(reader: &JournalReader, order: OrderId) -> Result<Option<Self>, JournalError> {
        let history = reader.order_history(order)?;
        if history.is_empty() {
            return Ok(None);
        }
        let ledger = reader.ledger()?;
        let strategy = ledger.strategy(order.strategy).unwrap_or("?").to_owned();
        let mut told = Self {
            order: order.to_string(),
            client_order_id: None,
            strategy,
            symbol: None,
            asked: None,
            cause: None,
            cause_event: None,
            correlation: None,
            judged_on_sequence: None,
            checks: Vec::new(),
            steps: Vec::new(),
        };
        let symbol_of =
            |instrument| ledger.instrument(instrument).map(|found| found.symbol.to_string());
        for (number, record) in history {
            match record {
                Record::OrderIntended(intent) => {
                    told.symbol = symbol_of(intent.new.instrument);
                    told.take_intent(number, *intent);
                }
                Record::OrderSent { signed_at, .. } => {
                    let words = "signed with this time and handed to the connection";
                    told.push(Some(number), signed_at, "sent", words.to_owned());
                }
                Record::CancelIntended { reason, at, .. } => {
                    told.push(Some(number), at, "cancel decided", format!("{reason:?}"));
                }
                Record::OrderChanged { event, .. } => {
                    told.symbol = told.symbol.take().or_else(|| symbol_of(event.instrument));
                    told.take_event(number, &event);
                }
                Record::EpochStarted { .. }
                | Record::InstrumentRegistered { .. }
                | Record::StrategyRegistered { .. }
                | Record::BalancesOpened { .. }
                | Record::FeeValued { .. }
                | Record::ExternalFill { .. }
                | Record::ExternalFlow { .. }
                | Record::TradingStateChanged { .. }
                | Record::QuarantineChanged { .. }
                | Record::StrategySnapshot { .. }
                | Record::EquitySampled { .. } => {}
            }
        }
        Ok(Some(told))
    }

    fn take_intent(&mut self, number: u64, intent: IntentRecord) {
        self.client_order_id = Some(intent.client_order_id.to_string());
        self.asked = Some(asked(&intent.new));
        self.correlation = Some(intent.correlation.within(intent.order.epoch).to_string());
        self.judged_on_sequence = Some(intent.judged_on_sequence);
        let cause = cause_in_words(&intent.cause);
        self.push(None, intent.caused_at, "caused", cause.clone());
        if intent.decided_at != Timestamp::EPOCH {
            self.push(None, intent.decided_at, "decided", format!("by {}", self.strategy));
        }
        let passed = format!("{} comparisons passed", intent.checks.len());
        self.push(Some(number), intent.approved_at, "approved", passed);
        self.cause = Some(cause);
        self.cause_event = Some(intent.cause);
        self.checks = intent.checks;
    }

    fn take_event(&mut self, number: u64, event: &OrderEvent) {
        let (what, detail) = happened(&event.kind);
        self.push(Some(number), event.received_at, what, detail);
    }

    fn push(&mut self, record: Option<u64>, at: Timestamp, what: &'static str, detail: String) {
        let after_ns = self.steps.last().map_or(0, |last| at.nanos_since(last.instant));
        self.steps.push(Step { record, at: at.to_string(), after_ns, what, detail, instant: at });
    }
}

fn asked(new: &NewOrder) -> String {
    let quantity = match new.quantity {
        OrderQuantity::Base(quantity) => quantity.to_string(),
        OrderQuantity::Quote(amount) => format!("for {amount} of the quote asset"),
    };
    let mut words = format!("{} {} {quantity}", new.side.name(), new.kind.name());
    if let Some(price) = new.kind.limit_price() {
        words.push_str(&format!(" at {price}"));
    }
    if let Some(stop) = new.kind.stop_price() {
        words.push_str(&format!(", trigger {stop}"));
    }
    words + &format!(", {:?}", new.role).to_lowercase()
}

fn cause_in_words(cause: &Cause) -> String {
    match cause {
        Cause::Market { sequence, event } => {
            format!("market event {sequence}: {}", market_in_words(event))
        }
        Cause::Order { order } => format!("what became of order {order}"),
        Cause::Timer { timer } => format!("timer {timer} of the strategy"),
        Cause::Lifecycle => "the strategy started, or stopped".to_owned(),
        Cause::Engine => "the engine: shutdown, halt, quarantine or a command".to_owned(),
    }
}

fn market_in_words(event: &MarketEvent) -> String {
    let level = |level: &Level| format!("{} × {}", level.price, level.quantity);
    let best = |levels: &[Level]| levels.first().map_or("none".to_owned(), level);
    match event {
        MarketEvent::Trade(trade) => {
            let (price, quantity, by) = (trade.price, trade.quantity, trade.aggressor.name());
            format!(
                "trade {} of {quantity} at {price}, {by} aggressor, {}",
                trade.id, trade.event_at
            )
        }
        MarketEvent::Quote(quote) => {
            format!("quote, bid {}, ask {}", level(&quote.bid), level(&quote.ask))
        }
        MarketEvent::Book(book) => {
            format!("book, bid {}, ask {}, {}", best(&book.bids), best(&book.asks), book.event_at)
        }
        MarketEvent::Bar(_) | MarketEvent::Depth(_) => {
            serde_json::to_string(event).unwrap_or_default()
        }
    }
}

fn happened(kind: &OrderEventKind) -> (&'static str, String) {
    match kind {
        OrderEventKind::Denied { reason } => {
            let model::DenialReason { rule, detail, limit, actual } = reason;
            ("denied", format!("{rule}: {detail}; limit {limit}, actual {actual}"))
        }
        OrderEventKind::Submitted { quantity, price } => {
            let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            let quantity = text(quantity.map(|quantity| quantity.to_string()));
            let price = text(price.map(|price| price.to_string()));
            ("submitted", format!("quantity {quantity}, price {price}: durable, then handed over"))
        }
        OrderEventKind::Accepted { venue_order } => {
            ("accepted", format!("the venue's order {venue_order}"))
        }
        OrderEventKind::Triggered => ("triggered", String::new()),
        OrderEventKind::Filled { fill, cumulative_quantity, complete } => {
            let model::Fill { price, quantity, fee, fee_asset, liquidity, event_at, .. } = fill;
            let trade = fill.key.trade;
            let rest = if *complete { "complete" } else { "more to come" };
            let words = format!(
                "trade {trade}: {quantity} at {price}, {liquidity:?}, fee {fee} {fee_asset}, \
                 executed {cumulative_quantity}, {rest}; at the venue {event_at}"
            );
            ("filled", words)
        }
        OrderEventKind::Completed => ("completed", String::new()),
        OrderEventKind::Canceled { reason } => ("canceled", format!("{reason:?}")),
        OrderEventKind::Expired { reason, in_match } => {
            let by = if *in_match { ", self-trade prevention" } else { "" };
            ("expired", format!("{reason}{by}"))
        }
        OrderEventKind::Rejected { reason } => {
            ("rejected", format!("{}: {}", reason.code, reason.message))
        }
        OrderEventKind::CancelRejected { reason } => {
            ("cancel rejected", format!("{}: {}", reason.code, reason.message))
        }
        OrderEventKind::OutcomeUnknown { reason } => {
            let why = if reason.is_empty() { "no answer" } else { reason };
            ("outcome unknown", format!("{why}: the venue is asked, nothing is sent again"))
        }
        OrderEventKind::Absent { reason } if reason.is_empty() => {
            ("absent", "it never arrived".to_owned())
        }
        OrderEventKind::Absent { reason } => ("absent", reason.clone()),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.client_order_id.as_deref().unwrap_or("no intent in the journal");
        let symbol = self.symbol.as_deref().unwrap_or("?");
        writeln!(out, "order {} ({name}) of {} on {symbol}", self.order, self.strategy)?;
        if let Some(asked) = &self.asked {
            writeln!(out, "  {asked}")?;
        }
        if let (Some(sequence), Some(correlation)) = (self.judged_on_sequence, &self.correlation) {
            writeln!(out, "  judged on market sequence {sequence}, correlation {correlation}")?;
        }
        writeln!(out)?;
        for step in &self.steps {
            let Step { at, what, detail, after_ns, .. } = step;
            // Fractions of a microsecond say nothing here.
            let after_us = after_ns / 1_000;
            let record = step.record.map_or_else(String::new, |number| format!("#{number}"));
            writeln!(out, "{at} {after_us:>+12} µs  {what:<15} {detail} {record}")?;
        }
        if !self.checks.is_empty() {
            writeln!(out, "\n{:<22} {:<9} {:>20} {:>20}", "risk rule", "scope", "limit", "actual")?;
        }
        for RiskCheck { rule, scope, limit, actual } in &self.checks {
            let (limit, actual) = (limit.to_string(), actual.to_string());
            writeln!(out, "{rule:<22} {scope:<9} {limit:>20} {actual:>20}  {}", unit_of(rule))?;
        }
        Ok(())
    }
}

/// What the figures of a rule count.
fn unit_of(rule: &str) -> &'static str {
    match rule {
        "stale_data" => "ms",
        "order_rate" => "orders in 10 s",
        "max_open_orders" => "orders",
        "price_collar" => "price",
        "balance" => "of the asset that it pays with",
        "free_lots" => "of the base asset",
        _ => "in the engine's currency",
    }
}
