//! Request weights and order counts, in windows aligned to the venue's clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use crate::api::error::ApiError;

/// What the limits are. They are published in exchangeInfo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitsConfig {
    /// Request weight per address and minute.
    pub weight_per_minute: u32,
    /// Unfilled orders per account and 10 seconds.
    pub orders_per_10_secs: u32,
    /// Unfilled orders per account and UTC day.
    pub orders_per_day: u32,
    /// Requests per address and 5 minutes.
    pub raw_requests_per_5_mins: u32,
    /// Websockets that an address may open in 5 minutes. Not in exchangeInfo.
    pub connections_per_5_mins: u32,
    /// Requests refused with 429 within a window before the address is banned.
    pub refusals_before_ban: u32,
    /// Length of a ban.
    pub ban: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            orders_per_10_secs: 100,
            orders_per_day: 200_000,
            raw_requests_per_5_mins: 300_000,
            connections_per_5_mins: 300,
            refusals_before_ban: 200,
            ban: Duration::from_secs(120),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const TEN_SECONDS: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

/// A count that starts again at each multiple of its length.
#[derive(Clone, Copy, Debug)]
struct Window {
    length: Duration,
    opened_at: Timestamp,
    count: u32,
}

impl Window {
    const fn new(length: Duration) -> Self {
        Self { length, opened_at: Timestamp::EPOCH, count: 0 }
    }

    fn roll(&mut self, now: Timestamp) {
        let opened_at = now.floor_to(self.length);
        if opened_at != self.opened_at {
            *self = Self { length: self.length, opened_at, count: 0 };
        }
    }

    fn secs_left(&self, now: Timestamp) -> u64 {
        let left = self.opened_at.after(self.length).since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}

/// One line of exchangeInfo's or an answer's `rateLimits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct RateLimit {
    /// What is limited.
    #[serde(rename = "rateLimitType")]
    pub kind: &'static str,
    /// Unit of the window.
    pub interval: &'static str,
    /// So many units.
    #[serde(rename = "intervalNum")]
    pub interval_count: u32,
    /// Most per window.
    pub limit: u32,
    /// Used so far, in answers only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

#[derive(Debug)]
struct AddressUse {
    weight: Window,
    raw: Window,
    connections: Window,
    refusals: u32,
    banned_until: Option<Timestamp>,
}

/// Unfilled orders of an account.
#[derive(Clone, Copy, Debug)]
pub struct OrderCounts {
    short: Window,
    day: Window,
}

impl Default for OrderCounts {
    fn default() -> Self {
        Self { short: Window::new(TEN_SECONDS), day: Window::new(DAY) }
    }
}

impl OrderCounts {
    fn roll(&mut self, now: Timestamp) {
        self.short.roll(now);
        self.day.roll(now);
    }

    /// Counts so many new orders, if both windows have room.
    ///
    /// # Errors
    /// -1015 with 429.
    pub fn charge(
        &mut self,
        now: Timestamp,
        orders: u32,
        limits: &LimitsConfig,
    ) -> Result<(), ApiError> {
        self.roll(now);
        let (short, day) = (self.short.count + orders, self.day.count + orders);
        if day > limits.orders_per_day {
            let wait = self.day.secs_left(now);
            return Err(ApiError::too_many_orders(limits.orders_per_day, "1 DAY", wait));
        }
        if short > limits.orders_per_10_secs {
            let wait = self.short.secs_left(now);
            return Err(ApiError::too_many_orders(limits.orders_per_10_secs, "10 SECOND", wait));
        }
        (self.short.count, self.day.count) = (short, day);
        Ok(())
    }

    /// A fill gives room back: one as taker, more as maker; never below zero.
    pub fn release(&mut self, now: Timestamp, orders: u32) {
        self.roll(now);
        self.short.count = self.short.count.saturating_sub(orders);
        self.day.count = self.day.count.saturating_sub(orders);
    }

    /// Counts of the windows that `now` lies in: 10 seconds, day.
    #[must_use]
    pub fn counts(mut self, now: Timestamp) -> (u32, u32) {
        self.roll(now);
        (self.short.count, self.day.count)
    }

    /// As an answer's `rateLimits` lines.
    #[must_use]
    pub fn lines(self, now: Timestamp, limits: &LimitsConfig) -> [RateLimit; 2] {
        let (short, day) = self.counts(now);
        let [_, mut ten_seconds, mut daily, _] = published(limits);
        ten_seconds.count = Some(short);
        daily.count = Some(day);
        [ten_seconds, daily]
    }
}

/// All limits, as exchangeInfo publishes them.
#[must_use]
pub const fn published(limits: &LimitsConfig) -> [RateLimit; 4] {
    const fn line(
        kind: &'static str,
        interval: &'static str,
        interval_count: u32,
        limit: u32,
    ) -> RateLimit {
        RateLimit { kind, interval, interval_count, limit, count: None }
    }
    [
        line("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        line("ORDERS", "SECOND", 10, limits.orders_per_10_secs),
        line("ORDERS", "DAY", 1, limits.orders_per_day),
        line("RAW_REQUESTS", "MINUTE", 5, limits.raw_requests_per_5_mins),
    ]
}

/// Use of the limits by address.
#[derive(Debug, Default)]
pub struct AddressLimits {
    by_address: BTreeMap<IpAddr, AddressUse>,
}

impl AddressLimits {
    fn entry(&mut self, address: IpAddr, now: Timestamp) -> &mut AddressUse {
        let usage = self.by_address.entry(address).or_insert_with(|| AddressUse {
            weight: Window::new(MINUTE),
            raw: Window::new(FIVE_MINUTES),
            connections: Window::new(FIVE_MINUTES),
            refusals: 0,
            banned_until: None,
        });
        usage.weight.roll(now);
        usage.raw.roll(now);
        usage.connections.roll(now);
        usage
    }

    /// Charges a request's weight. What is refused counts, too: who goes over the limit is
    /// refused everything until the window ends.
    ///
    /// # Errors
    /// -1003 with 429, and with 418 after too many refusals that were not obeyed.
    pub fn charge(
        &mut self,
        address: IpAddr,
        now: Timestamp,
        weight: u32,
        limits: &LimitsConfig,
    ) -> Result<(), ApiError> {
        let usage = self.entry(address, now);
        if let Some(until) = usage.banned_until {
            if now < until {
                let wait = until.since(now).as_secs() + 1;
                return Err(ApiError::banned(until.as_millis(), wait));
            }
            usage.banned_until = None;
            usage.refusals = 0;
        }
        // A new minute forgives, unless the five minutes of requests are still used up.
        if usage.weight.count == 0 && usage.raw.count <= limits.raw_requests_per_5_mins {
            usage.refusals = 0;
        }
        usage.raw.count = usage.raw.count.saturating_add(1);
        usage.weight.count = usage.weight.count.saturating_add(weight);
        let is_over_raw = usage.raw.count > limits.raw_requests_per_5_mins;
        if usage.weight.count <= limits.weight_per_minute && !is_over_raw {
            return Ok(());
        }
        usage.refusals += 1;
        if usage.refusals > limits.refusals_before_ban {
            let until = now.after(limits.ban);
            usage.banned_until = Some(until);
            return Err(ApiError::banned(until.as_millis(), limits.ban.as_secs()));
        }
        if is_over_raw {
            let wait = usage.raw.secs_left(now);
            return Err(ApiError::too_many_requests(limits.raw_requests_per_5_mins, wait));
        }
        let wait = usage.weight.secs_left(now);
        Err(ApiError::too_much_weight(limits.weight_per_minute, "1 MINUTE", wait))
    }

    /// Counts an attempt to open a websocket, or refuses it.
    ///
    /// # Errors
    /// -1003 with 429, and with 418 while the address is banned.
    pub fn connect(
        &mut self,
        address: IpAddr,
        now: Timestamp,
        limits: &LimitsConfig,
    ) -> Result<(), ApiError> {
        let usage = self.entry(address, now);
        if let Some(until) = usage.banned_until.filter(|until| now < *until) {
            return Err(ApiError::banned(until.as_millis(), until.since(now).as_secs() + 1));
        }
        usage.connections.count += 1;
        if usage.connections.count <= limits.connections_per_5_mins {
            return Ok(());
        }
        let wait = usage.connections.secs_left(now);
        Err(ApiError::too_many_connections(limits.connections_per_5_mins, wait))
    }

    /// Takes weight back: what a successful order call cost.
    pub fn refund(&mut self, address: IpAddr, now: Timestamp, weight: u32) {
        let usage = self.entry(address, now);
        usage.weight.count = usage.weight.count.saturating_sub(weight);
    }

    /// Uses up the address's weight for the rest of the window: a fault for tests of clients.
    pub fn exhaust(&mut self, now: Timestamp, limits: &LimitsConfig) {
        let addresses: Vec<IpAddr> = self.by_address.keys().copied().collect();
        for address in addresses {
            self.entry(address, now).weight.count = limits.weight_per_minute;
        }
    }

    /// Weight used in the current minute.
    pub fn used_weight(&mut self, address: IpAddr, now: Timestamp) -> u32 {
        self.entry(address, now).weight.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn weight_is_counted_by_aligned_minutes_and_refused_past_the_limit() {
        let config = LimitsConfig { refusals_before_ban: 2, ..LimitsConfig::default() };
        let mut limits = AddressLimits::default();
        let at = Timestamp::from_secs(59);
        assert_eq!(limits.charge(HERE, at, 6_000, &config), Ok(()));
        let refusal = limits.charge(HERE, at, 1, &config).unwrap_err();
        assert_eq!((refusal.status, refusal.code, refusal.retry_after_secs), (429, -1003, Some(1)));
        assert_eq!(limits.used_weight(HERE, at), 6_001);
        let next_minute = Timestamp::from_secs(60);
        assert_eq!(limits.charge(HERE, next_minute, 6_000, &config), Ok(()));
        assert_eq!(limits.charge(HERE, next_minute, 1, &config).unwrap_err().status, 429);
        assert_eq!(limits.charge(HERE, next_minute, 1, &config).unwrap_err().status, 429);
        let ban = limits.charge(HERE, next_minute, 1, &config).unwrap_err();
        assert_eq!((ban.status, ban.retry_after_secs), (418, Some(120)));
        let after = next_minute.after(config.ban).after(Duration::from_secs(1));
        assert_eq!(limits.charge(HERE, after, 1, &config), Ok(()));
    }

    #[test]
    fn after_a_refusal_even_what_would_have_fitted_is_refused_until_the_window_ends() {
        let config = LimitsConfig::default();
        let mut limits = AddressLimits::default();
        let at = Timestamp::from_secs(30);
        assert_eq!(limits.charge(HERE, at, 5_900, &config), Ok(()));
        assert_eq!(limits.charge(HERE, at, 250, &config).unwrap_err().status, 429);
        assert_eq!(limits.used_weight(HERE, at), 6_150);
        let refusal = limits.charge(HERE, at, 1, &config).unwrap_err();
        assert_eq!((refusal.status, refusal.retry_after_secs), (429, Some(30)));
        assert_eq!(limits.charge(HERE, Timestamp::from_secs(60), 1, &config), Ok(()));
        assert_eq!(limits.used_weight(HERE, Timestamp::from_secs(60)), 1);
    }

    #[test]
    fn requests_are_counted_whatever_they_weigh() {
        let config = LimitsConfig { raw_requests_per_5_mins: 2, ..LimitsConfig::default() };
        let mut limits = AddressLimits::default();
        let at = Timestamp::from_secs(290);
        assert_eq!(limits.charge(HERE, at, 1, &config), Ok(()));
        assert_eq!(limits.charge(HERE, at, 1, &config), Ok(()));
        let refusal = limits.charge(HERE, at, 1, &config).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.code, refusal.retry_after_secs),
            (429, -1003, Some(10))
        );
        assert!(refusal.msg.contains("2 requests per 5 MINUTE"), "{}", refusal.msg);
    }

    #[test]
    fn whoever_goes_on_asking_for_five_minutes_is_banned_whatever_the_minutes() {
        let config = LimitsConfig {
            raw_requests_per_5_mins: 2,
            refusals_before_ban: 3,
            ..LimitsConfig::default()
        };
        let mut limits = AddressLimits::default();
        let mut at = |secs| limits.charge(HERE, Timestamp::from_secs(secs), 1, &config);
        let statuses =
            [10, 11, 12, 70, 130, 190].map(|secs| at(secs).map_err(|error| error.status));
        assert_eq!(statuses, [Ok(()), Ok(()), Err(429), Err(429), Err(429), Err(418)]);
        // The ban is over, and so are the five minutes.
        assert_eq!(at(400), Ok(()));
    }

    #[test]
    fn order_counts_have_two_windows_and_fills_give_room_back() {
        let config = LimitsConfig { orders_per_10_secs: 2, ..LimitsConfig::default() };
        let mut counts = OrderCounts::default();
        let at = Timestamp::from_secs(7);
        assert_eq!(counts.charge(at, 2, &config), Ok(()));
        let refusal = counts.charge(at, 1, &config).unwrap_err();
        assert_eq!((refusal.status, refusal.code, refusal.retry_after_secs), (429, -1015, Some(3)));
        assert!(refusal.msg.contains("2 orders per 10 SECOND"));
        counts.release(at, 1);
        assert_eq!(counts.charge(at, 1, &config), Ok(()));
        assert_eq!(counts.counts(Timestamp::from_secs(10)), (0, 2));
    }
}
