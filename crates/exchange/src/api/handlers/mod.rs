//! What carries out the requests, one file a topic. A handler reads its parameters, refuses what
//! is left over ([`super::params::Params::finish`]), and only then acts.

pub mod account;
pub mod amend;
pub mod general;
pub mod lists;
pub mod market;
pub mod rare;
pub mod read;
pub mod render;
pub mod ticker;
pub mod trade;

use serde::Serialize;

/// The JSON of an answer.
pub(crate) fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("answers are plain data, which always serialises")
}
