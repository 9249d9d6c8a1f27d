//! The simulated exchange inside this process, on a thread and a port of its own: the engine
//! reaches it over real sockets like any other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use events::log_event;
use exchange::{ExchangeConfig, ExchangeHandle, StartError};
use tokio::sync::oneshot;

/// A simulated exchange that lives as long as this value.
#[derive(Debug)]
pub struct EmbeddedExchange {
    handle: Option<ExchangeHandle>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedExchange {
    /// Starts an exchange on a free loopback port, or on `port`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: ExchangeConfig, port: u16) -> Result<Self, StartError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("exchange".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let started = exchange::bind(config, address).await;
                let is_up = started.is_ok();
                if tell.send(started).is_ok() && is_up {
                    // Ends when told, or when whoever could tell is gone.
                    let _ = stopped.await;
                }
            });
        })?;
        let handle = told.recv().map_err(|_| {
            StartError::Config("the exchange's thread ended before it listened".to_owned())
        })??;
        log_event!(
            EXCHANGE_STARTED,
            rest_url = %handle.rest_url(),
            ws_url = %handle.ws_url(),
            ws_api_url = %handle.ws_api_url()
        );
        Ok(Self { handle: Some(handle), stop: Some(stop), thread: Some(thread) })
    }

    /// The running exchange.
    #[must_use]
    pub fn handle(&self) -> &ExchangeHandle {
        self.handle.as_ref().expect("taken only when dropped")
    }
}

impl Drop for EmbeddedExchange {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Its thread may have ended by itself.
            let _ = stop.send(());
        }
        self.handle = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
