//! What every manifest says.

use toml::{Table, Value};

use super::tree::{files, read};

/// Those of the workspace. What stands beside it (fuzz targets, others' backtesters for comparison)
/// has a workspace of its own.
fn manifests() -> Vec<(String, Table)> {
    let found = files("", &["Cargo.toml"]).into_iter();
    let read = found.map(|file| (file.path, file.text.parse::<Table>().unwrap()));
    read.filter(|(path, manifest)| path == "Cargo.toml" || manifest.get("workspace").is_none())
        .collect()
}

#[test]
fn every_crate_has_the_lints_of_the_workspace_and_the_versions_of_the_workspace() {
    for (path, manifest) in manifests() {
        assert_eq!(manifest["lints"]["workspace"], Value::Boolean(true), "{path}");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section) else { continue };
            for (name, dependency) in dependencies.as_table().unwrap() {
                let is_shared = dependency.get("workspace") == Some(&Value::Boolean(true));
                assert!(is_shared, "{path}: {name} has a version of its own");
            }
        }
    }
}

/// A wrapped number in an order is worse than a crash, and a strategy's panic must be caught.
#[test]
fn the_release_profile_checks_overflow_and_unwinds() {
    let manifest: Table = read("Cargo.toml").parse().unwrap();
    let profiles = manifest["profile"].as_table().unwrap();
    assert_eq!(profiles["release"]["overflow-checks"], Value::Boolean(true));
    for (name, profile) in profiles {
        assert_eq!(profile.get("panic"), None, "profile {name}");
        if name != "release" {
            assert_eq!(profile.get("overflow-checks"), None, "profile {name}");
        }
    }
    let lints = &manifest["workspace"]["lints"];
    assert_eq!(lints["rust"]["unsafe_code"].as_str(), Some("deny"));
    assert_eq!(lints["clippy"]["wildcard_enum_match_arm"].as_str(), Some("warn"));
    let clippy = read("clippy.toml");
    for banned in ["actix::Addr::do_send", "actix::Recipient::do_send"] {
        assert!(clippy.contains(banned), "clippy.toml bans {banned}");
    }
}

#[test]
fn everything_comes_from_the_public_registry() {
    let lock: Table = read("Cargo.lock").parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        match package.get("source") {
            None => assert!(name.starts_with("tickwright"), "{name} has no source"),
            Some(source) => assert_eq!(
                source.as_str(),
                Some("registry+https://github.com/rust-lang/crates.io-index"),
                "{name}"
            ),
        }
    }
}
