//! Market streams: their names, their payloads, and who listens.

pub mod faults;
pub mod hub;
pub mod name;
pub mod payload;
pub mod recorded;
pub mod user;
