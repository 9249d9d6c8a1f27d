//! One round of questions.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use binance::decode::{PriceRow, parse};
use binance::encode::{Call, batches, rest_request, split};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use model::{Price, Symbol};
use tokio::time::Instant;
use transport::Dialer;
use transport::http::{HttpClient, HttpError, HttpOptions, Request, Response};

use super::PriceError;

/// A price is some fifty bytes, and an answer holds a hundred at most; whatever is far larger is
/// none.
const MAX_BODY_BYTES: usize = 64 << 10;

/// What to ask, and how patiently.
#[derive(Debug, Clone)]
pub struct Question {
    /// REST base, without `/api/v3`.
    pub rest_url: String,
    /// Of what; each is asked for once, however often it is named.
    pub symbols: Vec<Symbol>,
    /// Symbols that go together in one request; 1 for a request each.
    pub per_request: usize,
    /// Requests under way at once.
    pub concurrency: usize,
    /// For each answer, from waiting for a connection to its last byte.
    pub timeout: Duration,
    /// For all answers together.
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
}

/// What came of a round.
#[derive(Debug)]
pub struct Answers {
    /// Of every symbol asked for, in that order, its last price or why there is none.
    pub prices: Vec<(Symbol, Result<Price, PriceError>)>,
    /// Wall time of the whole round.
    pub took: Duration,
    /// Requests that were begun.
    pub requests: usize,
    /// What these count of the venue's request weight, of which it allows so much a minute.
    pub weight: u32,
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

    /// Whether the venue said that there were too many requests.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.failures().any(|(_, error)| matches!(error, PriceError::RateLimited { .. }))
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
            | PriceError::Missing
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

    /// Asks for each symbol and calls `on_answer` with how many are answered more. Gives a result
    /// for every symbol, whatever became of the others. A list that is refused because the venue
    /// does not know one of its symbols is asked for again in parts.
    ///
    /// When the venue says that there were too many requests, no further one is sent.
    pub async fn ask(&self, question: &Question, mut on_answer: impl FnMut(usize)) -> Answers {
        let symbols = question.distinct();
        let mut waiting: VecDeque<_> = batches(&symbols, question.per_request.max(1)).into();
        let started = Instant::now();
        let deadline = question.total_timeout.map(|total| started + total);
        let (mut requests, mut weight) = (0, 0);
        let mut found = BTreeMap::new();
        let mut limited = None;
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < question.concurrency.max(1)
                && let Some(list) = waiting.pop_front()
            {
                let call = call_about(&list);
                let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
                if left.is_none_or(|left| !left.is_zero()) {
                    requests += 1;
                    weight += call.weight;
                }
                let timeout = left.map_or(question.timeout, |left| left.min(question.timeout));
                running.push(self.send(question, list, call, timeout));
            }
            let Some((list, answer)) = running.next().await else { break };
            match read(&list, answer) {
                Reading::Told(prices) => {
                    on_answer(prices.len());
                    found.extend(prices);
                }
                Reading::UnknownAmong => waiting.extend(split(&list)),
                Reading::Limited { status, retry_after } => {
                    on_answer(list.len());
                    limited = Some((status, retry_after));
                    break;
                }
            }
        }
        let took = started.elapsed();
        let absent = || match limited {
            Some((status, retry_after)) => Err(PriceError::RateLimited { status, retry_after }),
            None => Err(PriceError::NotAsked),
        };
        let of = |symbol: Symbol| (symbol, found.remove(&symbol).unwrap_or_else(absent));
        Answers { prices: symbols.iter().copied().map(of).collect(), took, requests, weight }
    }

    async fn send(
        &self,
        question: &Question,
        list: Vec<Symbol>,
        call: Call,
        timeout: Duration,
    ) -> (Vec<Symbol>, Result<Response, HttpError>) {
        let http = rest_request(&question.rest_url, &call, None, timeout);
        (list, self.http.request(Request::get(http.url).timeout(timeout)).await)
    }
}

/// One symbol is half as dear alone as in a list.
fn call_about(symbols: &[Symbol]) -> Call {
    match symbols {
        [symbol] => Call::ticker_price(symbol.as_str()),
        several => {
            let names: Vec<&str> = several.iter().map(Symbol::as_str).collect();
            Call::ticker_prices(&names)
        }
    }
}

/// What an answer means.
#[derive(Debug)]
enum Reading {
    /// A result for each symbol of the question.
    Told(Vec<(Symbol, Result<Price, PriceError>)>),
    /// One of several symbols is not listed, and the venue does not say which.
    UnknownAmong,
    /// Too many requests.
    Limited { status: u16, retry_after: Option<Duration> },
}

/// Reads the answer to the question about `symbols`.
fn read(symbols: &[Symbol], answer: Result<Response, HttpError>) -> Reading {
    let refusal = match answer {
        Ok(response) if response.status.is_success() => {
            return Reading::Told(match symbols {
                [symbol] => vec![(*symbol, read_one(*symbol, &response.body))],
                several => read_list(several, &response.body),
            });
        }
        Ok(response) => PriceError::of_refusal(&response),
        Err(error) => PriceError::of_failure(error),
    };
    if let PriceError::RateLimited { status, retry_after } = refusal {
        return Reading::Limited { status, retry_after };
    }
    if matches!(refusal, PriceError::UnknownSymbol) && symbols.len() > 1 {
        return Reading::UnknownAmong;
    }
    Reading::Told(symbols.iter().map(|symbol| (*symbol, Err(refusal.clone()))).collect())
}

fn read_one(symbol: Symbol, body: &[u8]) -> Result<Price, PriceError> {
    let row: PriceRow<'_> =
        parse("last price", body).map_err(|source| PriceError::Malformed { source })?;
    if row.symbol != symbol.as_str() {
        return Err(PriceError::OtherSymbol { found: row.symbol.into_owned() });
    }
    Ok(row.price)
}

/// The rows come in any order; what nobody asked for is passed over.
fn read_list(symbols: &[Symbol], body: &[u8]) -> Vec<(Symbol, Result<Price, PriceError>)> {
    let rows: Result<Vec<PriceRow<'_>>, _> = parse("last prices", body);
    let price_of = |symbol: &Symbol| match &rows {
        Ok(rows) => {
            let row = rows.iter().find(|row| row.symbol == symbol.as_str());
            row.map(|row| row.price).ok_or(PriceError::Missing)
        }
        Err(source) => Err(PriceError::Malformed { source: source.clone() }),
    };
    symbols.iter().map(|symbol| (*symbol, price_of(symbol))).collect()
}

#[cfg(test)]
mod tests {
    use transport::http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::new(name).unwrap()
    }

    /// What is read of an answer, in words: of each symbol its price or error.
    fn reading(symbols: &[&str], status: u16, body: &str) -> String {
        let symbols: Vec<Symbol> = symbols.iter().map(|name| symbol(name)).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        let body = body.to_owned().into();
        let status = StatusCode::from_u16(status).unwrap();
        match read(&symbols, Ok(Response { status, headers, body })) {
            Reading::Told(prices) => {
                assert!(prices.iter().map(|(symbol, _)| symbol).eq(&symbols));
                let words = prices.iter().map(|(_, price)| match price {
                    Ok(price) => price.to_string(),
                    Err(error) => error.name().to_owned(),
                });
                words.collect::<Vec<_>>().join(" ")
            }
            Reading::UnknownAmong => "unknown among".to_owned(),
            Reading::Limited { status, retry_after } => {
                format!("limited {status} {}", retry_after.unwrap().as_secs())
            }
        }
    }

    #[test]
    fn answers_are_told_apart() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: &str) {
            assert_eq!(reading(&["BTCUSDT"], status, body), expected, "{status} {body}");
        }
        check(200, r#"{"symbol":"BTCUSDT","price":"61234.50000000"}"#, "61234.50000000");
        check(200, r#"{"symbol":"ETHUSDT","price":"1"}"#, "other_symbol");
        for wrong in ["", "[]", "<html>", r#"{"symbol":"BTCUSDT"}"#, r#"{"price":"1e999"}"#] {
            check(200, wrong, "malformed");
        }
        check(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, "unknown_symbol");
        check(400, r#"{"code":-1100,"msg":"Illegal characters."}"#, "refused");
        check(403, "<html>", "refused");
        check(503, "", "refused");
        check(302, "", "refused");
        check(429, r#"{"code":-1003,"msg":"Too much."}"#, "limited 429 7");
        check(418, "", "limited 418 7");
    }

    #[test]
    fn answers_about_several_are_told_apart() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: &str) {
            assert_eq!(reading(&["A", "B", "C"], status, body), expected, "{status} {body}");
        }
        let row =
            |symbol: &str, price: &str| format!(r#"{{"symbol":"{symbol}","price":"{price}"}}"#);
        let rows = |rows: &[String]| format!("[{}]", rows.join(","));
        check(
            200,
            &rows(&[row("A", "1"), row("B", "2"), row("C", "3")]),
            "1.00000000 2.00000000 3.00000000",
        );
        check(
            200,
            &rows(&[row("C", "3"), row("X", "9"), row("A", "1")]),
            "1.00000000 missing 3.00000000",
        );
        check(200, "[]", "missing missing missing");
        check(200, &row("A", "1"), "malformed malformed malformed");
        check(200, "<html>", "malformed malformed malformed");
        check(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, "unknown among");
        check(400, r#"{"code":-1100,"msg":"Illegal characters."}"#, "refused refused refused");
        check(503, "", "refused refused refused");
        check(429, "", "limited 429 7");
    }

    #[test]
    fn each_symbol_is_asked_for_once() {
        let question = Question {
            rest_url: "http://localhost".to_owned(),
            symbols: ["B", "A", "B", "A", "C"].map(symbol).to_vec(),
            per_request: 1,
            concurrency: 2,
            timeout: Duration::from_secs(5),
            total_timeout: None,
        };
        assert_eq!(question.distinct(), ["B", "A", "C"].map(symbol));
    }

    #[test]
    fn a_list_is_one_request_and_one_symbol_the_cheaper_one() {
        #[track_caller]
        fn check(symbols: &[&str], query: &str, weight: u32) {
            let symbols: Vec<Symbol> = symbols.iter().map(|name| symbol(name)).collect();
            let call = call_about(&symbols);
            assert_eq!((call.params.to_query().as_str(), call.weight), (query, weight));
        }
        check(&["A"], "symbol=A", 2);
        check(&["A", "B"], "symbols=%5B%22A%22%2C%22B%22%5D", 4);
    }
}
