//! The latent fair price of a symbol: what the flow's agents believe, never what the book says.
//!
//! A random walk with changing volatility and trends, a common factor that moves all symbols
//! together, a short-lived oscillation around it (so that there is something to trade within
//! minutes) and a weak pull home (so that a run of months stays in a sane range).

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// One basis point.
const BP: f64 = 1e-4;
/// Standard deviation of the walk in basis points per √second at volatility 1.
const WALK_BPS: f64 = 1.1;
/// Share of the walk's variance that is common to all symbols.
const COMMON_SHARE: f64 = 0.4;
/// Oscillation: stationary standard deviation in basis points, and its memory in seconds.
const SWING_BPS: f64 = 12.0;
const SWING_SECS: f64 = 18.0;
/// Drift of a trend in basis points per second.
const TREND_BPS: f64 = 0.45;
/// Mean length of a volatility regime and of a trend, in seconds.
const REGIME_SECS: f64 = 40.0;
const TREND_SECS: f64 = 25.0;
/// Memory of the pull home.
const HOME_SECS: f64 = 6.0 * 3_600.0;
/// Volatility of the regimes: calm, normal, wild.
const REGIMES: [f64; 3] = [0.55, 1.0, 2.1];
/// Mean seconds between jumps, and their standard deviation in basis points.
const JUMP_SECS: f64 = 90.0;
const JUMP_BPS: f64 = 9.0;

/// The factor that is common to all symbols. Each symbol runs its own copy from the same seed,
/// which makes the copies equal and the symbols independent in code.
#[derive(Clone, Debug)]
struct Common {
    random: Pcg64Mcg,
}

/// The fair price of one symbol.
#[derive(Clone, Debug)]
pub struct Latent {
    random: Pcg64Mcg,
    common: Common,
    home: f64,
    /// Distance of the walk from home, as a fraction.
    walk: f64,
    /// The oscillation, as a fraction.
    swing: f64,
    regime: usize,
    /// Volatility now, moving towards the regime's.
    volatility: f64,
    trend: f64,
    /// Return over the last seconds, exponentially forgotten: what momentum takers follow.
    momentum: f64,
    scale: f64,
}

fn normal(random: &mut Pcg64Mcg) -> f64 {
    StandardNormal.sample(random)
}

impl Latent {
    /// A fair price that starts at `home`; `scale` multiplies all movement.
    pub fn new(home: f64, scale: f64, random: Pcg64Mcg, common: Pcg64Mcg) -> Self {
        Self {
            random,
            common: Common { random: common },
            home,
            walk: 0.0,
            swing: 0.0,
            regime: 1,
            volatility: 1.0,
            trend: 0.0,
            momentum: 0.0,
            scale,
        }
    }

    /// Moves on by so many seconds.
    pub fn step(&mut self, secs: f64) {
        let before = self.fair();
        let random = &mut self.random;
        if random.random::<f64>() < secs / REGIME_SECS {
            self.regime = random.random_range(0..REGIMES.len());
        }
        if random.random::<f64>() < secs / TREND_SECS {
            self.trend = f64::from(random.random_range(-1_i32..=1));
        }
        let pace = (secs / 4.0).min(1.0);
        self.volatility += (REGIMES[self.regime] - self.volatility) * pace;
        let own = normal(random) * (1.0 - COMMON_SHARE).sqrt();
        let shared = normal(&mut self.common.random) * COMMON_SHARE.sqrt();
        let mut change = (own + shared) * WALK_BPS * self.volatility * secs.sqrt();
        change += self.trend * TREND_BPS * secs;
        if self.random.random::<f64>() < secs / JUMP_SECS {
            change += normal(&mut self.random) * JUMP_BPS * self.volatility;
        }
        self.walk += change * BP * self.scale - self.walk * (secs / HOME_SECS);
        let forget = (secs / SWING_SECS).min(1.0);
        let kick = normal(&mut self.random) * SWING_BPS * (2.0 * forget).min(1.0).sqrt();
        self.swing += kick * BP * self.scale - self.swing * forget;
        // Far from home in one piece: a price of zero or below must never come out.
        self.walk = self.walk.clamp(-0.8, 4.0);
        self.swing = self.swing.clamp(-0.05, 0.05);
        let ratio = self.fair() / before - 1.0;
        self.momentum += ratio - self.momentum * (secs / 5.0).min(1.0);
    }

    /// The fair price.
    pub fn fair(&self) -> f64 {
        self.home * (1.0 + self.walk) * (1.0 + self.swing)
    }

    /// Volatility, 1 on average.
    pub const fn volatility(&self) -> f64 {
        self.volatility
    }

    /// Return of the last seconds in basis points.
    pub fn momentum_bps(&self) -> f64 {
        self.momentum / BP
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn latent(seed: u64) -> Latent {
        let random = Pcg64Mcg::seed_from_u64(seed);
        Latent::new(60_000.0, 1.0, random, Pcg64Mcg::seed_from_u64(1))
    }

    #[test]
    fn the_fair_price_moves_and_stays_sane() {
        for seed in 0..20 {
            let mut latent = latent(seed);
            let (mut low, mut high) = (f64::MAX, f64::MIN);
            for _ in 0..1_800 {
                latent.step(0.1);
                low = low.min(latent.fair());
                high = high.max(latent.fair());
            }
            let range_bps = (high / low - 1.0) / BP;
            assert!((15.0..400.0).contains(&range_bps), "seed {seed}: {range_bps} bp in 3 minutes");
        }
    }

    #[test]
    fn returns_have_fat_tails() {
        let mut latent = latent(3);
        let mut returns = Vec::new();
        for _ in 0..200_000 {
            let before = latent.fair();
            latent.step(1.0);
            returns.push(latent.fair() / before - 1.0);
        }
        let moment = |power: i32| {
            returns.iter().map(|change: &f64| change.powi(power)).sum::<f64>()
                / returns.len() as f64
        };
        let kurtosis = moment(4) / moment(2).powi(2);
        assert!(kurtosis > 3.5, "{kurtosis}: a normal distribution has 3");
    }
}
