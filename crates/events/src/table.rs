//! The table of log events: name, level, fields, meaning, and what an operator does about it.

use tracing::Level;

/// One kind of log line.
#[derive(Debug)]
pub struct LogEvent {
    /// The stable name, `group.happened`.
    pub name: &'static str,
    /// How much attention it wants.
    pub level: Level,
    /// Every field it carries.
    pub fields: &'static [&'static str],
    /// What happened, with the meaning of fields that do not explain themselves.
    pub meaning: &'static str,
    /// What the operator should do.
    pub action: &'static str,
}

impl LogEvent {
    /// The part of the name before the point.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// Declares the constants and [`ALL`] from one list.
macro_rules! events {
    ($($constant:ident = $name:literal $level:ident [$($field:ident)*]
        $meaning:literal, $action:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $meaning)]
            pub const $constant: LogEvent = LogEvent {
                name: $name,
                level: Level::$level,
                fields: &[$(stringify!($field)),*],
                meaning: $meaning,
                action: $action,
            };
        )*
        /// Every event, in the order of the page.
        pub static ALL: &[LogEvent] = &[$($constant),*];
        /// The name of every constant, in the same order.
        pub static CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}

events! {
ENGINE_STARTED = "engine.started" INFO [version mode name instance epoch config_hash state_dir]
    "The process started. `name` is `instance` of the configuration; `instance` and `epoch` are part of every client order id it makes; `config_hash` changes when any setting changes.",
    "Nothing.";
ENGINE_READY = "engine.ready" INFO [strategies symbols took_ms]
    "Replay, reconciliation and warm-up are done: orders may flow. `strategies` and `symbols` are counts.",
    "Nothing. If it does not follow `engine.started` within a minute, read what stands between.";
ENGINE_STOPPING = "engine.stopping" INFO [reason]
    "A stop was asked for (a signal, a command) or forced by a failure.",
    "Nothing, when you asked for it.";
ENGINE_STOPPED = "engine.stopped" INFO [reason exit_code]
    "The last line of a process that ended on its own terms. At level `error` when `exit_code` is not 0.",
    "Look up an exit code other than 0 in docs/CLI.md.";
ENGINE_READ_ONLY = "engine.read_only" ERROR [reason]
    "The journal is damaged, or a record of it makes its replay panic. The engine is up to be looked at: `status` and the API show the account and its open orders. No order leaves and nothing is written into the journal; again every minute.",
    "docs/JOURNAL.md#damage. `tickwright halt` takes this installation's entries back; a guard does it by itself.";
ENGINE_HEARTBEAT = "engine.heartbeat" INFO [name account uptime_s trading_state trading_reason healthy problems resident_bytes cpu_percent open_files threads arbiter_lag_us market_lag_ms events tick_to_order_p50_us tick_to_order_p99_us open_orders unknown_orders reconcile_age_ms held_back unprotected unprotected_ms equity currency log_lines_dropped mailboxes streams]
    "Health and figures, every `monitor.heartbeat_every_ms`. `name` is `instance` of the configuration, `account` environment and account at the venue; `trading_reason` says why the state is not `active`; `reconcile_age_ms` is how long ago, by the venue's clock, orders and balances were last compared with the venue's; `held_back` cancels, questions and reads wait for its limits. `mailboxes` lists name, depth, bound, sent, refused and conflated, and what `risk → onlooker` refused of orders has no line here; `streams` lists symbol, stream, age_ms and is_stale (past its limit, `feed.*_stale_after_ms`: entries on the symbol are denied); `arbiter_lag_us` is how late timers fire; `market_lag_ms` how much longer than usual trades are on their way to the gate's sight: past `risk.stale_after_ms` no entry passes; `unprotected` positions of protected strategies have no protective order at the venue, the longest for `unprotected_ms`; `equity` is that of the allocated capital.",
    "Alert when it is missing for three periods, when `healthy` is false for longer than a minute, when memory or files only ever grow, when unknown orders stay above 0, or when `unprotected_ms` grows.";
ENGINE_PRIORITY_REFUSED = "engine.priority_refused" INFO [nice error]
    "The system did not raise the priority of the thread that orders are made on (`threads.order_path_nice`). Everything works; on a busy machine orders wait longer.",
    "Grant CAP_SYS_NICE or RLIMIT_NICE, or set the key to 0.";
ENGINE_PANICKED = "engine.panicked" ERROR [thread location message]
    "A bug. A panic in a strategy is contained (see `strategy.panicked`); one in risk, execution or the journal ends the process, and the next start replays and reconciles.",
    "Report it with the lines before it. Restart the engine if it ended.";

CONFIG_LOADED = "config.loaded" INFO [hash strategies]
    "The configuration was read and found valid. `strategies` is the count of enabled ones.",
    "Nothing.";

JOURNAL_OPENED = "journal.opened" INFO [path durability ledger]
    "The journal is open for writing. `ledger` names the venue identity it belongs to.",
    "Nothing.";
JOURNAL_NEW_LEDGER = "journal.new_ledger" WARN [ledger reason]
    "A ledger was opened where another one of the same venue is or was: of another account, or its journal is gone. Trading is halted.",
    "If it was meant, `tickwright resume`. Else stop, put the journal back where it was, and start again.";
JOURNAL_REPLAYED = "journal.replayed" INFO [records orders fills positions took_ms]
    "Orders, fills and positions were rebuilt from the journal. So many `position.restored` and `order.restored` follow, one for each of `positions` and of the open `orders`.",
    "Nothing.";
JOURNAL_FAILED = "journal.failed" ERROR [operation error]
    "The disk refused a read, a write or a sync. No order leaves without a durable record, so order flow is halted and the process ends.",
    "Free or repair the disk, then start again: the start replays and reconciles.";

JOURNAL_ARCHIVED = "journal.archived" INFO [file records up_to]
    "Old records were moved to a file of the archive. The journal goes on from what they add up to; commands that read it find them there.",
    "Keep the directory with the journal.";
JOURNAL_ARCHIVE_FAILED = "journal.archive_failed" WARN [error]
    "Old records could not be copied to the archive. They stay in the journal, nothing is lost, and it is tried again.",
    "Look at the disk and at the rights of the directory beside the journal.";

POSITION_RESTORED = "position.restored" INFO [strategy symbol base quote quantity cost realised fees]
    "What the journal holds for a strategy in a symbol at this start, those sold out among them: `quantity` of `base`, its `cost`, what was `realised` and the `fees` since the journal began, all in `quote`. `tickwright logs summary` goes on from here, so that fills whose own line was never written, because the process was killed, are not missing.",
    "Nothing.";

POSITION_UNATTENDED = "position.unattended" WARN [strategy symbol quantity]
    "At a start: a strategy of the journal holds this, and does not run in that symbol any more: its file is gone, disabled, or names others. Nobody decides about it and nobody renews what protects it; an operator can close it.",
    "Give the strategy its file back, or close it: `tickwright flatten --strategy NAME`.";

RECORDING_STARTED = "recording.started" INFO [directory]
    "Frames and the order in which every machine gets its inputs are recorded, for `tickwright replay`.",
    "Nothing.";
RECORDING_BROKEN = "recording.broken" WARN [reason waiting]
    "The recording ends here: more inputs came than could be written. Trading goes on.",
    "Give the recording a faster disk, or turn it off. What was written before can be replayed.";
RECORDING_FINISHED = "recording.finished" INFO [inputs frames]
    "The recording is complete.",
    "Nothing.";

FEED_CONNECTED = "feed.connected" INFO [connection streams]
    "A market data connection is up and subscribed; `streams` is how many it carries.",
    "Nothing.";
FEED_DISCONNECTED = "feed.disconnected" WARN [connection reason retry_in_ms]
    "A market data connection ended, or could not be opened. It is opened again after `retry_in_ms`.",
    "Nothing if it reconnects. Look at `reason` when it repeats.";
FEED_ROTATED = "feed.rotated" INFO [connection]
    "A market data connection was replaced in good order before its end, without losing an event; `connection` is the new one.",
    "Nothing.";
FEED_GAP = "feed.gap" WARN [symbol stream expected received]
    "Trades of `symbol` are missing between two that came: `expected` is the number that should have followed, `received` the one that came. They were traded while no connection was up, or a frame was lost; they are not fetched, and strategies that count trades never see them. Bars that they belong to are fetched from the venue; the order book has its own numbers (`feed.book_lost`), orders and fills come another way, and nothing of them is lost. A `received` below `expected` means that the venue's numbers began anew, as after the reset of a test network, or that one far ahead of all others was given up; of best prices (`stream` is `quote`) nothing else is told.",
    "Nothing once. When it repeats, the machine or the line is too slow for the streams subscribed.";
FEED_PRICE_DOUBTED = "feed.price_doubted" WARN [symbol stream price last]
    "A trade or a best price was more than five times the `last` one of its stream, or less than a fifth: neither strategies nor risk saw it. The next one that says the same is believed.",
    "Nothing once. When it repeats, compare with the venue's own page.";
FEED_SYNCED = "feed.synced" INFO [symbol update_id]
    "The order book of a symbol is complete and follows the stream.",
    "Nothing.";
FEED_REFUSED = "feed.refused" ERROR [code reason]
    "The venue refused a subscription: the stream will not come.",
    "Check the symbols in the strategy files against the venue's list.";
FEED_BOOK_LOST = "feed.book_lost" WARN [symbol reason]
    "A local order book lost its step with the venue; a new snapshot is on the way.",
    "Nothing if `feed.synced` follows. Often: the network drops data.";
FEED_REQUEST_FAILED = "feed.request_failed" WARN [symbol reason]
    "A request for a snapshot, for history or for a bar failed; it is tried again.",
    "Nothing if it does not repeat.";
FEED_SUMMARY = "feed.summary" INFO [frames trades quotes depth_applied bars books_compared books_agreed duplicates malformed trades_missed books_lost reconnects]
    "What the feed received since the start, written when the engine stops. `books_agreed` of `books_compared` book updates had the best bid and ask of the newest quote.",
    "Nothing, if `trades_missed` and `books_lost` are what `feed.gap` and `feed.book_lost` told.";
STREAM_STALE = "stream.stale" WARN [symbol stream age_ms]
    "A stream has been silent for longer than its limit (`feed.*_stale_after_ms`). New entries on the symbol are denied; the connection is replaced.",
    "Nothing if `stream.recovered` follows. Otherwise check the venue for a halt of the symbol.";
STREAM_RECOVERED = "stream.recovered" INFO [symbol stream]
    "A stale stream speaks again.",
    "Nothing.";
FRAME_MALFORMED = "frame.malformed" WARN [error count]
    "A frame could not be read and was skipped; `count` is how many so far. Told once a second at most.",
    "Report it when it repeats: the protocol may have changed.";

INSTRUMENT_CHANGED = "instrument.changed" WARN [symbol status filters_changed features_changed changes]
    "The venue changed a symbol's state, filters or features (order lists, `cancelReplace` and the like) while we trade or hold it. `changes` lists what, with the value before and after. The gate and the strategies go by the new ones from now on; in a state other than `trading` there are no new orders.",
    "Nothing. If it is halted, its working orders are the venue's affair.";
INSTRUMENT_UNREAD = "instrument.unread" WARN [reason]
    "The venue's rules could not be read again; the last known ones stay in force.",
    "Nothing if it does not repeat.";
INSTRUMENT_PRICES_READ = "instrument.prices_read" INFO [asked found requests weight]
    "At a start: the middle of the book of `found` of `asked` instruments of the ledger, which values what is held until the streams tell more. `requests` of a request weight of `weight` in all.",
    "Nothing.";
INSTRUMENT_PRICES_UNREAD = "instrument.prices_unread" WARN [reason]
    "At a start: nobody said what the instruments of the ledger cost. What is held counts at its cost until the streams tell more.",
    "Nothing if trading goes on.";

TRADING_CONNECTED = "trading.connected" INFO []
    "Logged on and subscribed to user data: reconcile begins.",
    "Nothing.";
TRADING_DISCONNECTED = "trading.disconnected" WARN [reason]
    "The order connection or the user data stream was lost. A reconciliation follows the reconnect.",
    "Nothing at first. When it stays so, working orders can only be seen at the venue.";
TRADING_READ_FAILED = "trading.read_failed" WARN [reason]
    "A question to the venue (an order, balances, trades) failed; it is asked again.",
    "Nothing if it does not repeat.";
TRADING_CONNECT_FAILED = "trading.connect_failed" WARN [reason retry_in_ms]
    "No connection for orders came to be ready. It is tried again after `retry_in_ms`; until then nothing is placed.",
    "Nothing if `trading.connected` follows. Look at `reason` when it repeats.";
TRADING_KEY_REFUSED = "trading.key_refused" ERROR [code reason]
    "The venue refuses the key: it was revoked, has lost a right, or is used from an address that it is not bound to. Nothing can be placed or taken back, and nothing can be compared; fills are seen only while the user data stream lasts. An alert goes out; the line is repeated every ten minutes.",
    "At the venue: look at the key and its addresses. Orders that rest there can be taken back by hand or with another key: put it into the files of the configuration and start again, the ledger is that of the account.";
TRADING_KEY_ACCEPTED = "trading.key_accepted" INFO []
    "The venue takes the key again, and was compared with the journal.",
    "Nothing.";
TRADING_RATE_LIMITED = "trading.rate_limited" WARN [status retry_after_ms until reason]
    "The venue answered `status` 429 (too many requests) or 418 (a ban): until `until`, by its clock, nothing goes out. Orders are given back as `order.absent`, with this as the reason; cancels, questions and reads wait (`held_back` in the heartbeat) and go first. A ban alerts.",
    "Nothing once. When it repeats: what else uses this address or account? Fewer symbols, or `risk.max_orders_per_10s` lower.";

ORDER_RESTORED = "order.restored" INFO [order_id strategy symbol side quantity filled_quantity state]
    "An order that was open when the last process ended, as the journal says. `state` is `working`, or `unknown` until the venue is asked. Orders of earlier lines that are not among these have ended.",
    "Nothing.";
ORDER_INTENDED = "order.intended" INFO [correlation order_id strategy symbol side kind price quantity]
    "Risk approved an order; nothing of it leaves before its record is durable. `order_id` is the client order id. `quantity` is in the base asset, or the amount of an order by quote amount; `price` is the limit, or the stop of an order without one.",
    "Nothing.";
ORDER_SUBMITTED = "order.submitted" INFO [correlation order_id strategy symbol]
    "The order's record is durable and the order was handed to the connection, once.",
    "Nothing.";
ORDER_ACCEPTED = "order.accepted" INFO [correlation order_id venue_order_id strategy symbol]
    "The venue took the order and it rests, or waits for its stop. One that was filled or ended before this was known, as market orders are as a rule, has no such line: `order.filled` follows `order.submitted`.",
    "Nothing.";
ORDER_REJECTED = "order.rejected" WARN [correlation order_id strategy symbol code reason]
    "The venue refused the order; `code` is its error code.",
    "Look the code up when it repeats. -2015 means the key lost its rights or its IP address.";
ORDER_DENIED = "order.denied" WARN [correlation strategy symbol rule reason limit actual repeated]
    "Our own risk refused the intent; nothing was sent. `rule` names the rule, `actual` is what exceeded its `limit`. Denials of the same strategy and symbol by the same rule have one line a minute at most; `repeated` were denied since the line before it, besides this one.",
    "Nothing, if the limit is what you want. Else change it in the configuration.";
ORDER_FILLED = "order.filled" INFO [correlation order_id venue_order_id trade_id strategy symbol base quote side price quantity remaining liquidity fee fee_asset fee_value]
    "An execution. `remaining` is what the order still has to trade, left out for an order by quote amount; `base` and `quote` are the assets of `symbol`; `fee_value` is the fee in `quote`, at the rate of that moment.",
    "Nothing.";
ORDER_TRIGGERED = "order.triggered" INFO [correlation order_id strategy symbol]
    "A stop or target was reached: the order now works.",
    "Nothing.";
ORDER_COMPLETED = "order.completed" INFO [correlation order_id strategy symbol]
    "An order by quote amount has bought or sold all that it can; for other orders `remaining` says so.",
    "Nothing.";
ORDER_CANCELED = "order.canceled" INFO [correlation order_id strategy symbol filled_quantity reason]
    "The order no longer works. `reason` says who asked.",
    "Nothing.";
ORDER_EXPIRED = "order.expired" INFO [correlation order_id strategy symbol filled_quantity reason]
    "The venue ended the order by its own rules: an IOC or FOK remainder, or self-trade prevention.",
    "Nothing.";
ORDER_STATE_UNKNOWN = "order.state_unknown" WARN [order_id reason]
    "The venue gave an order a state that this build does not know. Funds stay reserved, fills count, and it is asked again until it says something known. Told once for each order, then every ten minutes.",
    "Look at the order at the venue, and for a newer release.";
ORDER_UNKNOWN = "order.unknown" WARN [correlation order_id strategy symbol reason]
    "The answer to a submit was lost. The order is not sent again: the venue is asked, and its absence is believed only past the fence.",
    "Nothing, if it resolves. An unknown order reserves its funds.";
ORDER_ABSENT = "order.absent" WARN [correlation order_id strategy symbol reason]
    "The order is not at the venue: not a byte of it left (`reason` begins with `not sent`, and says what was in the way), or an unknown order was proved never to have arrived. A late fill would still be booked.",
    "Nothing once. When it repeats, see to `reason`.";
CANCEL_REJECTED = "cancel.rejected" WARN [correlation order_id strategy symbol code reason]
    "The venue refused to cancel, most often because the order had just filled.",
    "Nothing: the order is queried.";

RISK_STATE_CHANGED = "risk.state_changed" ERROR [from to rule reason]
    "The trading state moved between `active`, `reduce_only` and `halted`. It outlives a restart. At level `info` when an operator resumes.",
    "Read `rule` and `reason`. After `halted`, find the cause before trading is resumed.";
RISK_TRIPPED = "risk.tripped" ERROR [rule scope limit actual]
    "A loss limit was passed, for the account or for one strategy. A change of the trading state follows for the account.",
    "See docs/RISK.md for what is cancelled, kept and allowed, and how it resets.";
RISK_INSTRUMENT_HALTED = "risk.instrument_halted" ERROR [symbol reason]
    "Something impossible happened on this symbol: it takes no more orders until a restart has reconciled it.",
    "Compare the venue's record with the journal; keep both for a report.";
RISK_FEE_UNVALUED = "risk.fee_unvalued" WARN [symbol fee fee_asset]
    "A fee was paid in an asset without a known price; it was booked as nothing.",
    "Subscribe to the pair that prices the asset, or turn off paying fees in it.";
PROTECTION_RESTORED = "protection.restored" INFO [strategy symbol quantity duration_ms]
    "`quantity` of a protected strategy's position had no protective order at the venue for `duration_ms`: after a fill, while the stop was resized, or while an exit had to get past it. It has one again, or is sold.",
    "Nothing while it is about as long as the venue takes to answer.";
PROTECTION_REFUSED = "protection.refused" ERROR [strategy symbol reason retry_in_ms]
    "A protective order was denied, refused by the venue, or ended unasked: the position is without protection until the next try.",
    "Read `reason`. Close the position by hand if it can't be mended: `tickwright flatten --strategy`.";
FLATTEN_FINISHED = "flatten.finished" WARN [strategy symbol outcome left]
    "A position was closed by command, as far as it could be: `flat`, `dust` (what is `left` is too little for an order) or `unsold` (nobody paid the limit; it is protected as before).",
    "After `unsold`, allow more slippage or wait.";
ACCOUNT_KEY_CHECKED = "account.key_checked" INFO [may_trade moves_money ip_restricted]
    "The venue told what the key may do. `moves_money` is the right to withdraw or to transfer.",
    "Nothing.";
ACCOUNT_KEY_UNSAFE = "account.key_unsafe" WARN [reason]
    "The key can do more harm than trading needs, or nobody can tell.",
    "At the venue: take the right to withdraw from the key, and bind it to the addresses of this machine.";
ACCOUNT_FEES_READ = "account.fees_read" INFO [asked dearest]
    "The fee rates are known: of `asked` symbols from the venue (0: as configured). Buys reserve the `dearest` on top of their price.",
    "Nothing.";
ACCOUNT_BALANCE_MOVED = "account.balance_moved" INFO [asset delta]
    "A deposit, withdrawal or transfer. Outside profit, never traded.",
    "Nothing, if it was yours.";
ACCOUNT_EXTERNAL_FILLED = "account.external_filled" WARN [venue_order_id trade_id symbol side price quantity]
    "A trade of the account that is no order of ours, by the venue's numbers. Counted in exposure, outside profit.",
    "Nothing, if it was yours.";

STRATEGY_STARTED = "strategy.started" INFO [strategy kind symbols capital]
    "A strategy begins: it gets events, and may send intents. Comes after its `strategy.warmed`, at the start and after a restart of it; `symbols` is how many it trades.",
    "Nothing.";
STRATEGY_WARMED = "strategy.warmed" INFO [strategy events took_ms]
    "A strategy has its history, joined to the stream without gap or duplicate: `events` of it, in `took_ms`. `strategy.started` follows once orders may flow.",
    "Nothing.";
STRATEGY_PANICKED = "strategy.panicked" ERROR [strategy message handling]
    "A strategy failed while it handled `handling`. It was thrown away; a fresh one is built from the journal. The other strategies go on.",
    "Report it to the strategy's author.";
STRATEGY_RESTARTED = "strategy.restarted" WARN [strategy attempt delay_ms]
    "A fresh instance of a failed strategy was built, after the delay.",
    "Nothing at first.";
STRATEGY_QUARANTINED = "strategy.quarantined" ERROR [strategy reason restarts]
    "A strategy failed too often, flooded or spun, and stays stopped. Its entries were cancelled; its protective orders still work.",
    "Take over its position, mend the strategy, restart the engine.";
STRATEGY_FLOODED = "strategy.flooded" ERROR [strategy effects limit]
    "One event made a strategy ask for more than `supervision.effects_per_step` things at once.",
    "See `strategy.quarantined`.";
STRATEGY_SPUN = "strategy.spun" ERROR [strategy busy_ms strikes]
    "A strategy did not come back from an event. A strike is written down and the process ends; with enough strikes the next start quarantines it.",
    "Mend the strategy; remove its line from the `strikes` file in the state directory to let it run again.";
STRATEGY_LAGGING = "strategy.lagging" WARN [strategy waiting bound]
    "A strategy could not keep up with trades or bars. It is resynchronised rather than fed with holes.",
    "Give it fewer symbols, or a faster machine.";
STRATEGY_STOPPED = "strategy.stopped" INFO [strategy reason]
    "A strategy was told to stop and did.",
    "Nothing.";
STRATEGY_NOTED = "strategy.noted" INFO [strategy text]
    "A line in the strategy's own words.",
    "Nothing.";
MAILBOX_OVERFLOWED = "mailbox.overflowed" ERROR [message]
    "An order message could not be delivered, or a record not be written; `message` says which and why. Trading halts and the process ends, to replay and reconcile at the next start.",
    "Find out which actor is slow: the heartbeat lists the depths.";

RECONCILE_STARTED = "reconcile.started" INFO [trigger]
    "Orders, fills and balances are compared with the venue's: at start, after a reconnect, every minute.",
    "Nothing.";
RECONCILE_STRANGERS = "reconcile.strangers" ERROR [reason]
    "Orders of this product are open on the account that are none of this ledger's: of another installation, or exits and protective orders of this one from before its ledger was opened. They are not touched, and trading is halted.",
    "Find the other installation and stop it, or the journal that the orders belong to. Take the orders back at the venue if nobody looks after them. Then `tickwright resume`.";
RECONCILE_FINISHED = "reconcile.finished" INFO [orders fills_adopted strays_cancelled strays_left foreign_orders other_instances took_ms]
    "The venue and we agree: orders may flow. `orders` is how many of our orders had been sent and not ended, by our own record, and were asked about one by one; `fills_adopted` were missed before, `strays_cancelled` were orders of ours that the journal did not know, `strays_left` exits and protective orders of ours from before this ledger, `foreign_orders` belong to others and were left alone, `other_instances` belong to another installation of this product, on whatever symbol of the account.",
    "Nothing.";
RECONCILE_MISMATCHED = "reconcile.mismatched" ERROR [kind asset ledger account held]
    "At the start, or while running, the account holds something else of `asset` than it should. `surplus`: more, of something that no strategy holds, and trading goes on; `held_asset`: more of what strategies hold; `shortfall`: less; `oversold`: what was booked, but less than strategies hold. All but `surplus` halt.",
    "`tickwright reconcile` shows it again. Find out why: a deposit, a withdrawal, a trade by hand? Then stop, `tickwright reconcile --accept`, start, `tickwright resume`.";
RECONCILE_OVERDUE = "reconcile.overdue" ERROR [age_ms limit_ms reason]
    "Orders, fills and balances have not been compared with the venue's for `age_ms`, three times as long as `venue.reconcile_every_ms`: what happened there may be unknown here. The engine counts as unhealthy, and an alert goes out.",
    "Read `reason` and the `trading.…` lines before it: the key, the network, the venue's limits? `tickwright halt` if you do not know.";
RECONCILE_SKIPPED = "reconcile.skipped" WARN [reason]
    "The balances could not be compared at the start: the venue did not answer. Orders and fills are reconciled all the same.",
    "`tickwright reconcile` once the venue answers.";

PAPER_STARTED = "paper.started" INFO [endpoint latency queue fills dearest_fee orders_restored orders_expired]
    "Orders are matched here, against the public streams of `endpoint`; the account is in the journal alone. `latency`, `queue` and `fills` name the models that stand in for the venue. Open orders of the last run went on, or expired where a filter or the balance has changed against them.",
    "Read results with these models in mind.";

EXCHANGE_STARTED = "exchange.started" INFO [rest_url ws_url ws_api_url]
    "The simulated exchange listens.",
    "Nothing.";

API_STARTED = "api.started" INFO [url]
    "The HTTP API listens.",
    "Nothing.";
ALERT_SENT = "alert.sent" INFO [subject took_ms]
    "The webhook took an alert about `subject`, the name of another event.",
    "Read that event.";
ALERT_FAILED = "alert.failed" ERROR [subject error]
    "The webhook could not be told about `subject`.",
    "Check `alerts.webhook_url`. The event itself is in the log.";

GUARD_STARTED = "guard.started" INFO [limit_ms instance]
    "A guard hears the heartbeat of an engine; `instance` is whose entries it would cancel, if it knows already.",
    "Nothing.";
GUARD_DEAF = "guard.deaf" WARN [reason]
    "The guard does not hear the engine, and why. Past its limit it takes the entries back.",
    "Is the engine running? Is the directory, the address or the token the right one?";
GUARD_ENGINE_ENDED = "guard.engine_ended" INFO []
    "The engine has ended in good order, with its entries taken back. The guard waits for its next start.",
    "Nothing.";
GUARD_TRIPPED = "guard.tripped" ERROR [age_ms limit_ms]
    "The heartbeat has not changed for longer than the limit: the engine is dead, stuck or out of reach. Its entries are being cancelled.",
    "Look at the engine's host.";
GUARD_CANCELED = "guard.canceled" WARN [symbol order_id]
    "The guard took an entry back at the venue.",
    "Nothing: the engine finds out when it reconciles.";
GUARD_FAILED = "guard.failed" ERROR [reason]
    "The guard could not do its work; it is tried again.",
    "Read `reason`. Cancel by hand at the venue if it lasts.";
GUARD_RESTED = "guard.rested" WARN [silent_ms]
    "The heartbeat is back: the guard cancels nothing more.",
    "Find out why it was silent.";

CONTROL_STARTED = "control.started" INFO [path]
    "The socket for commands of an operator listens: `tickwright halt`, `resume`, `reduce-only`, `flatten`, `status`.",
    "Nothing.";
CONTROL_COMMANDED = "control.commanded" WARN [command reason]
    "An operator gave a command through the socket: `active`, `reduce_only`, `halted` or `flatten`.",
    "Nothing, if it was yours.";

SHUTDOWN_DRAINING = "shutdown.draining" INFO [reason open_orders timeout_ms]
    "No new intents; entries are being cancelled and their cancels confirmed. A second signal stops at once.",
    "Wait.";
SHUTDOWN_DRAINED = "shutdown.drained" INFO [canceled kept unconfirmed unprotected took_ms]
    "`canceled` orders are gone by the venue's own word, `kept` protective orders still work there. `unconfirmed` entries and exits may work there as well: the time was up, and the exit code is 5, as it is when `unprotected` positions have no protective order.",
    "Nothing, when both are 0. Else look at the venue, or start again: the start finds them.";
SHUTDOWN_FORCED = "shutdown.forced" WARN [reason]
    "The drain was cut short by a second signal.",
    "Look at the venue for orders that still work; the next start finds them again.";

LOG_DROPPED = "log.dropped" WARN [lines write_errors]
    "The log could not keep up or could not be written; this many lines are missing before this one.",
    "Free space in the log directory. Trading went on.";
LIBRARY_WARNED = "library.warned" WARN [library message]
    "A library that the engine uses had something to say at warning level or above.",
    "Read it next to the events around it.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RESERVED_FIELDS, STRUCTURED_FIELDS};

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut names: Vec<&str> = ALL.iter().map(|event| event.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for (event, constant) in ALL.iter().zip(CONSTANTS) {
            assert_eq!(event.name.replace('.', "_").to_ascii_uppercase(), **constant);
            assert_eq!(event.name.split('.').count(), 2, "{}", event.name);
        }
    }

    #[test]
    fn groups_are_contiguous() {
        let mut seen: Vec<&str> = Vec::new();
        for event in ALL {
            if seen.last() != Some(&event.group()) {
                assert!(!seen.contains(&event.group()), "{} stands apart", event.name);
                seen.push(event.group());
            }
        }
    }

    #[test]
    fn fields_are_unique_and_not_reserved() {
        for event in ALL {
            for (index, field) in event.fields.iter().enumerate() {
                assert!(!RESERVED_FIELDS.contains(field), "{} {field}", event.name);
                assert!(!event.fields[..index].contains(field), "{} {field}", event.name);
            }
        }
        for field in STRUCTURED_FIELDS {
            assert!(ALL.iter().any(|event| event.fields.contains(field)), "{field}");
        }
    }
}
