//! `tickwright logs`.

use crate::cli::logs::{LogsCommand, SummaryArgs};
use crate::cli::{Exit, Failure};
use crate::logging::summary::Summary;

/// Runs one of the commands on a log.
///
/// # Errors
/// When the log can't be read.
pub fn execute(command: &LogsCommand) -> Result<Exit, Failure> {
    match command {
        LogsCommand::Summary(arguments) => summary(arguments),
    }
}

fn summary(arguments: &SummaryArgs) -> Result<Exit, Failure> {
    let summary =
        Summary::of_file(&arguments.file).map_err(|error| Failure::new(Exit::Storage, error))?;
    if arguments.json {
        let json = serde_json::to_string(&summary).expect("a summary has text keys only");
        println!("{json}");
    } else {
        print!("{summary}");
    }
    Ok(if summary.incomplete.is_empty() { Exit::Ok } else { Exit::Partial })
}
