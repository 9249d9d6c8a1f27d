//! Arguments of `sweep`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use backtest::sweep::Axis;
use clap::{Args, ValueEnum};

use super::history::HistoryArgs;

/// Arguments of `sweep`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct SweepArgs {
    /// Strategies, data and settings
    #[command(flatten)]
    pub history: HistoryArgs,

    /// A setting and its values: 5,10,20 or 5..50 or 0.5..2:0.25; may be repeated. A name without a
    /// dot is a parameter of the strategy
    #[arg(long = "param", value_name = "NAME=VALUES", required = true, value_parser = Axis::parse)]
    pub params: Vec<Axis>,

    /// Draw so many combinations at random instead of running all
    #[arg(long, value_name = "N")]
    pub random: Option<NonZero<u32>>,

    /// Where the draws begin
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Choose on a span of time, trade the next one with what was chosen, and so on: TRAIN,TEST,
    /// such as 30d,7d
    #[arg(long, value_name = "TRAIN,TEST", value_parser = windows)]
    pub walk_forward: Option<(Duration, Duration)>,

    /// What the best is chosen by
    #[arg(long, value_enum, default_value_t = Best::Profit)]
    pub best: Best,

    /// Runs at once; as many as there are cores if absent
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,

    /// Where results go: runs.jsonl, sweep.csv, sweep.html; with --walk-forward also walk.csv,
    /// walk.json and walk_equity.csv. The same sweep goes on there where it was interrupted
    #[arg(long, value_name = "DIR", default_value = "sweep")]
    pub out: PathBuf,

    /// How many of the best to print
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What runs are compared by; more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Best {
    /// End equity less start equity
    Profit,
    /// Mean over deviation of the returns
    Sharpe,
    /// Profit over the deepest fall
    Calmar,
}

impl Best {
    /// As it is given.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profit => "profit",
            Self::Sharpe => "sharpe",
            Self::Calmar => "calmar",
        }
    }
}

impl SweepArgs {
    /// The command that repeats the sweep. (What only says where results go does not change them.)
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = self.history.command("sweep");
        for Axis { name, values } in &self.params {
            command += &format!(" --param '{name}={}'", values.join(","));
        }
        if let Some(count) = self.random {
            command += &format!(" --random {count} --seed {}", self.seed);
        }
        if let Some((train, test)) = self.walk_forward {
            command += &format!(" --walk-forward {}s,{}s", train.as_secs(), test.as_secs());
        }
        command + " --best " + self.best.name()
    }
}

const HELP: &str = "\
Runs the strategy once for each combination of values, on all cores, over one copy of the data in
memory. Settings that do not fit each other (fast above slow) are listed as refused. What is written
does not depend on the number of threads.

A run that a limit stopped before its end is marked, and ranked behind those that were not.

The best of many runs is lucky as well as good: the deflated Sharpe ratio says how likely it is that
more than luck is left.

Examples:
  tickwright sweep --strategy my.toml --data catalog --param fast=5..50:5 --param slow=20..200:20
  tickwright sweep --strategy my.toml --data trades.csv --param fast=2..100 --param slow=10..500 \\
      --random 500 --seed 7 --best sharpe
  tickwright sweep --strategy my.toml --data catalog --param fast=5..50:5 --walk-forward 30d,7d";

/// Reads `30d,7d`.
fn windows(text: &str) -> Result<(Duration, Duration), String> {
    let refuse = || "expected two lengths such as 30d,7d or 12h,90m".to_owned();
    let (train, test) = text.split_once(',').ok_or_else(refuse)?;
    let length = |text: &str| {
        let text = text.trim();
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let number: u64 = text[..at].parse().map_err(|_| refuse())?;
        let unit = match &text[at..] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(refuse()),
        };
        let seconds = number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(refuse)?;
        Ok(Duration::from_secs(seconds))
    };
    Ok((length(train)?, length(test)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_two_lengths() {
        #[track_caller]
        fn check(text: &str, expected: Option<(u64, u64)>) {
            let actual = windows(text).ok().map(|(a, b)| (a.as_secs(), b.as_secs()));
            assert_eq!(actual, expected, "{text}");
        }
        check("30d,7d", Some((2_592_000, 604_800)));
        check("90m, 30s", Some((5_400, 30)));
        check("30d", None);
        check("30,7", None);
        check("0d,7d", None);
        check("d,7d", None);
    }
}
