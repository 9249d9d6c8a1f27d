//! Orders of an earlier run, which its journal tells of: they go on, or are told to have ended.

use model::{
    Amount, ClientOrderId, NewOrder, OrderKind, OrderQuantity, OrderStatus, Quantity, Timestamp,
    VenueOrderId,
};

use super::history::VenueOrder;
use super::{LocalReject, LocalVenue};
use crate::MatchEvent;

/// An order that was open when an earlier run ended, as its journal tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestoredOpenOrder {
    /// Its name on the wire.
    pub client_order_id: ClientOrderId,
    /// This venue's number for it.
    pub venue_order: VenueOrderId,
    /// As it was placed.
    pub new: NewOrder,
    /// Executed so far.
    pub executed: Quantity,
    /// Whether its stop or target was reached: it works as what it became.
    pub is_triggered: bool,
    /// The other order of a pair, of which one cancels the other.
    pub other_leg: Option<ClientOrderId>,
}

impl LocalVenue {
    /// Takes an order of an earlier run back in: it rests or waits again from now on, at the end
    /// of its queue. The balances given to [`Self::new`] include what it had locked.
    ///
    /// # Errors
    /// When the account can't pay for it any more, or a filter has changed against it.
    pub fn restore(
        &mut self,
        now: Timestamp,
        order: &RestoredOpenOrder,
    ) -> Result<(), LocalReject> {
        self.last_order = self.last_order.max(order.venue_order.0);
        let mut new = order.new;
        if let OrderQuantity::Base(quantity) = new.quantity {
            new.quantity = OrderQuantity::Base(quantity - order.executed);
        }
        if order.is_triggered {
            new.kind = triggered(new.kind);
        }
        let other = order.other_leg.and_then(|name| self.history.open_by_name(&name));
        match other.map(|other| other.venue_order) {
            Some(other) => {
                self.open_beside(now, order.client_order_id, order.venue_order, new, other)?;
            }
            None => self.open(now, order.client_order_id, order.venue_order, new)?,
        }
        if let Some(restored) = self.history.get_mut(order.venue_order) {
            restored.new = order.new;
            restored.executed = order.executed;
            if order.executed.is_positive() {
                restored.status = OrderStatus::PartiallyFilled;
            }
        }
        let answered = (self.answers.len(), self.arrived.len());
        let has_traded = self.matched.iter().any(|event| matches!(event, MatchEvent::Traded(_)));
        self.book_matched(now, order.new.instrument);
        if !has_traded {
            // It is where it was: there is nothing to tell.
            self.answers.truncate(answered.0);
            self.arrived.truncate(answered.1);
        }
        Ok(())
    }

    /// Takes note of an order of an earlier run that could not be taken back in: whoever asks is
    /// told that it has expired.
    pub fn expire(&mut self, now: Timestamp, order: &RestoredOpenOrder, reason: &str) {
        self.last_order = self.last_order.max(order.venue_order.0);
        self.history.add(VenueOrder {
            client_order_id: order.client_order_id,
            venue_order: order.venue_order,
            new: order.new,
            status: OrderStatus::Expired,
            is_working: false,
            executed: order.executed,
            reason: reason.to_owned(),
            event_at: now,
            locked: Amount::ZERO,
            other_leg: None,
            locked_asset: self.instruments.get(order.new.instrument).quote,
        });
        self.history.end(order.venue_order);
    }
}

/// What a stop or target is once its price was reached.
const fn triggered(kind: OrderKind) -> OrderKind {
    match kind {
        OrderKind::StopLoss { .. } | OrderKind::TakeProfit { .. } => OrderKind::Market,
        OrderKind::StopLossLimit { price, time_in_force, .. }
        | OrderKind::TakeProfitLimit { price, time_in_force, .. } => {
            OrderKind::Limit { price, time_in_force }
        }
        other @ (OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. }) => {
            other
        }
    }
}
