//! The run's side: orders as its journal has them.

use std::collections::BTreeMap;

use kernel::journal::{JournalError, Record};
use model::{Amount, FillKey, OrderEventKind, OrderId};
use store::journal::JournalReader;

use super::orders::{OrderRecord, Orders};
use crate::recorded::RecordedRun;

/// The orders of a recorded run that were caused within its span, with what became of them up to
/// its end. The journal has no orders that the gate denied.
///
/// # Errors
/// See [`JournalError`].
pub fn orders(
    journal: &JournalReader,
    recorded: &RecordedRun,
) -> Result<Vec<OrderRecord>, JournalError> {
    let foundation = &recorded.foundation;
    let (epoch, instruments) = (foundation.epoch, &*foundation.instruments);
    let ledger = journal.ledger()?;
    let mut orders = Orders::default();
    let mut fills: BTreeMap<FillKey, OrderId> = BTreeMap::new();
    journal.replay_after(0, &mut |_, record| match record {
        Record::OrderIntended(intent) if intent.order.epoch == epoch => {
            if (recorded.from..recorded.to).contains(&intent.caused_at) {
                let strategy = ledger.strategy(intent.strategy).unwrap_or("?");
                let (new, caused_at) = (&intent.new, intent.caused_at);
                let replaces = intent.replaces;
                orders.want(intent.order, strategy, instruments, new, replaces, caused_at);
            }
        }
        Record::OrderChanged { event, .. } if event.order.epoch == epoch => {
            if event.received_at >= recorded.to {
                return;
            }
            if let OrderEventKind::Filled { fill, .. } = &event.kind {
                fills.insert(fill.key, event.order);
            }
            orders.change(&event, instruments, Amount::ZERO);
        }
        Record::CancelIntended { order, at, .. } => orders.cancel(order, at),
        Record::FeeValued { key, in_quote } => {
            if let Some(order) = fills.get(&key) {
                orders.value_fee(*order, key.trade, in_quote);
            }
        }
        Record::OrderIntended(_)
        | Record::OrderChanged { .. }
        | Record::EpochStarted { .. }
        | Record::InstrumentRegistered { .. }
        | Record::StrategyRegistered { .. }
        | Record::BalancesOpened { .. }
        | Record::OrderSent { .. }
        | Record::ExternalFill { .. }
        | Record::ExternalFlow { .. }
        | Record::TradingStateChanged { .. }
        | Record::QuarantineChanged { .. }
        | Record::StrategySnapshot { .. }
        | Record::EquitySampled { .. } => {}
    })?;
    Ok(orders.into_records())
}
