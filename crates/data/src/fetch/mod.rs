//! Downloads of history: the venue's public archive files with their checksums, and klines and
//! aggregate trades by REST.
//!
//! Everything comes as files, which an import then reads. What is there and whole is not asked for
//! again, and an archive file that was cut off goes on where it ended. Requests run at once up to a
//! bound; each has a deadline and is repeated after failures that may pass; REST stays within half
//! of the venue's weight limit, counted by the headers of its answers.

mod archive;
mod client;
pub mod page;
mod plan;
mod rest;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use model::{Symbol, Timestamp};
use serde::Serialize;
use transport::Dialer;

use crate::Meter;
use client::Client;
pub use client::FetchError;
use plan::Task;
pub use plan::{Span, What};

/// Where the archive is.
pub const ARCHIVE_URL: &str = "https://data.binance.vision";

/// By which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The public archive: whole months, then whole days.
    Archive,
    /// REST, up to now.
    Rest,
}

/// What is wanted, from where and how patiently.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Of what.
    pub symbols: Vec<Symbol>,
    /// Which records.
    pub what: Vec<What>,
    /// From this instant on.
    pub from: Timestamp,
    /// Up to and without this one.
    pub to: Timestamp,
    /// By which way.
    pub way: Way,
    /// REST base, without `/api/v3`.
    pub rest_url: String,
    /// Archive base, without `/data`.
    pub archive_url: String,
    /// Where the files go.
    pub directory: PathBuf,
    /// Files under way at once.
    pub concurrency: usize,
    /// For each request.
    pub timeout: Duration,
    /// Repetitions of a request after failures that may pass.
    pub retries: u32,
    /// Pause before the first repetition; it doubles.
    pub first_pause: Duration,
}

/// What became of one file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It is there now.
    Fetched {
        /// Its size.
        bytes: u64,
    },
    /// It was there already.
    AlreadyThere,
    /// The venue does not have it.
    Absent,
    /// Nothing was traded.
    Empty,
    /// It could not be had.
    Failed {
        /// Why.
        reason: String,
        /// Whether nobody answered at all.
        is_unreachable: bool,
    },
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fetched {
    /// Its name.
    pub name: String,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Fetches everything. One result for each file, in the order of their names. `meter` counts
/// files; `now` reads the venue's clock or one near it.
pub async fn fetch(
    dialer: Dialer,
    options: &FetchOptions,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    meter: &Meter,
) -> Vec<Fetched> {
    let client = Client::new(dialer, options, now);
    let mut results = match options.way {
        Way::Archive => by_archive(&client, options, meter).await,
        Way::Rest => by_rest(&client, options, meter).await,
    };
    results.sort_by(|one, other| one.name.cmp(&other.name));
    results
}

/// Months first; a month that the archive does not have is asked for day by day.
async fn by_archive(client: &Client, options: &FetchOptions, meter: &Meter) -> Vec<Fetched> {
    let tasks = plan::archive(options, client.now());
    let (mut results, absent) = archive_round(client, options, tasks, meter).await;
    let now = client.now();
    let days: Vec<Task> = absent.iter().flat_map(|task| task.days(now)).collect();
    let (more, _) = archive_round(client, options, days, meter).await;
    results.extend(more);
    results
}

/// Results, and the months that are absent, which are no results yet.
async fn archive_round(
    client: &Client,
    options: &FetchOptions,
    tasks: Vec<Task>,
    meter: &Meter,
) -> (Vec<Fetched>, Vec<Task>) {
    meter.expect(tasks.len() as u64);
    let fetched = tasks.into_iter().map(|task| async move {
        let result = archive::fetch(client, options, &task).await;
        meter.advance(1);
        (task, result)
    });
    let fetched: Vec<(Task, Fetched)> = futures_util::stream::iter(fetched)
        .buffer_unordered(options.concurrency.max(1))
        .collect()
        .await;
    let (absent, there): (Vec<_>, Vec<_>) = fetched
        .into_iter()
        .partition(|(task, result)| result.outcome == Outcome::Absent && task.is_month());
    let results = there.into_iter().map(|(_, result)| result).collect();
    (results, absent.into_iter().map(|(task, _)| task).collect())
}

async fn by_rest(client: &Client, options: &FetchOptions, meter: &Meter) -> Vec<Fetched> {
    let server_time = match rest::server_time(client, options).await {
        Ok(server_time) => server_time,
        Err(error) => {
            let name = "time".to_owned();
            let path = options.directory.clone();
            return vec![Fetched { name, path, outcome: failed(&error) }];
        }
    };
    let tasks = plan::rest(options, server_time);
    meter.expect(tasks.len() as u64);
    let fetched = tasks.into_iter().map(|task| async move {
        let result = rest::fetch(client, options, &task).await;
        meter.advance(1);
        result
    });
    futures_util::stream::iter(fetched).buffer_unordered(options.concurrency.max(1)).collect().await
}

fn failed(error: &FetchError) -> Outcome {
    Outcome::Failed { reason: error.to_string(), is_unreachable: error.is_unreachable() }
}
