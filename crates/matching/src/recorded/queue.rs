//! Where a resting order of ours would stand among orders that it never met.

use std::time::Duration;

use model::{Quantity, Timestamp};
use serde::{Deserialize, Serialize};

/// How a resting order moves ahead in the queue of its level. Trades at the level always serve
/// the front, and what is ahead is never more than what the level shows; the models differ in
/// what they make of quantity that disappears without a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueModel {
    /// Others cancel behind us, as long as there is anything behind us. The cautious choice.
    #[default]
    Back,
    /// Others cancel ahead of us and behind us in proportion to what stands there.
    Proportional,
}

/// How long a trade and the change of the level that it caused may be apart in the recording. On
/// the venue's streams either may come first: best prices about a millisecond ahead of the
/// trade, depth up to 100 ms behind it.
const MATCHED_WITHIN: Duration = Duration::from_millis(250);

/// The queue ahead of one order. All quantities in units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    ahead: i64,
    /// Traded at the level, and not seen to disappear from it yet.
    traded: i64,
    /// Seen to disappear, and not seen to trade yet.
    gone: i64,
    /// How far we moved up for what is `gone`.
    moved_for_gone: i64,
    /// When `traded` or `gone` was last added to.
    at: Timestamp,
}

impl Queue {
    /// Behind so much; `None` when nobody knows, which the next sight of the level mends.
    pub(super) fn behind(displayed: Option<Quantity>) -> Self {
        let ahead = displayed.map_or(i64::MAX, Quantity::units);
        Self { ahead, traded: 0, gone: 0, moved_for_gone: 0, at: Timestamp::EPOCH }
    }

    fn forget_old(&mut self, now: Timestamp) {
        if now.since(self.at) > MATCHED_WITHIN {
            (self.traded, self.gone, self.moved_for_gone) = (0, 0, 0);
        }
        self.at = now;
    }

    /// A trade reached the level with so much; what is left of it for us.
    pub(super) fn on_trade(&mut self, now: Timestamp, quantity: Quantity) -> Quantity {
        self.forget_old(now);
        let quantity = quantity.units();
        // What was gone before its trade came was taken for cancels: put that right.
        let explained = quantity.min(self.gone);
        let moved = scaled(self.moved_for_gone, explained, self.gone);
        self.gone -= explained;
        self.moved_for_gone -= moved;
        self.traded += quantity - explained;
        let served = quantity - moved;
        let left = (served - self.ahead).max(0);
        self.ahead = (self.ahead - served).max(0);
        Quantity::from_units(left)
    }

    /// The level's total changed.
    pub(super) fn on_level(
        &mut self,
        now: Timestamp,
        model: QueueModel,
        before: Quantity,
        after: Quantity,
    ) {
        self.forget_old(now);
        let (before, after) = (before.units(), after.units());
        let decrease = (before - after).max(0);
        let explained = decrease.min(self.traded);
        self.traded -= explained;
        let canceled = decrease - explained;
        let old_ahead = self.ahead;
        if model == QueueModel::Proportional && self.ahead <= before {
            self.ahead -= scaled(self.ahead, canceled, before - explained);
        }
        self.ahead = self.ahead.min(after).max(0);
        self.gone += canceled;
        // From "nobody knows" to a number is no move.
        if old_ahead <= before {
            self.moved_for_gone += (old_ahead - self.ahead).min(canceled);
        }
    }

    /// The level is gone.
    pub(super) const fn clear(&mut self) {
        self.ahead = 0;
    }
}

/// `value × part / whole`, rounded down; nothing of nothing.
fn scaled(value: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let scaled = i128::from(value) * i128::from(part) / i128::from(whole);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}
