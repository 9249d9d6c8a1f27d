//! Both records, side by side: every order, fill, position and balance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kernel::journal::{JournalError, Record};
use kernel::ledger::Ledger;
use model::{Amount, Fill, InstrumentId, OrderEventKind, OrderId, OrderStatus};
use store::journal::JournalReader;

use super::record::VenueRecord;
use super::status::{after, spelled};

/// What was compared, and every difference in words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Orders of the exchange.
    pub orders: usize,
    /// Fills of the exchange.
    pub fills: usize,
    /// Pairs of stop and target of the exchange.
    pub pairs: usize,
    /// Those of which a leg was filled.
    pub pairs_filled: usize,
    /// Assets whose positions and balances were compared.
    pub assets: usize,
    /// Records of the journal.
    pub records: u64,
    /// The exchange has them, the journal has not.
    pub fills_lost: Vec<String>,
    /// The journal has them, or has them otherwise, and the exchange has not.
    pub fills_wrong: Vec<String>,
    /// One name, two orders.
    pub orders_doubled: Vec<String>,
    /// The exchange has them, the journal has not, or not as they ended.
    pub orders_wrong: Vec<String>,
    /// Legs without their other one, or with another than the journal says.
    pub pairs_wrong: Vec<String>,
    /// Sums that are not what the account holds.
    pub positions_wrong: Vec<String>,
}

impl Audit {
    /// Whether both sides say the same.
    pub fn is_right(&self) -> bool {
        self.differences().next().is_none()
    }

    /// Every difference.
    pub fn differences(&self) -> impl Iterator<Item = &String> {
        let all = [
            &self.fills_lost,
            &self.fills_wrong,
            &self.orders_doubled,
            &self.orders_wrong,
            &self.pairs_wrong,
            &self.positions_wrong,
        ];
        all.into_iter().flatten()
    }
}

/// An order as the journal has it.
#[derive(Clone, Copy)]
struct OurOrder {
    status: OrderStatus,
    /// False for one that was taken back before a byte of it left.
    may_be_there: bool,
}

/// What the journal says.
pub struct Journaled {
    ledger: Ledger,
    /// By client order id.
    names: BTreeMap<String, OurOrder>,
    /// Of each leg of a pair, by client order id, the other one's.
    legs: BTreeMap<String, String>,
    fills: Vec<Fill>,
}

impl Journaled {
    /// Reads the records of a journal, which add up to a ledger.
    pub fn read(
        ledger: Ledger,
        replay: impl FnOnce(&mut dyn FnMut(u64, Record)) -> Result<(), JournalError>,
    ) -> Result<Self, JournalError> {
        let mut orders: BTreeMap<OrderId, (String, OurOrder)> = BTreeMap::new();
        let mut fills = Vec::new();
        let mut other_legs: BTreeMap<OrderId, OrderId> = BTreeMap::new();
        replay(&mut |_, record| match record {
            Record::OrderIntended(intent) => {
                let order = OurOrder { status: OrderStatus::Intended, may_be_there: false };
                other_legs.extend(intent.other_leg.map(|other| (intent.order, other)));
                orders.insert(intent.order, (intent.client_order_id.to_string(), order));
            }
            Record::OrderChanged { event, .. } => {
                if let Some((_, order)) = orders.get_mut(&event.order) {
                    order.may_be_there |= !matches!(event.kind, OrderEventKind::Canceled { .. });
                    order.status = after(order.status, &event.kind);
                }
                if let OrderEventKind::Filled { fill, .. } = event.kind {
                    fills.push(fill);
                }
            }
            Record::ExternalFill { fill } => fills.push(fill),
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
        })?;
        let name = |order: &OrderId| orders.get(order).map(|(name, _)| name.clone());
        let legs = other_legs.iter().filter_map(|(leg, other)| Some((name(leg)?, name(other)?)));
        let legs = legs.collect();
        Ok(Self { ledger, names: orders.into_values().collect(), legs, fills })
    }

    /// Reads a journal on disk, every record of it checked.
    pub fn of_file(path: &Path) -> Result<Self, JournalError> {
        let reader = JournalReader::open(path)?;
        let ledger = reader.verify()?.ledger;
        Self::read(ledger, |each| reader.replay_after(0, each))
    }

    /// The symbols that it has numbers for.
    pub fn symbols(&self) -> Vec<String> {
        let instruments = self.ledger.instruments().iter();
        instruments.map(|instrument| instrument.symbol.to_string()).collect()
    }
}

/// Compares the journal with the record of an exchange, which no engine trades at now.
pub fn compare(ours: &Journaled, theirs: &VenueRecord) -> Audit {
    let mut audit = Audit { records: ours.ledger.records(), ..Audit::default() };
    compare_orders(ours, theirs, &mut audit);
    compare_pairs(ours, theirs, &mut audit);
    compare_fills(ours, theirs, &mut audit);
    compare_sums(&ours.ledger, theirs, &mut audit);
    // What protects positions outlives the engine.
    let open = theirs.open.iter().filter(|name| !name.ends_with('p'));
    let open = open.map(|name| format!("{name} still works"));
    audit.orders_wrong.extend(open);
    audit
}

fn compare_orders(ours: &Journaled, theirs: &VenueRecord, audit: &mut Audit) {
    let mut seen: BTreeMap<&str, i64> = BTreeMap::new();
    for ((symbol, number), order) in &theirs.orders {
        audit.orders += 1;
        let name = order.client_order_id.as_str();
        if let Some(other) = seen.insert(name, *number) {
            audit.orders_doubled.push(format!("{symbol} {name}: orders {other} and {number}"));
        }
        match ours.names.get(name) {
            None => audit.orders_wrong.push(format!("{symbol} {name}: not in the journal")),
            Some(ours) if spelled(ours.status) != order.status => {
                let (ours, theirs) = (ours.status, &order.status);
                audit.orders_wrong.push(format!("{symbol} {name}: {ours:?}, there {theirs}"));
            }
            Some(_) => {}
        }
    }
    let is_known = |status: OrderStatus| spelled(status) != "-" && status != OrderStatus::Rejected;
    for (name, OurOrder { status, may_be_there }) in &ours.names {
        if *may_be_there && is_known(*status) && !seen.contains_key(name.as_str()) {
            audit.orders_wrong.push(format!("{name}: {status:?}, not at the exchange"));
        } else if matches!(*status, OrderStatus::Submitted | OrderStatus::Unknown) {
            audit.orders_wrong.push(format!("{name}: outcome still open"));
        }
    }
}

/// A pair is one list of two orders, at both sides.
fn compare_pairs(ours: &Journaled, theirs: &VenueRecord, audit: &mut Audit) {
    let mut lists: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    let mut filled: BTreeSet<i64> = BTreeSet::new();
    for ((symbol, _), order) in &theirs.orders {
        let name = order.client_order_id.as_str();
        let Some(list) = order.list else {
            if ours.legs.contains_key(name) {
                audit.pairs_wrong.push(format!("{symbol} {name}: a leg, and there in no list"));
            }
            continue;
        };
        lists.entry(list).or_default().push(name);
        if order.status == "FILLED" {
            filled.insert(list);
        }
    }
    let is_other = |leg: &str, other: &str| ours.legs.get(leg).is_some_and(|name| name == other);
    for (list, legs) in &lists {
        match legs[..] {
            [first, second] if is_other(first, second) && is_other(second, first) => {}
            _ => audit.pairs_wrong.push(format!("list {list}: {legs:?}")),
        }
    }
    (audit.pairs, audit.pairs_filled) = (lists.len(), filled.len());
}

fn compare_fills(ours: &Journaled, theirs: &VenueRecord, audit: &mut Audit) {
    let mut booked: BTreeMap<(&str, i64, i64), &Fill> = BTreeMap::new();
    for fill in &ours.fills {
        let symbol = symbol_of(&ours.ledger, fill.key.instrument);
        let key = (symbol, fill.key.trade.0, fill.key.venue_order.0);
        if booked.insert(key, fill).is_some() {
            audit.fills_wrong.push(format!("{key:?}: booked twice"));
        }
    }
    for ((symbol, trade, order), fill) in &theirs.fills {
        audit.fills += 1;
        match booked.remove(&(symbol.as_str(), *trade, *order)) {
            None => audit.fills_lost.push(format!("{symbol} trade {trade} of order {order}")),
            Some(ours) if facts(ours) != facts(fill) => {
                audit.fills_wrong.push(format!("{symbol} trade {trade}: {ours:?}, there {fill:?}"));
            }
            Some(_) => {}
        }
    }
    audit.fills_wrong.extend(booked.keys().map(|key| format!("{key:?}: not at the exchange")));
}

fn facts(fill: &Fill) -> impl PartialEq {
    let Fill { side, price, quantity, fee, fee_asset, liquidity, .. } = *fill;
    (side, price, quantity, fee, fee_asset, liquidity)
}

fn symbol_of(ledger: &Ledger, instrument: InstrumentId) -> &str {
    ledger.instrument(instrument).map_or("?", |instrument| instrument.symbol.as_str())
}

/// What deposits, withdrawals and trades by hand have moved of a base asset.
fn of_others(ledger: &Ledger, asset: model::Asset) -> Amount {
    let flows = ledger.external_flows().get(&asset).copied().unwrap_or(Amount::ZERO);
    let traded = (0..).map(InstrumentId).zip(ledger.instruments());
    let traded = traded.filter(|(_, instrument)| instrument.base == asset);
    let traded = traded.map(|(id, _)| ledger.external_position(id).quantity().to_decimal());
    flows + traded.map(Amount::new).sum::<Amount>()
}

/// Our positions, and what others did, are what the account has more than at the start; so is our
/// money.
fn compare_sums(ledger: &Ledger, theirs: &VenueRecord, audit: &mut Audit) {
    for (asset, total) in &theirs.balances {
        let Ok(asset) = asset.parse::<model::Asset>() else { continue };
        audit.assets += 1;
        let counted = ledger.balances().get(&asset).copied().unwrap_or(Amount::ZERO);
        if counted != *total {
            let words = format!("{asset}: {counted} in the journal, {total} in the account");
            audit.positions_wrong.push(words);
        }
        let is_base = |id: InstrumentId| ledger.instrument(id).is_some_and(|i| i.base == asset);
        let own = ledger.positions().filter(|(_, id, _)| is_base(*id));
        let held: Amount =
            own.map(|(_, _, position)| Amount::new(position.quantity().to_decimal())).sum();
        let is_traded = ledger.instruments().iter().any(|instrument| instrument.base == asset);
        let opening = ledger.opening_balances().get(&asset).copied().unwrap_or(Amount::ZERO);
        let others = of_others(ledger, asset);
        if is_traded && opening + held + others != *total {
            let words = format!(
                "{asset}: {opening} at first, {held} held, {others} by others, {total} in the account"
            );
            audit.positions_wrong.push(words);
        }
    }
}
