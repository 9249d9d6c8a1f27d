//! Sends a recording: frames byte for byte, in their order, at their time or as fast as the
//! readers take them.

use std::sync::Arc;
use std::time::Duration;

use model::Symbol;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::state::{Shared, State};
use crate::clock::Speed;
use crate::config::{MarketConfig, ReplayConfig};
use crate::replay::{Frame, Item, ItemKind, Replay, ReplayError, Scan};
use crate::streams::hub::{ConnectionId, Ending, FrameSender};

/// How long a reader may take nothing at full speed before it is cut off.
const STALL: Duration = Duration::from_secs(30);
/// At full speed: how long a recorded book answer waits at its place for somebody to ask for it.
const BOOK_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked whether enough streams are subscribed.
const POLL: Duration = Duration::from_millis(2);

/// Sends the whole recording, then closes the market's connections with a word on its end.
pub async fn run(shared: Arc<Shared>, scan: Scan) {
    let MarketConfig::Replay(config) = shared.config.market.clone() else { return };
    let reason = match play(&shared, &config, &scan).await {
        Ok(frames) => format!("replay finished: {frames} frames"),
        Err(error) => {
            tracing::error!(%error, "the recording can't be read any further");
            "replay failed".to_owned()
        }
    };
    shared.lock().hub.end_streams(&Ending::Close { code: 1000, reason });
}

async fn play(shared: &Shared, config: &ReplayConfig, scan: &Scan) -> Result<u64, ReplayError> {
    let mut replay = Replay::open(&config.files)?;
    wait_for_listeners(shared, config.start_after_streams.max(1)).await;
    {
        let mut state = shared.lock();
        if state.clock.speed() != Speed::Max {
            state.clock.set_speed((shared.wall)(), shared.config.speed);
        }
    }
    shared.wake.notify_waiters();
    let mut frames = 0;
    while let Some((file, item)) = replay.pop()? {
        shared.until(item.at).await;
        let snapshot_of = scan.file_symbols[file];
        match &item.kind {
            ItemKind::Snapshot { symbol, .. } => {
                wait_for_book_request(shared, symbol.or(snapshot_of)).await;
                apply(&mut shared.lock(), shared, &item, snapshot_of);
            }
            ItemKind::Frame(frame) => {
                if config.lockstep
                    && let Ok(credit) = shared.credit.acquire().await
                {
                    credit.forget();
                }
                frames += 1;
                send(shared, &item, frame, snapshot_of).await;
            }
        }
    }
    Ok(frames)
}

async fn wait_for_listeners(shared: &Shared, streams: usize) {
    while shared.lock().hub.streams() < streams {
        tokio::time::sleep(POLL).await;
    }
}

/// At full speed a client's request for the book would come long after its place in the
/// recording: the recording waits there, if somebody listens to the book's changes.
async fn wait_for_book_request(shared: &Shared, symbol: Option<Symbol>) {
    let Some(symbol) = symbol.filter(|_| shared.lock().clock.speed() == Speed::Max) else { return };
    let waited = tokio::time::timeout(BOOK_WAIT, async {
        loop {
            {
                let state = shared.lock();
                if state.exchange.has_depth_request(symbol) || !state.hub.hears_depth_of(symbol) {
                    return;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    });
    if waited.await.is_err() {
        tracing::warn!(%symbol, "nobody asked for the recorded book: going on without");
    }
}

fn apply(state: &mut State, shared: &Shared, item: &Item, snapshot_of: Option<Symbol>) {
    state.clock.follow((shared.wall)(), item.at);
    state.run_until(item.at);
    let State { exchange, hub, .. } = state;
    let has_trades: Vec<Symbol> = match &item.kind {
        // Only trades in bulk ask whether they are recorded one by one, too.
        ItemKind::Frame(Frame { told: crate::replay::Told::Aggregate(symbol, _), .. }) => {
            let instrument = exchange.instruments().by_symbol(symbol.as_str());
            let is_traded = instrument.is_some_and(|instrument| hub.records_trades(instrument.id));
            if is_traded { vec![*symbol] } else { Vec::new() }
        }
        ItemKind::Frame(_) | ItemKind::Snapshot { .. } => Vec::new(),
    };
    exchange.apply_recorded(item, snapshot_of, |symbol| has_trades.contains(&symbol));
    state.flush();
}

/// Applies a frame and sends it to who listens. At full speed it waits for room in each reader's
/// queue; paced, a reader without room is cut off.
async fn send(shared: &Shared, item: &Item, frame: &Frame, snapshot_of: Option<Symbol>) {
    let (listeners, waits) = {
        let mut state = shared.lock();
        let listeners = state.hub.recorded_listeners(&frame.stream);
        apply(&mut state, shared, item, snapshot_of);
        (listeners, state.clock.speed() == Speed::Max)
    };
    let mut combined: Option<Utf8Bytes> = None;
    let mut raw: Option<Utf8Bytes> = None;
    for (id, sender, is_combined) in listeners {
        let text = if is_combined {
            combined.get_or_insert_with(|| Utf8Bytes::from(item.text.as_str()))
        } else {
            raw.get_or_insert_with(|| Utf8Bytes::from(&item.text[frame.data.clone()]))
        };
        if waits {
            deliver(shared, id, &sender, text.clone()).await;
        } else {
            shared.lock().hub.send(id, text.clone());
        }
    }
}

async fn deliver(shared: &Shared, id: ConnectionId, sender: &FrameSender, text: Utf8Bytes) {
    // A closed queue is a reader that has gone: nothing is lost.
    if tokio::time::timeout(STALL, sender.send(text)).await.is_err() {
        let reason = format!("took nothing for {} s", STALL.as_secs());
        shared.lock().hub.end_one(id, Ending::Close { code: 1008, reason });
    }
}
