//! The engine on its host: started as `run` starts it, over again when the venue is not there.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use actors::engine::EngineStatus;
use actors::journal::run_in_task;
use actors::messages::StrategyOrder;
use kernel::journal::{Journal, JournalError, Persist, Record};
use kernel::risk::TradingState;
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
use super::operator::{Operator, Verdict, accept, control_of};
use super::world::Bench;

/// How long a stop in good order waits for the venue to confirm.
const DRAIN: Duration = Duration::from_secs(30);

/// One process after the other, until it was stopped for good.
pub async fn run(bench: Rc<Bench>) -> turmoil::Result {
    bench.is_settled.set(false);
    loop {
        match live(&bench).await {
            Ok(Ended::ForGood) => break,
            Ok(Ended::ToStartAgain) => bench.is_settled.set(false),
            // A service manager starts it again.
            Err(failure) if failure.exit == Exit::VenueUnreachable => rest().await,
            // A disk that failed while it started fails once.
            Err(failure) if failure.exit == Exit::Storage && bench.is_disk_failing.take() => {}
            Err(failure) => {
                bench.break_by(format!("Starts: {:?}: {failure}", failure.exit));
                return Ok(());
            }
        }
    }
    bench.is_stopped.set(true);
    Ok(())
}

async fn rest() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// How a process ended in good order.
enum Ended {
    ForGood,
    ToStartAgain,
}

fn find_site(bench: &Bench, state_dir: &StateDir) -> Result<Site, Failure> {
    let network = Simulated { no_names: Arc::clone(&bench.no_names) };
    Ok(Site::find(&bench.config, None, state_dir.instance())?.through(Dialer::plain(network)))
}

async fn live(bench: &Rc<Bench>) -> Result<Ended, Failure> {
    bench.begin_process();
    let clock = Clock::starting_at(wall());
    let config = &bench.config;
    let state_dir = StateDir::open(&config.engine.state_dir)?;
    let site = find_site(bench, &state_dir)?;
    let info = site.exchange_info(&SYMBOLS).await?;
    let fees = FeeRates::read(config, &site, &SYMBOLS).await?;
    let mut journal = MemoryJournal::open(&bench.disk, bench.setting.level)?;
    // Nothing else halts here.
    let was_halted = journal.ledger().trading_state().state == TradingState::Halted;
    // What was only warned of is accepted in the end, so that both records can be compared.
    let is_unexplained = bench.is_stopping.get() && !bench.unexplained().is_empty();
    if was_halted || is_unexplained {
        accept(&mut journal, &site, &clock).await?;
    }
    let now = clock.now().venue;
    let mut opened = OpenedLedger::begin(journal, config, &state_dir, &site, &info, now).await?;
    opened.compare(&site, now).await?;
    let mut operator = Operator::of_start(bench, was_halted, opened.ledger.trading_state().state);
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
        clock: clock.clone(),
        policy: bench.setting.mutant.policy(),
        on_broken: Box::new(move |reason| broken.end_process(reason.reason.clone())),
    };
    let disk = Rc::clone(bench);
    let commit_time = move || disk.commit_time.get();
    let is_open = Rc::new(Cell::new(true));
    let write = |journal, _, answers| {
        let journal = InUse { journal, is_open: Rc::clone(&is_open) };
        match bench.setting.mutant {
            Mutant::AnswersBeforeItWrites => run_in_task(Early::new(journal), answers, commit_time),
            Mutant::None | Mutant::NoFence | Mutant::TrustsReads | Mutant::BuiltIn(_) => {
                run_in_task(journal, answers, commit_time)
            }
        }
    };
    let (running, observed) = assemble(assembly, opened, write, |_| Ok(None))?;
    let control = control_of(&running, &state_dir, &clock);
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        operator.listen(bench, &observed.observations);
        let status = look(bench, &running, &operator).await;
        if let Some(strategy) = bench.panics.borrow_mut().pop() {
            running.engine.order_strategy(strategy, StrategyOrder::Panic);
        }
        let is_explained = bench.unexplained().is_empty();
        let is_last = bench.is_stopping.get() && is_explained && bench.is_settled.get();
        let is_wanted = bench.is_stop_wanted.take() || (bench.is_stopping.get() && !is_explained);
        let verdict = operator.tend(bench, &control, &status).await;
        if is_last || is_wanted || verdict == Verdict::Restart {
            bench.is_settled.set(false);
            let outcome = running.engine.drain("a stop", DRAIN).await;
            if is_last && outcome.unconfirmed > 0 {
                bench.break_by(format!("Converges: {outcome:?}"));
            }
            running.engine.terminate().await;
            // Whatever was queued for the journal is written now, and its task ends.
            while is_open.get() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            return Ok(if is_last { Ended::ForGood } else { Ended::ToStartAgain });
        }
    }
}

async fn look(bench: &Bench, running: &Running, operator: &Operator) -> EngineStatus {
    let open_before = bench.open_orders();
    let status = running.engine.status(Duration::from_secs(5)).await;
    if let Some(risk) = &status.risk {
        bench.judge_gate(&open_before, risk);
    }
    let is_open = |status: OrderStatus| matches!(status, OrderStatus::Unknown);
    let is_answered = status.execution.as_ref().is_some_and(|execution| {
        execution.is_live && !execution.working.iter().any(|(_, status)| is_open(*status))
    });
    let is_active = status.risk.as_ref().is_some_and(|risk| risk.state == TradingState::Active);
    bench.is_settled.set(is_answered && is_active && operator.knows_everything(bench));
    status
}

/// A journal that tells when its task has ended.
struct InUse<J> {
    journal: J,
    is_open: Rc<Cell<bool>>,
}

impl<J> Drop for InUse<J> {
    fn drop(&mut self) {
        self.is_open.set(false);
    }
}

impl<J: Journal> Journal for InUse<J> {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        self.journal.append(batch)
    }

    fn replay(&mut self, each: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        self.journal.replay(each)
    }
}
