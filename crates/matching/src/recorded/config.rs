//! The models of a recorded market, by config.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::QueueModel;

/// How orders of ours would have fared on a recorded market. Every report names these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordedModels {
    /// How a resting order moves up, where levels are recorded.
    pub queue: QueueModel,
    /// Where only trades or bars are recorded: half of the spread around the last price that a
    /// taker pays, in basis points of the price.
    pub half_spread_bps: Decimal,
    /// Where only trades or bars are recorded: what a taker pays beyond the spread, in basis
    /// points.
    pub slippage_bps: Decimal,
    /// Where only trades or bars are recorded: the share of the traded volume that orders may
    /// take.
    pub participation: Decimal,
    /// Where only trades or bars are recorded: whether takers are held to that share.
    pub takers: TakerVolume,
    /// Whether orders meet the levels that are recorded.
    pub levels: Levels,
}

/// Whether orders meet the book that is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// They take what is displayed, and queue behind it.
    #[default]
    Met,
    /// As if only trades and bars were recorded: for checks at the last price.
    Ignored,
}

/// How much a taker gets where only trades or bars are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakerVolume {
    /// Its share of the volume, and the rest of it waits for more: the market has no end to it.
    #[default]
    Share,
    /// All that it wants, at the last price: for checks, and for a venue that answers at once.
    All,
}

impl Default for RecordedModels {
    /// Cautious: the back of the queue, one basis point of half spread and one of slippage, a
    /// tenth of the volume.
    fn default() -> Self {
        Self {
            queue: QueueModel::Back,
            half_spread_bps: Decimal::ONE,
            slippage_bps: Decimal::ONE,
            participation: Decimal::new(1, 1),
            takers: TakerVolume::Share,
            levels: Levels::Met,
        }
    }
}

impl RecordedModels {
    /// What a taker pays on the last price, in units of 10⁻¹² of it.
    pub(super) fn taker_cost(&self) -> i128 {
        let bps = (self.half_spread_bps + self.slippage_bps).max(Decimal::ZERO);
        to_units(bps, 8)
    }

    /// The share of the volume, in units of 10⁻⁸.
    pub(super) fn participation_units(&self) -> i128 {
        to_units(self.participation.clamp(Decimal::ZERO, Decimal::ONE), 8)
    }
}

fn to_units(value: Decimal, scale: u32) -> i128 {
    let mut rounded = value.round_dp(scale);
    rounded.rescale(scale);
    rounded.mantissa()
}
