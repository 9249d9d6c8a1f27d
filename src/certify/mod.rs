//! `tickwright certify`: numbered checks of a venue against what its documents say, with the
//! user's key, and against the simulated exchange, answer by answer.
//!
//! Every check runs twice: at a simulated exchange that is started for it, and at the venue. What
//! the check asserts must hold at the venue, and each of the venue's answers must have the shape
//! that the simulated exchange gives it: what was shown against the one then holds for the other.
//!
//! What belongs here: the checks (one file a group, all of them in [`table`]), the comparison and
//! the report. What does not: the protocol, which is `binance`'s and is itself what is checked.

mod checks;
mod html;
mod report;
mod shape;
mod side;
mod socket;
mod table;
mod verdict;

use std::time::Duration;

use actors::clock::Clock;
use exchange::{ExchangeConfig, MarketConfig, SymbolConfig, SyntheticConfig};
use tokio::time::{Instant, timeout};

use crate::cli::{Exit, Failure};
use crate::wiring::EmbeddedExchange;

pub use report::{CertifyReport, CheckReport};
pub use side::{Side, Target, WireFormat};
pub use table::{CHECKS, Check, Group};
pub use verdict::{Checked, Outcome, Trouble};

/// How long one check may take.
const LONGEST: Duration = Duration::from_secs(60);
/// How much market the reference has behind it.
const REFERENCE_HISTORY: Duration = Duration::from_secs(600);

/// Runs every check and tells each one's outcome as it ends.
///
/// # Errors
/// When the venue, or the reference, can't be reached at all: nothing was checked then.
pub async fn certify(
    target: Target,
    mut tell: impl FnMut(&CheckReport),
) -> Result<CertifyReport, Failure> {
    let clock = Clock::system();
    let started_at = clock.wall();
    let reference = reference(&target)?;
    let mut simulated =
        Side::reach(Target::of_exchange(&reference, &target)?, clock.clone()).await?;
    let description = target.description.clone();
    let mut venue = Side::reach(target, clock).await?;
    let mut checks = Vec::with_capacity(CHECKS.len());
    for (index, check) in CHECKS.iter().enumerate() {
        let expected = attempt(check, &mut simulated).await;
        let begun = Instant::now();
        let found = attempt(check, &mut venue).await;
        let differences = match (&expected, &found) {
            (Ok(()), Ok(())) => shape::compare(&simulated.take_steps(), &venue.take_steps()),
            (Ok(()) | Err(_), Ok(()) | Err(_)) => shape::Differences::default(),
        };
        let outcome = verdict::judge(&expected, found, &differences);
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let done = CheckReport::new(index + 1, check, outcome, took_ms);
        tell(&done);
        checks.push(done);
    }
    let left_open = venue.clean_up().await;
    simulated.clean_up().await;
    Ok(CertifyReport::new(description, venue.symbol(), started_at, checks, left_open))
}

async fn attempt(check: &Check, side: &mut Side) -> Checked {
    side.take_steps();
    match timeout(LONGEST, (check.run)(side)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Trouble::Failed(format!("not done after {} s", LONGEST.as_secs()))),
    }
}

/// The simulated exchange that answers are compared with.
fn reference(target: &Target) -> Result<EmbeddedExchange, Failure> {
    let symbol = SymbolConfig::named(target.symbol.as_str())
        .or_else(|_| SymbolConfig::named("BTCUSDT"))
        .map_err(|error| Failure::new(Exit::Internal, error))?;
    let market = MarketConfig::Synthetic(SyntheticConfig {
        symbols: vec![symbol],
        history: REFERENCE_HISTORY,
        ..SyntheticConfig::default()
    });
    let settings = ExchangeConfig { market, ..ExchangeConfig::default() };
    EmbeddedExchange::start(settings, 0).map_err(|error| Failure::new(Exit::Internal, error))
}
