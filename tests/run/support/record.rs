//! Our journal against the exchange's own record: the same orders, the same fills, once each, and
//! the same balances.

use std::collections::BTreeMap;

use kernel::journal::Record;
use model::{Amount, Fill, OrderEventKind, OrderId, OrderStatus};

use super::desk::Desk;
use super::status::{after, spelled};
use super::venue::Venue;

/// How much was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compared {
    pub orders: usize,
    pub fills: usize,
}

/// What the journal says of one order.
struct Journaled {
    name: String,
    status: OrderStatus,
}

/// Compares everything, and panics at the first difference.
#[track_caller]
pub fn compare(desk: &Desk, venue: &Venue) -> Compared {
    let journal = desk.journal();
    let verified = journal.verify().unwrap();
    let ledger = verified.ledger;
    let mut orders: BTreeMap<OrderId, Journaled> = BTreeMap::new();
    let mut fills: Vec<Fill> = Vec::new();
    journal
        .replay_after(0, &mut |_, record| match record {
            Record::OrderIntended(intent) => {
                let name = intent.client_order_id.to_string();
                let status = OrderStatus::Intended;
                orders.insert(intent.order, Journaled { name, status });
            }
            Record::OrderChanged { event, .. } => {
                let order = orders.get_mut(&event.order).expect("intended before");
                order.status = after(order.status, &event.kind);
                if let OrderEventKind::Filled { fill, .. } = event.kind {
                    fills.push(fill);
                }
            }
            Record::ExternalFill { fill } => panic!("nobody else trades here: {fill:?}"),
            _ => {}
        })
        .unwrap();
    let by_name: BTreeMap<&str, OrderStatus> =
        orders.values().map(|order| (order.name.as_str(), order.status)).collect();
    assert_eq!(by_name.len(), orders.len(), "a name was used twice");
    let mut compared = Compared { orders: 0, fills: 0 };
    for instrument in ledger.instruments() {
        let symbol = instrument.symbol.as_str();
        for order in venue.orders(symbol).values() {
            let name = order.client_order_id.as_str();
            let ours = by_name.get(name).unwrap_or_else(|| panic!("{name} is not in the journal"));
            assert_eq!(spelled(*ours), order.status, "{name}");
            compared.orders += 1;
        }
        let id = ledger.instrument_id(symbol).unwrap();
        let ours = fills.iter().filter(|fill| fill.key.instrument == id);
        let mut numbers: Vec<i64> = ours.clone().map(|fill| fill.key.trade.0).collect();
        numbers.sort_unstable();
        let theirs = venue.fills(symbol);
        assert_eq!(numbers, theirs.keys().copied().collect::<Vec<_>>(), "{symbol}");
        for fill in ours {
            check_fill(fill, &theirs[&fill.key.trade.0]);
            compared.fills += 1;
        }
    }
    check_balances(&ledger, venue);
    compared
}

#[track_caller]
fn check_fill(ours: &Fill, theirs: &Fill) {
    let told = |fill: &Fill| {
        let Fill { side, price, quantity, fee, fee_asset, liquidity, .. } = *fill;
        (fill.key.venue_order, side, price, quantity, fee, fee_asset, liquidity)
    };
    assert_eq!(told(ours), told(theirs), "trade {}", ours.key.trade);
}

/// Our positions are what the account has more than at the start; so is our money.
#[track_caller]
fn check_balances(ledger: &kernel::ledger::Ledger, venue: &Venue) {
    let opened = ledger.opening_balances();
    for (asset, total) in venue.balances() {
        let asset: model::Asset = asset.parse().unwrap();
        let counted = ledger.balances().get(&asset).copied().unwrap_or(Amount::ZERO);
        assert_eq!(counted, total, "{asset}");
        let held: Amount = ledger
            .positions()
            .filter(|(_, id, _)| ledger.instrument(*id).unwrap().base == asset)
            .map(|(_, _, position)| Amount::new(position.quantity().to_decimal()))
            .sum();
        if asset.as_str() != "USDT" {
            let opening = opened.get(&asset).copied().unwrap_or(Amount::ZERO);
            assert_eq!(opening + held, total, "position in {asset}");
        }
    }
}
