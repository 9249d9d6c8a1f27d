//! How whoever listens in this process takes connections. What is said over them is elsewhere.

use std::io;
use std::time::Duration;

/// How long accepting rests after the system refused, for want of open files for example.
const REST_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// The connection that was accepted; nothing, after a rest, where the system refused.
pub(crate) async fn or_rest<S, A>(accepted: io::Result<(S, A)>) -> Option<S> {
    match accepted {
        Ok((stream, _)) => Some(stream),
        Err(_) => {
            tokio::time::sleep(REST_AFTER_REFUSAL).await;
            None
        }
    }
}
