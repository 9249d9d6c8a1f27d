//! Klines of the time before the flow: years of them, so that charts, tickers and whoever pages
//! back find what they find at a venue. They are made from the seed when somebody first asks,
//! newest first, in front of the flow's first price; nothing of them is known to the market.
//!
//! The nearer, the finer: minutes for a week, then quarters of an hour, hours and days. Whatever
//! is longer is the sum of what it is made of. Each length is made when it is asked for, with the
//! finer ones that lie nearer.

use std::cell::OnceCell;
use std::time::Duration;

use model::{Interval, Price, Quantity, Timestamp, TradeId};
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

use super::kline::{Kline, rolled_up};
use super::tape::QuoteVolume;
use crate::flow::{SymbolFlow, fnv1a};

/// How many days back each length is made by itself, the finest first; what is nearer is summed up.
const LENGTHS: [(Interval, u64); 4] = [
    (Interval::MINUTE, 7),
    (Interval::QUARTER, 21),
    (Interval::HOUR, 500),
    (Interval::DAY, ALL_DAYS),
];
const ALL_DAYS: u64 = 3_000;

const BP: f64 = 1e-4;
/// Standard deviation of the walk in basis points per √second: some 36 % a year.
const WALK_BPS: f64 = 0.65;
/// Memory of the pull towards the start price.
const HOME_SECS: f64 = 200.0 * 86_400.0;
/// Volatility and volume rise and fall together: spread of their logarithm, and its memory.
const HEAT_SPREAD: f64 = 0.35;
const HEAT_SECS: f64 = 2.0 * 86_400.0;
/// Trades per second at activity 1, and their mean notional: as the flow's history has them.
const TRADES: f64 = 0.5;
const NOTIONAL: f64 = 400.0;

/// What a past is made from.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The symbol, with the price at which the past ends.
    pub flow: SymbolFlow,
    /// The market's seed.
    pub seed: u64,
    /// How much prices move, as a multiple of the usual.
    pub volatility: f64,
    /// Where the past ends: the opening of the minute in which the flow begins.
    pub until: Timestamp,
    /// The last trade before the flow's first.
    pub last_trade: TradeId,
}

/// Klines before the flow.
#[derive(Clone, Debug)]
pub struct Past {
    recipe: Recipe,
    /// As [`LENGTHS`] has them.
    parts: [OnceCell<Part>; LENGTHS.len()],
}

/// Klines of one length, and where the walk goes on from before them.
#[derive(Clone, Debug)]
struct Part {
    klines: Vec<Kline>,
    walk: Walk,
}

impl Part {
    /// Klines from so many days ago on, of which the finer ones are there already.
    fn new(recipe: &Recipe, days: u64, interval: Interval, finer: Option<&Self>) -> Self {
        let start = recipe.until.utc_day().before(Duration::from_secs(days * 86_400));
        let mut walk = finer.map_or_else(|| Walk::new(recipe), |finer| finer.walk.clone());
        let mut klines = walk.back_to(start, interval);
        klines.extend(finer.map_or_else(Vec::new, |finer| rolled_up(&finer.klines, interval)));
        Self { klines, walk }
    }
}

impl Past {
    /// The past of a recipe.
    #[must_use]
    pub const fn new(recipe: Recipe) -> Self {
        Self { recipe, parts: [const { OnceCell::new() }; LENGTHS.len()] }
    }

    /// Where it ends, and the price there.
    #[must_use]
    pub const fn end(&self) -> (Timestamp, Price) {
        (self.recipe.until, self.recipe.flow.start_price)
    }

    fn part(&self, place: usize) -> &Part {
        self.parts[place].get_or_init(|| {
            let finer = place.checked_sub(1).map(|finer| self.part(finer));
            let (interval, days) = LENGTHS[place];
            Part::new(&self.recipe, days, interval, finer)
        })
    }

    /// Of a week, oldest first.
    #[must_use]
    pub fn minutes(&self) -> &[Kline] {
        &self.part(0).klines
    }

    /// Of three weeks, oldest first.
    #[must_use]
    pub fn quarters(&self) -> &[Kline] {
        &self.part(1).klines
    }

    /// Of 500 days, oldest first.
    #[must_use]
    pub fn hours(&self) -> &[Kline] {
        &self.part(2).klines
    }

    /// Of all days, oldest first.
    #[must_use]
    pub fn days(&self) -> &[Kline] {
        &self.part(3).klines
    }
}

/// A walk back in time.
#[derive(Clone, Debug)]
struct Walk {
    random: Pcg64Mcg,
    flow: SymbolFlow,
    scale: f64,
    /// Opening of the kline made last.
    at: Timestamp,
    next_id: i64,
    /// Distance from the start price, and the heat, as logarithms.
    distance: f64,
    heat: f64,
}

impl Walk {
    fn new(recipe: &Recipe) -> Self {
        let own = recipe.seed ^ fnv1a(recipe.flow.symbol.as_str().as_bytes()) ^ 0x9a57;
        Self {
            random: Pcg64Mcg::seed_from_u64(own),
            flow: recipe.flow,
            scale: recipe.volatility,
            at: recipe.until,
            next_id: recipe.last_trade.0,
            distance: 0.0,
            heat: 0.0,
        }
    }

    /// Klines down to `start`, oldest first.
    fn back_to(&mut self, start: Timestamp, interval: Interval) -> Vec<Kline> {
        let mut made = Vec::new();
        while self.at > start {
            self.at = self.at.before(interval.duration());
            made.push(self.kline(interval.duration().as_secs_f64()));
        }
        made.reverse();
        made
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    /// The price at which the walk is, on the tick.
    fn price(&self) -> Price {
        let exact = self.flow.start_price.to_f64() * self.distance.exp();
        let price = Price::from_f64_rounded(exact).unwrap_or(self.flow.start_price);
        price.floor_to(self.flow.tick).max(self.flow.tick)
    }

    fn kline(&mut self, secs: f64) -> Kline {
        let cooling = (secs / HEAT_SECS).min(1.0);
        self.heat +=
            self.normal() * HEAT_SPREAD * (2.0 * cooling).min(1.0).sqrt() - self.heat * cooling;
        let heat = self.heat.clamp(-1.5, 1.5).exp();
        let reach = WALK_BPS * BP * self.scale * heat * secs.sqrt();
        let (close, at_close) = (self.price(), self.distance);
        self.distance += self.normal() * reach - self.distance * (secs / HOME_SECS).min(1.0);
        self.distance = self.distance.clamp(-3.0, 3.0);
        let open = self.price();
        let (above, below) = (self.normal().abs() * reach / 2.0, self.normal().abs() * reach / 2.0);
        let beyond = |price: Price, factor: f64| {
            Price::from_f64_rounded(price.to_f64() * factor)
                .map_or(price, |price| price.floor_to(self.flow.tick).max(self.flow.tick))
        };
        let high = beyond(open.max(close), 1.0 + above).max(open).max(close);
        let low = beyond(open.min(close), 1.0 - below.min(0.5)).min(open).min(close);
        let mean = TRADES * self.flow.activity * secs * heat;
        let count = (mean + self.normal() * mean.sqrt()).round().max(0.0) as i64;
        if count == 0 {
            // Nothing traded: the price of before stays.
            self.distance = at_close;
            return Kline::flat(self.at, close);
        }
        let last = TradeId(self.next_id);
        self.next_id -= count;
        let average = Price::from_units(
            (open.units() / 4) + (high.units() / 4) + (low.units() / 4) + (close.units() / 4),
        )
        .max(low);
        let (volume, taker_base) = self.volumes(count, average);
        Kline {
            open_at: self.at,
            open,
            high,
            low,
            close,
            volume,
            quote_volume: QuoteVolume::of(average, volume),
            taker_base,
            taker_quote: QuoteVolume::of(average, taker_base),
            trades: Some((TradeId(self.next_id + 1), last)),
            count: count.unsigned_abs(),
        }
    }

    /// The base volume of so many trades, and the part that takers bought.
    fn volumes(&mut self, count: i64, price: Price) -> (Quantity, Quantity) {
        let step = self.flow.step;
        let mean = NOTIONAL / (price.to_f64() * self.flow.quote_value);
        let wanted = count as f64 * mean * self.random.random_range(0.6..1.4);
        let volume = Quantity::from_f64_rounded(wanted).unwrap_or(step).floor_to(step).max(step);
        let bought = volume.to_f64() * self.random.random_range(0.35..0.65);
        let bought = Quantity::from_f64_rounded(bought).unwrap_or(step).floor_to(step);
        (volume, bought.min(volume))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::IDS_PER_RUN;
    use crate::symbols::SymbolConfig;

    fn recipe(seed: u64) -> Recipe {
        Recipe {
            flow: SymbolConfig::named("BTCUSDT").unwrap().flow(),
            seed,
            volatility: 1.0,
            until: Timestamp::from_secs(1_800_000_000 + 12_345 * 60),
            last_trade: TradeId(1_000_000_000),
        }
    }

    /// What holds of klines without holes.
    #[track_caller]
    fn check(klines: &[Kline], interval: Interval, at_least: usize) {
        assert!(klines.len() >= at_least, "{}: {}", interval.name(), klines.len());
        for kline in klines {
            let Kline { open, high, low, close, volume, .. } = *kline;
            assert!(low <= open.min(close) && high >= open.max(close) && low.is_positive());
            let average = kline.quote_volume.average(volume).unwrap();
            assert!((low..=high).contains(&average), "{kline:?}");
            assert!(kline.taker_base <= volume && kline.taker_quote <= kline.quote_volume);
            let (first, last) = kline.trades.unwrap();
            assert_eq!(u64::try_from(last.0 - first.0 + 1), Ok(kline.count));
        }
        for pair in klines.windows(2) {
            assert_eq!(pair[0].open_at.after(interval.duration()), pair[1].open_at);
            assert_eq!(pair[0].close, pair[1].open);
            assert_eq!(pair[0].trades.unwrap().1.0 + 1, pair[1].trades.unwrap().0.0);
        }
    }

    #[test]
    fn the_past_has_no_holes_and_its_lengths_agree() {
        for seed in 0..4 {
            let recipe = recipe(seed);
            let past = Past::new(recipe.clone());
            check(past.days(), Interval::DAY, ALL_DAYS as usize);
            check(past.hours(), Interval::HOUR, 12_000);
            check(past.quarters(), Interval::QUARTER, 2_000);
            check(past.minutes(), Interval::MINUTE, 7 * 1_440);
            let last = past.minutes().last().unwrap();
            assert_eq!(last.open_at.after(Duration::from_secs(60)), recipe.until);
            assert_eq!(last.close, recipe.flow.start_price);
            assert_eq!(last.trades.unwrap().1, recipe.last_trade);
            for klines in [past.minutes(), past.quarters(), past.hours(), past.days()] {
                let coarse = rolled_up(klines, Interval::DAY);
                let same = past.days().len() - coarse.len();
                assert_eq!(coarse, past.days()[same..], "seed {seed}");
            }
        }
    }

    #[test]
    fn prices_are_of_a_sane_market_and_of_its_seed() {
        let past = Past::new(recipe(1));
        let mean_bps = |klines: &[Kline]| {
            let range = |kline: &Kline| (kline.high.to_f64() / kline.low.to_f64() - 1.0) / BP;
            klines.iter().map(range).sum::<f64>() / klines.len() as f64
        };
        assert!((3.0..15.0).contains(&mean_bps(past.minutes())), "{}", mean_bps(past.minutes()));
        assert!((100.0..600.0).contains(&mean_bps(past.days())), "{}", mean_bps(past.days()));
        for day in past.days() {
            assert!((6_000.0..600_000.0).contains(&day.close.to_f64()), "{day:?}");
        }
        assert_eq!(Past::new(recipe(1)).days(), past.days());
        assert_ne!(Past::new(recipe(2)).days(), past.days());
    }

    #[test]
    fn what_is_made_does_not_depend_on_who_asks_first_and_is_no_more_than_is_asked_for() {
        let (fine_first, coarse_first) = (Past::new(recipe(3)), Past::new(recipe(3)));
        let _ = coarse_first.days();
        assert_eq!(fine_first.minutes(), coarse_first.minutes());
        assert!(fine_first.parts[1..].iter().all(|part| part.get().is_none()));
        assert_eq!(fine_first.days(), coarse_first.days());
    }

    #[test]
    fn the_liveliest_market_has_ids_enough() {
        let mut recipe = recipe(1);
        recipe.flow.activity = 100.0;
        recipe.last_trade = TradeId(IDS_PER_RUN);
        let past = Past::new(recipe);
        let (first, _) = past.days()[0].trades.unwrap();
        assert!(first.0 > IDS_PER_RUN / 2, "{first:?}: the numbers of the run before are near");
    }
}
