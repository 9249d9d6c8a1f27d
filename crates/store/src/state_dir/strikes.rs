//! Strikes: how often a strategy spun until the watchdog ended the process.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::file::write_atomically;

/// The file that counts them, one line a strategy: `count name`. Written by the watchdog's
/// thread just before it ends the process, read by the next start.
#[derive(Clone, Debug)]
pub struct Strikes {
    path: PathBuf,
}

impl Strikes {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Strikes by strategy. Lines that cannot be read count for nothing: they must not keep the
    /// engine from starting.
    ///
    /// # Errors
    /// From the file system; a missing file means none.
    pub fn read(&self) -> io::Result<BTreeMap<String, u32>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.filter_map(|(count, name)| Some((name.to_owned(), count.parse().ok()?))).collect())
    }

    /// Adds one and gives the new count. It is on the disk when this returns.
    ///
    /// # Errors
    /// From the file system.
    pub fn add(&self, strategy: &str) -> io::Result<u32> {
        let mut strikes = self.read()?;
        let count = strikes.entry(strategy.to_owned()).or_default();
        *count = count.saturating_add(1);
        let count = *count;
        self.write(&strikes)?;
        Ok(count)
    }

    /// Forgets a strategy's strikes: it ran well for long, or an operator released it.
    ///
    /// # Errors
    /// From the file system.
    pub fn clear(&self, strategy: &str) -> io::Result<()> {
        let mut strikes = self.read()?;
        if strikes.remove(strategy).is_some() { self.write(&strikes) } else { Ok(()) }
    }

    fn write(&self, strikes: &BTreeMap<String, u32>) -> io::Result<()> {
        let lines = strikes.iter().map(|(name, count)| format!("{count} {name}\n"));
        write_atomically(&self.path, lines.collect::<String>().as_bytes())
    }
}
