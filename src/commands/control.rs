//! `tickwright halt | reduce-only | resume | flatten | status`: one question to a running engine
//! through its socket.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use actors::control::{
    ControlAnswer, ControlRequest, ControlStatus, ReadOnlyStanding, SOCKET, ShownClose,
    ShownOpenOrder, ShownPlan, ShownPosition,
};
use kernel::risk::TradingState;
use kernel::strategy::StrategyEntry;
use store::state_dir::{KILL_SWITCH, StateDir, write_atomically};

use crate::cli::control::{
    FlattenArgs, HaltArgs, ReduceOnlyArgs, ResumeArgs, StatusArgs, TargetArgs,
};
use crate::cli::{Exit, Failure};

/// How long the engine may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take with a halt before the file that halts is made as well.
const HALT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a flattening is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs `halt`.
///
/// # Errors
/// With the exit code of what failed.
pub fn halt(args: &HaltArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let directory = args.target.state_dir(kinds)?;
    let mut engine = match Engine::connect(&directory) {
        Ok(engine) => engine,
        Err(failure) if failure.exit == Exit::NotRunning => {
            let path = make_kill_switch(&directory, args.reason.as_deref())?;
            eprintln!("{failure}\n{} was made: the next start is halted", path.display());
            return Ok(Exit::Ok);
        }
        Err(failure) => return Err(failure),
    };
    engine.wait_for_answers(HALT_TIMEOUT)?;
    let request = ControlRequest::Halt { reason: args.reason.clone() };
    let reported = engine.ask(&request).and_then(|answer| report(&args.target, answer));
    let failure = match reported {
        Err(failure) if failure.exit != Exit::Usage => failure,
        reported => return reported,
    };
    // Whoever wants a halt wants it whatever went wrong: the file is looked at apart from this.
    let path = make_kill_switch(&directory, args.reason.as_deref())?;
    let made = format!("{} was made as well: remove it before `resume`", path.display());
    Err(Failure::new(Exit::Partial, format!("{failure}\n{made}")))
}

/// A start is halted while the file is there.
///
/// # Errors
/// [`Exit::Storage`] when it can't be made.
pub fn make_kill_switch(directory: &Path, reason: Option<&str>) -> Result<PathBuf, Failure> {
    let path = directory.join(KILL_SWITCH);
    let text = format!("{}\n", reason.unwrap_or("by command"));
    write_atomically(&path, text.as_bytes())
        .map_err(|error| Failure::new(Exit::Storage, format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// Runs `reduce-only`.
///
/// # Errors
/// With the exit code of what failed.
pub fn reduce_only(args: &ReduceOnlyArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let request = ControlRequest::ReduceOnly { reason: args.reason.clone() };
    let mut engine = Engine::connect(&args.target.state_dir(kinds)?)?;
    report(&args.target, engine.ask(&request)?)
}

/// Runs `resume`.
///
/// # Errors
/// With the exit code of what failed.
pub fn resume(args: &ResumeArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let request = ControlRequest::Resume { reason: args.reason.clone() };
    let mut engine = Engine::connect(&args.target.state_dir(kinds)?)?;
    report(&args.target, engine.ask(&request)?)
}

/// Runs `status`.
///
/// # Errors
/// With the exit code of what failed.
pub fn status(args: &StatusArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let mut engine = Engine::connect(&args.target.state_dir(kinds)?)?;
    match engine.ask(&ControlRequest::Status)? {
        ControlAnswer::Done { status } => {
            show(&args.target, &status);
            Ok(exit_of(&status))
        }
        answer @ (ControlAnswer::Plan { .. }
        | ControlAnswer::ReadOnly { .. }
        | ControlAnswer::Refused { .. }) => report(&args.target, answer),
    }
}

/// What a script goes by: whether a person is wanted.
fn exit_of(status: &ControlStatus) -> Exit {
    if status.trading_state == TradingState::Halted.name() {
        Exit::Halted
    } else if status.healthy && status.trading_state == TradingState::Active.name() {
        Exit::Ok
    } else {
        Exit::Unwell
    }
}

/// Runs `flatten`.
///
/// # Errors
/// With the exit code of what failed.
pub fn flatten(args: &FlattenArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let mut engine = Engine::connect(&args.target.state_dir(kinds)?)?;
    let strategy = args.strategy.clone();
    let (max_slippage_bps, dry_run) = (args.max_slippage_bps, args.dry_run);
    let request = ControlRequest::Flatten { strategy, max_slippage_bps, dry_run };
    let (plan, mut status) = match engine.ask(&request)? {
        ControlAnswer::Plan { plan, status } => (plan, status),
        ControlAnswer::Refused { reason, is_usage } => return Err(refused(reason, is_usage)),
        ControlAnswer::Done { .. } | ControlAnswer::ReadOnly { .. } => return Err(odd()),
    };
    if !args.target.json {
        show_plan(&plan, dry_run);
    }
    if dry_run {
        if args.target.json {
            print_json(&plan);
        }
        return Ok(Exit::Ok);
    }
    let began = Instant::now();
    let is_meant = |position: &ShownPosition| {
        args.strategy.as_ref().is_none_or(|strategy| *strategy == position.strategy)
    };
    while status.unfinished > 0 && began.elapsed() < args.timeout {
        std::thread::sleep(LOOK_EVERY);
        status = engine.done(&ControlRequest::Status)?;
    }
    let left = status.positions.iter().filter(|position| is_meant(position));
    let unsold = left.clone().any(|position| !position.is_dust);
    if args.target.json {
        print_json(&status);
    } else {
        for position in left {
            let ShownPosition { strategy, symbol, quantity, is_dust } = position;
            let why = if *is_dust { "dust, too little for an order" } else { "not sold" };
            println!("left: {quantity} of {symbol} ({strategy}): {why}");
        }
        println!("trading state: {}", status.trading_state);
    }
    Ok(if unsold || status.unfinished > 0 { Exit::Partial } else { Exit::Ok })
}

fn show_plan(plan: &ShownPlan, dry_run: bool) {
    let (cancels, sells) =
        if dry_run { ("would cancel", "would sell") } else { ("cancels", "sells") };
    for cancel in &plan.cancels {
        let (side, symbol, strategy) = (cancel.side.name(), cancel.symbol, &cancel.strategy);
        println!("{cancels} {} ({side} {symbol}, {strategy})", cancel.client_order_id);
    }
    for close in &plan.closes {
        let ShownClose { strategy, symbol, held, sold, dust, limit } = close;
        let Some(limit) = limit else {
            println!("keeps {held} of {symbol} ({strategy}): no price is known");
            continue;
        };
        if sold.is_positive() {
            println!("{sells} {sold} of {symbol} ({strategy}) at {limit} or better");
        }
        if dust.is_positive() {
            println!("keeps {dust} of {symbol} ({strategy}): dust, too little for an order");
        }
    }
    if plan.cancels.is_empty() && plan.closes.is_empty() {
        println!("nothing to do: no orders and no positions");
    }
}

/// Shows how things are after a command.
fn report(target: &TargetArgs, answer: ControlAnswer) -> Result<Exit, Failure> {
    match answer {
        ControlAnswer::Done { status } => {
            show(target, &status);
            Ok(Exit::Ok)
        }
        ControlAnswer::ReadOnly { standing } => Ok(show_read_only(target, &standing)),
        ControlAnswer::Refused { reason, is_usage } => Err(refused(reason, is_usage)),
        ControlAnswer::Plan { .. } => Err(odd()),
    }
}

fn show_read_only(target: &TargetArgs, standing: &ReadOnlyStanding) -> Exit {
    if target.json {
        print_json(standing);
        return Exit::Halted;
    }
    println!("process {}, read-only, nothing is traded", standing.process);
    for problem in &standing.problems {
        println!("{problem}");
    }
    for balance in &standing.balances {
        println!("the account has {} {}, {} locked", balance.free, balance.asset, balance.locked);
    }
    for order in &standing.open_orders {
        let ShownOpenOrder { symbol, client_order_id, side, .. } = order;
        let amount = order.quantity.map(|quantity| quantity.to_string()).unwrap_or_default();
        let price = order.price.map(|price| format!(" at {price}")).unwrap_or_default();
        let whose = if order.is_ours { "ours" } else { "not ours" };
        println!("open: {side} {amount} {symbol}{price}, {client_order_id} ({whose})");
    }
    if standing.canceled > 0 {
        println!("{} entries were canceled by command", standing.canceled);
    }
    Exit::Halted
}

fn show(target: &TargetArgs, status: &ControlStatus) {
    if target.json {
        print_json(status);
        return;
    }
    let orders = status.open_orders;
    println!("process {}, trading state: {}", status.process, status.trading_state);
    if let Some(reason) = &status.trading_reason {
        println!("because: {reason}");
    }
    for problem in &status.problems {
        println!("problem: {problem}");
    }
    let link = if status.is_live { "reconciled with the venue" } else { "not reconciled" };
    let since =
        status.reconciled_at.as_deref().map(|at| format!(", last at {at}")).unwrap_or_default();
    println!("{link}{since}; open orders: {orders}, of unknown outcome: {}", status.unknown_orders);
    if status.held_back > 0 {
        println!("{} cancels, questions and reads wait for the venue's limits", status.held_back);
    }
    for position in &status.positions {
        let dust = if position.is_dust { " (dust)" } else { "" };
        println!("{} holds {} of {}{dust}", position.strategy, position.quantity, position.symbol);
    }
    for uncovered in &status.unprotected {
        let (strategy, symbol) = (&uncovered.strategy, uncovered.symbol);
        println!("{strategy}: {} of {symbol} is without protection", uncovered.quantity);
    }
}

fn print_json(value: &impl serde::Serialize) {
    println!("{}", serde_json::to_string(value).expect("plain keys and finite numbers"));
}

fn refused(reason: String, is_usage: bool) -> Failure {
    Failure::new(if is_usage { Exit::Usage } else { Exit::Partial }, reason)
}

fn odd() -> Failure {
    Failure::new(Exit::Internal, "the engine answered something else: is it of this version?")
}

/// The socket of a running engine.
struct Engine {
    stream: BufReader<UnixStream>,
    directory: PathBuf,
    timeout: Duration,
}

impl Engine {
    fn connect(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(SOCKET);
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
            Ok(BufReader::new(stream))
        });
        let stream = connected.map_err(|error| not_running(directory, &error))?;
        let (directory, timeout) = (directory.to_owned(), ANSWER_TIMEOUT);
        Ok(Self { stream, directory, timeout })
    }

    fn wait_for_answers(&mut self, timeout: Duration) -> Result<(), Failure> {
        self.timeout = timeout;
        let set = self.stream.get_ref().set_read_timeout(Some(timeout));
        set.map_err(|error| Failure::new(Exit::Internal, error))
    }

    /// It took the request, or the connection, and says nothing: hung, stopped, or very busy.
    fn silent(&self) -> Failure {
        let holder = StateDir::holder(&self.directory);
        let process = holder.map_or("its process".to_owned(), |holder| format!("process {holder}"));
        let message = format!(
            "{process} holds {} and did not answer in {} s; the command may still take effect. \
             To halt without an answer: make {}, or send SIGUSR1 to {process}",
            self.directory.join(SOCKET).display(),
            self.timeout.as_secs(),
            self.directory.join(KILL_SWITCH).display()
        );
        Failure::new(Exit::NotRunning, message)
    }

    fn ask(&mut self, request: &ControlRequest) -> Result<ControlAnswer, Failure> {
        let mut text = serde_json::to_string(request).expect("plain keys and finite numbers");
        text.push('\n');
        let mut line = String::new();
        let asked = self.stream.get_mut().write_all(text.as_bytes());
        let answered = asked.and_then(|()| self.stream.read_line(&mut line));
        match answered {
            Ok(0) => Err(Failure::new(Exit::NotRunning, "the engine ended before it answered")),
            Ok(_) => serde_json::from_str(&line).map_err(|_| odd()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.silent())
            }
            Err(error) => Err(not_running(&self.directory, &error)),
        }
    }

    fn done(&mut self, request: &ControlRequest) -> Result<ControlStatus, Failure> {
        match self.ask(request)? {
            ControlAnswer::Done { status } => Ok(status),
            ControlAnswer::Refused { reason, is_usage } => Err(refused(reason, is_usage)),
            ControlAnswer::Plan { .. } | ControlAnswer::ReadOnly { .. } => Err(odd()),
        }
    }
}

fn not_running(directory: &Path, error: &io::Error) -> Failure {
    let path = directory.join(SOCKET);
    if error.kind() == io::ErrorKind::PermissionDenied {
        let message = format!("{}: {error}; run it as the engine's user", path.display());
        return Failure::new(Exit::Storage, message);
    }
    let message = format!("no engine answers at {}: {error}", path.display());
    Failure::new(Exit::NotRunning, message)
}
