//! Balances as the venue says, moved on by our own fills until it says them again.

use model::{Amount, Asset, Timestamp};

use super::value::Value;
use crate::venue::Balance;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Entry {
    free: Value,
    locked: Value,
    as_of: Timestamp,
}

/// What the account holds of each asset, in the order of their names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Balances(Vec<(Asset, Entry)>);

impl Balances {
    fn get(&self, asset: Asset) -> Option<&Entry> {
        self.0.iter().find(|(known, _)| *known == asset).map(|(_, entry)| entry)
    }

    fn entry(&mut self, asset: Asset) -> &mut Entry {
        let place = self.0.iter().position(|(known, _)| *known == asset);
        let place = place.unwrap_or_else(|| {
            let place = self.0.partition_point(|(known, _)| *known < asset);
            self.0.insert(place, (asset, Entry::default()));
            place
        });
        &mut self.0[place].1
    }

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
            let entry = self.entry(balance.asset);
            if entry.as_of <= as_of {
                let (free, locked) = (Value::floor(balance.free), Value::floor(balance.locked));
                *entry = Entry { free, locked, as_of };
            }
        }
    }

    /// A fill or a fee of ours that the venue's figure may not hold yet: it does once the figure
    /// is as young as the fill.
    pub(super) fn add(&mut self, asset: Asset, delta: Value, at: Timestamp) {
        let entry = self.entry(asset);
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
        let entry = self.entry(asset);
        let unlocked = entry.locked.min(amount);
        entry.locked -= unlocked;
        entry.free += unlocked;
    }

    pub(super) fn free_value(&self, asset: Asset) -> Value {
        self.get(asset).map_or(Value::ZERO, |entry| entry.free)
    }

    pub(super) fn total_value(&self, asset: Asset) -> Value {
        self.get(asset).map_or(Value::ZERO, |entry| entry.free + entry.locked)
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
