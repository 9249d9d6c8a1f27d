//! The venue's rate limits, kept from our side so that they are never met from its side.
//!
//! Windows are aligned to the venue's clock (a ten-second window begins at :00, :10, …), so all
//! instants here are venue time. What the venue reports as used outranks our own count: other
//! programs share the address and the account. A part of every window is kept back for what
//! matters more: background reads leave room for orders, orders and reads leave room for cancels.

use std::time::Duration;

use model::Timestamp;

use crate::decode::RateLimit;
use crate::{RateLimitInterval, RateLimitType};

/// How much a request matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// History, fees, and what else can wait.
    Background,
    /// New orders, and questions whose answers they wait for.
    Trading,
    /// Taking risk away: cancels.
    Cancel,
}

impl Priority {
    /// The share of a window that requests of this priority may fill, in percent.
    const fn share_percent(self) -> u64 {
        match self {
            Self::Background => 50,
            Self::Trading => 90,
            Self::Cancel => 100,
        }
    }
}

/// A rest that grows by as much is told again.
const LONGER_BY: Duration = Duration::from_secs(5);

/// Whether a request may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Permit {
    /// It may, and is counted.
    Allowed,
    /// Not before this instant of the venue's clock. It is not counted.
    WaitUntil(Timestamp),
}

/// One limit and what is used of its present window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    kind: RateLimitType,
    length: Duration,
    limit: u32,
    started_at: Timestamp,
    used: u32,
}

impl Window {
    /// Begins a new window when the present one is over.
    fn roll(&mut self, now: Timestamp) {
        let start = now.floor_to(self.length);
        if start > self.started_at {
            self.started_at = start;
            self.used = 0;
        }
    }

    fn ends_at(&self) -> Timestamp {
        self.started_at.after(self.length)
    }

    /// What the window may hold for a priority: at least one request, so that a small limit does
    /// not lock anybody out for good.
    fn room(&self, priority: Priority) -> u64 {
        (u64::from(self.limit) * priority.share_percent() / 100).max(1)
    }

    fn has_room(&self, cost: u32, priority: Priority) -> bool {
        // A request larger than its share goes into an empty window.
        self.used == 0 || u64::from(self.used) + u64::from(cost) <= self.room(priority)
    }
}

/// The limits in force and what is used of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    windows: Vec<Window>,
    blocked_until: Timestamp,
    orders_blocked_until: Timestamp,
}

impl Default for Limits {
    /// The venue's documented limits, until exchangeInfo tells the real ones.
    fn default() -> Self {
        let window = |kind, secs, limit| Window {
            kind,
            length: Duration::from_secs(secs),
            limit,
            started_at: Timestamp::EPOCH,
            used: 0,
        };
        Self {
            windows: vec![
                window(RateLimitType::RequestWeight, 60, 6_000),
                window(RateLimitType::Orders, 10, 50),
                window(RateLimitType::Orders, 86_400, 160_000),
                window(RateLimitType::RawRequests, 300, 61_000),
            ],
            blocked_until: Timestamp::EPOCH,
            orders_blocked_until: Timestamp::EPOCH,
        }
    }
}

impl Limits {
    /// Asks for a request of some weight. `orders` is how many orders it places.
    pub fn request(
        &mut self,
        now: Timestamp,
        weight: u32,
        orders: u32,
        priority: Priority,
    ) -> Permit {
        let mut wait_until = self.blocked_until;
        if orders > 0 {
            wait_until = wait_until.max(self.orders_blocked_until);
        }
        for window in &mut self.windows {
            window.roll(now);
            let cost = cost(window.kind, weight, orders);
            if cost > 0 && !window.has_room(cost, priority) {
                wait_until = wait_until.max(window.ends_at());
            }
        }
        if wait_until > now {
            return Permit::WaitUntil(wait_until);
        }
        for window in &mut self.windows {
            window.used = window.used.saturating_add(cost(window.kind, weight, orders));
        }
        Permit::Allowed
    }

    /// Takes what the venue says of a limit: in exchangeInfo, or in an answer of its WebSocket
    /// API with what is used. A limit that this build does not know is passed over.
    pub fn observe(&mut self, now: Timestamp, limit: &RateLimit) {
        let known = match limit.rate_limit_type {
            RateLimitType::RequestWeight | RateLimitType::Orders | RateLimitType::RawRequests => {
                true
            }
            RateLimitType::Connections | RateLimitType::Unknown => false,
        };
        let Some(length) = length(limit.interval, limit.interval_num).filter(|_| known) else {
            return;
        };
        let window = self.window(limit.rate_limit_type, length);
        window.limit = limit.limit.max(1);
        window.roll(now);
        if let Some(count) = limit.count {
            window.used = count;
        }
    }

    /// Replaces the documented limits by those of exchangeInfo.
    pub fn replace(&mut self, now: Timestamp, limits: &[RateLimit]) {
        let named = |window: &Window| {
            limits.iter().any(|limit| {
                limit.rate_limit_type == window.kind
                    && length(limit.interval, limit.interval_num) == Some(window.length)
            })
        };
        self.windows.retain(named);
        for limit in limits {
            self.observe(now, limit);
        }
    }

    fn window(&mut self, kind: RateLimitType, length: Duration) -> &mut Window {
        let found = self.windows.iter().position(|w| w.kind == kind && w.length == length);
        let index = found.unwrap_or_else(|| {
            let started_at = Timestamp::EPOCH;
            self.windows.push(Window { kind, length, limit: u32::MAX, started_at, used: 0 });
            self.windows.len() - 1
        });
        &mut self.windows[index]
    }

    /// Takes one header of a REST answer, its name in lower case: `x-mbx-used-weight-1m`,
    /// `x-mbx-order-count-10s`. Others are passed over.
    pub fn observe_header(&mut self, now: Timestamp, name: &str, value: &str) {
        let (kind, window) = if let Some(window) = name.strip_prefix("x-mbx-used-weight-") {
            (RateLimitType::RequestWeight, window)
        } else if let Some(window) = name.strip_prefix("x-mbx-order-count-") {
            (RateLimitType::Orders, window)
        } else {
            return;
        };
        let (Some(length), Ok(used)) = (header_length(window), value.trim().parse()) else {
            return;
        };
        let found = self.windows.iter_mut().find(|w| w.kind == kind && w.length == length);
        if let Some(window) = found {
            window.roll(now);
            window.used = used;
        }
    }

    /// The venue said 429 or 418: nothing goes out until it wants to hear from us again. Without
    /// a time it is the end of the longest window that may be exceeded, one minute. Gives until
    /// when, if that is news: requests that were on their way are refused one by one.
    pub fn back_off(&mut self, now: Timestamp, until: Option<Timestamp>) -> Option<Timestamp> {
        let until = until.unwrap_or_else(|| now.after(Duration::from_secs(60)));
        let was_blocked_until = self.blocked_until;
        self.blocked_until = was_blocked_until.max(until);
        let is_news = was_blocked_until <= now || until >= was_blocked_until.after(LONGER_BY);
        (is_news && until > now).then_some(until)
    }

    /// Until when nothing goes out, if so.
    #[must_use]
    pub fn blocked_until(&self, now: Timestamp) -> Option<Timestamp> {
        (self.blocked_until > now).then_some(self.blocked_until)
    }

    /// The venue said -1015: no new orders until the shortest window of theirs is over.
    pub fn back_off_orders(&mut self, now: Timestamp) {
        let orders = self.windows.iter().filter(|window| window.kind == RateLimitType::Orders);
        let length = orders.map(|window| window.length).min().unwrap_or(Duration::from_secs(10));
        let until = now.floor_to(length).after(length);
        self.orders_blocked_until = self.orders_blocked_until.max(until);
    }

    /// Used and limit of the request weight in the present minute, for the monitor.
    #[must_use]
    pub fn weight_used(&self) -> Option<(u32, u32)> {
        let is_weight = |window: &&Window| window.kind == RateLimitType::RequestWeight;
        self.windows.iter().find(is_weight).map(|window| (window.used, window.limit))
    }
}

/// What a request costs of a limit.
const fn cost(kind: RateLimitType, weight: u32, orders: u32) -> u32 {
    match kind {
        RateLimitType::RequestWeight => weight,
        RateLimitType::Orders => orders,
        RateLimitType::RawRequests => 1,
        RateLimitType::Connections | RateLimitType::Unknown => 0,
    }
}

fn length(interval: RateLimitInterval, count: u32) -> Option<Duration> {
    let secs = match interval {
        RateLimitInterval::Second => 1,
        RateLimitInterval::Minute => 60,
        RateLimitInterval::Hour => 3_600,
        RateLimitInterval::Day => 86_400,
        RateLimitInterval::Unknown => return None,
    };
    (count > 0).then(|| Duration::from_secs(secs * u64::from(count)))
}

/// `1m`, `10s`, `1d`.
fn header_length(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let interval = match unit {
        "s" => RateLimitInterval::Second,
        "m" => RateLimitInterval::Minute,
        "h" => RateLimitInterval::Hour,
        "d" => RateLimitInterval::Day,
        _ => return None,
    };
    length(interval, count.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 - 1_700_000_000 % 86_400 + secs)
    }

    fn limit(
        rate_limit_type: RateLimitType,
        interval: RateLimitInterval,
        interval_num: u32,
        limit: u32,
        count: Option<u32>,
    ) -> RateLimit {
        RateLimit { rate_limit_type, interval, interval_num, limit, count }
    }

    #[test]
    fn each_priority_leaves_room_for_the_next() {
        #[track_caller]
        fn check(used: u32, weight: u32, expected: [bool; 3]) {
            let goes = |priority| {
                let mut limits = Limits::default();
                limits.observe_header(at(5), "x-mbx-used-weight-1m", &used.to_string());
                limits.request(at(5), weight, 0, priority) == Permit::Allowed
            };
            let seen = [Priority::Background, Priority::Trading, Priority::Cancel].map(goes);
            assert_eq!(seen, expected, "{used} used, {weight} more");
        }
        check(0, 250, [true; 3]);
        check(2_750, 250, [true; 3]);
        check(2_751, 250, [false, true, true]);
        check(5_399, 1, [false, true, true]);
        check(5_400, 1, [false, false, true]);
        check(5_999, 1, [false, false, true]);
        check(6_000, 1, [false; 3]);
        check(0, 9_000, [true; 3]);
    }

    #[test]
    fn windows_follow_the_venues_clock() {
        let mut limits = Limits::default();
        limits.replace(
            at(0),
            &[limit(RateLimitType::Orders, RateLimitInterval::Second, 10, 10, None)],
        );
        for _ in 0..9 {
            assert_eq!(limits.request(at(7), 1, 1, Priority::Trading), Permit::Allowed);
        }
        let wait = limits.request(at(8), 1, 1, Priority::Trading);
        assert_eq!(wait, Permit::WaitUntil(at(10)));
        // Cancels place no order, and a new window is empty.
        assert_eq!(limits.request(at(8), 1, 0, Priority::Cancel), Permit::Allowed);
        assert_eq!(limits.request(at(10), 1, 1, Priority::Trading), Permit::Allowed);
    }

    #[test]
    fn what_the_venue_says_outranks_our_count() {
        let mut limits = Limits::default();
        for _ in 0..100 {
            assert_eq!(limits.request(at(1), 20, 0, Priority::Background), Permit::Allowed);
        }
        limits.observe_header(at(2), "x-mbx-used-weight-1m", "7");
        assert_eq!(limits.weight_used(), Some((7, 6_000)));
        let told = RateLimitType::RequestWeight;
        limits.observe(at(3), &limit(told, RateLimitInterval::Minute, 1, 1_200, Some(1_190)));
        assert_eq!(limits.weight_used(), Some((1_190, 1_200)));
        let wait = limits.request(at(3), 4, 0, Priority::Trading);
        assert_eq!(wait, Permit::WaitUntil(at(60)));
    }

    #[test]
    fn a_refusal_stops_everything_until_its_time() {
        let mut limits = Limits::default();
        assert_eq!(limits.back_off(at(5), Some(at(65))), Some(at(65)));
        assert_eq!(limits.back_off(at(6), Some(at(66))), None, "of the same rest");
        assert_eq!(limits.blocked_until(at(65)), Some(at(66)));
        assert_eq!(limits.blocked_until(at(66)), None);
        for priority in [Priority::Background, Priority::Trading, Priority::Cancel] {
            assert_eq!(limits.request(at(6), 1, 0, priority), Permit::WaitUntil(at(66)));
            assert_eq!(limits.request(at(66), 1, 0, priority), Permit::Allowed);
        }
        assert_eq!(limits.back_off(at(70), None), Some(at(130)));
        let wait = limits.request(at(71), 1, 0, Priority::Cancel);
        assert_eq!(wait, Permit::WaitUntil(at(130)));
    }

    #[test]
    fn too_many_orders_stop_only_orders() {
        let mut limits = Limits::default();
        limits.back_off_orders(at(13));
        let wait = limits.request(at(14), 1, 1, Priority::Trading);
        assert_eq!(wait, Permit::WaitUntil(at(20)));
        assert_eq!(limits.request(at(14), 1, 0, Priority::Cancel), Permit::Allowed);
        assert_eq!(limits.request(at(20), 1, 1, Priority::Trading), Permit::Allowed);
    }

    #[test]
    fn odd_limits_and_headers_are_passed_over() {
        let mut limits = Limits::default();
        let before = limits.clone();
        for (name, value) in [
            ("x-mbx-used-weight-1m", "many"),
            ("x-mbx-used-weight-", "5"),
            ("x-mbx-used-weight-é", "5"),
            ("x-mbx-used-weight-0m", "5"),
            ("x-mbx-used-weight-3y", "5"),
            ("x-mbx-used-weight", "5"),
            ("date", "5"),
        ] {
            limits.observe_header(at(1), name, value);
        }
        let odd = limit(RateLimitType::Unknown, RateLimitInterval::Day, 1, 1, Some(1));
        limits.observe(at(1), &odd);
        let odd = limit(RateLimitType::Orders, RateLimitInterval::Unknown, 1, 1, Some(1));
        limits.observe(at(1), &odd);
        assert_eq!(limits, before);
    }
}
