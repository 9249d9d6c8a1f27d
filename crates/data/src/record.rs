//! Recording what a venue sends: every frame byte for byte, with the instant of its receipt.
//!
//! One connection for all streams, opened again when it ends or is silent. With it come the
//! instruments, and, where differences of books are recorded, a snapshot of each book after every
//! connection: without one the differences say nothing. Files are compressed, begun anew each UTC
//! day, and readable up to the last flush however the process ends.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::Either;
use model::{Symbol, Timestamp};
use serde::Serialize;
use store::recordings::{RecordingWriter, Rotation};
use tokio::time::{Instant, sleep, timeout};
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::ws::{self, WsEvent, WsOptions, WsReceiver};

use crate::Meter;

/// Frames taken in one go.
const BATCH: usize = 256;
/// How often what was received is handed to the operating system.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// How often it is forced to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// A connection that sends nothing, not even a ping, for so long is given up. Binance pings every
/// twenty seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// Pauses between connections double from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// Levels of a snapshot.
const SNAPSHOT_LEVELS: u32 = 1_000;
/// Largest answer: exchangeInfo of all symbols has some twenty megabytes.
const MAX_BODY_BYTES: usize = 64 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that lived so long was a good one.
const GOOD: Duration = Duration::from_secs(60);

/// What to record and where.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// Market stream base, without `/stream`.
    pub ws_url: String,
    /// REST base, without `/api/v3`.
    pub rest_url: String,
    /// Of what.
    pub symbols: Vec<Symbol>,
    /// Which streams of each, such as `trade`, `bookTicker`, `depth@100ms`.
    pub streams: Vec<String>,
    /// Where the files go.
    pub directory: PathBuf,
    /// How their names begin.
    pub prefix: String,
    /// How long; without end if `None`.
    pub duration: Option<Duration>,
}

/// Why a recording ended.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file can't be written.
    #[error("{}: {source}", directory.display())]
    Storage {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The venue could not be reached at the start.
    #[error("the venue can't be reached: {0}")]
    Unreachable(String),
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Recorded {
    /// Frames of streams.
    pub frames: u64,
    /// Their bytes before compression.
    pub bytes: u64,
    /// Answers to requests: instruments and books.
    pub answers: u64,
    /// Connections opened.
    pub connections: u64,
    /// What went wrong in between, in order; the last hundred.
    pub problems: Vec<String>,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Records until `stop` is done or the time is over. `meter` counts frames; `now` reads our clock.
///
/// # Errors
/// See [`RecordError`]. A connection that breaks later is opened again.
pub async fn record(
    dialer: &Dialer,
    options: &RecordOptions,
    now: impl Fn() -> Timestamp,
    stop: impl Future<Output = ()>,
    meter: &Meter,
) -> Result<Recorded, RecordError> {
    let storage = |source| RecordError::Storage { directory: options.directory.clone(), source };
    let writer = RecordingWriter::create(&options.directory, &options.prefix, Rotation::default());
    let http = HttpOptions { max_body_bytes: MAX_BODY_BYTES, ..HttpOptions::default() };
    let mut recorder = Recorder {
        options,
        http: HttpClient::new(dialer.clone(), http),
        dialer,
        now: &now,
        meter,
        writer: writer.map_err(storage)?,
        recorded: Recorded::default(),
        flushed_at: Instant::now(),
        synced_at: Instant::now(),
    };
    let ended = async {
        match options.duration {
            Some(duration) => {
                let over = std::pin::pin!(sleep(duration));
                let stop = std::pin::pin!(stop);
                futures_util::future::select(over, stop).await;
            }
            None => stop.await,
        }
    };
    let mut ended = std::pin::pin!(ended);
    let result = recorder.run(ended.as_mut()).await;
    // Whatever ended it, what came is kept.
    let finished = recorder.writer.finish().map_err(storage);
    recorder.recorded.files = recorder.writer.files().to_vec();
    result.and(finished).map(|()| recorder.recorded)
}

struct Recorder<'a, N> {
    options: &'a RecordOptions,
    dialer: &'a Dialer,
    http: HttpClient,
    now: &'a N,
    meter: &'a Meter,
    writer: RecordingWriter,
    recorded: Recorded,
    flushed_at: Instant,
    synced_at: Instant,
}

/// Whether to go on.
enum Next {
    Again,
    Ended,
}

impl<N: Fn() -> Timestamp> Recorder<'_, N> {
    async fn run(
        &mut self,
        mut ended: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), RecordError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let url = self.url();
            let options = ws_options();
            let connecting = std::pin::pin!(ws::connect(self.dialer, &url, &options));
            match futures_util::future::select(ended.as_mut(), connecting).await {
                Either::Left(_) => return Ok(()),
                Either::Right((Ok((_sender, receiver)), _)) => {
                    self.recorded.connections += 1;
                    let connected_at = (self.now)();
                    self.writer
                        .write_connection(connected_at, &url)
                        .map_err(|e| self.storage(e))?;
                    if let Next::Ended = self.connection(receiver, ended.as_mut()).await? {
                        return Ok(());
                    }
                }
                Either::Right((Err(error), _)) if self.recorded.connections == 0 => {
                    return Err(RecordError::Unreachable(error.to_string()));
                }
                Either::Right((Err(error), _)) => self.problem(error.to_string()),
            }
            pause = if began.elapsed() >= GOOD { FIRST_PAUSE } else { pause };
            let waiting = std::pin::pin!(sleep(pause));
            if let Either::Left(_) = futures_util::future::select(ended.as_mut(), waiting).await {
                return Ok(());
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// All streams of all symbols.
    fn url(&self) -> String {
        let names = self.options.symbols.iter().flat_map(|symbol| {
            let symbol = symbol.as_str().to_lowercase();
            self.options.streams.iter().map(move |stream| format!("{symbol}@{stream}"))
        });
        let names: Vec<String> = names.collect();
        format!("{}/stream?streams={}", self.options.ws_url, names.join("/"))
    }

    /// Records one connection to its end. Books and instruments are asked for beside it.
    async fn connection(
        &mut self,
        mut receiver: WsReceiver,
        mut ended: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Next, RecordError> {
        let questions = self.questions();
        let http = self.http.clone();
        let (asked, mut answers) = tokio::sync::mpsc::channel(questions.len().max(1));
        let asking = async move {
            for url in questions {
                let answer = http.request(Request::get(&url).timeout(ANSWER_TIMEOUT)).await;
                // Nobody listens any more: the connection is over.
                if asked.send((url, answer)).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut asking = std::pin::pin!(asking);
        let mut events = Vec::with_capacity(BATCH);
        loop {
            let silent = tokio::select! {
                biased;
                () = ended.as_mut() => return Ok(Next::Ended),
                () = asking.as_mut() => continue,
                Some((url, answer)) = answers.recv() => {
                    self.answer(&url, answer)?;
                    continue;
                }
                received = timeout(SILENCE, receiver.next_batch(&mut events, BATCH)) => received,
            };
            let received_at = (self.now)();
            let count = match silent {
                Ok(Ok(count)) => count,
                Ok(Err(error)) => {
                    self.problem(error.to_string());
                    return Ok(Next::Again);
                }
                Err(_) => {
                    self.problem(format!("nothing came for {SILENCE:?}"));
                    return Ok(Next::Again);
                }
            };
            for event in events.drain(..) {
                self.event(received_at, &event)?;
            }
            self.keep()?;
            if count == 0 {
                self.problem("the connection ended".to_owned());
                return Ok(Next::Again);
            }
        }
    }

    /// Instruments once, and the books whose differences are recorded with each connection.
    fn questions(&self) -> Vec<String> {
        let rest = &self.options.rest_url;
        let mut urls = Vec::new();
        let has_depth = self
            .options
            .streams
            .iter()
            .any(|stream| stream == "depth" || stream.starts_with("depth@"));
        if has_depth {
            urls.extend(self.options.symbols.iter().map(|symbol| {
                format!("{rest}/api/v3/depth?symbol={symbol}&limit={SNAPSHOT_LEVELS}")
            }));
        }
        if self.recorded.connections == 1 {
            let symbols: Vec<String> =
                self.options.symbols.iter().map(|symbol| format!("%22{symbol}%22")).collect();
            urls.push(format!("{rest}/api/v3/exchangeInfo?symbols=%5B{}%5D", symbols.join(",")));
        }
        urls
    }

    fn event(&mut self, received_at: Timestamp, event: &WsEvent) -> Result<(), RecordError> {
        match event {
            WsEvent::Text(text) => {
                self.recorded.frames += 1;
                self.recorded.bytes += text.len() as u64;
                self.meter.advance(1);
                // Nothing else will come of what was refused: somebody has to see it.
                if text.starts_with(r#"{"error""#) {
                    self.problem(format!("refused by the venue: {text}"));
                }
                self.writer.write_frame(received_at, text).map_err(|e| self.storage(e))
            }
            WsEvent::Closed { code, reason } => {
                self.problem(format!("closed by the venue: {code:?} {reason}"));
                Ok(())
            }
            WsEvent::Binary(_) => {
                self.problem("a binary frame, which is not recorded".to_owned());
                Ok(())
            }
            WsEvent::Ping(_) | WsEvent::Pong(_) => Ok(()),
        }
    }

    fn answer(
        &mut self,
        url: &str,
        answer: Result<transport::http::Response, transport::http::HttpError>,
    ) -> Result<(), RecordError> {
        let received_at = (self.now)();
        let response = match answer {
            Ok(response) if response.status.is_success() => response,
            Ok(response) => {
                self.problem(format!("{url}: status {}", response.status));
                return Ok(());
            }
            Err(error) => {
                self.problem(format!("{url}: {error}"));
                return Ok(());
            }
        };
        let Ok(text) = std::str::from_utf8(&response.body) else {
            self.problem(format!("{url}: an answer that is no text"));
            return Ok(());
        };
        self.recorded.answers += 1;
        self.writer.write_answer(received_at, url, text.trim_end()).map_err(|e| self.storage(e))
    }

    /// Hands on what came, and now and then to the disk.
    fn keep(&mut self) -> Result<(), RecordError> {
        let now = Instant::now();
        if now.duration_since(self.synced_at) >= SYNC_EVERY {
            (self.synced_at, self.flushed_at) = (now, now);
            return self.writer.sync().map_err(|e| self.storage(e));
        }
        if now.duration_since(self.flushed_at) >= FLUSH_EVERY {
            self.flushed_at = now;
            return self.writer.flush().map_err(|e| self.storage(e));
        }
        Ok(())
    }

    fn problem(&mut self, what: String) {
        if self.recorded.problems.len() == 100 {
            self.recorded.problems.remove(0);
        }
        self.recorded.problems.push(format!("{}: {what}", (self.now)()));
    }

    fn storage(&self, source: std::io::Error) -> RecordError {
        RecordError::Storage { directory: self.options.directory.clone(), source }
    }
}

fn ws_options() -> WsOptions {
    WsOptions { read_buffer_bytes: 64 << 10, ..WsOptions::default() }
}
