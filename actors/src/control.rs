//! Commands of an operator, over a Unix socket that only the engine's own user may open: halt,
//! reduce to exits, resume, flatten, status. One JSON object a line, each way.
//!
//! Served on a thread of its own, off the order path. A halt goes to execution first, the last
//! actor before the wire, and to risk after that, which cancels and writes it down. What does not
//! belong here: deciding anything; that is risk's.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actix::MailboxError;
use events::log_event;
use kernel::protection::{ClosingPlan, PlannedCancel, PlannedClose};
use kernel::risk::{Authority, TradingState};
use kernel::venue::Balance;
use model::{
    Asset, ClientOrderId, InstanceId, Instruments, Price, Quantity, Role, Side, StrategyId, Symbol,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::accept::or_rest;
use crate::clock::Clock;
use crate::execution::{ExecutionActor, ReadExecutionStatus};
use crate::messages::SetTrading;
use crate::monitor::Snapshot;
use crate::places::{Place, Places};
use crate::risk::{Flatten, PlanFlatten, ReadRiskStatus, RiskActor, SetTradingState, Unreconciled};
use crate::standing::Standing;

/// The socket's name in the state directory.
pub const SOCKET: &str = "control.sock";

/// Most connections at once; for one more, that which has been idle longest is closed.
const CONNECTIONS_BOUND: usize = 32;
/// The longest line that is read.
const LINE_BOUND: u64 = 64 * 1_024;
/// A client that says nothing for so long is let go.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How long an actor may take to answer before it counts as stuck.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The monitor looks several times a second, and waits for an actor no longer than this.
const LOOK_OVERDUE: Duration = Duration::from_secs(30);

/// What an operator can ask for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlRequest {
    /// No strategy's order leaves any more; entries and exits are cancelled.
    Halt {
        /// Why, for the log and the journal.
        reason: Option<String>,
    },
    /// Only exits leave; entries are cancelled.
    ReduceOnly {
        /// Why, for the log and the journal.
        reason: Option<String>,
    },
    /// Trade on.
    Resume {
        /// Why, for the log and the journal.
        reason: Option<String>,
    },
    /// Take everything back and close every position.
    Flatten {
        /// Whose; `None` for all.
        strategy: Option<String>,
        /// How far below the best bid of now it may sell, in basis points.
        max_slippage_bps: u32,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// How things are.
    Status,
}

/// What the engine answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ControlAnswer {
    /// It was done; this is how things are now.
    Done {
        /// How things are.
        status: ControlStatus,
    },
    /// This is what flattening does, or would do.
    Plan {
        /// To the last order.
        plan: ShownPlan,
        /// How things are.
        status: ControlStatus,
    },
    /// The engine is up to be looked at, and nothing else.
    ReadOnly {
        /// What there is to see.
        standing: ReadOnlyStanding,
    },
    /// It was not done.
    Refused {
        /// Why, and what to do about it.
        reason: String,
        /// Whether it was asked for wrongly: it would be refused at any time.
        #[serde(default)]
        is_usage: bool,
    },
}

/// How things are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ControlStatus {
    /// The engine's process.
    pub process: u32,
    /// What is allowed at all.
    pub trading_state: String,
    /// Why, if that is not everything.
    pub trading_reason: Option<String>,
    /// Whether everything makes progress.
    pub healthy: bool,
    /// What is wrong, if anything is.
    pub problems: Vec<String>,
    /// Whether orders can go out: connected, and reconciled with the venue, whichever it is. Says
    /// nothing about `mode`: true in `sim` and `paper` as well.
    pub is_live: bool,
    /// When orders, fills and balances were last compared with the venue's, by its clock.
    pub reconciled_at: Option<String>,
    /// Cancels, questions and reads that wait for a limit of the venue.
    pub held_back: usize,
    /// Orders that are not final.
    pub open_orders: usize,
    /// Those of unknown outcome.
    pub unknown_orders: usize,
    /// Positions being closed, and exits that wait for their lots.
    pub unfinished: usize,
    /// What is held.
    pub positions: Vec<ShownPosition>,
    /// Positions of protected strategies without an order at the venue that protects them.
    pub unprotected: Vec<ShownUncovered>,
}

/// How things are with an engine whose journal is damaged: the venue's word alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReadOnlyStanding {
    /// The engine's process.
    pub process: u32,
    /// Always `halted`.
    pub trading_state: String,
    /// Never.
    pub healthy: bool,
    /// The damage, and what keeps the venue from being read if something does.
    pub problems: Vec<String>,
    /// When the venue was read; nothing before.
    pub read_at: Option<Timestamp>,
    /// What the account holds.
    pub balances: Vec<Balance>,
    /// Every open order of the account.
    pub open_orders: Vec<ShownOpenOrder>,
    /// Entries that were taken back by command.
    pub canceled: usize,
}

/// An open order, as the venue tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownOpenOrder {
    /// What it trades.
    pub symbol: String,
    /// Its name on the wire.
    pub client_order_id: String,
    /// Buy or sell, by the venue's name.
    pub side: String,
    /// Its price, if it has one.
    pub price: Option<Price>,
    /// How much it wants.
    pub quantity: Option<Quantity>,
    /// How much of it was executed.
    pub executed: Option<Quantity>,
    /// Whether this installation has placed it.
    pub is_ours: bool,
}

/// A position.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownPosition {
    /// Whose.
    pub strategy: String,
    /// In what.
    pub symbol: Symbol,
    /// Base held, after fees.
    pub quantity: Quantity,
    /// Whether it is too little for an order.
    pub is_dust: bool,
}

/// A position without its protection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownUncovered {
    /// Whose.
    pub strategy: String,
    /// In what.
    pub symbol: Symbol,
    /// How much.
    pub quantity: Quantity,
}

/// What flattening does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownPlan {
    /// Orders that are taken back.
    pub cancels: Vec<ShownCancel>,
    /// Positions that are sold, those of which nothing can be sold among them.
    pub closes: Vec<ShownClose>,
}

/// An order that is taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownCancel {
    /// Whose.
    pub strategy: String,
    /// What it trades.
    pub symbol: Symbol,
    /// Its name on the wire.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// What it is for.
    pub role: Role,
}

/// A position that is sold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShownClose {
    /// Whose.
    pub strategy: String,
    /// In what.
    pub symbol: Symbol,
    /// Held now.
    pub held: Quantity,
    /// Of it is sold.
    pub sold: Quantity,
    /// Of it stays, because the venue would not take an order for it.
    pub dust: Quantity,
    /// The lowest price that is accepted; `None` while no price is known: then it stays.
    pub limit: Option<Price>,
}

/// The socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; a path of at most 107 bytes is needed", path.display())]
pub struct ControlError {
    path: PathBuf,
    source: io::Error,
}

/// Whom commands go to. Cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Controls {
    pub(crate) execution: Addr<ExecutionActor>,
    pub(crate) risk: Addr<RiskActor>,
}

impl Controls {
    /// Changes the trading state. A halt closes the last gate before the wire first, whatever
    /// risk is busy with. Returns whether it was taken.
    pub fn set_trading_state(&self, state: TradingState, by: Authority, reason: String) -> bool {
        if state == TradingState::Halted {
            // Should it be stuck, nothing leaves either.
            let _ = self.execution.try_send(SetTrading(state));
        }
        self.risk.try_send(SetTradingState { state, by, reason }).is_ok()
    }
}

/// What the server needs to know besides.
#[derive(Clone)]
pub struct ControlParts {
    /// Whom commands go to.
    pub controls: Controls,
    /// Part of every order's name on the wire.
    pub instance: InstanceId,
    /// The run's instruments.
    pub instruments: Arc<Instruments>,
    /// Names of strategies by number.
    pub strategies: Arc<[String]>,
    /// The file that halts while it is there.
    pub kill_switch: PathBuf,
    /// The monitor's last snapshot.
    pub snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    /// The engine's clock, to tell how old that is.
    pub clock: Clock,
}

/// Whoever answers an operator.
pub trait Answering: Clone + Send + Sync + 'static {
    /// Does what is asked for, or says why not.
    fn answer(&self, request: ControlRequest) -> impl Future<Output = ControlAnswer> + Send;
}

/// A socket that is served until this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Gone already, or left for the next start, which replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Listens in a state directory that this process holds, and serves on a thread of its own.
///
/// # Errors
/// When the socket can't be made.
pub fn listen(directory: &Path, answering: impl Answering) -> Result<ControlSocket, ControlError> {
    let path = directory.join(SOCKET);
    let failed = |source| ControlError { path: path.clone(), source };
    // A process that was killed has left it. The directory is locked: it is nobody's.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || runtime.block_on(serve(listener, answering)))
        .map_err(failed)?;
    log_event!(CONTROL_STARTED, path = %path.display());
    Ok(ControlSocket { path })
}

async fn serve(listener: std::os::unix::net::UnixListener, answering: impl Answering) {
    let listener = UnixListener::from_std(listener).expect("set to non-blocking before");
    let places = Places::new(CONNECTIONS_BOUND);
    loop {
        let Some(stream) = or_rest(listener.accept().await).await else { continue };
        let (place, evicted) = places.take().await;
        let answering = answering.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                // A client that goes away is no event.
                () = converse(stream, &answering, &place) => {}
                // Only who is idle is evicted.
                Ok(()) = evicted => {}
            }
        });
        // Whoever has said something already is heard before somebody else may take the place.
        tokio::task::yield_now().await;
    }
}

async fn converse(stream: UnixStream, answering: &impl Answering, place: &Place) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        let mut bounded = (&mut reader).take(LINE_BOUND);
        let read = tokio::time::timeout(IDLE_LIMIT, bounded.read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(count)) if count > 0) {
            return;
        }
        place.busy();
        let answer = match serde_json::from_str(&line) {
            Ok(request) => answering.answer(request).await,
            Err(error) => ControlAnswer::Refused {
                reason: format!("that is no command: {error}"),
                is_usage: true,
            },
        };
        let mut text = serde_json::to_string(&answer).expect("plain keys and finite numbers");
        text.push('\n');
        let written = tokio::time::timeout(IDLE_LIMIT, writer.write_all(text.as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
        place.idle();
    }
}

/// Why a command was not carried out; the operator reads it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// An actor does not answer.
    #[error("the engine does not answer ({0}): look at its log; the file HALT works as well")]
    Stuck(#[from] MailboxError),
    /// The file that halts is still there.
    #[error("{} exists: remove it first", .0.display())]
    KillSwitch(PathBuf),
    /// The account does not hold what was booked: the start has found it, or a later look.
    #[error(
        "the account does not hold what was booked, or what strategies hold, of {}: see \
         `tickwright reconcile`; when the account is right, stop the engine, `tickwright reconcile \
         --accept`, start it again and resume", names(.0)
    )]
    Unreconciled(Vec<Asset>),
    /// No strategy has that name.
    #[error("no strategy {name}: this ledger knows {}", known.join(", "))]
    UnknownStrategy { name: String, known: Arc<[String]> },
}

fn names(assets: &[Asset]) -> String {
    assets.iter().map(Asset::as_str).collect::<Vec<_>>().join(", ")
}

impl From<Refusal> for ControlAnswer {
    fn from(refusal: Refusal) -> Self {
        let is_usage = matches!(refusal, Refusal::UnknownStrategy { .. });
        Self::Refused { reason: refusal.to_string(), is_usage }
    }
}

impl Answering for ControlParts {
    async fn answer(&self, request: ControlRequest) -> ControlAnswer {
        let done = match request {
            ControlRequest::Halt { reason } => self.change(TradingState::Halted, reason).await,
            ControlRequest::ReduceOnly { reason } => self.reduce_only(reason).await,
            ControlRequest::Resume { reason } => self.resume(reason).await,
            ControlRequest::Flatten { strategy, max_slippage_bps, dry_run } => {
                return self.flatten(strategy, max_slippage_bps, dry_run).await;
            }
            ControlRequest::Status => Ok(()),
        };
        match done {
            Ok(()) => self.with_status(|status| ControlAnswer::Done { status }).await,
            Err(refusal) => refusal.into(),
        }
    }
}

impl ControlParts {
    async fn resume(&self, reason: Option<String>) -> Result<(), Refusal> {
        self.need_no_kill_switch()?;
        self.change(TradingState::Active, reason).await
    }

    /// After a halt it lets exits leave again: then it needs what a resume needs.
    async fn reduce_only(&self, reason: Option<String>) -> Result<(), Refusal> {
        let risk = self.controls.risk.send(ReadRiskStatus).timeout(ANSWER_TIMEOUT).await?;
        if risk.state == TradingState::Halted {
            self.need_no_kill_switch()?;
        }
        self.change(TradingState::ReduceOnly, reason).await
    }

    fn need_no_kill_switch(&self) -> Result<(), Refusal> {
        if self.kill_switch.try_exists().unwrap_or(true) {
            return Err(Refusal::KillSwitch(self.kill_switch.clone()));
        }
        Ok(())
    }

    async fn change(&self, state: TradingState, reason: Option<String>) -> Result<(), Refusal> {
        let reason = reason.unwrap_or_else(|| "by command".to_owned());
        let command = state.name();
        log_event!(CONTROL_COMMANDED, command = command, reason = %reason);
        if state == TradingState::Halted {
            let gate = self.controls.execution.send(SetTrading(state)).timeout(ANSWER_TIMEOUT);
            gate.await?;
        }
        let set = SetTradingState { state, by: Authority::Operator, reason };
        let set = self.controls.risk.send(set).timeout(ANSWER_TIMEOUT).await?;
        set.map_err(|Unreconciled(assets)| Refusal::Unreconciled(assets))
    }

    async fn flatten(
        &self,
        strategy: Option<String>,
        max_slippage_bps: u32,
        dry_run: bool,
    ) -> ControlAnswer {
        let found = strategy.as_ref().map(|name| self.strategy_id(name)).transpose();
        let strategy = match found {
            Ok(strategy) => strategy,
            Err(refusal) => return refusal.into(),
        };
        let risk = &self.controls.risk;
        let plan = PlanFlatten { strategy, max_slippage_bps };
        let plan = match risk.send(plan).timeout(ANSWER_TIMEOUT).await {
            Ok(plan) => self.shown(&plan.0),
            Err(error) => return Refusal::from(error).into(),
        };
        if !dry_run {
            let reason = format!("within {max_slippage_bps} basis points");
            log_event!(CONTROL_COMMANDED, command = "flatten", reason = %reason);
            let flatten = Flatten { strategy, max_slippage_bps };
            if let Err(error) = risk.send(flatten).timeout(ANSWER_TIMEOUT).await {
                return Refusal::from(error).into();
            }
        }
        self.with_status(|status| ControlAnswer::Plan { plan, status }).await
    }

    fn strategy_id(&self, name: &str) -> Result<StrategyId, Refusal> {
        let found = self.strategies.iter().position(|known| known == name);
        let found = found.and_then(|index| u16::try_from(index).ok()).map(StrategyId);
        found.ok_or_else(|| Refusal::UnknownStrategy {
            name: name.to_owned(),
            known: Arc::clone(&self.strategies),
        })
    }

    async fn with_status(
        &self,
        answer: impl FnOnce(ControlStatus) -> ControlAnswer,
    ) -> ControlAnswer {
        match self.status().await {
            Ok(status) => answer(status),
            Err(error) => Refusal::from(error).into(),
        }
    }

    async fn status(&self) -> Result<ControlStatus, MailboxError> {
        let risk = self.controls.risk.send(ReadRiskStatus).timeout(ANSWER_TIMEOUT).await?;
        let execution = self.controls.execution.send(ReadExecutionStatus);
        let execution = execution.timeout(ANSWER_TIMEOUT).await?;
        let unknown = |(_, status): &&(_, _)| *status == model::OrderStatus::Unknown;
        let mark = |id| risk.marks.iter().find(|(marked, _)| *marked == id).map(|(_, at)| *at);
        let positions = risk.positions.iter().map(|(strategy, instrument, quantity)| {
            let traded = self.instruments.get(*instrument);
            let price = mark(*instrument).unwrap_or(Price::ZERO);
            ShownPosition {
                strategy: self.strategy(*strategy),
                symbol: traded.symbol,
                quantity: *quantity,
                is_dust: !traded.is_sellable(price, *quantity),
            }
        });
        let unprotected = risk.uncovered.iter().map(|uncovered| ShownUncovered {
            strategy: self.strategy(uncovered.strategy),
            symbol: self.instruments.get(uncovered.instrument).symbol,
            quantity: uncovered.quantity,
        });
        let standing = &execution.standing;
        let problems = self.problems(standing);
        Ok(ControlStatus {
            process: std::process::id(),
            trading_state: risk.state.name().to_owned(),
            trading_reason: risk.state_reason.clone(),
            healthy: problems.is_empty(),
            problems,
            reconciled_at: standing.reconciled_at.map(|at| at.venue.to_string()),
            held_back: standing.held_back.map_or(0, |held_back| held_back.commands),
            is_live: execution.is_live,
            open_orders: execution.working.len(),
            unknown_orders: execution.working.iter().filter(unknown).count(),
            unfinished: risk.unfinished,
            positions: positions.collect(),
            unprotected: unprotected.collect(),
        })
    }

    /// What the monitor found at its last look, and what execution says now. A monitor that looks no
    /// more is a problem itself.
    fn problems(&self, standing: &Standing) -> Vec<String> {
        let snapshot = self.snapshot.borrow().clone();
        let Some(snapshot) = snapshot else { return vec!["the engine is starting".to_owned()] };
        let age = self.clock.wall().since(snapshot.looked_at);
        let stuck = (age > LOOK_OVERDUE)
            .then(|| format!("the monitor has not looked for {} s", age.as_secs()));
        let mut problems: Vec<String> =
            stuck.into_iter().chain(snapshot.problems.iter().cloned()).collect();
        for now in standing.problems() {
            if !problems.contains(&now) {
                problems.push(now);
            }
        }
        problems
    }

    fn strategy(&self, id: StrategyId) -> String {
        self.strategies.get(usize::from(id.0)).cloned().unwrap_or_else(|| id.to_string())
    }

    fn shown(&self, plan: &ClosingPlan) -> ShownPlan {
        let cancel = |cancel: &PlannedCancel| ShownCancel {
            strategy: self.strategy(cancel.strategy),
            symbol: self.instruments.get(cancel.instrument).symbol,
            client_order_id: cancel.order.to_client_order_id(self.instance, cancel.role),
            side: cancel.side,
            role: cancel.role,
        };
        let close = |close: &PlannedClose| ShownClose {
            strategy: self.strategy(close.strategy),
            symbol: self.instruments.get(close.instrument).symbol,
            held: close.held,
            sold: close.sold,
            dust: close.dust(),
            limit: close.limit,
        };
        ShownPlan {
            cancels: plan.cancels.iter().map(cancel).collect(),
            closes: plan.closes.iter().map(close).collect(),
        }
    }
}
