//! Where everything meets: state directory, journal, venue, instruments, strategies, actors.
//!
//! What belongs here: building the parts in the right order and taking them down again. What does
//! not: any decision about markets or orders.

mod account_lock;
mod alert;
mod assemble;
mod compare;
mod embedded;
mod fee_rates;
mod key_rights;
mod ledger;
mod machines;
mod onlooker;
mod opening_prices;
mod paper;
mod recording;
mod rest;
mod restore;
mod restored_lines;
mod rsa;
mod rules;
mod site;
mod venue;
mod write_off;

pub use account_lock::lock_account;
pub use alert::{AlertSender, Alerter, state_alert};
pub use assemble::{Assembly, Observed, Running, assemble, assemble_in_step};
pub use compare::{adjustments, compare, has_unbooked_trades};
pub use embedded::EmbeddedExchange;
pub use fee_rates::FeeRates;
pub use key_rights::check_key_rights;
pub use ledger::{LedgerJournal, OpenError, OpenedLedger};
pub use machines::{BuiltMachines, FeedSetup, Foundation, build_machines};
pub use onlooker::{Onlooker, OnlookerThread, RunRecord};
pub use opening_prices::opening_prices;
pub use paper::{ModelNames, local_venue, model_names, paper_models};
pub use recording::{RecordingThread, newest_recording, recordings_directory};
pub use rest::{RestError, SignedRest};
pub use restore::{engine_limits, strategy_limits, strategy_protection};
pub use rsa::credentials_of;
pub use rules::keep_rules;
pub use site::{ExchangeInfoError, Site, configured_credentials, follow, simulated};
pub use venue::VenueSetup;
pub use write_off::{WriteOffError, records as write_off_records, settles, write_offs};
