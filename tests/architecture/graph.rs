//! The dependency graph as cargo itself resolves it, and the tables it must agree with.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::tree::root;

/// Who may depend on whom, without the tests: the table of ARCHITECTURE.md. `events` (names of log
/// events) is open to every shell and closed to the pure crates.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("events", &[]),
    ("transport", &[]),
    ("market", &["model"]),
    ("kernel", &["model", "market"]),
    ("strategies", &["model", "market", "kernel"]),
    ("matching", &["model", "market", "kernel"]),
    ("binance", &["model", "kernel"]),
    ("report", &["model"]),
    ("store", &["model", "kernel", "binance", "events"]),
    ("data", &["model", "market", "binance", "transport", "store"]),
    ("backtest", &["model", "market", "kernel", "strategies", "matching", "store", "report"]),
    ("exchange", &["model", "market", "matching", "binance", "transport", "store", "events"]),
    ("actors", &["model", "market", "kernel", "transport", "events"]),
    (
        "tickwright",
        &[
            "model",
            "market",
            "kernel",
            "strategies",
            "matching",
            "binance",
            "exchange",
            "transport",
            "store",
            "data",
            "report",
            "actors",
            "backtest",
            "events",
        ],
    ),
];

/// Packages from outside that only these may name as dependencies, tests apart.
const OWNERS: &[(&str, &[&str])] = &[
    ("actix", &["actors", "tickwright"]),
    ("tokio", &["actors", "data", "exchange", "transport", "tickwright"]),
    ("tokio-tungstenite", &["exchange", "transport"]),
    ("tokio-rustls", &["transport"]),
    ("hyper", &["actors", "exchange", "transport", "tickwright"]),
    ("hyper-util", &["actors", "exchange", "transport"]),
    ("tracing", &["actors", "events", "exchange", "store", "tickwright"]),
    ("tracing-subscriber", &["tickwright"]),
    ("rusqlite", &["store"]),
    ("parquet", &["data"]),
    ("rand", &["backtest", "exchange", "matching", "store", "tickwright"]),
    ("rand_pcg", &["backtest", "exchange", "matching"]),
    ("rand_distr", &["exchange"]),
    ("ed25519-dalek", &["binance", "exchange"]),
    ("hmac", &["binance", "exchange"]),
    ("ring", &["exchange", "tickwright"]),
    ("secrecy", &["binance", "tickwright"]),
    ("clap", &["tickwright"]),
    ("config", &["tickwright"]),
    ("indicatif", &["tickwright"]),
    ("crossterm", &["tickwright"]),
];

/// Crates that decide: they reach no clock, socket, disk, randomness, log or runtime, not even
/// through somebody else.
const PURE: &[&str] = &["model", "market", "kernel", "strategies", "matching", "binance", "report"];

/// What a pure crate must not reach. (A generator with a seed, as `rand_pcg` is, is pure; what draws
/// from the system is `getrandom`.)
const IMPURE: &[&str] =
    &["actix", "getrandom", "hyper", "mio", "rusqlite", "socket2", "tokio", "tracing"];

/// What must not be in the program at all: TLS is rustls with ring, and nothing else.
const BANNED: &[&str] = &["aws-lc-rs", "native-tls", "openssl-sys", "reqwest"];

/// How a package is named in the tables: ours without the prefix.
fn short(name: &str) -> &str {
    name.strip_prefix("tickwright-").unwrap_or(name)
}

/// Edges of the resolved graph by package id, tests and builds apart, and the names of the ids.
struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    members: Vec<String>,
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs where cargo runs");
    let text = String::from_utf8(output.stdout).unwrap();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

impl Graph {
    fn load() -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1", "--offline", "--locked"]);
        cargo.args(["--filter-platform", &host()]).current_dir(root());
        let output = cargo.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let packages = list(&metadata["packages"]);
        let nodes = list(&metadata["resolve"]["nodes"]);
        let is_normal = |dependency: &Value| {
            list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
        };
        let edges_of = |node: &Value| {
            let dependencies = list(&node["deps"]).into_iter().filter(is_normal);
            dependencies.map(|dependency| text(&dependency["pkg"])).collect()
        };
        Self {
            names: packages.iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect(),
            edges: nodes.iter().map(|node| (text(&node["id"]), edges_of(node))).collect(),
            members: list(&metadata["workspace_members"]).iter().map(text).collect(),
        }
    }

    /// Name and direct dependencies of each of our crates.
    fn ours(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let direct = |id: &String| self.edges[id].iter().map(|id| short(&self.names[id])).collect();
        self.members.iter().map(|id| (short(&self.names[id]), direct(id))).collect()
    }
}

/// Everything that a crate of ours links, with the features that it asks for itself. (The graph of
/// `cargo metadata` has the features of the whole workspace.)
fn reach(name: &str) -> BTreeSet<String> {
    let package = if name == "tickwright" { name.to_owned() } else { format!("tickwright-{name}") };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"]);
    cargo.args(["--package", &package]).current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

#[test]
fn our_crates_depend_only_on_what_the_table_allows() {
    let graph = Graph::load();
    let ours = graph.ours();
    let rows: BTreeSet<&str> = MAY_DEPEND.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = ours.keys().copied().collect();
    assert_eq!(members, rows, "every crate has its row, and every row its crate");
    for (name, allowed) in MAY_DEPEND {
        let arrows: BTreeSet<&str> = ours[name].intersection(&members).copied().collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let undeclared: Vec<&&str> = arrows.difference(&allowed).collect();
        assert!(undeclared.is_empty(), "{name} must not depend on {undeclared:?}");
    }
}

#[test]
fn packages_from_outside_stay_with_their_owners() {
    let graph = Graph::load();
    let ours = graph.ours();
    for (package, owners) in OWNERS {
        let users: Vec<&str> = ours
            .iter()
            .filter(|(_, dependencies)| dependencies.contains(package))
            .map(|(name, _)| *name)
            .collect();
        let strangers: Vec<&&str> = users.iter().filter(|user| !owners.contains(user)).collect();
        assert!(strangers.is_empty(), "{package} is not for {strangers:?}");
        assert!(!users.is_empty(), "{package} is used by nobody: delete its row");
    }
}

#[test]
fn pure_crates_reach_nothing_impure() {
    for name in PURE {
        let reach = reach(name);
        let found: Vec<&&str> = IMPURE.iter().filter(|impure| reach.contains(**impure)).collect();
        assert!(found.is_empty(), "{name} reaches {found:?}");
    }
    let everything = reach("tickwright");
    for impure in IMPURE {
        assert!(everything.contains(*impure), "{impure} is nowhere: the check proves nothing");
    }
    let found: Vec<&&str> = BANNED.iter().filter(|banned| everything.contains(**banned)).collect();
    assert!(found.is_empty(), "{found:?} got into the program");
}
/// A page that shows another picture than the manifests would be believed.
#[test]
fn architecture_md_shows_the_arrows_as_they_are() {
    let page = super::tree::read("ARCHITECTURE.md");
    let graph = Graph::load();
    let ours = graph.ours();
    let members: BTreeSet<&str> = ours.keys().copied().collect();
    for (name, dependencies) in &ours {
        let arrows: Vec<&str> = dependencies.intersection(&members).copied().collect();
        let arrows = if arrows.is_empty() { "–".to_owned() } else { arrows.join(", ") };
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {name}"));
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        if *name != "tickwright" {
            assert_eq!(shown, arrows, "the last column of {name} in ARCHITECTURE.md");
        }
    }
}
