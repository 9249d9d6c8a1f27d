//! The heartbeat: a small file in the state directory, and the same over the API.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actors::monitor::Snapshot;
use hyper::header::{AUTHORIZATION, HeaderValue};
use model::InstanceId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use transport::http::{HttpClient, Request};

/// The file's name in the state directory.
pub const HEARTBEAT: &str = "heartbeat";

/// The time between two beats in the file: the monitor looks more often.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// One beat. Two are the same only if nothing was done in between.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Beat {
    /// The installation: part of every order's name.
    pub instance: InstanceId,
    /// The engine's process.
    pub process: u32,
    /// Counts the looks at which risk and execution both answered.
    pub beats: u64,
    /// The engine has ended in good order, with its entries taken back: nothing is to be guarded
    /// until it beats again.
    #[serde(default)]
    pub ended: bool,
}

/// The beating side: writes into the state directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Heart {
    path: PathBuf,
    instance: InstanceId,
    /// Whether the last beat is written.
    is_over: Arc<Mutex<bool>>,
}

impl Heart {
    /// Writes the beats of an engine, on a thread of its own: a slow disk delays nobody else. Ends
    /// with the monitor.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        directory: &Path,
        instance: InstanceId,
        snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> io::Result<Self> {
        let heart = Self { path: directory.join(HEARTBEAT), instance, is_over: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = std::thread::Builder::new().name("heartbeat".to_owned());
        let beating = heart.clone().beat(snapshot);
        thread.spawn(move || runtime.block_on(beating))?;
        Ok(heart)
    }

    async fn beat(self, mut snapshot: watch::Receiver<Option<Arc<Snapshot>>>) {
        let mut written = 0;
        while snapshot.changed().await.is_ok() {
            let beats = snapshot.borrow_and_update().as_ref().map_or(0, |seen| seen.beats);
            if beats > written {
                let beat = self.nth(beats, false);
                let is_over = self.lock();
                if *is_over {
                    return;
                }
                // A disk that takes no beat stops the heart, as far as a guard can tell.
                if write(&self.path, &beat).is_ok() {
                    written = beats;
                }
            }
            tokio::time::sleep(BEAT_EVERY).await;
        }
    }

    /// Writes the last beat of an engine that has ended in good order.
    ///
    /// # Errors
    /// From the file system.
    pub fn end(&self) -> io::Result<()> {
        let mut is_over = self.lock();
        *is_over = true;
        write(&self.path, &self.nth(0, true))
    }

    fn nth(&self, beats: u64, ended: bool) -> Beat {
        Beat { instance: self.instance, process: std::process::id(), beats, ended }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never half there, and never synced: an old beat is as good as none.
fn write(path: &Path, beat: &Beat) -> io::Result<()> {
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, serde_json::to_vec(beat)?)?;
    std::fs::rename(&temporary, path)
}

/// Where a guard hears the heartbeat.
pub enum HeartbeatSource {
    /// The engine's state directory.
    Directory(PathBuf),
    /// The engine's API, from another host.
    Api {
        /// `http://host:port`.
        url: String,
        /// The token for reading.
        token: Option<SecretString>,
        /// Pooled connections.
        http: HttpClient,
        /// How long an answer may take.
        timeout: Duration,
    },
}

/// Why no beat was heard. The same twice is equal, so that it is told once.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HearError {
    /// The file, or the engine behind the API, can't be reached.
    #[error("{place}: {reason}")]
    Unreachable {
        /// The file or the address.
        place: String,
        /// In the words of the system.
        reason: String,
    },
    /// Something was heard that is no beat.
    #[error("{place}: {reason}")]
    Garbled {
        /// The file or the address.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The API refused.
    #[error("{url}: HTTP {status}{advice}", advice = advice(*status))]
    Refused {
        /// What was asked.
        url: String,
        /// Its answer.
        status: u16,
    },
    /// The token can't stand in a header.
    #[error("the token is no text")]
    Token,
}

const fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => ": give the engine's read token with --token-file",
        _ => "",
    }
}

fn read(place: String, text: &[u8]) -> Result<Beat, HearError> {
    let beat = serde_json::from_slice(text);
    beat.map_err(|error| HearError::Garbled { place, reason: error.to_string() })
}

/// The last beat in a state directory, however old.
fn last_beat(directory: &Path) -> Result<Beat, HearError> {
    let path = directory.join(HEARTBEAT);
    let place = path.display().to_string();
    match std::fs::read(&path) {
        Ok(text) => read(place, &text),
        Err(error) => Err(HearError::Unreachable { place, reason: error.to_string() }),
    }
}

impl HeartbeatSource {
    /// The last beat.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn hear(&self) -> Result<Beat, HearError> {
        match self {
            Self::Directory(directory) => last_beat(directory),
            Self::Api { url, token, http, timeout } => {
                let url = format!("{url}/heartbeat");
                let mut request = Request::new(hyper::Method::GET, url.clone());
                if let Some(token) = token {
                    let value = format!("Bearer {}", token.expose_secret());
                    let value = HeaderValue::try_from(value);
                    let mut value = value.map_err(|_| HearError::Token)?;
                    value.set_sensitive(true);
                    request = request.header(AUTHORIZATION, value);
                }
                match http.request(request.timeout(*timeout)).await {
                    Ok(answer) if answer.status.is_success() => read(url, &answer.body),
                    Ok(answer) => Err(HearError::Refused { url, status: answer.status.as_u16() }),
                    Err(error) => {
                        Err(HearError::Unreachable { place: url, reason: error.to_string() })
                    }
                }
            }
        }
    }
}
