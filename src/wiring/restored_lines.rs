//! The log lines of what a start goes on from, so that the log alone tells everything that the
//! journal holds, even where the end of a process took lines with it.

use events::log_event;
use kernel::ledger::{Ledger, LedgerInstrument};
use model::{InstrumentId, OrderQuantity, OrderStatus, StrategyId};

/// One line for each position that was ever opened and each open order: as many as
/// `journal.replayed` counts.
pub fn tell_restored(ledger: &Ledger) {
    for (strategy, instrument, position) in ledger.positions() {
        let LedgerInstrument { symbol, base, quote } = *registered(ledger, instrument);
        log_event!(
            POSITION_RESTORED,
            strategy = %name(ledger, strategy),
            symbol = %symbol,
            base = %base,
            quote = %quote,
            quantity = %position.quantity(),
            cost = %position.cost(),
            realised = %position.realised(),
            fees = %position.fees()
        );
    }
    for order in ledger.open_orders() {
        let intent = &order.intent;
        let quantity = match intent.new.quantity {
            OrderQuantity::Base(quantity) => quantity.to_string(),
            OrderQuantity::Quote(amount) => amount.to_string(),
        };
        log_event!(
            ORDER_RESTORED,
            order_id = %intent.client_order_id,
            strategy = %name(ledger, intent.strategy),
            symbol = %registered(ledger, intent.new.instrument).symbol,
            side = intent.new.side.name(),
            quantity = %quantity,
            filled_quantity = %order.executed,
            state = state_at_start(order.status)
        );
    }
}

fn name(ledger: &Ledger, strategy: StrategyId) -> &str {
    ledger.strategy(strategy).expect("a ledger registers a strategy before it trades")
}

fn registered(ledger: &Ledger, instrument: InstrumentId) -> &LedgerInstrument {
    ledger.instrument(instrument).expect("a ledger registers an instrument before it is traded")
}

/// An order that the venue had not acknowledged is unknown: see [`kernel::orders`].
const fn state_at_start(status: OrderStatus) -> &'static str {
    if status.is_working() { "working" } else { "unknown" }
}
