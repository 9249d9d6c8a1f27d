//! The bounds and deadlines of one websocket.

use std::time::Duration;

use hyper::http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Bounds and deadlines of one websocket.
#[derive(Debug, Clone)]
pub struct WsOptions {
    /// Further headers of the client's handshake.
    pub headers: HeaderMap,
    /// Largest message accepted, put together from its frames, in bytes.
    pub max_message_bytes: usize,
    /// For the HTTP upgrade, after the stream is open.
    pub handshake_timeout: Duration,
    /// For the peer's TCP window to take what is being flushed; past it the connection is given
    /// up for writing.
    pub send_timeout: Duration,
    /// Most bytes that may wait to be written, frame headers included; a frame past it is refused.
    /// Not below 1 KiB.
    pub max_unsent_bytes: usize,
    /// Size of the read buffer, and so of one read. It is allocated at once, and cleared before
    /// each read: large enough for a burst, small enough not to cost more than the burst.
    pub read_buffer_bytes: usize,
}

impl Default for WsOptions {
    fn default() -> Self {
        Self {
            headers: HeaderMap::new(),
            max_message_bytes: 16 << 20,
            handshake_timeout: Duration::from_secs(5),
            send_timeout: Duration::from_secs(5),
            max_unsent_bytes: 1 << 20,
            read_buffer_bytes: 16 << 10,
        }
    }
}

/// The smallest bound on unsent bytes that still has room for a control frame.
const MIN_UNSENT_BYTES: usize = 1 << 10;
/// Past this many buffered bytes a batch starts to be written before its flush.
const EAGER_WRITE_BYTES: usize = 64 << 10;

impl WsOptions {
    pub(crate) fn protocol(&self) -> WebSocketConfig {
        let max_unsent = self.max_unsent_bytes.max(MIN_UNSENT_BYTES);
        WebSocketConfig::default()
            .read_buffer_size(self.read_buffer_bytes)
            .write_buffer_size(EAGER_WRITE_BYTES.min(max_unsent - 1))
            .max_write_buffer_size(max_unsent)
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes))
    }
}
