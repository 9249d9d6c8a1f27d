//! The journal's fold and the gate agree: what the machine wrote down is where a restart goes on.

use model::{ClientOrderId, InstanceId, OrderStatus, VenueId};
use tickwright_kernel::journal::{IntentRecord, Record};
use tickwright_kernel::ledger::Ledger;
use tickwright_kernel::messages::{ExecutionRequest, OrderRequest};
use tickwright_kernel::portfolio::Remaining;
use tickwright_kernel::risk::{Approved, RestoredRisk, RiskConfig, RiskEffect, RiskMachine};

use super::desk::instruments;

/// Writes down what an engine would.
pub struct Scribe {
    pub ledger: Ledger,
}

impl Scribe {
    pub fn new(strategies: u16) -> Self {
        let mut ledger = Ledger::default();
        let mut records = vec![Record::EpochStarted {
            epoch: 1,
            instance: InstanceId::new("4f9k2a").unwrap(),
            venue: VenueId::new("sim:7f3a").unwrap(),
            config_hash: "00".into(),
            at: model::Timestamp::EPOCH,
        }];
        for instrument in &instruments() {
            records.push(Record::InstrumentRegistered {
                instrument: instrument.id,
                symbol: instrument.symbol,
                base: instrument.base,
                quote: instrument.quote,
            });
        }
        for number in 0..strategies {
            let (strategy, name) = (model::StrategyId(number), format!("s{number}"));
            records.push(Record::StrategyRegistered { strategy, name });
        }
        for record in &records {
            ledger.apply(record).unwrap();
        }
        Self { ledger }
    }

    pub fn write(&mut self, record: &Record) {
        self.ledger.apply(record).unwrap();
    }

    pub fn intended(
        &mut self,
        approved: &Approved<OrderRequest>,
        replaces: Option<model::OrderId>,
    ) {
        let request = approved.get();
        self.write(&Record::OrderIntended(Box::new(IntentRecord {
            order: request.order,
            client_order_id: ClientOrderId::new("tw").unwrap(),
            strategy: request.strategy,
            new: request.new,
            replaces,
            other_leg: None,
            cause: request.cause.clone(),
            correlation: request.correlation,
            caused_at: request.caused_at,
            decided_at: request.caused_at,
            approved_at: request.approved_at,
            judged_on_sequence: request.judged_on_sequence,
            checks: Vec::new(),
        })));
    }

    /// What risk's effects lead to in the journal.
    pub fn effect(&mut self, now: model::Timestamp, effect: &RiskEffect) {
        match effect {
            RiskEffect::Execute(ExecutionRequest::Submit(approved)) => {
                self.intended(approved, None)
            }
            RiskEffect::Execute(ExecutionRequest::Replace { old, new, .. }) => {
                self.intended(new, Some(*old));
            }
            RiskEffect::Execute(ExecutionRequest::CancelReplace { old, new }) => {
                self.intended(new, Some(*old));
            }
            RiskEffect::Execute(ExecutionRequest::SubmitPair(_)) => {
                unreachable!("no strategy of these days takes a profit")
            }
            RiskEffect::StateChanged { to, reason, .. } => {
                let reason = reason.clone();
                self.write(&Record::TradingStateChanged { state: *to, reason, at: now });
            }
            RiskEffect::EquitySampled { strategy, equity, capital, at } => {
                let (strategy, equity, capital, at) = (*strategy, *equity, *capital, *at);
                self.write(&Record::EquitySampled { strategy, equity, capital, at });
            }
            RiskEffect::FeeValued { key, in_quote } => {
                self.write(&Record::FeeValued { key: *key, in_quote: *in_quote });
            }
            RiskEffect::Execute(
                ExecutionRequest::Cancel { .. } | ExecutionRequest::CancelAll { .. },
            )
            | RiskEffect::TellStrategy { .. }
            | RiskEffect::RuleTripped { .. }
            | RiskEffect::FeeUnvalued { .. }
            | RiskEffect::TradeClosed(_)
            | RiskEffect::BalanceDiffers(_)
            | RiskEffect::Protection(_) => {}
        }
    }

    /// A machine that goes on from the journal knows what the one before knew.
    pub fn assert_restores(&self, config: &RiskConfig, machine: &RiskMachine) {
        let restored = RestoredRisk::from(&self.ledger);
        let again = RiskMachine::new(config.clone(), instruments().into(), restored);
        assert_eq!(again.state(), machine.state());
        for (instrument, holding) in machine.portfolio().holdings() {
            let position = again.portfolio().position(holding.strategy, instrument);
            assert_eq!(position, holding.position);
        }
        let orders = |machine: &RiskMachine| {
            let mut orders: Vec<_> = machine
                .portfolio()
                .reservations()
                .iter()
                .map(|order| {
                    // What is left of a quote amount is not in the journal: all of it reserves.
                    let by_base = matches!(order.remaining, Remaining::Base(_));
                    let remaining = by_base.then_some(order.remaining);
                    (order.order, order.new, remaining, order.replaces, order.is_acknowledged)
                })
                .collect();
            orders.sort_by_key(|(order, ..)| *order);
            orders
        };
        assert_eq!(orders(&again), orders(machine));
        let is_open = |status: OrderStatus| !status.is_final();
        assert!(self.ledger.open_orders().all(|order| is_open(order.status)));
    }
}
