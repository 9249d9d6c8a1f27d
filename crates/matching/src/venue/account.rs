//! The virtual account: what is free and what open orders have locked.

use kernel::venue::Balance;
use model::{Amount, Asset};

const fn nothing_of(asset: Asset) -> Balance {
    Balance { asset, free: Amount::ZERO, locked: Amount::ZERO }
}

/// One asset's balance.
#[derive(Clone, Copy, Debug)]
struct Entry {
    balance: Balance,
    /// Whether it changed since it was last told.
    is_touched: bool,
}

/// Balances by asset. Neither part of one is ever negative, whatever the market does: that is
/// checked at every change.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// In the order of their names: a handful.
    entries: Vec<Entry>,
}

impl Account {
    pub(super) fn new(free: &[(Asset, Amount)]) -> Self {
        let mut account = Self::default();
        for &(asset, amount) in free {
            account.entry(asset).free += amount;
        }
        account.entries.iter_mut().for_each(|entry| entry.is_touched = false);
        account
    }

    fn entry(&mut self, asset: Asset) -> &mut Balance {
        let place = self.entries.iter().position(|known| known.balance.asset == asset);
        let place = place.unwrap_or_else(|| {
            let place = self.entries.partition_point(|known| known.balance.asset < asset);
            self.entries.insert(place, Entry { balance: nothing_of(asset), is_touched: false });
            place
        });
        let entry = &mut self.entries[place];
        entry.is_touched = true;
        &mut entry.balance
    }

    pub(super) fn get(&self, asset: Asset) -> Balance {
        let known = self.entries.iter().find(|known| known.balance.asset == asset);
        known.map_or_else(|| nothing_of(asset), |known| known.balance)
    }

    /// Sets an amount aside; false, and nothing changes, if there is not so much.
    pub(super) fn lock(&mut self, asset: Asset, amount: Amount) -> bool {
        if amount > self.get(asset).free {
            return false;
        }
        let balance = self.entry(asset);
        balance.free -= amount;
        balance.locked += amount;
        true
    }

    /// Gives back what [`Self::lock`] has set aside.
    ///
    /// # Panics
    /// When that was less: a bug, after which no figure of the account could be trusted.
    pub(super) fn unlock(&mut self, asset: Asset, amount: Amount) {
        let balance = self.entry(asset);
        balance.locked -= amount;
        balance.free += amount;
        assert!(!balance.locked.is_negative(), "{asset}: unlocked {amount} more than was locked");
    }

    /// Takes what was paid, and frees what is left of what was locked for it.
    ///
    /// # Panics
    /// When there is less: a bug, after which no figure of the account could be trusted.
    pub(super) fn pay(&mut self, asset: Asset, locked: Amount, paid: Amount) {
        let balance = self.entry(asset);
        balance.locked -= locked;
        balance.free += locked - paid;
        let (free, left) = (balance.free, balance.locked);
        assert!(
            !free.is_negative() && !left.is_negative(),
            "{asset}: {paid} was spent of {locked}, which leaves {free} and {left} locked"
        );
    }

    pub(super) fn credit(&mut self, asset: Asset, amount: Amount) {
        self.entry(asset).free += amount;
    }

    /// Every asset that was ever held.
    pub(super) fn all(&self) -> Vec<Balance> {
        self.entries.iter().map(|entry| entry.balance).collect()
    }

    /// The assets that changed since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<Balance> {
        let changed = self.entries.iter_mut().filter(|entry| entry.is_touched);
        let told = changed.map(|entry| {
            entry.is_touched = false;
            entry.balance
        });
        told.collect()
    }
}
