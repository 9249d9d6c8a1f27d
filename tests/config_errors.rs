//! What a user is told about a wrong configuration: each case is the content of an engine file or
//! a strategy file, and every line of the answer.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use kernel::parameters::{
    ParameterDefault, ParameterError, ParameterKey, ParameterKind, ParameterSet, Parameters,
};
use kernel::strategy::{SetupError, StrategyEntry};
use tickwright::config::{Config, ConfigErrors, Override, Sources, Speed, load};

static CROSS: ParameterSet = ParameterSet {
    kind: "cross",
    keys: &[
        ParameterKey {
            name: "fast",
            kind: ParameterKind::Integer { min: 1, max: 500 },
            default: ParameterDefault::Value("12"),
            doc: "Fast length.",
        },
        ParameterKey {
            name: "slow",
            kind: ParameterKind::Integer { min: 2, max: 500 },
            default: ParameterDefault::Required,
            doc: "Slow length.",
        },
        ParameterKey {
            name: "order_notional",
            kind: ParameterKind::Amount,
            default: ParameterDefault::Unset,
            doc: "Money per order.",
        },
    ],
    check: fast_below_slow,
};

fn fast_below_slow(parameters: &Parameters) -> Result<(), ParameterError> {
    if parameters.integer("fast") < parameters.integer("slow") {
        return Ok(());
    }
    Err(ParameterError::new("fast", "must be below slow"))
}

static KINDS: &[StrategyEntry] = &[StrategyEntry {
    parameters: &CROSS,
    summary: "Two averages.",
    build: |setup| Err(SetupError::Symbols { expected: "none", actual: setup.traded.len() }),
}];

const STRATEGY: &str = "id = \"a\"\nkind = \"cross\"\nsymbols = [\"BTCUSDT\"]\ncapital = \"1000\"\n\
                        [parameters]\nslow = 26\n";

fn load_files(
    engine: &str,
    strategies: &[(&str, &str)],
    overrides: &[Override],
) -> Result<Config, ConfigErrors> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("engine.toml");
    std::fs::write(&path, engine).unwrap();
    std::fs::create_dir(directory.path().join("strategies")).unwrap();
    for (name, text) in strategies {
        std::fs::write(directory.path().join("strategies").join(name), text).unwrap();
    }
    load(&Sources::Files { engine: Some(path) }, overrides, KINDS)
}

/// The report with the temporary directory cut off and without the count.
fn report(result: Result<Config, ConfigErrors>) -> Vec<String> {
    let errors = result.expect_err("the configuration is wrong").to_string();
    let mut lines: Vec<String> = errors
        .lines()
        .map(|line| match (line.find("engine.toml"), line.find("strategies/")) {
            (Some(start), None) if line.starts_with('/') => line[start..].to_owned(),
            (None, Some(start)) if line.starts_with('/') => line[start..].to_owned(),
            (_, _) => line.to_owned(),
        })
        .collect();
    lines.pop();
    lines
}

#[track_caller]
fn check_engine(text: &str, expected: &[&str]) {
    assert_eq!(report(load_files(text, &[], &[])), expected);
}

#[track_caller]
fn check_strategy(text: &str, expected: &[&str]) {
    assert_eq!(report(load_files("", &[("a.toml", text)], &[])), expected);
}

#[test]
fn every_error_of_a_file_is_reported_at_once() {
    check_engine(
        "mood = \"sim\"\nmode = \"simm\"\n[risk]\ndaily_loss = 500.0\nmax_drawdown = \"-1\"\n\
         max_order_notional = 100\nmax_open_orders = \"12\"\n[fed]\nx = 1\n",
        &[
            "engine.toml:1:1: mood: unknown key",
            "    help: did you mean `mode`?",
            "engine.toml:2:8: mode: expected one of \"sim\", \"paper\", \"live\", found \"simm\"",
            "    help: did you mean \"sim\"?",
            "engine.toml:4:14: risk.daily_loss: expected money above 0, a quoted decimal such as \
             \"250.00\", found the bare number 500.0",
            "    help: a bare number may lose digits: write \"500.0\"",
            "engine.toml:5:16: risk.max_drawdown: expected money above 0, a quoted decimal such as \
             \"250.00\", found \"-1\"",
            "engine.toml:6:22: risk.max_order_notional: expected money above 0, a quoted decimal \
             such as \"250.00\", found the bare number 100",
            "    help: a bare number may lose digits: write \"100\"",
            "engine.toml:7:19: risk.max_open_orders: expected a whole number from 1 to 10000, found \
             the text \"12\"",
            "    help: without quotes: 12",
            "engine.toml:8:2: fed: unknown key",
            "    help: did you mean `feed`?",
        ],
    );
}

#[test]
fn a_key_in_the_wrong_section_is_recognised() {
    check_engine(
        "drain_timeout_ms = 5\n",
        &[
            "engine.toml:1:1: drain_timeout_ms: unknown key",
            "    help: did you mean `shutdown.drain_timeout_ms`?",
        ],
    );
    check_engine(
        "risk = 5\n",
        &["engine.toml:1:8: risk: expected a section, found a value", "    help: [risk]"],
    );
}

#[test]
fn broken_toml_does_not_hide_other_errors() {
    let lines = report(load_files("mode = \n[risk]\ndaily_los = \"1\"\n", &[], &[]));
    assert!(lines[0].starts_with("engine.toml:1:"), "{lines:?}");
    assert!(lines[0].contains("no TOML"), "{lines:?}");
    assert_eq!(lines[1], "engine.toml:3:1: risk.daily_los: unknown key", "{lines:?}");
}

#[test]
fn an_argument_that_is_no_setting_hides_no_other_error() {
    #[track_caller]
    fn check(command: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("engine.toml");
        std::fs::write(&file, "mood = 1\n").unwrap();
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tickwright"));
        program.args(command).args(["--set", "nonsense", "--set", "risk.daily_los=5", "--config"]);
        let output = program.arg(&file).current_dir(directory.path()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        for words in ["expected section.key=value", "mood: unknown key", "daily_los: unknown key"] {
            assert!(told.contains(words), "{command:?} {words}: {told}");
        }
    }
    check(&["check"]);
    check(&["backtest", "--data", "none"]);
    check(&["sweep", "--data", "none", "--param", "parameters.fast=1,2"]);
    check(&["check-lookahead", "--data", "none"]);
    check(&["parity", "--replay", "none.gz", "--symbol", "BTCUSDT"]);
}

#[test]
fn a_key_that_is_there_twice_is_named() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let lines = report(load_files(text, &[], &[]));
        assert_eq!(lines, [expected], "{lines:?}");
    }
    check(
        "[risk]\ndaily_loss = \"1\"\n[venue]\n[risk]\n",
        "engine.toml:4:2: no TOML: duplicate key `risk`",
    );
    check(
        "[risk]\ndaily_loss = \"1\"\ndaily_loss = \"2\"\n",
        "engine.toml:3:1: no TOML: duplicate key `daily_loss`",
    );
}

#[test]
fn a_file_that_was_never_toml_is_one_error_and_a_long_list_is_cut() {
    let row = |id| format!("{id},60000.01,0.5,30000.005,1700000000000,true\n");
    let rows: String = (0..20_000).map(row).collect();
    let lines = report(load_files("", &[("a.toml", &rows)], &[]));
    assert_eq!(lines.len(), 2, "{:?}", &lines[..lines.len().min(9)]);
    assert!(lines[0].starts_with("strategies/a.toml: this is not TOML: "), "{lines:?}");
    assert_eq!(lines[1], "    help: settings are TOML files; market data go to --data");
    let keys: String = (0..300).map(|number| format!("qqqq_{number} = 1\n")).collect();
    let lines = report(load_files(&keys, &[], &[]));
    assert_eq!(lines.last().unwrap(), "… and 200 more");
}

#[test]
fn ranges_and_forms_are_checked() {
    check_engine(
        "[venue]\nrecv_window_ms = 60_001\n[api]\nbind = \"localhost\"\nport = 70000\n\
         [alerts]\nwebhook_url = \"ftp://secret.example/token\"\n[journal]\ndurability = true\n\
         [sim]\nspeed = 0\ninitial_balances = [\"5 usdt\", \"1 BTC\", \"1 BTC\"]\n",
        &[
            "engine.toml:2:18: venue.recv_window_ms: expected milliseconds, a whole number from 1 to \
             60000, found 60001",
            "engine.toml:4:8: api.bind: expected an IP address such as \"127.0.0.1\", found \
             \"localhost\"",
            "engine.toml:5:8: api.port: expected a whole number from 0 to 65535, found 70000",
            "engine.toml:7:15: alerts.webhook_url: expected a URL that starts with http:// or \
             https://; found ftp://",
            "engine.toml:9:14: journal.durability: expected one of \"power\", \"process\", found true",
            "engine.toml:11:9: sim.speed: expected a number above 0, or \"max\", found \"0\"",
            "engine.toml:12:21: sim.initial_balances[0]: expected an amount and its asset, such as \
             \"100000 USDT\", found \"5 usdt\"",
            "engine.toml:12:40: sim.initial_balances[2]: repeats an earlier item",
        ],
    );
}

#[test]
fn tables_of_symbols_are_checked() {
    check_engine(
        "[[sim.symbols]]\nsymbol = \"btc/usdt\"\nstart_prise = \"1\"\n\
         [[sim.symbols]]\nsymbol = \"ETHUSDT\"\nstart_price = 2500\n\
         [[sim.symbols]]\nactivity = 0x10\n",
        &[
            "engine.toml:2:10: sim.symbols[0].symbol: expected a symbol in capitals without \
             separator, such as \"BTCUSDT\", found \"btc/usdt\"",
            "    help: did you mean \"BTCUSDT\"?",
            "engine.toml:3:1: sim.symbols[0].start_prise: unknown key",
            "    help: did you mean `start_price`?",
            "engine.toml:6:15: sim.symbols[1].start_price: expected a price above 0, a quoted \
             decimal such as \"61837.63\", found the bare number 2500",
            "    help: a bare number may lose digits: write \"2500\"",
            "engine.toml:7:1: sim.symbols[2].symbol: missing; expected a symbol in capitals without \
             separator, such as \"BTCUSDT\"",
            "engine.toml:8:12: sim.symbols[2].activity: expected a number from 0.01 to 100, found \
             \"0x10\"",
        ],
    );
}

#[test]
fn without_a_mode_no_money_is_real() {
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let loaded = load_files(text, &[], &[]);
        match (loaded, expected) {
            (Ok(config), Ok(mode)) => assert_eq!(config.engine.mode.as_str(), mode),
            (Err(errors), Err(word)) => assert!(errors.to_string().contains(word), "{errors}"),
            (loaded, expected) => panic!("{expected:?}: {loaded:?}"),
        }
    }
    check("", Ok("sim"));
    check("[venue]\nendpoint = \"binance-live\"\n", Ok("paper"));
    check("[venue]\nendpoint = \"binance-testnet\"\n", Ok("paper"));
    check("mode = \"sim\"\n[venue]\nendpoint = \"binance-live\"\n", Err("or set `mode`"));
    let key = "api_key_env = \"KEY\"\nsecret_env = \"SECRET\"\n";
    check(&format!("[venue]\nendpoint = \"binance-live\"\n{key}"), Err("or set `mode`"));
}

#[test]
fn settings_that_do_not_go_together_are_reported() {
    check_engine(
        "mode = \"live\"\n",
        &[
            "built-in default: venue.api_key_file: missing: orders must be signed; set one of \
             venue.api_key_file, venue.api_key_env",
            "built-in default: venue.endpoint: mode `live` trades at a real venue: expected another \
             than \"sim\"",
            "    help: or set `mode`",
            "built-in default: venue.secret_file: missing: orders must be signed; set one of \
             venue.secret_file, venue.secret_env, venue.private_key_file, venue.private_key_env",
        ],
    );
    check_engine(
        "[venue]\nrest_url = \"http://127.0.0.1:1\"\n[feed]\nreconnect_initial_ms = 5000\n\
         reconnect_max_ms = 100\n[api]\nbind = \"0.0.0.0\"\n",
        &[
            "engine.toml:2:12: venue.rest_url: has no effect with this endpoint",
            "    help: venue.endpoint = \"custom\", or remove it",
            "engine.toml:4:24: feed.reconnect_initial_ms: must not exceed feed.reconnect_max_ms",
            "engine.toml:7:8: api.bind: without a read token the API may only listen on loopback",
            "    help: set api.read_token_file, or bind = \"127.0.0.1\" and a tunnel",
        ],
    );
    check_engine(
        "[venue]\napi_key_file = \"k\"\napi_key_env = \"K\"\n",
        &["engine.toml:3:15: venue.api_key_env: set only one of venue.api_key_file, \
           venue.api_key_env"],
    );
    check_engine(
        "[venue]\nformat = \"sbe\"\n",
        &["engine.toml:2:10: venue.format: `sbe` is not there yet: this build reads and writes \
           `json` only"],
    );
}

#[test]
fn strategy_files_are_checked() {
    check_strategy(
        "id = \"My Strategy\"\nkind = \"cross\"\nsymbols = [\"btcusdt\"]\ncapital = \"10,000\"\n\
         [parameters]\nfast = 0\nslow = 26\norder_notional = 5.5\nslwo = 3\n",
        &[
            "strategies/a.toml:1:6: id: expected a name of up to 32 characters from a-z, 0-9, _ and \
             -, found \"My Strategy\"",
            "    help: did you mean \"my_strategy\"?",
            "strategies/a.toml:3:12: symbols[0]: expected a symbol in capitals without separator, \
             such as \"BTCUSDT\", found \"btcusdt\"",
            "    help: did you mean \"BTCUSDT\"?",
            "strategies/a.toml:4:11: capital: expected money above 0, a quoted decimal such as \
             \"250.00\", found \"10,000\"",
            "    help: did you mean \"10000\"?",
            "strategies/a.toml:6:8: parameters.fast: expected a whole number from 1 to 500, found 0",
            "strategies/a.toml:8:18: parameters.order_notional: expected money above 0, a quoted \
             decimal such as \"250.00\", found the bare number 5.5",
            "    help: a bare number may lose digits: write \"5.5\"",
            "strategies/a.toml:9:1: parameters.slwo: unknown key",
            "    help: did you mean `parameters.slow`?",
        ],
    );
    check_strategy(
        "kind = \"cros\"\nsymbols = \"BTCUSDT\"\n[parameters]\nanything = 1\n",
        &[
            "strategies/a.toml:1:8: kind: unknown strategy \"cros\"; known are cross",
            "    help: did you mean \"cross\"?",
            "strategies/a.toml:2:11: symbols: expected a list, each a symbol in capitals without \
             separator, such as \"BTCUSDT\", found the text \"BTCUSDT\"",
            "    help: in brackets: [\"BTCUSDT\"]",
            "strategies/a.toml: capital: missing; expected money above 0, a quoted decimal such as \
             \"250.00\"",
            "    help: What it may have in positions and working buys, in `risk.currency`.",
            "strategies/a.toml: id: missing; expected a name of up to 32 characters from a-z, 0-9, _ \
             and -",
            "    help: The name of this instance, unique and kept for good: its orders, lots and \
             profit are filed under it.",
        ],
    );
}

#[test]
fn parameters_are_checked_against_each_other() {
    let text = STRATEGY.replace("slow = 26", "slow = 26\nfast = 30");
    check_strategy(&text, &["strategies/a.toml:7:8: parameters.fast: must be below slow"]);
}

/// One mistake hides no other, wherever it is: whoever mends all that is told is done.
#[test]
fn no_error_waits_for_another_to_be_mended() {
    // In the engine's file: a broken value beside settings that do not go together.
    check_engine(
        "mode = \"live\"\n[venue]\nrecv_window_ms = 0\n[feed]\nreconnect_initial_ms = 5000\n\
         reconnect_max_ms = 100\ntrade_stale_after_ms = \"x\"\n",
        &[
            "engine.toml:3:18: venue.recv_window_ms: expected milliseconds, a whole number from 1 to \
             60000, found 0",
            "engine.toml:5:24: feed.reconnect_initial_ms: must not exceed feed.reconnect_max_ms",
            "engine.toml:7:24: feed.trade_stale_after_ms: expected milliseconds, a whole number from \
             100 to 86400000, found the text \"x\"",
            "built-in default: venue.api_key_file: missing: orders must be signed; set one of \
             venue.api_key_file, venue.api_key_env",
            "built-in default: venue.endpoint: mode `live` trades at a real venue: expected another \
             than \"sim\"",
            "    help: or set `mode`",
            "built-in default: venue.secret_file: missing: orders must be signed; set one of \
             venue.secret_file, venue.secret_env, venue.private_key_file, venue.private_key_env",
        ],
    );
    // In a strategy's: a broken value, parameters against each other, protection without a stop, a
    // symbol that the market does not have, an id that is taken.
    let first = STRATEGY.replace("capital = \"1000\"", "capital = 1000");
    let second =
        STRATEGY.replace("BTCUSDT", "BTCUSTD").replace("slow = 26", "slow = 26\nfast = 30")
            + "[protection]\ntake_profit_bps = 5\n";
    let lines = report(load_files("", &[("a.toml", &first), ("b.toml", &second)], &[]));
    let has = |words: &str| assert!(lines.iter().any(|l| l.contains(words)), "{words}: {lines:#?}");
    has("strategies/a.toml:4:11: capital: expected money");
    has("strategies/b.toml:1:6: id: \"a\" is taken by ");
    has("strategies/b.toml:3:11: symbols: BTCUSTD is not among sim.symbols");
    has("strategies/b.toml:7:8: parameters.fast: must be below slow");
    has("protection.take_profit_bps: nothing is protected without");
    // A file that can't be read, and what is wrong with the others.
    let directory = tempfile::tempdir().unwrap();
    let strategies = directory.path().join("strategies");
    std::fs::create_dir(&strategies).unwrap();
    std::fs::write(strategies.join("a.toml"), &first).unwrap();
    let missing = Sources::Files { engine: Some(directory.path().join("engine.toml")) };
    let errors = load(&missing, &[], KINDS).unwrap_err().to_string();
    assert!(errors.contains("engine.toml: can't be read"), "{errors}");
    assert!(errors.contains("a.toml:4:11: capital: expected money"), "{errors}");
}

/// Keys and tokens are looked at with all the rest, each of them.
#[test]
fn check_reports_every_key_and_setting_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("strategies")).unwrap();
    std::fs::write(path("open.key"), "secret").unwrap();
    std::fs::write(
        path("engine.toml"),
        format!(
            "mode = \"live\"\n[venue]\nendpoint = \"binance-testnet\"\napi_key_file = {:?}\n\
             private_key_file = {:?}\n[api]\nread_token_env = \"TICKWRIGHT_NO_SUCH_TOKEN\"\n\
             port = 70000\n",
            path("missing.key"),
            path("open.key"),
        ),
    )
    .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tickwright"))
        .args(["check", "--set", "nonsense", "--config"])
        .arg(path("engine.toml"))
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    for words in [
        "engine.toml:4:16: venue.api_key_file: ",
        "engine.toml:5:20: venue.private_key_file: ",
        "lets others read it",
        "api.read_token_env: environment variable TICKWRIGHT_NO_SUCH_TOKEN is not set",
        "api.port: expected a whole number",
        "flag --set nonsense: expected section.key=value",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn strategies_are_checked_against_each_other_and_the_market() {
    let second = STRATEGY.replace("BTCUSDT", "BTCUSTD").replace("\"1000\"", "\"99500\"");
    let lines = report(load_files("", &[("a.toml", STRATEGY), ("b.toml", &second)], &[]));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[0].starts_with("strategies/b.toml:1:6: id: \"a\" is taken by "), "{lines:?}");
    assert_eq!(
        lines[2..],
        [
            "strategies/b.toml:3:11: symbols: BTCUSTD is not among sim.symbols: BTCUSDT, ETHUSDT, \
             SOLUSDT, BNBUSDT",
            "    help: did you mean \"BTCUSDT\"?",
            "strategies/b.toml:4:11: capital: with the strategies before it this allocates more \
             than the 100000 USDT of sim.initial_balances",
        ]
    );
    let disabled = format!("enabled = false\n{}", second.replace("\"a\"", "\"b\""));
    let config = load_files("", &[("a.toml", STRATEGY), ("b.toml", &disabled)], &[]).unwrap();
    assert_eq!(config.strategies.len(), 2);
    assert_eq!(config.enabled().count(), 1);
}

#[test]
fn later_layers_win() {
    let environment = |name, text| Override::of_variable(name, text).unwrap();
    let overrides = [
        Override::of_set("sim.seed=9").unwrap(),
        environment("TICKWRIGHT__SIM__SEED", "8"),
        environment("TICKWRIGHT__SIM__SPEED", "max"),
        environment("TICKWRIGHT__RISK__DAILY_LOSS", "750.50"),
        environment("TICKWRIGHT__STRATEGIES__A__CAPITAL", "2500"),
        environment("TICKWRIGHT__STRATEGIES__A__PARAMETERS__SLOW", "40"),
        Override::of_set("strategies.a.symbols=BTCUSDT, ETHUSDT").unwrap(),
    ];
    let engine = "[sim]\nseed = 7\nvolatility = 2\n";
    let config = load_files(engine, &[("a.toml", STRATEGY)], &overrides).unwrap();
    assert_eq!(config.engine.sim.seed, 9);
    assert_eq!(config.engine.sim.speed, Speed::Max);
    assert!((config.engine.sim.volatility - 2.0).abs() < 1e-9);
    assert_eq!(config.engine.risk.daily_loss, "750.5".parse().unwrap());
    assert_eq!(config.engine.risk.max_drawdown, "5000".parse().unwrap());
    let strategy = &config.strategies[0];
    assert_eq!(strategy.capital, "2500".parse().unwrap());
    assert_eq!(strategy.parameters.integer("slow"), 40);
    assert_eq!(strategy.parameters.integer("fast"), 12);
    assert_eq!(strategy.symbols.len(), 2);
}

#[test]
fn errors_outside_the_files_name_their_source() {
    let overrides = [
        Override::of_variable("TICKWRIGHT__RISK__DAILYLOSS", "5").unwrap(),
        Override::of_variable("TICKWRIGHT_RISK_DAILY_LOSS", "5").unwrap(),
        Override::of_variable("TICKWRIGHT__STRATEGIES__B__CAPITAL", "5").unwrap(),
        Override::of_variable("TICKWRIGHT__STRATEGIES__A__KIND", "cross").unwrap(),
        Override::of_set("sim.seed=many").unwrap(),
    ];
    let lines = report(load_files("", &[("a.toml", STRATEGY)], &overrides));
    assert_eq!(
        lines,
        [
            "environment TICKWRIGHT_RISK_DAILY_LOSS: risk_daily_loss: unknown key",
            "    help: did you mean `risk.daily_loss`?",
            "environment TICKWRIGHT__RISK__DAILYLOSS: risk.dailyloss: unknown key",
            "    help: did you mean `risk.daily_loss`?",
            "environment TICKWRIGHT__STRATEGIES__A__KIND: kind: can only be set in the file",
            "environment TICKWRIGHT__STRATEGIES__B__CAPITAL: strategies.b.capital: no strategy has \
             the id \"b\"",
            "flag --set sim.seed=many: sim.seed: expected a whole number from 0, \
             found \"many\"",
        ]
    );
    assert_eq!(Override::of_variable("TICKWRIGHT_BLESS", "1"), None, "no setting's name");
    let error = Override::of_set("sim.seed").unwrap_err().to_string();
    assert!(error.contains("expected section.key=value"), "{error}");
}

#[test]
fn what_goes_with_a_stop_needs_the_stop() {
    #[track_caller]
    fn check(protection: &str, expected: Option<&str>) {
        let strategy = format!("{STRATEGY}[protection]\n{protection}\n");
        let loaded = load_files("", &[("a.toml", &strategy)], &[]);
        let problem = loaded.err().map(|errors| errors.to_string());
        match (&problem, expected) {
            (Some(problem), Some(words)) => assert!(problem.contains(words), "{problem}"),
            (found, expected) => assert_eq!(found.as_deref(), expected, "{protection}"),
        }
    }
    check("stop_loss_bps = 500\ntake_profit_bps = 500\nstop_limit_bps = 10", None);
    check("take_profit_bps = 500", Some("protection.take_profit_bps: nothing is protected"));
    check("stop_limit_bps = 10", Some("protection.stop_limit_bps: nothing is protected"));
}

#[test]
fn the_hash_depends_on_values_alone() {
    let hash = |engine: &str| load_files(engine, &[("a.toml", STRATEGY)], &[]).unwrap().hash;
    let default = hash("");
    assert_eq!(hash("# a comment\n[risk]\ndaily_loss = \"2000.00\"\n"), default);
    assert_eq!(hash("[sim]\nseed = 1\n"), default);
    assert_ne!(hash("[sim]\nseed = 2\n"), default);
    let other = STRATEGY.replace("slow = 26", "slow = 27");
    assert_ne!(load_files("", &[("a.toml", &other)], &[]).unwrap().hash, default);
    assert_eq!(default.to_string().len(), 64);
}

#[test]
fn every_key_reaches_its_type() {
    let engine = "mode = \"live\"\ninstance = \"desk\"\n[venue]\nendpoint = \"custom\"\n\
        rest_url = \"http://127.0.0.1:1/\"\nws_url = \"ws://127.0.0.1:2\"\n\
        ws_api_url = \"ws://127.0.0.1:3/ws-api/v3\"\napi_key_file = \"key\"\n\
        private_key_env = \"PEM\"\n[logs]\ndirectory = \"elsewhere\"\nterminal = \"off\"\n\
        [alerts]\nwebhook_url = \"https://hooks.example/token\"\n\
        [api]\nbind = \"0.0.0.0\"\nread_token_env = \"READ_TOKEN\"\n";
    let strategy = format!(
        "{STRATEGY}[risk]\nmax_order_notional = \"1\"\nmax_position_notional = \"2\"\n\
         max_open_orders = 3\nmax_orders_per_10s = 4\ndaily_loss = \"5\"\nmax_drawdown = \"6\"\n\
         [protection]\nstop_loss_bps = 500\nstop_limit_bps = 100\n"
    );
    let config = load_files(engine, &[("a.toml", &strategy)], &[]).unwrap();
    let urls = config.engine.venue.urls().unwrap();
    assert_eq!(urls.rest, "http://127.0.0.1:1");
    assert_eq!(urls.ws_api, "ws://127.0.0.1:3/ws-api/v3");
    assert_eq!(config.engine.log_directory(), std::path::Path::new("elsewhere"));
    assert!(!format!("{config:?}").contains("hooks.example"), "a webhook's address is a secret");
    let risk = config.strategies[0].risk;
    assert_eq!(risk.max_orders_per_10s, Some(4));
    assert_eq!(risk.max_drawdown, Some("6".parse().unwrap()));
    let protection = config.strategies[0].protection;
    assert_eq!((protection.stop_loss_bps, protection.stop_limit_bps), (Some(500), Some(100)));
    assert!(config.engine.api.has_read_token());
}

/// Files as a tired person leaves them: valid ones with words swapped, dropped, doubled and
/// replaced. Whatever comes, there is a configuration or there are errors at places that exist.
#[test]
fn no_file_breaks_the_checks() {
    let words = [
        "=",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        ",",
        ".",
        "\n",
        "#",
        "-1",
        "0",
        "1e999",
        "nan",
        "0x1f",
        "1979-05-27",
        "true",
        "[sim]",
        "[[sim.symbols]]",
        "symbol",
        "\"€\"",
        "\"\"",
        "speed",
        "mode",
        "\"0.000000001\"",
        "99999999999999999999",
        "risk.daily_loss",
        "\"max\"",
        "[parameters]",
    ];
    let engine = std::fs::read_to_string("config/engine.toml").unwrap();
    // Comments would take most of the hits.
    let engine: String = engine
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut random = rand_pcg::Pcg32::new(7, 11);
    let mut refused = 0;
    for _ in 0..400 {
        let engine = mutilate(&engine, &words, &mut random);
        let strategy = mutilate(STRATEGY, &words, &mut random);
        let Err(errors) = load_files(&engine, &[("a.toml", &strategy)], &[]) else { continue };
        refused += 1;
        for error in errors.as_slice() {
            if let tickwright::config::Place::File { file, line, column } = &error.place {
                let text = if file.ends_with("engine.toml") { &engine } else { &strategy };
                let found = text.split('\n').nth(line - 1);
                let width = found.map(|line| line.chars().count());
                assert!(width >= Some(column - 1), "{error}\n{text}");
            }
        }
    }
    assert!(refused > 300, "{refused} of 400 refused");
}

fn mutilate(text: &str, words: &[&str], random: &mut rand_pcg::Pcg32) -> String {
    use rand::Rng as _;
    let mut parts: Vec<&str> = text.split_inclusive([' ', '\n', '"', '=']).collect();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..parts.len());
        match random.random_range(0..4) {
            0 => parts[at] = words[random.random_range(0..words.len())],
            1 => drop(parts.remove(at)),
            2 => parts.insert(at, words[random.random_range(0..words.len())]),
            _ => {
                let other = random.random_range(0..parts.len());
                parts.swap(at, other);
            }
        }
    }
    parts.concat()
}
