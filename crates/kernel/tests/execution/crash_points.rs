//! Every place at which the engine may die, and that it may die at each of them, every time that
//! it comes by.

#![allow(clippy::wildcard_enum_match_arm, reason = "a place is where one kind of thing happens")]

use std::time::Duration;

use model::OrderEventKind;
use tickwright_kernel::journal::{Persist, Record};
use tickwright_kernel::messages::ExecutionRequest;
use tickwright_kernel::orders::{ExecutionEffect, ExecutionPolicy};
use tickwright_kernel::venue::{VenueAction, VenueEvent};

use super::faults::Faults;
use super::verdict::Verdict;
use super::world::{Counts, World};

/// A place to die at. The numbers are those of docs/RELIABILITY.md.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CrashPoint {
    /// C1: before the intent is written. Nothing was sent.
    BeforeIntent,
    /// C2: while it is written: a torn tail, which is cut. Nothing was sent.
    IntentTorn,
    /// C3: written and not synced, and the power is lost. Nothing was sent.
    IntentNotSynced,
    /// C4: synced, and not sent. Unknown, in the end absent.
    BeforeSend,
    /// C5: while it is sent: it does not arrive. Unknown, in the end absent.
    DuringSend,
    /// C6: it arrived, and the answer is lost. Unknown, then found.
    BeforeAnswer,
    /// C7: the answer arrived and is not journaled. Unknown, then found.
    AnswerNotJournaled,
    /// C8: it filled, and the report is not journaled. Read from the venue's trades.
    FillNotJournaled,
    /// C9: the fill is journaled, and with it the position: they are one record.
    FillJournaled,
    /// C10: the fill is journaled, and the strategy does not hear of it.
    FillNotTold,
    /// C11: a cancel is journaled and not sent. Sent again.
    BeforeCancel,
    /// C12: the cancel arrived, and the answer is lost. Asked about.
    BeforeCancelAnswer,
    /// C13: the old order is gone and the new one is not sent. Two intents, each asked about.
    ReplaceHalfDone,
    /// C5 for a pair: both legs unknown, in the end both absent.
    DuringPair,
    /// C6 for a pair: both legs unknown, each found by its own name.
    BeforePairAnswer,
    /// C13 in one request: it does not arrive. The old order works on, the new one is absent.
    DuringCancelReplace,
    /// C13 in one request: it arrived, and the answer is lost. Two intents, each asked about.
    BeforeCancelReplaceAnswer,
    /// C14: while everything is compared with the venue. Begun again.
    DuringReconcile,
    /// C14: while everything is taken back. Taken back at the next start, or by whoever asks.
    DuringMassCancel,
    /// C15: at the same place, three starts in a row.
    AgainAndAgain,
    /// C16: the power is lost, and with it everything that was not synced.
    PowerLost,
}

/// What the disk keeps of what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// All: the process was killed.
    Everything,
    /// All but the last record, which is torn.
    AllButTheLast,
    /// What was synced.
    Durable,
}

impl CrashPoint {
    pub const ALL: [Self; 21] = [
        Self::BeforeIntent,
        Self::IntentTorn,
        Self::IntentNotSynced,
        Self::BeforeSend,
        Self::DuringSend,
        Self::BeforeAnswer,
        Self::AnswerNotJournaled,
        Self::FillNotJournaled,
        Self::FillJournaled,
        Self::FillNotTold,
        Self::BeforeCancel,
        Self::BeforeCancelAnswer,
        Self::ReplaceHalfDone,
        Self::DuringPair,
        Self::BeforePairAnswer,
        Self::DuringCancelReplace,
        Self::BeforeCancelReplaceAnswer,
        Self::DuringReconcile,
        Self::DuringMassCancel,
        Self::AgainAndAgain,
        Self::PowerLost,
    ];

    pub const fn keeps(self) -> Kept {
        match self {
            Self::IntentTorn => Kept::AllButTheLast,
            Self::IntentNotSynced | Self::PowerLost => Kept::Durable,
            Self::BeforeIntent
            | Self::BeforeSend
            | Self::DuringSend
            | Self::BeforeAnswer
            | Self::AnswerNotJournaled
            | Self::FillNotJournaled
            | Self::FillJournaled
            | Self::FillNotTold
            | Self::BeforeCancel
            | Self::BeforeCancelAnswer
            | Self::ReplaceHalfDone
            | Self::DuringPair
            | Self::BeforePairAnswer
            | Self::DuringCancelReplace
            | Self::BeforeCancelReplaceAnswer
            | Self::DuringReconcile
            | Self::DuringMassCancel
            | Self::AgainAndAgain => Kept::Everything,
        }
    }

    /// How often the engine dies there.
    pub const fn deaths(self) -> u32 {
        match self {
            Self::AgainAndAgain => 3,
            _ => 1,
        }
    }
}

const fn is_intent(persist: &Persist) -> bool {
    matches!(persist.record, Record::OrderIntended(_))
}

fn is_fill(persist: &Persist) -> bool {
    let Record::OrderChanged { event, .. } = &persist.record else { return false };
    matches!(event.kind, OrderEventKind::Filled { .. })
}

/// Points before an effect is carried out.
pub fn before_effect(effect: &ExecutionEffect) -> &'static [CrashPoint] {
    match effect {
        ExecutionEffect::Persist(persist) if is_intent(persist) => &[CrashPoint::BeforeIntent],
        ExecutionEffect::Command(command) => match command.action() {
            VenueAction::Submit { .. } => &[CrashPoint::DuringSend],
            VenueAction::SubmitPair(_) => &[CrashPoint::DuringPair],
            VenueAction::CancelReplace { .. } => &[CrashPoint::DuringCancelReplace],
            VenueAction::Cancel { .. } => &[CrashPoint::BeforeCancel],
            _ => &[],
        },
        ExecutionEffect::Tell { event, .. } => match event.kind {
            OrderEventKind::Filled { .. } => &[CrashPoint::FillNotTold],
            OrderEventKind::Accepted { .. } => &[CrashPoint::PowerLost],
            _ => &[],
        },
        _ => &[],
    }
}

/// Points once a record is written.
pub fn after_write(persist: &Persist) -> &'static [CrashPoint] {
    if is_intent(persist) {
        &[CrashPoint::IntentTorn, CrashPoint::IntentNotSynced]
    } else if is_fill(persist) {
        &[CrashPoint::FillJournaled]
    } else {
        &[]
    }
}

/// Points before a word of the venue is taken.
pub const fn before_word(event: &VenueEvent) -> &'static [CrashPoint] {
    match event {
        VenueEvent::OrderChanged(_) => &[CrashPoint::AnswerNotJournaled],
        VenueEvent::Filled { .. } => &[CrashPoint::FillNotJournaled],
        VenueEvent::AccountRead { .. } => &[CrashPoint::DuringReconcile, CrashPoint::AgainAndAgain],
        VenueEvent::OpenOrdersRead { .. } | VenueEvent::TradesRead { .. } => {
            &[CrashPoint::DuringReconcile]
        }
        _ => &[],
    }
}

/// Points once a command has arrived at the venue.
pub const fn after_arrival(action: &VenueAction) -> &'static [CrashPoint] {
    match action {
        VenueAction::Submit { .. } => &[CrashPoint::BeforeAnswer],
        VenueAction::SubmitPair(_) => &[CrashPoint::BeforePairAnswer],
        VenueAction::CancelReplace { .. } => &[CrashPoint::BeforeCancelReplaceAnswer],
        VenueAction::Cancel { .. } => &[CrashPoint::BeforeCancelAnswer],
        _ => &[],
    }
}

/// Points once a request of the gate was taken.
pub const fn after_request(request: &ExecutionRequest) -> &'static [CrashPoint] {
    match request {
        ExecutionRequest::CancelAll { .. } => &[CrashPoint::DuringMassCancel],
        _ => &[],
    }
}

fn scenario(aim: Option<(CrashPoint, u32)>) -> (Verdict, Counts) {
    // Nothing else goes wrong; the connection breaks now and then, for there to be reconciles.
    let faults = Faults { break_every: Some(Duration::from_secs(25)), ..Faults::NONE };
    let mut world = World::new(5, ExecutionPolicy::default(), faults);
    world.aim = aim;
    world.run(Duration::from_secs(45), Duration::from_secs(60))
}

#[test]
fn killed_at_every_crash_point_both_records_agree() {
    let (verdict, counts) = scenario(None);
    assert!(verdict.broken.is_empty(), "{:#?}", verdict.broken);
    assert!(counts.submits > 50 && counts.crashes == 0, "{counts:?}");
    let mut kills = 0;
    for point in CrashPoint::ALL {
        let reached = verdict.reached.get(&point).copied().unwrap_or(0);
        assert!(reached > 0, "{point:?} is never reached");
        for nth in 1..=reached {
            let (verdict, counts) = scenario(Some((point, nth)));
            assert!(verdict.broken.is_empty(), "{point:?} {nth}: {:#?}", verdict.broken);
            assert!(counts.crashes > 0, "{point:?} {nth}: nobody was killed");
            kills += counts.crashes;
        }
        eprintln!("{point:?}: {reached} times");
    }
    eprintln!("{kills} kills");
}
