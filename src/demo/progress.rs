//! What a person sees while a demonstration runs: a bar on a terminal, a line now and then in a
//! pipe, nothing with `--json`.

use std::io::IsTerminal as _;
use std::time::Duration;

use actors::monitor::Snapshot;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where progress goes.
pub enum Progress {
    /// A bar.
    Bar(ProgressBar),
    /// Lines, the last at this wall time since the start.
    Lines(Duration),
    /// Nothing.
    Silent,
}

impl Progress {
    /// For a run of so much market, in seconds.
    #[must_use]
    pub fn start(market_s: u64, is_silent: bool, keys: &str) -> Self {
        if is_silent {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Duration::ZERO);
        }
        let style = ProgressStyle::with_template("{bar:30} {pos:>4}/{len} s of market  {msg}");
        let style = style.expect("the template is a constant").progress_chars("█▉▊▋▌▍▎▏ ");
        let bar = ProgressBar::new(market_s).with_style(style);
        if !keys.is_empty() {
            bar.println(keys);
        }
        Self::Bar(bar)
    }

    /// Shows where things are.
    pub fn show(&mut self, market: Duration, wall: Duration, snapshot: &Snapshot, fills: usize) {
        let equity = snapshot.equity.unwrap_or_default().truncated(2);
        let state = snapshot.trading_state;
        let text = format!("equity {equity} {}  {fills} fills  {state}", snapshot.currency);
        match self {
            Self::Bar(bar) => {
                bar.set_position(market.as_secs());
                bar.set_message(text);
            }
            Self::Lines(last) if wall >= *last + LINE_EVERY => {
                *last = wall;
                eprintln!("{:>4} s of market: {text}", market.as_secs());
            }
            Self::Lines(_) | Self::Silent => {}
        }
    }

    /// Says something beside the bar.
    pub fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(text),
            Self::Lines(_) => eprintln!("{text}"),
            Self::Silent => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
