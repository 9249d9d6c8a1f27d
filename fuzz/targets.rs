//! What every decoder of bytes from outside must survive: any bytes.
//!
//! Each target gives one input to its decoders and uses what comes out, as the engine would. It
//! panics only where the decoders do, or where what was read is not what it must be. The fuzzers
//! in `fuzz_targets` run them by coverage, `tests/fuzz.rs` of the workspace by seeded mutations.

mod servers;
mod sessions;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use binance::decode::{
    Account, AccountFilters, AccountRestrictions, AggTradeRow, Allocation, AmendReply, Amendment,
    ApiError, AveragePrice, BlockTrade, BookTickerRow, CancelReplaceReply, CanceledReply,
    Commissions, DepthSnapshot, ExchangeInfo, ExecutionRules, KlineRow, MyTrade, OrderCommissions,
    OrderListReply, OrderReply, PreventedMatch, PriceRow, PublicTrade, RateLimit, ReferencePrice,
    ServerTime, StreamEvent, Ticker, TickerEvent, UserEvent, WsApiFrame, WsLogon, WsSubscription,
    decode_stream, decode_ws_api, parse,
};
use exchange::api::auth::Credential;
use exchange::api::params::Params;
use exchange::api::table::{Route, method, route};
use exchange::api::{Call, TimeUnit};
use exchange::keys::ApiKey;
use exchange::limits::LimitsConfig;
use exchange::machine::Exchange;
use exchange::streams::name::StreamKey;
use exchange::{ExchangeConfig, SymbolConfig, SyntheticConfig};
use model::{InstrumentId, Interval, NewOrder, Price, Quantity, Side, Timestamp, VenueId};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use servers::{exchange_connections, operators};
pub use sessions::{feed_session, trading_session};

/// A decoder, or a family of them, and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. `fuzz_targets` has a file for each.
pub const TARGETS: [Target; 19] = [
    ("market_frames", market_frames),
    ("ws_api", ws_api),
    ("user_data", user_data),
    ("rest_bodies", rest_bodies),
    ("exchange_info", exchange_info),
    ("recordings", recordings),
    ("archives", archives),
    ("catalog", catalog),
    ("exchange_requests", exchange_requests),
    ("config", config),
    ("journal_records", journal_records),
    ("state_files", state_files),
    ("keys", keys),
    ("imports", imports),
    ("fetched_pages", fetched_pages),
    ("feed_session", feed_session),
    ("trading_session", trading_session),
    ("exchange_connections", exchange_connections),
    ("operators", operators),
];

const INSTRUMENT: InstrumentId = InstrumentId(0);
const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// Frames of the market streams, and what the replaying exchange makes of them.
pub fn market_frames(bytes: &[u8]) {
    if let Ok(frame) = decode_stream(bytes) {
        match frame.event {
            StreamEvent::Trade(trade) => drop(trade.to_trade(INSTRUMENT, NOW)),
            StreamEvent::AggTrade(trade) => drop(trade.row().to_trade(INSTRUMENT, NOW)),
            StreamEvent::BookTicker(ticker) => drop(ticker.to_quote(INSTRUMENT, NOW)),
            StreamEvent::Kline(kline) => drop(kline.to_bar(INSTRUMENT, NOW)),
            StreamEvent::Depth(depth) => drop(depth.into_update(INSTRUMENT, NOW)),
            StreamEvent::PartialDepth(depth) => drop(depth.into_update(INSTRUMENT, NOW)),
            StreamEvent::ServerShutdown { .. }
            | StreamEvent::Answer { .. }
            | StreamEvent::Refusal { .. }
            | StreamEvent::Other { .. } => {}
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(frame) = exchange::replay::decode(text)
    {
        assert!(text.get(frame.data.clone()).is_some(), "the payload is a part of the text");
    }
}

/// Frames of the WebSocket API, with what each answer may hold.
pub fn ws_api(bytes: &[u8]) {
    match decode_ws_api(bytes) {
        Ok(WsApiFrame::Event(event)) => use_event(&event.event),
        Ok(WsApiFrame::Response(response)) => {
            let _ = response.retry_after();
            for part in [response.result, response.error_data].into_iter().flatten() {
                rest_bodies(part.as_bytes());
                let _ = parse::<WsLogon<'_>>("logon", part.as_bytes());
                let _ = parse::<WsSubscription>("subscription", part.as_bytes());
            }
        }
        Err(_) => {}
    }
}

/// Events of the account.
pub fn user_data(bytes: &[u8]) {
    if let Ok(event) = UserEvent::read(bytes) {
        use_event(&event);
    }
}

fn use_event(event: &UserEvent<'_>) {
    if let UserEvent::Execution(report) = event {
        let _ = report.fill(INSTRUMENT);
        let _ = report.own_client_order_id();
    }
}

/// Bodies of REST answers: each through every decoder, as a wrong server might answer.
pub fn rest_bodies(bytes: &[u8]) {
    fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) {
        let _ = parse::<T>("body", bytes);
        let _ = parse::<Vec<T>>("body", bytes);
    }
    if let Ok(rows) = parse::<Vec<KlineRow>>("klines", bytes) {
        for row in rows {
            let _ = row.to_bar(INSTRUMENT, Interval::MINUTE, NOW);
        }
    }
    if let Ok(rows) = parse::<Vec<AggTradeRow>>("aggTrades", bytes) {
        for row in rows {
            let _ = row.to_trade(INSTRUMENT, NOW);
        }
    }
    if let Ok(rows) = parse::<Vec<PublicTrade>>("trades", bytes) {
        for row in rows {
            let _ = row.to_trade(INSTRUMENT, NOW);
        }
    }
    if let Ok(rows) = parse::<Vec<MyTrade<'_>>>("myTrades", bytes) {
        for row in rows {
            let _ = row.to_fill(INSTRUMENT);
        }
    }
    if let Ok(depth) = parse::<DepthSnapshot>("depth", bytes) {
        let _ = depth.into_update(INSTRUMENT, NOW);
    }
    let _ = CancelReplaceReply::read(bytes);
    read::<Account<'_>>(bytes);
    read::<AccountFilters<'_>>(bytes);
    read::<AccountRestrictions>(bytes);
    read::<Allocation<'_>>(bytes);
    read::<AmendReply<'_>>(bytes);
    read::<Amendment<'_>>(bytes);
    read::<ApiError>(bytes);
    read::<AveragePrice>(bytes);
    read::<BlockTrade>(bytes);
    read::<BookTickerRow<'_>>(bytes);
    read::<CanceledReply<'_>>(bytes);
    read::<Commissions<'_>>(bytes);
    read::<ExecutionRules<'_>>(bytes);
    read::<OrderCommissions<'_>>(bytes);
    read::<OrderListReply<'_>>(bytes);
    read::<OrderReply<'_>>(bytes);
    read::<PreventedMatch<'_>>(bytes);
    read::<PriceRow<'_>>(bytes);
    read::<RateLimit>(bytes);
    read::<ReferencePrice<'_>>(bytes);
    read::<ServerTime>(bytes);
    read::<Ticker<'_>>(bytes);
    read::<TickerEvent<'_>>(bytes);
}

/// exchangeInfo, and orders held against the filters that it names.
pub fn exchange_info(bytes: &[u8]) {
    let venue = VenueId::new("fuzz").expect("a plain name");
    let Ok(info) = ExchangeInfo::read(bytes, venue) else { return };
    for symbol in &info.symbols {
        let instrument = &symbol.instrument;
        for units in [1, 100_000_000, i64::MAX] {
            let (price, quantity) = (Price::from_units(units), Quantity::from_units(units));
            for order in [
                NewOrder::market(INSTRUMENT, Side::Buy, quantity),
                NewOrder::limit_maker(INSTRUMENT, Side::Sell, quantity, price),
            ] {
                let _ = instrument.check(&instrument.quantise(&order), Some(price));
            }
            let _ = instrument.smallest_sellable(price);
        }
    }
}

/// A file with these bytes. What reads files by name is given one.
fn with_file(bytes: &[u8], read: impl FnOnce(&Path)) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the disk has room");
    read(file.path());
}

/// The most rows that are read of a file: a small archive can hold a large one.
const ROWS: usize = 5_000;

/// Captures of the market, and the exchange that replays them.
pub fn recordings(bytes: &[u8]) {
    with_file(bytes, |path| {
        if let Ok(reader) = store::recordings::RecordingReader::open(path) {
            reader.take(ROWS).flatten().for_each(|line| {
                if let store::recordings::LineKind::Frame = line.kind {
                    market_frames(line.text.as_bytes());
                }
            });
        }
        let paths = [path.to_owned()];
        let _ = exchange::replay::scan(&paths);
        if let Ok(mut replay) = exchange::replay::Replay::open(&paths) {
            for _ in 0..ROWS {
                if !matches!(replay.pop(), Ok(Some(_))) {
                    break;
                }
            }
        }
    });
}

/// Archived trades and klines, plain and compressed.
pub fn archives(bytes: &[u8]) {
    use store::archive::{AggregateTrades, Klines, Trades};
    with_file(bytes, |path| {
        if let Ok(rows) = Klines::open(path) {
            rows.take(ROWS).for_each(drop);
        }
        if let Ok(rows) = Trades::open(path) {
            rows.take(ROWS).for_each(drop);
        }
        if let Ok(rows) = AggregateTrades::open(path) {
            rows.take(ROWS).for_each(drop);
        }
    });
}

/// Files of any kind into a catalog, under the names that tell the most; the recorded inputs of a
/// run, with its frames behind a line `---`.
pub fn imports(bytes: &[u8]) {
    use data::import::{ImportOptions, import_file};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("catalog");
    let catalog = store::catalog::Catalog::new(&root);
    // What its kind is can be told by the name alone.
    for name in ["BTCUSDT-1m-2026-11-23.csv", "BTCUSDT-trades-usdm.csv"] {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("the disk has room");
        let meter = data::Meter::default();
        let report = import_file(&catalog, &path, &ImportOptions::default(), &meter);
        assert!(report.adds_up(), "{report:?}");
    }
    let run = directory.path().join("run");
    std::fs::create_dir(&run).expect("the disk has room");
    let is_end = |window: &[u8]| window == b"\n---\n";
    let end = bytes.windows(5).position(is_end).unwrap_or(bytes.len());
    std::fs::write(run.join("inputs.jsonl.gz"), &bytes[..end]).expect("room");
    let frames = bytes.get(end + 5..).unwrap_or_default();
    std::fs::write(run.join("frames-2026-11-23.txt.gz"), frames).expect("room");
    if let Ok((mut reader, _)) =
        store::deliveries::DeliveryReader::open::<serde::de::IgnoredAny>(&run)
    {
        for _ in 0..ROWS {
            if !matches!(reader.next_delivery(), Ok(Some(_))) {
                break;
            }
        }
    }
}

/// Pages of history as REST gives them.
pub fn fetched_pages(bytes: &[u8]) {
    use data::fetch::page;
    let mut rows = String::new();
    let (start, to) = (NOW.before(Duration::from_secs(600)), NOW.after(Duration::from_secs(600)));
    for start in [Timestamp::EPOCH, start] {
        let _ = page::klines(bytes, Interval::MINUTE, start, to, &mut rows);
    }
    for from in [None, Some(1)] {
        let _ = page::agg_trades(bytes, from, to, &mut rows);
    }
}

/// Segments of the catalog.
pub fn catalog(bytes: &[u8]) {
    use store::catalog::{self, SegmentInfo, SegmentReader};
    fn read<R: catalog::Record>(path: &Path) {
        if let Ok(mut reader) = SegmentReader::<R>::open(path) {
            for _ in 0..ROWS {
                if !matches!(reader.next_block(), Ok(Some(_))) {
                    break;
                }
            }
        }
    }
    with_file(bytes, |path| {
        let _ = SegmentInfo::read(path);
        read::<catalog::Trade>(path);
        read::<catalog::AggTrade>(path);
        read::<catalog::Kline>(path);
        read::<catalog::Quote>(path);
        read::<catalog::LevelChange>(path);
    });
}

/// A market of one symbol with a short history.
fn market() -> SyntheticConfig {
    let symbol = SymbolConfig::named("BTCUSDT").expect("a known symbol");
    SyntheticConfig {
        symbols: vec![symbol],
        history: Duration::from_secs(120),
        book_history: Duration::from_secs(30),
        ..SyntheticConfig::default()
    }
}

/// An exchange with that market, and the name of a key that may trade.
struct Venue {
    exchange: Exchange,
    calls: u32,
}

const KEY: &str = "aKeyOfTheVenuesFormOfLettersAndDigitsAloneThatMayTradeAndReadAll";

impl Venue {
    fn new() -> Self {
        let market = market();
        let limits = LimitsConfig {
            weight_per_minute: u32::MAX,
            orders_per_10_secs: u32::MAX,
            orders_per_day: u32::MAX,
            raw_requests_per_5_mins: u32::MAX,
            ..LimitsConfig::default()
        };
        let config = ExchangeConfig { limits, ..ExchangeConfig::default() };
        let mut exchange = Exchange::synthetic(&config, &market, NOW, 1);
        let key = ApiKey::hmac(KEY, "secret").expect("a plain key");
        exchange.open_account(1, [key], &config.balances);
        Self { exchange, calls: 0 }
    }

    fn call(&mut self, name: &str, params: Result<Params, exchange::api::error::ApiError>) {
        let endpoint = match name.split_once(' ') {
            Some((verb, path)) => match route(verb, path) {
                Route::Endpoint(endpoint) => Some(endpoint),
                Route::WrongMethod | Route::Gone | Route::Unknown => None,
            },
            None => method(name),
        };
        let (Some(endpoint), Ok(mut params)) = (endpoint, params) else { return };
        params.mark_signed();
        let call = Call {
            endpoint,
            params: &params,
            credential: Credential::Session { api_key: KEY },
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            arrived_at: NOW,
            now: NOW,
            unit: TimeUnit::default(),
        };
        let reply = exchange::api::call(&mut self.exchange, &call);
        if let Ok(body) = &reply.result {
            assert!(serde_json::from_str::<&RawValue>(body).is_ok(), "no JSON: {body}");
        }
        self.exchange.take_outputs();
        self.exchange.take_records();
        self.calls += 1;
    }
}

thread_local! {
    static VENUE: std::cell::RefCell<Option<Venue>> = const { std::cell::RefCell::new(None) };
}

/// Requests to the exchange, each a line: `POST /api/v3/order?a=b` with a body behind a tab, or a
/// frame of the WebSocket API. They are signed for, so that all of it is reached.
pub fn exchange_requests(bytes: &[u8]) {
    #[derive(Deserialize)]
    struct Frame<'a> {
        method: String,
        #[serde(borrow)]
        params: Option<&'a RawValue>,
    }
    VENUE.with_borrow_mut(|slot| {
        // A fresh one now and then, or one input would depend on all before it.
        let venue = match slot {
            Some(venue) if venue.calls < 2_000 => venue,
            _ => slot.insert(Venue::new()),
        };
        for line in String::from_utf8_lossy(bytes).lines().take(20) {
            let _ = StreamKey::parse(line, venue.exchange.instruments());
            if let Ok(frame) = serde_json::from_str::<Frame<'_>>(line) {
                venue.call(&frame.method, Params::from_json(frame.params));
                continue;
            }
            let (head, body) = line.split_once('\t').unwrap_or((line, ""));
            let (name, query) = head.split_once('?').unwrap_or((head, ""));
            let timed = format!("{query}&timestamp={}", NOW.as_millis());
            let query = if query.contains("timestamp") { query } else { &timed };
            venue.call(name, Params::from_query_and_body(query, body));
        }
    });
}

/// The engine's file and, behind a line `---`, a strategy's; a script of faults.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (engine, strategy) = text.split_once("\n---\n").unwrap_or((&text, ""));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("engine.toml");
    std::fs::create_dir(directory.path().join("strategies")).expect("the disk has room");
    std::fs::write(&path, engine).expect("the disk has room");
    std::fs::write(directory.path().join("strategies/one.toml"), strategy).expect("room");
    let sources = tickwright::config::Sources::Files { engine: Some(path) };
    if let Err(errors) = tickwright::config::load(&sources, &[], tickwright::STRATEGIES) {
        assert!(!errors.to_string().is_empty(), "an error says something");
    }
    let script = directory.path().join("faults");
    std::fs::write(&script, bytes).expect("the disk has room");
    let _ = exchange::server::script::FaultScript::read(&script);
}

/// Files of keys, of the engine and of the exchange, and the public halves that one is told.
pub fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = tickwright::wiring::credentials_of("name".into(), text.as_ref().into()) {
        assert!(!key.signer().sign(b"a=b").is_empty(), "a key that was taken signs");
    }
    let name = "a".repeat(64);
    for made in [
        ApiKey::from_public_pem(&name, &text),
        ApiKey::ed25519(&name, &text),
        ApiKey::hmac(&name, &text),
    ] {
        let _ = made.map(|key| key.verifies("a=b", &text));
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("keys.json"), bytes).expect("the disk has room");
    let _ = exchange::persist::Store::credentials(directory.path());
}

/// Records of the journal, one a line, and the ledger that they add up to.
pub fn journal_records(bytes: &[u8]) {
    let mut ledger = kernel::ledger::Ledger::default();
    for line in bytes.split(|byte| *byte == b'\n').take(50) {
        let Ok(record) = serde_json::from_slice::<kernel::journal::Record>(line) else { continue };
        let text = serde_json::to_string(&record).expect("a record can be written");
        let again = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(record, again, "{text}");
        let _ = ledger.apply(&record);
    }
}

/// Other files of a state directory, and the log that `logs summary` reads.
pub fn state_files(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let put = |name: &str| std::fs::write(directory.path().join(name), bytes).expect("room");
    put("exchange.log");
    let _ = exchange::persist::Store::load(directory.path());
    put("strikes");
    put("engine.log");
    let _ = tickwright::logging::summary::Summary::of_file(&directory.path().join("engine.log"));
    let _: BTreeMap<String, u32> = store::state_dir::StateDir::open(directory.path())
        .ok()
        .and_then(|directory| directory.strikes().read().ok())
        .unwrap_or_default();
    // A journal that is whole, with these bytes as what is ahead of it; then as the database.
    let journal = directory.path().join("journal.sqlite");
    std::fs::write(&journal, empty_journal()).expect("room");
    put("journal.sqlite-ahead0");
    verify(&journal);
    std::fs::remove_file(directory.path().join("journal.sqlite-ahead0")).expect("it is there");
    put("journal.sqlite");
    verify(&journal);
}

fn verify(journal: &Path) {
    if let Ok(reader) = store::journal::JournalReader::open(journal) {
        let _ = reader.verify();
    }
}

/// The file of a journal without records.
fn empty_journal() -> &'static [u8] {
    static FILE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    FILE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("journal.sqlite");
        drop(store::journal::SqliteJournal::open(&path, store::journal::Level::Process));
        std::fs::read(&path).expect("it was made")
    })
}
