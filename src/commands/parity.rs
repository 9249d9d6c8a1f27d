//! `tickwright parity`: the same events through the engine and through the backtest.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use kernel::strategy::StrategyEntry;
use serde_json::json;

use crate::cli::parity::ParityArgs;
use crate::cli::{Exit, Failure};
use crate::parity::{Counts, Line, Parity, Setting};

/// Runs both and compares.
///
/// # Errors
/// With the exit code of what failed.
pub fn execute(args: &ParityArgs, kinds: &'static [StrategyEntry]) -> Result<Exit, Failure> {
    let config = args.load(kinds)?;
    if config.enabled().next().is_none() {
        return Err(Failure::new(Exit::Usage, "no strategy is enabled: there is nothing to run"));
    }
    let mut setting = Setting::new(config, args.replay.clone(), args.symbol);
    setting.until = args.to;
    let parity = actix::System::new().block_on(setting.run(kinds))?;
    if let Some(directory) = &args.export {
        let export =
            |error| Failure::new(Exit::Storage, format!("{}: {error}", directory.display()));
        std::fs::create_dir_all(directory).map_err(export)?;
        write(&directory.join("over_sockets.txt"), &parity.over_sockets).map_err(export)?;
        write(&directory.join("over_files.txt"), &parity.over_files).map_err(export)?;
    }
    show(args, &parity);
    Ok(if parity.difference().is_none() { Exit::Ok } else { Exit::Partial })
}

fn write(path: &Path, lines: &[Line]) -> std::io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for line in lines {
        writeln!(file, "{} {}", line.at, line.text)?;
    }
    file.flush()
}

fn show(args: &ParityArgs, parity: &Parity) {
    let (sockets, files) = (&parity.over_sockets, &parity.over_files);
    let difference = parity.difference();
    if args.json {
        let told = json!({
            "is_equal": difference.is_none(),
            "over_sockets": Counts::of(sockets),
            "over_files": Counts::of(files),
            "difference": difference,
        });
        println!("{told}");
        return;
    }
    println!("{:14} {:>9} {:>9}", "", "engine", "backtest");
    let (engine, backtest) = (Counts::of(sockets), Counts::of(files));
    let rows = [
        ("intents", engine.intents, backtest.intents),
        ("orders", engine.orders, backtest.orders),
        ("fills", engine.fills, backtest.fills),
        ("partial fills", engine.partial_fills, backtest.partial_fills),
        ("cancels", engine.cancels, backtest.cancels),
        ("denied", engine.denied, backtest.denied),
        ("rejected", engine.rejected, backtest.rejected),
    ];
    for (name, engine, backtest) in rows {
        println!("{name:14} {engine:>9} {backtest:>9}");
    }
    let Some(difference) = difference else {
        println!("{} events, all of them the same.", files.len());
        return;
    };
    println!("The same for {} events. Then, in the engine:", difference.alike);
    print_lines(&difference.over_sockets);
    println!("and in the backtest:");
    print_lines(&difference.over_files);
}

fn print_lines(lines: &[Line]) {
    if lines.is_empty() {
        println!("  nothing more");
    }
    for line in lines {
        println!("  {} {}", line.at, line.text);
    }
}
