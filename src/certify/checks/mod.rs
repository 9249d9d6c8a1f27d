//! The checks, one file a group.

pub mod access;
pub mod account;
pub mod limits;
pub mod lists;
pub mod market;
pub mod orders;
pub mod rejects;
pub mod ticket;
pub mod user_data;
