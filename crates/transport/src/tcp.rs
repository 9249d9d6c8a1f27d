//! Real TCP connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::{ByteStream, ConnectError, ConnectPhase, Connecting, Connector, Target};

/// How long the steps of opening a TCP connection may take.
#[derive(Debug, Clone)]
pub struct TcpOptions {
    /// For the DNS lookup. The system's resolver cannot be interrupted: a lookup that timed out
    /// keeps a thread of the blocking pool busy until the resolver gives up.
    pub dns_timeout: Duration,
    /// For TCP's own handshake, all the addresses of a name together.
    pub connect_timeout: Duration,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { dns_timeout: Duration::from_secs(5), connect_timeout: Duration::from_secs(5) }
    }
}

/// Opens TCP connections with `TCP_NODELAY` (orders are small and must not wait for company).
///
/// A name's addresses are tried one after another in the resolver's order, each with its share of
/// the time that is left, so that one address that swallows packets does not use up all of it.
#[derive(Debug, Clone, Default)]
pub struct TcpConnector {
    options: TcpOptions,
}

impl TcpConnector {
    /// With these timeouts.
    pub fn new(options: TcpOptions) -> Self {
        Self { options }
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
        let deadline = Instant::now() + self.options.dns_timeout;
        let failed = |source| ConnectError::Dns { host: target.host.clone(), source };
        let addresses = timeout_at(deadline, lookup_host((target.host.as_str(), target.port)))
            .await
            .map_err(|_| ConnectError::TimedOut {
                target: target.clone(),
                phase: ConnectPhase::Dns,
                after: self.options.dns_timeout,
            })?
            .map_err(failed)?
            .collect::<Vec<_>>();
        if addresses.is_empty() {
            return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no address")));
        }
        Ok(addresses)
    }

    async fn open(&self, target: &Target) -> Result<ByteStream, ConnectError> {
        let addresses = self.resolve(target).await?;
        let deadline = Instant::now() + self.options.connect_timeout;
        let mut failure = self.timed_out(target);
        for (index, address) in addresses.iter().enumerate() {
            let untried = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / untried;
            failure = match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream
                        .set_nodelay(true)
                        .map_err(|source| ConnectError::Io { target: target.clone(), source })?;
                    return Ok(Box::new(stream));
                }
                Ok(Err(source)) if source.kind() == io::ErrorKind::ConnectionRefused => {
                    ConnectError::Refused { target: target.clone() }
                }
                Ok(Err(source)) if source.kind() == io::ErrorKind::TimedOut => {
                    self.timed_out(target)
                }
                Ok(Err(source)) => ConnectError::Io { target: target.clone(), source },
                Err(_) => self.timed_out(target),
            };
        }
        Err(failure)
    }

    fn timed_out(&self, target: &Target) -> ConnectError {
        ConnectError::TimedOut {
            target: target.clone(),
            phase: ConnectPhase::Tcp,
            after: self.options.connect_timeout,
        }
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(self.open(target))
    }
}
