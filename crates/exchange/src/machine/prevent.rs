//! Self-trade prevention: what it does to the two orders, and who is told.

use matching::PreventedParty;
use model::{InstrumentId, Timestamp};

use super::settle::{lock_of, order_id};
use super::{Exchange, ExecutionType, Output, Prevention, Record, UserEvent};
use crate::orders::{PreventedMatch, Status};

impl Exchange {
    /// Books a match that did not come about.
    pub(super) fn prevent(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        event: &matching::PreventedMatch,
    ) {
        let id = self.next_prevented_id;
        self.next_prevented_id += 1;
        let whole = |party: &PreventedParty| party.remaining + party.quantity;
        let prevented = PreventedMatch {
            id,
            account: event.owner.0,
            symbol: self.instruments.get(instrument).symbol,
            taker: order_id(event.taker.key),
            maker: order_id(event.maker.key),
            mode: event.mode,
            price: event.price,
            quantity: whole(&event.taker).min(whole(&event.maker)),
            taker_quantity: event.taker.quantity,
            maker_quantity: event.maker.quantity,
            at: now,
        };
        self.records.push(Record::Prevented(prevented.clone()));
        self.account_mut(event.owner.0).orders.record_prevented(prevented.clone());
        for party in [&event.maker, &event.taker] {
            if party.quantity.is_positive() {
                self.lose(now, party, &prevented);
            }
        }
    }

    /// Takes from an order what prevention cost it, and reports that.
    fn lose(&mut self, now: Timestamp, party: &PreventedParty, prevented: &PreventedMatch) {
        let id = order_id(party.key);
        let account = self.account_mut(prevented.account);
        let freed = account.orders.update(id, |order| {
            order.prevented += party.quantity;
            order.prevented_match = Some(prevented.id);
            order.updated_at = now;
            if order.remaining().is_zero() {
                order.status = Status::ExpiredInMatch;
            }
            // A leg of a pair may hold less than it needs: the other one holds it.
            let need = lock_of(order, order.remaining());
            let freed = if need < order.locked { order.locked - need } else { model::Amount::ZERO };
            order.locked -= freed;
            (order.instrument, order.side, freed)
        });
        let (instrument, side, freed) = freed.expect("a matcher only holds open orders");
        if !freed.is_zero() {
            let asset = super::paid_asset(self.instruments.get(instrument), side);
            self.account_mut(prevented.account).lock(asset, -freed, now);
        }
        self.touch_list(prevented.account, id);
        self.report_step(now, prevented.account, id, ExecutionType::TradePrevention, None);
        if let Some(Output::User { event: UserEvent::Execution(report), .. }) =
            self.outputs.last_mut()
        {
            let counter_order =
                if id == prevented.taker { prevented.maker } else { prevented.taker };
            report.prevention = Some(Prevention {
                id: prevented.id,
                last: party.quantity,
                counter_order,
                price: prevented.price,
                quantity: prevented.quantity,
            });
        }
    }
}
