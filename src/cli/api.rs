//! Arguments of `api`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;
use super::run::engine_overrides;
use crate::config::Override;

/// Arguments of `api`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ApiArgs {
    /// Where settings come from
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Where to listen, instead of `api.bind` in the file
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<IpAddr>,

    /// The port, instead of `api.port` in the file; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// What is real, instead of `mode` in the file
    #[arg(long, value_name = "sim|paper|live")]
    mode: Option<String>,

    /// Where journal, lock and logs live, instead of `state_dir` in the file
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Trade with real money: needed besides `mode = "live"`
    #[arg(long)]
    pub live: bool,
}

const HELP: &str = "\
Runs the engine as `run` does, with the HTTP API on: health, status, prices, strategies, orders,
fills and positions as JSON, read only, on http://127.0.0.1:8000 unless told otherwise.

Examples:
  tickwright api
  tickwright api --port 9000 & curl -s http://127.0.0.1:9000/health";

impl ApiArgs {
    /// The settings that these flags make.
    #[must_use]
    pub fn overrides(&self) -> Vec<Override> {
        let bind = self.bind.map(|bind| Override::of_flag("--bind", "api.bind", bind.to_string()));
        let port = self.port.map(|port| Override::of_flag("--port", "api.port", port.to_string()));
        let on = Override::of_flag("api", "api.enabled", "true");
        let engine = engine_overrides(self.mode.as_deref(), self.state_dir.as_deref());
        engine.into_iter().chain(bind).chain(port).chain([on]).collect()
    }
}
