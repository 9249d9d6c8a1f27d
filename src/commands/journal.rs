//! `tickwright journal` and `tickwright explain`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Instant;

use kernel::journal::JournalError;
use serde_json::json;
use store::journal::{JournalReader, RECORD_KINDS, RecordFilter, View};

use crate::cli::journal::{ExplainArgs, ExportArgs, JournalCommand, ShowArgs, Table, VerifyArgs};
use crate::cli::{Exit, Failure};
use crate::inspect::{Explanation, TableWriter, line, object, open, open_all, order_id};

/// Runs one of the commands on a journal.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(command: &JournalCommand) -> Result<Exit, Failure> {
    match command {
        JournalCommand::Verify(args) => verify(args),
        JournalCommand::Show(args) => show(args),
        JournalCommand::Export(args) => export(args),
    }
}

/// Explains an order.
///
/// # Errors
/// With the exit code of what failed; [`Exit::Usage`] for an order that is not in the journal.
pub fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let order = order_id(&args.order)?;
    // An order has its name for ever, whatever ledger it is in: nobody needs to say which.
    let journals = open_all(&args.journal)?;
    let mut found = None;
    for (_, reader) in &journals {
        if let Some(explanation) = Explanation::read(reader, order)? {
            found = Some(explanation);
            break;
        }
    }
    let Some(explanation) = found else {
        let looked: Vec<String> =
            journals.iter().map(|(path, _)| path.display().to_string()).collect();
        let message = format!("{}: no order {order}", looked.join(", "));
        return Err(Failure::new(Exit::Usage, message));
    };
    if args.json {
        let json = serde_json::to_string(&explanation).expect("an explanation has text keys only");
        println!("{json}");
    } else {
        print!("{explanation}");
    }
    Ok(Exit::Ok)
}

fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let (path, reader) = open(&args.journal)?;
    let began_at = Instant::now();
    let verified = reader.verify()?;
    let took_ms = began_at.elapsed().as_millis() as u64;
    let ledger = &verified.ledger;
    let (records, elsewhere, fills) = (verified.records, verified.elsewhere, ledger.fills_booked());
    let open_orders = ledger.open_orders().count();
    if args.json {
        let found = json!({
            "journal": path, "records": records, "elsewhere": elsewhere, "open_orders": open_orders, "fills": fills,
            "epoch": ledger.epoch().map(|mark| mark.epoch), "took_ms": took_ms,
        });
        println!("{found}");
    } else {
        println!(
            "{}: {records} records are whole and add up: {fills} fills, {open_orders} open orders \
             ({took_ms} ms)",
            path.display()
        );
        if elsewhere > 0 {
            println!("{elsewhere} of them are in an archive that is not here, and were not read");
        }
    }
    Ok(Exit::Ok)
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let (_, reader) = open(&args.journal)?;
    let rows = reader.records(&filter(args, &reader)?)?;
    let mut output = BufWriter::new(io::stdout().lock());
    for row in &rows {
        let text = if args.json { object(row).to_string() } else { line(row) };
        if let Err(error) = writeln!(output, "{text}") {
            return ended(&error);
        }
    }
    output.flush().map(|()| Exit::Ok).or_else(|error| ended(&error))
}

fn filter(args: &ShowArgs, reader: &JournalReader) -> Result<RecordFilter, Failure> {
    let is_unknown = |kind: &&String| !RECORD_KINDS.contains(&kind.as_str());
    if let Some(kind) = args.kinds.iter().find(is_unknown) {
        let message = format!("no kind `{kind}`: there are {}", RECORD_KINDS.join(", "));
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut filter = RecordFilter {
        kinds: args.kinds.clone(),
        order: args.order.as_deref().map(order_id).transpose()?,
        after: args.after,
        newest: (args.last > 0).then_some(args.last),
        ..RecordFilter::default()
    };
    if args.strategy.is_none() && args.symbol.is_none() {
        return Ok(filter);
    }
    let ledger = reader.ledger()?;
    let unknown = |what: &str, name: &str, known: Vec<&str>| {
        let message = format!("no {what} `{name}` in the journal; it has {}", known.join(", "));
        Failure::new(Exit::Usage, message)
    };
    if let Some(name) = &args.strategy {
        let known = || ledger.strategies().iter().map(String::as_str).collect();
        let found = ledger.strategy_id(name);
        filter.strategy = Some(found.ok_or_else(|| unknown("strategy", name, known()))?);
    }
    if let Some(name) = &args.symbol {
        let known = || ledger.instruments().iter().map(|i| i.symbol.as_str()).collect();
        let found = ledger.instrument_id(&name.to_ascii_uppercase());
        filter.instrument = Some(found.ok_or_else(|| unknown("symbol", name, known()))?);
    }
    Ok(filter)
}

fn export(args: &ExportArgs) -> Result<Exit, Failure> {
    let (_, reader) = open(&args.journal)?;
    let output: Box<dyn Write> = match &args.output {
        None => Box::new(BufWriter::new(io::stdout().lock())),
        Some(file) => {
            let created = File::create(file).map_err(|error| {
                Failure::new(Exit::Storage, format!("{}: {error}", file.display()))
            })?;
            Box::new(BufWriter::new(created))
        }
    };
    let view = match args.table {
        Table::Orders => View::Orders,
        Table::Intents => View::Intents,
        Table::Fills => View::Fills,
        Table::ExternalFills => View::ExternalFills,
        Table::Positions => View::Positions,
        Table::Equity => View::Equity,
        Table::TradingStates => View::TradingStates,
        Table::Records => View::Records,
    };
    let mut writer = TableWriter::new(output, args.format);
    let mut refused = None;
    let written = reader.view(view, &mut |names, cells| {
        writer.write(names, cells).map_err(|error| {
            let words = error.to_string();
            refused = Some(error);
            JournalError::Io(words)
        })
    });
    if let Some(error) = refused {
        return ended(&error);
    }
    written?;
    writer.finish().map(|()| Exit::Ok).or_else(|error| ended(&error))
}

/// Whoever reads our output may stop reading; anything else is a disk that takes no more.
fn ended(error: &io::Error) -> Result<Exit, Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(Exit::Storage, error))
}
