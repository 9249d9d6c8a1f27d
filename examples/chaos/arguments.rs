//! What the loop is told.

use clap::{Parser, ValueEnum};

/// When a record counts as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Durability {
    /// Synced: survives a power cut.
    Power,
    /// Handed to the system: survives `kill -9`.
    Process,
}

/// Kills the engine at random instants and compares both sides' records.
#[derive(Clone, Debug, Parser)]
#[command(name = "chaos")]
pub struct Arguments {
    /// How often the engine is killed
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub kills: u32,
    /// Decides when and how
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Compare both records after so many kills, and at the end
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub audit_every: u32,
    /// Seconds of market per second
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub speed: u32,
    /// What the journal waits for
    #[arg(long, value_enum, default_value = "process")]
    pub durability: Durability,
    /// A restart that nothing disturbs must be live again within so many milliseconds, and what
    /// the fence demands
    #[arg(long, value_name = "MS", default_value_t = 3_000)]
    pub live_within_ms: u64,
    /// Print each kill
    #[arg(long)]
    pub verbose: bool,
}
