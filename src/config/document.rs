//! docs/CONFIG.md, written from the key tables.

use std::fmt::Write as _;

use kernel::parameters::ParameterDefault;
use kernel::strategy::StrategyEntry;

use super::engine_keys::ENGINE_KEYS;
use super::key::{Key, Kind, Presence};
use super::strategy_keys::STRATEGY_KEYS;

const PREFACE: &str = "\
# Every setting

<!-- Written from the key tables in src/config and of the strategies. To change it, change a table
     and run TICKWRIGHT_BLESS=1 cargo test --test config_files -->

One file for the engine, `config/engine.toml`, and one for each strategy, `config/strategies/*.toml`.
A setting is taken from the last of these that makes it:

1. the default, below;
2. the file;
3. the environment: `TICKWRIGHT__RISK__DAILY_LOSS=500` for `risk.daily_loss`, and
   `TICKWRIGHT__STRATEGIES__<ID>__CAPITAL=2000` for a strategy's `capital`;
4. flags: `--set risk.daily_loss=500`, `--set strategies.<id>.capital=2000`.

Money, prices, quantities and fee rates are quoted decimals (`\"0.1\"`): a bare number would pass
through a binary float, and is an error. Durations are whole numbers with the unit last in the
key. A list in the environment is separated by commas. A key that is not on this page is an error.

`tickwright check` reports everything that is wrong with a configuration at once.
";

/// The page. `kinds` are the kinds of strategies to describe.
#[must_use]
pub fn to_markdown(kinds: &[StrategyEntry]) -> String {
    let mut page = String::from(PREFACE);
    page.push_str("\n## config/engine.toml\n");
    sections(&mut page, ENGINE_KEYS);
    page.push_str("\n## config/strategies/*.toml\n");
    sections(&mut page, STRATEGY_KEYS);
    for entry in kinds {
        let _ = writeln!(
            page,
            "\n### `[parameters]` of kind `{}`\n\n{}\n",
            entry.kind(),
            entry.summary
        );
        table_head(&mut page);
        for parameter in entry.parameters.keys {
            let default = match parameter.default {
                ParameterDefault::Required => "required".to_owned(),
                ParameterDefault::Unset => "unset".to_owned(),
                ParameterDefault::Value(text) => format!("`{text}`"),
            };
            row(
                &mut page,
                parameter.name,
                Key::of_parameter(parameter).kind,
                &default,
                parameter.doc,
            );
        }
    }
    page
}

fn sections(page: &mut String, keys: &[Key]) {
    let mut section = None;
    for key in keys {
        let (own, name) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        if section != Some(own) {
            section = Some(own);
            page.push_str(&match own {
                "" => "\n### Top of the file\n\n".to_owned(),
                own => format!("\n### `[{own}]`\n\n"),
            });
            table_head(page);
        }
        row(page, name, key.kind, &default_of(key.presence), key.doc);
    }
    for key in keys {
        if let Kind::Tables(inner) = key.kind {
            let _ = writeln!(page, "\n### `[[{}]]`\n", key.path);
            table_head(page);
            for key in inner {
                row(page, &key.path, key.kind, &default_of(key.presence), key.doc);
            }
        }
    }
}

fn default_of(presence: Presence) -> String {
    match presence {
        Presence::Required => "required".to_owned(),
        Presence::Optional => "unset".to_owned(),
        Presence::Default(text) if text.len() > 80 => "see config/engine.toml".to_owned(),
        Presence::Default(text) => format!("`{text}`"),
    }
}

fn table_head(page: &mut String) {
    page.push_str("| key | expected | default | meaning |\n|---|---|---|---|\n");
}

fn row(page: &mut String, name: &str, kind: Kind, default: &str, doc: &str) {
    let expected = kind.expected();
    let _ = writeln!(page, "| `{name}` | {expected} | {default} | {doc} |");
}
