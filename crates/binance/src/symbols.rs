//! From the venue's symbol to the run's instrument, without allocating.

use model::{InstrumentId, Instruments, Symbol};

/// A table that finds the instrument of a symbol in a few nanoseconds: open addressing, at most
/// half full, built once.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    slots: Vec<Option<(Symbol, InstrumentId)>>,
}

impl SymbolTable {
    /// The table of all instruments of a run.
    #[must_use]
    pub fn new(instruments: &Instruments) -> Self {
        instruments.iter().map(|instrument| (instrument.symbol, instrument.id)).collect()
    }

    /// The instrument with a symbol (upper case, as events carry it).
    #[must_use]
    pub fn find(&self, symbol: &str) -> Option<InstrumentId> {
        self.probe(symbol).and_then(|slot| self.slots[slot]).map(|(_, id)| id)
    }

    /// The slot that holds the symbol or would: the first free one from its hash on. `None` only
    /// for a table without slots.
    fn probe(&self, symbol: &str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash(symbol.as_bytes()) & mask;
        while let Some((other, _)) = &self.slots[slot]
            && other.as_str() != symbol
        {
            slot = (slot + 1) & mask;
        }
        Some(slot)
    }
}

impl FromIterator<(Symbol, InstrumentId)> for SymbolTable {
    fn from_iter<I: IntoIterator<Item = (Symbol, InstrumentId)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        let mut table = Self { slots: vec![None; (entries.len() * 2).next_power_of_two()] };
        for (symbol, id) in entries {
            if let Some(slot) = table.probe(symbol.as_str()) {
                table.slots[slot] = Some((symbol, id));
            }
        }
        table
    }
}

/// FNV-1a: short keys, no seed, the same on every run.
fn hash(bytes: &[u8]) -> usize {
    let mixed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV are its weakest; fold the high ones in. Truncation is wanted.
    (mixed ^ (mixed >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_found_and_no_other() {
        for count in [0_u16, 1, 2, 3, 100, 3_000] {
            let name = |number: u16| format!("A{}USDT", u32::from(number) * 7919);
            let table: SymbolTable = (0..count)
                .map(|number| (Symbol::new(&name(number)).unwrap(), InstrumentId(number)))
                .collect();
            for number in 0..count {
                assert_eq!(table.find(&name(number)), Some(InstrumentId(number)));
            }
            assert_eq!(table.find(&name(count)), None);
            assert_eq!(table.find(""), None);
        }
    }
}
