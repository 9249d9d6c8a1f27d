//! Market data: which streams are wanted, how a venue's protocol is spoken, and the machine that
//! keeps connections alive, synchronises books and publishes typed events.

mod bars;
mod books;
mod doubt;
mod health;
mod history;
mod links;
mod machine;
mod notice;
mod policy;
mod protocol;
mod rotation;
#[cfg(test)]
mod tests;

pub use machine::{FeedEffect, FeedInput, FeedMachine, FeedPlan};
pub use notice::{FeedNotice, FeedStats};
pub use policy::FeedPolicy;
pub use protocol::{
    DecodeError, FeedMessage, FeedProtocol, Stream, StreamKind, SubscriptionRefused,
};
