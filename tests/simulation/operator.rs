//! Whoever looks after the engine: accepts what the account does not hold any more, and has it
//! trade again; a service manager starts it over.

use actors::clock::Clock;
use actors::control::{Answering as _, ControlAnswer, ControlParts, ControlRequest};
use actors::engine::EngineStatus;
use actors::observe::{Alert, Observation, Observations};
use kernel::journal::Journal as _;
use kernel::risk::TradingState;
use model::Asset;
use store::journal::MemoryJournal;
use store::state_dir::StateDir;
use tickwright::cli::Failure;
use tickwright::wiring::{Running, Site, adjustments, compare};
use tokio::sync::watch;

use super::world::Bench;

/// What an operator knows of one process.
#[derive(Default)]
pub struct Operator {
    /// Assets of which a difference was told.
    told: Vec<Asset>,
    /// This process has found what nobody may trade on.
    has_found: bool,
}

/// What is to be done with the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Leave,
    /// Stopped in good order, and started again.
    Restart,
}

impl Operator {
    /// For a process whose start found that the account is not what was booked.
    pub fn of_start(bench: &Bench, was_halted: bool, opened: TradingState) -> Self {
        let has_found = !was_halted && opened == TradingState::Halted;
        if has_found && bench.unexplained().is_empty() {
            bench.break_by("NoNeedlessHalt: at the start".to_owned());
        }
        Self { told: Vec::new(), has_found }
    }

    /// Takes note of what the engine tells, and judges it.
    pub fn listen(&mut self, bench: &Bench, observations: &Observations) {
        for observation in observations.take_rest() {
            match observation {
                Observation::StateChanged { to: TradingState::Active, .. } => {}
                Observation::StateChanged { to, reason } => {
                    self.has_found = true;
                    self.told.extend(differing(&reason));
                    if !reason.contains("reconcile") || bench.unexplained().is_empty() {
                        bench.break_by(format!("NoNeedlessHalt: {to:?}: {reason}"));
                    }
                }
                Observation::Alert(Alert { subject, text, .. })
                    if subject.ends_with(" is halted") =>
                {
                    bench.break_by(format!("NoNeedlessHalt: {subject}: {text}"));
                }
                Observation::Alert(Alert { subject, .. }) => {
                    let asset = subject.strip_prefix("the account differs in ");
                    self.told.extend(asset.and_then(|asset| asset.parse::<Asset>().ok()));
                }
                Observation::Equity { strategy, equity, .. } => {
                    bench.judge_equity(strategy, equity);
                }
                Observation::Approved { .. }
                | Observation::Order { .. }
                | Observation::TradeClosed(_) => {}
            }
        }
    }

    /// Whether all that came and went is in the journal, or was told: a deposit is a warning.
    pub fn knows_everything(&self, bench: &Bench) -> bool {
        bench.unexplained().keys().all(|asset| self.told.contains(asset))
    }

    /// An engine that is halted is resumed, or, when that is refused, started again: between two
    /// processes the account is accepted.
    pub async fn tend(
        &mut self,
        bench: &Bench,
        control: &ControlParts,
        status: &EngineStatus,
    ) -> Verdict {
        let is_live = status.execution.as_ref().is_some_and(|execution| execution.is_live);
        let state = status.risk.as_ref().map(|risk| risk.state);
        if !is_live || state != Some(TradingState::Halted) {
            return Verdict::Leave;
        }
        match control.answer(ControlRequest::Resume { reason: None }).await {
            ControlAnswer::Refused { reason, .. } if !reason.contains("reconcile --accept") => {
                bench.break_by(format!("Resumes: {reason}"));
                Verdict::Restart
            }
            ControlAnswer::Refused { .. } => Verdict::Restart,
            ControlAnswer::Done { .. } | ControlAnswer::Plan { .. } => {
                if self.has_found {
                    bench.break_by("ResumeRefused: nobody has accepted the account".to_owned());
                }
                Verdict::Leave
            }
            ControlAnswer::ReadOnly { .. } => Verdict::Leave,
        }
    }
}

/// Of what a halt says that the account does not hold what it should.
fn differing(reason: &str) -> Option<Asset> {
    let held = reason.strip_prefix("the account holds ")?;
    held.split([' ', ',']).nth(1)?.parse().ok()
}

/// `tickwright reconcile --accept`, while no engine runs.
pub async fn accept(
    journal: &mut MemoryJournal,
    site: &Site,
    clock: &Clock,
) -> Result<(), Failure> {
    let found = compare(site, journal.ledger()).await?;
    Ok(journal.append(&adjustments(&found, clock.now().venue))?)
}

/// Whom commands go to.
pub fn control_of(running: &Running, state_dir: &StateDir, clock: &Clock) -> ControlParts {
    ControlParts {
        controls: running.engine.controls(),
        instance: state_dir.instance(),
        instruments: running.instruments.clone(),
        strategies: running.strategies.clone(),
        kill_switch: state_dir.kill_switch(),
        snapshot: watch::channel(None).1,
        clock: clock.clone(),
    }
}
