//! `tickwright record`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use actors::clock::Clock;
use data::Meter;
use data::record::{RecordError, RecordOptions, Recorded, record};
use tokio::signal::unix::{SignalKind, signal};

use super::data::{dialer, print_json, print_text, runtime, urls};
use crate::cli::record::RecordArgs;
use crate::cli::{Exit, Failure};

/// Records until told to stop.
///
/// # Errors
/// When the venue can't be reached at the start, or a file not be written.
pub fn execute(arguments: &RecordArgs) -> Result<Exit, Failure> {
    let (rest_url, ws_url) = urls(&arguments.endpoint)?;
    let ws_url = arguments.ws_url.clone().unwrap_or(ws_url);
    let options = RecordOptions {
        ws_url: ws_url.trim_end_matches('/').to_owned(),
        rest_url,
        symbols: arguments.symbols.clone(),
        streams: arguments.streams.clone(),
        directory: arguments.dir.clone(),
        prefix: arguments.prefix.clone(),
        duration: arguments.duration,
    };
    let dialer = dialer(&[&options.rest_url, &options.ws_url])?;
    let done = runtime()?.block_on(run(&dialer, &options, arguments.json))?;
    if arguments.json {
        print_json(&done)?;
    } else {
        print_text(summary(&done).trim_end())?;
    }
    Ok(Exit::Ok)
}

async fn run(
    dialer: &transport::Dialer,
    options: &RecordOptions,
    is_silent: bool,
) -> Result<Recorded, Failure> {
    let internal = |error: std::io::Error| Failure::new(Exit::Internal, error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let stop = async {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let clock = Clock::system();
    if !is_silent && std::io::stderr().is_terminal() {
        eprintln!("recording to {}; Ctrl-C ends it", options.directory.display());
    }
    record(dialer, options, || clock.wall(), stop, &Meter::default()).await.map_err(|error| {
        let exit = match &error {
            RecordError::Storage { .. } => Exit::Storage,
            RecordError::Unreachable(_) => Exit::VenueUnreachable,
        };
        Failure::new(exit, error)
    })
}

fn summary(done: &Recorded) -> String {
    let Recorded { frames, bytes, answers, connections, .. } = done;
    let mut text = format!(
        "{frames} frames of {bytes} bytes and {answers} answers over {connections} connections\n"
    );
    for file in &done.files {
        let _ = writeln!(text, "  {}", file.display());
    }
    for problem in &done.problems {
        let _ = writeln!(text, "  {problem}");
    }
    text
}
