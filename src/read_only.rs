//! What is left of an engine whose journal is damaged: it can be looked at. It holds its locks,
//! tells what the account holds and which orders are open, and takes this installation's entries
//! back when a person says `halt`, by command, signal or file. Nothing is written into the journal,
//! no order leaves, and no heartbeat is heard: a guard beside it does what it does for an engine
//! that is dead.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::api::{ApiListener, ApiSources, LastBeat, Recent};
use actors::clock::Clock;
use actors::control::{Answering, ControlAnswer, ControlRequest, ReadOnlyStanding, ShownOpenOrder};
use actors::observe::{Alert, Severity};
use binance::decode::{Account, OrderReply, parse};
use binance::encode::Call;
use events::log_event;
use kernel::risk::TradingState;
use kernel::venue::Balance;
use model::{Asset, ClientOrderId, InstanceId, OrderId};
use serde_json::{Value, json};
use store::state_dir::{Lock, StateDir};
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::cli::{Exit, Failure};
use crate::commands::control::make_kill_switch;
use crate::commands::last_words::tell_stopped;
use crate::commands::run::{KILL_SWITCH_EVERY, read_token};
use crate::config::Config;
use crate::guard::sweep;
use crate::wiring::{AlertSender, Alerter, Site};

/// How often the venue is read: listing all open orders costs much of the rate limit.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A question after so long has it read again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long its answers may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(8);
/// How often the log says it again.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Commands that wait at most.
const COMMANDS_BOUND: usize = 8;

/// A damaged journal, and what was there when it was found.
pub struct Damaged {
    /// The journal.
    pub path: PathBuf,
    /// The record, and what is wrong with it.
    pub reason: String,
    /// The venue.
    pub site: Arc<Site>,
    /// Both clocks.
    pub clock: Clock,
    /// The API's place, if it is on.
    pub listener: Option<ApiListener>,
    /// Nobody else trades on the account meanwhile.
    pub account: Option<Lock>,
}

impl std::fmt::Debug for Damaged {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, reason, .. } = self;
        out.debug_struct("Damaged").field("path", path).field("reason", reason).finish()
    }
}

/// Stays up to be looked at until a stop is asked for. Ends with [`Exit::Storage`].
///
/// # Errors
/// When there is no way to be looked at.
pub async fn stay(
    config: &Config,
    state_dir: &StateDir,
    damaged: Damaged,
    stopped: impl Future<Output = String>,
    halts: Signal,
) -> Result<Exit, Failure> {
    let Damaged { path, reason, site, clock, listener, account: _account } = damaged;
    let problem = format!("{}: {reason}", path.display());
    let sender = AlertSender::of(config).known_as(state_dir.instance(), site.account);
    sender.set_trading_state(TradingState::Halted);
    if let Some(alerter) = Alerter::of(&config.engine, &sender)? {
        alerter.send(&Alert {
            severity: Severity::Error,
            subject: "read-only: the journal is damaged".to_owned(),
            text: problem.clone(),
        });
    }
    eprintln!("tickwright: {problem}: nothing is traded, see docs/JOURNAL.md#damage");
    let standing = ReadOnlyStanding {
        process: std::process::id(),
        trading_state: TradingState::Halted.name().to_owned(),
        healthy: false,
        problems: vec![problem],
        read_at: None,
        balances: Vec::new(),
        open_orders: Vec::new(),
        canceled: 0,
    };
    let (publish, instead) = watch::channel(json!(standing));
    let (ask, asked) = mpsc::channel(COMMANDS_BOUND);
    let _control = actors::control::listen(state_dir.path(), Door(ask))
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    if let Some(listener) = listener {
        let (token, snapshot) = (read_token(config)?, watch::channel(None).1);
        let recent = watch::channel(Arc::new(Recent::default())).1;
        let last_beat = LastBeat::default();
        let served = listener.serve(ApiSources { token, snapshot, recent, instead, last_beat });
        served.map_err(|error| Failure::new(Exit::Internal, error))?;
    }
    let (instance, looked_at, is_halted) = (state_dir.instance(), None, false);
    let desk = Desk { site, clock, state_dir, instance, standing, publish, looked_at, is_halted };
    let reason = tokio::select! {
        biased;
        reason = stopped => reason,
        never = desk.serve(asked, halts) => match never {},
    };
    tell_stopped(&reason, Exit::Storage);
    Ok(Exit::Storage)
}

/// A command, and where its answer goes.
type Asked = (ControlRequest, oneshot::Sender<ControlAnswer>);

/// The socket's side.
#[derive(Clone)]
struct Door(mpsc::Sender<Asked>);

impl Answering for Door {
    async fn answer(&self, request: ControlRequest) -> ControlAnswer {
        let ended = || ControlAnswer::Refused {
            reason: "the engine is ending".to_owned(),
            is_usage: false,
        };
        let (answer, answered) = oneshot::channel();
        if self.0.send((request, answer)).await.is_err() {
            return ended();
        }
        answered.await.unwrap_or_else(|_| ended())
    }
}

/// Looks at the venue, and answers.
struct Desk<'a> {
    site: Arc<Site>,
    clock: Clock,
    state_dir: &'a StateDir,
    instance: InstanceId,
    standing: ReadOnlyStanding,
    publish: watch::Sender<Value>,
    looked_at: Option<Instant>,
    /// Whether the file that halts has been acted upon.
    is_halted: bool,
}

impl Desk<'_> {
    async fn serve(mut self, mut asked: mpsc::Receiver<Asked>, mut halts: Signal) -> Infallible {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut tell = tokio::time::interval(TELL_EVERY);
        let mut file = tokio::time::interval(KILL_SWITCH_EVERY);
        loop {
            tokio::select! {
                biased;
                _ = tell.tick() => {
                    log_event!(ENGINE_READ_ONLY, reason = %self.standing.problems[0]);
                }
                Some((request, answer)) = asked.recv() => {
                    let answered = self.answer(request).await;
                    // Whoever asked may be gone.
                    let _ = answer.send(answered);
                }
                Some(()) = halts.recv() => self.halt(Some("SIGUSR1")).await,
                _ = file.tick() => {
                    let is_on = self.state_dir.is_kill_switch_on();
                    if is_on && !self.is_halted {
                        self.halt(None).await;
                    }
                    self.is_halted = is_on;
                }
                _ = look.tick() => self.look().await,
            }
        }
    }

    async fn answer(&mut self, request: ControlRequest) -> ControlAnswer {
        match request {
            ControlRequest::Status => {
                if self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_AGAIN_AFTER) {
                    self.look().await;
                }
            }
            ControlRequest::Halt { reason } => {
                self.halt(Some(reason.as_deref().unwrap_or("by command"))).await;
            }
            ControlRequest::ReduceOnly { .. }
            | ControlRequest::Resume { .. }
            | ControlRequest::Flatten { .. } => {
                let problem = &self.standing.problems[0];
                let reason = format!("the engine is read-only: {problem}");
                return ControlAnswer::Refused { reason, is_usage: false };
            }
        }
        ControlAnswer::ReadOnly { standing: self.standing.clone() }
    }

    /// Takes entries back, and has the next start halted too. Without a reason the file that halts
    /// is there already.
    async fn halt(&mut self, reason: Option<&str>) {
        log_event!(CONTROL_COMMANDED, command = "halt", reason = reason.unwrap_or("HALT exists"));
        let mut problems = Vec::new();
        if let Some(reason) = reason {
            let made = make_kill_switch(self.state_dir.path(), Some(reason));
            problems.extend(made.err().map(|failure| failure.to_string()));
            self.is_halted = true;
        }
        if self.site.credentials.is_some() {
            match sweep(&self.site, self.instance).await {
                Ok(swept) => {
                    self.standing.canceled += swept.canceled;
                    let left = swept.found.saturating_sub(swept.canceled);
                    if left > 0 {
                        problems.push(format!("{left} entries could not be taken back"));
                    }
                }
                Err(failure) => problems.push(format!("no entry was taken back: {failure}")),
            }
        }
        self.look().await;
        self.standing.problems.extend(problems);
        self.publish.send_replace(json!(self.standing));
    }

    /// Reads the venue; what cannot be read stays as it was, and is told.
    async fn look(&mut self) {
        self.standing.problems.truncate(1);
        self.looked_at = Some(Instant::now());
        if self.site.credentials.is_none() {
            let words = "without a key there is nothing to see at the venue".to_owned();
            self.standing.problems.push(words);
        } else {
            let reading = tokio::time::timeout(LOOK_TIMEOUT, self.read()).await;
            let late = |_| Failure::new(Exit::VenueUnreachable, "no answer from the venue");
            match reading.map_err(late).and_then(|read| read) {
                Ok((balances, open_orders)) => {
                    (self.standing.balances, self.standing.open_orders) = (balances, open_orders);
                    self.standing.read_at = Some(self.clock.now().venue);
                }
                Err(failure) => self.standing.problems.push(failure.to_string()),
            }
        }
        self.publish.send_replace(json!(self.standing));
    }

    async fn read(&self) -> Result<(Vec<Balance>, Vec<ShownOpenOrder>), Failure> {
        let unreadable =
            |error: &dyn std::fmt::Display| Failure::new(Exit::VenueUnreachable, error);
        let now = self.site.server_time().await?;
        let body = self.site.rest().ask(&Call::account(), now).await?;
        let account: Account<'_> = parse("account", &body).map_err(|error| unreadable(&error))?;
        let held = account.balances.iter().filter(|it| !(it.free + it.locked).is_zero());
        let balances = held.map(|balance| {
            let asset = Asset::new(&balance.asset).map_err(|error| unreadable(&error))?;
            Ok(Balance { asset, free: balance.free, locked: balance.locked })
        });
        let balances = balances.collect::<Result<_, Failure>>()?;
        let body = self.site.rest().ask(&Call::open_orders(None), now).await?;
        let open: Vec<OrderReply<'_>> =
            parse("openOrders", &body).map_err(|error| unreadable(&error))?;
        let orders = open.iter().map(|order| self.shown_order(order)).collect();
        Ok((balances, orders))
    }

    fn shown_order(&self, order: &OrderReply<'_>) -> ShownOpenOrder {
        let name = order.own_client_order_id();
        let read = ClientOrderId::new(name).ok();
        let read = read.and_then(|name| OrderId::from_client_order_id(&name).ok());
        ShownOpenOrder {
            symbol: order.symbol.to_string(),
            client_order_id: name.to_owned(),
            side: order.side.map(|side| side.to_string()).unwrap_or_default(),
            price: order.price,
            quantity: order.orig_qty,
            executed: order.executed_qty,
            is_ours: read.is_some_and(|(owner, ..)| owner == self.instance),
        }
    }
}
