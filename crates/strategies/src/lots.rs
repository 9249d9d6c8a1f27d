//! What was bought at which price, last in first out.

use model::{Asset, Fill, Price, Quantity};
use serde::{Deserialize, Serialize};

/// One purchase, or what is left of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Lot {
    /// Average price paid.
    pub price: Price,
    /// Base held, after fees.
    pub quantity: Quantity,
}

impl Lot {
    /// Both in one, at the average of the prices, rounded down to 10⁻⁸.
    fn merged(self, other: Self) -> Self {
        let weight = |lot: Self| i128::from(lot.quantity.units());
        let worth = |lot: Self| i128::from(lot.price.units()) * weight(lot);
        let total = weight(self) + weight(other);
        let average = if total == 0 { 0 } else { (worth(self) + worth(other)) / total };
        let units = i64::try_from(average).expect("an average lies between its prices");
        Self { price: Price::from_units(units), quantity: self.quantity + other.quantity }
    }
}

/// The purchases that are still held, oldest first. Their sum is the position.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lots(Vec<Lot>);

impl Lots {
    /// The last purchase.
    pub fn last(&self) -> Option<Lot> {
        self.0.last().copied()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn total(&self) -> Quantity {
        self.0.iter().map(|lot| lot.quantity).sum()
    }

    /// Books a buy: to the last lot if that is of the same order, else to a new one.
    pub fn bought(&mut self, fill: &Fill, base: Asset, same_order: bool) {
        let lot = Lot { price: fill.price, quantity: fill.quantity - fee_in(fill, base) };
        match self.0.last_mut().filter(|_| same_order) {
            Some(last) => *last = last.merged(lot),
            None => self.0.push(lot),
        }
    }

    /// Books a sell: from the last lot backwards.
    pub fn sold(&mut self, fill: &Fill, base: Asset) {
        self.take(fill.quantity + fee_in(fill, base));
    }

    fn take(&mut self, mut quantity: Quantity) {
        while quantity.is_positive()
            && let Some(last) = self.0.last_mut()
        {
            let taken = quantity.min(last.quantity);
            last.quantity -= taken;
            quantity -= taken;
            if !last.quantity.is_positive() {
                self.0.pop();
            }
        }
    }

    /// Joins what can't be sold alone to its neighbour.
    pub fn fold_dust(&mut self, is_dust: impl Fn(Quantity) -> bool) {
        if self.0.len() < 2 || !self.0.iter().any(|lot| is_dust(lot.quantity)) {
            return;
        }
        let mut folded: Vec<Lot> = Vec::with_capacity(self.0.len());
        for lot in &self.0 {
            match folded.last_mut() {
                Some(last) if is_dust(last.quantity) || is_dust(lot.quantity) => {
                    *last = last.merged(*lot);
                }
                Some(_) | None => folded.push(*lot),
            }
        }
        self.0 = folded;
    }

    /// Makes the sum the position again after a restart: what the position lacks was sold, what
    /// it has more was bought at `average_cost`.
    pub fn reconcile(&mut self, held: Quantity, average_cost: Option<Price>) {
        let total = self.total();
        if total > held {
            self.take(total - held.max(Quantity::ZERO));
        } else if held > total
            && let Some(price) = average_cost
        {
            self.0.insert(0, Lot { price, quantity: held - total });
        }
    }
}

/// What a fill cost in the base asset.
fn fee_in(fill: &Fill, base: Asset) -> Quantity {
    if fill.fee_asset != base {
        return Quantity::ZERO;
    }
    let fee = Quantity::from_decimal(fill.fee.to_decimal());
    fee.expect("the host has booked the fill with this fee already")
}

#[cfg(test)]
mod tests {
    use model::*;

    use super::*;

    fn fill(side: Side, price: &str, quantity: &str, fee: &str, fee_asset: &str) -> Fill {
        Fill {
            key: FillKey {
                instrument: InstrumentId(0),
                trade: TradeId(1),
                venue_order: VenueOrderId(1),
            },
            side,
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            fee: fee.parse().unwrap(),
            fee_asset: fee_asset.parse().unwrap(),
            liquidity: Liquidity::Taker,
            event_at: Timestamp::EPOCH,
        }
    }

    enum Step {
        Buy(&'static str, &'static str, bool),
        Sell(&'static str),
        Fold(&'static str),
        Reconcile(&'static str, &'static str),
    }
    use Step::*;

    #[track_caller]
    fn check(steps: &[Step], expected: &[(&str, &str)]) {
        let base: Asset = "BTC".parse().unwrap();
        let mut lots = Lots::default();
        for step in steps {
            match step {
                Buy(price, quantity, same) => {
                    lots.bought(&fill(Side::Buy, price, quantity, "0.1", "BTC"), base, *same);
                }
                Sell(quantity) => {
                    lots.sold(&fill(Side::Sell, "1", quantity, "5", "USDT"), base);
                }
                Fold(smallest) => {
                    let smallest: Quantity = smallest.parse().unwrap();
                    lots.fold_dust(|quantity| quantity < smallest);
                }
                Reconcile(held, cost) => {
                    lots.reconcile(held.parse().unwrap(), cost.parse().ok());
                }
            }
        }
        let expected: Vec<Lot> = expected
            .iter()
            .map(|(price, quantity)| Lot {
                price: price.parse().unwrap(),
                quantity: quantity.parse().unwrap(),
            })
            .collect();
        assert_eq!(lots.0, expected);
    }

    #[test]
    fn the_last_bought_is_the_first_sold() {
        check(&[], &[]);
        check(&[Buy("100", "1.1", false)], &[("100", "1")]);
        check(&[Buy("100", "1.1", false), Buy("90", "1.1", true)], &[("95", "2")]);
        let two = [("100", "1"), ("90", "2")];
        check(&[Buy("100", "1.1", false), Buy("90", "2.1", false)], &two);
        let sold = |quantity| [Buy("100", "1.1", false), Buy("90", "2.1", false), Sell(quantity)];
        check(&sold("0.5"), &[("100", "1"), ("90", "1.5")]);
        check(&sold("2"), &[("100", "1")]);
        check(&sold("2.5"), &[("100", "0.5")]);
        check(&sold("9"), &[]);
    }

    #[test]
    fn dust_joins_its_neighbour() {
        let dusty = [Buy("100", "1.1", false), Buy("90", "1.1", false), Sell("0.9")];
        let fold = |smallest| dusty_then(&dusty, Fold(smallest));
        check(&fold("0.1"), &[("100", "1"), ("90", "0.1")]);
        check(&fold("0.2"), &[("99.09090909", "1.1")]);
        check(&[Buy("100", "0.2", false), Fold("1")], &[("100", "0.1")]);
        let first = [Buy("100", "0.2", false), Buy("89", "1.1", false), Buy("80", "1.1", false)];
        check(&dusty_then(&first, Fold("1")), &[("90", "1.1"), ("80", "1")]);
    }

    fn dusty_then(steps: &[Step], then: Step) -> Vec<Step> {
        let again = steps.iter().map(|step| match step {
            Buy(price, quantity, same) => Buy(price, quantity, *same),
            Sell(quantity) => Sell(quantity),
            Fold(smallest) => Fold(smallest),
            Reconcile(held, cost) => Reconcile(held, cost),
        });
        again.chain([then]).collect()
    }

    #[test]
    fn after_a_restart_the_position_is_right() {
        let bought = [Buy("100", "1.1", false), Buy("90", "1.1", false)];
        let reconcile = |held, cost| dusty_then(&bought, Reconcile(held, cost));
        check(&reconcile("2", "95"), &[("100", "1"), ("90", "1")]);
        check(&reconcile("1.5", "95"), &[("100", "1"), ("90", "0.5")]);
        check(&reconcile("0", ""), &[]);
        check(&reconcile("-1", ""), &[]);
        check(&reconcile("3", "95"), &[("95", "1"), ("100", "1"), ("90", "1")]);
        check(&[Reconcile("3", "95")], &[("95", "3")]);
    }
}
