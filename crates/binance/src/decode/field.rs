//! Fields that many messages share.

use std::borrow::Cow;
use std::fmt;

use model::{FixedError, Level, Price, Quantity, Timestamp};
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::DecodeError;

/// The venue's refusal: `{"code":-1121,"msg":"Invalid symbol."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{msg} (code {code})")]
pub struct ApiError {
    /// The venue's code.
    pub code: i32,
    /// The venue's words. Codes -2010, -2011 and -2038 are told apart only by them.
    pub msg: String,
}

impl ApiError {
    /// The code for a symbol that the venue does not have.
    pub const INVALID_SYMBOL: i32 = -1121;
}

/// The id of a request, echoed in its answer in the JSON type in which it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RequestId {
    /// None was given, or the answer belongs to no request.
    #[default]
    Null,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = RequestId;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an integer, a string or null")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RequestId, E> {
                Ok(RequestId::Number(number))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RequestId, E> {
                i64::try_from(number).map(RequestId::Number).map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RequestId, E> {
                Ok(RequestId::Text(text.to_owned()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<RequestId, E> {
                Ok(RequestId::Null)
            }
        }
        deserializer.deserialize_any(Id)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// An instant as the venue writes it: milliseconds, or microseconds where they were asked for.
/// They are told apart by size: 10¹⁵ ms is the year 33658, 10¹⁵ µs is 2001.
#[must_use]
pub const fn venue_instant(value: i64) -> Timestamp {
    if value >= 1_000_000_000_000_000 {
        Timestamp::from_micros(value)
    } else {
        Timestamp::from_millis(value)
    }
}

/// For `deserialize_with`: an instant.
pub(super) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(deserializer).map(venue_instant)
}

/// For `deserialize_with`: an instant that may be missing or null.
pub(super) fn optional_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.map(venue_instant))
}

/// For `deserialize_with`: a text that may be missing or null, borrowed where it can be.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'de>>::deserialize(deserializer)?.map(|text| text.0))
}

/// A quantity that may be a sum over many orders: what does not fit in 64 bits, as happens for
/// assets worth a millionth of a dollar, reads as the largest that does. Never for orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct TotalQuantity(pub Quantity);

impl<'de> Deserialize<'de> for TotalQuantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Total;
        impl Visitor<'_> for Total {
            type Value = Quantity;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a decimal number in a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                match Quantity::parse(text.as_bytes()) {
                    Err(FixedError::OutOfRange) if !text.starts_with('-') => Ok(Quantity::MAX),
                    other => other.map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_str(Total).map(Self)
    }
}

/// For `deserialize_with`: a [`TotalQuantity`] as a quantity.
pub(super) fn total_quantity<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Quantity, D::Error> {
    TotalQuantity::deserialize(deserializer).map(|total| total.0)
}

/// For `deserialize_with`: `[["price","quantity"], …]`.
pub(super) fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Level>, D::Error> {
    struct Levels;
    impl<'de> Visitor<'de> for Levels {
        type Value = Vec<Level>;
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a list of price levels")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<Level>, A::Error> {
            let mut levels = Vec::new();
            while let Some((price, TotalQuantity(quantity))) = rows.next_element()? {
                levels.push(Level { price, quantity });
            }
            Ok(levels)
        }
    }
    deserializer.deserialize_seq(Levels)
}

/// Refuses levels that no book can hold.
pub(super) fn check_levels(what: &'static str, levels: &[Level]) -> Result<(), DecodeError> {
    let is_absurd = |level: &&Level| !level.price.is_positive() || level.quantity < Quantity::ZERO;
    match levels.iter().find(is_absurd) {
        None => Ok(()),
        Some(level) => Err(DecodeError::impossible(
            what,
            "level",
            &format_args!("{} at {}", level.quantity, level.price),
        )),
    }
}

/// Refuses a trade without a price or a quantity.
pub(super) fn check_trade(
    what: &'static str,
    price: Price,
    quantity: Quantity,
) -> Result<(), DecodeError> {
    if !price.is_positive() {
        return Err(DecodeError::impossible(what, "price", &price));
    }
    if !quantity.is_positive() {
        return Err(DecodeError::impossible(what, "quantity", &quantity));
    }
    Ok(())
}
