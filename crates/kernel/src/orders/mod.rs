//! Order lifecycle, identity and reconciliation: the only place that builds venue commands.

mod command;

pub use command::VenueCommand;
