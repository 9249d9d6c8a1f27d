//! What is noted of an input.

use std::borrow::Cow;
use std::fmt;

use model::{
    Amount, Asset, CancelReason, Fill, InstrumentId, Instruments, MarketEvent, OrderId, StrategyId,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::masked::masked;
use super::recorded::VenueGiven;
use crate::feed::FeedInput;
use crate::journal::{Durability, Persisted, Record};
use crate::messages::{CancelScope, ExecutionRequest};
use crate::orders::{ExecutionInput, Unexplained};
use crate::risk::{Authority, RiskInput, TradingState};
use crate::strategy::{HostInput, WarmUp};
use crate::venue::{Balance, VenueEvent, VenueInput};
use crate::wire::{ConnectionId, HttpAnswer, Moment, RequestId, WireInput};

/// An input as a machine got it, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// When, by both clocks.
    pub now: Moment,
    /// To whom, and what.
    pub input: Delivered,
    /// Of the effects of this input.
    pub effects: Digest,
    /// Of the machine after it; noted now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Digest>,
}

/// A machine whose inputs are noted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Machine {
    /// Frames to market events.
    Feed,
    /// The gate with the portfolio.
    Risk,
    /// Orders.
    Execution,
    /// The session with the venue, or paper's own venue.
    Venue,
    /// A strategy with its host.
    Strategy(StrategyId),
}

impl fmt::Display for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feed => out.write_str("feed"),
            Self::Risk => out.write_str("risk"),
            Self::Execution => out.write_str("execution"),
            Self::Venue => out.write_str("venue"),
            Self::Strategy(strategy) => write!(out, "strategy {strategy}"),
        }
    }
}

/// An input of one of the machines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// Of the feed.
    Feed(FeedDelivered),
    /// Of the gate.
    Risk(RiskDelivered),
    /// Of execution.
    Execution(ExecutionDelivered),
    /// Of the venue.
    Venue(VenueDelivered),
    /// Of a strategy's host.
    Strategy(StrategyId, HostDelivered),
}

impl Delivered {
    /// Whose it is.
    #[must_use]
    pub const fn machine(&self) -> Machine {
        match self {
            Self::Feed(_) => Machine::Feed,
            Self::Risk(_) => Machine::Risk,
            Self::Execution(_) => Machine::Execution,
            Self::Venue(_) => Machine::Venue,
            Self::Strategy(strategy, _) => Machine::Strategy(*strategy),
        }
    }
}

/// The body of an answer: text, as every venue sends it, or else bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl From<Body> for Vec<u8> {
    fn from(body: Body) -> Self {
        match body {
            Body::Text(text) => text.into_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }
}

/// See [`WireInput`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum WireDelivered {
    Opened {
        connection: ConnectionId,
    },
    /// A frame. In a file the text of the feed's is among the recorded frames, unless it does not
    /// fit there.
    Frame {
        connection: ConnectionId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    Pinged {
        connection: ConnectionId,
    },
    Closed {
        connection: ConnectionId,
        reason: String,
    },
    Sent {
        connection: ConnectionId,
        tag: u64,
    },
    SendFailed {
        connection: ConnectionId,
        tag: u64,
        may_have_left: bool,
    },
    Answered {
        request: RequestId,
        status: u16,
        headers: Vec<(String, String)>,
        body: Body,
    },
    RequestFailed {
        request: RequestId,
        may_have_left: bool,
        reason: String,
    },
}

impl From<&WireInput<'_>> for WireDelivered {
    fn from(input: &WireInput<'_>) -> Self {
        match input {
            WireInput::Opened { connection } => Self::Opened { connection: *connection },
            WireInput::Text { connection, text } => {
                Self::Frame { connection: *connection, text: Some((*text).to_owned()) }
            }
            WireInput::Pinged { connection } => Self::Pinged { connection: *connection },
            WireInput::Closed { connection, reason } => {
                Self::Closed { connection: *connection, reason: reason.clone() }
            }
            WireInput::Sent { connection, tag } => {
                Self::Sent { connection: *connection, tag: *tag }
            }
            WireInput::SendFailed { connection, tag, may_have_left } => Self::SendFailed {
                connection: *connection,
                tag: *tag,
                may_have_left: *may_have_left,
            },
            WireInput::Answered { request, answer } => Self::Answered {
                request: *request,
                status: answer.status,
                headers: answer.headers.clone(),
                body: Body::from(answer.body.as_slice()),
            },
            WireInput::RequestFailed { request, may_have_left, reason } => Self::RequestFailed {
                request: *request,
                may_have_left: *may_have_left,
                reason: reason.clone(),
            },
        }
    }
}

impl WireDelivered {
    /// The input again, its text kept in `frame`. `None` for a frame without its text.
    #[must_use]
    pub fn input(self, frame: &mut String) -> Option<WireInput<'_>> {
        Some(match self {
            Self::Opened { connection } => WireInput::Opened { connection },
            Self::Frame { connection, text } => {
                *frame = text?;
                WireInput::Text { connection, text: frame }
            }
            Self::Pinged { connection } => WireInput::Pinged { connection },
            Self::Closed { connection, reason } => WireInput::Closed { connection, reason },
            Self::Sent { connection, tag } => WireInput::Sent { connection, tag },
            Self::SendFailed { connection, tag, may_have_left } => {
                WireInput::SendFailed { connection, tag, may_have_left }
            }
            Self::Answered { request, status, headers, body } => {
                let answer = HttpAnswer { status, headers, body: body.into() };
                WireInput::Answered { request, answer }
            }
            Self::RequestFailed { request, may_have_left, reason } => {
                WireInput::RequestFailed { request, may_have_left, reason }
            }
        })
    }

    /// The same without the values of some fields.
    fn masked(mut self, fields: &[&str]) -> Self {
        if let Self::Frame { text: Some(text), .. } | Self::Answered { body: Body::Text(text), .. } =
            &mut self
            && let Cow::Owned(masked) = masked(text, fields)
        {
            *text = masked;
        }
        self
    }
}

/// See [`FeedInput`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum FeedDelivered {
    Start,
    FetchHistory {
        id: u64,
        instrument: InstrumentId,
        what: WarmUp,
    },
    Wake,
    #[serde(untagged)]
    Wire(WireDelivered),
}

impl From<&FeedInput<'_>> for FeedDelivered {
    fn from(input: &FeedInput<'_>) -> Self {
        match input {
            FeedInput::Start => Self::Start,
            FeedInput::Wire(wire) => Self::Wire(wire.into()),
            FeedInput::FetchHistory { id, instrument, what } => {
                Self::FetchHistory { id: *id, instrument: *instrument, what: *what }
            }
            FeedInput::Wake => Self::Wake,
        }
    }
}

impl FeedDelivered {
    /// The input again, its text kept in `frame`. `None` for a frame without its text.
    #[must_use]
    pub fn input(self, frame: &mut String) -> Option<FeedInput<'_>> {
        Some(match self {
            Self::Start => FeedInput::Start,
            Self::FetchHistory { id, instrument, what } => {
                FeedInput::FetchHistory { id, instrument, what }
            }
            Self::Wake => FeedInput::Wake,
            Self::Wire(wire) => FeedInput::Wire(wire.input(frame)?),
        })
    }
}

/// See [`VenueInput`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum VenueDelivered {
    Start,
    /// The next command of execution.
    Command,
    /// The market event with this place in the feed's sequence.
    Market(u64),
    InstrumentsRefreshed(Instruments),
    Wake,
    #[serde(untagged)]
    Wire(WireDelivered),
}

impl VenueDelivered {
    /// Without the values of some fields: what is noted shows no secret.
    pub(super) fn of(given: &VenueGiven<'_>, hidden_fields: &[&str]) -> Self {
        match &given.input {
            VenueInput::Start => Self::Start,
            VenueInput::Command(_) => Self::Command,
            VenueInput::Wire(wire) => Self::Wire(WireDelivered::from(wire).masked(hidden_fields)),
            VenueInput::Market(_) => Self::Market(given.sequence),
            VenueInput::InstrumentsRefreshed(instruments) => {
                Self::InstrumentsRefreshed(Instruments::clone(instruments))
            }
            VenueInput::Wake => Self::Wake,
        }
    }
}

/// See [`RiskInput`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum RiskDelivered {
    /// The market event with this place in the feed's sequence.
    Market(u64),
    /// The next intent of this strategy.
    Intent(StrategyId),
    /// The next order event that execution told.
    Order,
    Balances {
        balances: Vec<Balance>,
        is_complete: bool,
        event_at: Timestamp,
    },
    ExternalFlow {
        asset: Asset,
        delta: Amount,
    },
    BalanceDiffers(Unexplained),
    ExternalFill(Fill),
    SetState {
        state: TradingState,
        by: Authority,
        reason: String,
    },
    StreamHealth {
        instrument: InstrumentId,
        is_stale: bool,
    },
    InstrumentHealth {
        instrument: InstrumentId,
        is_halted: bool,
    },
    ExecutionHealth {
        is_live: bool,
    },
    StrategyQuarantined(StrategyId),
    StrategyReleased(StrategyId),
    Flatten {
        strategy: Option<StrategyId>,
        max_slippage_bps: u32,
    },
    InstrumentsRefreshed(Instruments),
    Wake,
}

impl From<&RiskInput<'_>> for RiskDelivered {
    fn from(input: &RiskInput<'_>) -> Self {
        match input {
            RiskInput::Market { sequence, .. } => Self::Market(*sequence),
            RiskInput::Intent(intent) => Self::Intent(intent.strategy),
            RiskInput::Order { .. } => Self::Order,
            RiskInput::Balances { balances, is_complete, event_at } => Self::Balances {
                balances: balances.to_vec(),
                is_complete: *is_complete,
                event_at: *event_at,
            },
            RiskInput::ExternalFlow { asset, delta } => {
                Self::ExternalFlow { asset: *asset, delta: *delta }
            }
            RiskInput::BalanceDiffers(found) => Self::BalanceDiffers(*found),
            RiskInput::ExternalFill(fill) => Self::ExternalFill(**fill),
            RiskInput::SetState { state, by, reason } => {
                Self::SetState { state: *state, by: *by, reason: reason.clone() }
            }
            RiskInput::StreamHealth { instrument, is_stale } => {
                Self::StreamHealth { instrument: *instrument, is_stale: *is_stale }
            }
            RiskInput::InstrumentHealth { instrument, is_halted } => {
                Self::InstrumentHealth { instrument: *instrument, is_halted: *is_halted }
            }
            RiskInput::ExecutionHealth { is_live } => Self::ExecutionHealth { is_live: *is_live },
            RiskInput::StrategyQuarantined { strategy } => Self::StrategyQuarantined(*strategy),
            RiskInput::StrategyReleased { strategy } => Self::StrategyReleased(*strategy),
            RiskInput::Flatten { strategy, max_slippage_bps } => {
                Self::Flatten { strategy: *strategy, max_slippage_bps: *max_slippage_bps }
            }
            RiskInput::InstrumentsRefreshed(instruments) => {
                Self::InstrumentsRefreshed(Instruments::clone(instruments))
            }
            RiskInput::Wake => Self::Wake,
        }
    }
}

/// See [`ExecutionInput`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum ExecutionDelivered {
    /// The next order or replacement that the gate approved.
    Approved,
    Cancel {
        order: OrderId,
        reason: CancelReason,
    },
    CancelAll {
        scope: CancelScope,
    },
    Venue(VenueEvent),
    Persisted(Persisted),
    Write {
        record: Record,
        durability: Durability,
    },
    SetGate {
        open: bool,
    },
    SetTrading(TradingState),
    Wake,
}

impl From<&ExecutionInput> for ExecutionDelivered {
    fn from(input: &ExecutionInput) -> Self {
        match input {
            ExecutionInput::Request(request) => match request {
                ExecutionRequest::Submit(_)
                | ExecutionRequest::SubmitPair(_)
                | ExecutionRequest::CancelReplace { .. }
                | ExecutionRequest::Replace { .. } => Self::Approved,
                ExecutionRequest::Cancel { order, reason } => {
                    Self::Cancel { order: *order, reason: *reason }
                }
                ExecutionRequest::CancelAll { scope } => Self::CancelAll { scope: *scope },
            },
            ExecutionInput::Venue(event) => Self::Venue(event.clone()),
            ExecutionInput::Persisted(persisted) => Self::Persisted(*persisted),
            ExecutionInput::Write { record, durability } => {
                Self::Write { record: record.clone(), durability: *durability }
            }
            ExecutionInput::SetGate { open } => Self::SetGate { open: *open },
            ExecutionInput::SetTrading(state) => Self::SetTrading(*state),
            ExecutionInput::Wake => Self::Wake,
        }
    }
}

/// See [`HostInput`]; and what becomes of the host itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields and variants are those of the input")]
pub enum HostDelivered {
    WarmUp(MarketEvent),
    HistoryComplete,
    Start,
    /// The market event with this place in the feed's sequence.
    Market(u64),
    /// The next order event that the gate told this strategy.
    Order,
    Wake,
    Pause,
    Resume,
    Stop,
    InstrumentsRefreshed(Instruments),
    /// A strategy was built from its configuration, and went on from this snapshot if there is one.
    Built(Option<serde_json::Value>),
    /// The strategy was thrown away; its host keeps positions and orders.
    ThrownAway,
    /// It did what an operator or a test ordered instead of what came.
    Obeyed,
}

impl From<&HostInput> for HostDelivered {
    fn from(input: &HostInput) -> Self {
        match input {
            HostInput::WarmUp(event) => Self::WarmUp(event.clone()),
            HostInput::HistoryComplete => Self::HistoryComplete,
            HostInput::Start => Self::Start,
            HostInput::Market { sequence, .. } => Self::Market(*sequence),
            HostInput::Order { .. } => Self::Order,
            HostInput::Wake => Self::Wake,
            HostInput::Pause => Self::Pause,
            HostInput::Resume => Self::Resume,
            HostInput::Stop => Self::Stop,
            HostInput::InstrumentsRefreshed(instruments) => {
                Self::InstrumentsRefreshed(Instruments::clone(instruments))
            }
        }
    }
}
