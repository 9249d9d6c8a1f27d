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
}

impl Fate {
    /// Whether nothing but a fill can follow.
    const fn is_final(self) -> bool {
        match self {
            Self::Filled | Self::Canceled | Self::Expired | Self::Rejected | Self::Absent => true,
            Self::Pending | Self::Working | Self::Unknown => false,
        }
    }
}

/// One strategy in one symbol.
#[derive(Debug, Default)]
struct Row {
    position: Position,
    summary: Option<StrategySummary>,
    has_unseen_position: bool,
}

/// The state of the reading.
#[derive(Debug, Default)]
pub(super) struct Book {
    orders: BTreeMap<String, Fate>,
    fills: BTreeSet<(String, i64, i64)>,
    rows: BTreeMap<(String, String), Row>,
    denied: u64,
}

impl Book {
    /// Books a line. `None` when an order's line lacks what its event declares.
    pub(super) fn take(&mut self, line: &LogLine<'_>) -> Option<()> {
        let event = line.event.as_ref();
        if event == table::ORDER_FILLED.name {
            return self.fill(line);
        }
        if event == table::ORDER_DENIED.name {
            self.denied += 1;
            self.row(line).denied += 1;
            return Some(());
        }
        if let Some(fate) = fate_of(event) {
            self.order(line, fate);
        }
        Some(())
    }

    fn row(&mut self, line: &LogLine<'_>) -> &mut StrategySummary {
        let key = (line.strategy.to_string(), line.symbol.to_string());
        let row = self.rows.entry(key).or_default();
        row.summary.get_or_insert_with(|| StrategySummary::new(&line.strategy, &line.symbol))
    }

    fn order(&mut self, line: &LogLine<'_>, fate: Fate) {
        if let Some(known) = self.orders.get_mut(line.order_id.as_ref()) {
            // An acceptance logged after the fill that overtook it changes nothing.
            if !known.is_final() || fate.is_final() && *known != Fate::Filled {
                *known = fate;
            }
        } else {
            self.orders.insert(line.order_id.to_string(), fate);
            self.row(line).orders += 1;
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

        if !self.fills.insert((line.symbol.to_string(), trade, venue_order)) {
            return Some(());
        }
        let fate = if remaining == Some(Quantity::ZERO) { Fate::Filled } else { Fate::Working };
        self.order(line, fate);
        self.row(line).book(&fill, notional)?;
        self.row(line).quote = line.quote.to_string();
        let key = (line.strategy.to_string(), line.symbol.to_string());
        let row = self.rows.get_mut(&key)?;
        row.position.apply(&fill, base, quote, fee_value).ok()?;
        row.has_unseen_position |= row.position.quantity() < Quantity::ZERO;
        Some(())
    }

    /// Writes what was booked into the summary.
    pub(super) fn finish(self, summary: &mut Summary) {
        summary.fills = self.fills.len() as u64;
        summary.orders = OrderCounts { denied: self.denied, ..count(self.orders.values()) };
        for row in self.rows.into_values() {
            let Some(mut strategy) = row.summary else { continue };
            strategy.fees = row.position.fees();
            strategy.position = row.position.quantity();
            if !row.has_unseen_position {
                strategy.average_cost = row.position.average_cost();
                strategy.realised = Some(row.position.realised());
                strategy.unrealised = match strategy.last_price {
                    Some(price) => row.position.unrealised(price).ok(),
                    None => Some(Amount::ZERO),
                };
            }
            if let (Some(realised), Some(unrealised), false) =
                (strategy.realised, strategy.unrealised, strategy.quote.is_empty())
            {
                *summary.profit.entry(strategy.quote.clone()).or_default() += realised + unrealised;
            }
            summary.strategies.push(strategy);
        }
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
        } += 1;
    }
    counts
}

impl StrategySummary {
    fn new(strategy: &str, symbol: &str) -> Self {
        Self {
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
