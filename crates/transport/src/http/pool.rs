//! Connections to hosts: how many, how long, and which request waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::{HttpOptions, NotSent};
use crate::gate::WriteGate;
use crate::url::Origin;
use crate::{ConnectError, Dialer};

/// A connection that has answered is ready again as soon as its task has run. One that is not
/// ready after this long never will be.
const READY_WITHIN: Duration = Duration::from_millis(100);

/// One HTTP/1.1 connection. Dropping it closes it at once.
pub(super) struct Connection {
    pub(super) sender: http1::SendRequest<Full<Bytes>>,
    pub(super) gate: WriteGate,
    driver: AbortHandle,
    idle_since: Instant,
}

impl Connection {
    async fn open(dialer: &Dialer, origin: &Origin) -> Result<Self, ConnectError> {
        let (stream, gate) = dialer.dial(origin).await?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|source| {
            ConnectError::Handshake { target: origin.target.clone(), source: Box::new(source) }
        })?;
        // What the connection fails with, the request's future gets too.
        let driver = tokio::spawn(async move { drop(driver.await) }).abort_handle();
        Ok(Self { sender, gate, driver, idle_since: Instant::now() })
    }

    async fn is_ready(&mut self) -> bool {
        matches!(timeout(READY_WITHIN, self.sender.ready()).await, Ok(Ok(())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

struct Host {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Leave to use one connection to a host.
pub(super) struct Lease {
    host: Arc<Host>,
    _permit: OwnedSemaphorePermit,
}

/// All hosts ever asked: a handful, so they are kept.
pub(super) struct Pool {
    dialer: Dialer,
    options: HttpOptions,
    hosts: Mutex<BTreeMap<Origin, Arc<Host>>>,
}

impl Pool {
    pub(super) fn new(dialer: Dialer, options: HttpOptions) -> Self {
        Self { dialer, options, hosts: Mutex::new(BTreeMap::new()) }
    }

    pub(super) fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// Waits until one more request to this host may run.
    pub(super) async fn lease(&self, origin: &Origin) -> Result<Lease, NotSent> {
        let host = self.host(origin);
        let permits = Arc::clone(&host.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::enter(&host, self.options.max_waiting_per_host)?;
                permits.acquire_owned().await.expect("the semaphore is never closed")
            }
        };
        Ok(Lease { host, _permit: permit })
    }

    /// The connection that was used last, or a new one.
    pub(super) async fn connection(
        &self,
        lease: &Lease,
        origin: &Origin,
    ) -> Result<Connection, ConnectError> {
        loop {
            let idle = lease.host.take_idle(self.options.idle_timeout);
            match idle {
                None => return Connection::open(&self.dialer, origin).await,
                Some(mut connection) => {
                    if connection.is_ready().await {
                        return Ok(connection);
                    }
                }
            }
        }
    }

    /// Keeps a connection whose response was read to its end.
    pub(super) fn keep(&self, lease: &Lease, mut connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        connection.idle_since = Instant::now();
        let mut idle = lease.host.lock();
        idle.push(connection);
        let excess = idle.len().saturating_sub(self.options.max_idle_per_host);
        drop(idle.drain(..excess));
    }

    fn host(&self, origin: &Origin) -> Arc<Host> {
        let mut hosts = self.hosts.lock().expect("no panic while the hosts are locked");
        let host = hosts.entry(origin.clone()).or_insert_with(|| {
            Arc::new(Host {
                idle: Mutex::new(Vec::new()),
                permits: Arc::new(Semaphore::new(self.options.max_concurrent_per_host.max(1))),
                waiting: AtomicUsize::new(0),
            })
        });
        Arc::clone(host)
    }
}

impl Host {
    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().expect("no panic while the idle connections are locked")
    }

    fn take_idle(&self, idle_timeout: Duration) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.lock();
        idle.retain(|connection| {
            !connection.sender.is_closed()
                && now.saturating_duration_since(connection.idle_since) < idle_timeout
        });
        idle.pop()
    }
}

/// A place in the bounded queue for a host.
struct Waiting<'a>(&'a Host);

impl<'a> Waiting<'a> {
    fn enter(host: &'a Host, max: usize) -> Result<Self, NotSent> {
        host.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < max).then_some(waiting + 1)
            })
            .map(|_| Self(host))
            .map_err(|waiting| NotSent::Busy { waiting })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
