//! Random trades in a file, a strategy's file, and the program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use tempfile::TempDir;

/// A directory with what a backtest needs.
pub struct Rig {
    directory: TempDir,
}

impl Rig {
    /// With so many random trades and `ema_cross` 10/30 on each.
    pub fn new(trades: u64, seed: u64) -> Self {
        let rig = Self { directory: tempfile::tempdir().unwrap() };
        rig.write("trades.csv", &random_trades(trades, seed));
        rig.write("cross.toml", STRATEGY);
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A file that the program wrote.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the program over the trades; what it printed, which must be one JSON object.
    #[track_caller]
    pub fn backtest(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        command.current_dir(self.directory.path()).arg("backtest").arg("--json");
        command.args(["--strategy", "cross.toml", "--data", "trades.csv"]).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command in the directory; its exit code, and what it printed.
    #[track_caller]
    pub fn run(&self, command: &str, arguments: &[&str]) -> (i32, String) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tickwright"));
        program.current_dir(self.directory.path()).arg(command).args(arguments);
        let output = program.output().unwrap();
        let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// What a script makes of the trades; `None` where there is no Python.
    pub fn script(&self, name: &str) -> Option<Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backtest").join(name);
        let output = Command::new("python3").arg(script).arg(self.path("trades.csv")).output();
        let Ok(output) = output else {
            eprintln!("SKIPPED: there is no python3; {name} is not compared");
            return None;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }
}

const STRATEGY: &str = r#"
id = "cross"
kind = "ema_cross"
symbols = ["BTCUSDT"]
capital = "100000"

[parameters]
source = "trades"
fast = 10
slow = 30
quantity = "0.01"
"#;

fn random_trades(count: u64, seed: u64) -> String {
    let mut random = Pcg64::seed_from_u64(seed);
    let (mut cents, mut at_ms) = (6_000_000_u64, 1_700_000_000_000_u64);
    let mut text = "id,price,qty,quote_qty,time_ms,is_buyer_maker\n".to_owned();
    for id in 1..=count {
        cents = cents + random.random_range(0..=200_u64) - 100;
        at_ms += random.random_range(0..200);
        let quantity = random.random_range(1..=100_000_u64);
        let (price, quote) = (cents as f64 / 100.0, (cents * quantity) as f64 / 1e7);
        let maker = random.random::<bool>();
        let quantity = quantity as f64 / 1e5;
        writeln!(text, "{id},{price:.2},{quantity:.5},{quote:.7},{at_ms},{maker}").unwrap();
    }
    text
}
