//! The server side of a websocket.

use std::time::Duration;

use hyper::http::{Request, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use super::shared::{Socket, halves};
use super::{WsOptions, WsReceiver, WsSender};
use crate::gate::Gated;
use crate::{ByteStream, RawStream};

/// A request is no websocket handshake. Answer it with status 400.
#[derive(Debug, Error)]
#[error("not a websocket handshake: {reason}")]
pub struct UpgradeError {
    /// What is wrong with it.
    pub reason: String,
}

/// The server side of a connection did not come about.
#[derive(Debug, Error)]
pub enum AcceptError {
    /// The client did not finish its handshake.
    #[error("the client did not finish the handshake within {after:?}")]
    TimedOut {
        /// How long it was given.
        after: Duration,
    },
    /// The client went away or did not speak websocket.
    #[error("the handshake failed: {reason}")]
    Handshake {
        /// How.
        reason: String,
    },
}

/// A handshake that was agreed to and whose answer is on its way.
pub struct Upgrade {
    upgraded: OnUpgrade,
    options: WsOptions,
}

/// Agrees to a websocket handshake that a hyper server received. Return the response from the
/// service and, in another task, await [`Upgrade::finish`]. The hyper connection must be served
/// with upgrades.
pub fn upgrade<B>(
    request: &mut Request<B>,
    options: &WsOptions,
) -> Result<(Response<()>, Upgrade), UpgradeError> {
    let response = create_response_with_body(request, || ())
        .map_err(|failure| UpgradeError { reason: failure.to_string() })?;
    let upgraded = hyper::upgrade::on(request);
    Ok((response, Upgrade { upgraded, options: options.clone() }))
}

impl Upgrade {
    /// Waits until the response is out and takes the stream over.
    pub async fn finish(self) -> Result<(WsSender, WsReceiver), AcceptError> {
        let after = self.options.handshake_timeout;
        let upgraded = timeout(after, self.upgraded)
            .await
            .map_err(|_| AcceptError::TimedOut { after })?
            .map_err(|error| AcceptError::Handshake { reason: error.to_string() })?;
        let (stream, gate) = Gated::new(TokioIo::new(upgraded));
        let stream: ByteStream = Box::new(stream);
        let protocol = Some(self.options.protocol());
        let socket: Socket = WebSocketStream::from_raw_socket(stream, Role::Server, protocol).await;
        Ok(halves(socket, gate, &self.options))
    }
}

/// Serves a websocket, whatever its path, on a bare stream.
pub async fn accept(
    stream: impl RawStream + 'static,
    options: &WsOptions,
) -> Result<(WsSender, WsReceiver), AcceptError> {
    let (stream, gate) = Gated::new(stream);
    let stream: ByteStream = Box::new(stream);
    let after = options.handshake_timeout;
    let socket = timeout(after, accept_async_with_config(stream, Some(options.protocol())))
        .await
        .map_err(|_| AcceptError::TimedOut { after })?
        .map_err(|failure| AcceptError::Handshake { reason: failure.to_string() })?;
    Ok(halves(socket, gate, options))
}
