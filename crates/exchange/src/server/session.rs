//! What every websocket has: a mailbox, pings, a limited life, an ending.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::state::Shared;
use crate::streams::hub::{Ending, Mailbox};

/// A websocket of the server.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Frames taken from the queue at once.
const BATCH: usize = 64;
const PONG_TIMEOUT: &str = "pong timeout";
/// A reader that does not read can't be told good-bye.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a websocket's task does next.
#[derive(Debug)]
pub enum Event {
    /// The client sent a text.
    Text(Utf8Bytes),
    /// The client sent a ping or a pong: it counts as a message.
    Beat,
    /// It is over; whatever had to be said was said.
    Over,
}

/// A websocket with its mailbox and its timers.
pub struct Session {
    socket: Socket,
    /// Its mailbox.
    pub mailbox: Mailbox,
    batch: Vec<Utf8Bytes>,
    /// Texts taken from the queue, and pings, that are not sent yet.
    unsent: VecDeque<Message>,
    ping_every: Duration,
    pong_within: Duration,
    next_ping: Instant,
    ends_at: Instant,
    /// The oldest ping without a pong: when it was sent, and the payload of the newest.
    unanswered: Option<Instant>,
    payload: u64,
}

impl Session {
    /// Takes over a socket.
    pub fn new(shared: &Shared, socket: Socket, mailbox: Mailbox) -> Self {
        let config = &shared.config;
        let now = Instant::now();
        Self {
            socket,
            mailbox,
            batch: Vec::with_capacity(BATCH),
            unsent: VecDeque::with_capacity(BATCH),
            ping_every: config.ping_every,
            pong_within: config.pong_within,
            next_ping: now + config.ping_every,
            ends_at: now + config.connection_life,
            unanswered: None,
            payload: 0,
        }
    }

    /// Sends what is queued, keeps the timers, and returns what the client did.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.turn().await {
                return event;
            }
        }
    }

    async fn turn(&mut self) -> Option<Event> {
        enum Turn {
            Ended,
            Frames,
            Incoming(Option<Result<Message, Error>>),
            Timer,
        }
        let timer = self.next_ping.min(self.ends_at);
        let turn = tokio::select! {
            biased;
            _ = self.mailbox.ending.changed() => Turn::Ended,
            incoming = self.socket.next() => Turn::Incoming(incoming),
            count = self.mailbox.frames.recv_many(&mut self.batch, BATCH) => {
                if count == 0 { Turn::Ended } else { Turn::Frames }
            }
            () = tokio::time::sleep_until(timer) => Turn::Timer,
        };
        match turn {
            Turn::Ended => Some(self.end().await),
            Turn::Frames => self.send_batch().await,
            Turn::Incoming(Some(Ok(Message::Close(_)))) => Some(self.answer_close().await),
            Turn::Incoming(Some(Ok(message))) => self.receive(message),
            Turn::Incoming(Some(Err(error))) => Some(self.refuse(&error).await),
            Turn::Incoming(None) => Some(Event::Over),
            Turn::Timer => self.beat().await,
        }
    }

    fn receive(&mut self, message: Message) -> Option<Event> {
        match message {
            Message::Text(text) => Some(Event::Text(text)),
            Message::Binary(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Some(Event::Text(text.into()))
            }
            Message::Ping(_) => Some(Event::Beat),
            Message::Pong(payload) => {
                if payload.as_ref() == self.payload.to_string().as_bytes() {
                    self.unanswered = None;
                }
                Some(Event::Beat)
            }
            Message::Close(_) | Message::Frame(_) => None,
        }
    }

    /// Echoes a client's close frame, as RFC 6455, 5.5.1, asks, and lets go.
    async fn answer_close(&mut self) -> Event {
        let answered = async {
            // The protocol has put the echo in line; what was queued before it is not sent any more.
            self.socket.flush().await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), Error>(())
        };
        let _ = tokio::time::timeout(PATIENCE, answered).await;
        Event::Over
    }

    /// Says why a message can't be read, where the transport still carries words.
    async fn refuse(&mut self, error: &Error) -> Event {
        match error {
            Error::Capacity(_) => self.close(1009, "message too big").await,
            Error::Utf8(_) => self.close(1007, "invalid UTF-8").await,
            Error::Protocol(_) => self.close(1002, "protocol error").await,
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Tls(_)
            | Error::WriteBufferFull(_)
            | Error::AttackAttempt
            | Error::Url(_)
            | Error::Http(_)
            | Error::HttpFormat(_) => Event::Over,
        }
    }

    async fn send_batch(&mut self) -> Option<Event> {
        self.unsent.extend(self.batch.drain(..).map(Message::Text));
        self.send_unsent().await
    }

    /// Sends what is to be sent, unless the connection ends first: a reader that stands still must
    /// not hold up its own end. One who has not taken it all for as long as a pong may take is gone.
    async fn send_unsent(&mut self) -> Option<Event> {
        enum Sending {
            Done(bool),
            Ended,
            TimedOut,
        }
        let patience = tokio::time::sleep_until(Instant::now() + self.pong_within);
        let Self { socket, mailbox, unsent, .. } = self;
        let sending = async {
            while !unsent.is_empty() {
                std::future::poll_fn(|context| socket.poll_ready_unpin(context)).await?;
                if let Some(message) = unsent.pop_front() {
                    socket.start_send_unpin(message)?;
                }
            }
            socket.flush().await
        };
        let sending = tokio::select! {
            biased;
            _ = mailbox.ending.changed() => Sending::Ended,
            result = sending => Sending::Done(result.is_ok()),
            () = patience => Sending::TimedOut,
        };
        match sending {
            Sending::Done(true) => None,
            Sending::Done(false) => Some(Event::Over),
            Sending::Ended => Some(self.end().await),
            Sending::TimedOut => Some(self.close(1008, PONG_TIMEOUT).await),
        }
    }

    async fn beat(&mut self) -> Option<Event> {
        let now = Instant::now();
        if now >= self.ends_at {
            return Some(self.close(1001, "the connection has reached its age limit").await);
        }
        let is_dead = self.unanswered.is_some_and(|since| now - since >= self.pong_within);
        if is_dead {
            return Some(self.close(1008, PONG_TIMEOUT).await);
        }
        self.payload += 1;
        self.unanswered.get_or_insert(now);
        self.next_ping = now + self.ping_every;
        self.unsent.push_back(Message::Ping(self.payload.to_string().into()));
        self.send_unsent().await
    }

    async fn end(&mut self) -> Event {
        let ending = self.mailbox.ending.borrow().clone();
        match ending {
            Some(Ending::Close { code, reason }) => self.close(code, &reason).await,
            Some(Ending::Drop) | None => Event::Over,
        }
    }

    /// Closes with a code and a reason.
    pub async fn close(&mut self, code: u16, reason: &str) -> Event {
        let reason = Utf8Bytes::from(fitting(reason).to_owned());
        let frame = CloseFrame { code: CloseCode::from(code), reason };
        let _ = tokio::time::timeout(PATIENCE, async {
            // What was queued before comes first.
            let queued = |mailbox: &mut Mailbox| mailbox.frames.try_recv().ok().map(Message::Text);
            while let Some(message) = self.unsent.pop_front().or_else(|| queued(&mut self.mailbox))
            {
                self.socket.feed(message).await?;
            }
            self.socket.close(Some(frame)).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), Error>(())
        })
        .await;
        Event::Over
    }
}

/// As much of a reason as a close frame has room for: a control frame's 125 bytes without the
/// code's two (RFC 6455, 5.5).
fn fitting(reason: &str) -> &str {
    const MOST: usize = 123;
    &reason[..reason.floor_char_boundary(MOST)]
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn a_reason_fits_into_a_close_frame_whatever_it_says() {
        #[track_caller]
        fn check(reason: &str, bytes: usize) {
            assert_eq!(fitting(reason).len(), bytes);
        }
        check("IP banned", 9);
        check(&"x".repeat(123), 123);
        check(&"x".repeat(500), 123);
        check(&"€".repeat(50), 123);
        check(&"ü".repeat(100), 122);
    }
}
