//! Names and numbers that identify things. All are `Copy`, so that messages stay flat.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is no valid identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("empty identifier")]
    Empty,
    /// More bytes than the identifier may have.
    #[error("identifier longer than {max} bytes")]
    TooLong {
        /// The most bytes allowed.
        max: usize,
    },
    /// A character that the identifier may not have.
    #[error("identifier has a character that is not allowed")]
    BadCharacter,
    /// Not one of our client order ids.
    #[error("not a client order id of this product")]
    Foreign,
}

/// Up to `N` bytes of UTF-8 held in place. Unused bytes are zero, so that equality and order of
/// the arrays are those of the texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct InlineText<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> InlineText<N> {
    fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > N {
            return Err(IdError::TooLong { max: N });
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(IdError::BadCharacter);
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let len = u8::try_from(text.len()).expect("N is below 256 for every identifier");
        Ok(Self { bytes, len })
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("built from whole strs and never changed")
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends a whole str's bytes, for which there is room.
    fn push(&mut self, text: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + text.len()].copy_from_slice(text);
        self.len += u8::try_from(text.len()).expect("there is room for it in N bytes");
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(InlineText<$max>);

        impl $name {
            /// From a text without spaces or control characters.
            ///
            /// # Errors
            /// See [`IdError`].
            pub fn new(text: &str) -> Result<Self, IdError> {
                InlineText::new(text).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// A trading pair as the venue spells it, for example `BTCUSDT`. May be non-ASCII.
    Symbol, 31
}

text_id! {
    /// An asset, for example `USDT`. May be non-ASCII.
    Asset, 23
}

text_id! {
    /// A client order id as it stands on the wire: at most 36 bytes.
    ClientOrderId, 36
}

text_id! {
    /// The identity of a venue that a ledger belongs to: environment and account, for example
    /// `binance-live:48213` or `sim:7f3a`.
    VenueId, 47
}

text_id! {
    /// The random name of one installation, made with its state directory: six characters of
    /// `0-9a-z`, part of every client order id.
    InstanceId, 6
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($number:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

number_id! {
    /// An index into the ledger's [`crate::Instruments`], which names venue and symbol: given once
    /// and kept over restarts. Dense, from 0.
    InstrumentId(u16)
}
number_id! {
    /// A strategy's number in its ledger: given once to a configured name and kept over restarts.
    StrategyId(u16)
}
number_id! {
    /// The venue's number for an order.
    VenueOrderId(i64)
}
number_id! {
    /// The venue's number for a trade, unique within a symbol.
    TradeId(i64)
}
number_id! {
    /// One cause and all that follows from it, from market event to fill, within an epoch: the
    /// count of the market event, or a name of its own ([`CorrelationId::own`]).
    CorrelationId(u64)
}

impl CorrelationId {
    const OWN: u64 = 1 << 63;

    /// A chain that no market event began, such as that of a timer: named after the order that it
    /// leads to.
    #[must_use]
    pub const fn own(order: OrderId) -> Self {
        Self(Self::OWN | (order.strategy.0 as u64) << 32 | order.number as u64)
    }

    /// Its name for people, the same in no two epochs: `1790000000-23154`, or with strategy and
    /// number of the order, `1790000000-2.7`.
    #[must_use]
    pub const fn within(self, epoch: u32) -> Chain {
        Chain { epoch, id: self }
    }
}

/// A [`CorrelationId`] with the epoch that it counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chain {
    epoch: u32,
    id: CorrelationId,
}

impl fmt::Display for Chain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.0;
        if id & CorrelationId::OWN == 0 {
            return write!(out, "{}-{id}", self.epoch);
        }
        let (strategy, number) = (id << 1 >> 33, id & u64::from(u32::MAX));
        write!(out, "{}-{strategy}.{number}", self.epoch)
    }
}

/// What an order is for. Its letter stands last in the client order id, so that even a stranger
/// to our journal (the guard process) can tell entries from what protects a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens or enlarges a position: letter `e`.
    Entry,
    /// Reduces a position: letter `x`.
    Exit,
    /// Rests to limit a loss and survives shutdown, halt and quarantine: letter `p`.
    Protective,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Entry, Self::Exit, Self::Protective];

    /// Stable lower-case name for files that others read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Exit => "exit",
            Self::Protective => "protective",
        }
    }

    /// The role's letter in a client order id.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Entry => 'e',
            Self::Exit => 'x',
            Self::Protective => 'p',
        }
    }

    const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'e' => Some(Self::Entry),
            b'x' => Some(Self::Exit),
            b'p' => Some(Self::Protective),
            _ => None,
        }
    }
}

/// Our own identity of an order, chosen by the strategy host before anything is sent and never
/// used again: the epoch differs at each start of the engine, the number within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OrderId {
    /// The boot that made the order: `max(last + 1, unix seconds)`.
    pub epoch: u32,
    /// The strategy's number in the ledger.
    pub strategy: StrategyId,
    /// Counts up from 1 for each strategy, from [`Self::ENGINES_FROM`] for the engine.
    pub number: u32,
}

impl OrderId {
    /// From here on a strategy's numbers are those of orders that the engine places for it:
    /// protection, and closing on an operator's word. The strategy counts below.
    pub const ENGINES_FROM: u32 = 1 << 31;

    /// Whether the engine placed it, not the strategy.
    #[must_use]
    pub const fn is_engines(self) -> bool {
        self.number >= Self::ENGINES_FROM
    }

    /// The id on the wire: `tw<instance>-<epoch>-<strategy>-<number><role>`, numbers in base 36.
    #[must_use]
    pub fn to_client_order_id(self, instance: InstanceId, role: Role) -> ClientOrderId {
        // 2+6+1+7+1+4+1+7+1 = 30 bytes at most, all ASCII.
        let mut text = InlineText { bytes: [0; 36], len: 0 };
        text.push(b"tw");
        text.push(instance.0.as_bytes());
        for number in [self.epoch, u32::from(self.strategy.0), self.number] {
            text.push(b"-");
            push_base36(number, &mut text);
        }
        text.push(role.letter().encode_utf8(&mut [0; 4]).as_bytes());
        ClientOrderId(text)
    }

    /// Reads an id that [`Self::to_client_order_id`] made, whichever instance it was.
    ///
    /// # Errors
    /// [`IdError::Foreign`] for an id that is not of this product.
    pub fn from_client_order_id(id: &ClientOrderId) -> Result<(InstanceId, Self, Role), IdError> {
        Self::split(id.as_str()).ok_or(IdError::Foreign)
    }

    fn split(text: &str) -> Option<(InstanceId, Self, Role)> {
        let mut parts = text.strip_prefix("tw")?.split('-');
        let instance = InstanceId::new(parts.next()?).ok()?;
        let epoch = from_base36(parts.next()?)?;
        let strategy = StrategyId(u16::try_from(from_base36(parts.next()?)?).ok()?);
        let tail = parts.next()?;
        let (digits, letter) = tail.split_at_checked(tail.len().checked_sub(1)?)?;
        let number = from_base36(digits)?;
        let role = Role::from_letter(*letter.as_bytes().first()?)?;
        (parts.next().is_none() && instance.as_str().len() == 6).then_some((
            instance,
            Self { epoch, strategy, number },
            role,
        ))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}-{}", self.epoch, self.strategy, self.number)
    }
}

fn push_base36<const N: usize>(number: u32, text: &mut InlineText<N>) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // The largest number has seven digits.
    let (mut digits, mut first, mut rest) = ([0; 7], 7, number);
    loop {
        first -= 1;
        digits[first] = DIGITS[(rest % 36) as usize];
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    text.push(&digits[first..]);
}

fn from_base36(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if plain { u32::from_str_radix(text, 36).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_order_ids_come_back() {
        #[track_caller]
        fn check(epoch: u32, strategy: u16, number: u32, role: Role) {
            let instance = InstanceId::new("4f9k2a").unwrap();
            let order = OrderId { epoch, strategy: StrategyId(strategy), number };
            let id = order.to_client_order_id(instance, role);
            assert_eq!(OrderId::from_client_order_id(&id), Ok((instance, order, role)), "{id}");
        }
        check(0, 0, 0, Role::Entry);
        check(1_790_000_000, 3, 12_345, Role::Exit);
        check(u32::MAX, u16::MAX, u32::MAX, Role::Protective);
    }

    #[test]
    fn foreign_client_order_ids_are_told_apart() {
        #[track_caller]
        fn check(text: &str) {
            let id = ClientOrderId::new(text).unwrap();
            assert_eq!(OrderId::from_client_order_id(&id), Err(IdError::Foreign), "{text}");
        }
        check("web_1234567");
        check("tw");
        check("tw4f9k2a-1-1");
        check("tw4f9k2a-1-1-e1");
        check("tw4f9k2a-1-1-1q");
        check("tw4f9k2a-1-1-1e-2");
        check("tw4f9k2-1-1-1e");
        check("tw4f9k2a-zzzzzzzz-1-1e");
        check("tw4f9k2a-1-1-é");
    }

    #[test]
    fn texts_that_are_no_identifiers() {
        #[track_caller]
        fn check(text: &str, error: IdError) {
            assert_eq!(Symbol::new(text), Err(error), "{text:?}");
        }
        check("", IdError::Empty);
        check("BTC USDT", IdError::BadCharacter);
        check("BTC\nUSDT", IdError::BadCharacter);
        check("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", IdError::TooLong { max: 31 });
        assert_eq!(Symbol::new("币安人生USDT").unwrap().as_str(), "币安人生USDT");
    }
}
