//! The vocabulary of machines that speak to a network without touching it.
//!
//! A protocol machine takes a [`WireInput`] and answers with [`WireEffect`]s; a shell in `actors`
//! opens sockets, sends requests and feeds back what happens. Nothing here knows a venue.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The two clocks that an input is stamped with. In live and paper they are the same; against
/// the simulated exchange the venue's clock is scaled or follows the recording, while transport
/// deadlines (ping, stall, timeout) always count wall time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Moment {
    /// The venue's time: what events, orders, signatures, bars and strategies go by.
    pub venue: Timestamp,
    /// Our computer's time: what transport deadlines go by.
    pub wall: Timestamp,
}

impl Moment {
    /// A moment at which both clocks agree, as in live, backtest and most tests.
    #[must_use]
    pub const fn same(at: Timestamp) -> Self {
        Self { venue: at, wall: at }
    }
}

/// A connection that a machine asked for. Never reused within a process: an input for an old
/// connection is recognised and ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ConnectionId(pub u32);

/// An HTTP request that a machine asked for. Never reused within a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// HTTP methods in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

/// An HTTP request, complete but for the sending.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL with its query.
    pub url: String,
    /// Header names in lower case, with values. May hold an API key: never logged.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for none.
    pub body: String,
    /// Wall time after which the request counts as failed.
    pub timeout: Duration,
}

/// An HTTP answer, whatever its status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, with values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the network did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WireInput<'a> {
    /// A connection is up.
    Opened {
        /// Which.
        connection: ConnectionId,
    },
    /// A text frame came.
    Text {
        /// Where.
        connection: ConnectionId,
        /// The whole message.
        text: &'a str,
    },
    /// A ping came; the transport has answered it.
    Pinged {
        /// Where.
        connection: ConnectionId,
    },
    /// A connection ended, or could not be opened. Nothing more will come from it.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why, in words for the log.
        reason: String,
    },
    /// The bytes of a text frame were handed to the operating system.
    Sent {
        /// Where.
        connection: ConnectionId,
        /// The tag that the effect carried.
        tag: u64,
    },
    /// A text frame could not be sent; `may_have_left` tells whether any byte of it may have.
    SendFailed {
        /// Where.
        connection: ConnectionId,
        /// The tag that the effect carried.
        tag: u64,
        /// False only when it is certain that no byte left.
        may_have_left: bool,
    },
    /// An HTTP answer came.
    Answered {
        /// To which request.
        request: RequestId,
        /// The answer.
        answer: HttpAnswer,
    },
    /// An HTTP request failed without an answer.
    RequestFailed {
        /// Which.
        request: RequestId,
        /// False only when it is certain that no byte left.
        may_have_left: bool,
        /// Why, in words for the log.
        reason: String,
    },
}

/// What a machine wants from the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WireEffect {
    /// Open a websocket; answered by `Opened` or `Closed`.
    Open {
        /// Its name from now on.
        connection: ConnectionId,
        /// `ws://` or `wss://` URL.
        url: String,
    },
    /// Close a websocket, without waiting; no `Closed` follows.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Send a text frame; answered by `Sent` or `SendFailed`.
    Send {
        /// Where.
        connection: ConnectionId,
        /// Comes back with the answer.
        tag: u64,
        /// The whole message. May hold a signature: never logged.
        text: String,
    },
    /// Send an HTTP request; answered by `Answered` or `RequestFailed`.
    Request {
        /// Its name from now on.
        request: RequestId,
        /// The request.
        http: HttpRequest,
    },
}
