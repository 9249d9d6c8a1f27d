//! The sending half, and what is known about a frame that could not be sent.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::SinkExt;
use thiserror::Error;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding;
use tokio_tungstenite::tungstenite::{Error as ProtocolFailure, Message};

use super::shared::Shared;
use super::{CloseCode, Utf8Bytes, WsFrame, WsOptions};
use crate::gate::WriteGate;

/// Payload bytes of the largest control frame, RFC 6455 section 5.5.
const MAX_CONTROL_BYTES: usize = 125;
/// A close frame's reason shares its payload with the two bytes of the code.
const MAX_REASON_BYTES: usize = MAX_CONTROL_BYTES - 2;

/// Why sending failed.
#[derive(Debug, Error)]
pub enum SendFailure {
    /// The connection is closing or closed, or an earlier send failed.
    #[error("the connection is closed")]
    Closed,
    /// More is waiting to be written than allowed: the peer does not read fast enough.
    #[error("too much is waiting to be sent")]
    BufferFull,
    /// A ping or pong carries more than 125 bytes.
    #[error("a control frame of {size_bytes} bytes, at most 125 are allowed")]
    ControlTooBig {
        /// Its payload's size.
        size_bytes: usize,
    },
    /// The peer took nothing for as long as it may. The connection is no longer written.
    #[error("the peer took nothing for {after:?}")]
    TimedOut {
        /// How long it was given.
        after: Duration,
    },
    /// The stream failed. The connection is no longer written.
    #[error("the connection failed: {source}")]
    Io {
        /// How.
        source: io::Error,
    },
}

/// Sending failed. Says whether the peer may have got any of it.
#[derive(Debug, Error)]
pub enum SendError {
    /// Not one byte of what was to be sent has left, or ever will.
    #[error("not sent: {0}")]
    NotSent(SendFailure),
    /// Some of it may have left.
    #[error("maybe sent: {0}")]
    MaybeSent(SendFailure),
}

impl SendError {
    /// Whether the peer may have got any of it.
    pub fn may_have_left(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::MaybeSent(_) => true,
        }
    }

    /// Why it failed.
    pub fn failure(&self) -> &SendFailure {
        match self {
            Self::NotSent(failure) | Self::MaybeSent(failure) => failure,
        }
    }
}

/// What a flush that may not wait achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "what is pending goes out only when flushed again"]
pub enum Flush {
    /// All of it is with the system's socket.
    Done,
    /// The socket takes no more at present: await [`WsSender::flush`].
    Pending,
}

/// Sends on a websocket.
///
/// A frame is first queued in a bounded buffer, then flushed to the socket; one flush serves any
/// number of queued frames. [`Self::try_send`] does both without waiting, which on a healthy
/// connection writes the frame to the socket before it returns.
///
/// Dropping the future of a send or a flush leaves the frames queued: treat them as maybe sent.
pub struct WsSender {
    shared: Shared,
    gate: WriteGate,
    /// Bytes the stream had accepted when the oldest unflushed frame was queued.
    unflushed_since: Option<u64>,
    send_timeout: Duration,
}

impl WsSender {
    pub(crate) fn new(shared: Shared, gate: WriteGate, options: &WsOptions) -> Self {
        Self { shared, gate, unflushed_since: None, send_timeout: options.send_timeout }
    }

    /// Queues a frame and flushes.
    pub async fn send(&mut self, frame: WsFrame) -> Result<(), SendError> {
        self.queue_waiting(frame).await?;
        self.flush().await
    }

    /// Queues all the frames, then flushes once. An error speaks of the batch as a whole:
    /// `NotSent` says that none of it has left.
    pub async fn send_all(
        &mut self,
        frames: impl IntoIterator<Item = WsFrame>,
    ) -> Result<(), SendError> {
        let since = self.gate.written_bytes();
        for (queued, frame) in frames.into_iter().enumerate() {
            self.queue_waiting(frame).await.map_err(|error| match error {
                SendError::NotSent(failure) if queued > 0 && self.may_leave(since) => {
                    SendError::MaybeSent(failure)
                }
                SendError::NotSent(_) | SendError::MaybeSent(_) => error,
            })?;
        }
        self.flush().await
    }

    /// Queues a frame and writes as much as the socket takes now. For callers that may not wait.
    pub fn try_send(&mut self, frame: WsFrame) -> Result<Flush, SendError> {
        self.queue(frame)?;
        self.try_flush()
    }

    /// Queues a frame. It goes out with the next flush, or before if the buffer fills.
    pub fn queue(&mut self, frame: WsFrame) -> Result<(), SendError> {
        if let WsFrame::Ping(payload) | WsFrame::Pong(payload) = &frame
            && payload.len() > MAX_CONTROL_BYTES
        {
            let size_bytes = payload.len();
            return Err(SendError::NotSent(SendFailure::ControlTooBig { size_bytes }));
        }
        self.queue_message(frame.into_message())
    }

    /// Waits until everything queued is with the system's socket.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        // Most flushes need no timer.
        if self.try_flush()? == Flush::Done {
            return Ok(());
        }
        let flushing = poll_fn(|cx| self.shared.lock().poll_flush_unpin(cx));
        match timeout(self.send_timeout, flushing).await {
            Ok(flushed) => self.flushed(flushed),
            Err(_) => {
                let after = self.send_timeout;
                Err(self.give_up(self.unflushed_since, SendFailure::TimedOut { after }))
            }
        }
    }

    /// Writes as much of what is queued as the socket takes now.
    pub fn try_flush(&mut self) -> Result<Flush, SendError> {
        let polled = self.shared.lock().poll_flush_unpin(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Ready(flushed) => self.flushed(flushed).map(|()| Flush::Done),
            Poll::Pending => Ok(Flush::Pending),
        }
    }

    /// Sends a close frame after all that is queued. The receiver gives [`super::WsEvent::Closed`]
    /// when the peer has confirmed. Closing twice is fine. A reason longer than 123 bytes is cut.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let frame = CloseFrame {
            code: coding::CloseCode::from(code.get()),
            reason: Utf8Bytes::from(cut(reason, MAX_REASON_BYTES)),
        };
        match self.queue_message(Message::Close(Some(frame))) {
            Ok(()) => self.flush().await,
            Err(SendError::NotSent(SendFailure::Closed)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn queue_waiting(&mut self, frame: WsFrame) -> Result<(), SendError> {
        match self.queue(frame.clone()) {
            Err(SendError::NotSent(SendFailure::BufferFull)) => {
                self.flush().await?;
                self.queue(frame)
            }
            queued => queued,
        }
    }

    fn queue_message(&mut self, message: Message) -> Result<(), SendError> {
        let Some(since) = self.gate.written_if_open() else {
            return Err(SendError::NotSent(SendFailure::Closed));
        };
        let queued = self.shared.lock().start_send_unpin(message);
        match queued {
            Ok(()) => {
                self.unflushed_since.get_or_insert(since);
                Ok(())
            }
            Err(failure) => Err(self.failed(Some(since), failure)),
        }
    }

    fn flushed(&mut self, flushed: Result<(), ProtocolFailure>) -> Result<(), SendError> {
        match flushed {
            Ok(()) => {
                self.unflushed_since = None;
                Ok(())
            }
            Err(failure) => Err(self.failed(self.unflushed_since, failure)),
        }
    }

    fn failed(&mut self, since: Option<u64>, failure: ProtocolFailure) -> SendError {
        match failure {
            ProtocolFailure::WriteBufferFull(_) => SendError::NotSent(SendFailure::BufferFull),
            ProtocolFailure::Io(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                self.give_up(since, SendFailure::Io { source })
            }
            // Refused before it was queued. What was queued earlier, the close frame too, may go.
            ProtocolFailure::Protocol(ProtocolError::SendAfterClosing)
            | ProtocolFailure::ConnectionClosed
            | ProtocolFailure::AlreadyClosed => SendError::NotSent(SendFailure::Closed),
            ProtocolFailure::Io(_)
            | ProtocolFailure::Protocol(_)
            | ProtocolFailure::Tls(_)
            | ProtocolFailure::Capacity(_)
            | ProtocolFailure::Utf8(_)
            | ProtocolFailure::AttackAttempt
            | ProtocolFailure::Url(_)
            | ProtocolFailure::Http(_)
            | ProtocolFailure::HttpFormat(_) => self.give_up(since, SendFailure::Closed),
        }
    }

    /// Nothing more may leave, so that the verdict stays true.
    fn give_up(&mut self, since: Option<u64>, failure: SendFailure) -> SendError {
        let written = self.gate.shut();
        match since {
            Some(since) if written != since => SendError::MaybeSent(failure),
            Some(_) | None => SendError::NotSent(failure),
        }
    }

    /// Whether what was queued since then has left, or still can.
    fn may_leave(&self, since: u64) -> bool {
        self.gate.written_if_open().is_some() || self.gate.written_bytes() != since
    }
}

/// The longest beginning of `text` that fits.
fn cut(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_reason_is_cut_between_characters() {
        for (text, max_bytes, expected) in
            [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("abé", 3, "ab"), ("é", 1, "")]
        {
            assert_eq!(cut(text, max_bytes), expected, "{text} at {max_bytes}");
        }
    }
}
