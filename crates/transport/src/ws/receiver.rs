//! The receiving half.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_util::Stream;
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::{Error as ProtocolFailure, Message};

use super::shared::Shared;
use super::{CloseCode, ReceiveError, Utf8Bytes, WsEvent};

type Received = Result<Message, ProtocolFailure>;

/// Receives from a websocket. Also a [`Stream`].
///
/// After [`WsEvent::Closed`] or an error the next item is `None`. All methods are cancel-safe: what
/// was not handed out is handed out next.
pub struct WsReceiver {
    shared: Shared,
    /// Read ahead while a ping or a close was being answered; at most one.
    ahead: Option<Received>,
    ended: bool,
}

impl WsReceiver {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared, ahead: None, ended: false }
    }

    /// The next event, or `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Result<WsEvent, ReceiveError>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event if it is already here: no waiting, no wake-up asked for. `None` says only
    /// that there is nothing more to be had right now; await [`Self::next`] for more, or the end.
    pub fn try_next(&mut self) -> Option<Result<WsEvent, ReceiveError>> {
        match self.poll_event(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Waits for one event, then appends it and all that is already here to `events`, up to `max`
    /// in one go. Returns how many were appended; 0 means that the connection has ended. An error
    /// is returned at once if it comes first; otherwise the next call returns it.
    pub async fn next_batch(
        &mut self,
        events: &mut Vec<WsEvent>,
        max: usize,
    ) -> Result<usize, ReceiveError> {
        match self.next().await {
            None => return Ok(0),
            Some(first) => events.push(first?),
        }
        let mut count = 1;
        while count < max {
            match poll_now(|cx| self.poll_message(cx)) {
                Some(Ok(message)) => events.push(self.event(message)),
                Some(Err(failure)) => {
                    self.ahead = Some(Err(failure));
                    break;
                }
                None => break,
            }
            count += 1;
        }
        Ok(count)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<WsEvent, ReceiveError>>> {
        let received = ready!(self.poll_message(cx));
        Poll::Ready(received.map(|received| match received {
            Ok(message) => Ok(self.event(message)),
            Err(failure) => {
                self.ended = true;
                Err(ReceiveError::of(failure))
            }
        }))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        if let Some(ahead) = self.ahead.take() {
            if let Ok(message) = &ahead {
                self.answer(message, cx);
            }
            return Poll::Ready(Some(ahead));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let received = ready!(self.shared.lock().poll_next_unpin(cx));
        if let Some(Ok(message)) = &received {
            self.answer(message, cx);
        }
        Poll::Ready(received)
    }

    /// The library answers a ping or a close when it is next read. Read on now, so that the answer
    /// does not wait for whatever our caller does with the event.
    fn answer(&mut self, message: &Message, cx: &mut Context<'_>) {
        let is_answered = message.is_ping() || message.is_close();
        if is_answered
            && !self.ended
            && let Poll::Ready(Some(ahead)) = self.shared.lock().poll_next_unpin(cx)
        {
            self.ahead = Some(ahead);
        }
    }

    fn event(&mut self, message: Message) -> WsEvent {
        match message {
            Message::Text(text) => WsEvent::Text(text),
            Message::Binary(bytes) => WsEvent::Binary(bytes),
            Message::Ping(bytes) => WsEvent::Ping(bytes),
            Message::Pong(bytes) => WsEvent::Pong(bytes),
            Message::Close(frame) => {
                self.ended = true;
                self.ahead = None;
                match frame {
                    Some(frame) => WsEvent::Closed {
                        code: Some(CloseCode::received(frame.code)),
                        reason: frame.reason,
                    },
                    None => WsEvent::Closed { code: None, reason: Utf8Bytes::default() },
                }
            }
            Message::Frame(_) => unreachable!("reading never gives a raw frame"),
        }
    }
}

fn poll_now<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<Option<T>>) -> Option<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => None,
    }
}

impl Stream for WsReceiver {
    type Item = Result<WsEvent, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}
