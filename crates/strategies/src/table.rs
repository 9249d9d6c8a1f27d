//! The table of built-in strategies. A new one is a file and a line here.

use kernel::strategy::StrategyEntry;

use crate::{dip_buyer, ema_cross, grid, market_maker};

/// Every built-in strategy.
pub static ALL: &[StrategyEntry] =
    &[ema_cross::ENTRY, dip_buyer::ENTRY, grid::ENTRY, market_maker::ENTRY];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kernel::parameters::{ParameterDefault, Parameters};

    use super::*;

    #[test]
    fn kinds_are_unique_and_their_defaults_are_of_their_kind() {
        let kinds: BTreeSet<&str> = ALL.iter().map(StrategyEntry::kind).collect();
        assert_eq!(kinds.len(), ALL.len());
        for entry in ALL {
            let keys = entry.parameters.keys;
            let names: BTreeSet<&str> = keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), keys.len(), "{}", entry.kind());
            let required = |name: &str| {
                let key = keys.iter().find(|key| key.name == name);
                key.is_some_and(|key| key.default == ParameterDefault::Required)
            };
            if let Err(errors) = Parameters::new(keys, &std::collections::BTreeMap::new()) {
                let unexpected: Vec<_> = errors.iter().filter(|e| !required(&e.name)).collect();
                assert!(unexpected.is_empty(), "{}: {unexpected:?}", entry.kind());
            }
        }
    }
}
