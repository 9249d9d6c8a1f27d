//! Parameters that several strategies share.

use std::num::NonZeroUsize;

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, Parameters,
};
use model::{Amount, Price, Quantity};

/// Size of an order in the base asset.
pub(crate) const QUANTITY: ParameterKey = ParameterKey {
    name: "quantity",
    kind: ParameterKind::Quantity,
    default: ParameterDefault::Unset,
    doc: "How much of the base asset each order trades. Set either this or `order_notional`.",
};

/// Size of an order in the quote asset.
pub(crate) const ORDER_NOTIONAL: ParameterKey = ParameterKey {
    name: "order_notional",
    kind: ParameterKind::Amount,
    default: ParameterDefault::Unset,
    doc: "What each order is worth in the quote asset. Set either this or `quantity`.",
};

/// How large an order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OrderSize {
    /// So much of the base asset.
    Base(Quantity),
    /// As much as is worth so much of the quote asset.
    Notional(Amount),
}

impl OrderSize {
    /// Checks that the size is given, and once.
    pub fn check(parameters: &Parameters) -> Result<(), ParameterError> {
        let quantity = parameters.quantity_if_set(QUANTITY.name);
        let notional = parameters.amount_if_set(ORDER_NOTIONAL.name);
        if quantity.is_some() == notional.is_some() {
            let problem = "set either `quantity` or `order_notional`";
            return Err(ParameterError::new(QUANTITY.name, problem));
        }
        Ok(())
    }

    /// Reads it from parameters that [`Self::check`] found right.
    pub fn of(parameters: &Parameters) -> Self {
        match parameters.quantity_if_set(QUANTITY.name) {
            Some(quantity) => Self::Base(quantity),
            None => Self::Notional(parameters.amount(ORDER_NOTIONAL.name)),
        }
    }

    /// The base quantity at a price, cut to 10⁻⁸; zero at no price.
    pub fn quantity_at(self, price: Price) -> Quantity {
        match self {
            Self::Base(quantity) => quantity,
            Self::Notional(amount) => {
                let exact = amount.to_decimal().checked_div(price.to_decimal());
                let cut = exact.map(|exact| Amount::new(exact).truncated(8).to_decimal());
                cut.and_then(|cut| Quantity::from_decimal(cut).ok()).unwrap_or(Quantity::ZERO)
            }
        }
    }
}

/// A whole number that the table keeps above zero.
pub(crate) fn count(parameters: &Parameters, name: &str) -> NonZeroUsize {
    let count = usize::try_from(parameters.integer(name)).ok().and_then(NonZeroUsize::new);
    count.expect("the table's minimum is 1")
}

/// Basis points as a fraction.
pub(crate) fn fraction(parameters: &Parameters, name: &str) -> f64 {
    parameters.float(name) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_price() {
        #[track_caller]
        fn check(size: OrderSize, price: &str, expected: &str) {
            assert_eq!(size.quantity_at(price.parse().unwrap()), expected.parse().unwrap());
        }
        check(OrderSize::Base("0.5".parse().unwrap()), "60000", "0.5");
        check(OrderSize::Notional("100".parse().unwrap()), "60000", "0.00166666");
        check(OrderSize::Notional("100".parse().unwrap()), "0.00000001", "10000000000");
        check(OrderSize::Notional("100000".parse().unwrap()), "0.00000001", "0");
        check(OrderSize::Notional("100".parse().unwrap()), "0", "0");
    }
}
