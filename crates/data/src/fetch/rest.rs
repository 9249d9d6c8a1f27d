//! Klines and aggregate trades by REST, page by page, into files like the archive's.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use model::{Interval, Timestamp};
use serde::Deserialize;
use transport::http::{Response, StatusCode};

use super::client::{Client, FetchError};
use super::plan::{Span, Task, What};
use super::{FetchOptions, Fetched, Outcome, failed, page};

/// The most rows that a page can have.
const PAGE_ROWS: usize = 1_000;
const KLINES_WEIGHT: u32 = 2;
const AGG_TRADES_WEIGHT: u32 = 4;
const HOUR: Duration = Duration::from_secs(3_600);

/// The venue's clock.
pub async fn server_time(client: &Client, options: &FetchOptions) -> Result<Timestamp, FetchError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        server_time: i64,
    }
    let url = format!("{}/api/v3/time", options.rest_url);
    let answer: Answer = page::read(&ask(client, &url, 1).await?.body)?;
    Ok(Timestamp::from_millis(answer.server_time))
}

/// Fetches one file. Days and months that are there are whole; parts are always fetched anew.
pub async fn fetch(client: &Client, options: &FetchOptions, task: &Task) -> Fetched {
    let name = format!("{}.csv", task.name());
    let path = options.directory.join("rest").join(&name);
    if path.exists() && !matches!(task.span, Span::Part(..)) {
        return Fetched { name, path, outcome: Outcome::AlreadyThere };
    }
    let rows = match task.what {
        What::Klines(interval) => klines(client, options, task, interval).await,
        What::AggTrades => agg_trades(client, options, task).await,
        What::Trades => Err(FetchError::Malformed {
            reason: "single trades are in the archive only".to_owned(),
        }),
    };
    let written = rows.and_then(|rows| {
        if rows.is_empty() {
            return Ok(Outcome::Empty);
        }
        std::fs::create_dir_all(path.parent().expect("a file is in a directory"))?;
        let part = path.with_extension("csv.part");
        let mut file = File::create(&part)?;
        file.write_all(rows.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        Ok(Outcome::Fetched { bytes: rows.len() as u64 })
    });
    let outcome = written.unwrap_or_else(|error| failed(&error));
    Fetched { name, path, outcome }
}

async fn ask(client: &Client, url: &str, weight: u32) -> Result<Response, FetchError> {
    let response = client.get(url, weight, None).await?;
    if response.status != StatusCode::OK {
        let body = String::from_utf8_lossy(&response.body).into_owned();
        return Err(FetchError::Refused { status: response.status, body });
    }
    Ok(response)
}

/// The rows of a span; bars that are not closed are left out.
async fn klines(
    client: &Client,
    options: &FetchOptions,
    task: &Task,
    interval: Interval,
) -> Result<String, FetchError> {
    let (from, to) = task.span.bounds();
    let mut rows = String::new();
    let mut start = from;
    while start < to {
        let (first, last) = (start.as_millis(), to.as_millis() - 1);
        let url = format!(
            "{}/api/v3/klines?symbol={}&interval={interval}&startTime={first}&endTime={last}&limit={PAGE_ROWS}",
            options.rest_url,
            encoded(task.symbol.as_str()),
        );
        let answer = ask(client, &url, KLINES_WEIGHT).await?;
        let page = page::klines(&answer.body, interval, start, to, &mut rows)?;
        start = page.next_open;
        if page.count < PAGE_ROWS {
            break;
        }
    }
    Ok(rows)
}

/// The rows of a span: by time till the first is found, then by id.
async fn agg_trades(
    client: &Client,
    options: &FetchOptions,
    task: &Task,
) -> Result<String, FetchError> {
    let (from, to) = task.span.bounds();
    let mut rows = String::new();
    let mut start = from;
    let mut next_id: Option<i64> = None;
    while start < to {
        let query = match next_id {
            Some(id) => format!("fromId={id}"),
            None => {
                let end = start.after(HOUR).min(to).as_millis() - 1;
                format!("startTime={}&endTime={end}", start.as_millis())
            }
        };
        let symbol = encoded(task.symbol.as_str());
        let url = format!(
            "{}/api/v3/aggTrades?symbol={symbol}&{query}&limit={PAGE_ROWS}",
            options.rest_url
        );
        let answer = ask(client, &url, AGG_TRADES_WEIGHT).await?;
        let Some(page) = page::agg_trades(&answer.body, next_id, to, &mut rows)? else {
            // By id, an empty page is the present; by time, an hour without trades.
            if next_id.is_some() {
                break;
            }
            start = start.after(HOUR);
            continue;
        };
        let is_last_page = next_id.is_some() && page.count < PAGE_ROWS;
        next_id = Some(page.next_id);
        if page.last_at >= to || is_last_page {
            break;
        }
    }
    Ok(rows)
}

/// A symbol may have letters of any script.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
