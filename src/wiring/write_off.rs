//! Lots of strategies that are not there any more: which of them leave whose position, on an
//! operator's word.

use std::collections::BTreeMap;

use kernel::journal::{Durability, Persist, Record, WrittenOff};
use kernel::ledger::{BalanceDifference, Ledger};
use model::{Amount, Asset, InstrumentId, Quantity, StrategyId, Timestamp};
use rust_decimal::{Decimal, RoundingStrategy};

/// Decimals of a quantity.
const QUANTITY_DECIMALS: u32 = 8;

/// Why nothing is written off.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteOffError {
    /// The journal has no such strategy.
    #[error("no strategy {name}: this journal knows {}", known.join(", "))]
    UnknownStrategy {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It holds nothing of what is missing.
    #[error("{name} holds nothing that the account is short of")]
    NothingMissing {
        /// Whose.
        name: String,
    },
}

/// The lots to be written off: of these strategies, in this order, as much as they hold of what the
/// account has less of than all strategies hold together.
///
/// # Errors
/// [`WriteOffError`].
pub fn write_offs(
    ledger: &Ledger,
    found: &[BalanceDifference],
    strategies: &[String],
) -> Result<Vec<WrittenOff>, WriteOffError> {
    let mut missing: BTreeMap<Asset, Amount> =
        found.iter().map(|found| (found.asset, found.held - found.account)).collect();
    let mut lots = Vec::new();
    for name in strategies {
        let unknown = || WriteOffError::UnknownStrategy {
            name: name.clone(),
            known: ledger.strategies().to_vec(),
        };
        let strategy = ledger.strategy_id(name).ok_or_else(unknown)?;
        let before = lots.len();
        lots.extend(of_strategy(ledger, strategy, &mut missing));
        if lots.len() == before {
            return Err(WriteOffError::NothingMissing { name: name.clone() });
        }
    }
    Ok(lots)
}

fn of_strategy(
    ledger: &Ledger,
    strategy: StrategyId,
    missing: &mut BTreeMap<Asset, Amount>,
) -> Vec<WrittenOff> {
    let mut lots = Vec::new();
    let held: Vec<(InstrumentId, Quantity)> = ledger
        .held()
        .filter(|(owner, ..)| *owner == strategy)
        .map(|(_, instrument, position)| (instrument, position.quantity()))
        .collect();
    for (instrument, held) in held {
        let Some(known) = ledger.instrument(instrument) else { continue };
        let Some(left) = missing.get_mut(&known.base).filter(|left| left.is_positive()) else {
            continue;
        };
        let quantity = rounded_up(*left).min(held);
        *left -= Amount::from(quantity);
        lots.push(WrittenOff { strategy, instrument, quantity });
    }
    lots
}

/// What is missing is written off to the last digit: all that is more than a quantity holds.
fn rounded_up(amount: Amount) -> Quantity {
    let decimal: Decimal = amount.to_decimal();
    let up = decimal.round_dp_with_strategy(QUANTITY_DECIMALS, RoundingStrategy::AwayFromZero);
    Quantity::from_decimal(up).unwrap_or(Quantity::MAX)
}

/// Whether a difference is settled once these lots are written off and the account is accepted.
#[must_use]
pub fn settles(ledger: &Ledger, found: &BalanceDifference, lots: &[WrittenOff]) -> bool {
    let is_of = |lots: &&WrittenOff| {
        ledger.instrument(lots.instrument).is_some_and(|known| known.base == found.asset)
    };
    let written_off: Amount =
        lots.iter().filter(is_of).map(|lots| Amount::from(lots.quantity)).sum();
    let held = found.held - written_off;
    BalanceDifference::of(found.asset, found.account, found.account, held).is_none()
}

/// The records: external flows that move no balance, which is booked already.
#[must_use]
pub fn records(ledger: &Ledger, lots: &[WrittenOff], first: u64, at: Timestamp) -> Vec<Persist> {
    let record = |(sequence, lots): (u64, &WrittenOff)| {
        let known = ledger.instrument(lots.instrument)?;
        let record = Record::ExternalFlow {
            asset: known.base,
            delta: Amount::ZERO,
            reason: "reconcile --accept: lots written off".to_owned(),
            lots: Some(*lots),
            at,
        };
        Some(Persist { sequence, record, durability: Durability::Synced })
    };
    (first..).zip(lots).filter_map(record).collect()
}

#[cfg(test)]
mod tests {
    use model::{
        CorrelationId, Fill, FillKey, Liquidity, OrderEvent, OrderEventKind, OrderId, Side,
        TradeId, VenueOrderId,
    };

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// Two strategies of which the first holds 1 ETH for 100 and the second 2 for 200.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let instrument = InstrumentId(0);
        let mut records = vec![Record::InstrumentRegistered {
            instrument,
            symbol: "ETHUSDT".parse().unwrap(),
            base: "ETH".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
        }];
        for (number, (name, quantity)) in (0..).zip([("first", "1"), ("second", "2")]) {
            let strategy = StrategyId(number);
            records.push(Record::StrategyRegistered { strategy, name: name.to_owned() });
            let trade = TradeId(i64::from(number));
            let fill = Fill {
                key: FillKey { instrument, trade, venue_order: VenueOrderId(1) },
                side: Side::Buy,
                price: "100".parse().unwrap(),
                quantity: quantity.parse().unwrap(),
                fee: Amount::ZERO,
                fee_asset: "USDT".parse().unwrap(),
                liquidity: Liquidity::Taker,
                event_at: Timestamp::EPOCH,
            };
            let cumulative_quantity = fill.quantity;
            let kind = OrderEventKind::Filled { fill, cumulative_quantity, complete: true };
            let event = OrderEvent {
                order: OrderId { epoch: 1, strategy, number: 1 },
                instrument,
                received_at: Timestamp::EPOCH,
                correlation: CorrelationId(1),
                kind,
            };
            records.push(Record::OrderChanged { strategy, event });
        }
        for record in &records {
            ledger.apply(record).unwrap();
        }
        ledger
    }

    fn found(account: &str) -> Vec<BalanceDifference> {
        let (asset, account) = ("ETH".parse().unwrap(), amount(account));
        BalanceDifference::of(asset, account, account, amount("3")).into_iter().collect()
    }

    #[test]
    fn as_much_is_written_off_as_is_missing_and_no_more() {
        #[track_caller]
        fn check(account: &str, names: &[&str], expected: &[(u16, &str)], is_settled: bool) {
            let (ledger, found) = (ledger(), found(account));
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let lots = write_offs(&ledger, &found, &names).unwrap();
            let written: Vec<(u16, String)> =
                lots.iter().map(|lots| (lots.strategy.0, lots.quantity.to_string())).collect();
            let expected: Vec<(u16, String)> =
                expected.iter().map(|(number, text)| (*number, (*text).to_owned())).collect();
            assert_eq!(written, expected, "{account}");
            assert_eq!(settles(&ledger, &found[0], &lots), is_settled, "{account}");
            // What the journal then says: less held, at the same cost a piece, and no profit made.
            let mut after = ledger.clone();
            for persist in records(&ledger, &lots, 1, Timestamp::EPOCH) {
                after.apply(&persist.record).unwrap();
            }
            assert_eq!(after.balances(), ledger.balances());
            for lots in lots {
                let (was, is) = (
                    ledger.position(lots.strategy, lots.instrument),
                    after.position(lots.strategy, lots.instrument),
                );
                assert_eq!(is.quantity() + lots.quantity, was.quantity());
                assert_eq!(is.realised(), was.realised());
                assert!(is.average_cost().is_none_or(|cost| Some(cost) == was.average_cost()));
            }
        }
        check("2", &["first"], &[(0, "1.00000000")], true);
        check("2", &["second"], &[(1, "1.00000000")], true);
        check("2.5", &["second"], &[(1, "0.50000000")], true);
        check("0", &["first", "second"], &[(0, "1.00000000"), (1, "2.00000000")], true);
        check("0", &["second"], &[(1, "2.00000000")], false);
    }

    #[test]
    fn who_holds_nothing_that_is_missing_is_refused() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let refused = |account: &str, of: &[&str]| {
            write_offs(&ledger(), &found(account), &names(of)).unwrap_err().to_string()
        };
        let unknown = refused("2", &["third"]);
        assert!(unknown.contains("no strategy third") && unknown.contains("first, second"));
        assert!(refused("3", &["first"]).contains("holds nothing that the account is short of"));
        assert!(refused("2", &["first", "second"]).contains("second holds nothing"));
    }
}
