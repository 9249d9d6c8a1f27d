//! What reads are answered from: a copy of the orders and trades that may lag behind. The venue has
//! two: the database, and the memory in front of it.
//!
//! Without lag there is no copy and reads see the orders themselves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Timestamp;

use super::{Exchange, Record};
use crate::orders::OrderBook;

/// Records that may wait for their time. Past it the oldest are applied early.
const WAITING_KEPT: usize = 100_000;

/// A copy of all accounts' orders as they were a while ago.
#[derive(Debug, Default)]
pub(super) struct Replica {
    lag: Duration,
    orders: BTreeMap<u32, OrderBook>,
    waiting: VecDeque<(Timestamp, Record)>,
}

impl Replica {
    /// Takes in what will show after the lag.
    pub(super) fn note(&mut self, records: &[Record]) {
        if self.lag.is_zero() {
            return;
        }
        for record in records {
            let at = match record {
                Record::Order(order) => order.updated_at,
                Record::List(list) => list.updated_at,
                Record::Trade(trade) => trade.at,
                Record::Prevented(_) | Record::Balance { .. } => continue,
            };
            self.waiting.push_back((at, record.clone()));
        }
        while self.waiting.len() > WAITING_KEPT {
            self.apply_next();
        }
    }

    fn apply_next(&mut self) {
        match self.waiting.pop_front() {
            Some((_, Record::Order(order))) => {
                self.orders.entry(order.account).or_default().insert(*order);
            }
            Some((_, Record::List(list))) => {
                self.orders.entry(list.account).or_default().insert_list(list);
            }
            Some((_, Record::Trade(trade))) => {
                self.orders.entry(trade.account).or_default().record(trade);
            }
            Some((_, Record::Prevented(_) | Record::Balance { .. })) | None => {}
        }
    }

    /// The copy of an account; `None` without lag.
    fn book(&mut self, account: u32, now: Timestamp) -> Option<&OrderBook> {
        if self.lag.is_zero() {
            return None;
        }
        while self.waiting.front().is_some_and(|(at, _)| at.after(self.lag) <= now) {
            self.apply_next();
        }
        Some(self.orders.entry(account).or_default())
    }
}

impl Exchange {
    fn replica(&self, lag: Duration) -> Replica {
        let orders = match lag.is_zero() {
            true => BTreeMap::new(),
            false => {
                self.accounts.iter().map(|(id, account)| (*id, account.orders.clone())).collect()
            }
        };
        Replica { lag, orders, waiting: VecDeque::new() }
    }

    /// Lets the database lag so far behind from now on; zero ends that.
    pub fn set_database_lag(&mut self, lag: Duration) {
        self.database = self.replica(lag);
    }

    /// Lets the memory lag so far behind from now on, as far as reads show it; zero ends that.
    pub fn set_memory_lag(&mut self, lag: Duration) {
        self.memory = self.replica(lag);
    }

    /// An account's orders as the database has them.
    pub fn database(&mut self, account: u32, now: Timestamp) -> &OrderBook {
        match self.database.book(account, now) {
            Some(orders) => orders,
            None => &self.accounts.get(&account).expect("callers name accounts that exist").orders,
        }
    }

    /// An account's orders as reads from memory show them.
    pub fn memory(&mut self, account: u32, now: Timestamp) -> &OrderBook {
        match self.memory.book(account, now) {
            Some(orders) => orders,
            None => &self.accounts.get(&account).expect("callers name accounts that exist").orders,
        }
    }
}
