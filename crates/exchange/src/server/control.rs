//! The control path, `/control/…`: the clock, and faults. It is no part of Binance's API and is
//! answered to callers on the same machine only. Parameters stand in the query.
//!
//! | request | does |
//! |---|---|
//! | `GET /control/clock` | `venue_at_ns`, `wall_at_ns`, `speed`: venue = venue_at + (wall − wall_at) × speed |
//! | `POST /control/clock?speed=N` | changes the speed; `pause` and `resume` likewise |
//! | `POST /control/pause`, `/control/resume` | stops and restarts venue time |
//! | `POST /control/skew?ms=N` | the venue's clock jumps |
//! | `GET /control/flow_hash?mark_ms=N` | hash of the synthetic flow up to N ms after the start |
//! | `POST /control/drop_websockets` | cuts all websockets without a word |
//! | `POST /control/close_websockets` | closes them with code 1001 |
//! | `POST /control/server_shutdown` | announces a shutdown on all websockets, then closes those |
//! | `POST /control/silence?on=true` | connections stay up, no market or user event is sent; requests of the WebSocket API are still answered |
//! | `POST /control/inject?to=streams\|api` | sends the body as a frame, whatever it holds, to all who listen there |
//! | `POST /control/delay?ms=N[&matching=PART]` | requests are held back before they are carried out, and on a websocket those behind them as well; PART: see below |
//! | `POST /control/fail?point=before\|after[&status=503][&count=1][&matching=PART]` | answers fail; `status=0` cuts the connection; PART: see below |
//! | `POST /control/frames?fault=skip\|duplicate\|swap\|garble\|oversize[&count=1][&matching=PART]` | damages the next market frames; PART is part of a stream's name |
//! | `POST /control/advance[?frames=N]` | lets a replay in step take N more lines |
//! | `POST /control/step[?until_ns=T]` | a replay in step takes one more line, or with T none and only the clock moves; answered afterwards: `venue_at_ns`, `next_at_ns`, and how many texts were `handled` and `sent` over all websockets |
//! | `GET /control/step` | the same, without doing anything |
//! | `POST /control/exhaust_weight` | the request weight of the minute is used up |
//! | `POST /control/halt?symbol=S&status=HALT\|TRADING\|CANCEL_ONLY` | changes a symbol's status |
//! | `POST /control/rules?symbol=S[&tickSize=T][&stepSize=Q][&minQty=Q][&minNotional=X][&orderTypes=LIMIT,MARKET][&ocoAllowed=false]…` | changes a symbol's filters, kinds of orders and flags, by their names in exchangeInfo: those and `otoAllowed`, `cancelReplaceAllowed`, `amendAllowed`, `icebergAllowed`, `allowTrailingStop`, `quoteOrderQtyMarketAllowed` |
//! | `POST /control/reference_price?symbol=S[&price=P]` | gives a symbol a reference price of its own, which filters then measure by; without a price takes it away |
//! | `POST /control/deposit?asset=A&amount=X` | books a deposit, or a withdrawal when negative |
//! | `POST /control/revoke_key?api_key=K` | takes a key out of use |
//! | `POST /control/key_rights?api_key=K[&withdraw=true][&ip_restrict=true]` | changes what a key may do, and whether it is bound to addresses |
//! | `POST /control/alter?from=TEXT&to=TEXT[&matching=PART]` | answers say something else than they should; PART: see below |
//! | `POST /control/database_lag?ms=N` | allOrders, orderList and allOrderList answer as of N ms ago |
//! | `POST /control/memory_lag?ms=N` | order, openOrders and myTrades answer as of N ms ago |
//! | `POST /control/bnb_fees?on=true` | the default account pays its fees in BNB, at a discount |
//! | `POST /control/add_key?api_key=K` | a further key of the default account; its public half, RSA or Ed25519, is the body in PEM |
//! | `POST /control/clear` | ends all faults |
//!
//! PART of `delay`, `fail` and `alter` is held against a request's path or method name and against the
//! values of its parameters, as part of any of them: `matching=order.place`, `matching=/api/v3/depth`,
//! `matching=ADAUSDT`, `matching=STOP_LOSS`. Names of parameters, keys, signatures and timestamps don't
//! count. Without it every request is meant.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use model::{Amount, Asset, Instrument, InstrumentStatus, OrderTypes, Price, Quantity, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answer, json as answer};
use super::faults::{Alteration, Failure, FailurePoint, PlannedFailure};
use super::script::FaultScript;
use super::state::{ReplayProgress, Shared, State};
use super::ws::query_value;
use crate::clock::Speed;
use crate::config::MarketConfig;
use crate::keys::ApiKey;
use crate::keys::Permissions;
use crate::machine::DEFAULT_ACCOUNT;
use crate::streams::faults::FrameFault;
use crate::streams::hub::{Ending, Traffic};
use crate::symbols::{self, FLAGS, ORDER_TYPES, flag};

/// A refusal: status and words.
type Refusal = (u16, String);

/// Handles a request of the control path.
pub async fn handle(shared: &Shared, address: IpAddr, request: Request<Incoming>) -> Answer {
    if !address.is_loopback() {
        return answer(
            403,
            json!({"error": "the control path is for this machine only"}).to_string(),
        );
    }
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or("").to_owned();
    let command = path.trim_start_matches("/control/");
    if command == "server_shutdown" {
        announce_shutdown(shared).await;
        return answer(200, "{}");
    }
    if command == "add_key" {
        return add_key(shared, &query, request.into_body()).await;
    }
    if command == "inject" {
        return inject(shared, &query, request.into_body()).await;
    }
    if command == "step" {
        let stepped = step(shared, request.method().as_str(), &query).await;
        return match stepped {
            Ok(value) => answer(200, value.to_string()),
            Err((status, words)) => answer(status, json!({"error": words}).to_string()),
        };
    }
    match act_and_wake(shared, request.method().as_str(), command, &query) {
        Ok(value) => answer(200, value.to_string()),
        Err((status, words)) => answer(status, json!({"error": words}).to_string()),
    }
}

fn act_and_wake(
    shared: &Shared,
    method: &str,
    command: &str,
    query: &str,
) -> Result<Value, Refusal> {
    let result = act(shared, method, command, query);
    shared.wake.notify_waiters();
    result
}

/// Carries out a script of faults, each at its time after the start of the script.
pub async fn play(shared: Arc<Shared>, script: FaultScript) {
    let start = Instant::now();
    for fault in script.0 {
        tokio::time::sleep_until(start + fault.after).await;
        let (command, query) = fault.request.split_once('?').unwrap_or((&fault.request, ""));
        if command == "server_shutdown" {
            announce_shutdown(&shared).await;
        } else if let Err((_, words)) = act_and_wake(&shared, "POST", command, query) {
            tracing::warn!(request = fault.request, error = words, "a scripted fault was refused");
        }
    }
}

/// Announces a shutdown, leaves a moment to react, and closes.
pub async fn announce_shutdown(shared: &Shared) {
    const NOTICE: Duration = Duration::from_millis(500);
    let told = {
        let (mut state, now) = shared.current();
        state.hub.announce_shutdown(now)
    };
    tokio::time::sleep(NOTICE).await;
    // Who connected meanwhile is, as it were, on another server.
    let hub = &mut shared.lock().hub;
    for connection in told {
        hub.end_one(connection, going_away());
    }
}

/// Sends what the caller wants sent: frames that no exchange should send.
async fn inject(shared: &Shared, query: &str, body: Incoming) -> Answer {
    const MOST: usize = 32 << 20;
    let is_for_streams = match query_value(query, "to").as_deref() {
        Some("streams") => true,
        Some("api") => false,
        Some(_) | None => {
            let words = "parameter `to` is `streams` or `api`";
            return answer(400, json!({ "error": words }).to_string());
        }
    };
    let Ok(body) = Limited::new(body, MOST).collect().await else {
        return answer(413, json!({"error": "the frame is too large"}).to_string());
    };
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let sent = shared.lock().hub.broadcast(is_for_streams, &text.into());
    answer(200, json!({ "connections": sent }).to_string())
}

/// Takes one more line of a replay in step, or only moves its clock, and tells how things stand.
async fn step(shared: &Shared, method: &str, query: &str) -> Result<Value, Refusal> {
    /// A line that nobody sends by then will not be sent.
    const PATIENCE: Duration = Duration::from_secs(20);
    let is_in_step = match &shared.config.market {
        MarketConfig::Replay(config) => config.lockstep,
        MarketConfig::Synthetic(_) => false,
    };
    if !is_in_step {
        return Err((409, "there is no replay in step".to_owned()));
    }
    let until = query_value(query, "until_ns").is_some();
    let until = until.then(|| number(query, "until_ns")).transpose()?;
    let mut progress = shared.progress.subscribe();
    let wanted = progress.borrow().taken + u64::from(method == "POST" && until.is_none());
    if wanted > progress.borrow().taken && !progress.borrow().is_over {
        shared.credit.add_permits(1);
    }
    // The next line is known once it was read.
    let is_there = |now: &ReplayProgress| {
        now.is_over || (now.taken >= wanted && (now.next_at.is_some() || now.taken == 0))
    };
    let waiting = tokio::time::timeout(PATIENCE, progress.wait_for(is_there));
    let Ok(Ok(reached)) = waiting.await.map(|reached| reached.map(|reached| *reached)) else {
        return Err((504, "the replay took no line".to_owned()));
    };
    let mut state = shared.lock();
    if let Some(until) = until.map(Timestamp::from_nanos) {
        if reached.next_at.is_some_and(|next| until > next) {
            return Err((400, "`until_ns` is past the next line".to_owned()));
        }
        state.clock.follow((shared.wall)(), until);
        state.run_until(until);
    }
    let Traffic { handled, sent } = state.hub.traffic;
    Ok(json!({
        "venue_at_ns": state.clock.announcement().venue_at,
        "next_at_ns": reached.next_at,
        "handled": handled,
        "sent": sent,
    }))
}

/// Takes a further key into use.
async fn add_key(shared: &Shared, query: &str, body: Incoming) -> Answer {
    const MOST: usize = 16 << 10;
    let refuse = |words: String| answer(400, json!({ "error": words }).to_string());
    let Some(name) = query_value(query, "api_key") else {
        return refuse("parameter `api_key` is missing".to_owned());
    };
    let Ok(body) = Limited::new(body, MOST).collect().await else {
        return refuse("a key is not that large".to_owned());
    };
    match ApiKey::from_public_pem(&name, &String::from_utf8_lossy(&body.to_bytes())) {
        Ok(key) => {
            shared.lock().exchange.add_key(DEFAULT_ACCOUNT, key);
            answer(200, "{}")
        }
        Err(error) => refuse(error.to_string()),
    }
}

fn going_away() -> Ending {
    Ending::Close { code: 1001, reason: "the server is going away".to_owned() }
}

fn need(query: &str, name: &str) -> Result<String, Refusal> {
    query_value(query, name).ok_or_else(|| (400, format!("parameter `{name}` is missing")))
}

fn number(query: &str, name: &str) -> Result<i64, Refusal> {
    need(query, name)?.parse().map_err(|_| (400, format!("parameter `{name}` is no whole number")))
}

fn millis(query: &str, name: &str) -> Result<Duration, Refusal> {
    let millis = number(query, name)?;
    u64::try_from(millis)
        .map(Duration::from_millis)
        .map_err(|_| (400, format!("parameter `{name}` is negative")))
}

fn act(shared: &Shared, method: &str, command: &str, query: &str) -> Result<Value, Refusal> {
    let (mut guard, now) = shared.current();
    let state = &mut *guard;
    let wall = (shared.wall)();
    match (method, command) {
        ("GET", "clock") => {}
        ("GET", "flow_hash") => {
            let mark = millis(query, "mark_ms")?;
            let hash = state.exchange.flow_hash(mark);
            let hash = hash.ok_or((409, "the market is not synthetic".to_owned()))?;
            return Ok(json!({"flow_hash": format!("{hash:016x}")}));
        }
        ("POST", "clock") => {
            let speed = Speed::parse(&need(query, "speed")?);
            let speed = speed.map_err(|error| (400, error.to_string()))?;
            set_speed(state, wall, speed)?;
        }
        ("POST", "pause") => set_speed(state, wall, Speed::Permille(0))?,
        ("POST", "resume") => set_speed(state, wall, shared.config.speed)?,
        ("POST", "skew") => state.clock.skew(number(query, "ms")?),
        ("POST", "drop_websockets") => state.hub.end_all(&Ending::Drop),
        ("POST", "close_websockets") => state.hub.end_all(&going_away()),
        ("POST", "silence") => state.hub.is_silent = need(query, "on")? == "true",
        ("POST", "delay") => {
            let matching = query_value(query, "matching").unwrap_or_default();
            state.faults.set_delay(millis(query, "ms")?, &matching);
        }
        ("POST", "fail") => plan_failure(state, query)?,
        ("POST", "frames") => {
            let fault = FrameFault::parse(&need(query, "fault")?).ok_or((
                400,
                "parameter `fault` is skip, duplicate, swap, garble or oversize".to_owned(),
            ))?;
            let matching = query_value(query, "matching").unwrap_or_default();
            state.hub.frame_faults.plan(fault, &matching, count_of(query));
        }
        ("POST", "advance") => {
            let frames = query_value(query, "frames").and_then(|count| count.parse().ok());
            shared.credit.add_permits(frames.unwrap_or(1).min(1_000_000));
        }
        ("POST", "exhaust_weight") => {
            let limits = *state.exchange.limits();
            state.exchange.address_limits.exhaust(now, &limits);
        }
        ("POST", "halt") => halt(state, query)?,
        ("POST", "rules") => change_rules(state, query)?,
        ("POST", "reference_price") => set_reference(state, query, now)?,
        ("POST", "deposit") => {
            let asset = Asset::new(&need(query, "asset")?)
                .map_err(|error| (400, format!("parameter `asset`: {error}")))?;
            let amount: Amount = need(query, "amount")?
                .parse()
                .map_err(|error| (400, format!("parameter `amount`: {error}")))?;
            let deposit = state.exchange.deposit(DEFAULT_ACCOUNT, asset, amount, now);
            deposit.map_err(|error| (400, error.to_string()))?;
            state.flush();
        }
        ("POST", "revoke_key") => {
            if !state.exchange.revoke_key(&need(query, "api_key")?) {
                return Err((404, "there is no such key".to_owned()));
            }
        }
        ("POST", "key_rights") => set_key_rights(state, query)?,
        ("POST", "alter") => state.faults.alter(Alteration {
            matching: query_value(query, "matching").unwrap_or_default(),
            from: need(query, "from")?,
            to: need(query, "to")?,
        }),
        ("POST", "database_lag") => {
            state.exchange.set_database_lag(millis(query, "ms")?);
        }
        ("POST", "memory_lag") => {
            state.exchange.set_memory_lag(millis(query, "ms")?);
        }
        ("POST", "bnb_fees") => {
            let is_on = need(query, "on")? == "true";
            state.exchange.pay_in_bnb(DEFAULT_ACCOUNT, is_on);
        }
        ("POST", "clear") => {
            state.exchange.set_database_lag(Duration::ZERO);
            state.exchange.set_memory_lag(Duration::ZERO);
            state.faults.clear();
            state.hub.frame_faults.clear();
            state.hub.is_silent = false;
        }
        (_, command) => return Err((404, format!("there is no command `{command}`"))),
    }
    let clock = serde_json::to_value(state.clock.announcement()).unwrap_or_default();
    Ok(if command == "clock" { clock } else { json!({"clock": clock}) })
}

fn count_of(query: &str) -> usize {
    query_value(query, "count").and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn set_speed(state: &mut State, wall: model::Timestamp, speed: Speed) -> Result<(), Refusal> {
    if (state.clock.speed() == Speed::Max) != (speed == Speed::Max) {
        return Err((409, "full speed is chosen at the start and stays".to_owned()));
    }
    state.clock.set_speed(wall, speed);
    Ok(())
}

fn plan_failure(state: &mut State, query: &str) -> Result<(), Refusal> {
    let point = match need(query, "point")?.as_str() {
        "before" => FailurePoint::Before,
        "after" => FailurePoint::After,
        _ => return Err((400, "parameter `point` is `before` or `after`".to_owned())),
    };
    let status = query_value(query, "status").unwrap_or_else(|| "503".to_owned());
    let failure = match status.parse::<u16>() {
        Ok(0) => Failure::NoAnswer,
        Ok(status @ 400..=599) => Failure::Status(status),
        Ok(_) | Err(_) => return Err((400, "parameter `status` is 0 or 400 to 599".to_owned())),
    };
    let count = count_of(query);
    let matching = query_value(query, "matching").unwrap_or_default();
    state.faults.plan(&PlannedFailure { point, failure, matching }, count);
    Ok(())
}

fn set_key_rights(state: &mut State, query: &str) -> Result<(), Refusal> {
    let is = |name| query_value(query, name).as_deref() == Some("true");
    let (withdraw, ip_restrict) = (is("withdraw"), is("ip_restrict"));
    let rights = Permissions { withdraw, ip_restrict, ..Permissions::TRADE };
    let is_known = state.exchange.set_key_rights(&need(query, "api_key")?, rights);
    if is_known { Ok(()) } else { Err((404, "there is no such key".to_owned())) }
}

fn set_reference(state: &mut State, query: &str, now: Timestamp) -> Result<(), Refusal> {
    let price = query_value(query, "price").map(|text| {
        text.parse::<Price>().map_err(|error| (400, format!("parameter `price`: {error}")))
    });
    let symbol = need(query, "symbol")?;
    let is_known = state.exchange.set_reference(&symbol, price.transpose()?, now);
    if is_known { Ok(()) } else { Err((404, format!("there is no symbol `{symbol}`"))) }
}

/// What `/control/rules` changes of one symbol.
struct NewRules {
    tick: Option<Price>,
    step: Option<Quantity>,
    min_quantity: Option<Quantity>,
    min_notional: Option<Amount>,
    flags: Vec<(&'static str, bool)>,
    order_types: Option<OrderTypes>,
}

/// The filters' values that `rules` changes.
const NUMBERS: [&str; 4] = ["tickSize", "stepSize", "minQty", "minNotional"];

/// What `rules` changes of a symbol, by its names in exchangeInfo.
pub(super) const RULES: [&str; NUMBERS.len() + FLAGS.len() + 1] = {
    let mut all = [KINDS; NUMBERS.len() + FLAGS.len() + 1];
    let (head, tail) = all.split_at_mut(NUMBERS.len());
    head.copy_from_slice(&NUMBERS);
    tail.split_at_mut(FLAGS.len()).0.copy_from_slice(&FLAGS);
    all
};

/// The list of kinds of orders.
const KINDS: &str = "orderTypes";

impl NewRules {
    fn read(query: &str) -> Result<Self, Refusal> {
        let known = |name: &str| name == "symbol" || RULES.contains(&name);
        for name in query.split('&').filter_map(|pair| pair.split('=').next()) {
            if !known(name) {
                return Err((400, format!("there is no rule `{name}`")));
            }
        }
        let mut flags = Vec::new();
        for name in FLAGS {
            match query_value(query, name).as_deref() {
                None => {}
                Some("true") => flags.push((name, true)),
                Some("false") => flags.push((name, false)),
                Some(_) => return Err((400, format!("parameter `{name}` is `true` or `false`"))),
            }
        }
        let [tick, step, min_quantity, min_notional] = NUMBERS;
        Ok(Self {
            tick: positive(query, tick)?,
            step: positive(query, step)?,
            min_quantity: positive(query, min_quantity)?,
            min_notional: positive(query, min_notional)?,
            flags,
            order_types: query_value(query, KINDS).map(|list| order_types(&list)).transpose()?,
        })
    }

    fn apply(self, instrument: &mut Instrument) {
        let filters = &mut instrument.filters;
        filters.price.tick = self.tick.unwrap_or(filters.price.tick);
        filters.lot_size.step = self.step.unwrap_or(filters.lot_size.step);
        filters.lot_size.min = self.min_quantity.unwrap_or(filters.lot_size.min);
        if let Some(min) = self.min_notional {
            // A symbol of a recording may have none yet.
            filters.notional.get_or_insert(symbols::plain_notional(min)).min = min;
        }
        instrument.features.order_types =
            self.order_types.unwrap_or(instrument.features.order_types);
        for (name, is_on) in self.flags {
            *flag(&mut instrument.features, name).expect("taken from the list") = is_on;
        }
    }
}

/// Kinds of orders by their names, with commas between.
fn order_types(list: &str) -> Result<OrderTypes, Refusal> {
    let names = || list.split(',').filter(|name| !name.is_empty());
    match names().find(|name| !ORDER_TYPES.contains(name)) {
        None => Ok(OrderTypes::of_names(names().map(str::to_lowercase))),
        Some(odd) => Err((400, format!("parameter `{KINDS}`: there is no `{odd}`"))),
    }
}

/// A number above zero.
fn positive<T: std::str::FromStr + Default + PartialOrd>(
    query: &str,
    name: &str,
) -> Result<Option<T>, Refusal> {
    let Some(text) = query_value(query, name) else { return Ok(None) };
    match text.parse::<T>() {
        Ok(number) if number > T::default() => Ok(Some(number)),
        Ok(_) | Err(_) => Err((400, format!("parameter `{name}` is a decimal above 0"))),
    }
}

fn change_rules(state: &mut State, query: &str) -> Result<(), Refusal> {
    let symbol = need(query, "symbol")?;
    let rules = NewRules::read(query)?;
    let is_known = state.exchange.change_rules(&symbol, |instrument| rules.apply(instrument));
    if is_known { Ok(()) } else { Err((404, format!("there is no symbol `{symbol}`"))) }
}

fn halt(state: &mut State, query: &str) -> Result<(), Refusal> {
    let status = match need(query, "status")?.as_str() {
        "TRADING" => InstrumentStatus::Trading,
        "CANCEL_ONLY" => InstrumentStatus::CancelOnly,
        "HALT" => InstrumentStatus::Halted,
        _ => return Err((400, "parameter `status` is TRADING, CANCEL_ONLY or HALT".to_owned())),
    };
    let symbol = need(query, "symbol")?;
    let is_known = state.exchange.set_status(&symbol, status);
    if is_known { Ok(()) } else { Err((404, format!("there is no symbol `{symbol}`"))) }
}
