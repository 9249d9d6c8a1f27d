//! `tickwright feed`: what the engine's feed makes of a recording, over a real websocket.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor as _, Addr};
use actors::clock::Clock;
use actors::feed::{FeedActor, FeedListeners, ReadFeedStatus, StartFeed};
use actors::tap::Tap;
use actors::wire::Wire;
use binance::{BinanceFeed, EndpointUrls};
use exchange::replay::Scan;
use exchange::{ExchangeConfig, MarketConfig, ReplayConfig};
use kernel::feed::{
    FeedMachine, FeedPlan, FeedPolicy, FeedProtocol, FeedStats, Stream, StreamKind,
};
use model::{Instruments, VenueId};
use serde_json::json;
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions};

use crate::cli::feed::FeedArgs;
use crate::cli::{Exit, Failure};
use crate::wiring::{EmbeddedExchange, SignedRest};

/// How often the counters are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Streams that are listened to, with the venue's names for them.
const KINDS: [(StreamKind, &str); 3] = [
    (StreamKind::Trade, "trade"),
    (StreamKind::Quote, "bookTicker"),
    (StreamKind::Depth, "depth@100ms"),
];

/// Replays and counts.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &FeedArgs) -> Result<Exit, Failure> {
    actix::System::new().block_on(run(args))
}

async fn run(args: &FeedArgs) -> Result<Exit, Failure> {
    let scan =
        exchange::replay::scan(&args.replay).map_err(|error| Failure::new(Exit::Usage, error))?;
    let recorded: BTreeSet<String> =
        scan.streams.iter().filter(|stream| is_wanted(args, stream)).cloned().collect();
    refuse_what_has_no_frames(args, &scan, &recorded)?;
    let exchange = start_exchange(args, recorded.len())?;
    let handle = exchange.handle();
    let urls = EndpointUrls::new(&handle.rest_url(), &handle.ws_url(), &handle.ws_api_url());
    let dialer = Dialer::tcp(None);
    let instruments = Arc::new(instruments(args, &urls, &dialer).await?);
    let feed = start_feed(&urls, &dialer, &instruments, &recorded);
    let started = tokio::time::Instant::now();
    let stats = loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let status = feed.send(ReadFeedStatus).await;
        let stats = status.map_err(|error| Failure::new(Exit::Internal, error))?.stats;
        // The exchange closes the connection behind the last frame, and the feed comes back.
        if stats.reconnects > 0 || started.elapsed() > args.limit {
            break stats;
        }
    };
    show(args, &stats, started.elapsed());
    let remarks = remarks(args, &scan, &stats);
    for remark in &remarks {
        eprintln!("tickwright: {remark}");
    }
    let is_whole = remarks.is_empty()
        && stats.trades_missed + stats.books_lost + stats.malformed == 0
        && stats.books_agreed == stats.books_compared;
    Ok(if is_whole { Exit::Ok } else { Exit::Partial })
}

/// Tables of trades and klines have no frames, and without a stream nothing would ever arrive.
fn refuse_what_has_no_frames(
    args: &FeedArgs,
    scan: &Scan,
    recorded: &BTreeSet<String>,
) -> Result<(), Failure> {
    if !scan.printed.is_empty() {
        let symbols: Vec<&str> = scan.printed.iter().map(model::Symbol::as_str).collect();
        let message = format!(
            "{} come from a table of trades or klines, which has no frames to count: give captures of \
             combined streams; `tickwright exchange --replay` and `data import` take tables",
            symbols.join(", ")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    if recorded.is_empty() {
        let kinds = KINDS.map(|(_, name)| name).join(", ");
        let of = if args.symbols.is_empty() { "" } else { " of these symbols" };
        let message = format!(
            "the recording has no stream{of} that the feed listens to ({kinds}): it has {}",
            scan.streams.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

/// Why what was counted may not be all, beside the counts.
fn remarks(args: &FeedArgs, scan: &Scan, stats: &FeedStats) -> Vec<String> {
    let mut remarks: Vec<String> = scan
        .cut_off
        .iter()
        .map(|file| format!("{} is cut off: counted is what comes before", file.display()))
        .collect();
    if stats.reconnects == 0 {
        let limit = args.limit;
        remarks.push(format!("the recording did not come to its end within {limit:?} (--for)"));
    }
    if stats.books_compared == 0 {
        let reason = "nothing was compared: that needs book updates with a snapshot, and quotes";
        remarks.push(reason.to_owned());
    }
    remarks
}

/// The first subscription would start the replay: it waits for all that will be asked for.
fn start_exchange(args: &FeedArgs, streams: usize) -> Result<EmbeddedExchange, Failure> {
    let config = ExchangeConfig {
        market: MarketConfig::Replay(ReplayConfig {
            files: args.replay.clone(),
            start_after_streams: streams,
            lockstep: false,
        }),
        speed: exchange::Speed::Max,
        ..ExchangeConfig::default()
    };
    EmbeddedExchange::start(config, 0).map_err(|error| Failure::new(Exit::Usage, error))
}

/// Whether a recorded stream, by its name, is one that will be subscribed to.
fn is_wanted(args: &FeedArgs, stream: &str) -> bool {
    let Some((symbol, kind)) = stream.split_once('@') else { return false };
    let named = |wanted: &model::Symbol| wanted.as_str().eq_ignore_ascii_case(symbol);
    let of_symbol = args.symbols.is_empty() || args.symbols.iter().any(named);
    of_symbol && KINDS.iter().any(|(_, name)| *name == kind)
}

async fn instruments(
    args: &FeedArgs,
    urls: &EndpointUrls,
    dialer: &Dialer,
) -> Result<Instruments, Failure> {
    let http = HttpClient::new(dialer.clone(), HttpOptions::default());
    let rest = SignedRest { http: &http, urls, credentials: None };
    let named: Vec<&str> = args.symbols.iter().map(model::Symbol::as_str).collect();
    let call = binance::encode::Call::exchange_info(&named);
    let body = rest.ask(&call, model::Timestamp::EPOCH).await?;
    let venue = VenueId::new("replay").expect("a plain name");
    let info = binance::decode::ExchangeInfo::read(&body, venue)
        .map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
    let mut instruments = Instruments::new();
    for symbol in info.symbols {
        instruments.add(symbol.instrument);
    }
    Ok(instruments)
}

/// A feed for the streams that were recorded, by their names.
fn start_feed(
    urls: &EndpointUrls,
    dialer: &Dialer,
    instruments: &Arc<Instruments>,
    recorded: &BTreeSet<String>,
) -> Addr<FeedActor> {
    let mut streams = Vec::new();
    for instrument in instruments.iter() {
        let symbol = instrument.symbol.as_str().to_lowercase();
        for (kind, name) in KINDS {
            if recorded.contains(&format!("{symbol}@{name}")) {
                streams.push(Stream { instrument: instrument.id, kind });
            }
        }
    }
    let plan = FeedPlan { streams, bars: Vec::new() };
    let protocol: Box<dyn FeedProtocol> =
        Box::new(BinanceFeed::new(urls.clone(), instruments, 5_000));
    let machine = FeedMachine::new(protocol, FeedPolicy::default(), &plan, 1);
    let wire = Wire::new(dialer, HttpOptions::default());
    let feed =
        FeedActor::new(machine, wire, Clock::system(), Arc::clone(instruments), Tap::default())
            .start();
    feed.try_send(StartFeed(FeedListeners::default())).expect("the mailbox is new");
    feed
}

fn show(args: &FeedArgs, stats: &FeedStats, took: Duration) {
    if args.json {
        let summary = json!({
            "frames": stats.frames,
            "trades": stats.trades,
            "quotes": stats.quotes,
            "depth_updates": stats.depth_updates,
            "depth_applied": stats.depth_applied,
            "books_compared": stats.books_compared,
            "books_agreed": stats.books_agreed,
            "trades_missed": stats.trades_missed,
            "books_lost": stats.books_lost,
            "duplicates": stats.duplicates,
            "malformed": stats.malformed,
            "took_ms": took.as_millis() as u64,
        });
        println!("{summary}");
        return;
    }
    let FeedStats { frames, trades, quotes, depth_updates, depth_applied, .. } = stats;
    let seconds = took.as_secs_f64();
    println!("{frames} stream frames in {seconds:.2} s: {trades} trades, {quotes} quotes,");
    println!("{depth_updates} book updates, {depth_applied} of them applied.");
    println!(
        "Missing: {} trades, {} books; {} twice, {} unreadable.",
        stats.trades_missed, stats.books_lost, stats.duplicates, stats.malformed
    );
    println!(
        "Best of the book equals the newest quote at {} of {} updates.",
        stats.books_agreed, stats.books_compared
    );
}
