//! The ledger of a run: journal opened and replayed, this start written down, numbers given to
//! instruments and strategies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actors::guard::guarded;
use binance::decode::ExchangeInfo;
use events::log_event;
use kernel::journal::{Durability, Journal, JournalError, Persist, Record};
use kernel::ledger::{Ledger, LedgerInstrument};
use kernel::risk::TradingState;
use model::{
    Amount, Asset, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments,
    Quantity, Symbol, Timestamp,
};
use store::journal::{ArchiveTold, Level, MemoryJournal, SqliteJournal};
use store::state_dir::{StateDir, StateDirError, ledgers_before, note_ledger};

use super::compare;
use super::restored_lines::tell_restored;
use super::rules;
use super::site::Site;
use crate::cli::{Exit, Failure};
use crate::config::{Config, DurabilityLevel, Mode, StrategyConfig};

/// A journal that knows what it adds up to.
pub trait LedgerJournal: Journal {
    /// What the records written so far add up to.
    fn ledger(&self) -> &Ledger;
}

impl LedgerJournal for SqliteJournal {
    fn ledger(&self) -> &Ledger {
        self.ledger()
    }
}

impl LedgerJournal for MemoryJournal {
    fn ledger(&self) -> &Ledger {
        self.ledger()
    }
}

/// A journal and what it says.
pub struct OpenedLedger<J> {
    /// The journal, to be given to its thread.
    pub journal: J,
    /// What it adds up to, this start included.
    pub ledger: Ledger,
    /// This start.
    pub epoch: u32,
    /// Every instrument of the ledger, by number.
    pub instruments: Arc<Instruments>,
    /// When the ledger was opened.
    pub opened_at: Timestamp,
    /// Assets of which the account holds something else than the journal adds up to, so that
    /// trading is halted until a person accepts it.
    pub unreconciled: BTreeSet<Asset>,
    /// Why this start has halted trading, if it has.
    pub halted: Option<String>,
}

impl From<StateDirError> for Failure {
    fn from(error: StateDirError) -> Self {
        let exit = match &error {
            StateDirError::Locked { .. } => Exit::Locked,
            StateDirError::NotWritable { .. }
            | StateDirError::NotReadable { .. }
            | StateDirError::NoRandomness(_)
            | StateDirError::Damaged { .. } => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::new(Exit::Storage, error)
    }
}

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A record of the journal cannot be read, or makes its own replay panic: at every start, until
    /// somebody has looked at it.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The record, and what is wrong with it.
        reason: String,
    },
    /// Something else.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Failed(failure) => failure,
            damaged @ OpenError::Damaged { .. } => Self::new(Exit::Storage, damaged),
        }
    }
}

impl OpenedLedger<SqliteJournal> {
    /// Opens the ledger of a venue and writes this start into it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        config: &Config,
        state_dir: &StateDir,
        site: &Site,
        info: &ExchangeInfo,
        now: Timestamp,
        took: impl Fn() -> u64,
    ) -> Result<Self, OpenError> {
        let path = state_dir.journal_path(&site.identity);
        let doubt = if path.exists() || site.credentials.is_none() || site.embedded.is_some() {
            None
        } else {
            let found = ledgers_before(state_dir.path(), &site.identity);
            found.map_err(|error| OpenError::Failed(Failure::new(Exit::Storage, error)))?
        };
        if site.identity != site.account {
            note_ledger(state_dir.path(), &site.account, &site.identity)
                .map_err(|error| OpenError::Failed(error.into()))?;
        }
        let level = match config.engine.journal.durability {
            DurabilityLevel::Power => Level::Power,
            DurabilityLevel::Process => Level::Process,
        };
        // A record that makes its replay panic is named, and does not end the process before that.
        let journal = match guarded(|| SqliteJournal::open(&path, level)) {
            Ok(Ok(journal)) => journal,
            Ok(Err(error @ JournalError::Corrupt { .. })) => {
                return Err(OpenError::Damaged { path, reason: error.to_string() });
            }
            Ok(Err(error)) => return Err(OpenError::Failed(error.into())),
            Err(panic) => return Err(OpenError::Damaged { path, reason: panic }),
        };
        let durability = match level {
            Level::Power => "power",
            Level::Process => "process",
        };
        let identity = site.identity;
        log_event!(JOURNAL_OPENED, path = %path.display(), durability, ledger = %identity);
        log_event!(
            JOURNAL_REPLAYED,
            records = journal.ledger().records(),
            orders = journal.ledger().open_orders().count(),
            fills = journal.ledger().fills_booked(),
            positions = journal.ledger().positions().count(),
            took_ms = took()
        );
        tell_restored(journal.ledger());
        let journal = archiving(journal, config.engine.journal.archive_after_days);
        let mut opened = Self::begin(journal, config, state_dir, site, info, now).await?;
        if let Some(doubt) = doubt {
            let account = site.account;
            let reason = format!(
                "a new ledger was opened for {account}, and {doubt}: positions and halts of another \
                 ledger are not known to it"
            );
            log_event!(JOURNAL_NEW_LEDGER, ledger = %identity, reason = %reason);
            opened.halt("new_ledger", reason, now)?;
        }
        Ok(opened)
    }
}

fn archiving(journal: SqliteJournal, after_days: u64) -> SqliteJournal {
    if after_days == 0 {
        return journal;
    }
    let after = Duration::from_secs(after_days * 86_400);
    let tell = |told| match told {
        ArchiveTold::Moved { file, records, up_to } => {
            log_event!(JOURNAL_ARCHIVED, file = %file.display(), records, up_to);
        }
        ArchiveTold::Failed(error) => log_event!(JOURNAL_ARCHIVE_FAILED, error = %error),
    };
    journal.archiving(after, Box::new(tell))
}

impl<J: LedgerJournal> OpenedLedger<J> {
    /// Writes this start into a journal that is open.
    ///
    /// # Errors
    /// With the exit code of what failed.
    pub async fn begin(
        mut journal: J,
        config: &Config,
        state_dir: &StateDir,
        site: &Site,
        info: &ExchangeInfo,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let last = journal.ledger().epoch().map(|mark| mark.epoch);
        let epoch = state_dir.next_epoch(last, now)?;
        let started = Record::EpochStarted {
            epoch,
            instance: state_dir.instance(),
            venue: site.identity,
            config_hash: config.hash.to_string(),
            at: now,
        };
        write(&mut journal, started)?;
        register(&mut journal, config, info)?;
        if journal.ledger().opened_at().is_none() {
            let balances = opening_balances(config, site).await?;
            write(&mut journal, Record::BalancesOpened { balances, at: now })?;
        }
        let ledger = journal.ledger().clone();
        let opened_at = ledger.opened_at().unwrap_or(now);
        let instruments = Arc::new(instruments_of(&ledger, info, site));
        Ok(Self {
            journal,
            ledger,
            epoch,
            instruments,
            opened_at,
            unreconciled: BTreeSet::new(),
            halted: None,
        })
    }
}

impl<J: LedgerJournal> OpenedLedger<J> {
    /// Compares with the account, and halts trading where it does not add up. A venue that does
    /// not answer in time keeps no start back: the engine's own reconcile is still to come.
    ///
    /// # Errors
    /// When the halt cannot be written down.
    pub async fn compare(&mut self, site: &Site, now: Timestamp) -> Result<(), Failure> {
        if site.credentials.is_none() {
            return Ok(());
        }
        let found = match compare::compare(site, &self.ledger).await {
            Ok(found) => found,
            Err(failure) => {
                log_event!(RECONCILE_SKIPPED, reason = %failure);
                return Ok(());
            }
        };
        compare::report(&found);
        let halting = found.iter().filter(|difference| difference.kind.halts());
        self.unreconciled = halting.map(|found| found.asset).collect();
        if self.unreconciled.is_empty() {
            return Ok(());
        }
        let assets: Vec<&str> = self.unreconciled.iter().map(Asset::as_str).collect();
        let reason = format!(
            "the account does not hold what was booked, or what strategies hold, of {}: see \
             `tickwright reconcile`",
            assets.join(", ")
        );
        self.halt("reconcile", reason, now)
    }

    /// Compares with the account, and sees to what is held that no strategy trades any more. Returns
    /// the venue's rules with those of the symbols of that.
    ///
    /// # Errors
    /// When a halt cannot be written down.
    pub async fn look_around(
        &mut self,
        config: &Config,
        site: &Site,
        info: ExchangeInfo,
        now: Timestamp,
    ) -> Result<ExchangeInfo, Failure> {
        let info = self.rules_of_all_held(site, &info).await.unwrap_or(info);
        self.compare(site, now).await?;
        self.tell_unattended(config);
        Ok(info)
    }

    /// The venue's rules with those of symbols in which something is held that no strategy trades any
    /// more, so that an operator can close it; `None` where there are none, or they can't be read.
    async fn rules_of_all_held(
        &mut self,
        site: &Site,
        info: &ExchangeInfo,
    ) -> Option<ExchangeInfo> {
        let is_listed = |symbol: &str| info.symbol(symbol).is_some();
        let held = self.held().map(|(_, known, _)| known.symbol);
        let others: BTreeSet<Symbol> = held.filter(|it| !is_listed(it.as_str())).collect();
        if others.is_empty() {
            return None;
        }
        let known = self.ledger.instruments().iter().map(|known| known.symbol);
        let all: Vec<Symbol> = known.filter(|it| is_listed(it.as_str())).chain(others).collect();
        let all: Vec<String> = all.iter().map(Symbol::to_string).collect();
        let of_all = rules::read(site, &all).await?;
        self.instruments = Arc::new(instruments_of(&self.ledger, &of_all, site));
        Some(of_all)
    }

    /// These symbols, and those in which something is held.
    #[must_use]
    pub fn symbols_and_held(&self, symbols: &[&str]) -> Vec<String> {
        let held: BTreeSet<Symbol> = self.held().map(|(_, known, _)| known.symbol).collect();
        let held = held.iter().map(Symbol::as_str).filter(|symbol| !symbols.contains(symbol));
        symbols.iter().copied().chain(held).map(str::to_owned).collect()
    }

    /// Logs what is held by strategies that do not run, or not in that symbol.
    fn tell_unattended(&self, config: &Config) {
        for (strategy, known, quantity) in self.held() {
            let runs =
                |it: &StrategyConfig| it.id == strategy && it.symbols.contains(&known.symbol);
            if !config.enabled().any(runs) {
                let symbol = known.symbol;
                log_event!(
                    POSITION_UNATTENDED,
                    strategy = %strategy,
                    symbol = %symbol,
                    quantity = %quantity
                );
            }
        }
    }

    /// What is held: by whom, of what, how much.
    fn held(&self) -> impl Iterator<Item = (&str, &LedgerInstrument, Quantity)> {
        let held = self.ledger.held().map(|(strategy, instrument, position)| {
            let (name, known) =
                (self.ledger.strategy(strategy), self.ledger.instrument(instrument));
            Some((name?, known?, position.quantity()))
        });
        held.flatten()
    }

    /// Has this start begin halted.
    fn halt(&mut self, rule: &'static str, reason: String, at: Timestamp) -> Result<(), Failure> {
        let from = self.ledger.trading_state().state;
        if from == TradingState::Halted {
            return Ok(());
        }
        let (from, to) = (from.name(), TradingState::Halted.name());
        log_event!(RISK_STATE_CHANGED, from = from, to = to, rule = rule, reason = %reason);
        self.halted = Some(reason.clone());
        let state = TradingState::Halted;
        write(&mut self.journal, Record::TradingStateChanged { state, reason, at })?;
        self.ledger = self.journal.ledger().clone();
        Ok(())
    }
}

fn write(journal: &mut impl LedgerJournal, record: Record) -> Result<(), Failure> {
    let persist = Persist { sequence: 0, record, durability: Durability::Synced };
    Ok(journal.append(&[persist])?)
}

fn register(
    journal: &mut impl LedgerJournal,
    config: &Config,
    info: &ExchangeInfo,
) -> Result<(), Failure> {
    for strategy in config.enabled() {
        if let Some(record) = journal.ledger().registration_of_strategy(&strategy.id) {
            write(journal, record)?;
        }
        for symbol in &strategy.symbols {
            let Some(found) = info.symbol(symbol.as_str()) else {
                let file = strategy.file.display();
                let message = format!("{file}: the venue has no symbol {symbol}");
                return Err(Failure::new(Exit::Usage, message));
            };
            let (base, quote) = (found.instrument.base, found.instrument.quote);
            let record = journal.ledger().registration_of_instrument(*symbol, base, quote);
            if let Some(record) = record {
                write(journal, record)?;
            }
        }
    }
    Ok(())
}

async fn opening_balances(config: &Config, site: &Site) -> Result<Vec<(Asset, Amount)>, Failure> {
    if config.engine.mode == Mode::Paper {
        let balances = config.engine.paper.initial_balances.iter();
        return Ok(balances.map(|balance| (balance.asset, balance.amount)).collect());
    }
    if site.credentials.is_none() {
        return Ok(Vec::new());
    }
    let held = compare::balances(site).await?.into_iter();
    Ok(held.filter(|(_, total)| !total.is_zero()).collect())
}

/// Every instrument that the ledger has a number for, in order of number. One that the venue does
/// not list any more is kept, halted, so that what was traded in it can still be read.
fn instruments_of(ledger: &Ledger, info: &ExchangeInfo, site: &Site) -> Instruments {
    let mut instruments = Instruments::new();
    for known in ledger.instruments() {
        let listed = info.symbol(known.symbol.as_str()).map(|symbol| symbol.instrument.clone());
        instruments.add(listed.unwrap_or(Instrument {
            id: InstrumentId(0),
            venue: site.identity,
            symbol: known.symbol,
            base: known.base,
            quote: known.quote,
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Halted,
            filters: Filters::default(),
        }));
    }
    instruments
}
