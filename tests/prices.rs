//! `tickwright prices` against a real HTTP server that can be slow, silent and wrong.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// What every answer of the slow venue takes.
const DELAY: Duration = Duration::from_millis(100);

/// What a venue saw of its clients.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

/// A venue of its own thread, that answers `ticker/price` after a delay. Some symbols are special,
/// in a list too: `STALLED` is never answered, `UNKNOWN` is not listed, `BROKEN` gets no JSON,
/// `LIMITED` a 429. `QUIET` has no price in a list.
struct Venue {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Venue {
    fn start(delay: Duration) -> Self {
        let seen = Arc::new(Seen::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serve(listener, delay, shared));
        });
        Self { address, seen }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(listener: std::net::TcpListener, delay: Duration, seen: Arc<Seen>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(request, delay, Arc::clone(&seen)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/api/v3/ticker/price");
    let query = request.uri().query().unwrap();
    let query = query.replace("%5B", "[").replace("%5D", "]").replace("%2C", ",");
    let query = query.replace("%22", "\"");
    let (is_list, symbols): (bool, Vec<String>) = match query.strip_prefix("symbols=") {
        Some(list) => (true, serde_json::from_str(list).unwrap()),
        None => (false, vec![query.strip_prefix("symbol=").unwrap().to_owned()]),
    };
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let under_way = seen.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_under_way.fetch_max(under_way, Ordering::SeqCst);
    tokio::time::sleep(delay).await;
    let names = |name: &str| symbols.iter().any(|symbol| symbol == name);
    let row = |name: &String| format!(r#"{{"symbol":"{name}","price":"{}.50000000"}}"#, name.len());
    let (status, body) = if names("STALLED") {
        pending().await
    } else if names("LIMITED") {
        (429, r#"{"code":-1003,"msg":"Too much request weight used."}"#.to_owned())
    } else if names("UNKNOWN") {
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#.to_owned())
    } else if names("BROKEN") {
        (200, "<html>".to_owned())
    } else if is_list {
        let rows: Vec<String> = symbols.iter().filter(|name| *name != "QUIET").map(row).collect();
        (200, format!("[{}]", rows.join(",")))
    } else {
        (200, row(&symbols[0]))
    };
    seen.under_way.fetch_sub(1, Ordering::SeqCst);
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

fn command(arguments: &[&str], symbols: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.arg("prices").args(symbols).args(arguments);
    command
}

#[track_caller]
fn check(arguments: &[&str], symbols: &[String], code: i32) -> (String, String) {
    let Output { status, stdout, stderr } = command(arguments, symbols).output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `first`, and plain symbols up to `count`.
fn symbols(first: &[&str], count: usize) -> Vec<String> {
    let plain = (first.len()..count).map(|number| format!("S{number:02}USDT"));
    first.iter().map(|name| (*name).to_owned()).chain(plain).collect()
}

/// Symbol and error of each failure.
fn errors(answer: &Value) -> Vec<(&str, &str)> {
    let list = answer["errors"].as_array().unwrap();
    list.iter()
        .map(|error| (error["symbol"].as_str().unwrap(), error["error"].as_str().unwrap()))
        .collect()
}

/// One comparison of 20 symbols. Whatever the machine does meanwhile, it asks as it should; how
/// much faster that was is the result.
fn ratio_of_twenty() -> f64 {
    let venue = Venue::start(DELAY);
    let arguments = ["--endpoint", &venue.url(), "--concurrency", "10", "--compare", "--json"];
    let (out, _) = check(&arguments, &symbols(&[], 20), 0);
    let answer = json(&out);
    assert_eq!(answer["prices"].as_array().unwrap().len(), 20);
    let third = serde_json::json!({"symbol": "S03USDT", "price": "7.50000000"});
    assert_eq!(answer["prices"][3], third);
    // Neither is made to look good: two rounds of ten, and twenty answers one by one.
    let compare = &answer["compare"];
    assert!(compare["parallel_ms"].as_f64().unwrap() >= 200.0, "{compare}");
    assert!(compare["sequential_ms"].as_f64().unwrap() >= 2_000.0, "{compare}");
    // One request for all of them takes as long as one for one.
    let batched = &compare["batched"];
    assert_eq!((&batched["requests"], &batched["weight"]), (&1.into(), &4.into()), "{compare}");
    assert_eq!((&compare["weight"], &batched["found"]), (&40.into(), &20.into()), "{compare}");
    assert!(batched["ms"].as_f64().unwrap() >= 100.0, "{compare}");
    // Ten connections for ten at a time, one for one at a time, one for all, each kept.
    assert_eq!(venue.seen.requests.load(Ordering::SeqCst), 41);
    assert_eq!(venue.seen.connections.load(Ordering::SeqCst), 12);
    assert_eq!(venue.seen.most_under_way.load(Ordering::SeqCst), 10);
    compare["ratio"].as_f64().unwrap()
}

/// Of an ideal 10. A machine that is busy with something else gets three chances.
#[test]
fn twenty_prices_come_eight_times_faster_in_parallel() {
    let mut ratios = Vec::new();
    while ratios.len() < 3 && ratios.iter().all(|ratio| *ratio < 8.0) {
        ratios.push(ratio_of_twenty());
    }
    assert!(ratios.iter().any(|ratio| *ratio >= 8.0), "{ratios:?}");
}

#[test]
fn a_stalled_and_an_unknown_symbol_leave_eighteen_prices() {
    let venue = Venue::start(DELAY);
    let url = venue.url();
    let arguments = ["--endpoint", &url, "--timeout", "1500ms", "--json"];
    let asked = symbols(&["STALLED", "UNKNOWN"], 20);
    let (out, err) = check(&arguments, &asked, 5);
    let answer = json(&out);
    assert_eq!(answer["prices"].as_array().unwrap().len(), 18);
    assert_eq!(errors(&answer), [("STALLED", "stalled"), ("UNKNOWN", "unknown_symbol")]);
    assert_eq!(err, "", "a pipe gets no progress bar");

    let (out, err) = check(&arguments[..4], &asked, 5);
    assert_eq!(out.lines().count(), 18, "{out}");
    assert!(out.starts_with("S02USDT  7.50000000\n"), "{out}");
    assert!(err.contains("STALLED: stalled: no answer within 1.5s\n"), "{err}");
    assert!(err.contains("UNKNOWN: unknown_symbol: the venue lists no such symbol\n"), "{err}");
    assert!(err.contains("18 of 20 prices in "), "{err}");
}

#[test]
fn lists_are_cheap_and_an_unknown_symbol_costs_only_itself() {
    #[track_caller]
    fn check_list(batch: &str, first: &[&str], code: i32, wrong: &[(&str, &str)], cost: [u64; 2]) {
        let venue = Venue::start(Duration::ZERO);
        let arguments = ["--endpoint", &venue.url(), "--timeout", "1500ms", "--json", batch];
        let (out, _) = check(&arguments, &symbols(first, 20), code);
        let answer = json(&out);
        let prices = answer["prices"].as_array().unwrap();
        assert_eq!(prices.len() + wrong.len(), 20, "{answer}");
        let plain = serde_json::json!({"symbol": "S19USDT", "price": "7.50000000"});
        assert!(prices.is_empty() || *prices.last().unwrap() == plain, "{answer}");
        assert_eq!(errors(&answer), wrong);
        let told = [&answer["requests"], &answer["weight"]].map(|told| told.as_u64().unwrap());
        assert_eq!(told, cost, "{answer}");
        let [requests, _] = cost;
        assert_eq!(venue.seen.requests.load(Ordering::SeqCst) as u64, requests);
    }
    let unknown = ("UNKNOWN", "unknown_symbol");
    check_list("--batch", &[], 0, &[], [1, 4]);
    check_list("--batch=7", &[], 0, &[], [3, 12]);
    check_list("--batch=19", &[], 0, &[], [2, 6]);
    check_list("--batch=1", &[], 0, &[], [20, 40]);
    // Twenty, two halves of ten, two of five, five alone.
    check_list("--batch", &["UNKNOWN"], 5, &[unknown], [10, 30]);
    check_list("--batch", &["S00USDT", "UNKNOWN"], 5, &[unknown], [10, 30]);
    check_list("--batch", &["QUIET"], 5, &[("QUIET", "missing")], [1, 4]);
    // What does not come costs its list, and no other.
    let stalled = ["STALLED", "S01USDT", "S02USDT", "S03USDT"].map(|name| (name, "stalled"));
    check_list("--batch=4", &["STALLED"], 5, &stalled, [5, 20]);
}

#[test]
fn exit_codes_tell_a_venue_that_says_no_from_one_that_says_nothing() {
    let venue = Venue::start(Duration::ZERO);
    let url = venue.url();
    check(&["--endpoint", &url], &symbols(&[], 3), 0);
    check(&["--endpoint", &url], &symbols(&["UNKNOWN"], 1), 5);
    check(&["--endpoint", &url], &symbols(&["BROKEN"], 2), 5);
    let (_, err) = check(&["--endpoint", &url, "--timeout", "50ms"], &symbols(&["STALLED"], 1), 6);
    assert!(err.contains("STALLED: stalled: "), "{err}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (out, _) =
        check(&["--endpoint", &format!("http://{closed}"), "--json"], &symbols(&[], 2), 6);
    let answer = json(&out);
    assert_eq!(errors(&answer), [("S00USDT", "unreachable"), ("S01USDT", "unreachable")]);
    check(&["--endpoint", "ftp://localhost"], &symbols(&[], 1), 2);
    check(&["--endpoint", &url], &[], 2);
}

#[test]
fn the_time_for_all_ends_a_round_and_names_what_was_not_asked() {
    let venue = Venue::start(DELAY);
    let url = venue.url();
    let arguments =
        ["--endpoint", &url, "--concurrency", "2", "--total-timeout", "350ms", "--json"];
    let (out, _) = check(&arguments, &symbols(&[], 20), 5);
    let answer = json(&out);
    let (prices, errors) = (answer["prices"].as_array().unwrap().len(), errors(&answer));
    assert!((2..=6).contains(&prices), "{answer}");
    assert_eq!(prices + errors.len(), 20);
    assert!(errors.iter().filter(|(_, error)| *error == "not_asked").count() >= 12, "{answer}");
    assert!(answer["elapsed_ms"].as_f64().unwrap() < 1_000.0, "{answer}");
}

#[test]
fn a_limited_client_stops_asking() {
    let venue = Venue::start(DELAY);
    let url = venue.url();
    let arguments = ["--endpoint", &url, "--concurrency", "1", "--json"];
    let (out, _) = check(&arguments, &symbols(&["LIMITED"], 20), 5);
    let answer = json(&out);
    assert!(errors(&answer).iter().all(|(_, error)| *error == "rate_limited"), "{answer}");
    assert_eq!(errors(&answer).len(), 20);
    let requests = venue.seen.requests.load(Ordering::SeqCst);
    assert!(requests <= 2, "{requests} requests went out after the refusal");
}

#[cfg(unix)]
#[test]
fn every_asks_until_interrupted() {
    use std::io::{BufRead as _, BufReader};
    let venue = Venue::start(Duration::ZERO);
    let url = venue.url();
    let arguments = ["--endpoint", &url, "--every", "50ms", "--json"];
    let mut child = command(&arguments, &symbols(&[], 3)).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let rounds: Vec<Value> = lines.by_ref().take(4).map(|line| json(&line.unwrap())).collect();
    assert!(rounds.iter().all(|round| round["prices"].as_array().unwrap().len() == 3));
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    let begun = Instant::now();
    // The pipe is read to its end: a closed one would end the program too.
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(venue.seen.connections.load(Ordering::SeqCst), 3, "kept from round to round");
}

#[test]
fn the_simulated_exchange_has_prices() {
    let asked = ["btcusdt", "XRPUSDT", "NOSUCHUSDT"].map(str::to_owned);
    let (out, _) = check(&["--endpoint", "sim", "--json", "--timeout", "20s"], &asked, 5);
    let answer = json(&out);
    let found: Vec<&str> = answer["prices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(found, ["BTCUSDT", "XRPUSDT"]);
    assert_eq!(errors(&answer), [("NOSUCHUSDT", "unknown_symbol")]);
}

/// The simulated exchange, with its own fault: every answer of the ticker is held back.
#[test]
fn a_delayed_exchange_is_asked_eight_times_faster_in_parallel() {
    const ASKED: [&str; 20] = [
        "BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "AVAXUSDT",
        "LINKUSDT", "DOTUSDT", "LTCUSDT", "TRXUSDT", "ATOMUSDT", "NEARUSDT", "UNIUSDT", "APTUSDT",
        "ARBUSDT", "OPUSDT", "FILUSDT", "ETCUSDT",
    ];
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async move {
            let symbols = ASKED.iter().map(|name| exchange::SymbolConfig::known(name).unwrap());
            let market = exchange::SyntheticConfig {
                symbols: symbols.collect(),
                history: Duration::from_secs(60),
                ..Default::default()
            };
            let market = exchange::MarketConfig::Synthetic(market);
            let config = exchange::ExchangeConfig { market, ..Default::default() };
            let handle = exchange::bind(config, ([127, 0, 0, 1], 0).into()).await.unwrap();
            tell.send(handle.address).unwrap();
            pending::<()>().await;
        });
    });
    let address = told.recv().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = "POST /control/delay?ms=100&matching=ticker HTTP/1.1\r\nHost: localhost\r\n\
                   Connection: close\r\n\r\n";
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stream, &mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");

    let url = format!("http://{address}");
    let mut ratios = Vec::new();
    while ratios.len() < 3 && ratios.iter().all(|ratio| *ratio < 8.0) {
        let (out, _) =
            check(&["--endpoint", &url, "--compare", "--json"], &ASKED.map(str::to_owned), 0);
        let answer = json(&out);
        assert_eq!(answer["prices"].as_array().unwrap().len(), 20, "{answer}");
        ratios.push(answer["compare"]["ratio"].as_f64().unwrap());
    }
    assert!(ratios.iter().any(|ratio| *ratio >= 8.0), "{ratios:?}");
}
