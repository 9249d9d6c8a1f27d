//! Connecting to a websocket server.

use hyper::http::{Request, Uri};
use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as ProtocolFailure, handshake::client::Response};

use super::shared::{Socket, halves};
use super::{WsOptions, WsReceiver, WsSender};
use crate::url::{self, Origin};
use crate::{ConnectError, ConnectPhase, Dialer, Rejection};

/// Dials a `ws` or `wss` URL and upgrades. The URL goes out byte for byte as given, so its path and
/// query must be percent-encoded.
///
/// An error says that nothing but the handshake can have left. Redirects are not followed.
pub async fn connect(
    dialer: &Dialer,
    url: &str,
    options: &WsOptions,
) -> Result<(WsSender, WsReceiver), ConnectError> {
    let uri = url::parse(url)?;
    let origin = Origin::of_websocket(&uri)?;
    let request = handshake_request(uri, options)?;
    let (stream, gate) = dialer.dial(&origin).await?;
    let shaking = client_async_with_config(request, stream, Some(options.protocol()));
    match timeout(options.handshake_timeout, shaking).await {
        Ok(shaken) => {
            let (socket, _response): (Socket, Response) =
                shaken.map_err(|failure| refused(&origin, failure))?;
            Ok(halves(socket, gate, options))
        }
        Err(_) => Err(ConnectError::TimedOut {
            target: origin.target,
            phase: ConnectPhase::Handshake,
            after: options.handshake_timeout,
        }),
    }
}

fn handshake_request(uri: Uri, options: &WsOptions) -> Result<Request<()>, ConnectError> {
    let mut request = uri
        .into_client_request()
        .map_err(|failure| ConnectError::InvalidUrl { reason: failure.to_string() })?;
    for (name, value) in &options.headers {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}

fn refused(origin: &Origin, failure: ProtocolFailure) -> ConnectError {
    if let ProtocolFailure::Http(response) = failure {
        let (head, body) = response.into_parts();
        return ConnectError::Rejected(Box::new(Rejection {
            status: head.status,
            headers: head.headers,
            body: body.unwrap_or_default().into(),
        }));
    }
    ConnectError::Handshake { target: origin.target.clone(), source: Box::new(failure) }
}
