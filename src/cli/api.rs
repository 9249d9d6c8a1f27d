//! Arguments of `api`.

use std::net::IpAddr;

use clap::Args;

use super::ConfigArgs;
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
        bind.into_iter().chain(port).chain([on]).collect()
    }
}
