//! One layer of settings, from one source, checked: defaults, a file, the environment or flags.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Problem, check_text, check_toml, default};
use super::diagnostic::{Diagnostic, Place};
use super::key::{Key, Presence};
use super::suggest::best;

/// Checked settings by path, each with its place.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    settings: BTreeMap<String, (ValueKind, Place)>,
}

impl Layer {
    /// The defaults of a key table.
    #[must_use]
    pub fn defaults<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Self {
        let mut layer = Self::default();
        for key in keys {
            match key.presence {
                Presence::Default(text) => {
                    let value = default(key.kind, text);
                    layer.settings.insert(key.path.to_string(), (value, Place::Default));
                }
                Presence::Required | Presence::Optional => {}
            }
        }
        layer
    }

    /// The settings of a TOML text. What is wrong goes to `diagnostics`, all of it.
    pub fn of_file(
        file: &Path,
        text: &str,
        keys: &[Key],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let written = text.lines().filter(|line| !line.trim().is_empty()).count();
        if errors.len() > MOST_SLIPS && errors.len() * 2 >= written {
            let place = Place::Path { file: file.to_owned() };
            let problem = format!("this is not TOML: {} errors in {written} lines", errors.len());
            let help = "settings are TOML files; market data go to --data";
            diagnostics.push(Diagnostic::new(place, "", problem).help(help));
            return Self::default();
        }
        let mut broken_lines = Vec::new();
        for error in errors {
            let place = Place::in_file(file, text, error.span().map_or(0, |span| span.start));
            broken_lines.push(line_of(&place));
            diagnostics.push(Diagnostic::new(place, "", said(&error, text)));
        }
        let mut walk = Walk { file, text, keys, layer: Self::default(), found: Vec::new() };
        walk.table("", table.get_ref());
        // What a parser makes of a broken line is guesswork, and so are complaints about it.
        let sound = |found: &Diagnostic| !broken_lines.contains(&line_of(&found.place));
        diagnostics.extend(walk.found.into_iter().filter(sound));
        walk.layer
    }

    /// Adds a setting made by a text, from the environment or a flag.
    pub fn set(
        &mut self,
        path: &str,
        text: &str,
        place: Place,
        keys: &[Key],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some(key) = keys.iter().find(|key| key.path == path) else {
            let mut unknown = Diagnostic::new(place, path, "unknown key");
            unknown.help = suggest_path(path, keys);
            diagnostics.push(unknown);
            return;
        };
        match check_text(key.kind, text) {
            Ok(value) => {
                self.settings.insert(path.to_owned(), (value, place));
            }
            Err(problem) => diagnostics.push(Diagnostic {
                place,
                key: format!("{path}{}", problem.below),
                problem: problem.problem,
                help: problem.help,
            }),
        }
    }

    /// Where the setting at `path` was made, if it was.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<&Place> {
        self.settings.get(path).map(|(_, place)| place)
    }

    /// The texts of the list at `path`, if there is one.
    fn texts(&self, path: &str) -> Option<Vec<&str>> {
        let Some((ValueKind::Array(items), _)) = self.settings.get(path) else { return None };
        let texts = items.iter().filter_map(|item| {
            if let ValueKind::String(text) = &item.kind { Some(text.as_str()) } else { None }
        });
        Some(texts.collect())
    }

    /// Whether the setting at `path` is on, if it is made.
    fn is_on(&self, path: &str) -> Option<bool> {
        match self.settings.get(path) {
            Some((ValueKind::Boolean(is_on), _)) => Some(*is_on),
            Some(_) | None => None,
        }
    }

    /// The text at `path`, if it is one.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.settings.get(path) {
            Some((ValueKind::String(text), _)) => Some(text),
            Some(_) | None => None,
        }
    }
}

/// What a parser says of a text, with the key where it means one that is there already.
fn said(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    let key = error.span().and_then(|span| text.get(span)).filter(|key| !key.trim().is_empty());
    match key {
        Some(key) if message == "duplicate key" => format!("no TOML: {message} `{key}`"),
        Some(_) | None => format!("no TOML: {message}"),
    }
}

/// The `config` crate puts the layers on top of each other.
impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        let value =
            |(kind, place): &(ValueKind, Place)| Value::new(Some(&place.to_string()), kind.clone());
        Ok(self.settings.iter().map(|(path, setting)| (path.clone(), value(setting))).collect())
    }
}

/// With more errors than this, in half of its lines, a file was never meant to be TOML.
const MOST_SLIPS: usize = 10;

fn line_of(place: &Place) -> usize {
    match place {
        Place::File { line, .. } => *line,
        Place::Path { .. } | Place::Environment { .. } | Place::Flag { .. } | Place::Default => 0,
    }
}

/// The walk over one file.
struct Walk<'a> {
    file: &'a Path,
    text: &'a str,
    keys: &'a [Key],
    layer: Layer,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let path = match prefix {
                "" => name.get_ref().to_string(),
                prefix => format!("{prefix}.{}", name.get_ref()),
            };
            let section = format!("{path}.");
            if let Some(key) = self.keys.iter().find(|key| key.path == path) {
                self.setting(key, value);
            } else if self.keys.iter().any(|key| key.path.starts_with(&section)) {
                self.section(&path, value);
            } else {
                let mut unknown = self.at(name.span().start, &path, "unknown key");
                unknown.help = suggest_path(&path, self.keys);
                self.found.push(unknown);
            }
        }
    }

    fn section(&mut self, path: &str, value: &Spanned<DeValue<'_>>) {
        if let DeValue::Table(inner) = value.get_ref() {
            self.table(path, inner);
        } else {
            let found = self.at(value.span().start, path, "expected a section, found a value");
            self.found.push(found.help(format!("[{path}]")));
        }
    }

    fn setting(&mut self, key: &Key, value: &Spanned<DeValue<'_>>) {
        let place = Place::in_file(self.file, self.text, value.span().start);
        match check_toml(key.kind, value) {
            Ok(kind) => {
                self.layer.settings.insert(key.path.to_string(), (kind, place));
            }
            Err(problems) => {
                for Problem { span, below, problem, help } in problems {
                    let offset = span.unwrap_or(value.span()).start;
                    let mut found = self.at(offset, &format!("{}{below}", key.path), &problem);
                    found.help = help;
                    self.found.push(found);
                }
            }
        }
    }

    fn at(&self, offset: usize, path: &str, problem: &str) -> Diagnostic {
        Diagnostic::new(Place::in_file(self.file, self.text, offset), path, problem)
    }
}

/// The path that was probably meant: the same with dots, the same name in another section, or a
/// similar path.
fn suggest_path(path: &str, keys: &[Key]) -> Option<String> {
    if let Some(dotted) = keys.iter().find(|key| key.path.replace('.', "_") == path) {
        return Some(format!("did you mean `{}`?", dotted.path));
    }
    let name = path.rsplit('.').next().unwrap_or(path);
    let prefix = &path[..path.len() - name.len()];
    let same_section = keys
        .iter()
        .filter_map(|key| key.path.strip_prefix(prefix))
        .filter_map(|rest| rest.split('.').next());
    let meant = match best(name, same_section) {
        Some(close) => format!("{prefix}{close}"),
        None => {
            let same_name = keys.iter().find(|key| key.path.rsplit('.').next() == Some(name));
            let similar = || best(path, keys.iter().map(|key| key.path.as_ref()));
            same_name.map(|key| key.path.as_ref()).or_else(similar)?.to_owned()
        }
    };
    Some(format!("did you mean `{meant}`?"))
}

/// Layers on top of each other, the last one wins.
#[derive(Debug, Default)]
pub struct Layers {
    layers: Vec<Layer>,
}

impl Layers {
    /// From the lowest to the highest.
    #[must_use]
    pub fn new(layers: Vec<Layer>) -> Self {
        Self { layers }
    }

    /// With a default that depends on the other settings.
    #[must_use]
    pub fn with_default(mut self, path: &str, text: &str) -> Self {
        let setting = (ValueKind::String(text.to_owned()), Place::Default);
        let settings = BTreeMap::from([(path.to_owned(), setting)]);
        self.layers.insert(0, Layer { settings });
        self
    }

    /// Where the setting at `path` that counts was made; the default's place if nowhere.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        let found = self.layers.iter().rev().find_map(|layer| layer.place(path));
        found.cloned().unwrap_or(Place::Default)
    }

    /// The same, but `file` when the setting is not made.
    #[must_use]
    pub fn place_or(&self, path: &str, file: &Path) -> Place {
        if self.is_set(path) { self.place(path) } else { Place::Path { file: file.to_owned() } }
    }

    /// The text at `path` that counts, if it is one.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.layers.iter().rev().find_map(|layer| layer.text(path))
    }

    /// The texts of the list at `path` that counts; none if nobody makes it.
    #[must_use]
    pub fn texts(&self, path: &str) -> Vec<&str> {
        self.layers.iter().rev().find_map(|layer| layer.texts(path)).unwrap_or_default()
    }

    /// Whether the setting at `path` that counts is on, if it is made.
    #[must_use]
    pub fn is_on(&self, path: &str) -> Option<bool> {
        self.layers.iter().rev().find_map(|layer| layer.is_on(path))
    }

    /// Whether any layer makes the setting.
    #[must_use]
    pub fn is_set(&self, path: &str) -> bool {
        self.layers.iter().any(|layer| layer.place(path).is_some())
    }

    /// Everything as one tree.
    #[must_use]
    pub fn merge(&self) -> config::Config {
        let builder = self.layers.iter().cloned().fold(
            config::Config::builder(),
            config::ConfigBuilder::<config::builder::DefaultState>::add_source,
        );
        builder.build().expect("a checked layer is collected without I/O and has plain paths")
    }
}
