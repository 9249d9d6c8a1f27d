//! The database that some reads are answered from: a copy of the orders that may lag behind.
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
                Record::Trade(_) | Record::Prevented(_) | Record::Balance { .. } => continue,
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
            Some((_, Record::Trade(_) | Record::Prevented(_) | Record::Balance { .. })) | None => {}
        }
    }
}

impl Exchange {
    /// Lets the database lag so far behind from now on; zero ends that.
    pub fn set_database_lag(&mut self, lag: Duration) {
        let orders = match lag.is_zero() {
            true => BTreeMap::new(),
            false => {
                self.accounts.iter().map(|(id, account)| (*id, account.orders.clone())).collect()
            }
        };
        self.replica = Replica { lag, orders, waiting: VecDeque::new() };
    }

    /// An account's orders as the database has them.
    pub fn database(&mut self, account: u32, now: Timestamp) -> &OrderBook {
        if self.replica.lag.is_zero() {
            return &self.account(account).orders;
        }
        let replica = &mut self.replica;
        while replica.waiting.front().is_some_and(|(at, _)| at.after(replica.lag) <= now) {
            replica.apply_next();
        }
        replica.orders.entry(account).or_default()
    }
}
