//! Clients of Binance Spot that nobody here wrote, against `tickwright exchange`: ccxt with its
//! websocket side, python-binance and the venue's own binance-sdk-spot, as `clients/requirements.txt`
//! pins them. The checks are Python, in `clients/`: each holds what a client makes of the exchange's
//! answers against the exchange's own record.
//!
//! They need Python 3 with `venv`, and once the Python package index; without them they are skipped,
//! loudly.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A client's checks are done in less than half a minute; this is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(180);

const CCXT: &[&str] = &[
    "fetch_time",
    "load_markets",
    "fetch_order_book",
    "fetch_trades",
    "fetch_ohlcv",
    "fetch_ticker_and_bids_asks",
    "fetch_balance",
    "limit_order_lifecycle",
    "market_order_and_my_trades",
    "market_sell_and_cost_buy",
    "stop_loss_limit_order",
    "post_only_rejected",
    "edit_order_cancelReplace",
    "cancel_all_orders",
    "err_bad_signature",
    "err_stale_timestamp",
    "err_unknown_order",
    "err_insufficient_funds",
    "watch_trades",
    "watch_order_book_sequence_checked",
    "watch_order_book_vs_rest",
    "watch_ohlcv",
    "watch_ticker",
    "watch_bids_asks",
    "watch_orders_and_my_trades",
    "watch_balance",
    "create_cancel_order_ws",
];

const PYTHON_BINANCE: &[&str] = &[
    "create_ping_time",
    "public_rest",
    "historical_klines_paging",
    "trade_socket",
    "kline_socket",
    "symbol_book_ticker_socket",
    "multiplex_socket",
    "depth_socket_continuity",
    "depth_cache_manager_vs_rest",
    "orders_limit_market_cancel_query",
    "stop_loss_limit",
    "oco_order",
    "error_codes",
    "user_socket_execution_reports",
    "ws_api_order",
];

const BINANCE_SDK_SPOT: &[&str] = &[
    "rest_public_models",
    "rest_time_unit_microsecond",
    "rest_rate_limit_headers",
    "rest_account_models",
    "rest_order_lifecycle",
    "rest_market_and_my_trades",
    "rest_oco_and_cancel_list",
    "rest_amend_and_cancel_replace",
    "rest_errors",
    "stream_trade",
    "stream_agg_trade",
    "stream_book_ticker",
    "stream_kline_1m",
    "stream_diff_book_depth",
    "stream_partial_book_depth",
    "stream_mini_ticker",
    "stream_ticker",
    "wsapi_public_and_account",
    "wsapi_order_place_cancel",
    "wsapi_user_data_stream_signature",
    "wsapi_session_logon_ed25519",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Says that nothing was tested. Not by `eprintln`, which the test runner keeps to itself.
fn skip(why: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "\nSKIPPED: clients of others: {why}").unwrap();
}

/// What a command printed, or what it complained of.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last = complaint.lines().rev().take(3).collect::<Vec<_>>();
    Err(format!("{command:?}: {}", last.into_iter().rev().collect::<Vec<_>>().join(" / ")))
}

/// The Python that has the pinned clients. Made once and kept in `target`.
fn python() -> Result<PathBuf, String> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(kept).unwrap();
    // Tests of this file run beside each other, and so may two test runs.
    let lock = File::create(kept.join("clients.lock")).unwrap();
    lock.lock().unwrap();
    let requirements = folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let venv = kept.join("clients-venv");
    let (python, done) = (venv.join("bin/python"), venv.join("requirements.installed"));
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    output(Command::new(&python).args(install).arg(&requirements))?;
    std::fs::write(&done, wanted).unwrap();
    Ok(python)
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An exchange, and the file with the line that it printed when it was ready.
fn exchange(directory: &Path) -> (Process, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    let mut child =
        command.args(["exchange", "--seed", "7"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = directory.join("ready.json");
    std::fs::write(&ready, line).unwrap();
    (Process(child), ready)
}

/// Runs a client's checks. All of those that are named must be there and pass.
fn check(client: &str, names: &[&str]) {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return skip(&why),
    };
    let directory = tempfile::tempdir().unwrap();
    let (_exchange, ready) = exchange(directory.path());
    let log = directory.path().join("log");
    let file = File::create(&log).unwrap();
    let mut command = Command::new(python);
    command.arg("-B").arg(folder().join("run.py")).arg(client).arg(&ready);
    command.stdout(file.try_clone().unwrap()).stderr(file);
    let mut checks = Process(command.spawn().unwrap());
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = checks.0.try_wait().unwrap() {
            break status;
        }
        let said = || std::fs::read_to_string(&log).unwrap();
        assert!(begun.elapsed() < LIMIT, "not done in {LIMIT:?}:\n{}", said());
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{status}:\n{said}");
    let mut passed: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("ok ")?.split(' ').next()).collect();
    let mut names = names.to_vec();
    passed.sort_unstable();
    names.sort_unstable();
    assert_eq!(passed, names, "{said}");
}

#[test]
fn ccxt() {
    check("ccxt", CCXT);
}

#[test]
fn python_binance() {
    check("pybinance", PYTHON_BINANCE);
}

#[test]
fn binance_sdk_spot() {
    check("sdk", BINANCE_SDK_SPOT);
}
