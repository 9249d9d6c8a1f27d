//! The key table of config/strategies/*.toml, the same for every kind, and the parameters of a
//! kind below `[parameters]`.

use kernel::parameters::ParameterSet;

use super::key::Presence::{Default, Optional, Required};
use super::key::{Key, Kind};

/// The keys that every strategy file has.
pub static STRATEGY_KEYS: &[Key] = &[
    Key::new(
        "id",
        Kind::Name,
        Required,
        "The name of this instance, unique and kept for good: its orders, lots and profit are \
         filed under it.",
    ),
    Key::new("kind", Kind::Text, Required, "Which strategy."),
    Key::new("symbols", Kind::List(&Kind::Symbol), Required, "What it trades."),
    Key::new("enabled", Kind::Boolean, Default("true"), "Whether `run` starts it."),
    Key::new(
        "capital",
        Kind::Money,
        Required,
        "What it may have in positions and working buys, in `risk.currency`.",
    ),
    Key::new(
        "risk.max_order_notional",
        Kind::Money,
        Optional,
        "Its largest single order. Unset: only the engine's limit holds.",
    ),
    Key::new(
        "risk.max_position_notional",
        Kind::Money,
        Optional,
        "Its largest position in one symbol. Unset: its capital.",
    ),
    Key::new(
        "risk.max_open_orders",
        Kind::Integer { min: 1, max: 10_000 },
        Optional,
        "The most orders it may have working. Unset: only the engine's limit holds.",
    ),
    Key::new(
        "risk.max_orders_per_10s",
        Kind::Integer { min: 1, max: 10_000 },
        Optional,
        "The most orders it may send in any 10 seconds. Unset: only the engine's limit holds.",
    ),
    Key::new(
        "risk.daily_loss",
        Kind::Money,
        Optional,
        "Its own loss since midnight UTC that stops its entries. Unset: only the engine's limit.",
    ),
    Key::new(
        "risk.max_drawdown",
        Kind::Money,
        Optional,
        "Its own fall from its peak that stops its entries. Unset: only the engine's limit.",
    ),
    Key::new(
        "protection.stop_loss_bps",
        Kind::Integer { min: 1, max: 9_999 },
        Optional,
        "A stop order rests at the venue for all it holds, so far below the average cost. Unset: \
         only the strategy's own orders protect it.",
    ),
    Key::new(
        "protection.stop_limit_bps",
        Kind::Integer { min: 1, max: 9_999 },
        Optional,
        "How far below its trigger the stop still sells. Unset: at whatever the market pays.",
    ),
    Key::new(
        "protection.take_profit_bps",
        Kind::Integer { min: 1, max: 1_000_000 },
        Optional,
        "A sell rests beside the stop, so far above the average cost, as one pair with it (OCO): \
         whichever trades first ends the other. Only with `stop_loss_bps`. Unset: the stop alone.",
    ),
];

/// The keys of a file of this kind.
#[must_use]
pub fn strategy_keys(set: &ParameterSet) -> Vec<Key> {
    STRATEGY_KEYS.iter().cloned().chain(set.keys.iter().map(Key::of_parameter)).collect()
}
