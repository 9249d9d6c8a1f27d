//! The risk gate and its portfolio, through their public face only.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the effects that it is about")]

mod desk;
mod document;
mod ledger;
mod portfolio;
mod properties;
mod protection;
mod rules;
mod states;
mod twin;
