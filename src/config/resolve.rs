//! From files, environment and flags to a checked configuration, or to all of its errors.

use std::collections::BTreeMap;
use std::path::Path;

use kernel::parameters::{ParameterError, ParameterSet, Parameters};
use kernel::strategy::StrategyEntry;
use toml::de::{DeTable, DeValue};

use super::consistency::{self, Purpose};
use super::decisive;
use super::diagnostic::{ConfigErrors, Diagnostic, Place};
use super::engine::EngineConfig;
use super::engine_keys::ENGINE_KEYS;
use super::hash::ConfigHash;
use super::key::{Key, Presence};
use super::layer::{Layer, Layers};
use super::overrides::Override;
use super::sources::{SourceFile, Sources};
use super::strategy::{MergedStrategy, StrategyConfig};
use super::strategy_keys::{STRATEGY_KEYS, strategy_keys};
use super::suggest::best;

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The engine's.
    pub engine: EngineConfig,
    /// Every strategy's, the disabled ones too, in the order of file names.
    pub strategies: Vec<StrategyConfig>,
    /// Changes when any setting changes.
    pub hash: ConfigHash,
    /// The settings that decide what is traded, by key.
    pub decisive: BTreeMap<String, String>,
    /// The settings that any effect of any machine depends on, by key.
    pub effective: BTreeMap<String, String>,
}

impl Config {
    /// The strategies to run.
    pub fn enabled(&self) -> impl Iterator<Item = &StrategyConfig> {
        self.strategies.iter().filter(|strategy| strategy.enabled)
    }
}

/// Reads and checks everything. `kinds` are the kinds of strategies that this program knows.
/// Flags among the `overrides` outrank variables; else later ones win.
///
/// # Errors
/// Every error of every source, at once.
pub fn load(
    sources: &Sources,
    overrides: &[Override],
    kinds: &[StrategyEntry],
) -> Result<Config, ConfigErrors> {
    resolve(sources, overrides, kinds, Purpose::Run, |_| Vec::new())
}

/// The same for a backtest, which needs no venue, no keys and no simulated market.
///
/// # Errors
/// Every error of every source, at once.
pub fn load_for_backtest(
    sources: &Sources,
    overrides: &[Override],
    kinds: &[StrategyEntry],
) -> Result<Config, ConfigErrors> {
    resolve(sources, overrides, kinds, Purpose::Backtest, |_| Vec::new())
}

/// The same as [`load`], and `inspect` looks at what the engine's settings name: it gives keys and
/// what is wrong with them.
///
/// # Errors
/// Every error of every source and of what they name, at once.
pub fn load_and_inspect(
    sources: &Sources,
    overrides: &[Override],
    kinds: &[StrategyEntry],
    inspect: impl FnOnce(&EngineConfig) -> Vec<(&'static str, String)>,
) -> Result<Config, ConfigErrors> {
    resolve(sources, overrides, kinds, Purpose::Run, inspect)
}

fn resolve(
    sources: &Sources,
    overrides: &[Override],
    kinds: &[StrategyEntry],
    purpose: Purpose,
    inspect: impl FnOnce(&EngineConfig) -> Vec<(&'static str, String)>,
) -> Result<Config, ConfigErrors> {
    let mut diagnostics = Vec::new();
    // One that can't be read hides nothing of the strategies' files.
    let engine_file = sources.engine().unwrap_or_else(|unreadable| {
        let file = SourceFile::empty(&unreadable);
        diagnostics.push(unreadable);
        file
    });
    let layers = engine_layers(&engine_file, overrides, &mut diagnostics);
    let broken: Vec<String> = diagnostics.iter().map(|found| found.key.clone()).collect();

    let files = sources.strategies(layers.text("strategies_dir"), &mut diagnostics);
    let mut strategies = Vec::new();
    for file in &files {
        strategies.push(resolve_strategy(file, overrides, kinds, &mut diagnostics));
    }
    refuse_unknown_strategies(&files, overrides, &mut diagnostics);

    let merged = layers.merge();
    let engine: EngineConfig =
        merged.clone().try_deserialize().expect("checked layers hold what the types expect");
    consistency::check(&engine, &layers, &strategies, &broken, purpose, &mut diagnostics);
    for (key, problem) in inspect(&engine) {
        diagnostics.push(Diagnostic::new(layers.place(key), key, problem));
    }
    ConfigErrors::unless_empty(diagnostics)?;

    let hash = ConfigHash::of(&merged, strategies.iter().map(|resolved| &resolved.merged));
    let settings_below = |keys| {
        let id = |found: &ResolvedStrategy| found.layers.text("id").map(str::to_owned);
        let by_id: Vec<(String, &config::Config)> =
            strategies.iter().filter_map(|found| Some((id(found)?, &found.merged))).collect();
        decisive::settings(keys, &merged, by_id.iter().map(|(id, own)| (id.as_str(), *own)))
    };
    let decisive = settings_below(decisive::DECISIONS);
    let effective = settings_below(decisive::EFFECTS);
    let strategies = strategies.into_iter().filter_map(|resolved| resolved.config).collect();
    Ok(Config { engine, strategies, hash, decisive, effective })
}

fn engine_layers(
    file: &SourceFile,
    overrides: &[Override],
    diagnostics: &mut Vec<Diagnostic>,
) -> Layers {
    let from_file = Layer::of_file(&file.path, &file.text, ENGINE_KEYS, diagnostics);
    let concerned = overrides.iter().filter(|setting| setting.strategy().is_none());
    let concerned = concerned.map(|setting| (setting, setting.path()));
    let [environment, flags] = override_layers(concerned, ENGINE_KEYS, diagnostics);
    let layers = Layers::new(vec![Layer::defaults(ENGINE_KEYS), from_file, environment, flags]);
    let mode = usual_mode(&layers);
    layers.with_default("mode", mode)
}

/// What is real when nobody says: never money.
fn usual_mode(layers: &Layers) -> &'static str {
    let is_binance = layers.text("venue.endpoint").is_some_and(|name| name.starts_with("binance-"));
    let has_key = consistency::API_KEYS.iter().any(|key| layers.is_set(key));
    if is_binance && !has_key { "paper" } else { "sim" }
}

fn override_layers<'o>(
    settings: impl Iterator<Item = (&'o Override, &'o str)>,
    keys: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> [Layer; 2] {
    let mut layers = [Layer::default(), Layer::default()];
    for (setting, path) in settings {
        let layer = &mut layers[usize::from(setting.is_flag())];
        layer.set(path, setting.text(), setting.place().clone(), keys, diagnostics);
    }
    layers
}

/// A strategy with what the checks across files need.
pub(super) struct ResolvedStrategy {
    /// Nothing when anything is wrong with it.
    pub config: Option<StrategyConfig>,
    pub layers: Layers,
    pub merged: config::Config,
    /// Keys with which something is wrong.
    broken: Vec<String>,
}

impl ResolvedStrategy {
    /// Whether it is to run, as far as anybody can tell.
    pub fn is_enabled(&self) -> bool {
        self.layers.is_on("enabled").unwrap_or(true)
    }

    /// Whether something is wrong within a section, or with the file.
    pub fn is_doubtful(&self, section: &str) -> bool {
        self.broken.iter().any(|key| key.is_empty() || key.starts_with(section))
    }
}

fn resolve_strategy(
    file: &SourceFile,
    overrides: &[Override],
    kinds: &[StrategyEntry],
    diagnostics: &mut Vec<Diagnostic>,
) -> ResolvedStrategy {
    let kind = text_in(file, "kind");
    let entry = kinds.iter().find(|entry| Some(entry.kind()) == kind.as_deref());
    let set = entry.map(|entry| entry.parameters);
    let keys = set.map_or_else(|| STRATEGY_KEYS.to_vec(), strategy_keys);

    let mut found = Vec::new();
    let from_file = Layer::of_file(&file.path, &file.text, &keys, &mut found);
    let id = text_in(file, "id").unwrap_or_default();
    let concerned = overrides.iter().filter(|setting| setting.concerns(&id));
    let concerned = concerned.filter_map(|setting| Some((setting, setting.strategy()?.1)));
    let [environment, flags] = override_layers(concerned, &keys, &mut found);
    let layers = Layers::new(vec![Layer::defaults(&keys), from_file, environment, flags]);

    refuse_own_keys(&layers, &mut found);
    if set.is_none() {
        // Without its table nothing can be said about a strategy's parameters.
        found.retain(|diagnostic| !diagnostic.key.starts_with("parameters"));
        found.extend(kind.map(|kind| unknown_kind(&layers, &kind, kinds)));
    }
    require(&file.path, &layers, &keys, &mut found);
    let merged = layers.merge();
    let parameters = match set {
        // What is wrong with one of them is told, and what they add up to is guesswork.
        Some(set)
            if !found.iter().any(|it| it.key.is_empty() || it.key.starts_with("parameters")) =>
        {
            let given = merged.get("parameters").unwrap_or_default();
            match parameters(set, &given) {
                Ok(parameters) => Some(parameters),
                Err(errors) => {
                    for error in errors {
                        let key = format!("parameters.{}", error.name);
                        let place = layers.place_or(&key, &file.path);
                        found.push(Diagnostic::new(place, key, error.problem));
                    }
                    None
                }
            }
        }
        Some(_) | None => None,
    };
    let broken: Vec<String> = found.iter().map(|diagnostic| diagnostic.key.clone()).collect();
    diagnostics.append(&mut found);
    let config = parameters.filter(|_| broken.is_empty()).map(|parameters| {
        let strategy: MergedStrategy =
            merged.clone().try_deserialize().expect("checked layers hold what the types expect");
        StrategyConfig {
            file: file.path.clone(),
            id: strategy.id,
            kind: strategy.kind,
            symbols: strategy.symbols,
            enabled: strategy.enabled,
            capital: strategy.capital,
            risk: strategy.risk,
            protection: strategy.protection,
            parameters,
        }
    });
    ResolvedStrategy { config, layers, merged, broken }
}

fn parameters(
    set: &ParameterSet,
    given: &BTreeMap<String, String>,
) -> Result<Parameters, Vec<ParameterError>> {
    let parameters = Parameters::new(set.keys, given)?;
    (set.check)(&parameters).map_err(|error| vec![error])?;
    Ok(parameters)
}

/// A text at the top of a file, before the file is checked.
fn text_in(file: &SourceFile, name: &str) -> Option<String> {
    let (table, _) = DeTable::parse_recoverable(&file.text);
    match table.get_ref().get(name)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

fn unknown_kind(layers: &Layers, kind: &str, kinds: &[StrategyEntry]) -> Diagnostic {
    let known: Vec<&str> = kinds.iter().map(StrategyEntry::kind).collect();
    let problem = format!("unknown strategy \"{kind}\"; known are {}", known.join(", "));
    let mut diagnostic = Diagnostic::new(layers.place("kind"), "kind", problem);
    diagnostic.help =
        best(kind, known.into_iter()).map(|close| format!("did you mean \"{close}\"?"));
    diagnostic
}

/// What a file is about can't be changed from outside.
fn refuse_own_keys(layers: &Layers, diagnostics: &mut Vec<Diagnostic>) {
    for key in ["id", "kind"] {
        let place = layers.place(key);
        match place {
            Place::Environment { .. } | Place::Flag { .. } => {
                diagnostics.push(Diagnostic::new(place, key, "can only be set in the file"));
            }
            Place::File { .. } | Place::Path { .. } | Place::Default => {}
        }
    }
}

/// Reports required keys that nobody set, except where something else is wrong with them or the
/// file is no TOML.
fn require(file: &Path, layers: &Layers, keys: &[Key], diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.iter().any(|found| found.key.is_empty()) {
        return;
    }
    let missing = keys.iter().filter(|key| key.presence == Presence::Required);
    let missing = missing.filter(|key| !layers.is_set(&key.path));
    let new: Vec<Diagnostic> = missing
        .filter(|key| !diagnostics.iter().any(|found| found.key.starts_with(key.path.as_ref())))
        .map(|key| {
            let place = Place::Path { file: file.to_owned() };
            let problem = format!("missing; expected {}", key.kind.expected());
            Diagnostic::new(place, key.path.as_ref(), problem).help(key.doc)
        })
        .collect();
    diagnostics.extend(new);
}

fn refuse_unknown_strategies(
    files: &[SourceFile],
    overrides: &[Override],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let ids: Vec<String> = files.iter().filter_map(|file| text_in(file, "id")).collect();
    for setting in overrides {
        let Some((named, _)) = setting.strategy() else { continue };
        if !ids.iter().any(|id| setting.concerns(id)) {
            let problem = format!("no strategy has the id \"{named}\"");
            let mut diagnostic = Diagnostic::new(setting.place().clone(), setting.path(), problem);
            diagnostic.help = best(named, ids.iter().map(String::as_str))
                .map(|close| format!("did you mean `{close}`?"));
            diagnostics.push(diagnostic);
        }
    }
}
