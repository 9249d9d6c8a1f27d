//! The heartbeat: a small file in the state directory, and the same over the API.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
}

/// Writes the beats of an engine into its state directory, on a thread of its own: a slow disk
/// delays nobody else. Ends with the monitor.
///
/// # Errors
/// When the system gives no thread.
pub fn publish(
    directory: &Path,
    instance: InstanceId,
    mut snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
) -> io::Result<()> {
    let path = directory.join(HEARTBEAT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writing = async move {
        let mut written = 0;
        while snapshot.changed().await.is_ok() {
            let beats = snapshot.borrow_and_update().as_ref().map_or(0, |seen| seen.beats);
            if beats > written {
                let beat = Beat { instance, process: std::process::id(), beats };
                // A disk that takes no beat stops the heart, as far as a guard can tell.
                if write(&path, &beat).is_ok() {
                    written = beats;
                }
            }
            tokio::time::sleep(BEAT_EVERY).await;
        }
    };
    let thread = std::thread::Builder::new().name("heartbeat".to_owned());
    thread.spawn(move || runtime.block_on(writing)).map(|_| ())
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

/// The last beat in a state directory, however old.
fn last_beat(directory: &Path) -> Option<Beat> {
    let text = std::fs::read(directory.join(HEARTBEAT)).ok()?;
    serde_json::from_slice(&text).ok()
}

impl HeartbeatSource {
    /// The last beat; `None` for any kind of no answer.
    pub async fn hear(&self) -> Option<Beat> {
        match self {
            Self::Directory(directory) => last_beat(directory),
            Self::Api { url, token, http, timeout } => {
                let mut request = Request::new(hyper::Method::GET, format!("{url}/heartbeat"));
                if let Some(token) = token {
                    let value = format!("Bearer {}", token.expose_secret());
                    let mut value = HeaderValue::try_from(value).ok()?;
                    value.set_sensitive(true);
                    request = request.header(AUTHORIZATION, value);
                }
                let answer = http.request(request.timeout(*timeout)).await.ok()?;
                let is_ok = answer.status.is_success();
                is_ok.then(|| serde_json::from_slice(&answer.body).ok()).flatten()
            }
        }
    }
}
