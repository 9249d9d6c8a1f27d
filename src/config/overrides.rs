//! Settings from the environment and from flags, sorted by what they concern.

use super::diagnostic::{Diagnostic, Place};
use super::engine_keys::ENGINE_KEYS;
use super::key::Key;

/// Variables that start with this are settings: `TICKWRIGHT__RISK__DAILY_LOSS=500`.
pub const PREFIX: &str = "TICKWRIGHT__";

/// A setting made outside the files. Later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `section.key`, or `strategies.<id>.section.key`.
    path: String,
    /// The value as a text.
    text: String,
    /// The variable or the flag.
    place: Place,
}

impl Override {
    /// From a variable, if its name has the prefix, or would be a setting's if its single
    /// underscores were double: that one is no setting, and the error says which was meant.
    #[must_use]
    pub fn of_variable(variable: &str, text: &str) -> Option<Self> {
        let path = match variable.strip_prefix(PREFIX) {
            Some(name) => name.to_ascii_lowercase().replace("__", "."),
            None => meant(variable)?,
        };
        let place = Place::Environment { variable: variable.to_owned() };
        Some(Self { path, text: text.to_owned(), place })
    }

    /// From a flag of its own, such as `--seed 7`, shown as `flag` in errors.
    #[must_use]
    pub fn of_flag(flag: &str, path: &str, text: impl Into<String>) -> Self {
        let place = Place::Flag { flag: flag.to_owned() };
        Self { path: path.to_owned(), text: text.into(), place }
    }

    /// From `--set path=value`.
    ///
    /// # Errors
    /// When there is no `=`.
    pub fn of_set(argument: &str) -> Result<Self, Diagnostic> {
        let flag = format!("--set {argument}");
        match argument.split_once('=') {
            Some((path, text)) => Ok(Self::of_flag(&flag, path.trim(), text.trim())),
            None => Err(Diagnostic::new(Place::Flag { flag }, "", "expected section.key=value")
                .help("for example --set risk.daily_loss=500")),
        }
    }

    /// Every setting of this process's environment, in the order of names.
    #[must_use]
    pub fn of_environment() -> Vec<Self> {
        let mut variables: Vec<(String, String)> = std::env::vars_os()
            .map(|(name, text)| {
                (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned())
            })
            .collect();
        variables.sort();
        variables.iter().filter_map(|(name, text)| Self::of_variable(name, text)).collect()
    }

    /// From every argument of `--set`, and what is wrong with those that are no settings.
    #[must_use]
    pub fn of_sets<S: AsRef<str>>(
        arguments: impl IntoIterator<Item = S>,
    ) -> (Vec<Self>, Vec<Diagnostic>) {
        let (mut settings, mut diagnostics) = (Vec::new(), Vec::new());
        for argument in arguments {
            match Self::of_set(argument.as_ref()) {
                Ok(setting) => settings.push(setting),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        (settings, diagnostics)
    }

    /// The strategy that the setting concerns and the key in its file; `None` for the engine's.
    #[must_use]
    pub fn strategy(&self) -> Option<(&str, &str)> {
        self.path.strip_prefix("strategies.")?.split_once('.')
    }

    /// Whether the setting concerns the strategy `id`. A variable's name can't hold a dash.
    #[must_use]
    pub fn concerns(&self, id: &str) -> bool {
        self.strategy().is_some_and(|(named, _)| named.replace('-', "_") == id.replace('-', "_"))
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it was made.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it comes from a flag, which outranks the environment.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        matches!(self.place, Place::Flag { .. })
    }
}

/// The name of a variable that lacks underscores, if a setting has it otherwise.
fn meant(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX.strip_suffix('_')?)?.to_ascii_lowercase();
    let is_setting = |key: &Key| key.path.replace('.', "_") == name;
    ENGINE_KEYS.iter().any(is_setting).then_some(name)
}
