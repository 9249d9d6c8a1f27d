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
