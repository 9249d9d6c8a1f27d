//! What a fill moves.

use model::{Amount, AmountError, Asset, Fill, Quantity, Side};

/// Why a fill could not be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// An amount left its range: a bug, or a venue gone mad.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// A quantity left its range.
    #[error("position out of range")]
    QuantityOutOfRange,
}

/// A fill as it changes a position: base in or out, quote out or in, its fee inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Booking {
    /// Base received after fees; below zero for base given.
    pub quantity: Quantity,
    /// Quote received after fees; below zero for quote paid.
    pub cash: Amount,
    /// What the fee was worth in the quote asset. Already in `quantity` or `cash`.
    pub fee: Amount,
}

impl Booking {
    /// The effect of a fill. `fee_in_quote` is what the fee was worth in the quote asset, for a
    /// fee that was paid in neither base nor quote; it is ignored otherwise.
    ///
    /// # Errors
    /// See [`PositionError`].
    pub fn of(
        fill: &Fill,
        base: Asset,
        quote: Asset,
        fee_in_quote: Amount,
    ) -> Result<Self, PositionError> {
        let notional = Amount::notional(fill.price, fill.quantity)?;
        let fee_base = if fill.fee_asset == base {
            Quantity::from_decimal(fill.fee.to_decimal())
                .map_err(|_| PositionError::QuantityOutOfRange)?
        } else {
            Quantity::ZERO
        };
        let (fee_cash, fee) = if fill.fee_asset == quote {
            (fill.fee, fill.fee)
        } else if fill.fee_asset == base {
            (Amount::ZERO, Amount::notional(fill.price, fee_base)?)
        } else {
            (fee_in_quote, fee_in_quote)
        };
        let (quantity, cash) = match fill.side {
            Side::Buy => (fill.quantity.checked_sub(fee_base), -notional.checked_add(fee_cash)?),
            Side::Sell => (
                Quantity::ZERO
                    .checked_sub(fill.quantity)
                    .and_then(|given| given.checked_sub(fee_base)),
                notional.checked_add(-fee_cash)?,
            ),
        };
        let quantity = quantity.ok_or(PositionError::QuantityOutOfRange)?;
        Ok(Self { quantity, cash, fee })
    }
}

/// The share of an amount that `part` of `whole` has. Multiplied first, since most shares come out
/// exact then, but for amounts too large for that. Never fails for a part of a whole.
pub(super) fn share(
    amount: Amount,
    part: Quantity,
    whole: Quantity,
) -> Result<Amount, AmountError> {
    let (part, whole) = (part.to_decimal(), whole.to_decimal());
    if let Ok(product) = amount.checked_mul(part) {
        let share = product.to_decimal().checked_div(whole);
        return share.map(Amount::new).ok_or(AmountError::OutOfRange);
    }
    let ratio = part.checked_div(whole).ok_or(AmountError::OutOfRange)?;
    amount.checked_mul(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_or_at_least_possible() {
        #[track_caller]
        fn check(amount: &str, part: &str, whole: &str, expected: &str) {
            let (part, whole) = (part.parse().unwrap(), whole.parse().unwrap());
            let share = share(amount.parse().unwrap(), part, whole).unwrap();
            assert_eq!(share, expected.parse().unwrap());
        }
        check("270", "2", "3", "180");
        check("-270", "-2", "3", "180");
        check("8000000000000000000000", "90000000000", "90000000000", "8000000000000000000000");
        check("8000000000000000000000", "45000000000", "90000000000", "4000000000000000000000");
        assert!(share(Amount::ONE, Quantity::ONE, Quantity::ZERO).is_err());
    }
}
