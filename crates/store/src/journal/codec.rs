//! One record as one row.

use kernel::journal::{JournalError, Record};
use kernel::ledger::Applied;
use model::{OrderEventKind, OrderId};

/// What the columns beside the body say, so that views need not open every body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns {
    pub kind: &'static str,
    /// The order that the record is about.
    pub subject: Option<String>,
    /// The order's status after the record, by the ledger.
    pub status: Option<&'static str>,
}

impl Columns {
    pub fn new(record: &Record, applied: Applied) -> Self {
        let kind = if applied.repeated_fill { "fill_repeated" } else { kind(record) };
        let subject = subject(record).map(|order| order.to_string());
        Self { kind, subject, status: applied.status.map(model::OrderStatus::name) }
    }

    /// CRC-32 of all that the row says, its number included: a row that was changed, or moved
    /// to another place, is noticed.
    pub fn checksum(&self, number: i64, body: &str) -> u32 {
        checksum(number, self.kind, self.subject.as_deref(), self.status, body)
    }
}

pub(super) fn checksum(
    number: i64,
    kind: &str,
    subject: Option<&str>,
    status: Option<&str>,
    body: &str,
) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(&number.to_le_bytes());
    for part in [kind, subject.unwrap_or(""), status.unwrap_or(""), body] {
        crc.update(part.as_bytes());
        crc.update(&[0]);
    }
    crc.sum()
}

/// Writes the record as compact JSON into a buffer that is used again and again.
pub(super) fn encode<'a>(
    record: &Record,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a str, JournalError> {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, record)
        .map_err(|error| JournalError::Io(format!("encoding a record: {error}")))?;
    Ok(std::str::from_utf8(buffer).expect("JSON is UTF-8"))
}

/// Every kind of record, as [`kind`] names them.
pub const KINDS: [&str; 26] = [
    "epoch_started",
    "instrument_registered",
    "strategy_registered",
    "balances_opened",
    "order_intended",
    "order_sent",
    "cancel_intended",
    "order_denied",
    "order_submitted",
    "order_accepted",
    "order_triggered",
    "order_filled",
    "order_completed",
    "order_canceled",
    "order_expired",
    "order_rejected",
    "cancel_rejected",
    "outcome_unknown",
    "order_absent",
    "fee_valued",
    "external_fill",
    "external_flow",
    "trading_state_changed",
    "quarantine_changed",
    "strategy_snapshot",
    "equity_sampled",
];

fn kind(record: &Record) -> &'static str {
    match record {
        Record::EpochStarted { .. } => "epoch_started",
        Record::InstrumentRegistered { .. } => "instrument_registered",
        Record::StrategyRegistered { .. } => "strategy_registered",
        Record::BalancesOpened { .. } => "balances_opened",
        Record::OrderIntended(_) => "order_intended",
        Record::OrderSent { .. } => "order_sent",
        Record::CancelIntended { .. } => "cancel_intended",
        Record::OrderChanged { event, .. } => match event.kind {
            OrderEventKind::Denied { .. } => "order_denied",
            OrderEventKind::Submitted { .. } => "order_submitted",
            OrderEventKind::Accepted { .. } => "order_accepted",
            OrderEventKind::Triggered => "order_triggered",
            OrderEventKind::Filled { .. } => "order_filled",
            OrderEventKind::Completed => "order_completed",
            OrderEventKind::Canceled { .. } => "order_canceled",
            OrderEventKind::Expired { .. } => "order_expired",
            OrderEventKind::Rejected { .. } => "order_rejected",
            OrderEventKind::CancelRejected { .. } => "cancel_rejected",
            OrderEventKind::OutcomeUnknown { .. } => "outcome_unknown",
            OrderEventKind::Absent { .. } => "order_absent",
        },
        Record::FeeValued { .. } => "fee_valued",
        Record::ExternalFill { .. } => "external_fill",
        Record::ExternalFlow { .. } => "external_flow",
        Record::TradingStateChanged { .. } => "trading_state_changed",
        Record::QuarantineChanged { .. } => "quarantine_changed",
        Record::StrategySnapshot { .. } => "strategy_snapshot",
        Record::EquitySampled { .. } => "equity_sampled",
    }
}

/// The order that a record is about.
pub(super) fn subject(record: &Record) -> Option<OrderId> {
    match record {
        Record::OrderIntended(intent) => Some(intent.order),
        Record::OrderSent { order, .. } | Record::CancelIntended { order, .. } => Some(*order),
        Record::OrderChanged { event, .. } => Some(event.order),
        Record::EpochStarted { .. }
        | Record::InstrumentRegistered { .. }
        | Record::StrategyRegistered { .. }
        | Record::BalancesOpened { .. }
        | Record::FeeValued { .. }
        | Record::ExternalFill { .. }
        | Record::ExternalFlow { .. }
        | Record::TradingStateChanged { .. }
        | Record::QuarantineChanged { .. }
        | Record::StrategySnapshot { .. }
        | Record::EquitySampled { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::KINDS;

    #[test]
    fn every_kind_is_listed() {
        let source = include_str!("codec.rs");
        let (_, named) = source.split_once("fn kind(").unwrap();
        let (named, _) = named.split_once("\n}\n").unwrap();
        let texts: Vec<&str> = named.split('"').skip(1).step_by(2).collect();
        assert_eq!(texts, KINDS);
    }
}
