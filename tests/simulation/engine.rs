//! The engine on its host: started as `run` starts it, over again when the venue is not there.

use std::rc::Rc;
use std::time::Duration;

use actors::clock::Clock;
use actors::journal::run_in_task;
use actors::messages::StrategyOrder;
use actors::observe::{Observation, Observations};
use model::OrderStatus;
use store::journal::MemoryJournal;
use store::state_dir::StateDir;
use tickwright::cli::{Exit, Failure};
use tickwright::wiring::{
    Assembly, FeeRates, OpenedLedger, Running, Site, assemble, opening_prices,
};
use transport::Dialer;

use super::exchange_host::SYMBOLS;
use super::mutants::{Early, Mutant};
use super::network::{Simulated, wall};
use super::world::Bench;

/// What a commit takes at most when the engine stops.
const LAST_COMMIT: Duration = Duration::from_millis(10);

/// One process after the other, until it was stopped in good order.
pub async fn run(bench: Rc<Bench>) -> turmoil::Result {
    bench.is_settled.set(false);
    loop {
        match live(&bench).await {
            Ok(()) => return Ok(()),
            // A service manager starts it again.
            Err(failure) if failure.exit == Exit::VenueUnreachable => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            // A disk that failed while it started fails once.
            Err(failure) if failure.exit == Exit::Storage && bench.is_disk_failing.take() => {}
            Err(failure) => {
                bench.break_by(format!("Starts: {:?}: {failure}", failure.exit));
                return Ok(());
            }
        }
    }
}

async fn live(bench: &Rc<Bench>) -> Result<(), Failure> {
    let clock = Clock::starting_at(wall());
    let config = &bench.config;
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let site = Site::find(config, None, state_dir.instance())?.through(Dialer::plain(Simulated));
    let info = site.exchange_info(&SYMBOLS).await?;
    let fees = FeeRates::read(config, &site, &SYMBOLS).await?;
    let journal = MemoryJournal::open(&bench.disk, bench.setting.level)?;
    let now = clock.now().venue;
    let opened = OpenedLedger::begin(journal, config, &state_dir, &site, &info, now).await?;
    let opening_prices = opening_prices(&site, &opened.instruments).await;
    let broken = Rc::clone(bench);
    let assembly = Assembly {
        config,
        kinds: tickwright::STRATEGIES,
        state_dir: &state_dir,
        site: &site,
        info: &info,
        fees: &fees,
        opening_prices,
        clock,
        policy: bench.setting.mutant.policy(),
        on_broken: Box::new(move |reason| broken.end_process(reason.reason.clone())),
    };
    let disk = Rc::clone(bench);
    let commit_time = move || disk.commit_time.get();
    let write = |journal, _, answers| match bench.setting.mutant {
        Mutant::AnswersBeforeItWrites => run_in_task(Early::new(journal), answers, commit_time),
        Mutant::None | Mutant::NoFence | Mutant::TrustsReads | Mutant::BuiltIn(_) => {
            run_in_task(journal, answers, commit_time)
        }
    };
    let (running, observed) = assemble(assembly, opened, write, |_| Ok(None))?;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        look(bench, &running, &observed.observations).await;
        if let Some(strategy) = bench.panics.borrow_mut().pop() {
            running.engine.order_strategy(strategy, StrategyOrder::Panic);
        }
        if bench.is_stopping.get() {
            let outcome = running.engine.drain("the end", Duration::from_secs(30)).await;
            if outcome.unconfirmed > 0 {
                bench.break_by(format!("Converges: {outcome:?}"));
            }
            running.engine.terminate().await;
            // Whatever was queued for the journal is written now.
            tokio::time::sleep(LAST_COMMIT).await;
            bench.is_stopped.set(true);
            return Ok(());
        }
    }
}

async fn look(bench: &Bench, running: &Running, observations: &Observations) {
    for observation in observations.take_rest() {
        match observation {
            Observation::StateChanged { to, reason } => {
                bench.break_by(format!("NoNeedlessHalt: {to:?}: {reason}"));
            }
            Observation::Alert { subject, text } if subject.ends_with(" is halted") => {
                bench.break_by(format!("NoNeedlessHalt: {subject}: {text}"));
            }
            Observation::Alert { .. }
            | Observation::Approved { .. }
            | Observation::Order { .. }
            | Observation::Equity { .. }
            | Observation::TradeClosed(_) => {}
        }
    }
    let open_before = bench.open_orders();
    let status = running.engine.status(Duration::from_secs(5)).await;
    if let Some(risk) = &status.risk {
        bench.judge_gate(&open_before, risk);
    }
    let is_open = |status: OrderStatus| matches!(status, OrderStatus::Unknown);
    let is_settled = status.execution.is_some_and(|execution| {
        execution.is_live && !execution.working.iter().any(|(_, status)| is_open(*status))
    });
    bench.is_settled.set(is_settled);
}
