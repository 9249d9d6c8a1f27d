//! What a venue traded and allowed, as it was at some instant: one JSON file each.

use std::path::PathBuf;

use model::{Instrument, Timestamp};

use super::{Catalog, CatalogError, Market};

impl Catalog {
    /// Writes the instruments of a market as they were at an instant.
    ///
    /// # Errors
    /// From the file system.
    pub fn write_instruments(
        &self,
        market: &Market,
        at: Timestamp,
        instruments: &[Instrument],
    ) -> Result<PathBuf, CatalogError> {
        let directory = self.root().join(market.as_str()).join("instruments");
        std::fs::create_dir_all(&directory).map_err(CatalogError::io(&directory))?;
        let text = at.to_string();
        let stamp: String = text.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        let path = directory.join(format!("{stamp}.json"));
        let json = serde_json::to_vec(instruments).expect("instruments are plain values");
        let temporary = directory.join(format!(".{stamp}-{}.tmp", std::process::id()));
        std::fs::write(&temporary, json).map_err(CatalogError::io(&temporary))?;
        std::fs::rename(&temporary, &path).map_err(CatalogError::io(&path))?;
        Ok(path)
    }

    /// The instruments of a market as they were last written; nothing where nobody wrote any.
    ///
    /// # Errors
    /// From the file system, and [`CatalogError::Damaged`].
    pub fn instruments(&self, market: &Market) -> Result<Vec<Instrument>, CatalogError> {
        let directory = self.root().join(market.as_str()).join("instruments");
        let files = super::series::entries(&directory)?;
        let last = files.into_iter().filter(|(name, _)| name.ends_with(".json")).max();
        let Some((_, path)) = last else { return Ok(Vec::new()) };
        let bytes = std::fs::read(&path).map_err(CatalogError::io(&path))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| CatalogError::damaged(&path, error.to_string()))
    }
}
