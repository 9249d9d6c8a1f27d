//! What a simulated exchange is told at its start.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use model::{Amount, Asset, Timestamp};
use rust_decimal::Decimal;

use crate::clock::Speed;
use crate::keys::Credentials;
use crate::limits::LimitsConfig;
use crate::persist::StoreError;
use crate::server::script::FaultScript;
use crate::symbols::SymbolConfig;

/// Where the market comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum MarketConfig {
    /// Made up from a seed.
    Synthetic(SyntheticConfig),
    /// Recorded frames, sent again byte for byte.
    Replay(ReplayConfig),
}

/// A synthetic market.
#[derive(Clone, PartialEq, Debug)]
pub struct SyntheticConfig {
    /// The seed of the whole flow.
    pub seed: u64,
    /// The symbols.
    pub symbols: Vec<SymbolConfig>,
    /// How much market there was before the start: trades and klines without a book.
    pub history: Duration,
    /// How long the book is built up before the start.
    pub book_history: Duration,
    /// How much prices move, as a multiple of the usual.
    pub volatility: f64,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        let symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"]
            .into_iter()
            .map(|name| SymbolConfig::named(name).expect("these are in the table"))
            .collect();
        Self {
            seed: 1,
            symbols,
            history: Duration::from_secs(12 * 3_600),
            book_history: Duration::from_secs(60),
            volatility: 1.0,
        }
    }
}

/// A replayed market.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplayConfig {
    /// Captures, in order of time: `ws_*` or `cryptofeed_*` files, plain or gzipped.
    pub files: Vec<PathBuf>,
    /// Hold the first frame until so many streams are subscribed; at least one in any case.
    pub start_after_streams: usize,
    /// Send a frame only after `POST /control/advance`: for runs that must be in step.
    pub lockstep: bool,
}

/// What happens when the state directory can't be written any more: it must not return.
#[derive(Clone)]
pub struct OnStoreFailed(std::sync::Arc<dyn Fn(&StoreError) + Send + Sync>);

impl OnStoreFailed {
    /// Calls this.
    pub fn new(call: impl Fn(&StoreError) + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(call))
    }

    pub(crate) fn call(&self, error: &StoreError) {
        (self.0)(error);
    }
}

impl Default for OnStoreFailed {
    fn default() -> Self {
        Self::new(|error| panic!("the state directory can't be written: {error}"))
    }
}

impl std::fmt::Debug for OnStoreFailed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OnStoreFailed(…)")
    }
}

/// Everything that a simulated exchange is told. The default is a lively synthetic market.
#[derive(Clone, Debug)]
pub struct ExchangeConfig {
    /// Where the market comes from.
    pub market: MarketConfig,
    /// How fast venue time passes.
    pub speed: Speed,
    /// Venue time at the start; the wall's if `None`. A replay starts where its recording does.
    pub start_at: Option<Timestamp>,
    /// Where accounts, orders and trades are kept; nowhere if `None`.
    pub state_dir: Option<PathBuf>,
    /// Keys of the default account; kept ones of the state directory, or fresh ones, if `None`.
    pub credentials: Option<Credentials>,
    /// What the default account starts with; assets of the symbols that are not named here get
    /// [`ExchangeConfig::BASE_VALUE`] worth.
    pub balances: BTreeMap<Asset, Amount>,
    /// Fee rate of resting orders.
    pub maker_fee: Decimal,
    /// Fee rate of taking orders.
    pub taker_fee: Decimal,
    /// Whether the default account pays its fees in BNB, at a discount, as long as it has some.
    pub fees_in_bnb: bool,
    /// Request weights and order counts.
    pub limits: LimitsConfig,
    /// How often websockets are pinged (wall time).
    pub ping_every: Duration,
    /// How long a websocket may leave pings unanswered (wall time).
    pub pong_within: Duration,
    /// How long a websocket may live (wall time).
    pub connection_life: Duration,
    /// Faults to inject, each at its time.
    pub faults: FaultScript,
    /// Frames that may wait for a slow reader before it is cut off.
    pub reader_queue: usize,
    /// Called when the state directory can't be written any more.
    pub on_store_failed: OnStoreFailed,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        let usdt = Asset::new("USDT").expect("a plain name");
        Self {
            market: MarketConfig::Synthetic(SyntheticConfig::default()),
            speed: Speed::REAL,
            start_at: None,
            state_dir: None,
            credentials: None,
            balances: BTreeMap::from([(usdt, Amount::new(Decimal::from(100_000)))]),
            maker_fee: Decimal::new(1, 3),
            taker_fee: Decimal::new(1, 3),
            fees_in_bnb: false,
            limits: LimitsConfig::default(),
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(60),
            connection_life: Duration::from_secs(24 * 3_600),
            faults: FaultScript::default(),
            reader_queue: 8_192,
            on_store_failed: OnStoreFailed::default(),
        }
    }
}

impl ExchangeConfig {
    /// What the default account gets of each base asset that is not named, in quote value.
    pub const BASE_VALUE: i64 = 20_000;

    /// A synthetic market with a seed and the default symbols.
    #[must_use]
    pub fn synthetic(seed: u64) -> Self {
        let market =
            MarketConfig::Synthetic(SyntheticConfig { seed, ..SyntheticConfig::default() });
        Self { market, ..Self::default() }
    }
}
