//! The lifecycle of an order, as one table: every state met by every step, none left out.
//!
//! Fills outrank belief: whatever we thought of an order, an execution that the venue reports is
//! booked. The table only says what the order's state becomes, and which pairs cannot happen
//! unless the venue or we are wrong; those halt the instrument and ask the venue.

use model::OrderStatus;

/// Something that happened to an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Its bytes were handed to the operating system.
    Sent,
    /// It is certain that no byte of it left.
    NeverLeft,
    /// The answer was lost, or late.
    AnswerLost,
    /// The venue holds it until a trigger or a list releases it.
    Held,
    /// The venue works it.
    Accepted,
    /// An execution that leaves a remainder.
    PartlyFilled,
    /// The execution that completes it.
    FullyFilled,
    /// It was taken back.
    Canceled,
    /// Its time in force or a rule of the venue ended it.
    Expired,
    /// Self-trade prevention ended it.
    ExpiredInMatch,
    /// The venue refused it.
    Rejected,
    /// Asked past the fence: it never arrived.
    ConfirmedAbsent,
}

/// What the table says of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The order is now in this state.
    Becomes(OrderStatus),
    /// Old news, or a repetition: nothing changes.
    Stays,
    /// Cannot be: the instrument is halted and the venue asked.
    Impossible,
}

/// The table.
#[must_use]
pub const fn verdict(state: OrderStatus, step: Step) -> Verdict {
    match state {
        OrderStatus::Intended => from_intended(step),
        OrderStatus::Submitted | OrderStatus::Unknown => from_unanswered(state, step),
        OrderStatus::PendingNew => from_pending(step),
        OrderStatus::Accepted => from_accepted(step),
        OrderStatus::PartiallyFilled => from_partially_filled(step),
        OrderStatus::Filled => from_filled(step),
        OrderStatus::Canceled | OrderStatus::Expired | OrderStatus::ExpiredInMatch => {
            from_ended(step)
        }
        OrderStatus::Rejected => from_rejected(step),
        OrderStatus::Absent => from_absent(step),
    }
}

/// Nothing was sent, so the venue cannot know of it; but a restart reads orders back in this
/// state whose sending was not written down any more, so any answer is believed.
const fn from_intended(step: Step) -> Verdict {
    match step {
        Step::Sent => Verdict::Becomes(OrderStatus::Submitted),
        Step::NeverLeft | Step::ConfirmedAbsent => Verdict::Becomes(OrderStatus::Absent),
        Step::AnswerLost => Verdict::Becomes(OrderStatus::Unknown),
        Step::Held => Verdict::Becomes(OrderStatus::PendingNew),
        Step::Accepted => Verdict::Becomes(OrderStatus::Accepted),
        Step::PartlyFilled => Verdict::Becomes(OrderStatus::PartiallyFilled),
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
        Step::Rejected => Verdict::Becomes(OrderStatus::Rejected),
    }
}

/// Sent, and no answer so far or no answer ever.
const fn from_unanswered(state: OrderStatus, step: Step) -> Verdict {
    match step {
        Step::Sent => Verdict::Stays,
        Step::NeverLeft | Step::ConfirmedAbsent => Verdict::Becomes(OrderStatus::Absent),
        Step::AnswerLost => match state {
            OrderStatus::Unknown => Verdict::Stays,
            OrderStatus::Intended
            | OrderStatus::Submitted
            | OrderStatus::PendingNew
            | OrderStatus::Accepted
            | OrderStatus::PartiallyFilled
            | OrderStatus::Filled
            | OrderStatus::Canceled
            | OrderStatus::Expired
            | OrderStatus::ExpiredInMatch
            | OrderStatus::Rejected
            | OrderStatus::Absent => Verdict::Becomes(OrderStatus::Unknown),
        },
        Step::Held => Verdict::Becomes(OrderStatus::PendingNew),
        Step::Accepted => Verdict::Becomes(OrderStatus::Accepted),
        Step::PartlyFilled => Verdict::Becomes(OrderStatus::PartiallyFilled),
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
        Step::Rejected => Verdict::Becomes(OrderStatus::Rejected),
    }
}

/// The venue holds it. It has acknowledged the order, so it can no more have been refused at the
/// door or be absent; a stop that is refused when it triggers is `Rejected` all the same.
const fn from_pending(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::AnswerLost | Step::Held => Verdict::Stays,
        Step::NeverLeft | Step::ConfirmedAbsent => Verdict::Impossible,
        Step::Accepted => Verdict::Becomes(OrderStatus::Accepted),
        Step::PartlyFilled => Verdict::Becomes(OrderStatus::PartiallyFilled),
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
        Step::Rejected => Verdict::Becomes(OrderStatus::Rejected),
    }
}

/// The venue works it.
const fn from_accepted(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::AnswerLost | Step::Held | Step::Accepted => Verdict::Stays,
        Step::NeverLeft | Step::ConfirmedAbsent | Step::Rejected => Verdict::Impossible,
        Step::PartlyFilled => Verdict::Becomes(OrderStatus::PartiallyFilled),
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
    }
}

/// Some of it filled. The acceptance may come later than the fill.
const fn from_partially_filled(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::AnswerLost | Step::Held | Step::Accepted | Step::PartlyFilled => {
            Verdict::Stays
        }
        Step::NeverLeft | Step::ConfirmedAbsent | Step::Rejected => Verdict::Impossible,
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
    }
}

/// All of it filled: later acknowledgements are old news, another execution is an overfill, and
/// an end with a remainder contradicts the fills.
const fn from_filled(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::AnswerLost | Step::Held | Step::Accepted => Verdict::Stays,
        Step::NeverLeft
        | Step::ConfirmedAbsent
        | Step::PartlyFilled
        | Step::FullyFilled
        | Step::Canceled
        | Step::Expired
        | Step::ExpiredInMatch
        | Step::Rejected => Verdict::Impossible,
    }
}

/// Ended with a remainder. An execution that happened before the end may be told after it; one
/// that leaves nothing over says that the end never was.
const fn from_ended(step: Step) -> Verdict {
    match step {
        Step::Sent
        | Step::AnswerLost
        | Step::Held
        | Step::Accepted
        | Step::PartlyFilled
        | Step::Canceled
        | Step::Expired
        | Step::ExpiredInMatch => Verdict::Stays,
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::NeverLeft | Step::ConfirmedAbsent | Step::Rejected => Verdict::Impossible,
    }
}

/// The venue refused it: it must never be heard of again.
const fn from_rejected(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::AnswerLost | Step::Rejected => Verdict::Stays,
        Step::NeverLeft
        | Step::ConfirmedAbsent
        | Step::Held
        | Step::Accepted
        | Step::PartlyFilled
        | Step::FullyFilled
        | Step::Canceled
        | Step::Expired
        | Step::ExpiredInMatch => Verdict::Impossible,
    }
}

/// A tombstone: we believed that it never arrived. If the venue knows better, it is right.
const fn from_absent(step: Step) -> Verdict {
    match step {
        Step::Sent | Step::NeverLeft | Step::AnswerLost | Step::ConfirmedAbsent => Verdict::Stays,
        Step::Held => Verdict::Becomes(OrderStatus::PendingNew),
        Step::Accepted => Verdict::Becomes(OrderStatus::Accepted),
        Step::PartlyFilled => Verdict::Becomes(OrderStatus::PartiallyFilled),
        Step::FullyFilled => Verdict::Becomes(OrderStatus::Filled),
        Step::Canceled => Verdict::Becomes(OrderStatus::Canceled),
        Step::Expired => Verdict::Becomes(OrderStatus::Expired),
        Step::ExpiredInMatch => Verdict::Becomes(OrderStatus::ExpiredInMatch),
        Step::Rejected => Verdict::Becomes(OrderStatus::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [OrderStatus; 12] = [
        OrderStatus::Intended,
        OrderStatus::Submitted,
        OrderStatus::PendingNew,
        OrderStatus::Accepted,
        OrderStatus::PartiallyFilled,
        OrderStatus::Filled,
        OrderStatus::Canceled,
        OrderStatus::Expired,
        OrderStatus::ExpiredInMatch,
        OrderStatus::Rejected,
        OrderStatus::Unknown,
        OrderStatus::Absent,
    ];
    const STEPS: [Step; 12] = [
        Step::Sent,
        Step::NeverLeft,
        Step::AnswerLost,
        Step::Held,
        Step::Accepted,
        Step::PartlyFilled,
        Step::FullyFilled,
        Step::Canceled,
        Step::Expired,
        Step::ExpiredInMatch,
        Step::Rejected,
        Step::ConfirmedAbsent,
    ];

    /// Rows are states, columns steps, in the order of the lists above. `.` stays, `!` cannot be,
    /// else the first letters of the new state. Written by hand, apart from the code.
    const TABLE: [&str; 12] = [
        "Su Ab Un Pe Ac Pa Fi Ca Ex Em Re Ab", // Intended
        ".  Ab Un Pe Ac Pa Fi Ca Ex Em Re Ab", // Submitted
        ".  !  .  .  Ac Pa Fi Ca Ex Em Re ! ", // PendingNew
        ".  !  .  .  .  Pa Fi Ca Ex Em !  ! ", // Accepted
        ".  !  .  .  .  .  Fi Ca Ex Em !  ! ", // PartiallyFilled
        ".  !  .  .  .  !  !  !  !  !  !  ! ", // Filled
        ".  !  .  .  .  .  Fi .  .  .  !  ! ", // Canceled
        ".  !  .  .  .  .  Fi .  .  .  !  ! ", // Expired
        ".  !  .  .  .  .  Fi .  .  .  !  ! ", // ExpiredInMatch
        ".  !  .  !  !  !  !  !  !  !  .  ! ", // Rejected
        ".  Ab .  Pe Ac Pa Fi Ca Ex Em Re Ab", // Unknown
        ".  .  .  Pe Ac Pa Fi Ca Ex Em Re . ", // Absent
    ];

    fn letters(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Stays => ".",
            Verdict::Impossible => "!",
            Verdict::Becomes(OrderStatus::Intended) => "In",
            Verdict::Becomes(OrderStatus::Submitted) => "Su",
            Verdict::Becomes(OrderStatus::PendingNew) => "Pe",
            Verdict::Becomes(OrderStatus::Accepted) => "Ac",
            Verdict::Becomes(OrderStatus::PartiallyFilled) => "Pa",
            Verdict::Becomes(OrderStatus::Filled) => "Fi",
            Verdict::Becomes(OrderStatus::Canceled) => "Ca",
            Verdict::Becomes(OrderStatus::Expired) => "Ex",
            Verdict::Becomes(OrderStatus::ExpiredInMatch) => "Em",
            Verdict::Becomes(OrderStatus::Rejected) => "Re",
            Verdict::Becomes(OrderStatus::Unknown) => "Un",
            Verdict::Becomes(OrderStatus::Absent) => "Ab",
        }
    }

    #[test]
    fn every_pair_is_as_the_table_says() {
        for (state, row) in STATES.into_iter().zip(TABLE) {
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells.len(), STEPS.len());
            for (step, cell) in STEPS.into_iter().zip(cells) {
                assert_eq!(letters(verdict(state, step)), cell, "{state:?} met by {step:?}");
            }
        }
    }

    #[test]
    fn a_final_state_is_left_only_for_what_the_venue_knows_better() {
        for state in STATES.into_iter().filter(|state| state.is_final()) {
            for step in STEPS {
                if let Verdict::Becomes(next) = verdict(state, step) {
                    let late_fill = step == Step::FullyFilled && next == OrderStatus::Filled;
                    assert!(late_fill || state == OrderStatus::Absent, "{state:?} met by {step:?}");
                }
            }
        }
    }
}
