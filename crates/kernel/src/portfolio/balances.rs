//! Balances as the venue says, moved on by our own fills until it says them again.

use std::collections::BTreeMap;

use model::{Amount, Asset, Timestamp};

use super::value::Value;
use crate::venue::Balance;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Entry {
    free: Value,
    locked: Value,
    as_of: Timestamp,
}

/// What the account holds of each asset.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Balances(BTreeMap<Asset, Entry>);

impl Balances {
    /// Takes over what the venue says. `is_complete`: assets that are missing are at zero. News
    /// older than what is known is ignored.
    pub(super) fn update(&mut self, balances: &[Balance], is_complete: bool, as_of: Timestamp) {
        if is_complete {
            let is_older = |entry: &Entry| entry.as_of <= as_of;
            for (_, entry) in self.0.iter_mut().filter(|(_, entry)| is_older(entry)) {
                *entry = Entry { as_of, ..Entry::default() };
            }
        }
        for balance in balances {
            let entry = self.0.entry(balance.asset).or_default();
            if entry.as_of <= as_of {
                let (free, locked) = (Value::floor(balance.free), Value::floor(balance.locked));
                *entry = Entry { free, locked, as_of };
            }
        }
    }

    /// A fill or a fee of ours that the venue's figure may not hold yet: it does once the figure
    /// is as young as the fill.
    pub(super) fn add(&mut self, asset: Asset, delta: Value, at: Timestamp) {
        let entry = self.0.entry(asset).or_default();
        if entry.as_of >= at {
            return;
        }
        // What an order pays was locked when it began to rest.
        let from_locked = if delta.is_negative() { entry.locked.min(-delta) } else { Value::ZERO };
        entry.locked -= from_locked;
        entry.free += delta + from_locked;
    }

    /// An order ended, and what it had locked is free: the venue's figure says so a moment later.
    pub(super) fn unlock(&mut self, asset: Asset, amount: Value) {
        let entry = self.0.entry(asset).or_default();
        let unlocked = entry.locked.min(amount);
        entry.locked -= unlocked;
        entry.free += unlocked;
    }

    pub(super) fn free_value(&self, asset: Asset) -> Value {
        self.0.get(&asset).map_or(Value::ZERO, |entry| entry.free)
    }

    pub(super) fn total_value(&self, asset: Asset) -> Value {
        self.0.get(&asset).map_or(Value::ZERO, |entry| entry.free + entry.locked)
    }

    /// Free amount of an asset.
    #[must_use]
    pub fn free(&self, asset: Asset) -> Amount {
        self.free_value(asset).to_amount()
    }

    /// Free and locked amount of an asset.
    #[must_use]
    pub fn total(&self, asset: Asset) -> Amount {
        self.total_value(asset).to_amount()
    }

    /// Every asset ever heard of.
    pub fn iter(&self) -> impl Iterator<Item = Balance> {
        self.0.iter().map(|(asset, entry)| Balance {
            asset: *asset,
            free: entry.free.to_amount(),
            locked: entry.locked.to_amount(),
        })
    }
}
