//! Putting back what was stored: accounts as they were, open orders on the new market.

use matching::{Owner, Submission, Trailing};
use model::{Amount, NewOrder, OrderKind, OrderQuantity, TimeInForce, Timestamp};

use super::settle::key_of;
use super::{Exchange, Record};
use crate::accounts::Account;
use crate::keys::ApiKey;
use crate::orders::{Order, Status};

impl Exchange {
    /// Opens the accounts that the records speak of, with their balances, orders and trades, and
    /// puts open orders back on the book, in the order in which they came. What can't be put
    /// back, because its symbol is gone or a filter refuses it now, expires.
    pub fn restore(
        &mut self,
        account: u32,
        keys: impl IntoIterator<Item = ApiKey>,
        records: Vec<Record>,
        now: Timestamp,
    ) {
        self.accounts.insert(account, Account::new(account, now));
        for key in keys {
            self.keys.insert(key.name.clone(), (key, account));
        }
        for record in records {
            match record {
                Record::Balance { account, asset, balance, at } => {
                    self.entry(account, now).restore(asset, balance, at);
                }
                Record::Order(order) => {
                    self.next_order_id = self.next_order_id.max(order.id + 1);
                    let order = self.resolved(*order);
                    self.entry(order.account, now).orders.insert(order);
                }
                Record::List(list) => {
                    self.next_list_id = self.next_list_id.max(list.id + 1);
                    self.entry(list.account, now).orders.insert_list(list);
                }
                Record::Trade(trade) => self.entry(trade.account, now).orders.record(trade),
                Record::Prevented(prevented) => {
                    self.next_prevented_id = self.next_prevented_id.max(prevented.id + 1);
                    self.entry(prevented.account, now).orders.record_prevented(prevented);
                }
            }
        }
        let open: Vec<Order> = self
            .accounts
            .values()
            .flat_map(|account| account.orders.open())
            .filter(|order| order.status != Status::PendingNew)
            .cloned()
            .collect();
        for order in open {
            self.put_back(&order, now);
        }
        self.outputs.clear();
    }

    /// Everything that is true now, for starting a new log with.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for account in self.accounts.values() {
            let balances = account.balances().map(|(asset, balance)| Record::Balance {
                account: account.id,
                asset,
                balance,
                at: account.updated_at,
            });
            records.extend(balances);
            records.extend(account.orders.lists_from(i64::MIN).cloned().map(Record::List));
            let orders = account.orders.everything().cloned();
            records.extend(orders.map(Box::new).map(Record::Order));
            records.extend(account.orders.all_trades().cloned().map(Record::Trade));
            let prevented = account.orders.prevented_from(i64::MIN).cloned();
            records.extend(prevented.map(Record::Prevented));
        }
        records
    }

    fn entry(&mut self, account: u32, now: Timestamp) -> &mut Account {
        self.accounts.entry(account).or_insert_with(|| Account::new(account, now))
    }

    /// The order with the instrument that its symbol has in this run.
    fn resolved(&self, mut order: Order) -> Order {
        if let Some(instrument) = self.instruments.by_symbol(order.symbol.as_str()) {
            order.instrument = instrument.id;
        }
        order
    }

    fn put_back(&mut self, order: &Order, now: Timestamp) {
        if self.instruments.by_symbol(order.symbol.as_str()).is_none() {
            return self.end_without_market(order, now);
        }
        let kind = resting_kind(order);
        let wanted = NewOrder::new(
            order.instrument,
            order.side,
            kind,
            OrderQuantity::Base(order.remaining()),
        );
        let mut submission = Submission::new(key_of(order.id), Owner(order.account), wanted);
        submission.budget = Some(order.locked);
        submission.prevention = order.prevention;
        submission.iceberg = order.iceberg;
        // It follows the market anew: what the market did meanwhile nobody knows.
        submission.trailing = order.trailing_delta.map(|delta_bips| Trailing { delta_bips });
        let mut placed = self.submit(now, &submission);
        if placed.is_err()
            && let Some(fired) = fired_kind(&kind)
        {
            submission.order.kind = fired;
            placed = self.submit(now, &submission);
        }
        if placed.is_err() {
            self.end_without_market(order, now);
        }
    }

    /// Ends a stored order that has no place any more and frees what it held.
    fn end_without_market(&mut self, order: &Order, now: Timestamp) {
        let paid = crate::symbols::split_name(order.symbol.as_str())
            .map(|(base, quote)| if order.side == model::Side::Buy { quote } else { base });
        let account = self.account_mut(order.account);
        account.orders.update(order.id, |order| {
            order.status = Status::Expired;
            order.expiry_reason = Some("EXCHANGE_CANCELED".to_owned());
            order.locked = Amount::ZERO;
            order.updated_at = now;
        });
        if let Some(asset) = paid {
            account.lock(asset, -order.locked, now);
        }
        self.operation.orders.insert((order.account, order.id));
        self.report_positions(now);
    }
}

/// What a stored open order is now: one whose stop was reached works, and a post-only order may
/// have to take on a market that is elsewhere.
fn resting_kind(order: &Order) -> OrderKind {
    if let OrderKind::LimitMaker { price } = order.kind {
        return OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled };
    }
    if order.is_waiting() { order.kind } else { fired_kind(&order.kind).unwrap_or(order.kind) }
}

/// What an order becomes when its stop is reached.
const fn fired_kind(kind: &OrderKind) -> Option<OrderKind> {
    match *kind {
        OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => Some(OrderKind::Market),
        OrderKind::StopLossLimit { price, time_in_force, .. }
        | OrderKind::TakeProfitLimit { price, time_in_force, .. } => {
            Some(OrderKind::Limit { price, time_in_force })
        }
        OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. } => None,
    }
}
