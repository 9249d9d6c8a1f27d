//! A machine with its clock, and its effects in words.

#![allow(clippy::wildcard_enum_match_arm, reason = "scripts write few of the records")]

use std::sync::Arc;
use std::time::Duration;

use model::{
    Amount, Contract, Filters, InstanceId, Instrument, InstrumentId, InstrumentStatus, Instruments,
    OrderEvent, OrderEventKind, Timestamp,
};

use super::on::{INSTANCE, On};
use crate::journal::Record;
use crate::orders::{
    ExecutionEffect, ExecutionIdentity, ExecutionInput, ExecutionMachine, ExecutionPolicy,
    RestoredExecution,
};
use crate::venue::VenueAction;

/// When scripts begin: 1,000 s, so that offsets are easy to read.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_000);

pub fn instruments(count: u16) -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    for (symbol, base) in [("BTCUSDT", "BTC"), ("ETHUSDT", "ETH")].into_iter().take(count.into()) {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "test".parse().unwrap(),
            symbol: symbol.parse().unwrap(),
            base: base.parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    Arc::new(instruments)
}

pub struct Desk {
    pub machine: ExecutionMachine,
    pub now: Timestamp,
    persisted: u64,
}

impl Desk {
    /// A machine with what was restored, not connected.
    pub fn restored(
        policy: ExecutionPolicy,
        instruments: Arc<Instruments>,
        restored: RestoredExecution,
    ) -> Self {
        let identity = ExecutionIdentity {
            instance: InstanceId::new(INSTANCE).unwrap(),
            opened_at: Timestamp::from_secs(900),
        };
        let machine = ExecutionMachine::new(identity, policy, instruments, restored, BEGIN);
        Self { machine, now: BEGIN, persisted: 0 }
    }

    /// A machine without orders, live, with one instrument.
    pub fn live() -> Self {
        let mut desk = Self::restored(
            ExecutionPolicy::default(),
            instruments(1),
            RestoredExecution::default(),
        );
        // Two seconds before, so that the scripts see nothing of the spacing of these reads.
        desk.now = BEGIN.before(Duration::from_secs(2));
        for on in [On::Connected, On::AccountRead, On::OpenOrdersRead(&[]), On::TradesRead(&[])] {
            desk.on(on);
        }
        assert!(desk.machine.is_live());
        desk.now = BEGIN;
        desk
    }

    /// What follows from an input, in words; while time passes, with the offset in milliseconds.
    pub fn on(&mut self, on: On<'_>) -> String {
        match on {
            On::Wait(ms) => self.wait(ms),
            other => {
                let input = other.to_input(self.now, self.persisted);
                self.step(input).join(", ")
            }
        }
    }

    fn wait(&mut self, ms: i64) -> String {
        let (begin, end) = (self.now, Timestamp::from_nanos(self.now.as_nanos() + ms * 1_000_000));
        let mut words = Vec::new();
        let mut wakes = 0;
        while let Some(at) = self.machine.wake_at().filter(|at| *at <= end) {
            wakes += 1;
            assert!(wakes < 10_000, "woken without end");
            self.now = at.max(self.now);
            let said = self.step(ExecutionInput::Wake);
            if !said.is_empty() {
                let offset = self.now.nanos_since(begin) / 1_000_000;
                words.push(format!("+{offset} {}", said.join(", ")));
            }
            assert!(
                self.machine.wake_at().is_none_or(|next| next > self.now),
                "woken at {} it wants to be woken at once",
                self.now
            );
        }
        self.now = end;
        words.join(", ")
    }

    pub fn step(&mut self, input: ExecutionInput) -> Vec<String> {
        let mut effects = Vec::new();
        self.machine.step(self.now, input, &mut effects);
        let mut written: Option<OrderEvent> = None;
        let mut words = Vec::new();
        for effect in effects {
            match effect {
                ExecutionEffect::Persist(persist) => {
                    assert_eq!(persist.sequence, self.persisted + 1);
                    self.persisted = persist.sequence;
                    if let Record::OrderChanged { event, .. } = &persist.record {
                        written = Some(event.clone());
                    }
                    words.extend(record_in_words(&persist.record));
                }
                ExecutionEffect::Command(command) => words.push(action_in_words(command.action())),
                ExecutionEffect::Tell { strategy: _, event } => {
                    assert_eq!(written.take().as_ref(), Some(&*event), "written before it is told");
                    words.push(event_in_words(&event));
                }
                ExecutionEffect::BalancesRead { .. } => words.push("balances".to_owned()),
                ExecutionEffect::BalanceDiffers(found) => words.push(format!("{found:?}")),
                ExecutionEffect::BalanceMoved { .. } => words.push("moved".to_owned()),
                ExecutionEffect::ExternalFilled { fill } => {
                    words.push(format!("external fill {}", fill.key.trade));
                }
                ExecutionEffect::StrangersFound { instances, left_alone } => {
                    let names: Vec<String> = instances.iter().map(ToString::to_string).collect();
                    words.push(format!("STRANGERS {} left {left_alone}", names.join(" ")));
                }
                ExecutionEffect::InstrumentHalted { instrument, .. } => {
                    words.push(format!("HALT {instrument}"));
                }
                ExecutionEffect::Reconciled { summary } => words.push(format!(
                    "reconciled q{} f{} s{} x{} i{}",
                    summary.orders_queried,
                    summary.fills_adopted,
                    summary.strays_cancelled,
                    summary.foreign_orders,
                    summary.other_instances
                )),
                ExecutionEffect::Detached { .. } => words.push("detached".to_owned()),
            }
        }
        words
    }
}

fn record_in_words(record: &Record) -> Option<String> {
    match record {
        Record::OrderIntended(intent) => Some(format!("write intent {}", intent.order.number)),
        Record::OrderSent { order, .. } => Some(format!("write sent {}", order.number)),
        Record::CancelIntended { order, .. } => Some(format!("write cancel {}", order.number)),
        Record::ExternalFill { fill } => Some(format!("write external {}", fill.key.trade)),
        Record::OrderChanged { .. } => None,
        other => Some(format!("write {other:?}")),
    }
}

fn number_of(client_order_id: &model::ClientOrderId) -> String {
    match model::OrderId::from_client_order_id(client_order_id) {
        Ok((_, order, _)) => order.number.to_string(),
        Err(_) => client_order_id.to_string(),
    }
}

fn action_in_words(action: &VenueAction) -> String {
    match action {
        VenueAction::Submit { client_order_id, .. } => {
            format!("SUBMIT {}", number_of(client_order_id))
        }
        VenueAction::SubmitPair(pair) => {
            let [stop, target] =
                [pair.stop, pair.target].map(|leg| number_of(&leg.client_order_id));
            format!("SUBMIT {stop} with {target}")
        }
        VenueAction::CancelReplace { old, client_order_id, .. } => {
            format!("REPLACE {} by {}", number_of(old), number_of(client_order_id))
        }
        VenueAction::Cancel { client_order_id, .. } => {
            format!("CANCEL {}", number_of(client_order_id))
        }
        VenueAction::QueryOrder { client_order_id, .. } => {
            format!("query {}", number_of(client_order_id))
        }
        VenueAction::QueryVenueOrder { venue_order, .. } => format!("whose {venue_order}"),
        VenueAction::ReadAccount => "read account".to_owned(),
        VenueAction::ReadOpenOrders => "read open".to_owned(),
        VenueAction::ReadTrades { instrument, from } => match from {
            Some(from) => format!("read trades {instrument} from {from}"),
            None => format!("read trades {instrument}"),
        },
        VenueAction::ReadOrderTrades { venue_order, .. } => {
            format!("read fills {}", venue_order.0 - 500)
        }
    }
}

fn event_in_words(event: &OrderEvent) -> String {
    let what = match &event.kind {
        OrderEventKind::Denied { .. } => "denied".to_owned(),
        OrderEventKind::Submitted { .. } => "submitted".to_owned(),
        OrderEventKind::Accepted { .. } => "accepted".to_owned(),
        OrderEventKind::Triggered => "triggered".to_owned(),
        OrderEventKind::Filled { fill, cumulative_quantity, complete } => {
            let end = if *complete { " complete" } else { "" };
            let [last, total] = [fill.quantity, *cumulative_quantity].map(Amount::from);
            format!("filled {last} to {total}{end}")
        }
        OrderEventKind::Completed => "completed".to_owned(),
        OrderEventKind::Canceled { reason } => format!("canceled by {reason:?}").to_lowercase(),
        OrderEventKind::Expired { in_match, .. } => {
            if *in_match { "expired in match" } else { "expired" }.to_owned()
        }
        OrderEventKind::Rejected { .. } => "rejected".to_owned(),
        OrderEventKind::CancelRejected { .. } => "cancel rejected".to_owned(),
        OrderEventKind::OutcomeUnknown { .. } => "unknown".to_owned(),
        OrderEventKind::Absent { .. } => "absent".to_owned(),
    };
    format!("{} {what}", event.order.number)
}

/// Plays a script on a desk: each input with what must follow from it.
#[track_caller]
pub fn play(name: &str, mut desk: Desk, script: &[(On<'_>, &str)]) -> Desk {
    for (place, (on, expected)) in script.iter().enumerate() {
        let said = desk.on(*on);
        assert_eq!(said, *expected, "{name}: step {place}, {on:?}");
    }
    desk
}

/// Plays a script on a live machine without orders.
#[track_caller]
pub fn check(name: &str, script: &[(On<'_>, &str)]) {
    play(name, Desk::live(), script);
}
