//! What a run comes to, counted while it goes: a few numbers, however long it is.

use std::collections::{BTreeMap, BTreeSet};

use kernel::cascade::CascadeOutput;
use kernel::messages::Intent;
use kernel::portfolio::Portfolio;
use kernel::risk::TradingState;
use model::{
    Amount, Asset, Fill, Instrument, InstrumentId, Instruments, OrderEvent, OrderEventKind,
    StrategyId, Timestamp,
};
use report::run::HaltState;

/// The rule whose trip ends with the UTC day; every other one lasts.
const DAILY_LOSS: &str = "daily_loss";

/// Trading, or a part of it, was stopped for the rest of the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Halted {
    /// When.
    pub at: Timestamp,
    /// What is left.
    pub state: HaltState,
    /// Of which strategy; `None` for all.
    pub strategy: Option<StrategyId>,
    /// Of which instrument; `None` for all.
    pub instrument: Option<InstrumentId>,
    /// The rule that tripped.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
}

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
    /// What stopped trading, or a part of it, for the rest of the run: a few at most, for each can
    /// stop once.
    pub halts: Vec<Halted>,
    /// How often a strategy's entries were stopped for the rest of a day by its own daily loss.
    pub days_cut_short: u64,
    /// Assets of fees that had no price and count as nothing.
    pub fees_unvalued: BTreeSet<Asset>,
}

impl Tally {
    /// Takes what happened at an instant.
    pub fn count(&mut self, now: Timestamp, output: &CascadeOutput, portfolio: &Portfolio) {
        match output {
            CascadeOutput::Intended(wanted) => match wanted.intent {
                Intent::Submit { .. } | Intent::Replace { .. } => {}
                Intent::Cancel { .. } => self.cancels += 1,
            },
            CascadeOutput::Order { event, fee_in_quote, .. } => {
                self.count_event(event, *fee_in_quote, portfolio);
            }
            CascadeOutput::StrategyFailed { strategy, error } => {
                let (rule, reason) = ("failure".to_owned(), error.to_string());
                let (state, strategy) = (HaltState::Failed, Some(*strategy));
                self.halt(Halted { at: now, state, strategy, instrument: None, rule, reason });
            }
            CascadeOutput::StateChanged { to, rule, reason, .. } => {
                self.state_changed(now, *to, rule, reason);
            }
            CascadeOutput::RuleTripped { rule, strategy: Some(strategy), limit, actual } => {
                self.strategy_tripped(now, *strategy, rule, [*limit, *actual], portfolio);
            }
            CascadeOutput::InstrumentHalted { instrument, reason } => {
                let (rule, instrument) = ("books".to_owned(), Some(*instrument));
                let (state, reason) = (HaltState::Halted, reason.clone());
                self.halt(Halted { at: now, state, strategy: None, instrument, rule, reason });
            }
            CascadeOutput::FeeUnvalued { asset, .. } => {
                self.fees_unvalued.insert(*asset);
            }
            CascadeOutput::Note { .. }
            // The account's moves the trading state as well.
            | CascadeOutput::RuleTripped { strategy: None, .. }
            | CascadeOutput::EquitySampled { .. }
            | CascadeOutput::TradeClosed(_)
            | CascadeOutput::Reconciled { .. }
            | CascadeOutput::Detached { .. }
            | CascadeOutput::BalanceMoved { .. }
            | CascadeOutput::ExternalFilled { .. } => {}
        }
    }

    fn halt(&mut self, halted: Halted) {
        let same = |known: &Halted| {
            (known.state, known.strategy, known.instrument)
                == (halted.state, halted.strategy, halted.instrument)
        };
        if !self.halts.iter().any(same) {
            self.halts.push(halted);
        }
    }

    fn state_changed(&mut self, at: Timestamp, to: TradingState, rule: &str, reason: &str) {
        let state = match to {
            // Only an operator loosens, and a backtest has none.
            TradingState::Active => return,
            TradingState::ReduceOnly => HaltState::ReduceOnly,
            TradingState::Halted => HaltState::Halted,
        };
        let (rule, reason) = (rule.to_owned(), reason.to_owned());
        self.halt(Halted { at, state, strategy: None, instrument: None, rule, reason });
    }

    /// A strategy's own limit was passed: its entries end, for the day or for good.
    fn strategy_tripped(
        &mut self,
        at: Timestamp,
        strategy: StrategyId,
        rule: &str,
        [limit, actual]: [Amount; 2],
        portfolio: &Portfolio,
    ) {
        if rule == DAILY_LOSS {
            self.days_cut_short += 1;
            return;
        }
        let currency = portfolio.currency();
        let reason = format!("{rule} of {actual} {currency} passed the limit of {limit}");
        let (state, strategy, rule) = (HaltState::ReduceOnly, Some(strategy), rule.to_owned());
        self.halt(Halted { at, state, strategy, instrument: None, rule, reason });
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

    /// Why the result says less than it seems to.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.denied > 0 && self.orders == 0 {
            let rules = self.denials.iter().map(|(rule, count)| format!("{rule} {count} times"));
            let rules: Vec<String> = rules.collect();
            let rules = rules.join(", ");
            warnings.push(format!("every order was denied by the risk gate: {rules}"));
        }
        if self.days_cut_short > 0 {
            let times = self.days_cut_short;
            warnings.push(format!(
                "{times} times a strategy's daily loss stopped its entries until midnight UTC"
            ));
        }
        for asset in &self.fees_unvalued {
            warnings.push(format!("fees in {asset} have no price and count as nothing"));
        }
        warnings
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
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => {}
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
