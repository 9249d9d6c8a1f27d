//! The seam: how a byte stream to a host and a port is opened.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::ConnectError;

/// Where a stream goes to. The host is a DNS name or an address, without the brackets of an IPv6
/// literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// DNS name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// What a connector must hand over: any two-way byte stream.
///
/// Contract: a `poll_write` that returns an error has accepted none of the bytes of that call. TCP
/// sockets keep it. The distinction between "not sent" and "maybe sent" rests on it, so a stream
/// that buffers inside must not fail a write after having passed a part of it on.
pub trait RawStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> RawStream for S {}

/// An open byte stream, its kind erased: one virtual call a read or a write buys that no type
/// above carries a stream parameter.
pub type ByteStream = Box<dyn RawStream>;

/// A stream being opened.
pub type Connecting<'a> =
    Pin<Box<dyn Future<Output = Result<ByteStream, ConnectError>> + Send + 'a>>;

/// Opens plain byte streams. [`crate::TcpConnector`] is the real one; a simulated network puts its
/// own in its place. TLS and protocols come above it.
///
/// Dropping the future abandons the attempt. An implementation bounds its own time and names the
/// phase in its error.
pub trait Connector: Send + Sync + 'static {
    /// Opens one new stream to `target`.
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a>;
}
