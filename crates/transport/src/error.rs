//! Why a connection could not be made.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::{HeaderMap, StatusCode};
use thiserror::Error;
use tokio_rustls::rustls;

use crate::Target;

/// The step of connecting that took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectPhase {
    /// Resolving the host's name.
    Dns,
    /// Opening the TCP connection.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The websocket's HTTP upgrade.
    Handshake,
}

impl std::fmt::Display for ConnectPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS lookup",
            Self::Tcp => "TCP connect",
            Self::Tls => "TLS handshake",
            Self::Handshake => "websocket handshake",
        })
    }
}

/// A server's answer to a websocket handshake that was not "101 Switching Protocols".
#[derive(Debug, Clone)]
pub struct Rejection {
    /// HTTP status, for example 429 or 503.
    pub status: StatusCode,
    /// Headers of the answer, for example `Retry-After`.
    pub headers: HeaderMap,
    /// As much of the body as came with the head; it may be cut short.
    pub body: Bytes,
}

/// Connecting failed. No byte of any request has left: there was nothing to carry it yet.
///
/// No message contains a URL's path or query, or a header, for these may hold keys.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address cannot be used as given.
    #[error("the URL cannot be used: {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The name of the host could not be resolved.
    #[error("DNS lookup of {host} failed: {source}")]
    Dns {
        /// The name asked for.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The host answered that nobody listens on the port.
    #[error("{target} refused the connection")]
    Refused {
        /// Whom we called.
        target: Target,
    },
    /// A step took longer than it may.
    #[error("{phase} to {target} took longer than {after:?}")]
    TimedOut {
        /// Whom we called.
        target: Target,
        /// The step that did not end.
        phase: ConnectPhase,
        /// How long it was given.
        after: Duration,
    },
    /// Opening the stream failed in another way (no route, address in use, …).
    #[error("connecting to {target} failed: {source}")]
    Io {
        /// Whom we called.
        target: Target,
        /// What the system said.
        source: io::Error,
    },
    /// The URL asks for TLS and this dialer was built without.
    #[error("{target} needs TLS and none was set up")]
    TlsNotConfigured {
        /// Whom we called.
        target: Target,
    },
    /// The server's certificate was not accepted. There is no way to go on regardless.
    #[error("the certificate of {target} was refused: {source}")]
    Certificate {
        /// Whom we called.
        target: Target,
        /// Why it was refused: unknown issuer, expired, another name, …
        source: rustls::Error,
    },
    /// TLS failed for another reason than the certificate.
    #[error("TLS with {target} failed: {source}")]
    Tls {
        /// Whom we called.
        target: Target,
        /// What the TLS library or the stream said.
        source: io::Error,
    },
    /// The server answered the websocket handshake with something else than an upgrade.
    #[error("the websocket handshake was answered with HTTP status {}", .0.status)]
    Rejected(Box<Rejection>),
    /// The websocket handshake broke off or was no websocket handshake.
    #[error("the websocket handshake with {target} failed: {source}")]
    Handshake {
        /// Whom we called.
        target: Target,
        /// What the protocol library or the stream said.
        source: Box<dyn StdError + Send + Sync>,
    },
}
