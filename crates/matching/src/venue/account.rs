//! The virtual account: what is free and what open orders have locked.

use kernel::venue::Balance;
use model::{Amount, Asset};

const fn nothing_of(asset: Asset) -> Balance {
    Balance { asset, free: Amount::ZERO, locked: Amount::ZERO }
}

/// Balances by asset. Neither part of one is ever negative.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// In the order of their names: a handful.
    balances: Vec<Balance>,
    /// Assets that changed since they were last told, each once.
    touched: Vec<Asset>,
}

impl Account {
    pub(super) fn new(free: &[(Asset, Amount)]) -> Self {
        let mut account = Self::default();
        for &(asset, amount) in free {
            account.entry(asset).free += amount;
        }
        account.touched.clear();
        account
    }

    fn entry(&mut self, asset: Asset) -> &mut Balance {
        if !self.touched.contains(&asset) {
            self.touched.push(asset);
        }
        let place = self.balances.iter().position(|known| known.asset == asset);
        let place = place.unwrap_or_else(|| {
            let place = self.balances.partition_point(|known| known.asset < asset);
            self.balances.insert(place, nothing_of(asset));
            place
        });
        &mut self.balances[place]
    }

    pub(super) fn get(&self, asset: Asset) -> Balance {
        let known = self.balances.iter().find(|known| known.asset == asset);
        known.copied().unwrap_or_else(|| nothing_of(asset))
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

    pub(super) fn unlock(&mut self, asset: Asset, amount: Amount) {
        let balance = self.entry(asset);
        balance.locked -= amount;
        balance.free += amount;
    }

    pub(super) fn credit(&mut self, asset: Asset, amount: Amount) {
        self.entry(asset).free += amount;
    }

    /// Takes from what is free; the caller has locked and unlocked enough for it.
    pub(super) fn debit(&mut self, asset: Asset, amount: Amount) {
        self.entry(asset).free -= amount;
    }

    /// Every asset that was ever held.
    pub(super) fn all(&self) -> Vec<Balance> {
        self.balances.clone()
    }

    /// The assets that changed since the last call.
    pub(super) fn take_changed(&mut self) -> Vec<Balance> {
        self.touched.sort_unstable();
        let changed = self.touched.iter().map(|asset| self.get(*asset)).collect();
        self.touched.clear();
        changed
    }
}
