//! What single settings can't say: which of them go together.

use std::collections::BTreeMap;

use model::Amount;

use super::diagnostic::{Diagnostic, Place};
use super::engine::{Balance, Endpoint, EngineConfig, Mode, VenueFormat};
use super::engine_keys::ENGINE_KEYS;
use super::layer::Layers;
use super::resolve::ResolvedStrategy;
use super::suggest::best;

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The engine at a venue.
    Run,
    /// History, without a venue.
    Backtest,
}

/// Checks everything that goes together. Where a key is `broken`, its default stands in for it, and
/// nothing is said that depends on it.
pub(super) fn check(
    engine: &EngineConfig,
    layers: &Layers,
    strategies: &[ResolvedStrategy],
    broken: &[String],
    purpose: Purpose,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let doubt = Doubt { broken, layers };
    let mut found = Vec::new();
    check_engine(engine, &doubt, &mut found);
    if purpose == Purpose::Backtest {
        found.retain(|diagnostic| section_of(&diagnostic.key) != "venue");
    }
    check_ids(strategies, &mut found);
    strategies.iter().for_each(|strategy| check_protection(strategy, &mut found));
    let is_of_sim = purpose == Purpose::Run && engine.venue.endpoint == Endpoint::Sim;
    if is_of_sim && !doubt.concerns(&[MODE, ENDPOINT, "sim.symbols"]) {
        check_simulated_symbols(engine, strategies, &mut found);
    }
    let money = "risk.currency";
    let balances = match engine.mode {
        Mode::Sim if is_of_sim => Some(("sim.initial_balances", &engine.sim.initial_balances)),
        Mode::Paper => Some(("paper.initial_balances", &engine.paper.initial_balances)),
        Mode::Sim | Mode::Live => None,
    };
    if let Some((key, balances)) = balances
        && !doubt.concerns(&[MODE, ENDPOINT, key, money])
    {
        check_allocation(engine, strategies, key, balances, &mut found);
    }
    diagnostics.append(&mut found);
}

const MODE: &str = "mode";
const ENDPOINT: &str = "venue.endpoint";

/// Which settings are not what their author meant.
struct Doubt<'a> {
    broken: &'a [String],
    layers: &'a Layers,
}

impl Doubt<'_> {
    /// Whether any of these keys is broken, or may be what a misspelt one was to be.
    fn concerns(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| {
            self.broken.iter().any(|broken| {
                let is_same = broken
                    .strip_prefix(key)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
                let is_misspelt = section_of(broken) == section_of(key)
                    && !ENGINE_KEYS.iter().any(|known| known.path == *broken)
                    && self.layers.place(key) == Place::Default;
                broken.is_empty() || is_same || is_misspelt
            })
        })
    }
}

fn section_of(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// The engine's settings among each other.
fn check_engine(engine: &EngineConfig, doubt: &Doubt<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let layers = doubt.layers;
    let mut report = |concerned: &[&str], key: &str, problem: String, help: Option<String>| {
        if doubt.concerns(concerned) || doubt.concerns(&[key]) {
            return;
        }
        diagnostics.push(Diagnostic {
            place: layers.place(key),
            key: key.to_owned(),
            problem,
            help,
        });
    };
    check_endpoint(engine, layers, &mut report);
    check_keys(engine, layers, &mut report);
    check_orders(engine, &mut report);
    if !engine.api.bind.is_loopback() && !engine.api.has_read_token() {
        let problem = "without a read token the API may only listen on loopback".to_owned();
        report(
            &READ_TOKENS,
            "api.bind",
            problem,
            Some("set api.read_token_file, or bind = \"127.0.0.1\" and a tunnel".to_owned()),
        );
    }
    if engine.api.read_token_file.is_some() && engine.api.read_token_env.is_some() {
        let problem = "set only one of api.read_token_file, api.read_token_env".to_owned();
        report(&READ_TOKENS, "api.read_token_env", problem, None);
    }
    check_balances("sim.initial_balances", &engine.sim.initial_balances, &mut report);
    check_balances("paper.initial_balances", &engine.paper.initial_balances, &mut report);
    check_balances("backtest.balances", &engine.backtest.balances, &mut report);
    for (index, symbol) in engine.sim.symbols.iter().enumerate() {
        if engine.sim.symbols[..index].iter().any(|earlier| earlier.symbol == symbol.symbol) {
            report(&[], "sim.symbols", format!("{} stands there twice", symbol.symbol), None);
        }
    }
}

const READ_TOKENS: [&str; 2] = ["api.read_token_file", "api.read_token_env"];

/// No asset stands there twice.
fn check_balances(key: &str, balances: &[Balance], report: &mut Report<'_>) {
    for (index, balance) in balances.iter().enumerate() {
        if balances[..index].iter().any(|other| other.asset == balance.asset) {
            report(&[], key, format!("{} stands there twice", balance.asset), None);
        }
    }
}

/// Takes the keys that a complaint depends on besides its own, that, the problem and a hint.
type Report<'r> = dyn FnMut(&[&str], &str, String, Option<String>) + 'r;

fn check_endpoint(engine: &EngineConfig, layers: &Layers, report: &mut Report<'_>) {
    let problem = match (engine.mode, engine.venue.endpoint) {
        (Mode::Sim, Endpoint::Sim | Endpoint::Custom)
        | (Mode::Live, Endpoint::BinanceLive | Endpoint::BinanceTestnet | Endpoint::BinanceDemo)
        | (
            Mode::Paper,
            Endpoint::BinanceLive
            | Endpoint::BinanceTestnet
            | Endpoint::BinanceDemo
            | Endpoint::Custom,
        )
        | (Mode::Live, Endpoint::Custom) => None,
        (Mode::Sim, Endpoint::BinanceLive | Endpoint::BinanceTestnet | Endpoint::BinanceDemo) => {
            Some("mode `sim` trades on a simulated exchange: expected \"sim\" or \"custom\"")
        }
        (Mode::Paper, Endpoint::Sim) => {
            Some("mode `paper` follows prices from outside: expected another than \"sim\"")
        }
        (Mode::Live, Endpoint::Sim) => {
            Some("mode `live` trades at a real venue: expected another than \"sim\"")
        }
    };
    if let Some(problem) = problem {
        report(&[MODE], ENDPOINT, problem.to_owned(), Some("or set `mode`".to_owned()));
    }
    if engine.venue.format == VenueFormat::Sbe {
        let problem = "`sbe` is not there yet: this build reads and writes `json` only";
        report(&[], "venue.format", problem.to_owned(), None);
    }
    for key in ["venue.rest_url", "venue.ws_url", "venue.ws_api_url"] {
        match (engine.venue.endpoint, layers.is_set(key)) {
            (Endpoint::Custom, false) => {
                report(
                    &[ENDPOINT],
                    key,
                    "missing: endpoint `custom` needs all three URLs".to_owned(),
                    None,
                );
            }
            (
                Endpoint::Sim
                | Endpoint::BinanceLive
                | Endpoint::BinanceTestnet
                | Endpoint::BinanceDemo,
                true,
            ) => {
                let help = "venue.endpoint = \"custom\", or remove it".to_owned();
                report(&[ENDPOINT], key, "has no effect with this endpoint".to_owned(), Some(help));
            }
            (Endpoint::Custom, true)
            | (
                Endpoint::Sim
                | Endpoint::BinanceLive
                | Endpoint::BinanceTestnet
                | Endpoint::BinanceDemo,
                false,
            ) => {}
        }
    }
}

pub(super) const API_KEYS: [&str; 2] = ["venue.api_key_file", "venue.api_key_env"];
const SIGNING_KEYS: [&str; 4] =
    ["venue.secret_file", "venue.secret_env", "venue.private_key_file", "venue.private_key_env"];

/// Orders are signed unless they stay in this process.
fn check_keys(engine: &EngineConfig, layers: &Layers, report: &mut Report<'_>) {
    let needed = match (engine.mode, engine.venue.endpoint) {
        (Mode::Live, _) | (Mode::Sim, Endpoint::Custom) => true,
        (
            Mode::Sim | Mode::Paper,
            Endpoint::Sim
            | Endpoint::BinanceLive
            | Endpoint::BinanceTestnet
            | Endpoint::BinanceDemo
            | Endpoint::Custom,
        ) => false,
    };
    for group in [&API_KEYS[..], &SIGNING_KEYS[..]] {
        let set: Vec<&&str> = group.iter().filter(|key| layers.is_set(key)).collect();
        match set[..] {
            [] if needed => report(
                &[&[MODE, ENDPOINT], group].concat(),
                group[0],
                format!("missing: orders must be signed; set one of {}", group.join(", ")),
                None,
            ),
            [] | [_] => {}
            [_, second, ..] => {
                report(&[], second, format!("set only one of {}", group.join(", ")), None);
            }
        }
    }
}

/// Pairs of which the first must not exceed the second.
fn check_orders(engine: &EngineConfig, report: &mut Report<'_>) {
    let mut at_most = |low: &str, high: &str, holds: bool| {
        if !holds {
            report(&[high], low, format!("must not exceed {high}"), None);
        }
    };
    let (feed, supervision, risk) = (&engine.feed, &engine.supervision, &engine.risk);
    at_most(
        "feed.reconnect_initial_ms",
        "feed.reconnect_max_ms",
        feed.reconnect_initial <= feed.reconnect_max,
    );
    at_most(
        "venue.probe_every_ms",
        "venue.silent_after_ms",
        engine.venue.probe_every <= engine.venue.silent_after,
    );
    at_most(
        "paper.latency_min_ms",
        "paper.latency_max_ms",
        engine.paper.latency_min <= engine.paper.latency_max,
    );
    at_most(
        "backtest.latency_min_ms",
        "backtest.latency_max_ms",
        engine.backtest.latency_min <= engine.backtest.latency_max,
    );
    at_most(
        "supervision.restart_initial_ms",
        "supervision.restart_max_ms",
        supervision.restart_initial <= supervision.restart_max,
    );
    at_most(
        "risk.max_order_notional",
        "risk.max_position_notional",
        risk.max_order_notional <= risk.max_position_notional,
    );
    at_most(
        "risk.max_position_notional",
        "risk.max_total_notional",
        risk.max_position_notional <= risk.max_total_notional,
    );
}

/// What rests beside a stop, or is how it rests, is nothing without the stop.
fn check_protection(strategy: &ResolvedStrategy, diagnostics: &mut Vec<Diagnostic>) {
    let layers = &strategy.layers;
    if strategy.is_doubtful("protection") || layers.is_set("protection.stop_loss_bps") {
        return;
    }
    for key in ["protection.stop_limit_bps", "protection.take_profit_bps"] {
        if layers.is_set(key) {
            let problem = "nothing is protected without `protection.stop_loss_bps`".to_owned();
            let diagnostic = Diagnostic::new(layers.place(key), key, problem);
            diagnostics.push(diagnostic.help("say how far below its cost a position is given up"));
        }
    }
}

/// Every strategy has an id of its own.
fn check_ids(strategies: &[ResolvedStrategy], diagnostics: &mut Vec<Diagnostic>) {
    let mut first_with: BTreeMap<&str, &Place> = BTreeMap::new();
    let places: Vec<Place> =
        strategies.iter().map(|strategy| strategy.layers.place("id")).collect();
    for (strategy, place) in strategies.iter().zip(&places) {
        let Some(id) = strategy.layers.text("id") else { continue };
        match first_with.get(id) {
            Some(first) => diagnostics.push(
                Diagnostic::new(place.clone(), "id", format!("\"{id}\" is taken by {first}"))
                    .help("ids are unique and kept for good: orders and lots are filed under them"),
            ),
            None => {
                first_with.insert(id, place);
            }
        }
    }
}

/// The built-in exchange has only the symbols that it is given.
fn check_simulated_symbols(
    engine: &EngineConfig,
    strategies: &[ResolvedStrategy],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let known: Vec<&str> = engine.sim.symbols.iter().map(|symbol| symbol.symbol.as_str()).collect();
    for strategy in strategies.iter().filter(|strategy| strategy.is_enabled()) {
        for symbol in strategy.layers.texts("symbols") {
            if !known.contains(&symbol) {
                let problem = format!("{symbol} is not among sim.symbols: {}", known.join(", "));
                let mut unknown =
                    Diagnostic::new(strategy.layers.place("symbols"), "symbols", problem);
                unknown.help = best(symbol, known.iter().copied())
                    .map(|close| format!("did you mean \"{close}\"?"));
                diagnostics.push(unknown);
            }
        }
    }
}

/// The strategies' capital is there.
fn check_allocation(
    engine: &EngineConfig,
    strategies: &[ResolvedStrategy],
    key: &str,
    balances: &[Balance],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let balances = balances.iter();
    let balance = balances.filter(|balance| balance.asset == engine.risk.currency);
    let available: Amount = balance.map(|balance| balance.amount).sum();
    let mut allocated = Amount::ZERO;
    for strategy in strategies.iter().filter(|strategy| strategy.is_enabled()) {
        let Some(capital) = strategy.layers.text("capital") else { continue };
        let capital: Amount = capital.parse().expect("a checked layer holds an amount");
        // A sum past 28 digits exceeds any balance.
        let total = allocated.checked_add(capital).ok();
        if total.is_none_or(|total| total > available) {
            let problem = format!(
                "with the strategies before it this allocates more than the {available} {} of \
                 {key}",
                engine.risk.currency,
            );
            diagnostics.push(Diagnostic::new(strategy.layers.place("capital"), "capital", problem));
            return;
        }
        allocated = total.unwrap_or(allocated);
    }
}
