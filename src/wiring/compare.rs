//! The account against the ledger, by the venue's own word: balances, and the trades that the
//! ledger has not booked yet.

use std::collections::BTreeMap;
use std::time::Duration;

use binance::decode::{Account, MyTrade, parse};
use binance::encode::Call;
use events::log_event;
use kernel::journal::{Durability, Persist, Record};
use kernel::ledger::{BalanceDifference, Ledger};
use kernel::orders::ExecutionPolicy;
use model::{Amount, Asset, InstrumentId, Timestamp, TradeId};
use tokio::time::Instant;

use super::site::Site;
use crate::cli::{Exit, Failure};

/// Trades of one answer, at most: the venue's own bound.
const PAGE: u32 = 1_000;
/// A difference is one if it stays the same for so long: orders that rest fill between two
/// questions, and reads lag, for as long as execution bears with them.
const STEADY_FOR: Duration = Duration::from_secs(10);
/// The time between two looks at a difference.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the answers for one look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(8);
/// For so long a difference may keep changing.
const CHANGING_MAX: Duration = Duration::from_secs(30);

/// Compares until there is no difference, or one that stays.
///
/// # Errors
/// When the venue does not answer in time, and when the difference is another one at each look.
pub async fn compare(site: &Site, ledger: &Ledger) -> Result<Vec<BalanceDifference>, Failure> {
    let began = Instant::now();
    let mut found = look(site, ledger).await?;
    let mut changed = Instant::now();
    while !found.is_empty() && changed.elapsed() < STEADY_FOR {
        if began.elapsed() >= CHANGING_MAX {
            return Err(Failure::new(
                Exit::VenueUnreachable,
                "the account changes at every look: orders are being filled",
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let again = look(site, ledger).await?;
        if again != found {
            (found, changed) = (again, Instant::now());
        }
    }
    Ok(found)
}

/// What makes the ledger say what the account holds, once a person has accepted it. Where it says
/// that already there is nothing to accept, whatever strategies hold.
#[must_use]
pub fn adjustments(found: &[BalanceDifference], at: Timestamp) -> Vec<Persist> {
    let adjustment = |(sequence, difference): (u64, &BalanceDifference)| {
        let (asset, delta) = (difference.asset, difference.delta());
        let reason = format!("reconcile --accept: {}", difference.kind.name());
        let record = Record::ExternalFlow { asset, delta, reason, lots: None, at };
        Persist { sequence, record, durability: Durability::Synced }
    };
    let differing = found.iter().filter(|difference| !difference.delta().is_zero());
    (1..).zip(differing).map(adjustment).collect()
}

/// Whether the account has trades that the ledger does not have yet: the next start books them, to
/// strategies where they are theirs.
///
/// # Errors
/// When the venue does not answer.
pub async fn has_unbooked_trades(site: &Site, ledger: &Ledger) -> Result<bool, Failure> {
    Ok(with_trades(site, ledger).await?.fills_booked() > ledger.fills_booked())
}

/// Logs what was found.
pub fn report(found: &[BalanceDifference]) {
    for BalanceDifference { asset, ledger, account, held, kind } in found {
        let kind = kind.name();
        log_event!(
            RECONCILE_MISMATCHED,
            kind = kind,
            asset = %asset,
            ledger = %ledger,
            account = %account,
            held = %held
        );
    }
}

async fn look(site: &Site, ledger: &Ledger) -> Result<Vec<BalanceDifference>, Failure> {
    let looking = async {
        // The account first: what fills after it is among the trades, and the next look sees both.
        let account = balances(site).await?;
        let booked = with_trades(site, ledger).await?;
        Ok(booked.differences(&account))
    };
    let late = |_| Failure::new(Exit::VenueUnreachable, "the venue took too long to answer");
    tokio::time::timeout(LOOK_TIMEOUT, looking).await.map_err(late)?
}

/// What the account holds of each asset, free and locked together.
pub(super) async fn balances(site: &Site) -> Result<BTreeMap<Asset, Amount>, Failure> {
    let body = site.rest().ask(&Call::account(), site.server_time().await?).await?;
    let account: Account<'_> = parse("account", &body).map_err(malformed)?;
    let totals = account.balances.iter().map(|balance| {
        let asset = Asset::new(&balance.asset).map_err(malformed)?;
        Ok((asset, balance.free + balance.locked))
    });
    totals.collect()
}

/// The ledger with every trade that it does not have yet: the next start books them.
async fn with_trades(site: &Site, ledger: &Ledger) -> Result<Ledger, Failure> {
    let mut booked = ledger.clone();
    let reread = ExecutionPolicy::default().trades_reread;
    for (number, known) in (0..).zip(ledger.instruments()) {
        let instrument = InstrumentId(number);
        let mut from = ledger.reread_from(instrument, reread);
        loop {
            let now = site.server_time().await?;
            let call = Call::my_trades(known.symbol.as_str(), from.map(|from| from.0), PAGE);
            let body = site.rest().ask(&call, now).await?;
            let page: Vec<MyTrade<'_>> = parse("myTrades", &body).map_err(malformed)?;
            let is_last = page.len() < PAGE as usize || from.is_none();
            let mut last = from;
            for trade in page {
                let fill = trade.to_fill(instrument).map_err(malformed)?;
                last = last.max(Some(fill.key.trade));
                let is_ours = ledger.opened_at().is_none_or(|opened| fill.event_at >= opened);
                if is_ours && !booked.has_fill(&fill.key) {
                    booked.apply(&Record::ExternalFill { fill }).map_err(malformed)?;
                }
            }
            if is_last {
                break;
            }
            // From the last trade itself: a self-trade is two fills of one number, and the page may
            // end between them.
            from = if last == from { last.map(|last| TradeId(last.0 + 1)) } else { last };
        }
    }
    Ok(booked)
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::VenueUnreachable, error)
}
