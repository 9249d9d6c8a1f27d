//! Sends a recording: frames byte for byte, in their order, at their time or as fast as the
//! readers take them.

use std::sync::Arc;
use std::time::Duration;

use model::{Symbol, Timestamp};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::state::{Shared, State};
use crate::clock::Speed;
use crate::config::{MarketConfig, ReplayConfig};
use crate::replay::{Frame, Item, ItemKind, Replay, ReplayError, Scan, Told};
use crate::streams::hub::Ending;

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
        Ok(items) if scan.streams.is_empty() => format!("replay finished: {items} trades"),
        Ok(items) => format!("replay finished: {items} frames"),
        Err(error) => {
            tracing::error!(%error, "the recording can't be read any further");
            "replay failed".to_owned()
        }
    };
    let is_in_step = is_in_step(&shared);
    shared.progress.send_modify(|progress| progress.is_over = true);
    if !is_in_step {
        shared.lock().hub.end_streams(&Ending::Close { code: 1000, reason });
    }
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
    let mut items = 0;
    while let Some((file, item)) = replay.pop()? {
        shared.until(item.at).await;
        let snapshot_of = scan.file_symbols[file];
        if config.lockstep {
            shared.progress.send_modify(|progress| progress.next_at = Some(item.at));
            if let Ok(credit) = shared.credit.acquire().await {
                credit.forget();
            }
        }
        if let ItemKind::Snapshot { symbol, .. } = &item.kind {
            wait_for_book_request(shared, symbol.or(snapshot_of)).await;
        } else {
            items += 1;
        }
        catch_up(shared, item.at).await;
        send(&mut shared.lock(), shared, &item, snapshot_of);
        shared.progress.send_modify(|progress| {
            (progress.taken, progress.next_at) = (progress.taken + 1, None);
        });
    }
    Ok(items)
}

/// Whoever is in step with the replay is told of its end, and stays connected.
fn is_in_step(shared: &Shared) -> bool {
    match &shared.config.market {
        MarketConfig::Replay(config) => config.lockstep,
        MarketConfig::Synthetic(_) => false,
    }
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

/// At full speed: runs the clock up to `at`, boundary by boundary, never faster than the readers.
async fn catch_up(shared: &Shared, at: Timestamp) {
    loop {
        let crowded = {
            let mut state = shared.lock();
            if state.clock.speed() != Speed::Max {
                return;
            }
            let crowded = state.hub.crowded();
            if crowded.is_none() {
                state.skip_idle(at);
                let boundary = state.exchange.next_event_at();
                let is_there = boundary > at;
                let until = boundary.min(at);
                state.clock.follow((shared.wall)(), until);
                state.run_until(until);
                if is_there {
                    return;
                }
            }
            crowded
        };
        if let Some((id, sender, room)) = crowded {
            // A closed queue is a reader that has gone: nothing is lost.
            let waited = tokio::time::timeout(STALL, sender.reserve_many(room)).await;
            if waited.is_err() {
                let reason = format!("took nothing for {} s", STALL.as_secs());
                shared.lock().hub.end_one(id, Ending::Close { code: 1008, reason });
            }
        }
    }
}

/// Applies an item and, if it is a frame, sends it to who listens.
fn send(state: &mut State, shared: &Shared, item: &Item, snapshot_of: Option<Symbol>) {
    state.clock.follow((shared.wall)(), item.at);
    state.run_until(item.at);
    if let ItemKind::Frame { text, frame } = &item.kind {
        send_frame(state, text, frame);
    }
    let State { exchange, hub, .. } = state;
    let mut is_traded = false;
    if let ItemKind::Frame { frame: Frame { told: Told::Aggregate(symbol, _), .. }, .. } =
        &item.kind
        && let Some(instrument) = exchange.instruments().by_symbol(symbol.as_str())
    {
        is_traded = hub.records_trades(instrument.id);
    }
    exchange.apply_recorded(item, snapshot_of, is_traded);
    state.flush();
}

fn send_frame(state: &mut State, text: &str, frame: &Frame) {
    let mut combined: Option<Utf8Bytes> = None;
    let mut raw: Option<Utf8Bytes> = None;
    let mut frames = Vec::new();
    for (id, is_combined) in state.hub.recorded_listeners(&frame.stream) {
        let text = if is_combined {
            combined.get_or_insert_with(|| Utf8Bytes::from(text))
        } else {
            raw.get_or_insert_with(|| Utf8Bytes::from(&text[frame.data.clone()]))
        };
        frames.push((id, text.clone()));
    }
    state.hub.send_market(&frame.stream, frames);
}
