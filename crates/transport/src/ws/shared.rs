//! The one connection behind a sender and a receiver.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio_tungstenite::WebSocketStream;

use super::{WsOptions, WsReceiver, WsSender};
use crate::ByteStream;
use crate::gate::WriteGate;

pub(crate) type Socket = WebSocketStream<ByteStream>;

/// Held for one poll at a time, never over an await. The library keeps one waker for reading and
/// one for writing, so the halves may wait in two tasks.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Socket>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Socket> {
        self.0.lock().expect("the websocket library does not panic while it is polled")
    }
}

pub(crate) fn halves(
    socket: Socket,
    gate: WriteGate,
    options: &WsOptions,
) -> (WsSender, WsReceiver) {
    let shared = Shared(Arc::new(Mutex::new(socket)));
    (WsSender::new(shared.clone(), gate, options), WsReceiver::new(shared))
}
