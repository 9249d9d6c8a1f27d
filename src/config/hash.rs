//! A fingerprint of all settings, for logs, journals and reports.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 of the merged settings in canonical form: sorted keys, decimals without trailing
/// zeros. Comments, order and the layer a setting comes from do not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConfigHash([u8; 32]);

impl ConfigHash {
    /// Of the engine's and the strategies' merged settings.
    #[must_use]
    pub fn of<'c>(
        engine: &'c config::Config,
        strategies: impl Iterator<Item = &'c config::Config>,
    ) -> Self {
        let mut hasher = Sha256::new();
        for part in std::iter::once(engine).chain(strategies) {
            hasher.update(canonical(part));
            hasher.update(b"\n");
        }
        Self(hasher.finalize().into())
    }
}

/// JSON with sorted keys: `serde_json`'s map is a `BTreeMap` in this workspace, which a test holds.
fn canonical(settings: &config::Config) -> String {
    let tree: serde_json::Value =
        settings.clone().try_deserialize().expect("settings are texts, numbers, lists and tables");
    tree.to_string()
}

impl fmt::Display for ConfigHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for ConfigHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn json_objects_are_sorted() {
        let object: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(object.to_string(), r#"{"a":2,"b":1}"#);
    }
}
