//! What a column can be, and reading its cells.

use std::fmt;
use std::str::FromStr;

use model::Timestamp;

/// What a column of a table is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Field {
    /// The instant; of klines when they opened.
    Time,
    /// The venue's number.
    Id,
    /// Price.
    Price,
    /// Base quantity.
    Quantity,
    /// Side of the taker (`buy`, `sell`), or whether the buyer was the maker (`true`, `false`).
    Side,
    /// First trade of an aggregate.
    FirstTradeId,
    /// Last trade of an aggregate.
    LastTradeId,
    /// First price.
    Open,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// Last price.
    Close,
    /// Base volume.
    Volume,
    /// Last instant of a kline.
    CloseTime,
    /// Quote volume.
    QuoteVolume,
    /// Number of trades.
    TradeCount,
    /// Base volume bought by takers.
    TakerBuyVolume,
    /// Quote volume paid by takers.
    TakerBuyQuoteVolume,
    /// When a trade was received.
    ReceivedAt,
}

/// Each field with its name in `--map`, and its names in headers: small letters without `_`, `-`
/// and spaces.
const FIELDS: [(Field, &str, &[&str]); 18] = [
    (
        Field::Time,
        "time",
        &[
            "time",
            "timems",
            "timestamp",
            "timestampms",
            "opentime",
            "opentimems",
            "transacttime",
            "datetime",
            "date",
            "eventat",
            "openat",
            "ts",
            "t",
        ],
    ),
    (Field::Id, "id", &["id", "tradeid", "aggtradeid", "aggid", "a"]),
    (Field::Price, "price", &["price", "p", "px"]),
    (Field::Quantity, "quantity", &["quantity", "qty", "amount", "size", "q"]),
    (Field::Side, "side", &["side", "isbuyermaker", "takerside", "m"]),
    (Field::FirstTradeId, "first_trade_id", &["firsttradeid", "firstid", "f"]),
    (Field::LastTradeId, "last_trade_id", &["lasttradeid", "lastid", "l"]),
    (Field::Open, "open", &["open", "o"]),
    (Field::High, "high", &["high", "h"]),
    (Field::Low, "low", &["low", "l"]),
    (Field::Close, "close", &["close", "c"]),
    (Field::Volume, "volume", &["volume", "vol", "basevolume", "v"]),
    (Field::CloseTime, "close_time", &["closetime", "closetimems", "closeat"]),
    (Field::QuoteVolume, "quote_volume", &["quotevolume", "quoteassetvolume"]),
    (Field::TradeCount, "trade_count", &["tradecount", "count", "trades", "numberoftrades"]),
    (
        Field::TakerBuyVolume,
        "taker_buy_volume",
        &["takerbuyvolume", "takerbuybasevolume", "takerbuybaseassetvolume"],
    ),
    (
        Field::TakerBuyQuoteVolume,
        "taker_buy_quote_volume",
        &["takerbuyquotevolume", "takerbuyquoteassetvolume"],
    ),
    (Field::ReceivedAt, "received_at", &["receivedat"]),
];

impl Field {
    /// Number of fields.
    pub(crate) const COUNT: usize = FIELDS.len();

    /// Its names in headers.
    pub(super) fn header_names(self) -> &'static [&'static str] {
        FIELDS[self as usize].2
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(FIELDS[*self as usize].1)
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = FIELDS.iter().find(|(_, name, _)| *name == text).map(|(field, ..)| *field);
        found.ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(_, name, _)| *name).collect();
            format!("`{text}` is no field: use {}", names.join(", "))
        })
    }
}

/// Which column of a file is what: its name in the header, or its number from 1.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ColumnMap(pub Vec<(Field, String)>);

impl FromStr for ColumnMap {
    type Err = String;

    /// Reads `time=ts,price=px,quantity=4`.
    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(|pair| {
            let (field, column) = pair.split_once('=').ok_or("expected FIELD=COLUMN,…")?;
            let column = column.trim();
            if column.is_empty() {
                return Err(format!("`{field}` names no column"));
            }
            Ok((field.trim().parse()?, column.to_owned()))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }
}

/// What a whole number that is an instant counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl FromStr for TimeUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Milliseconds),
            "us" => Ok(Self::Microseconds),
            "ns" => Ok(Self::Nanoseconds),
            _ => Err("expected s, ms, us or ns".to_owned()),
        }
    }
}

/// Reads an instant: a unix time, or a date in UTC.
pub fn instant(cell: &str, unit: Option<TimeUnit>) -> Result<Timestamp, String> {
    let refuse = || format!("`{cell}` is no instant");
    if let Some(unit) = unit
        && let Ok(number) = cell.parse::<i64>()
    {
        let nanos = match unit {
            TimeUnit::Seconds => 1_000_000_000,
            TimeUnit::Milliseconds => 1_000_000,
            TimeUnit::Microseconds => 1_000,
            TimeUnit::Nanoseconds => 1,
        };
        return number.checked_mul(nanos).map(Timestamp::from_nanos).ok_or_else(refuse);
    }
    if let Some(instant) = store::parse_instant(cell) {
        return Ok(instant);
    }
    crate::date::parse(cell).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_fields() {
        for (place, (field, name, _)) in FIELDS.iter().enumerate() {
            assert_eq!(*field as usize, place);
            assert_eq!(name.parse(), Ok(*field));
        }
    }

    #[test]
    fn maps_are_read() {
        let map: ColumnMap = "time=ts, price=px,quantity=4".parse().unwrap();
        let column = |text: &str| text.to_owned();
        assert_eq!(
            map.0,
            [
                (Field::Time, column("ts")),
                (Field::Price, column("px")),
                (Field::Quantity, column("4"))
            ]
        );
        for wrong in ["", "time", "time=", "when=ts"] {
            assert!(wrong.parse::<ColumnMap>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants_have_units_or_are_dates() {
        #[track_caller]
        fn check(cell: &str, unit: Option<TimeUnit>, expected: Option<&str>) {
            let found = instant(cell, unit).ok().map(|instant| instant.to_string());
            assert_eq!(found.as_deref(), expected, "{cell}");
        }
        check("1573820460000", None, Some("2019-11-15T12:21:00.000000Z"));
        check("60", Some(TimeUnit::Seconds), Some("1970-01-01T00:01:00.000000Z"));
        check("2019-11-15 12:21:00", None, Some("2019-11-15T12:21:00.000000Z"));
        check("soon", None, None);
        check("99999999999999", Some(TimeUnit::Seconds), None);
    }
}
