//! `tickwright check`.

use kernel::strategy::StrategyEntry;
use serde_json::json;

use crate::cli::{CheckArgs, Exit, Failure};
use crate::config::{Config, ConfigErrors, EngineConfig};
use crate::wiring::configured_credentials;

/// Checks the configuration, and the files of keys where there are any.
///
/// # Errors
/// Every configuration error.
pub fn execute(arguments: &CheckArgs, kinds: &[StrategyEntry]) -> Result<Exit, Failure> {
    let file = arguments.config.file().display().to_string();
    match check(arguments, kinds) {
        Ok(config) if arguments.json => println!("{}", accepted(&file, &config)),
        Ok(config) => print!("{}", describe(&file, &config)),
        Err(errors) if arguments.json => {
            println!("{}", json!({"ok": false, "file": file, "errors": errors}));
            return Ok(Exit::Usage);
        }
        Err(errors) => return Err(errors.into()),
    }
    Ok(Exit::Ok)
}

fn check(arguments: &CheckArgs, kinds: &[StrategyEntry]) -> Result<Config, ConfigErrors> {
    arguments.config.load_and_inspect(kinds, secrets)
}

/// What is wrong with the keys and tokens that the settings name.
fn secrets(engine: &EngineConfig) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> =
        engine.secret_errors().into_iter().map(|(key, error)| (key, error.to_string())).collect();
    // Only keys that are there can be looked into.
    if found.is_empty()
        && let Err(failure) = configured_credentials(&engine.venue)
    {
        found.push((engine.venue.signing_key(), failure.to_string()));
    }
    found
}

fn accepted(file: &str, config: &Config) -> serde_json::Value {
    let strategies: Vec<serde_json::Value> = config
        .strategies
        .iter()
        .map(|strategy| {
            json!({
                "id": strategy.id,
                "kind": strategy.kind,
                "symbols": strategy.symbols,
                "enabled": strategy.enabled,
                "capital": strategy.capital,
            })
        })
        .collect();
    json!({
        "ok": true,
        "file": file,
        "mode": config.engine.mode.as_str(),
        "hash": config.hash.to_string(),
        "strategies": strategies,
    })
}

fn describe(file: &str, config: &Config) -> String {
    let mut lines = format!("{file}: fine; mode {}\n", config.engine.mode.as_str());
    for strategy in &config.strategies {
        let symbols: Vec<&str> = strategy.symbols.iter().map(model::Symbol::as_str).collect();
        lines.push_str(&format!(
            "{}: {} on {} with {} {}{}\n",
            strategy.file.display(),
            strategy.id,
            symbols.join(", "),
            strategy.capital,
            config.engine.risk.currency,
            if strategy.enabled { "" } else { " (disabled)" },
        ));
    }
    if config.enabled().next().is_none() {
        lines.push_str("no strategy is enabled: the engine would only watch\n");
    }
    lines
}
