//! One round of questions.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use binance::decode::{PriceRow, parse};
use binance::encode::{Call, rest_request};
use futures_util::StreamExt as _;
use model::{Price, Symbol};
use tokio::time::Instant;
use transport::Dialer;
use transport::http::{FetchLimits, HttpClient, HttpOptions, Request, Response, fetch_many};

use super::PriceError;

/// A price is some fifty bytes; whatever is far larger is none.
const MAX_BODY_BYTES: usize = 64 << 10;

/// What to ask, and how patiently.
#[derive(Debug, Clone)]
pub struct Question {
    /// REST base, without `/api/v3`.
    pub rest_url: String,
    /// Of what; each is asked for once, however often it is named.
    pub symbols: Vec<Symbol>,
    /// Questions under way at once.
    pub concurrency: usize,
    /// For each answer, from waiting for a connection to its last byte.
    pub timeout: Duration,
    /// For all answers together; none but the sum of the others if `None`.
    pub total_timeout: Option<Duration>,
}

impl Question {
    /// The symbols without repetitions, in the order in which they were first named.
    #[must_use]
    pub fn distinct(&self) -> Vec<Symbol> {
        let mut distinct: Vec<Symbol> = Vec::with_capacity(self.symbols.len());
        for symbol in &self.symbols {
            if !distinct.contains(symbol) {
                distinct.push(*symbol);
            }
        }
        distinct
    }

    /// The most time that a round can take.
    fn total(&self) -> Duration {
        let rounds = self.symbols.len().div_ceil(self.concurrency.max(1)).max(1);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        let longest = self.timeout.saturating_mul(rounds);
        self.total_timeout.map_or(longest, |total| total.min(longest))
    }
}

/// What came of a round.
#[derive(Debug)]
pub struct Answers {
    /// Of every symbol asked for, in that order, its last price or why there is none.
    pub prices: Vec<(Symbol, Result<Price, PriceError>)>,
    /// Wall time of the whole round.
    pub took: Duration,
}

impl Answers {
    /// How many prices came.
    #[must_use]
    pub fn found(&self) -> usize {
        self.prices.iter().filter(|(_, price)| price.is_ok()).count()
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = (Symbol, &PriceError)> {
        self.prices.iter().filter_map(|(symbol, price)| Some((*symbol, price.as_ref().err()?)))
    }

    /// How long the venue wants to be left alone, if it said that there were too many requests.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.failures().find_map(|(_, error)| match error {
            PriceError::RateLimited { retry_after, .. } => *retry_after,
            PriceError::UnknownSymbol
            | PriceError::Stalled { .. }
            | PriceError::NotAsked
            | PriceError::Unreachable { .. }
            | PriceError::Refused { .. }
            | PriceError::Malformed { .. }
            | PriceError::OtherSymbol { .. } => None,
        })
    }
}

/// Asks for prices over connections that are kept between rounds: as many as may be in use at
/// once.
#[derive(Clone)]
pub struct PriceClient {
    http: HttpClient,
}

impl PriceClient {
    /// A client without any connection yet, for up to `concurrency` questions at once.
    #[must_use]
    pub fn new(dialer: Dialer, concurrency: usize) -> Self {
        let options = HttpOptions {
            max_concurrent_per_host: concurrency,
            max_idle_per_host: concurrency,
            max_body_bytes: MAX_BODY_BYTES,
            ..HttpOptions::default()
        };
        Self { http: HttpClient::new(dialer, options) }
    }

    /// Asks once for each symbol and calls `on_answer` as each answer comes. Gives a result for
    /// every symbol, whatever became of the others.
    ///
    /// When the venue says that there were too many requests, no further one is sent.
    pub async fn ask(&self, question: &Question, mut on_answer: impl FnMut()) -> Answers {
        let symbols = question.distinct();
        let requests = symbols.iter().map(|symbol| {
            let call = Call::ticker_price(symbol.as_str());
            let http = rest_request(&question.rest_url, &call, None, question.timeout);
            (*symbol, Request::get(http.url).timeout(question.timeout))
        });
        let limits =
            FetchLimits { concurrency: question.concurrency, total_timeout: question.total() };
        let started = Instant::now();
        let mut found = BTreeMap::new();
        let mut limited = None;
        let mut answers = pin!(fetch_many(&self.http, requests, &limits));
        while let Some((symbol, answer)) = answers.next().await {
            let price = match answer {
                Ok(response) => read(symbol, &response),
                Err(error) => Err(PriceError::of_failure(error)),
            };
            on_answer();
            if let Err(PriceError::RateLimited { status, retry_after }) = price {
                limited = Some((status, retry_after));
            }
            found.insert(symbol, price);
            if limited.is_some() {
                break;
            }
        }
        let took = started.elapsed();
        let absent = || match limited {
            Some((status, retry_after)) => Err(PriceError::RateLimited { status, retry_after }),
            None => Err(PriceError::NotAsked),
        };
        let of = |symbol: Symbol| (symbol, found.remove(&symbol).unwrap_or_else(absent));
        Answers { prices: symbols.iter().copied().map(of).collect(), took }
    }
}

/// Reads the answer to the question about `symbol`.
fn read(symbol: Symbol, response: &Response) -> Result<Price, PriceError> {
    if !response.status.is_success() {
        return Err(PriceError::of_refusal(response));
    }
    let row: PriceRow<'_> =
        parse("last price", &response.body).map_err(|source| PriceError::Malformed { source })?;
    if row.symbol != symbol.as_str() {
        return Err(PriceError::OtherSymbol { found: row.symbol.into_owned() });
    }
    Ok(row.price)
}

#[cfg(test)]
mod tests {
    use transport::http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).unwrap()
    }

    fn response(status: u16, body: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        let body = body.to_owned().into();
        Response { status: StatusCode::from_u16(status).unwrap(), headers, body }
    }

    #[test]
    fn answers_are_told_apart() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: Result<&str, &str>) {
            let read = read(symbol("BTCUSDT"), &response(status, body));
            let read = read.map(|price| price.to_string()).map_err(|error| error.name());
            assert_eq!(read.as_deref().map_err(|name| *name), expected, "{status} {body}");
        }
        check(200, r#"{"symbol":"BTCUSDT","price":"61234.50000000"}"#, Ok("61234.50000000"));
        check(200, r#"{"symbol":"ETHUSDT","price":"1"}"#, Err("other_symbol"));
        for wrong in ["", "[]", "<html>", r#"{"symbol":"BTCUSDT"}"#, r#"{"price":"1e999"}"#] {
            check(200, wrong, Err("malformed"));
        }
        check(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, Err("unknown_symbol"));
        check(400, r#"{"code":-1100,"msg":"Illegal characters."}"#, Err("refused"));
        check(403, "<html>", Err("refused"));
        check(503, "", Err("refused"));
        check(302, "", Err("refused"));
        check(429, r#"{"code":-1003,"msg":"Too much."}"#, Err("rate_limited"));
        check(418, "", Err("rate_limited"));
        let limited = read(symbol("BTCUSDT"), &response(429, "")).unwrap_err();
        assert!(limited.to_string().ends_with("ask again in 7 s"), "{limited}");
    }

    #[test]
    fn a_round_has_an_end_and_asks_once_for_each() {
        let question = |names: &[&str], concurrency, total_ms: Option<u64>| Question {
            rest_url: "http://localhost".to_owned(),
            symbols: names.iter().map(|name| symbol(name)).collect(),
            concurrency,
            timeout: Duration::from_secs(5),
            total_timeout: total_ms.map(Duration::from_millis),
        };
        #[track_caller]
        fn check(question: &Question, total_ms: u64) {
            assert_eq!(question.total(), Duration::from_millis(total_ms), "{question:?}");
        }
        check(&question(&["A", "B", "C"], 1, None), 15_000);
        check(&question(&["A", "B", "C"], 2, None), 10_000);
        check(&question(&["A", "B", "C"], 100, None), 5_000);
        check(&question(&["A", "B", "C"], 2, Some(700)), 700);
        check(&question(&["A", "B", "C"], 2, Some(60_000)), 10_000);
        check(&question(&[], 2, None), 5_000);
        let repeated = question(&["B", "A", "B", "A", "C"], 2, None).distinct();
        assert_eq!(repeated, ["B", "A", "C"].map(symbol));
    }
}
