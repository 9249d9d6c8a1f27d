//! Fills as marks on a price chart. Past a bound, fills of one side that lie close together in
//! time merge into one mark at their average price.

use model::{Side, Timestamp};
use serde::{Deserialize, Serialize};

/// Most marks of one symbol.
pub const MAX_MARKS: usize = 512;

/// One fill, or several of one side close together.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct FillMark {
    /// Time of the first fill.
    pub at: Timestamp,
    /// Our side.
    pub side: Side,
    /// Average price, weighted by quantity.
    pub price: f64,
    /// Sum of the base quantities.
    pub quantity: f64,
    /// How many fills it stands for.
    pub fills: u64,
}

impl FillMark {
    fn absorb(&mut self, later: &Self) {
        let quantity = self.quantity + later.quantity;
        if quantity > 0.0 {
            self.price = (self.price * self.quantity + later.price * later.quantity) / quantity;
        }
        self.quantity = quantity;
        self.fills += later.fills;
    }
}

/// The marks of one symbol, in order of time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FillMarks {
    width_ns: i64,
    marks: Vec<FillMark>,
}

impl Default for FillMarks {
    fn default() -> Self {
        Self { width_ns: 1_000_000, marks: Vec::new() }
    }
}

impl FillMarks {
    pub(super) fn push(&mut self, mark: FillMark) {
        place(&mut self.marks, mark, self.width_ns);
        while self.marks.len() > MAX_MARKS && self.width_ns < i64::MAX / 2 {
            self.width_ns *= 2;
            for mark in std::mem::take(&mut self.marks) {
                place(&mut self.marks, mark, self.width_ns);
            }
        }
    }

    /// The marks.
    #[must_use]
    pub fn as_slice(&self) -> &[FillMark] {
        &self.marks
    }
}

/// Adds a mark, or merges it into the one of its side in its slot. A slot holds at most one mark
/// of each side, so that one is among the last two.
fn place(marks: &mut Vec<FillMark>, mark: FillMark, width_ns: i64) {
    let slot = |mark: &FillMark| mark.at.as_nanos().div_euclid(width_ns);
    let mut recent = marks.iter_mut().rev().take(2);
    match recent.find(|kept| slot(kept) == slot(&mark) && kept.side == mark.side) {
        Some(kept) => kept.absorb(&mark),
        None => marks.push(mark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_quantity_value_and_count() {
        let mut marks = FillMarks::default();
        let (mut quantity, mut value) = ([0.0, 0.0], [0.0, 0.0]);
        for number in 0..20_000_i64 {
            let side = if number % 3 == 0 { Side::Buy } else { Side::Sell };
            let mark = FillMark {
                at: Timestamp::from_millis(number * 137),
                side,
                price: 100.0 + (number % 17) as f64,
                quantity: 1.0 + (number % 5) as f64,
                fills: 1,
            };
            quantity[usize::from(side == Side::Buy)] += mark.quantity;
            value[usize::from(side == Side::Buy)] += mark.quantity * mark.price;
            marks.push(mark);
        }
        assert!(marks.as_slice().len() <= MAX_MARKS);
        assert!(marks.as_slice().len() > MAX_MARKS / 4);
        assert_eq!(marks.as_slice().iter().map(|mark| mark.fills).sum::<u64>(), 20_000);
        for side in [Side::Buy, Side::Sell] {
            let of_side = || marks.as_slice().iter().filter(|mark| mark.side == side);
            let index = usize::from(side == Side::Buy);
            let got: f64 = of_side().map(|mark| mark.quantity).sum();
            assert!((got - quantity[index]).abs() < 1e-6);
            let got: f64 = of_side().map(|mark| mark.quantity * mark.price).sum();
            assert!((got - value[index]).abs() < 1e-3);
        }
    }
}
