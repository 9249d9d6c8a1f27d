//! The files a configuration is read from.

use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Place};

/// A file's name and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
}

impl SourceFile {
    /// In the place of one that can't be read.
    #[must_use]
    pub(super) fn empty(unreadable: &Diagnostic) -> Self {
        let path = match &unreadable.place {
            Place::File { file, .. } | Place::Path { file } => file.clone(),
            Place::Environment { .. } | Place::Flag { .. } | Place::Default => PathBuf::new(),
        };
        Self { path, text: String::new() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A diagnostic when it can't be read.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::new(
                Place::Path { file: path.to_owned() },
                "",
                format!("can't be read: {error}"),
            )
        })?;
        Ok(Self { path: path.to_owned(), text })
    }
}

/// Where the engine's file is, and with it the strategies'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// On disk.
    Files {
        /// The engine's file. `None`: defaults, and strategies only if their directory is named.
        engine: Option<PathBuf>,
    },
    /// The files that this program was built with: what `demo` runs.
    Embedded,
    /// The strategies' files by name: what `backtest` runs.
    Chosen {
        /// The engine's file. `None`: defaults.
        engine: Option<PathBuf>,
        /// The strategies' files, in the order in which they run.
        strategies: Vec<PathBuf>,
    },
}

/// The engine's file as built in.
const EMBEDDED_ENGINE: &str = include_str!("../../config/engine.toml");

/// The strategies' files as built in.
const EMBEDDED_STRATEGIES: [(&str, &str); 4] = [
    ("config/strategies/dip_buyer.toml", include_str!("../../config/strategies/dip_buyer.toml")),
    ("config/strategies/ema_cross.toml", include_str!("../../config/strategies/ema_cross.toml")),
    ("config/strategies/grid.toml", include_str!("../../config/strategies/grid.toml")),
    (
        "config/strategies/market_maker.toml",
        include_str!("../../config/strategies/market_maker.toml"),
    ),
];

impl Sources {
    /// The engine's file; an empty one when there is none.
    ///
    /// # Errors
    /// A diagnostic when it can't be read.
    pub fn engine(&self) -> Result<SourceFile, Diagnostic> {
        match self {
            Self::Embedded => Ok(SourceFile {
                path: PathBuf::from("config/engine.toml"),
                text: EMBEDDED_ENGINE.to_owned(),
            }),
            Self::Files { engine: Some(path) } | Self::Chosen { engine: Some(path), .. } => {
                SourceFile::read(path)
            }
            Self::Files { engine: None } | Self::Chosen { engine: None, .. } => {
                Ok(SourceFile { path: PathBuf::from("(no file)"), text: String::new() })
            }
        }
    }

    /// The strategies' files, in the order of their names. `directory` is the setting
    /// `strategies_dir`. What can't be read goes to `diagnostics`.
    pub fn strategies(
        &self,
        directory: Option<&str>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<SourceFile> {
        let beside = match self {
            Self::Embedded if directory.is_none() => return embedded_strategies(),
            Self::Chosen { strategies, .. } => return read_all(strategies, diagnostics),
            Self::Embedded | Self::Files { engine: None } => None,
            Self::Files { engine: Some(engine) } => {
                Some(engine.parent().unwrap_or(Path::new("")).join("strategies"))
            }
        };
        let Some(directory) = directory.map(PathBuf::from).or(beside) else {
            return Vec::new();
        };
        match toml_files(&directory) {
            Ok(paths) => read_all(&paths, diagnostics),
            Err(error) => {
                let place = Place::Path { file: directory };
                let problem = format!("the directory of strategies can't be read: {error}");
                diagnostics.push(
                    Diagnostic::new(place, "", problem).help("create it, or set strategies_dir"),
                );
                Vec::new()
            }
        }
    }
}

fn read_all(paths: &[PathBuf], diagnostics: &mut Vec<Diagnostic>) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for path in paths {
        match SourceFile::read(path) {
            Ok(file) => files.push(file),
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    files
}

fn embedded_strategies() -> Vec<SourceFile> {
    EMBEDDED_STRATEGIES
        .iter()
        .map(|(path, text)| SourceFile { path: PathBuf::from(path), text: (*text).to_owned() })
        .collect()
}

fn toml_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
