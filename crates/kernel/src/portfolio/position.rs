//! One strategy's position in one instrument.

use model::{Amount, AmountError, Asset, Fill, Price, Quantity, Side};
use serde::{Deserialize, Serialize};

use super::booking::{Booking, PositionError, share};

/// The sum of fills less fees, at average cost. Signed, although a spot position is never
/// negative but by somebody else's selling.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    quantity: Quantity,
    cost: Amount,
    realised: Amount,
    fees: Amount,
}

impl Position {
    /// A position as it was written down: see the getters for what each part means.
    #[must_use]
    pub const fn from_parts(
        quantity: Quantity,
        cost: Amount,
        realised: Amount,
        fees: Amount,
    ) -> Self {
        Self { quantity, cost, realised, fees }
    }

    /// Base held, after fees.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// What the held quantity cost, in the quote asset, fees of buying included. Below zero for
    /// a short position: what it brought in.
    #[must_use]
    pub const fn cost(&self) -> Amount {
        self.cost
    }

    /// Profit of everything sold so far, in the quote asset, fees included.
    #[must_use]
    pub const fn realised(&self) -> Amount {
        self.realised
    }

    /// Fees paid so far, in the quote asset at the time of each fill. Already part of cost and
    /// realised profit.
    #[must_use]
    pub const fn fees(&self) -> Amount {
        self.fees
    }

    /// Cost of one unit held; `None` when nothing is held.
    #[must_use]
    pub fn average_cost(&self) -> Option<Amount> {
        self.cost.to_decimal().checked_div(self.quantity.to_decimal()).map(Amount::new)
    }

    /// Profit that selling everything at a price would realise, before the fees of selling.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`].
    pub fn unrealised(&self, price: Price) -> Result<Amount, AmountError> {
        Amount::notional(price, self.quantity)?.checked_add(-self.cost)
    }

    /// Books a fill. `fee_in_quote` is what the fee was worth in the quote asset, for a fee that
    /// was paid in neither base nor quote; it is ignored otherwise.
    ///
    /// # Errors
    /// See [`PositionError`]; the position is unchanged then.
    pub fn apply(
        &mut self,
        fill: &Fill,
        base: Asset,
        quote: Asset,
        fee_in_quote: Amount,
    ) -> Result<(), PositionError> {
        self.book(&Booking::of(fill, base, quote, fee_in_quote)?)
    }

    /// Books what a fill moved.
    ///
    /// # Errors
    /// See [`PositionError`]; the position is unchanged then.
    pub fn book(&mut self, booking: &Booking) -> Result<(), PositionError> {
        let mut next = *self;
        next.fees = next.fees.checked_add(booking.fee)?;
        let held = next.quantity;
        let is_opening = held.is_zero() || held.is_positive() == booking.quantity.is_positive();
        let quantity = held.checked_add(booking.quantity);
        next.quantity = quantity.ok_or(PositionError::QuantityOutOfRange)?;
        if is_opening {
            next.cost = next.cost.checked_add(-booking.cash)?;
        } else {
            next.close(held, booking)?;
        }
        *self = next;
        Ok(())
    }

    /// Takes out what is not there any more, at its cost: neither a profit nor a loss is made of it.
    ///
    /// # Errors
    /// [`PositionError::QuantityOutOfRange`] for more than is held; the position is unchanged then.
    pub fn write_off(&mut self, quantity: Quantity) -> Result<(), PositionError> {
        let held = self.quantity;
        let left = held.checked_sub(quantity).ok_or(PositionError::QuantityOutOfRange)?;
        if !quantity.is_positive() || left < Quantity::ZERO {
            return Err(PositionError::QuantityOutOfRange);
        }
        let cost = if left.is_zero() { self.cost } else { share(self.cost, quantity, held)? };
        self.cost = self.cost.checked_add(-cost)?;
        self.quantity = left;
        Ok(())
    }

    /// Adds what a fee in a third asset was worth, when that is known only after the fill was
    /// booked without it. The same as [`Self::apply`] with the value, as long as nothing was sold
    /// in between; the fee of something already sold counts against realised profit.
    ///
    /// # Errors
    /// See [`PositionError`]; the position is unchanged then.
    pub fn add_fee(&mut self, side: Side, in_quote: Amount) -> Result<(), PositionError> {
        let fees = self.fees.checked_add(in_quote)?;
        if side == Side::Buy && !self.quantity.is_zero() {
            self.cost = self.cost.checked_add(in_quote)?;
        } else {
            self.realised = self.realised.checked_add(-in_quote)?;
        }
        self.fees = fees;
        Ok(())
    }

    /// Books a fill against a position of the other sign; `self.quantity` is already the sum. What
    /// goes beyond the position opens one of the fill's sign, with its part of the cash.
    fn close(&mut self, held: Quantity, booking: &Booking) -> Result<(), PositionError> {
        let is_reversed = self.quantity.is_positive() == booking.quantity.is_positive();
        let (cost_closed, cash_closed) = if self.quantity.is_zero() {
            // Exactly all of it: no division, so that no rounding is left behind.
            (self.cost, booking.cash)
        } else if is_reversed {
            (self.cost, -share(booking.cash, held, booking.quantity)?)
        } else {
            (-share(self.cost, booking.quantity, held)?, booking.cash)
        };
        let cash_opened = booking.cash.checked_add(-cash_closed)?;
        self.cost = self.cost.checked_add(-cost_closed)?.checked_add(-cash_opened)?;
        self.realised = self.realised.checked_add(cash_closed)?.checked_add(-cost_closed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{FillKey, InstrumentId, Liquidity, Timestamp, TradeId, VenueOrderId};

    fn fill(side: Side, price: &str, quantity: &str, fee: &str, fee_asset: &str) -> Fill {
        let key = FillKey {
            instrument: InstrumentId(0),
            trade: TradeId(1),
            venue_order: VenueOrderId(1),
        };
        Fill {
            key,
            side,
            price: price.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            fee: fee.parse().unwrap(),
            fee_asset: fee_asset.parse().unwrap(),
            liquidity: Liquidity::Taker,
            event_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn positions_are_the_sum_of_fills_less_fees() {
        #[track_caller]
        fn check(fills: &[Fill], quantity: &str, cost: &str, realised: &str, fees: &str) {
            let mut position = Position::default();
            for fill in fills {
                let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
                position.apply(fill, base, quote, "0.5".parse().unwrap()).unwrap();
            }
            let actual = [position.cost(), position.realised(), position.fees()];
            assert_eq!(position.quantity(), quantity.parse().unwrap());
            assert_eq!(actual.map(|amount| amount.to_string()), [cost, realised, fees]);
        }
        let buy = fill(Side::Buy, "100", "1", "0.001", "BTC");
        check(&[buy], "0.999", "100", "0", "0.1");
        let sell = fill(Side::Sell, "110", "0.999", "0.10989", "USDT");
        check(&[buy, sell], "0", "0", "9.78011", "0.20989");
        let buy = fill(Side::Buy, "100", "2", "0.2", "USDT");
        check(&[buy], "2", "200.2", "0", "0.2");
        let sell = fill(Side::Sell, "120", "1", "0.12", "USDT");
        check(&[buy, sell], "1", "100.1", "19.78", "0.32");
        let buy = fill(Side::Buy, "100", "1", "0.001", "BNB");
        check(&[buy], "1", "100.5", "0", "0.5");
    }

    #[test]
    fn what_is_written_off_leaves_at_its_cost() {
        let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
        let mut position = Position::default();
        position
            .apply(&fill(Side::Buy, "100", "4", "0", "USDT"), base, quote, Amount::ZERO)
            .unwrap();
        position
            .apply(&fill(Side::Sell, "110", "1", "0", "USDT"), base, quote, Amount::ZERO)
            .unwrap();
        let before = position;
        for wrong in ["0", "-1", "3.00000001"] {
            assert!(position.write_off(wrong.parse().unwrap()).is_err(), "{wrong}");
            assert_eq!(position, before, "{wrong}");
        }
        position.write_off("1".parse().unwrap()).unwrap();
        let parts = |position: &Position| {
            let amounts = [position.cost(), position.realised(), position.fees()];
            (position.quantity().to_string(), amounts.map(|amount| amount.to_string()))
        };
        assert_eq!(position.average_cost(), before.average_cost());
        assert_eq!(parts(&position).1, ["200", "10", "0"]);
        position.write_off("2".parse().unwrap()).unwrap();
        assert!(position.quantity().is_zero());
        assert_eq!(parts(&position).1, ["0", "10", "0"]);
    }

    #[test]
    fn a_short_position_is_the_mirror_of_a_long_one() {
        #[track_caller]
        fn check(fills: &[(Side, &str, &str)], quantity: &str, cost: &str, realised: &str) {
            let mut position = Position::default();
            for (side, price, size) in fills {
                let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
                let fill = fill(*side, price, size, "0", "USDT");
                position.apply(&fill, base, quote, Amount::ZERO).unwrap();
            }
            assert_eq!(position.quantity(), quantity.parse().unwrap());
            let actual = [position.cost(), position.realised()].map(|amount| amount.to_string());
            assert_eq!(actual, [cost, realised]);
        }
        use Side::{Buy, Sell};
        check(&[(Sell, "100", "2")], "-2", "-200", "0");
        check(&[(Sell, "100", "2"), (Buy, "90", "1")], "-1", "-100", "10");
        check(&[(Sell, "100", "2"), (Buy, "90", "2")], "0", "0", "20");
        // Past flat, what is left opens the other way at the price of the fill.
        check(&[(Sell, "100", "2"), (Buy, "90", "3")], "1", "90", "20");
        check(&[(Buy, "100", "2"), (Sell, "110", "3")], "-1", "-110", "20");
    }

    #[test]
    fn a_fee_valued_later_counts_the_same() {
        #[track_caller]
        fn check(sides: &[Side]) {
            let (base, quote) = ("BTC".parse().unwrap(), "USDT".parse().unwrap());
            let (mut at_once, mut later) = (Position::default(), Position::default());
            for side in sides {
                let fill = fill(*side, "100", "0.5", "0.001", "BNB");
                let value = "0.25".parse().unwrap();
                at_once.apply(&fill, base, quote, value).unwrap();
                later.apply(&fill, base, quote, Amount::ZERO).unwrap();
                later.add_fee(*side, value).unwrap();
            }
            assert_eq!(later, at_once, "{sides:?}");
        }
        check(&[Side::Buy]);
        check(&[Side::Buy, Side::Buy, Side::Sell]);
        check(&[Side::Buy, Side::Sell]);
    }
}
