//! What one page of an answer holds, as lines of a file like the archive's.

use std::fmt::Write as _;

use model::{Interval, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::FetchError;

/// What was read of a page of klines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KlinesPage {
    /// Rows, also those that are not closed.
    pub count: usize,
    /// Where the next page begins.
    pub next_open: Timestamp,
}

/// What was read of a page of aggregate trades.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AggTradesPage {
    /// Rows, also those after the end.
    pub count: usize,
    /// Time of the last.
    pub last_at: Timestamp,
    /// Where the next page begins.
    pub next_id: i64,
}

fn malformed(reason: impl ToString) -> FetchError {
    FetchError::Malformed { reason: reason.to_string() }
}

/// A body as what it should be.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, FetchError> {
    serde_json::from_slice(body).map_err(malformed)
}

/// Adds the rows of a page that begins at `start`, without those that are not closed by `to`.
///
/// # Errors
/// [`FetchError::Malformed`].
pub fn klines(
    body: &[u8],
    interval: Interval,
    start: Timestamp,
    to: Timestamp,
    rows: &mut String,
) -> Result<KlinesPage, FetchError> {
    let page: Vec<Vec<Value>> = read(body)?;
    let mut next_open = start;
    for row in &page {
        let (open_at, close_at) = (instant(row.first())?, instant(row.get(6))?);
        if open_at < next_open {
            return Err(malformed("rows that run backwards"));
        }
        next_open = open_at.after(interval.duration());
        if close_at < to {
            push_row(row, rows);
        }
    }
    Ok(KlinesPage { count: page.len(), next_open })
}

/// Adds the rows of a page that was asked for from `from_id` on, without those at or after `to`.
/// `None` for a page without any.
///
/// # Errors
/// [`FetchError::Malformed`].
pub fn agg_trades(
    body: &[u8],
    from_id: Option<i64>,
    to: Timestamp,
    rows: &mut String,
) -> Result<Option<AggTradesPage>, FetchError> {
    let page: Vec<AggRow> = read(body)?;
    let Some(last) = page.last() else { return Ok(None) };
    let is_back = from_id.is_some_and(|id| page[0].id < id);
    if is_back || !page.is_sorted_by_key(|row| row.id) {
        return Err(malformed("ids that run backwards"));
    }
    let next_id = last.id.checked_add(1).ok_or_else(|| malformed("an id that is no number"))?;
    for row in page.iter().filter(|row| row.at < to.as_millis()) {
        row.push(rows);
    }
    let last_at = Timestamp::from_millis(last.at);
    Ok(Some(AggTradesPage { count: page.len(), last_at, next_id }))
}

#[derive(Deserialize)]
struct AggRow {
    #[serde(rename = "a")]
    id: i64,
    #[serde(rename = "p")]
    price: String,
    #[serde(rename = "q")]
    quantity: String,
    #[serde(rename = "f")]
    first_trade_id: i64,
    #[serde(rename = "l")]
    last_trade_id: i64,
    #[serde(rename = "T")]
    at: i64,
    #[serde(rename = "m")]
    is_buyer_maker: bool,
    #[serde(rename = "M", default)]
    is_best_match: bool,
}

impl AggRow {
    fn push(&self, rows: &mut String) {
        let Self { id, price, quantity, first_trade_id, last_trade_id, at, .. } = self;
        let (maker, best) = (self.is_buyer_maker, self.is_best_match);
        let _ = writeln!(
            rows,
            "{id},{price},{quantity},{first_trade_id},{last_trade_id},{at},{maker},{best}"
        );
    }
}

fn instant(value: Option<&Value>) -> Result<Timestamp, FetchError> {
    let millis = value.and_then(Value::as_i64);
    millis.map(Timestamp::from_millis).ok_or_else(|| malformed("no instant"))
}

fn push_row(row: &[Value], rows: &mut String) {
    for (place, cell) in row.iter().enumerate() {
        let separator = if place == 0 { "" } else { "," };
        let _ = match cell {
            Value::String(text) => write!(rows, "{separator}{text}"),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => write!(rows, "{separator}{cell}"),
        };
    }
    rows.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_runs_backwards_or_over_the_edge_is_refused() {
        let to = Timestamp::from_millis(1_000_000);
        let row = |id: i64| {
            format!(r#"{{"a":{id},"p":"1.5","q":"2","f":1,"l":2,"T":7,"m":true,"M":true}}"#)
        };
        let read = |ids: &[i64], from| {
            let rows: Vec<String> = ids.iter().map(|id| row(*id)).collect();
            let mut lines = String::new();
            let body = format!("[{}]", rows.join(","));
            agg_trades(body.as_bytes(), from, to, &mut lines).map(|page| (page, lines))
        };
        let (page, lines) = read(&[4, 5], Some(4)).unwrap();
        let last_at = Timestamp::from_millis(7);
        assert_eq!(page, Some(AggTradesPage { count: 2, last_at, next_id: 6 }));
        assert_eq!(lines, "4,1.5,2,1,2,7,true,true\n5,1.5,2,1,2,7,true,true\n");
        assert_eq!(read(&[], Some(4)).unwrap().0, None);
        assert!(read(&[3], Some(4)).is_err());
        assert!(read(&[5, 4], Some(4)).is_err());
        assert!(read(&[i64::MAX], None).is_err());
    }
}
