//! What the ledger adds up to against what the account holds.
//!
//! The account is not ours alone, so only assets of instruments that the ledger knows are compared:
//! of others nobody can tell what they should be.

use std::collections::{BTreeMap, BTreeSet};

use model::{Amount, Asset};
use rust_decimal::Decimal;
use serde::Serialize;

use super::Ledger;

/// What a difference means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// More than is explained, of an asset that no strategy holds: a deposit, most likely. It is
    /// not traded.
    Surplus,
    /// More than is explained, of an asset that strategies hold: whose it is cannot be told.
    HeldAsset,
    /// Less than is explained: something was taken that a strategy may count on.
    Shortfall,
    /// All is explained, but strategies hold more than there is: theirs was sold by hand. What is
    /// bought back by hand counts, and so does a deposit that a person accepts.
    Oversold,
}

impl DifferenceKind {
    /// Whether trading stops until a person has looked.
    #[must_use]
    pub const fn halts(self) -> bool {
        match self {
            Self::Surplus => false,
            Self::HeldAsset | Self::Shortfall | Self::Oversold => true,
        }
    }

    /// Stable lower-case name for the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surplus => "surplus",
            Self::HeldAsset => "held_asset",
            Self::Shortfall => "shortfall",
            Self::Oversold => "oversold",
        }
    }
}

/// An asset of which the account holds something else than the ledger adds up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BalanceDifference {
    /// Which asset.
    pub asset: Asset,
    /// What the ledger adds up to.
    pub ledger: Amount,
    /// What the account holds, free and locked together.
    pub account: Amount,
    /// What strategies hold of it.
    pub held: Amount,
    /// What it means.
    pub kind: DifferenceKind,
}

impl BalanceDifference {
    /// What it means that the account does not hold what the ledger adds up to, or less than
    /// strategies hold; `None` when neither is so.
    #[must_use]
    pub fn of(asset: Asset, ledger: Amount, account: Amount, held: Amount) -> Option<Self> {
        let kind = if account == ledger {
            if !is_oversold(account, held) {
                return None;
            }
            DifferenceKind::Oversold
        } else if account < ledger {
            DifferenceKind::Shortfall
        } else if held.is_zero() {
            DifferenceKind::Surplus
        } else {
            DifferenceKind::HeldAsset
        };
        Some(Self { asset, ledger, account, held, kind })
    }

    /// What the account holds more; negative: less.
    #[must_use]
    pub fn delta(&self) -> Amount {
        self.account - self.ledger
    }
}

/// Whether strategies hold more than there is, by more than a hundredth: fees in an asset that a
/// strategy holds come out of the account and not out of its position.
fn is_oversold(account: Amount, held: Amount) -> bool {
    let hundredfold = (held - account).checked_mul(Decimal::ONE_HUNDRED);
    hundredfold.is_ok_and(|missing| missing > held)
}

impl Ledger {
    /// Compares with an account's totals; an asset that is missing there is at zero.
    #[must_use]
    pub fn differences(&self, account: &BTreeMap<Asset, Amount>) -> Vec<BalanceDifference> {
        let known: BTreeSet<Asset> =
            self.instruments().iter().flat_map(|known| [known.base, known.quote]).collect();
        let found = known.into_iter().filter_map(|asset| {
            let total = |of: &BTreeMap<Asset, Amount>| of.get(&asset).copied().unwrap_or_default();
            let (ledger, account) = (total(self.balances()), total(account));
            BalanceDifference::of(asset, ledger, account, self.held_of(asset))
        });
        found.collect()
    }

    /// What strategies hold of an asset.
    fn held_of(&self, asset: Asset) -> Amount {
        let is_of = |id| self.instrument(id).is_some_and(|known| known.base == asset);
        let own = self.positions().filter(|(_, instrument, _)| is_of(*instrument));
        own.map(|(_, _, position)| Amount::from(position.quantity())).sum()
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Fill, FillKey, InstrumentId, Liquidity, OrderEvent, OrderEventKind, OrderId, Side,
        StrategyId, Timestamp, TradeId, VenueOrderId,
    };

    use super::*;
    use crate::journal::Record;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    /// 10,000 USDT, 2 BTC and 5 ETH at the opening, of which a strategy bought 1 BTC for 100 since.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let asset = |text: &str| text.parse::<Asset>().unwrap();
        let instrument = InstrumentId(0);
        let fill = Fill {
            key: FillKey { instrument, trade: TradeId(1), venue_order: VenueOrderId(1) },
            side: Side::Buy,
            price: "100".parse().unwrap(),
            quantity: "1".parse().unwrap(),
            fee: Amount::ZERO,
            fee_asset: asset("USDT"),
            liquidity: Liquidity::Taker,
            event_at: Timestamp::EPOCH,
        };
        let kind =
            OrderEventKind::Filled { fill, cumulative_quantity: fill.quantity, complete: true };
        let strategy = StrategyId(0);
        let event = OrderEvent {
            order: OrderId { epoch: 1, strategy, number: 1 },
            instrument,
            received_at: Timestamp::EPOCH,
            correlation: model::CorrelationId(1),
            kind,
        };
        let balances = [("USDT", "10000"), ("BTC", "2"), ("ETH", "5")];
        let records = [
            Record::InstrumentRegistered {
                instrument,
                symbol: "BTCUSDT".parse().unwrap(),
                base: asset("BTC"),
                quote: asset("USDT"),
            },
            Record::InstrumentRegistered {
                instrument: InstrumentId(1),
                symbol: "SOLUSDT".parse().unwrap(),
                base: asset("SOL"),
                quote: asset("USDT"),
            },
            Record::StrategyRegistered { strategy, name: "first".to_owned() },
            Record::BalancesOpened {
                balances: balances.map(|(name, total)| (asset(name), amount(total))).to_vec(),
                at: Timestamp::EPOCH,
            },
            Record::OrderChanged { strategy, event },
        ];
        for record in &records {
            ledger.apply(record).unwrap();
        }
        ledger
    }

    #[test]
    fn every_kind_of_difference() {
        use DifferenceKind::{HeldAsset, Shortfall, Surplus};
        #[track_caller]
        fn check(account: &[(&str, &str)], expected: &[(&str, &str, DifferenceKind)]) {
            let account =
                account.iter().map(|(asset, total)| (asset.parse().unwrap(), amount(total)));
            let found = ledger().differences(&account.collect());
            let found: Vec<_> = found
                .iter()
                .map(|found| (found.asset.to_string(), found.delta(), found.kind))
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(asset, delta, kind)| ((*asset).to_owned(), amount(delta), *kind))
                .collect();
            assert_eq!(found, expected);
        }
        check(&[("USDT", "9900"), ("BTC", "3"), ("ETH", "5")], &[]);
        check(&[("USDT", "9900"), ("BTC", "3"), ("ETH", "0")], &[]);
        check(&[("USDT", "9950"), ("BTC", "3")], &[("USDT", "50", Surplus)]);
        check(&[("USDT", "9900"), ("BTC", "3.5")], &[("BTC", "0.5", HeldAsset)]);
        check(&[("USDT", "9900"), ("BTC", "3"), ("SOL", "1")], &[("SOL", "1", Surplus)]);
        check(&[("BTC", "2")], &[("BTC", "-1", Shortfall), ("USDT", "-9900", Shortfall)]);
        assert!(Shortfall.halts() && HeldAsset.halts() && !Surplus.halts());
    }

    /// Everything is booked: only what strategies hold is more than there is.
    #[test]
    fn strategies_that_hold_more_than_there_is() {
        #[track_caller]
        fn check(account: &str, held: &str, expected: Option<DifferenceKind>) {
            let (asset, account, held) = ("ETH".parse().unwrap(), amount(account), amount(held));
            let found = BalanceDifference::of(asset, account, account, held);
            assert_eq!(found.map(|found| found.kind), expected, "{account} of {held}");
        }
        check("1", "0", None);
        check("1", "1", None);
        check("0.99", "1", None);
        check("0.98999", "1", Some(DifferenceKind::Oversold));
        check("0", "1", Some(DifferenceKind::Oversold));
        check("0", "0", None);
    }

    #[test]
    fn an_adjustment_settles_it() {
        let mut ledger = ledger();
        let account =
            [("USDT".parse().unwrap(), amount("9800")), ("BTC".parse().unwrap(), amount("3"))];
        let account: BTreeMap<Asset, Amount> = account.into();
        for found in ledger.differences(&account) {
            let (asset, delta) = (found.asset, found.delta());
            let reason = "accepted".to_owned();
            let flow =
                Record::ExternalFlow { asset, delta, reason, lots: None, at: Timestamp::EPOCH };
            ledger.apply(&flow).unwrap();
        }
        assert_eq!(ledger.differences(&account), []);
    }
}
