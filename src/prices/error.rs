//! Why there is no price of a symbol.

use std::sync::Arc;
use std::time::Duration;

use binance::decode::{ApiError, DecodeError, parse};
use transport::http::{HttpError, MaybeSent, NotSent, Response, header};

/// Why there is no price of a symbol. Nothing here moves money, so the same question may be asked
/// again after any of these but [`PriceError::RateLimited`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum PriceError {
    /// The venue does not list it.
    #[error("the venue lists no such symbol")]
    UnknownSymbol,
    /// The question was asked and not answered in time.
    #[error("no answer within {after:?}")]
    Stalled {
        /// How long it was waited for.
        after: Duration,
    },
    /// The time for all questions was up before this one was asked.
    #[error("not asked: the time for all was up")]
    NotAsked,
    /// No connection in time, or one that broke.
    #[error("the connection failed: {source}")]
    Unreachable {
        /// What failed, for every symbol of the request.
        source: Arc<HttpError>,
    },
    /// Too many requests: whoever goes on asking is banned.
    #[error("too many requests (status {status}){}", after(*retry_after))]
    RateLimited {
        /// 429, or 418 for a ban.
        status: u16,
        /// How long to stay away, as far as the venue said.
        retry_after: Option<Duration>,
    },
    /// The venue refused for another reason.
    #[error("refused with status {status}: {reason}")]
    Refused {
        /// The status.
        status: u16,
        /// The venue's words, or that there were none.
        reason: String,
    },
    /// The answer is not what the venue documents.
    #[error("the answer can't be read: {source}")]
    Malformed {
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The answer to a question about several holds no price of this one.
    #[error("the answer holds no price of it")]
    Missing,
    /// The answer is about another symbol.
    #[error("the answer is about {found}")]
    OtherSymbol {
        /// Which.
        found: String,
    },
}

fn after(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; ask again in {} s", wait.as_secs()))
}

impl PriceError {
    /// A stable name for scripts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownSymbol => "unknown_symbol",
            Self::Stalled { .. } => "stalled",
            Self::NotAsked => "not_asked",
            Self::Unreachable { .. } => "unreachable",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Malformed { .. } => "malformed",
            Self::Missing => "missing",
            Self::OtherSymbol { .. } => "other_symbol",
        }
    }

    /// Whether the venue said anything at all.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        match self {
            Self::UnknownSymbol
            | Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Missing
            | Self::OtherSymbol { .. } => true,
            Self::Stalled { .. } | Self::NotAsked | Self::Unreachable { .. } => false,
        }
    }

    /// What the lack of an answer means.
    pub(super) fn of_failure(source: HttpError) -> Self {
        match source {
            HttpError::MaybeSent(MaybeSent::TimedOut { after, .. }) => Self::Stalled { after },
            // Nothing was left of the time for all when its turn came.
            HttpError::NotSent(NotSent::TimedOut { after }) if after.is_zero() => Self::NotAsked,
            source @ (HttpError::NotSent(_) | HttpError::MaybeSent(_)) => {
                Self::Unreachable { source: Arc::new(source) }
            }
        }
    }

    /// What an answer without success means.
    pub(super) fn of_refusal(response: &Response) -> Self {
        let status = response.status.as_u16();
        if let 418 | 429 = status {
            let seconds = response.headers.get(header::RETRY_AFTER);
            let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
            return Self::RateLimited { status, retry_after: seconds.map(Duration::from_secs) };
        }
        match parse::<ApiError>("refusal", &response.body) {
            Ok(error) if error.code == ApiError::INVALID_SYMBOL => Self::UnknownSymbol,
            Ok(error) => Self::Refused { status, reason: error.to_string() },
            Err(_) => Self::Refused { status, reason: "the body says nothing".to_owned() },
        }
    }
}
