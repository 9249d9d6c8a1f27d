//! What a run comes to, counted while it goes: a few numbers, however long it is.

use std::collections::BTreeMap;

use kernel::cascade::CascadeOutput;
use kernel::messages::Intent;
use kernel::portfolio::Portfolio;
use model::{Amount, Asset, Fill, Instrument, Instruments, OrderEvent, OrderEventKind};

/// Counts of orders and fills, and the fees.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Orders sent to the venue, past the gate: those that replace another and those that protect
    /// a position among them.
    pub orders: u64,
    /// Cancels that strategies asked for.
    pub cancels: u64,
    /// Orders that risk denied. They were not sent.
    pub denied: u64,
    /// The same by the rule that denied them.
    pub denials: BTreeMap<String, u64>,
    /// Orders that the venue refused.
    pub rejected: u64,
    /// Executions.
    pub fills: u64,
    /// Fees paid, in the run's currency at the price of each fill.
    pub fees: Amount,
    /// Strategies that failed and got nothing more.
    pub failed_strategies: u64,
}

impl Tally {
    /// Takes what happened.
    pub fn count(&mut self, output: &CascadeOutput, portfolio: &Portfolio) {
        match output {
            CascadeOutput::Intended(wanted) => match wanted.intent {
                Intent::Submit { .. } | Intent::Replace { .. } => {}
                Intent::Cancel { .. } => self.cancels += 1,
            },
            CascadeOutput::Order { event, fee_in_quote, .. } => {
                self.count_event(event, *fee_in_quote, portfolio);
            }
            CascadeOutput::StrategyFailed { .. } => self.failed_strategies += 1,
            CascadeOutput::Note { .. }
            | CascadeOutput::StateChanged { .. }
            | CascadeOutput::RuleTripped { .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::FeeUnvalued { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::InstrumentHalted { .. }
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. } => {}
        }
    }

    fn count_denial(&mut self, rule: &str) {
        self.denied += 1;
        match self.denials.get_mut(rule) {
            Some(count) => *count += 1,
            None => {
                self.denials.insert(rule.to_owned(), 1);
            }
        }
    }

    /// Why the result says little: nothing that strategies wanted was ever sent.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        if self.denied == 0 || self.orders > 0 {
            return None;
        }
        let rules = self.denials.iter().map(|(rule, count)| format!("{rule} {count} times"));
        let rules: Vec<String> = rules.collect();
        Some(format!("every order was denied by the risk gate: {}", rules.join(", ")))
    }

    fn count_event(&mut self, event: &OrderEvent, fee_in_quote: Amount, portfolio: &Portfolio) {
        match &event.kind {
            OrderEventKind::Submitted { .. } => self.orders += 1,
            OrderEventKind::Denied { reason } => self.count_denial(&reason.rule),
            OrderEventKind::Rejected { .. } => self.rejected += 1,
            OrderEventKind::Filled { fill, .. } => {
                self.fills += 1;
                self.fees += fee_in_currency(fill, fee_in_quote, portfolio);
            }
            OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown
            | OrderEventKind::Absent => {}
        }
    }
}

/// What a fill's fee was worth in its quote asset. `third` is its worth if it was paid in a third
/// asset.
#[must_use]
pub fn fee_in_quote(fill: &Fill, instrument: &Instrument, third: Amount) -> Amount {
    if fill.fee_asset == instrument.quote {
        fill.fee
    } else if fill.fee_asset == instrument.base {
        let product = fill.fee.checked_mul(fill.price.to_decimal());
        product.expect("a fee is smaller than the amount it is of")
    } else {
        third
    }
}

/// An amount of an instrument's quote asset in the run's currency, at the prices of now; as it is
/// where no price leads there.
#[must_use]
pub fn in_currency(amount: Amount, quote: Asset, portfolio: &Portfolio) -> Amount {
    let currency = portfolio.currency();
    if quote == currency {
        return amount;
    }
    let instruments: &Instruments = portfolio.instruments();
    portfolio.marks().convert_amount(instruments, amount, quote, currency).unwrap_or(amount)
}

fn fee_in_currency(fill: &Fill, third: Amount, portfolio: &Portfolio) -> Amount {
    let instrument = portfolio.instruments().get(fill.key.instrument);
    in_currency(fee_in_quote(fill, instrument, third), instrument.quote, portfolio)
}
