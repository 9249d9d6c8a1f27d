//! Sending between actors, with a written bound and policy on every edge.
//!
//! actix's own ways lose messages quietly: `do_send` ignores the bound and drops without a word
//! once the mailbox is closed, and a fresh `Addr` per message has a fresh bound. So each edge is
//! one long-lived [`Recipient`] in one outbox, and every refusal is acted upon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::dev::SendError;
use actix::{Message, Recipient};
use serde::Serialize;

/// The counters of one mailbox edge, shared by sender, receiver and monitor.
#[derive(Debug)]
pub struct Gauge {
    name: String,
    bound: usize,
    sent: AtomicU64,
    handled: AtomicU64,
    conflated: AtomicU64,
    refused: AtomicU64,
}

/// What the monitor shows of an edge.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GaugeReading {
    /// `from → to`.
    pub name: String,
    /// Messages waiting now.
    pub depth: u64,
    /// Most that may wait.
    pub bound: usize,
    /// Sent since the start.
    pub sent: u64,
    /// Replaced by newer ones before they were sent.
    pub conflated: u64,
    /// Refused because the mailbox was full or closed.
    pub refused: u64,
}

impl Gauge {
    /// A gauge for an edge with a bound.
    #[must_use]
    pub fn new(name: impl Into<String>, bound: usize) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            bound,
            sent: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            conflated: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// A message went in.
    pub(crate) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// A message found no room.
    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Refused because the mailbox was full or closed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The receiver has taken a message out.
    pub fn count_handled(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages waiting now.
    #[must_use]
    pub fn depth(&self) -> u64 {
        let handled = self.handled.load(Ordering::Relaxed);
        self.sent.load(Ordering::Relaxed).saturating_sub(handled)
    }

    /// Most that may wait.
    #[must_use]
    pub const fn bound(&self) -> usize {
        self.bound
    }

    /// `from → to`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All counters at once.
    #[must_use]
    pub fn read(&self) -> GaugeReading {
        GaugeReading {
            name: self.name.clone(),
            depth: self.depth(),
            bound: self.bound,
            sent: self.sent.load(Ordering::Relaxed),
            conflated: self.conflated.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

/// A mailbox that did not take a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// As many messages wait as may.
    #[error("mailbox is full")]
    Full,
    /// Its actor is gone.
    #[error("mailbox is closed")]
    Closed,
}

/// One edge to one mailbox.
pub struct Outbox<M: Message + Send + 'static>
where
    M::Result: Send,
{
    recipient: Recipient<M>,
    gauge: Arc<Gauge>,
}

impl<M: Message + Send + 'static> std::fmt::Debug for Outbox<M>
where
    M::Result: Send,
{
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Outbox").field(&self.gauge.read()).finish()
    }
}

impl<M: Message + Send + 'static> Outbox<M>
where
    M::Result: Send,
{
    /// An outbox over the one recipient of the edge. The gauge's bound must be what the receiver
    /// sets as its mailbox capacity, or less.
    #[must_use]
    pub const fn new(recipient: Recipient<M>, gauge: Arc<Gauge>) -> Self {
        Self { recipient, gauge }
    }

    /// Sends, or says why not. Nothing is lost without the caller knowing.
    ///
    /// # Errors
    /// [`Refused`]; the message is dropped then.
    pub fn send(&self, message: M) -> Result<(), Refused> {
        // The mailbox has many senders; the bound that is written down is this edge's own.
        if self.gauge.depth() >= self.gauge.bound as u64 {
            self.gauge.count_refused();
            return Err(Refused::Full);
        }
        match self.recipient.try_send(message) {
            Ok(()) => {
                self.gauge.count_sent();
                Ok(())
            }
            Err(error) => {
                self.gauge.count_refused();
                Err(match error {
                    SendError::Full(_) => Refused::Full,
                    SendError::Closed(_) => Refused::Closed,
                })
            }
        }
    }

    /// The counters of the edge.
    #[must_use]
    pub const fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

/// An edge on which the latest of each key wins: while the receiver is behind, older messages of
/// the same key are replaced instead of queued.
#[derive(Debug)]
pub struct ConflatingOutbox<K, M: Message + Send + 'static>
where
    M::Result: Send,
{
    outbox: Outbox<M>,
    pending: BTreeMap<K, M>,
}

impl<K: Ord, M: Message + Send + 'static> ConflatingOutbox<K, M>
where
    M::Result: Send,
{
    /// A conflating edge.
    #[must_use]
    pub const fn new(outbox: Outbox<M>) -> Self {
        Self { outbox, pending: BTreeMap::new() }
    }

    /// Sends, or keeps as the latest of its key until the receiver has caught up.
    ///
    /// # Errors
    /// [`Refused::Closed`] when nobody will ever receive it.
    pub fn send(&mut self, key: K, message: M) -> Result<(), Refused> {
        let behind = !self.pending.is_empty() || self.is_half_full();
        if behind {
            if self.pending.insert(key, message).is_some() {
                self.outbox.gauge.conflated.fetch_add(1, Ordering::Relaxed);
            }
            return self.flush();
        }
        self.outbox.send(message)
    }

    /// Conflation begins before the mailbox is full, so that events that must not be dropped
    /// still find room.
    fn is_half_full(&self) -> bool {
        self.outbox.gauge.depth() * 2 >= self.outbox.gauge.bound() as u64
    }

    /// Sends what was kept, as far as the receiver has caught up.
    ///
    /// # Errors
    /// [`Refused::Closed`] when nobody will ever receive it.
    pub fn flush(&mut self) -> Result<(), Refused> {
        while !self.is_half_full()
            && let Some((_, message)) = self.pending.pop_first()
        {
            self.outbox.send(message)?;
        }
        Ok(())
    }

    /// Whether something is kept back.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Sends a message that does not conflate, in its turn.
    ///
    /// # Errors
    /// [`Refused`]; the message is dropped then.
    pub fn send_in_order(&self, message: M) -> Result<(), Refused> {
        self.outbox.send(message)
    }

    /// The counters of the edge.
    #[must_use]
    pub const fn gauge(&self) -> &Arc<Gauge> {
        self.outbox.gauge()
    }
}
