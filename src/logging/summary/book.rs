//! Books the events of a log.

use std::collections::{BTreeMap, BTreeSet};

use events::table;
use kernel::portfolio::Position;
use model::{
    Amount, Fill, FillKey, InstrumentId, Liquidity, Price, Quantity, Side, Timestamp, TradeId,
    VenueOrderId,
};

use super::read::LogLine;
use super::{OrderCounts, StrategySummary, Summary};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pending,
    Working,
    Filled,
    Canceled,
    Expired,
    Rejected,
    Unknown,
    Absent,
    EndedUnseen,
}

impl Fate {
    /// Whether nothing but a fill can follow.
    const fn is_final(self) -> bool {
        match self {
            Self::Filled
            | Self::Canceled
            | Self::Expired
            | Self::Rejected
            | Self::Absent
            | Self::EndedUnseen => true,
            Self::Pending | Self::Working | Self::Unknown => false,
        }
    }
}

/// One strategy in one symbol, of one ledger.
#[derive(Debug)]
struct Row {
    position: Position,
    summary: StrategySummary,
    /// Whether a start said what the journal held, or nothing.
    is_based: bool,
    /// What the lines before the last start added up to.
    before: Option<Position>,
    /// What that start said was held, with the fills from before it that it did not know and that
    /// are told again. Fills after it have no part in this.
    restored: Position,
    /// A start knew of fills that have no line.
    is_corrected: bool,
}

impl Row {
    fn new(is_based: bool, summary: StrategySummary) -> Self {
        let (position, restored) = (Position::default(), Position::default());
        Self { position, summary, is_based, before: None, restored, is_corrected: false }
    }

    /// A start begins: what it does not name is nothing.
    fn begin(&mut self) {
        self.settle();
        self.before = self.is_based.then_some(self.position);
        (self.position, self.restored) = (Position::default(), Position::default());
        self.is_based = true;
    }

    /// Everything from before the last start was said again.
    fn settle(&mut self) {
        self.is_corrected |= self.before.take().is_some_and(|before| before != self.restored);
    }

    /// What was sold without having been bought was held before the lines begin.
    fn is_known(&self) -> bool {
        self.is_based && self.position.quantity() >= Quantity::ZERO
    }
}

/// What the lines of one ledger's last start said.
#[derive(Debug, Default)]
struct Start {
    /// It said what the journal held.
    is_based: bool,
    /// Lines of positions that are still to come.
    awaited: u64,
    /// A line since then is lost or can't be read.
    has_missed: bool,
}

impl Start {
    /// Why what followed it is not all that happened.
    fn lacks(&self, ledger: &str) -> Vec<String> {
        let Self { awaited, has_missed, .. } = *self;
        let mut lacks = Vec::new();
        if awaited > 0 {
            let (subject, verb) = positions(awaited, ["is", "are"]);
            lacks.push(format!("{subject} that a start of {ledger} was to name {verb} missing"));
        }
        if has_missed {
            lacks.push("lines are lost or malformed since the last start".to_owned());
        }
        lacks
    }
}

/// The state of the reading.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Names the journal that lines are of.
    ledger: String,
    /// The last start of each ledger.
    starts: BTreeMap<String, Start>,
    runs: bool,
    /// By ledger and name.
    orders: BTreeMap<(String, String), Fate>,
    fills: BTreeSet<FillId>,
    /// Those that the positions of the last start did not hold.
    booked: BTreeSet<FillId>,
    /// By ledger, strategy and symbol.
    rows: BTreeMap<(String, String, String), Row>,
    denied: u64,
    /// What fees were paid in that nobody knew the worth of.
    unvalued_in: BTreeSet<String>,
}

/// What makes a fill the same fill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FillId {
    ledger: String,
    symbol: String,
    trade: i64,
    venue_order: i64,
}

impl Book {
    /// Books a line. `None` when it lacks what its event declares.
    pub(super) fn take(&mut self, line: &LogLine<'_>) -> Option<()> {
        let event = line.event.as_ref();
        if event == table::ORDER_FILLED.name {
            return self.fill(line);
        }
        if event == table::JOURNAL_OPENED.name {
            self.follow(&line.ledger);
        } else if event == table::JOURNAL_REPLAYED.name {
            self.runs = true;
            if let Some(positions) = line.positions {
                self.begin(positions);
            }
        } else if event == table::POSITION_RESTORED.name {
            return self.restore(line);
        } else if event == table::ORDER_RESTORED.name {
            let fate = if line.state == "working" { Fate::Working } else { Fate::Unknown };
            self.order(line, fate);
            // It was given up at the start, which names those that are still open.
            self.orders.insert(self.named(&line.order_id), fate);
        } else if event == table::ORDER_DENIED.name {
            self.denied += 1 + line.repeated;
            self.row(line).summary.denied += 1 + line.repeated;
        } else if event == table::RISK_FEE_UNVALUED.name {
            // Its fill may be told again after a start, and the fee with it: they are not added up.
            self.unvalued_in.insert(line.fee_asset.to_string());
        } else if event == table::ENGINE_STOPPED.name {
            self.runs = false;
        } else if event == table::ENGINE_HEARTBEAT.name && line.log_lines_dropped > 0 {
            self.miss_a_line();
        } else if let Some(fate) = fate_of(event) {
            self.order(line, fate);
        }
        Some(())
    }

    /// Lines are of this ledger from here on. Those before the first that says so are of a run that
    /// began before the log, most likely of the same ledger.
    fn follow(&mut self, ledger: &str) {
        if self.ledger.is_empty() {
            let named = || ledger.to_owned();
            self.starts.clear();
            let orders = std::mem::take(&mut self.orders).into_iter();
            self.orders = orders.map(|((_, id), fate)| ((named(), id), fate)).collect();
            for ids in [&mut self.fills, &mut self.booked] {
                let named =
                    std::mem::take(ids).into_iter().map(|id| FillId { ledger: named(), ..id });
                *ids = named.collect();
            }
            let rows = std::mem::take(&mut self.rows).into_iter();
            self.rows = rows
                .map(|((_, strategy, symbol), mut row)| {
                    row.summary.ledger = named();
                    ((named(), strategy, symbol), row)
                })
                .collect();
        }
        ledger.clone_into(&mut self.ledger);
    }

    /// A line is lost or can't be read: until the next start nothing is sure.
    pub(super) fn miss_a_line(&mut self) {
        self.start().has_missed = true;
    }

    /// A start says what its journal holds: positions follow, and open orders.
    fn begin(&mut self, positions: u64) {
        *self.start() = Start { is_based: true, awaited: positions, has_missed: false };
        let ledger = self.ledger.as_str();
        self.booked.retain(|fill| fill.ledger != ledger);
        self.rows.iter_mut().filter(|((owner, ..), _)| owner == ledger).for_each(|(_, row)| {
            row.begin();
        });
        for (_, fate) in self.orders.iter_mut().filter(|((owner, _), _)| owner == ledger) {
            if !fate.is_final() {
                *fate = Fate::EndedUnseen;
            }
        }
    }

    fn start(&mut self) -> &mut Start {
        self.starts.entry(self.ledger.clone()).or_default()
    }

    fn restore(&mut self, line: &LogLine<'_>) -> Option<()> {
        let amount = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref()?.parse().ok();
        let quantity = line.quantity.as_deref()?.parse().ok()?;
        let (cost, realised) = (amount(&line.cost)?, amount(&line.realised)?);
        let fees = amount(&line.fees)?;
        let start = self.start();
        start.awaited = start.awaited.saturating_sub(1);
        let row = self.row(line);
        row.position = Position::from_parts(quantity, cost, realised, fees);
        row.restored = row.position;
        row.summary.quote = line.quote.to_string();
        Some(())
    }

    fn named(&self, order: &str) -> (String, String) {
        (self.ledger.clone(), order.to_owned())
    }

    fn row(&mut self, line: &LogLine<'_>) -> &mut Row {
        let is_based = self.start().is_based;
        let ledger = &self.ledger;
        let key = (ledger.clone(), line.strategy.to_string(), line.symbol.to_string());
        let new = || Row::new(is_based, StrategySummary::new(ledger, &line.strategy, &line.symbol));
        self.rows.entry(key).or_insert_with(new)
    }

    fn order(&mut self, line: &LogLine<'_>, fate: Fate) {
        let named = self.named(&line.order_id);
        if let Some(known) = self.orders.get_mut(&named) {
            // An acceptance logged after the fill that overtook it changes nothing.
            if !known.is_final() || fate.is_final() && *known != Fate::Filled {
                *known = fate;
            }
        } else {
            self.orders.insert(named, fate);
            self.row(line).summary.orders += 1;
        }
    }

    fn fill(&mut self, line: &LogLine<'_>) -> Option<()> {
        let (trade, venue_order) = (line.trade_id?, line.venue_order_id?);
        let fill = Fill {
            key: FillKey {
                instrument: InstrumentId(0),
                trade: TradeId(trade),
                venue_order: VenueOrderId(venue_order),
            },
            side: match line.side.to_ascii_lowercase().as_str() {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return None,
            },
            price: line.price.as_deref()?.parse().ok()?,
            quantity: line.quantity.as_deref()?.parse().ok()?,
            fee: line.fee.as_deref()?.parse().ok()?,
            fee_asset: line.fee_asset.parse().ok()?,
            liquidity: Liquidity::Taker,
            event_at: Timestamp::EPOCH,
        };
        let fee_value = match line.fee_value.as_deref() {
            Some(text) => text.parse().ok()?,
            None => Amount::ZERO,
        };
        let (base, quote) = (line.base.parse().ok()?, line.quote.parse().ok()?);
        let remaining: Option<Quantity> = match line.remaining.as_deref() {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        let notional = Amount::notional(fill.price, fill.quantity).ok()?;

        let (ledger, symbol) = (self.ledger.clone(), line.symbol.to_string());
        let id = FillId { ledger, symbol, trade, venue_order };
        let is_new = self.fills.insert(id.clone());
        if is_new {
            let fate = if remaining == Some(Quantity::ZERO) { Fate::Filled } else { Fate::Working };
            self.order(line, fate);
            self.row(line).summary.book(&fill, notional)?;
            self.row(line).summary.quote = line.quote.to_string();
        }
        // One that had its line and was not yet in the journal is told again after the start.
        if self.booked.insert(id) {
            let row = self.row(line);
            row.position.apply(&fill, base, quote, fee_value).ok()?;
            if !is_new {
                row.restored.apply(&fill, base, quote, fee_value).ok()?;
            }
            row.is_based &= row.position.quantity() >= Quantity::ZERO;
        }
        Some(())
    }

    /// Writes what was booked into the summary.
    pub(super) fn finish(mut self, summary: &mut Summary) {
        self.rows.values_mut().for_each(Row::settle);
        summary.incomplete =
            self.starts.iter().flat_map(|(name, start)| start.lacks(name)).collect();
        summary.fills = self.fills.len() as u64;
        summary.orders = OrderCounts { denied: self.denied, ..count(self.orders.values()) };
        let unvalued = self.unvalued_in.iter().map(|asset| {
            format!(
                "fees in {asset} without a known price were booked as nothing: it is less by them"
            )
        });
        summary.incomplete.extend(unvalued);
        let corrected = self.rows.values().filter(|row| row.is_corrected).count() as u64;
        if corrected > 0 {
            let (subject, verb) = positions(corrected, ["was", "were"]);
            summary.notes.push(format!(
                "{subject} {verb} corrected by what the journal held at a later start: fills \
                 whose line was never written are in the profit, not in fills, bought and sold"
            ));
        }
        if self.runs {
            let text = "the last run has no engine.stopped: if it was killed, lines of its last \
                        moment may be missing until the next start";
            summary.notes.push(text.to_owned());
        }
        let mut profit: BTreeMap<String, Amount> = BTreeMap::new();
        for row in self.rows.into_values() {
            let strategy = row.finished();
            match (strategy.realised, strategy.unrealised) {
                (Some(realised), Some(unrealised)) if !strategy.quote.is_empty() => {
                    *profit.entry(strategy.quote.clone()).or_default() += realised + unrealised;
                }
                (Some(_), Some(_)) => {}
                (realised, _) => summary.incomplete.push(unknown(&strategy, realised.is_some())),
            }
            summary.strategies.push(strategy);
        }
        if summary.incomplete.is_empty() {
            summary.profit = profit;
        }
    }
}

/// So many positions, and the verb that goes with them: of one, or of more.
fn positions(count: u64, [one, more]: [&'static str; 2]) -> (String, &'static str) {
    if count == 1 { ("1 position".to_owned(), one) } else { (format!("{count} positions"), more) }
}

/// Why a row has no profit.
fn unknown(row: &StrategySummary, is_realised_known: bool) -> String {
    let StrategySummary { strategy, symbol, .. } = row;
    if is_realised_known {
        format!("{strategy} holds {symbol} and no line has a price for it")
    } else {
        format!("what {strategy} held of {symbol} before the first line of the log is not known")
    }
}

impl Row {
    fn finished(self) -> StrategySummary {
        let is_known = self.is_known();
        let Self { position, mut summary, .. } = self;
        summary.fees = position.fees();
        summary.position = position.quantity();
        if is_known {
            summary.average_cost = position.average_cost();
            summary.realised = Some(position.realised());
            summary.unrealised = match summary.last_price {
                Some(price) => position.unrealised(price).ok(),
                None => position.quantity().is_zero().then_some(Amount::ZERO),
            };
        }
        summary
    }
}

fn fate_of(event: &str) -> Option<Fate> {
    let fates = [
        (&table::ORDER_INTENDED, Fate::Pending),
        (&table::ORDER_SUBMITTED, Fate::Pending),
        (&table::ORDER_ACCEPTED, Fate::Working),
        (&table::ORDER_TRIGGERED, Fate::Working),
        (&table::ORDER_COMPLETED, Fate::Filled),
        (&table::ORDER_CANCELED, Fate::Canceled),
        (&table::ORDER_EXPIRED, Fate::Expired),
        (&table::ORDER_REJECTED, Fate::Rejected),
        (&table::ORDER_UNKNOWN, Fate::Unknown),
        (&table::ORDER_ABSENT, Fate::Absent),
    ];
    fates.iter().find(|(declared, _)| declared.name == event).map(|(_, fate)| *fate)
}

fn count<'f>(fates: impl Iterator<Item = &'f Fate>) -> OrderCounts {
    let mut counts = OrderCounts::default();
    for fate in fates {
        counts.intended += 1;
        *match fate {
            Fate::Pending => &mut counts.pending,
            Fate::Working => &mut counts.working,
            Fate::Filled => &mut counts.filled,
            Fate::Canceled => &mut counts.canceled,
            Fate::Expired => &mut counts.expired,
            Fate::Rejected => &mut counts.rejected,
            Fate::Unknown => &mut counts.unknown,
            Fate::Absent => &mut counts.absent,
            Fate::EndedUnseen => &mut counts.ended_unseen,
        } += 1;
    }
    counts
}

impl StrategySummary {
    fn new(ledger: &str, strategy: &str, symbol: &str) -> Self {
        Self {
            ledger: ledger.to_owned(),
            strategy: strategy.to_owned(),
            symbol: symbol.to_owned(),
            quote: String::new(),
            orders: 0,
            denied: 0,
            fills: 0,
            bought: Quantity::ZERO,
            sold: Quantity::ZERO,
            bought_notional: Amount::ZERO,
            sold_notional: Amount::ZERO,
            fees_by_asset: BTreeMap::new(),
            fees: Amount::ZERO,
            position: Quantity::ZERO,
            average_cost: None,
            last_price: None::<Price>,
            realised: None,
            unrealised: None,
        }
    }

    /// `None` when a sum leaves its range.
    fn book(&mut self, fill: &Fill, notional: Amount) -> Option<()> {
        let (quantity, total) = match fill.side {
            Side::Buy => (&mut self.bought, &mut self.bought_notional),
            Side::Sell => (&mut self.sold, &mut self.sold_notional),
        };
        *quantity = quantity.checked_add(fill.quantity)?;
        *total = total.checked_add(notional).ok()?;
        let fees = self.fees_by_asset.entry(fill.fee_asset.to_string()).or_default();
        *fees = fees.checked_add(fill.fee).ok()?;
        self.fills += 1;
        self.last_price = Some(fill.price);
        Some(())
    }
}
