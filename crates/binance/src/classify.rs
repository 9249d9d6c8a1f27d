//! What became of a request that may have moved money.
//!
//! The one question is whether the order exists. The answer is `Rejected` only where the venue's
//! documents are clear that it does not; everything else, and everything new, is `Unknown` until
//! the venue is asked by client order id. A submit is never sent again on any of these.

use crate::decode::ApiError;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Place an order.
    Submit,
    /// Take an order back.
    Cancel,
    /// Ask about an order.
    Query,
}

/// What a refusal, or the lack of an answer, means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No byte left: it certainly was not done.
    NotSent,
    /// The venue certainly did not do it.
    Rejected(ApiError),
    /// Answer to a query: the venue knows no such order.
    NoSuchOrder,
    /// It may or may not have been done.
    Unknown(UnknownReason),
}

/// Why an outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReason {
    /// The venue says that it does not know, or says something that this build does not know.
    #[error("status {status}: {error}")]
    Code {
        /// Status of the answer.
        status: u16,
        /// Code and words.
        error: ApiError,
    },
    /// An answer without a readable refusal.
    #[error("status {status} without a readable body")]
    Unreadable {
        /// Status of the answer.
        status: u16,
    },
    /// No answer in time, or the connection ended after the first byte had left.
    #[error("no answer")]
    NoAnswer,
}

/// The venue's words for an order id that is in use: the order that uses it may be this one.
const DUPLICATE: &str = "Duplicate order sent.";

/// What an answer means that is no success: `status` as in HTTP, `error` as far as the body could
/// be read. The halves of a cancelReplace (-2021, -2022) are judged one by one by their nested
/// answers, each with a status of 400.
#[must_use]
pub fn classify(intent: Intent, status: u16, error: Option<ApiError>) -> Outcome {
    // These statuses are given at the door, whatever the body says.
    if let 403 | 418 | 429 = status {
        let msg = format!("refused with status {status}");
        return Outcome::Rejected(error.unwrap_or(ApiError { code: 0, msg }));
    }
    let Some(error) = error else {
        return Outcome::Unknown(UnknownReason::Unreadable { status });
    };
    if status >= 500 {
        return Outcome::Unknown(UnknownReason::Code { status, error });
    }
    let is_rejected = match error.code {
        // Filters; order rate; time; signature; parameters; key format; key, address, rights.
        -1013 | -1015 | -1021 | -1022 | -2014 | -2015 => true,
        -1199..=-1100 => true,
        // A new order was rejected, unless it is already there.
        -2010 => error.msg != DUPLICATE,
        // A cancel was rejected: the order is not open, or not any more.
        -2011 => intent == Intent::Cancel,
        -2013 if intent == Intent::Query => return Outcome::NoSuchOrder,
        _ => false,
    };
    if is_rejected {
        Outcome::Rejected(error)
    } else {
        Outcome::Unknown(UnknownReason::Code { status, error })
    }
}

/// What it means that no answer came.
#[must_use]
pub const fn classify_failure(may_have_left: bool) -> Outcome {
    if may_have_left { Outcome::Unknown(UnknownReason::NoAnswer) } else { Outcome::NotSent }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTED: &str = "rejected";
    const UNKNOWN: &str = "unknown";
    const NO_SUCH_ORDER: &str = "no such order";

    fn name(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::NotSent => "not sent",
            Outcome::Rejected(_) => REJECTED,
            Outcome::NoSuchOrder => NO_SUCH_ORDER,
            Outcome::Unknown(_) => UNKNOWN,
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        #[track_caller]
        fn check(status: u16, code: i32, words: &str, [submit, cancel, query]: [&str; 3]) {
            let error = ApiError { code, msg: words.to_owned() };
            let of = |intent| classify(intent, status, Some(error.clone()));
            assert_eq!(name(&of(Intent::Submit)), submit, "submit {code}");
            assert_eq!(name(&of(Intent::Cancel)), cancel, "cancel {code}");
            assert_eq!(name(&of(Intent::Query)), query, "query {code}");
        }
        const ALL_REJECTED: [&str; 3] = [REJECTED; 3];
        const ALL_UNKNOWN: [&str; 3] = [UNKNOWN; 3];
        check(400, -1013, "Filter failure: LOT_SIZE", ALL_REJECTED);
        check(400, -1015, "Too many new orders", ALL_REJECTED);
        check(400, -1021, "Timestamp for this request is outside", ALL_REJECTED);
        check(400, -1022, "Signature for this request is not valid.", ALL_REJECTED);
        for code in [-1100, -1102, -1111, -1121, -1128, -1145, -1158, -1199] {
            check(400, code, "bad parameter", ALL_REJECTED);
        }
        check(400, -2010, "Account has insufficient balance for requested action.", ALL_REJECTED);
        check(400, -2010, "Order would immediately match and take.", ALL_REJECTED);
        check(400, -2010, "Duplicate order sent.", ALL_UNKNOWN);
        check(400, -2011, "Unknown order sent.", [UNKNOWN, REJECTED, UNKNOWN]);
        check(400, -2013, "Order does not exist.", [UNKNOWN, UNKNOWN, NO_SUCH_ORDER]);
        check(401, -2014, "API-key format invalid.", ALL_REJECTED);
        check(401, -2015, "Invalid API-key, IP, or permissions for action.", ALL_REJECTED);
        for code in [-1000, -1001, -1003, -1006, -1007, -1008, -1016, -1099, -1200, -1220, -2026] {
            check(400, code, "hm", ALL_UNKNOWN);
        }
        check(400, -9999, "of a later venue", ALL_UNKNOWN);
        check(409, -2021, "Order cancel-replace partially failed.", ALL_UNKNOWN);
        check(400, -2022, "Order cancel-replace failed.", ALL_UNKNOWN);
        // At the door.
        check(403, -1000, "firewall", ALL_REJECTED);
        check(418, -1003, "banned", ALL_REJECTED);
        check(429, -1003, "too much weight", ALL_REJECTED);
        // A server error says nothing, whatever code comes with it.
        for code in [-1000, -1013, -2010, -2011, -2013] {
            check(500, code, "hm", ALL_UNKNOWN);
            check(503, code, "hm", ALL_UNKNOWN);
        }
    }

    #[test]
    fn answers_without_a_readable_body() {
        #[track_caller]
        fn check(status: u16, expected: &str) {
            assert_eq!(name(&classify(Intent::Submit, status, None)), expected, "{status}");
        }
        check(200, UNKNOWN);
        check(302, UNKNOWN);
        check(400, UNKNOWN);
        check(404, UNKNOWN);
        check(502, UNKNOWN);
        check(504, UNKNOWN);
        check(403, REJECTED);
        check(418, REJECTED);
        check(429, REJECTED);
    }

    #[test]
    fn only_what_certainly_stayed_was_not_sent() {
        assert_eq!(classify_failure(false), Outcome::NotSent);
        assert_eq!(classify_failure(true), Outcome::Unknown(UnknownReason::NoAnswer));
    }
}
