//! `tickwright reconcile`: the journal against the account.

use kernel::journal::{Journal as _, Persist, Record, WrittenOff};
use kernel::ledger::{BalanceDifference, Ledger};
use kernel::strategy::StrategyEntry;
use model::InstanceId;
use serde_json::json;
use store::journal::{JournalReader, Level, SqliteJournal};
use store::state_dir::{StateDir, journal_path, known_instance};

use crate::cli::reconcile::ReconcileArgs;
use crate::cli::{Exit, Failure};
use crate::config::{Config, Endpoint, Mode};
use crate::wiring::{
    Site, adjustments, compare, has_unbooked_trades, settles, write_off_records, write_offs,
};

/// Shows the differences, and journals them if asked to.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &ReconcileArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.config.load(args.overrides(), kinds)?;
    refuse_what_has_no_account(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Internal, error))?;
    runtime.block_on(reconcile(args, &config))
}

fn refuse_what_has_no_account(config: &Config) -> Result<(), Failure> {
    let engine = &config.engine;
    if engine.venue.endpoint == Endpoint::Sim || engine.mode == Mode::Paper {
        let message = "there is no account to compare with: that of `sim` and `paper` is the \
                       engine's own";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

async fn reconcile(args: &ReconcileArgs, config: &Config) -> Result<Exit, Failure> {
    // The lock first: nobody trades while adjustments are written.
    let directory = &config.engine.state_dir;
    let writes = args.accept && !args.dry_run;
    let held = writes.then(|| StateDir::open(directory)).transpose()?;
    let instance = known_instance(directory)?;
    let instance: InstanceId = instance.ok_or_else(|| {
        let message = format!("{}: no engine has run there yet", directory.display());
        Failure::new(Exit::Usage, message)
    })?;
    let mut site = Site::find(config, None, instance)?;
    site.learn_account(config, directory).await?;
    let path = journal_path(directory, &site.identity);
    if !path.exists() {
        let message = format!("{}: no journal of {}", path.display(), site.identity);
        return Err(Failure::new(Exit::Usage, message));
    }
    let ledger = JournalReader::open(&path)?.ledger()?;
    let found = compare(&site, &ledger).await?;
    show(args, &ledger, &found);
    let halting = found.iter().filter(|difference| difference.kind.halts()).count();
    let lots = write_offs(&ledger, &found, &args.write_off);
    let lots = lots.map_err(|error| Failure::new(Exit::Usage, error))?;
    if !args.accept || found.is_empty() {
        return Ok(if halting > 0 { Exit::Partial } else { Exit::Ok });
    }
    if !lots.is_empty() && has_unbooked_trades(&site, &ledger).await? {
        let message = "the account has trades that the journal does not have yet: they may be sales \
                       of our own. Start the engine once, so that it books them, stop it, and look \
                       again";
        return Err(Failure::new(Exit::Partial, message));
    }
    let now = site.server_time().await?;
    let mut accepted = adjustments(&found, now);
    let first = accepted.len() as u64 + 1;
    accepted.extend(write_off_records(&ledger, &lots, first, now));
    tell(args, &ledger, &accepted);
    let left = found.iter().filter(|found| !settles(&ledger, found, &lots)).count();
    if writes {
        SqliteJournal::open(&path, Level::Power)?.append(&accepted)?;
        if !args.json && left == 0 {
            println!("after the next start: tickwright resume");
        }
    }
    drop(held);
    Ok(if left > 0 { Exit::Partial } else { Exit::Ok })
}

/// What is journaled, or would be.
fn tell(args: &ReconcileArgs, ledger: &Ledger, accepted: &[Persist]) {
    if args.json {
        return;
    }
    let (adjusts, writes_off) = if args.dry_run {
        ("would adjust", "would write off")
    } else {
        ("adjusted", "written off:")
    };
    for persist in accepted {
        let Record::ExternalFlow { asset, delta, lots, .. } = &persist.record else { continue };
        let Some(WrittenOff { strategy, instrument, quantity }) = lots else {
            println!("{adjusts} {asset} by {delta}: a flow from outside, no profit");
            continue;
        };
        let name = ledger.strategy(*strategy).unwrap_or("?");
        let symbol = ledger.instrument(*instrument).map(|known| known.symbol.to_string());
        let position = ledger.position(*strategy, *instrument);
        let left = position.quantity().saturating_sub_to_zero(*quantity);
        println!(
            "{writes_off} {quantity} of {}'s {} in {} at cost: {left} are left, realised profit \
             stays {}",
            name,
            position.quantity(),
            symbol.as_deref().unwrap_or("?"),
            position.realised()
        );
    }
}

fn show(args: &ReconcileArgs, ledger: &Ledger, found: &[BalanceDifference]) {
    let state = ledger.trading_state();
    if args.json {
        let differences: Vec<_> = found
            .iter()
            .map(|difference| {
                json!({
                    "asset": difference.asset, "ledger": difference.ledger,
                    "account": difference.account, "difference": difference.delta(),
                    "held_by_strategies": difference.held, "kind": difference.kind,
                    "halts": difference.kind.halts(),
                })
            })
            .collect();
        println!("{}", json!({"trading_state": state.state, "differences": differences}));
        return;
    }
    if found.is_empty() {
        println!("journal and account agree");
    }
    for difference in found {
        let BalanceDifference { asset, ledger, account, held, kind } = difference;
        println!("{asset}: the journal adds up to {ledger}, the account holds {account}");
        println!(
            "    difference {}, held by strategies {held}: {}",
            difference.delta(),
            meaning(*kind)
        );
    }
    let why = if state.reason.is_empty() { String::new() } else { format!(" ({})", state.reason) };
    println!("trading state: {}{why}", state.state.name());
}

const fn meaning(kind: kernel::ledger::DifferenceKind) -> &'static str {
    use kernel::ledger::DifferenceKind::{HeldAsset, Oversold, Shortfall, Surplus};
    match kind {
        Surplus => "a deposit, most likely; it is not traded, and halts nothing",
        HeldAsset => {
            "more of what strategies hold: a deposit, or a purchase by hand on another symbol; a \
             start is halted until it is accepted"
        }
        Shortfall => {
            "less than was booked: a withdrawal, or a sale by hand on another symbol; a start is \
             halted until it is accepted"
        }
        Oversold => {
            "strategies hold more than there is: theirs was sold or withdrawn by hand; a start is \
             halted until it was bought back by hand, a deposit makes up for it and is accepted, or \
             lots are written off: --accept --write-off ID"
        }
    }
}
