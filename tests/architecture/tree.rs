//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file: its path below the root, and its text.
pub struct File {
    pub path: String,
    pub text: String,
}

/// The files below `directory` whose names end with one of `endings`, in the order of their paths.
/// What is built, kept or hidden is no part of the project.
pub fn files(directory: &str, endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(directory), endings, &mut found);
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(!found.is_empty(), "no files in {directory}: the scan would prove nothing");
    found
}

fn walk(directory: &Path, endings: &[&str], found: &mut Vec<File>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_ours = name == ".ci" || !(name.starts_with('.') || name == "target");
        if path.is_dir() {
            if is_ours && name != "state" {
                walk(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let below = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(File { path: below, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The file at this path below the root.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
