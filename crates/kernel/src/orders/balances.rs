//! What the account should hold, and whether it does.
//!
//! Every fill and every flow that is booked moves what is expected. Each look of the reconcile
//! brings the account's own figures, and by its end the trades that were missed are booked. A
//! difference then may still be a fill on its way: looks follow each other closely until it is gone
//! or has stayed. One that stays is told, once; what it means is the gate's business.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Amount, Asset, Fill, Instruments, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ledger::balance_changes;
use crate::venue::Balance;

/// The same difference at so many looks in a row is one.
const SAME_LOOKS: u8 = 4;
/// So is one that changes, but was never gone at as many looks and for so long: orders are filled
/// all the time then.
const NEVER_GONE: Duration = Duration::from_secs(60);
/// Looks after which the pause between them grows no more.
const DOUBLINGS_MAX: u32 = 5;

/// An asset of which the account does not hold what was booked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unexplained {
    /// Which.
    pub asset: Asset,
    /// What was booked.
    pub ledger: Amount,
    /// What the account holds, free and locked together.
    pub account: Amount,
}

#[derive(Debug)]
struct Doubt {
    delta: Amount,
    same_looks: u8,
    looks: u8,
    since: Timestamp,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Balances {
    expected: BTreeMap<Asset, Amount>,
    /// The venue's time of the newest booking.
    newest_at: Timestamp,
    /// What the account held at the look under way, of what it should not.
    read: BTreeMap<Asset, Amount>,
    /// The venue's time of that.
    read_at: Timestamp,
    /// Since when only figures are read that are older than what was booked.
    stale_since: Option<Timestamp>,
    is_stale: bool,
    doubts: BTreeMap<Asset, Doubt>,
    /// What was told and still is so: the difference.
    told: BTreeMap<Asset, Amount>,
    looks: u32,
}

impl Balances {
    /// What was booked before this start, the newest of it at an instant of the venue's time.
    pub const fn new(expected: BTreeMap<Asset, Amount>, newest_at: Timestamp) -> Self {
        Self {
            expected,
            newest_at,
            read: BTreeMap::new(),
            read_at: Timestamp::EPOCH,
            stale_since: None,
            is_stale: false,
            doubts: BTreeMap::new(),
            told: BTreeMap::new(),
            looks: 0,
        }
    }

    /// A fill was booked.
    pub fn book(&mut self, fill: &Fill, base: Asset, quote: Asset) {
        // One that leaves the range of amounts the ledger refuses, loudly.
        let Ok(changes) = balance_changes(fill, base, quote) else { return };
        for (asset, delta) in changes {
            self.add(asset, delta, fill.event_at);
        }
        self.newest_at = self.newest_at.max(fill.event_at);
    }

    /// A deposit or withdrawal was booked.
    pub fn flow(&mut self, asset: Asset, delta: Amount, at: Timestamp) {
        self.add(asset, delta, at);
        self.newest_at = self.newest_at.max(at);
    }

    /// What happens after the account was read moves what it is held against as well: else every
    /// fill of a busy strategy would be a difference.
    fn add(&mut self, asset: Asset, delta: Amount, at: Timestamp) {
        let after_reading = self.read.get_mut(&asset).filter(|_| at > self.read_at);
        for amount in [Some(self.expected.entry(asset).or_default()), after_reading] {
            let Some(amount) = amount else { continue };
            if let Ok(sum) = amount.checked_add(delta) {
                *amount = sum;
            }
        }
    }

    /// What was missed while nobody was connected is about to be booked: doubts begin anew.
    pub fn begin_anew(&mut self) {
        self.doubts.clear();
        (self.stale_since, self.looks) = (None, 0);
    }

    /// The account was read: all of it. Of assets that no instrument has nobody can tell what they
    /// should be.
    pub fn on_read(&mut self, balances: &[Balance], instruments: &Instruments, at: Timestamp) {
        self.is_stale = at < self.newest_at;
        self.read_at = at;
        self.read.clear();
        for asset in instruments.iter().flat_map(|known| [known.base, known.quote]) {
            let held = balances.iter().find(|balance| balance.asset == asset);
            let held = held.map_or(Amount::ZERO, |balance| balance.free + balance.locked);
            if held != self.expected(asset) {
                self.read.insert(asset, held);
            }
        }
    }

    /// What was booked of an asset.
    pub fn expected(&self, asset: Asset) -> Amount {
        self.expected.get(&asset).copied().unwrap_or_default()
    }

    /// A look is over: what was missed is booked. Gives what has stayed for long enough.
    pub fn end_look(&mut self, now: Timestamp) -> Vec<Unexplained> {
        let read = std::mem::take(&mut self.read);
        let differing: BTreeMap<Asset, Amount> =
            read.into_iter().filter(|(asset, held)| *held != self.expected(*asset)).collect();
        if differing.is_empty() {
            self.doubts.clear();
            self.told.clear();
            (self.stale_since, self.looks) = (None, 0);
            return Vec::new();
        }
        self.looks += 1;
        if self.is_stale {
            let since = *self.stale_since.get_or_insert(now);
            if now < since.after(NEVER_GONE) {
                return Vec::new();
            }
        }
        self.stale_since = None;
        self.doubts.retain(|asset, _| differing.contains_key(asset));
        self.told.retain(|asset, _| differing.contains_key(asset));
        let (expected, doubts, told) = (&self.expected, &mut self.doubts, &mut self.told);
        let judged = differing.into_iter().filter_map(|(asset, account)| {
            let ledger = expected.get(&asset).copied().unwrap_or_default();
            let delta = account - ledger;
            let fresh = || Doubt { delta, same_looks: 0, looks: 0, since: now };
            let doubt = doubts.entry(asset).or_insert_with(fresh);
            if doubt.delta != delta {
                if doubt.delta.is_negative() != delta.is_negative() {
                    (doubt.since, doubt.looks) = (now, 0);
                }
                (doubt.delta, doubt.same_looks) = (delta, 0);
            }
            doubt.same_looks = doubt.same_looks.saturating_add(1);
            doubt.looks = doubt.looks.saturating_add(1);
            let is_never_gone = doubt.looks >= SAME_LOOKS && doubt.since.after(NEVER_GONE) <= now;
            let stays = doubt.same_looks >= SAME_LOOKS || is_never_gone;
            let is_news = stays && told.insert(asset, delta) != Some(delta);
            is_news.then_some(Unexplained { asset, ledger, account })
        });
        judged.collect()
    }

    /// How soon to look again; `None` when nothing is in doubt, or all of it was told.
    pub fn pause(&self, spacing: Duration) -> Option<Duration> {
        let is_told = |(asset, doubt): (&Asset, &Doubt)| self.told.get(asset) == Some(&doubt.delta);
        let is_open = self.stale_since.is_some() || !self.doubts.iter().all(is_told);
        is_open.then(|| spacing * 2_u32.pow(self.looks.saturating_sub(1).min(DOUBLINGS_MAX)))
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Contract, FillKey, Filters, Instrument, InstrumentId, InstrumentStatus, Liquidity, Side,
        TradeId, VenueOrderId,
    };

    use super::*;

    fn asset(name: &str) -> Asset {
        name.parse().unwrap()
    }

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    fn instruments() -> Instruments {
        let mut instruments = Instruments::new();
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "sim:1".parse().unwrap(),
            symbol: "BTCUSDT".parse().unwrap(),
            base: asset("BTC"),
            quote: asset("USDT"),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
        instruments
    }

    /// Buys one BTC for 100 USDT.
    fn fill(at: i64) -> Fill {
        let key = FillKey {
            instrument: InstrumentId(0),
            trade: TradeId(at),
            venue_order: VenueOrderId(1),
        };
        Fill {
            key,
            side: Side::Buy,
            price: "100".parse().unwrap(),
            quantity: "1".parse().unwrap(),
            fee: Amount::ZERO,
            fee_asset: asset("USDT"),
            liquidity: Liquidity::Taker,
            event_at: Timestamp::from_secs(at),
        }
    }

    /// What happens, by the second.
    enum On {
        /// A buy is booked.
        Buy(i64),
        /// The account is read and the look ends: BTC, USDT, as of, and what is told by then.
        Look(i64, &'static str, &'static str, i64, &'static [&'static str]),
        /// A buy is booked between reading and the look's end.
        LookWithBuy(i64, &'static str, &'static str),
    }

    #[track_caller]
    fn check(name: &str, steps: &[On]) -> Balances {
        let opening = [(asset("BTC"), amount("2")), (asset("USDT"), amount("1000"))];
        let mut balances = Balances::new(opening.into(), Timestamp::EPOCH);
        let instruments = instruments();
        for (number, step) in steps.iter().enumerate() {
            let read = |balances: &mut Balances, btc: &str, usdt: &str, as_of| {
                let held = [("BTC", btc), ("USDT", usdt), ("DOGE", "7")].map(|(name, total)| {
                    let free = amount(total);
                    Balance { asset: asset(name), free, locked: Amount::ZERO }
                });
                balances.on_read(&held, &instruments, Timestamp::from_secs(as_of));
            };
            match step {
                On::Buy(at) => balances.book(&fill(*at), asset("BTC"), asset("USDT")),
                On::Look(at, btc, usdt, as_of, expected) => {
                    read(&mut balances, btc, usdt, *as_of);
                    let told = balances.end_look(Timestamp::from_secs(*at));
                    let told: Vec<String> = told
                        .iter()
                        .map(|it| format!("{} {}", it.asset, it.account - it.ledger))
                        .collect();
                    assert_eq!(told, *expected, "{name}: step {number}");
                }
                On::LookWithBuy(at, btc, usdt) => {
                    read(&mut balances, btc, usdt, *at);
                    balances.book(&fill(*at), asset("BTC"), asset("USDT"));
                    assert_eq!(balances.end_look(Timestamp::from_secs(*at)), [], "{name}");
                }
            }
        }
        balances
    }

    #[test]
    fn a_difference_that_stays_is_told_once() {
        use On::{Buy, Look, LookWithBuy};
        let agreed = check("all agrees", &[Look(0, "2", "1000", 0, &[]), Buy(1)]);
        assert_eq!(agreed.pause(Duration::from_secs(2)), None);
        check(
            "taken out",
            &[
                Look(0, "2", "900", 0, &[]),
                Look(2, "2", "900", 0, &[]),
                Look(6, "2", "900", 0, &[]),
                Look(14, "2", "900", 0, &["USDT -100"]),
                Look(60, "2", "900", 0, &[]),
                Look(120, "2", "1000", 0, &[]),
                Look(180, "2", "900", 0, &[]),
            ],
        );
        check("a fill that comes after the read", &[LookWithBuy(1, "3", "900")]);
        check(
            "fills on their way",
            &[
                Look(0, "3", "900", 0, &[]),
                Buy(0),
                Look(2, "4", "800", 2, &[]),
                Buy(2),
                Look(6, "4", "800", 2, &[]),
                Look(60, "5", "700", 60, &[]),
                Buy(60),
                Look(61, "5", "700", 60, &[]),
            ],
        );
        check(
            "a fill on its way at each of two looks with a long pause between",
            &[Look(0, "3", "900", 0, &[]), Buy(0), Look(61, "4", "800", 61, &[])],
        );
        check(
            "taken out while orders fill all the time",
            &[
                Look(0, "2", "990", 0, &[]),
                Look(2, "3", "890", 2, &[]),
                Buy(3),
                Look(6, "4", "790", 6, &[]),
                Buy(7),
                Look(30, "5", "690", 30, &[]),
                Buy(31),
                Look(61, "5", "690", 61, &["USDT -10"]),
            ],
        );
        check(
            "figures that lag behind what was booked",
            &[
                Buy(10),
                Look(11, "2", "1000", 9, &[]),
                Look(13, "2", "1000", 9, &[]),
                Look(17, "2", "1000", 9, &[]),
                Look(25, "2", "1000", 9, &[]),
                Look(41, "3", "900", 10, &[]),
            ],
        );
    }

    #[test]
    fn what_is_booked_after_the_account_was_read_is_no_difference() {
        let opening = [(asset("BTC"), amount("2")), (asset("USDT"), amount("1000"))];
        let mut balances = Balances::new(opening.into(), Timestamp::EPOCH);
        // A fill on its way when the account is read; it is booked, and another one after it.
        let held = [("BTC", "3"), ("USDT", "900")].map(|(name, free)| {
            let (asset, free) = (asset(name), amount(free));
            Balance { asset, free, locked: Amount::ZERO }
        });
        balances.on_read(&held, &instruments(), Timestamp::from_secs(5));
        balances.book(&fill(5), asset("BTC"), asset("USDT"));
        balances.book(&fill(6), asset("BTC"), asset("USDT"));
        assert_eq!(balances.end_look(Timestamp::from_secs(7)), []);
        assert_eq!(balances.pause(Duration::from_secs(2)), None, "nothing is in doubt");
    }

    #[test]
    fn looks_follow_each_other_closely_until_it_is_told() {
        let spacing = Duration::from_secs(2);
        let mut steps = Vec::new();
        let mut pauses = Vec::new();
        for (at, told) in [(0, &[][..]), (2, &[]), (6, &[]), (14, &["BTC 1"])] {
            steps.push(On::Look(at, "3", "1000", 0, told));
            pauses.push(check("surplus", &steps).pause(spacing).map(|pause| pause.as_secs()));
        }
        assert_eq!(pauses, [Some(2), Some(4), Some(8), None]);
    }

    /// What was booked before a restart is behind it as well.
    #[test]
    fn figures_that_lag_behind_the_last_run_are_known_to() {
        let opening = [(asset("BTC"), amount("3")), (asset("USDT"), amount("900"))];
        let mut balances = Balances::new(opening.into(), Timestamp::from_secs(10));
        let mut look = |at: i64, btc: &str, usdt: &str, as_of: i64| {
            let held = [("BTC", btc), ("USDT", usdt)].map(|(name, total)| {
                let free = amount(total);
                Balance { asset: asset(name), free, locked: Amount::ZERO }
            });
            balances.on_read(&held, &instruments(), Timestamp::from_secs(as_of));
            balances.end_look(Timestamp::from_secs(at)).len()
        };
        for at in [11, 13, 17, 25, 41, 60] {
            assert_eq!(look(at, "2", "1000", 9), 0, "at {at}");
        }
        assert_eq!(look(61, "3", "900", 10), 0);
        // The same figures of now are a difference.
        let told: Vec<usize> = [62, 64, 68, 76].map(|at| look(at, "2", "1000", at)).to_vec();
        assert_eq!(told, [0, 0, 0, 2]);
    }
}
