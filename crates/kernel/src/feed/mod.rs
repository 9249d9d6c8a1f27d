//! Market data: which streams are wanted, and how a venue's protocol is spoken.
//!
//! [`FeedProtocol`] is what a venue implements; the machine that keeps connections alive,
//! synchronises books and publishes typed events is generic over it.

mod protocol;

pub use protocol::{
    DecodeError, FeedMessage, FeedProtocol, Stream, StreamKind, SubscriptionRefused,
};
