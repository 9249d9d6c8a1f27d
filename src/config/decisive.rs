//! Settings by key, of which something depends: what strategies and the gate decide, or every effect
//! of every machine. Two runs that differ in none of them do alike. Where files are, how much is
//! logged and who is told is never among them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Of the engine's settings, those below these keys decide what is traded.
pub(super) const DECISIONS: &[&str] = &["mode", "risk", "supervision.effects_per_step"];

/// Below these keys, on what any machine does: also on how feed and session keep up their
/// connections, and on paper's matching. It is what `wiring` builds machines from.
pub(super) const EFFECTS: &[&str] = &[
    "mode",
    "risk",
    "supervision.effects_per_step",
    "feed",
    "paper",
    "venue.recv_window_ms",
    "venue.fence_margin_ms",
    "venue.answer_timeout_ms",
    "venue.probe_every_ms",
    "venue.silent_after_ms",
    "venue.reconcile_every_ms",
    "venue.self_trade_prevention",
];

/// Of the engine's merged settings those below some keys, and all of the strategies', these by
/// their ids.
pub(super) fn settings<'c>(
    below: &[&str],
    engine: &config::Config,
    strategies: impl Iterator<Item = (&'c str, &'c config::Config)>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    flatten("", &tree(engine), &mut found);
    let is_below = |key: &str, section: &str| {
        key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    found.retain(|key, _| below.iter().any(|section| is_below(key, section)));
    for (id, strategy) in strategies {
        flatten(&format!("strategies.{id}"), &tree(strategy), &mut found);
    }
    found
}

fn tree(settings: &config::Config) -> Value {
    settings.clone().try_deserialize().expect("settings are texts, numbers, lists and tables")
}

fn flatten(prefix: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, found);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            found.insert(prefix.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            found.insert(prefix.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> config::Config {
        let source = config::File::from_str(text, config::FileFormat::Toml);
        config::Config::builder().add_source(source).build().unwrap()
    }

    #[test]
    fn only_what_decides_is_among_them() {
        let engine = parsed(
            "mode = \"sim\"\nstate_dir = \"a\"\n[risk]\ndaily_loss = \"300\"\n\
             [supervision]\neffects_per_step = 100\nspin_strikes = 3\n[logs]\nterminal = \"off\"\n\
             [feed]\nbooks = true\n[venue]\nrecv_window_ms = 9\napi_key_file = \"key\"\n",
        );
        let strategy = parsed("symbols = [\"BTCUSDT\"]\n[parameters]\nfast = \"3\"\n");
        #[track_caller]
        fn check(
            below: &[&str],
            engine: &config::Config,
            strategy: &config::Config,
            expected: &[(&str, &str)],
        ) {
            let found = settings(below, engine, [("ema", strategy)].into_iter());
            let found: Vec<(&str, &str)> =
                found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(found, expected);
        }
        let decisive = [
            ("mode", "sim"),
            ("risk.daily_loss", "300"),
            ("strategies.ema.parameters.fast", "3"),
            ("strategies.ema.symbols", "[\"BTCUSDT\"]"),
            ("supervision.effects_per_step", "100"),
        ];
        check(DECISIONS, &engine, &strategy, &decisive);
        let mut effective = decisive.to_vec();
        effective.extend([("feed.books", "true"), ("venue.recv_window_ms", "9")]);
        effective.sort_unstable();
        check(EFFECTS, &engine, &strategy, &effective);
    }
}
