//! What comes in and what goes out.

use std::fmt;
use std::io;

use bytes::Bytes;
use thiserror::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding;
use tokio_tungstenite::tungstenite::{Error as ProtocolFailure, Message, Utf8Bytes};

/// Something the peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsEvent {
    /// A whole text message.
    Text(Utf8Bytes),
    /// A whole binary message.
    Binary(Bytes),
    /// A ping. It has been answered.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The peer closes, or confirms our close. It has been answered; nothing but the end follows.
    Closed {
        /// Why, if the peer said so.
        code: Option<CloseCode>,
        /// More about it; often empty.
        reason: Utf8Bytes,
    },
}

/// Something to send. A close goes through [`crate::ws::WsSender::close`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsFrame {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, at most 125 bytes.
    Ping(Bytes),
    /// An unasked pong, at most 125 bytes. Pings are answered without it.
    Pong(Bytes),
}

impl WsFrame {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn into_message(self) -> Message {
        match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
            Self::Ping(bytes) => Message::Ping(bytes),
            Self::Pong(bytes) => Message::Pong(bytes),
        }
    }
}

/// A websocket close code, RFC 6455 section 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an endpoint goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1008: the peer broke a policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the message was too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const RESTART: Self = Self(1012);

    /// A code that may be sent; `None` for the reserved ones (1005 means "no code given").
    pub fn new(code: u16) -> Option<Self> {
        coding::CloseCode::from(code).is_allowed().then_some(Self(code))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }

    pub(crate) fn received(code: coding::CloseCode) -> Self {
        Self(code.into())
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The connection can no longer be read.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The peer sent, or announced, a message larger than accepted.
    #[error("a message of at least {size_bytes} bytes came, {max_bytes} are accepted")]
    TooBig {
        /// What was known of its size.
        size_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
    /// A text message was not UTF-8.
    #[error("a text message is not UTF-8: {reason}")]
    NotUtf8 {
        /// Where it is wrong.
        reason: String,
    },
    /// The peer broke the websocket protocol.
    #[error("the peer broke the websocket protocol: {reason}")]
    Protocol {
        /// How.
        reason: String,
    },
    /// The connection ended without a close frame.
    #[error("the connection ended without a close frame")]
    Dropped,
    /// The stream failed.
    #[error("the connection failed: {source}")]
    Io {
        /// How.
        source: io::Error,
    },
}

impl ReceiveError {
    pub(crate) fn of(failure: ProtocolFailure) -> Self {
        match failure {
            ProtocolFailure::Io(source) => Self::Io { source },
            ProtocolFailure::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                Self::TooBig { size_bytes: size, max_bytes: max_size }
            }
            ProtocolFailure::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Dropped,
            ProtocolFailure::Utf8(reason) => Self::NotUtf8 { reason },
            other @ (ProtocolFailure::ConnectionClosed
            | ProtocolFailure::AlreadyClosed
            | ProtocolFailure::Tls(_)
            | ProtocolFailure::Capacity(CapacityError::TooManyHeaders)
            | ProtocolFailure::Protocol(_)
            | ProtocolFailure::WriteBufferFull(_)
            | ProtocolFailure::AttackAttempt
            | ProtocolFailure::Url(_)
            | ProtocolFailure::Http(_)
            | ProtocolFailure::HttpFormat(_)) => Self::Protocol { reason: other.to_string() },
        }
    }
}
