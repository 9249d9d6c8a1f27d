//! Who listens to what. Each frame is written once and shared by all who get it.

use std::collections::BTreeMap;

use model::{Instruments, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::api::TimeUnit;
use crate::api::error::ApiError;
use crate::machine::{Exchange, Output, UserEvent};
use crate::streams::faults::{self, FrameFault, FrameFaults};
use crate::streams::name::StreamKey;
use crate::streams::recorded::RecordedStreams;
use crate::streams::{payload, user};

/// Most streams of one connection.
pub const MAX_STREAMS: usize = 1_024;
/// Most user data subscriptions of one connection in all its life.
const MAX_SUBSCRIPTIONS: u32 = 65_535;

/// A connection of the hub.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(u64);

/// Why the server ends a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With a close frame.
    Close {
        /// Code of RFC 6455.
        code: u16,
        /// Words for a person.
        reason: String,
    },
    /// Without a word: the transport is cut.
    Drop,
}

impl Ending {
    /// The reader was slower than its queue is long.
    fn too_slow(bound: usize) -> Self {
        Self::Close { code: 1008, reason: format!("too slow: {bound} frames were waiting") }
    }
}

#[derive(Debug)]
struct Subscription {
    id: u32,
    account: u32,
    /// Made by the session's logon, not by a signature of its own.
    is_session: bool,
}

#[derive(Debug)]
struct Connection {
    frames: mpsc::Sender<Utf8Bytes>,
    ending: watch::Sender<Option<Ending>>,
    unit: TimeUnit,
    is_combined: bool,
    is_for_streams: bool,
    names: Vec<String>,
    user: Vec<Subscription>,
    next_subscription: u32,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Market streams, payloads as they are.
    Raw,
    /// Market streams, payloads wrapped with the stream's name.
    Combined,
    /// The WebSocket API.
    Api,
}

/// Why streams can't be subscribed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscribeError {
    /// More streams than a connection may have.
    #[error("more than {MAX_STREAMS} streams")]
    TooMany,
    /// The market is recorded, and this stream neither was nor can be made from what was.
    #[error("stream {0} was not recorded and can't be derived")]
    NotRecorded(String),
}

/// Where a connection's frames go in.
pub type FrameSender = mpsc::Sender<Utf8Bytes>;

/// The two ends that a connection's task holds.
#[derive(Debug)]
pub struct Mailbox {
    /// Its number in the hub.
    pub id: ConnectionId,
    /// Frames to send, in order.
    pub frames: mpsc::Receiver<Utf8Bytes>,
    /// Set when the server ends the connection.
    pub ending: watch::Receiver<Option<Ending>>,
}

/// All connections and their subscriptions.
#[derive(Debug)]
pub struct Hub {
    connections: BTreeMap<ConnectionId, Connection>,
    listeners: BTreeMap<StreamKey, Vec<ConnectionId>>,
    /// Who listens to streams that are sent as they were recorded, by name.
    recorded_listeners: BTreeMap<String, Vec<ConnectionId>>,
    recorded: Option<RecordedStreams>,
    next_id: u64,
    queue: usize,
    /// Faults of frames to come.
    pub frame_faults: FrameFaults,
    /// Frames held back until the next one of their stream.
    held: BTreeMap<String, Vec<(ConnectionId, Utf8Bytes)>>,
    /// A fault: connections stay up, and neither market nor user events are sent on them. Requests of
    /// the WebSocket API are answered.
    pub is_silent: bool,
    /// What went over the websockets so far.
    pub traffic: Traffic,
}

/// Texts that went over all websockets since the start. A client whose own counts agree has
/// nothing on its way: see `/control/step`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Traffic {
    /// Texts of clients that were carried out; what they brought about is counted as sent.
    pub handled: u64,
    /// Texts to clients.
    pub sent: u64,
}

/// One payload in the forms that listeners want, each made when the first one wants it.
struct Forms<'a, F> {
    name: &'a str,
    make: F,
    raw: [Option<Option<Utf8Bytes>>; 2],
    combined: [Option<Utf8Bytes>; 2],
}

impl<F: Fn(TimeUnit) -> Option<String>> Forms<'_, F> {
    fn raw(&mut self, unit: TimeUnit) -> Option<Utf8Bytes> {
        let slot = &mut self.raw[unit as usize];
        slot.get_or_insert_with(|| (self.make)(unit).map(Utf8Bytes::from)).clone()
    }

    fn combined(&mut self, unit: TimeUnit) -> Option<Utf8Bytes> {
        if let Some(frame) = &self.combined[unit as usize] {
            return Some(frame.clone());
        }
        let raw = self.raw(unit)?;
        let frame = Utf8Bytes::from(format!(r#"{{"stream":"{}","data":{raw}}}"#, self.name));
        self.combined[unit as usize] = Some(frame.clone());
        Some(frame)
    }
}

impl Hub {
    /// A hub whose readers may have so many frames waiting.
    #[must_use]
    pub fn new(queue: usize) -> Self {
        Self {
            connections: BTreeMap::new(),
            listeners: BTreeMap::new(),
            recorded_listeners: BTreeMap::new(),
            recorded: None,
            next_id: 0,
            queue,
            frame_faults: FrameFaults::default(),
            held: BTreeMap::new(),
            is_silent: false,
            traffic: Traffic::default(),
        }
    }

    /// Sets which streams are sent as they were recorded.
    pub fn set_recorded(&mut self, recorded: RecordedStreams) {
        self.recorded = Some(recorded);
    }

    /// Takes in a connection.
    pub fn connect(&mut self, unit: TimeUnit, form: Form) -> Mailbox {
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let (frames, receiver) = mpsc::channel(self.queue);
        let (ending, ended) = watch::channel(None);
        let connection = Connection {
            frames,
            ending,
            unit,
            is_combined: form == Form::Combined,
            is_for_streams: form != Form::Api,
            names: Vec::new(),
            user: Vec::new(),
            next_subscription: 0,
        };
        self.connections.insert(id, connection);
        Mailbox { id, frames: receiver, ending: ended }
    }

    /// Forgets a connection.
    pub fn disconnect(&mut self, id: ConnectionId) {
        if self.connections.remove(&id).is_some() {
            let forget = |listeners: &mut Vec<ConnectionId>| {
                listeners.retain(|listener| *listener != id);
                !listeners.is_empty()
            };
            self.listeners.retain(|_, listeners| forget(listeners));
            self.recorded_listeners.retain(|_, listeners| forget(listeners));
        }
    }

    /// Ends all connections.
    pub fn end_all(&mut self, ending: &Ending) {
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.end_one(id, ending.clone());
        }
    }

    /// Ends all connections of market streams.
    pub fn end_streams(&mut self, ending: &Ending) {
        let ids: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_for_streams)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.end_one(id, ending.clone());
        }
    }

    /// Whether somebody listens to changes of a symbol's book.
    #[must_use]
    pub fn hears_depth_of(&self, symbol: model::Symbol) -> bool {
        let prefix = format!("{}@depth", symbol.as_str().to_lowercase());
        self.recorded_listeners.keys().any(|name| name.starts_with(&prefix))
    }

    /// Whether single trades of an instrument are recorded.
    #[must_use]
    pub fn records_trades(&self, instrument: model::InstrumentId) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| recorded.has_trades(instrument))
    }

    /// Ends a connection.
    pub fn end_one(&mut self, id: ConnectionId, ending: Ending) {
        if let Some(connection) = self.connections.get(&id) {
            connection.ending.send_replace(Some(ending));
        }
        self.disconnect(id);
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// How many different known streams have a listener.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.listeners.len() + self.recorded_listeners.len()
    }

    /// Subscribes; names that are not known are kept and stay silent.
    ///
    /// # Errors
    /// See [`SubscribeError`]; nothing is subscribed then.
    pub fn subscribe(
        &mut self,
        id: ConnectionId,
        names: &[String],
        instruments: &Instruments,
    ) -> Result<(), SubscribeError> {
        if let Some(recorded) = &self.recorded
            && let Some(name) = names.iter().find(|name| !recorded.can_serve(name, instruments))
        {
            return Err(SubscribeError::NotRecorded(name.clone()));
        }
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        let new: Vec<&String> =
            names.iter().filter(|name| !connection.names.contains(name)).collect();
        let total = connection.names.len() + new.len();
        if total > MAX_STREAMS {
            return Err(SubscribeError::TooMany);
        }
        for name in new {
            if self.recorded.as_ref().is_some_and(|recorded| recorded.has(name)) {
                self.recorded_listeners.entry(name.clone()).or_default().push(id);
            } else if let Some(key) = StreamKey::parse(name, instruments) {
                let listeners = self.listeners.entry(key).or_default();
                if !listeners.contains(&id) {
                    listeners.push(id);
                }
            }
            connection.names.push(name.clone());
        }
        Ok(())
    }

    /// Unsubscribes.
    pub fn unsubscribe(&mut self, id: ConnectionId, names: &[String], instruments: &Instruments) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.names.retain(|name| !names.contains(name));
        for name in names {
            if let Some(listeners) = self.recorded_listeners.get_mut(name) {
                listeners.retain(|listener| *listener != id);
                if listeners.is_empty() {
                    self.recorded_listeners.remove(name);
                }
            } else if let Some(key) = StreamKey::parse(name, instruments)
                && let Some(listeners) = self.listeners.get_mut(&key)
            {
                listeners.retain(|listener| *listener != id);
                if listeners.is_empty() {
                    self.listeners.remove(&key);
                }
            }
        }
    }

    /// Names that a connection is subscribed to, in the order of subscription.
    #[must_use]
    pub fn subscriptions(&self, id: ConnectionId) -> &[String] {
        self.connections.get(&id).map_or(&[], |connection| &connection.names)
    }

    /// Whether a connection gets events wrapped with the stream's name.
    #[must_use]
    pub fn is_combined(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.is_combined)
    }

    /// Sets whether a connection gets events wrapped.
    pub fn set_combined(&mut self, id: ConnectionId, is_combined: bool) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_combined = is_combined;
        }
    }

    /// Puts a frame into a connection's queue; past the bound the connection ends.
    pub fn send(&mut self, id: ConnectionId, frame: Utf8Bytes) {
        let Some(connection) = self.connections.get(&id) else { return };
        self.traffic.sent += 1;
        if let Err(mpsc::error::TrySendError::Full(_)) = connection.frames.try_send(frame) {
            self.end_one(id, Ending::too_slow(self.queue));
        }
    }

    /// Who gets a recorded stream, and whether wrapped with its name.
    #[must_use]
    pub fn recorded_listeners(&self, name: &str) -> Vec<(ConnectionId, bool)> {
        let Some(listeners) = self.recorded_listeners.get(name).filter(|_| !self.is_silent) else {
            return Vec::new();
        };
        let of = |id: &ConnectionId| {
            let connection = self.connections.get(id)?;
            Some((*id, connection.is_combined))
        };
        listeners.iter().filter_map(of).collect()
    }

    /// A connection of market streams whose queue has little room, with its queue and the room
    /// that it should have.
    #[must_use]
    pub fn crowded(&self) -> Option<(ConnectionId, FrameSender, usize)> {
        let room = (self.queue / 2).min(1_024);
        self.connections
            .iter()
            .filter(|(_, connection)| connection.is_for_streams && !connection.frames.is_closed())
            .find(|(_, connection)| connection.frames.capacity() < room)
            .map(|(id, connection)| (*id, connection.frames.clone(), room))
    }

    fn publish(
        &mut self,
        key: StreamKey,
        instruments: &Instruments,
        make: impl Fn(TimeUnit) -> Option<String>,
    ) {
        let Some(listeners) = self.listeners.get(&key).filter(|_| !self.is_silent) else {
            return;
        };
        let name = key.name(instruments);
        let mut forms = Forms { name: &name, make, raw: [None, None], combined: [None, None] };
        let mut frames = Vec::with_capacity(listeners.len());
        for id in listeners {
            let Some(connection) = self.connections.get(id) else { continue };
            let frame = if connection.is_combined {
                forms.combined(connection.unit)
            } else {
                forms.raw(connection.unit)
            };
            frames.extend(frame.map(|frame| (*id, frame)));
        }
        self.send_market(&name, frames);
    }

    /// Sends the frames of one event of a stream, as faults leave them.
    pub fn send_market(&mut self, stream: &str, frames: Vec<(ConnectionId, Utf8Bytes)>) {
        if frames.is_empty() {
            return;
        }
        let held = if self.held.is_empty() { None } else { self.held.remove(stream) };
        let fault = if held.is_some() { None } else { self.frame_faults.take(stream) };
        match fault {
            None => self.send_all(frames),
            Some(FrameFault::Skip) => {}
            Some(FrameFault::Duplicate) => {
                self.send_all(frames.clone());
                self.send_all(frames);
            }
            Some(FrameFault::Swap) => {
                self.held.insert(stream.to_owned(), frames);
            }
            Some(fault @ (FrameFault::Garble | FrameFault::Oversize)) => {
                let damage = |(id, frame)| (id, faults::damaged(fault, &frame).unwrap_or(frame));
                self.send_all(frames.into_iter().map(damage).collect());
            }
        }
        if let Some(held) = held {
            self.send_all(held);
        }
    }

    fn send_all(&mut self, frames: Vec<(ConnectionId, Utf8Bytes)>) {
        for (id, frame) in frames {
            self.send(id, frame);
        }
    }

    /// Sends what the machine brought out.
    pub fn dispatch(&mut self, exchange: &Exchange, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::User { account, event } => self.notify(*account, event),
                Output::Trade { .. }
                | Output::Aggregate { .. }
                | Output::Quote { .. }
                | Output::Depth { .. } => {
                    if let Some(key) = payload::key_of(output) {
                        self.publish(key, exchange.instruments(), |unit| {
                            payload::event(exchange, output, unit)
                        });
                    }
                }
            }
        }
    }

    /// Sends the streams that the clock sends at `at`.
    pub fn dispatch_paced(&mut self, exchange: &Exchange, at: Timestamp) {
        let due: Vec<StreamKey> = self
            .listeners
            .keys()
            .filter(|key| {
                key.kind.pace().is_some_and(|pace| {
                    let pace = i64::try_from(pace.as_nanos()).expect("paces are seconds");
                    at.as_nanos() % pace == 0
                })
            })
            .copied()
            .collect();
        for key in due {
            self.publish(key, exchange.instruments(), |unit| {
                payload::paced(exchange, key, at, unit)
            });
        }
    }

    /// Whether any stream that the clock sends has a listener.
    #[must_use]
    pub fn has_paced(&self) -> bool {
        self.listeners.keys().any(|key| key.kind.pace().is_some())
    }

    /// Tells all that the server will shut down. Returns whom.
    pub fn announce_shutdown(&mut self, now: Timestamp) -> Vec<ConnectionId> {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids.iter().copied() {
            let Some(connection) = self.connections.get(&id) else { continue };
            let event = format!(r#"{{"e":"serverShutdown","E":{}}}"#, connection.unit.of(now));
            let frame = match (connection.is_for_streams, connection.is_combined) {
                (false, _) => format!(r#"{{"event":{event}}}"#),
                (true, true) => format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#),
                (true, false) => event,
            };
            self.send(id, frame.into());
        }
        ids
    }

    /// Sends a text, whatever it is, to all connections of market streams, or to all others.
    /// Returns how many there are.
    pub fn broadcast(&mut self, is_for_streams: bool, text: &Utf8Bytes) -> usize {
        let ids: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_for_streams == is_for_streams)
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            self.send(*id, text.clone());
        }
        ids.len()
    }

    fn notify(&mut self, account: u32, event: &UserEvent) {
        if self.is_silent {
            return;
        }
        let mut texts: [Option<String>; 2] = [None, None];
        let mut slow = Vec::new();
        for (id, connection) in &self.connections {
            for subscription in connection.user.iter().filter(|sub| sub.account == account) {
                let unit = connection.unit;
                let text = texts[unit as usize].get_or_insert_with(|| user::event(event, unit));
                let frame = Utf8Bytes::from(user::wrap(subscription.id, text));
                self.traffic.sent += 1;
                if let Err(mpsc::error::TrySendError::Full(_)) = connection.frames.try_send(frame) {
                    slow.push(*id);
                }
            }
        }
        for id in slow {
            self.end_one(id, Ending::too_slow(self.queue));
        }
    }

    /// Opens a user data subscription.
    ///
    /// # Errors
    /// -2035 if the account has one on this connection, -2042 if the connection had too many.
    pub fn subscribe_user(
        &mut self,
        id: ConnectionId,
        account: u32,
        is_session: bool,
    ) -> Result<u32, ApiError> {
        let connection = self.connections.get_mut(&id).ok_or_else(ApiError::unknown)?;
        if connection.user.iter().any(|subscription| subscription.account == account) {
            return Err(ApiError::subscription_active());
        }
        let number = connection.next_subscription;
        if number >= MAX_SUBSCRIPTIONS {
            return Err(ApiError::too_many_subscriptions());
        }
        connection.next_subscription += 1;
        connection.user.push(Subscription { id: number, account, is_session });
        Ok(number)
    }

    /// Numbers of a connection's user data subscriptions.
    #[must_use]
    pub fn user_subscriptions(&self, id: ConnectionId) -> Vec<u32> {
        let connection = self.connections.get(&id);
        connection
            .map_or_else(Vec::new, |connection| connection.user.iter().map(|sub| sub.id).collect())
    }

    /// Closes a user data subscription, or all of a connection, and says so. Returns how many.
    pub fn unsubscribe_user(
        &mut self,
        id: ConnectionId,
        which: Unsubscribe,
        now: Timestamp,
    ) -> usize {
        let Some(connection) = self.connections.get_mut(&id) else { return 0 };
        let unit = connection.unit;
        let mut closed = Vec::new();
        connection.user.retain(|subscription| {
            let is_meant = match which {
                Unsubscribe::All => true,
                Unsubscribe::One(number) => subscription.id == number,
                Unsubscribe::Session => subscription.is_session,
            };
            if is_meant {
                closed.push(subscription.id);
            }
            !is_meant
        });
        for number in &closed {
            let event = user::terminated(now, unit);
            self.send(id, user::wrap(*number, &event).into());
        }
        closed.len()
    }
}

/// Which user data subscriptions to close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsubscribe {
    /// All of the connection.
    All,
    /// One by its number.
    One(u32),
    /// That of the session's logon.
    Session,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_so_many_user_subscriptions_and_no_more() {
        let mut hub = Hub::new(4);
        let mut mailbox = hub.connect(TimeUnit::Millisecond, Form::Api);
        let id = mailbox.id;
        for number in 0..MAX_SUBSCRIPTIONS {
            assert_eq!(hub.subscribe_user(id, 1, false), Ok(number));
            let twice = hub.subscribe_user(id, 1, false).unwrap_err();
            assert_eq!(twice.code, -2035);
            hub.unsubscribe_user(id, Unsubscribe::One(number), Timestamp::EPOCH);
            mailbox.frames.try_recv().unwrap();
        }
        assert_eq!(hub.subscribe_user(id, 1, false).unwrap_err().code, -2042);
    }
}
