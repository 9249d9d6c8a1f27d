//! The key table of config/engine.toml.

use super::key::Presence::{Default, Optional, Required};
use super::key::{Key, Kind};

const fn milliseconds(min: i64, max: i64) -> Kind {
    Kind::Milliseconds { min, max }
}

const DAY_MS: i64 = 86_400_000;

/// Keys of one `[[sim.symbols]]` table.
static SIM_SYMBOL_KEYS: &[Key] = &[
    Key::new("symbol", Kind::Symbol, Required, "The trading pair."),
    Key::new(
        "start_price",
        Kind::Price,
        Optional,
        "The first price. Unset: one that is usual for the pair.",
    ),
    Key::new(
        "activity",
        Kind::Number { min: 0.01, max: 100.0 },
        Default("1.0"),
        "How often others trade, as a multiple of the usual.",
    ),
    Key::new(
        "not_allowed",
        Kind::List(&Kind::Choice(&exchange::REFUSABLE)),
        Optional,
        "Flags of its exchangeInfo that are off, and kinds of orders that it does not list: what the venue does not take of it. Unset: none.",
    ),
];

/// Keys of one `[[backtest.symbols]]` table.
static BACKTEST_SYMBOL_KEYS: &[Key] = &[
    Key::new("symbol", Kind::Symbol, Required, "The trading pair."),
    Key::new("base", Kind::Asset, Optional, "What is bought and sold. Unset: as in the name."),
    Key::new("quote", Kind::Asset, Optional, "What it is paid with. Unset: as in the name."),
    Key::new("maker_fee", Kind::Rate, Optional, "Its fee of orders that rest."),
    Key::new("taker_fee", Kind::Rate, Optional, "Its fee of orders that execute at once."),
    Key::new("tick", Kind::Price, Optional, "Prices of orders are multiples of it."),
    Key::new("step", Kind::Quantity, Optional, "Quantities of orders are multiples of it."),
    Key::new("min_quantity", Kind::Quantity, Optional, "The smallest order."),
    Key::new("min_notional", Kind::Money, Optional, "The smallest order, by price times quantity."),
];

/// Every key of the engine's file, in the order of the page.
pub static ENGINE_KEYS: &[Key] = &[
    Key::new(
        "mode",
        Kind::Choice(&["sim", "paper", "live"]),
        Optional,
        "What is real. `sim`: nothing, the exchange is simulated. `paper`: live prices, simulated \
         fills, no key needed. `live`: real money; `run` then also wants `--live`. Unset: `paper` \
         with a Binance endpoint and no key, else `sim`.",
    ),
    Key::new(
        "instance",
        Kind::Name,
        Optional,
        "A name for this engine in alerts and logs, when you run several.",
    ),
    Key::new(
        "state_dir",
        Kind::Path,
        Default("\"state\""),
        "Where the journal, the lock and the logs live. One running engine per directory.",
    ),
    Key::new(
        "strategies_dir",
        Kind::Path,
        Optional,
        "The directory of strategy files, one instance each, run in the order of file names. \
         Unset: `strategies` beside this file.",
    ),
    // venue
    Key::new(
        "venue.endpoint",
        Kind::Choice(&["sim", "binance-live", "binance-testnet", "binance-demo", "custom"]),
        Default("\"sim\""),
        "Which exchange. `sim` is the built-in one, started inside the engine; `custom` takes the \
         three URLs below, for example those of a `tickwright exchange` in another process.",
    ),
    Key::new(
        "venue.format",
        Kind::Choice(&["json", "sbe"]),
        Default("\"json\""),
        "How the venue writes its streams and answers. The binary `sbe` is not there yet.",
    ),
    Key::new(
        "venue.rest_url",
        Kind::Url(&["http", "https"]),
        Optional,
        "REST base, with endpoint `custom` only.",
    ),
    Key::new(
        "venue.ws_url",
        Kind::Url(&["ws", "wss"]),
        Optional,
        "Market stream base, without `/ws` or `/stream`, with endpoint `custom` only.",
    ),
    Key::new(
        "venue.ws_api_url",
        Kind::Url(&["ws", "wss"]),
        Optional,
        "WebSocket API address, with endpoint `custom` only.",
    ),
    Key::new(
        "venue.api_key_file",
        Kind::Path,
        Optional,
        "A file that holds the API key, mode 0600. Keys never stand in this file.",
    ),
    Key::new(
        "venue.api_key_env",
        Kind::Variable,
        Optional,
        "The environment variable that holds the API key, instead of a file.",
    ),
    Key::new(
        "venue.secret_file",
        Kind::Path,
        Optional,
        "A file that holds the HMAC secret, mode 0600. An Ed25519 key is better: see below.",
    ),
    Key::new(
        "venue.secret_env",
        Kind::Variable,
        Optional,
        "The environment variable that holds the HMAC secret.",
    ),
    Key::new(
        "venue.private_key_file",
        Kind::Path,
        Optional,
        "A PEM file with the private key (PKCS#8), mode 0600: Ed25519, or RSA, which can't log a \
         connection on.",
    ),
    Key::new(
        "venue.private_key_env",
        Kind::Variable,
        Optional,
        "The environment variable that holds the PEM text of the private key.",
    ),
    Key::new(
        "venue.recv_window_ms",
        milliseconds(1, 60_000),
        Default("2_000"),
        "How old a signed request may be when the venue executes it (recvWindow).",
    ),
    Key::new(
        "venue.fence_margin_ms",
        milliseconds(0, 600_000),
        Default("15_000"),
        "How long past the receive window a lost order may still turn up: the venue's own 10 s \
         timeout and 5 s for what its documents do not bound. Only later is \"no such order\" \
         believed. Lower it in tests only.",
    ),
    Key::new(
        "venue.answer_timeout_ms",
        milliseconds(100, 60_000),
        Default("10_000"),
        "How long the venue may take to answer; an order whose answer takes longer is unknown and \
         asked about.",
    ),
    Key::new(
        "venue.probe_every_ms",
        milliseconds(100, 600_000),
        Default("10_000"),
        "How often the trading connection is asked for the time: that it answers, and how far its \
         clock is from ours.",
    ),
    Key::new(
        "venue.silent_after_ms",
        milliseconds(200, 3_600_000),
        Default("20_000"),
        "A trading connection that says nothing for so long is given up, though TCP be up. More \
         than `probe_every_ms`.",
    ),
    Key::new(
        "venue.reconcile_every_ms",
        milliseconds(1_000, DAY_MS),
        Default("60_000"),
        "How often orders, fills and balances are compared with the venue's while all seems well, \
         by the venue's clock.",
    ),
    Key::new(
        "venue.rules_every_ms",
        milliseconds(100, DAY_MS),
        Default("300_000"),
        "How often the venue's filters and the states of the symbols are read again (weight 20 of \
         6,000 a minute).",
    ),
    Key::new(
        "venue.self_trade_prevention",
        Kind::Choice(&["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "NONE"]),
        Default("\"EXPIRE_MAKER\""),
        "What the venue does when two of our orders would meet (selfTradePreventionMode). With \
         EXPIRE_MAKER an exit gets through and the resting quote goes.",
    ),
    Key::new(
        "venue.accept_key_that_withdraws",
        Kind::Boolean,
        Default("false"),
        "Trade with a key that may withdraw or transfer all the same. Live asks the venue for the \
         key's rights and refuses such a key: whoever steals it could take the money.",
    ),
    // feed
    Key::new(
        "feed.trade_stale_after_ms",
        milliseconds(100, DAY_MS),
        Default("60_000"),
        "A trade stream that is silent for so long counts as dead and is reconnected. Quiet \
         symbols need more.",
    ),
    Key::new(
        "feed.quote_stale_after_ms",
        milliseconds(100, DAY_MS),
        Default("15_000"),
        "The same for best bid and ask.",
    ),
    Key::new(
        "feed.depth_stale_after_ms",
        milliseconds(100, DAY_MS),
        Default("10_000"),
        "The same for order book updates.",
    ),
    Key::new(
        "feed.kline_stale_after_ms",
        milliseconds(100, DAY_MS),
        Default("60_000"),
        "The same for klines.",
    ),
    Key::new(
        "feed.silent_after_ms",
        milliseconds(100, DAY_MS),
        Default("10_000"),
        "A connection on which nothing at all comes for so long is given up, though TCP be up. The \
         patience doubles with each silent connection in a row, up to 32 times: a market may be \
         that quiet.",
    ),
    Key::new(
        "feed.reconnect_initial_ms",
        milliseconds(1, 60_000),
        Default("250"),
        "The delay before the first reconnect; it doubles with every attempt, with jitter.",
    ),
    Key::new(
        "feed.reconnect_max_ms",
        milliseconds(1, 3_600_000),
        Default("30_000"),
        "The longest delay between attempts.",
    ),
    Key::new(
        "feed.rotate_after_ms",
        milliseconds(1_000, DAY_MS),
        Default("82_800_000"),
        "The age at which a connection is replaced without a gap. The venue cuts it at 24 h.",
    ),
    Key::new(
        "feed.books",
        Kind::Boolean,
        Default("false"),
        "Keep the order book of every symbol in step, even if no strategy asks for it.",
    ),
    Key::new(
        "feed.depth_snapshot_limit",
        Kind::Integer { min: 5, max: 5_000 },
        Default("1_000"),
        "Levels per side of the snapshot that an order book starts from. More than 1,000 costs \
         250 of the 6,000 weight a minute.",
    ),
    // risk
    Key::new(
        "risk.currency",
        Kind::Asset,
        Default("\"USDT\""),
        "The currency of every amount here, of strategies' capital and of profit.",
    ),
    Key::new(
        "risk.max_order_notional",
        Kind::Money,
        Default("\"5000\""),
        "The largest single order.",
    ),
    Key::new(
        "risk.max_position_notional",
        Kind::Money,
        Default("\"20000\""),
        "The largest position in one symbol, over all strategies, working orders included.",
    ),
    Key::new(
        "risk.max_total_notional",
        Kind::Money,
        Default("\"50000\""),
        "The largest sum of all positions, working orders included.",
    ),
    Key::new(
        "risk.max_open_orders",
        Kind::Integer { min: 1, max: 10_000 },
        Default("100"),
        "The most orders that may work at once. The venue allows 200 per symbol.",
    ),
    Key::new(
        "risk.max_orders_per_10s",
        Kind::Integer { min: 1, max: 10_000 },
        Default("50"),
        "The most orders in any 10 seconds. The venue's own limit comes with exchangeInfo.",
    ),
    Key::new(
        "risk.price_collar_bps",
        Kind::Integer { min: 1, max: 10_000 },
        Default("200"),
        "How far through the market a limit price may be, in basis points: a buy above the best \
         ask, a sell below the best bid.",
    ),
    Key::new(
        "risk.stale_after_ms",
        milliseconds(10, DAY_MS),
        Default("10_000"),
        "New entries are denied when the symbol's market data is older than this.",
    ),
    Key::new(
        "risk.daily_loss",
        Kind::Money,
        Default("\"2000\""),
        "The loss since midnight UTC, of the allocated capital, that stops new entries.",
    ),
    Key::new(
        "risk.max_drawdown",
        Kind::Money,
        Default("\"5000\""),
        "The fall from the peak, of the allocated capital, that halts trading.",
    ),
    // journal
    Key::new(
        "journal.durability",
        Kind::Choice(&["power", "process"]),
        Default("\"power\""),
        "What an order's record survives before the order leaves. `power`: a power cut (synced \
         each time). `process`: kill -9 only; faster, and the venue's record covers the rest.",
    ),
    Key::new(
        "journal.archive_after_days",
        Kind::Integer { min: 0, max: 36_500 },
        Default("90"),
        "After so many days records of orders that are closed move to the archive, a file a month \
         in the directory beside the journal. 0: never.",
    ),
    // recording
    Key::new(
        "recording.enabled",
        Kind::Boolean,
        Default("false"),
        "Whether `run` records every frame and the order in which each machine gets its inputs, for \
         `tickwright replay`. It grows without end: some megabytes an hour and symbol.",
    ),
    Key::new(
        "recording.directory",
        Kind::Path,
        Optional,
        "Where recordings go, each start in a directory of its own. Unset: `recordings` in \
         `state_dir`.",
    ),
    // sim
    Key::new(
        "sim.seed",
        Kind::Integer { min: 0, max: i64::MAX },
        Default("1"),
        "The synthetic market is a function of this number.",
    ),
    Key::new(
        "sim.speed",
        Kind::Speed,
        Default("1"),
        "How many seconds of market pass in a second: `1`, `60`, or \"max\" in a replay.",
    ),
    Key::new(
        "sim.volatility",
        Kind::Number { min: 0.0, max: 100.0 },
        Default("1.0"),
        "How much prices move, as a multiple of the usual.",
    ),
    Key::new(
        "sim.symbols",
        Kind::Tables(SIM_SYMBOL_KEYS),
        Default(
            "[{symbol = \"BTCUSDT\"}, {symbol = \"ETHUSDT\"}, {symbol = \"SOLUSDT\"}, \
             {symbol = \"BNBUSDT\"}]",
        ),
        "The symbols of the synthetic market.",
    ),
    Key::new(
        "sim.maker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that rest, as a share of what is received.",
    ),
    Key::new(
        "sim.taker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that execute at once.",
    ),
    Key::new(
        "sim.initial_balances",
        Kind::List(&Kind::Balance),
        Default("[\"100000 USDT\"]"),
        "What the simulated account starts with. The symbols' other assets are there too, for \
         20,000 each.",
    ),
    // paper
    Key::new(
        "paper.initial_balances",
        Kind::List(&Kind::Balance),
        Default("[\"100000 USDT\"]"),
        "What the virtual account starts with. It is kept in the state directory: a changed value \
         counts for a new one only.",
    ),
    Key::new(
        "paper.maker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that rest. With a key configured the account's own fees are taken \
         instead; orders are never sent with it.",
    ),
    Key::new(
        "paper.taker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that execute at once.",
    ),
    Key::new(
        "paper.latency_min_ms",
        milliseconds(0, 60_000),
        Default("25"),
        "The shortest time that an order takes to the venue, and an answer back.",
    ),
    Key::new(
        "paper.latency_max_ms",
        milliseconds(0, 60_000),
        Default("25"),
        "The longest such time; drawn evenly between the two.",
    ),
    Key::new(
        "paper.queue",
        Kind::Choice(&["back", "proportional"]),
        Default("\"back\""),
        "How a resting order moves up when others at its price cancel: `back`, they stood behind \
         it (cautious); `proportional`, in proportion to what stands before and behind it.",
    ),
    // supervision
    Key::new(
        "supervision.restart_initial_ms",
        milliseconds(1, 3_600_000),
        Default("1_000"),
        "The delay before a failed strategy is built anew; it doubles with every failure.",
    ),
    Key::new(
        "supervision.restart_max_ms",
        milliseconds(1, DAY_MS),
        Default("60_000"),
        "The longest such delay.",
    ),
    Key::new(
        "supervision.restarts_before_quarantine",
        Kind::Integer { min: 0, max: 1_000 },
        Default("5"),
        "How many restarts a strategy gets before it is quarantined.",
    ),
    Key::new(
        "supervision.spin_limit_ms",
        milliseconds(10, 600_000),
        Default("5_000"),
        "How long a strategy may take over one event before the watchdog ends the process.",
    ),
    Key::new(
        "supervision.spin_strikes",
        Kind::Integer { min: 1, max: 100 },
        Default("3"),
        "After so many such ends the next start quarantines the strategy.",
    ),
    Key::new(
        "supervision.effects_per_step",
        Kind::Integer { min: 1, max: 100_000 },
        Default("200"),
        "How many things a strategy may ask for at one event; more is a flood and quarantines.",
    ),
    // api
    Key::new("api.enabled", Kind::Boolean, Default("false"), "Whether `run` serves the HTTP API."),
    Key::new(
        "api.bind",
        Kind::Address,
        Default("\"127.0.0.1\""),
        "The address it listens on. Off loopback only with a read token, and better behind a tunnel: \
         the API itself does not encrypt.",
    ),
    Key::new(
        "api.port",
        Kind::Integer { min: 0, max: 65_535 },
        Default("8000"),
        "The port; 0 takes any free one.",
    ),
    Key::new(
        "api.read_token_file",
        Kind::Path,
        Optional,
        "A file that only you can read, with the token that every reader must show: \
         `Authorization: Bearer TOKEN`. Unset: no token is asked for.",
    ),
    Key::new(
        "api.read_token_env",
        Kind::Text,
        Optional,
        "The environment variable that holds it, instead.",
    ),
    // logs
    Key::new("logs.directory", Kind::Path, Optional, "Unset: `logs` in `state_dir`."),
    Key::new(
        "logs.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        Default("\"info\""),
        "The least important level that is written.",
    ),
    Key::new(
        "logs.rotate_bytes",
        Kind::Integer { min: 4_096, max: 1 << 40 },
        Default("67_108_864"),
        "The size at which the log file is put aside as `.1`, `.2`, …",
    ),
    Key::new(
        "logs.keep_files",
        Kind::Integer { min: 1, max: 1_000 },
        Default("10"),
        "How many files put aside are kept.",
    ),
    Key::new(
        "logs.terminal",
        Kind::Choice(&["auto", "human", "json", "off"]),
        Default("\"auto\""),
        "Lines on standard error. `auto` is `human` when a person watches and `json` in a pipe.",
    ),
    // alerts
    Key::new(
        "alerts.webhook_url",
        Kind::Url(&["http", "https"]),
        Optional,
        "Where halts, a refused key, quarantines, stale streams and lost user data are posted as JSON. An \
         address that holds a token is a secret: set TICKWRIGHT__ALERTS__WEBHOOK_URL instead.",
    ),
    Key::new(
        "alerts.timeout_ms",
        milliseconds(100, 60_000),
        Default("5_000"),
        "How long the webhook may take.",
    ),
    // monitor
    Key::new(
        "monitor.heartbeat_every_ms",
        milliseconds(100, 3_600_000),
        Default("10_000"),
        "How often `engine.heartbeat` is logged.",
    ),
    // threads
    Key::new(
        "threads.order_path_nice",
        Kind::Integer { min: -20, max: 0 },
        Default("-15"),
        "The priority of the thread that orders are made on, as nice counts: -20 is the highest, 0 \
         the usual one. Raising it needs CAP_SYS_NICE or RLIMIT_NICE; where the system refuses, \
         `engine.priority_refused` says so and the engine runs as it is. With \
         `kernel.sched_autogroup_enabled=1`, as desktops have it, Linux counts it within a terminal's \
         session only.",
    ),
    // shutdown
    Key::new(
        "shutdown.drain_timeout_ms",
        milliseconds(0, 600_000),
        Default("10_000"),
        "How long a stop waits for cancels to be confirmed.",
    ),
    // backtest
    Key::new(
        "backtest.cash",
        Kind::Money,
        Default("\"100000\""),
        "What the virtual account starts with, in the quote asset of what is traded.",
    ),
    Key::new(
        "backtest.balances",
        Kind::List(&Kind::Balance),
        Optional,
        "What it holds of other assets at the start, such as the quote assets of symbols that are \
         paid with something else. Outside of capital, equity and profit.",
    ),
    Key::new(
        "backtest.fill",
        Kind::Choice(&["model", "last"]),
        Default("\"model\""),
        "`model`: orders fare as the keys below say. `last`: they fill whole, at once, at the price \
         of the last trade, whatever book is recorded; for checks only, and the report is marked as \
         unrealistic.",
    ),
    Key::new(
        "backtest.latency_min_ms",
        milliseconds(1, 60_000),
        Default("25"),
        "The shortest time that an order takes to the venue, and an answer back.",
    ),
    Key::new(
        "backtest.latency_max_ms",
        milliseconds(1, 60_000),
        Default("35"),
        "The longest such time; drawn evenly between the two.",
    ),
    Key::new(
        "backtest.seed",
        Kind::Integer { min: 0, max: i64::MAX },
        Default("1"),
        "Chance is a function of this number.",
    ),
    Key::new(
        "backtest.queue",
        Kind::Choice(&["back", "proportional"]),
        Default("\"back\""),
        "Where depth is recorded: whether those who cancel stand behind a resting order as long as \
         anybody does, or before and behind it in proportion.",
    ),
    Key::new(
        "backtest.half_spread_bps",
        Kind::Number { min: 0.0, max: 1_000.0 },
        Default("1.0"),
        "Where no book is recorded: what a taker pays beside the price of the first trade after it \
         has arrived, in basis points.",
    ),
    Key::new(
        "backtest.slippage_bps",
        Kind::Number { min: 0.0, max: 1_000.0 },
        Default("1.0"),
        "Where no book is recorded: what a taker pays on top of that.",
    ),
    Key::new(
        "backtest.participation",
        Kind::Number { min: 0.0, max: 1.0 },
        Default("0.1"),
        "Where no book is recorded: the share of the traded volume that our orders may take. What \
         is left of an order that takes waits for the volume that comes.",
    ),
    Key::new(
        "backtest.maker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that rest.",
    ),
    Key::new(
        "backtest.taker_fee",
        Kind::Rate,
        Default("\"0.001\""),
        "The fee of orders that execute at once.",
    ),
    Key::new(
        "backtest.fee_asset",
        Kind::Choice(&["received", "quote"]),
        Default("\"received\""),
        "What fees are taken from: what an order receives, as at the venue, or always the quote \
         asset.",
    ),
    Key::new(
        "backtest.filters",
        Kind::Boolean,
        Default("true"),
        "Whether the venue's trading filters hold (steps, smallest sizes), where they are known.",
    ),
    Key::new(
        "backtest.limits",
        Kind::Boolean,
        Default("true"),
        "Whether the limits of `risk` and of the strategies' own hold. Capital always does.",
    ),
    Key::new(
        "backtest.symbols",
        Kind::Tables(BACKTEST_SYMBOL_KEYS),
        Optional,
        "What is known of single symbols, over what the data say.",
    ),
];
