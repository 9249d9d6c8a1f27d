//! The log lines of orders, written where onlookers are told of every order (see
//! [`crate::observe`]), so that no order waits for its own line.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use events::log_event;
use model::{
    Amount, Chain, ClientOrderId, CorrelationId, Fill, InstanceId, InstrumentId, Instruments,
    NewOrder, OrderEvent, OrderEventKind, OrderId, OrderQuantity, Quantity, Role, StrategyId,
    Symbol, Timestamp,
};

/// What the lines of one order need again and again.
#[derive(Clone, Copy, Debug)]
struct Label {
    client_order_id: ClientOrderId,
    quantity: Option<Quantity>,
    filled: Quantity,
    has_ended: bool,
}

/// So many orders that ended are remembered for the line of a fill that is told late.
const ENDED_BOUND: usize = 1_024;

/// The same denial has one line within so long, by the venue's clock.
const DENIALS_EVERY: Duration = Duration::from_secs(60);
/// So many kinds of denials are remembered; past it all lines are written again.
const DENIALS_BOUND: usize = 1_024;

/// The lines of one kind of denial.
#[derive(Clone, Copy, Debug)]
struct Denials {
    told_at: Timestamp,
    /// Since then.
    untold: u64,
}

/// Writes the lines, and remembers what they need of orders that are not final, and of the last
/// that are.
#[derive(Debug)]
pub struct OrderLog {
    instance: InstanceId,
    instruments: Arc<Instruments>,
    strategies: Arc<[String]>,
    labels: BTreeMap<OrderId, Label>,
    ended: VecDeque<OrderId>,
    denials: BTreeMap<(StrategyId, InstrumentId, String), Denials>,
}

impl OrderLog {
    /// A log for one installation. `strategies` are names by number.
    #[must_use]
    pub const fn new(
        instance: InstanceId,
        instruments: Arc<Instruments>,
        strategies: Arc<[String]>,
    ) -> Self {
        Self {
            instance,
            instruments,
            strategies,
            labels: BTreeMap::new(),
            ended: VecDeque::new(),
            denials: BTreeMap::new(),
        }
    }

    /// An order that was working when the process began.
    pub fn remember(
        &mut self,
        order: OrderId,
        role: Role,
        quantity: OrderQuantity,
        filled: Quantity,
    ) {
        let client_order_id = order.to_client_order_id(self.instance, role);
        let quantity = base_quantity(quantity);
        self.labels.insert(order, Label { client_order_id, quantity, filled, has_ended: false });
    }

    fn strategy(&self, id: StrategyId) -> &str {
        self.strategies.get(usize::from(id.0)).map_or("?", String::as_str)
    }

    /// Risk approved an order.
    pub fn approved(
        &mut self,
        strategy: StrategyId,
        order: OrderId,
        new: &NewOrder,
        correlation: CorrelationId,
    ) {
        self.remember(order, new.role, new.quantity, Quantity::ZERO);
        let order_id = order.to_client_order_id(self.instance, new.role);
        let price = new.kind.limit_price().or(new.kind.stop_price());
        let quantity = match new.quantity {
            OrderQuantity::Base(quantity) => quantity.to_string(),
            OrderQuantity::Quote(amount) => amount.to_string(),
        };
        log_event!(
            ORDER_INTENDED,
            correlation = %correlation.within(order.epoch),
            order_id = %order_id,
            strategy = %self.strategy(strategy),
            symbol = %self.instruments.get(new.instrument).symbol,
            side = new.side.name(),
            kind = new.kind.name(),
            price = price.map(events::tracing::field::display),
            quantity = %quantity
        );
    }

    /// Something happened to an order.
    pub fn event(&mut self, strategy: StrategyId, event: &OrderEvent, fee_in_quote: Amount) {
        let symbol = self.instruments.get(event.instrument).symbol;
        if let OrderEventKind::Denied { reason } = &event.kind {
            let Some(repeated) = self.denial(strategy, event, &reason.rule) else { return };
            log_event!(
                ORDER_DENIED,
                correlation = %event.correlation.within(event.order.epoch),
                strategy = %self.strategy(strategy),
                symbol = %symbol,
                rule = %reason.rule,
                reason = %reason.detail,
                limit = %reason.limit,
                actual = %reason.actual,
                repeated
            );
            return;
        }
        let Some(label) = self.labels.get(&event.order).copied() else { return };
        let line = Line {
            correlation: event.correlation.within(event.order.epoch),
            order_id: label.client_order_id,
            strategy: self.strategy(strategy),
            symbol,
        };
        match &event.kind {
            OrderEventKind::Filled { fill, cumulative_quantity, complete } => {
                self.filled(&line, fill, label.quantity, *cumulative_quantity, fee_in_quote);
                if let Some(label) = self.labels.get_mut(&event.order) {
                    label.filled = *cumulative_quantity;
                }
                if *complete {
                    self.end(event.order);
                }
            }
            kind @ (OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. }) => {
                if label.has_ended {
                    return;
                }
                line.write(kind, label.filled);
                if ends(kind) {
                    self.end(event.order);
                }
            }
        }
    }

    /// How many of the same were denied without a line since the last one; `None` when this one has
    /// none either: a strategy may ask with every tick.
    fn denial(&mut self, strategy: StrategyId, event: &OrderEvent, rule: &str) -> Option<u64> {
        if self.denials.len() >= DENIALS_BOUND {
            self.denials.clear();
        }
        let now = event.received_at;
        let kind = (strategy, event.instrument, rule.to_owned());
        match self.denials.get_mut(&kind) {
            Some(denials) if now.since(denials.told_at) < DENIALS_EVERY => {
                denials.untold += 1;
                None
            }
            Some(denials) => {
                denials.told_at = now;
                Some(std::mem::take(&mut denials.untold))
            }
            None => {
                self.denials.insert(kind, Denials { told_at: now, untold: 0 });
                Some(0)
            }
        }
    }

    /// The order keeps its label for a while: a fill outranks the belief that it ended.
    fn end(&mut self, order: OrderId) {
        let Some(label) = self.labels.get_mut(&order) else { return };
        if label.has_ended {
            return;
        }
        label.has_ended = true;
        self.ended.push_back(order);
        if self.ended.len() > ENDED_BOUND
            && let Some(oldest) = self.ended.pop_front()
        {
            self.labels.remove(&oldest);
        }
    }

    fn filled(
        &self,
        line: &Line<'_>,
        fill: &Fill,
        asked: Option<Quantity>,
        cumulative: Quantity,
        fee_in_quote: Amount,
    ) {
        let instrument = self.instruments.get(fill.key.instrument);
        let fee_value = if fill.fee_asset == instrument.quote {
            fill.fee
        } else if fill.fee_asset == instrument.base {
            fill.fee.checked_mul(fill.price.to_decimal()).unwrap_or(Amount::ZERO)
        } else {
            fee_in_quote
        };
        let remaining = asked.map(|asked| asked.saturating_sub_to_zero(cumulative));
        let liquidity = match fill.liquidity {
            model::Liquidity::Maker => "maker",
            model::Liquidity::Taker => "taker",
        };
        log_event!(
            ORDER_FILLED,
            correlation = %line.correlation,
            order_id = %line.order_id,
            venue_order_id = fill.key.venue_order.0,
            trade_id = fill.key.trade.0,
            strategy = %line.strategy,
            symbol = %line.symbol,
            base = %instrument.base,
            quote = %instrument.quote,
            side = fill.side.name(),
            price = %fill.price,
            quantity = %fill.quantity,
            remaining = remaining.map(events::tracing::field::display),
            liquidity = liquidity,
            fee = %fill.fee,
            fee_asset = %fill.fee_asset,
            fee_value = %fee_value
        );
    }
}

const fn base_quantity(quantity: OrderQuantity) -> Option<Quantity> {
    match quantity {
        OrderQuantity::Base(quantity) => Some(quantity),
        OrderQuantity::Quote(_) => None,
    }
}

const fn ends(kind: &OrderEventKind) -> bool {
    match kind {
        OrderEventKind::Completed
        | OrderEventKind::Canceled { .. }
        | OrderEventKind::Expired { .. }
        | OrderEventKind::Rejected { .. }
        | OrderEventKind::Denied { .. } => true,
        // An absent order may still come to life.
        OrderEventKind::Absent { .. }
        | OrderEventKind::Submitted { .. }
        | OrderEventKind::Accepted { .. }
        | OrderEventKind::Triggered
        | OrderEventKind::Filled { .. }
        | OrderEventKind::CancelRejected { .. }
        | OrderEventKind::OutcomeUnknown { .. } => false,
    }
}

/// The fields that every line of an order has.
struct Line<'a> {
    correlation: Chain,
    order_id: ClientOrderId,
    strategy: &'a str,
    symbol: Symbol,
}

/// A line of an order: the common fields, then its own.
macro_rules! order_line {
    ($event:ident, $line:expr $(, $($own:tt)*)?) => {
        log_event!(
            $event,
            correlation = %$line.correlation,
            order_id = %$line.order_id,
            strategy = %$line.strategy,
            symbol = %$line.symbol
            $(, $($own)*)?
        )
    };
}

impl Line<'_> {
    fn write(&self, kind: &OrderEventKind, filled: Quantity) {
        match kind {
            OrderEventKind::Submitted { .. } => order_line!(ORDER_SUBMITTED, self),
            OrderEventKind::Accepted { venue_order } => {
                order_line!(ORDER_ACCEPTED, self, venue_order_id = venue_order.0);
            }
            OrderEventKind::Triggered => order_line!(ORDER_TRIGGERED, self),
            OrderEventKind::Completed => order_line!(ORDER_COMPLETED, self),
            OrderEventKind::Canceled { reason } => {
                let reason = reason.name();
                order_line!(ORDER_CANCELED, self, filled_quantity = %filled, reason = reason);
            }
            OrderEventKind::Expired { reason, in_match: _ } => {
                order_line!(ORDER_EXPIRED, self, filled_quantity = %filled, reason = %reason);
            }
            OrderEventKind::Rejected { reason } => {
                let (code, words) = (reason.code, &reason.message);
                order_line!(ORDER_REJECTED, self, code = code, reason = %words);
            }
            OrderEventKind::CancelRejected { reason } => {
                let (code, words) = (reason.code, &reason.message);
                order_line!(CANCEL_REJECTED, self, code = code, reason = %words);
            }
            OrderEventKind::OutcomeUnknown { reason } => {
                order_line!(ORDER_UNKNOWN, self, reason = %reason);
            }
            OrderEventKind::Absent { reason } => order_line!(ORDER_ABSENT, self, reason = %reason),
            OrderEventKind::Denied { .. } | OrderEventKind::Filled { .. } => {
                unreachable!("written by their own functions")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::DenialReason;

    use super::*;

    #[test]
    fn the_same_denial_has_one_line_a_minute_and_none_is_forgotten() {
        let instance = InstanceId::new("4f9k2a").unwrap();
        let mut log = OrderLog::new(instance, Arc::new(Instruments::new()), Arc::from([]));
        let mut denied = |secs: i64, strategy: u16, rule: &str| {
            let strategy = StrategyId(strategy);
            let reason = DenialReason {
                rule: rule.to_owned(),
                detail: String::new(),
                limit: String::new(),
                actual: String::new(),
            };
            let event = OrderEvent {
                order: OrderId { epoch: 1, strategy, number: 1 },
                instrument: InstrumentId(0),
                received_at: Timestamp::from_secs(secs),
                correlation: CorrelationId(0),
                kind: OrderEventKind::Denied { reason },
            };
            log.denial(strategy, &event, rule)
        };
        assert_eq!(denied(0, 1, "stale"), Some(0));
        assert!((1..60).all(|secs| denied(secs, 1, "stale").is_none()));
        assert_eq!(denied(30, 1, "capital"), Some(0), "each rule for itself");
        assert_eq!(denied(30, 2, "stale"), Some(0), "and each strategy");
        assert_eq!(denied(60, 1, "stale"), Some(59));
        assert_eq!(denied(61, 1, "stale"), None);
        assert_eq!(denied(600, 1, "stale"), Some(1));
    }
}
