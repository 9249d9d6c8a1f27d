//! `tickwright check`.

use kernel::strategy::StrategyEntry;
use serde_json::json;

use crate::cli::{CheckArgs, Exit, Failure};
use crate::config::{Config, ConfigErrors, Diagnostic, Place};

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
    let config = arguments.config.load(Vec::new(), kinds)?;
    if config.engine.venue.has_credentials() {
        config.engine.venue.credentials().map_err(|error| {
            let place = Place::Path { file: arguments.config.file().to_owned() };
            Diagnostic::new(place, "venue", error.to_string())
        })?;
    }
    Ok(config)
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
