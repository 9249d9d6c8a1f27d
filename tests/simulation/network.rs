//! The seams: how engine and exchange reach each other through the simulated network, and its
//! clock.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exchange::server::listener::Listener;
use model::Timestamp;
use transport::{ByteStream, ConnectError, Connecting, Connector, Target};
use turmoil::net::{TcpListener, TcpStream};

/// When everything begins: a Monday.
const BEGIN: Timestamp = Timestamp::from_secs(1_790_000_000);
/// As long as a real one would try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every clock of the simulation shows.
pub fn wall() -> Timestamp {
    BEGIN.after(turmoil::sim_elapsed().unwrap_or_default())
}

/// Dials within the simulated network.
#[derive(Default)]
pub struct Simulated {
    /// While it is set, no name of a host is resolved.
    pub no_names: Arc<AtomicBool>,
}

impl Connector for Simulated {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            if self.no_names.load(Ordering::Relaxed) {
                let source = io::Error::other("the simulated resolver does not answer");
                return Err(ConnectError::Dns { host: target.host.clone(), source });
            }
            let dialing = TcpStream::connect((target.host.as_str(), target.port));
            match tokio::time::timeout(CONNECT_TIMEOUT, dialing).await {
                Ok(Ok(stream)) => Ok(Box::new(stream) as ByteStream),
                Ok(Err(source)) => Err(ConnectError::Io { target: target.clone(), source }),
                Err(_) => {
                    let source = io::Error::new(io::ErrorKind::TimedOut, "no answer");
                    Err(ConnectError::Io { target: target.clone(), source })
                }
            }
        })
    }
}

/// Listens there.
pub struct SimulatedListener(pub TcpListener);

impl Listener for SimulatedListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
