//! Accounts: balances, keys' owners, orders.

use std::collections::{BTreeMap, BTreeSet};

use model::{Amount, Asset, Timestamp};
use serde::{Deserialize, Serialize};

use crate::limits::OrderCounts;
use crate::orders::OrderBook;

/// What an account has of an asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Free to use.
    pub free: Amount,
    /// Held for open orders.
    pub locked: Amount,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number, from 1: 0 is the rest of the market.
    pub id: u32,
    balances: BTreeMap<Asset, Balance>,
    /// Orders and trades.
    pub orders: OrderBook,
    /// Unfilled orders in the current windows.
    pub counts: OrderCounts,
    /// Whether fees are paid in BNB as long as there is enough of it.
    pub pays_in_bnb: bool,
    /// When a balance last changed.
    pub updated_at: Timestamp,
    /// Assets whose balance changed since the last report.
    touched: BTreeSet<Asset>,
}

impl Account {
    /// An account that holds nothing.
    #[must_use]
    pub fn new(id: u32, now: Timestamp) -> Self {
        Self {
            id,
            balances: BTreeMap::new(),
            orders: OrderBook::default(),
            counts: OrderCounts::default(),
            pays_in_bnb: false,
            updated_at: now,
            touched: BTreeSet::new(),
        }
    }

    /// The account's number as clients see it.
    #[must_use]
    pub const fn uid(&self) -> u64 {
        354_937_000 + self.id as u64
    }

    /// Balance of an asset; nothing if it never had any.
    #[must_use]
    pub fn balance(&self, asset: Asset) -> Balance {
        self.balances.get(&asset).copied().unwrap_or_default()
    }

    /// All balances by asset.
    pub fn balances(&self) -> impl Iterator<Item = (Asset, Balance)> {
        self.balances.iter().map(|(asset, balance)| (*asset, *balance))
    }

    /// Sets a stored balance, of an account that last changed at `at`.
    pub fn restore(&mut self, asset: Asset, balance: Balance, at: Timestamp) {
        self.balances.insert(asset, balance);
        // Logs of earlier versions do not say when.
        if at > Timestamp::EPOCH {
            self.updated_at = at;
        }
    }

    /// Changes what is free and what is locked.
    pub fn change(&mut self, asset: Asset, free: Amount, locked: Amount, now: Timestamp) {
        let balance = self.balances.entry(asset).or_default();
        if free.is_zero() && locked.is_zero() {
            return;
        }
        balance.free += free;
        balance.locked += locked;
        for amount in [&mut balance.free, &mut balance.locked] {
            // A decimal zero may carry a sign, which nobody wants to read.
            if amount.is_zero() {
                *amount = Amount::ZERO;
            }
        }
        self.touched.insert(asset);
        self.updated_at = now;
    }

    /// Moves a free amount to locked (or back, when negative).
    pub fn lock(&mut self, asset: Asset, amount: Amount, now: Timestamp) {
        self.change(asset, -amount, amount, now);
    }

    /// Assets that changed since the last call.
    pub fn take_touched(&mut self) -> BTreeSet<Asset> {
        std::mem::take(&mut self.touched)
    }
}
