//! The state directory on real files, with real second processes.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use model::{OrderId, Role, StrategyId, Timestamp, VenueId};
use tickwright_store::state_dir::{
    Lock, LockError, StateDir, StateDirError, account_lock_path, write_atomically,
};

const DIRECTORY: &str = "TICKWRIGHT_TEST_STATE_DIR";

/// The other process: holds the directory until it is killed; nothing when it runs as a test.
#[test]
fn holding_process() {
    let Ok(path) = std::env::var(DIRECTORY) else { return };
    let _state = StateDir::open(Path::new(&path)).unwrap();
    println!("held");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

fn other_process(directory: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holding_process", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.as_mut().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line.contains("held")));
    child
}

#[test]
fn a_second_process_is_refused_and_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = other_process(dir.path());
    let error = StateDir::open(dir.path()).unwrap_err();
    let expected = Some(other.id());
    assert!(matches!(error, StateDirError::Locked { holder, .. } if holder == expected));
    assert!(error.to_string().contains(&format!("process {}", other.id())), "{error}");
    other.kill().unwrap();
    other.wait().unwrap();
    // Killed without a chance to tidy up: the lock is free all the same.
    StateDir::open(dir.path()).unwrap();
}

#[test]
fn a_second_opening_in_the_same_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = StateDir::open(dir.path()).unwrap();
    let error = StateDir::open(dir.path()).unwrap_err();
    assert!(matches!(error, StateDirError::Locked { .. }), "{error}");
    drop(first);
    StateDir::open(dir.path()).unwrap();
}

#[test]
fn the_directory_is_private_and_keeps_its_name() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    let first = StateDir::open(&path).unwrap().instance();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mode = std::fs::metadata(path.join("instance")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(StateDir::open(&path).unwrap().instance(), first);
    let other = StateDir::open(&parent.path().join("c")).unwrap().instance();
    assert_ne!(other, first);
    // What it is for: a client order id that is recognised as ours.
    let order = OrderId { epoch: 1, strategy: StrategyId(2), number: 3 };
    let id = order.to_client_order_id(first, Role::Entry);
    assert_eq!(OrderId::from_client_order_id(&id), Ok((first, order, Role::Entry)));
}

#[test]
fn what_cannot_be_used_says_what_to_do() {
    #[track_caller]
    fn check(path: &Path, says: &[&str]) {
        let error = StateDir::open(path).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{error}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    check(&file, &["file cannot be written", "set another state directory"]);
    // Nobody, root included, can make a directory there.
    check(Path::new("/proc/self/state"), &["cannot be written", "let this user write there"]);
    let damaged = dir.path().join("damaged");
    StateDir::open(&damaged).unwrap();
    for name in ["", "abc", "ABCDEF", "abc def", "abcdefg", "äöü"] {
        std::fs::write(damaged.join("instance"), name).unwrap();
        check(&damaged, &["instance is damaged", "six characters of 0-9a-z"]);
    }
}

#[test]
fn epochs_only_go_up() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    #[track_caller]
    fn check(state: &StateDir, journal: Option<u32>, now_secs: i64, expected: u32) {
        let epoch = state.next_epoch(journal, Timestamp::from_secs(now_secs)).unwrap();
        assert_eq!(epoch, expected);
    }
    check(&state, None, -5, 1);
    check(&state, None, 1_000, 1_000);
    check(&state, Some(1_000), 1_000, 1_001);
    check(&state, None, 900, 1_002);
    check(&state, Some(5_000), 900, 5_001);
    check(&state, Some(3), 6_000, 6_000);
    std::fs::write(dir.path().join("epoch"), "soon").unwrap();
    let error = state.next_epoch(None, Timestamp::from_secs(7_000)).unwrap_err();
    assert!(matches!(error, StateDirError::Damaged { .. }), "{error}");
}

#[test]
fn every_venue_identity_has_its_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    #[track_caller]
    fn check(state: &StateDir, venue: &str, expected: &str) {
        let venue = VenueId::new(venue).unwrap();
        let path = state.journal_path(&venue);
        assert_eq!(path.file_name().unwrap().to_str(), Some(expected));
        assert_eq!(path.parent(), Some(state.path()));
    }
    check(&state, "binance-live:48213", "journal-binance-live.48213.sqlite");
    check(&state, "sim:../7f3a", "journal-sim.%2e%2e%2f7f3a.sqlite");
    check(&state, "sim.7f3a", "journal-sim%2e7f3a.sqlite");
    let venue = VenueId::new("binance-live:48213").unwrap();
    let path = account_lock_path(dir.path(), &venue);
    let held = Lock::acquire(&path).unwrap();
    let error = Lock::acquire(&path).unwrap_err();
    let us = Some(std::process::id());
    assert!(matches!(error, LockError::Held { holder, .. } if holder == us), "{error}");
    drop(held);
    assert!(path.exists(), "a lock of the state directory stays where it is");
    let held = Lock::acquire_for_now(&path).unwrap();
    assert!(Lock::acquire_for_now(&path).is_err());
    assert!(path.exists(), "nobody removes it while it is held");
    drop(held);
    assert!(!path.exists(), "and nothing is left in a directory of others");
}

/// Each of many who take and leave a lock that is removed in between is alone.
#[test]
fn nobody_holds_a_lock_that_was_removed_beside_one_who_holds_its_successor() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.lock");
    let (inside, taken) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let Ok(held) = Lock::acquire_for_now(&path) else { continue };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    taken.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(held);
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
}

#[test]
fn strikes_are_counted_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let strikes = state.strikes();
    assert!(strikes.read().unwrap().is_empty());
    let added = ["dip btc", "grid", "dip btc"].map(|name| strikes.add(name).unwrap());
    assert_eq!(added, [1, 1, 2]);
    strikes.clear("grid").unwrap();
    strikes.clear("nobody").unwrap();
    std::fs::write(dir.path().join("strikes"), "2 dip btc\nnonsense\n\nx y\n").unwrap();
    assert_eq!(strikes.read().unwrap(), [("dip btc".to_owned(), 2)].into());
}

#[test]
fn the_kill_switch_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    assert!(!state.is_kill_switch_on());
    std::fs::write(state.kill_switch(), "").unwrap();
    assert!(state.is_kill_switch_on());
}

#[test]
fn a_small_file_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small");
    for contents in ["first", "second, and longer", "3"] {
        write_atomically(&path, contents.as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
    }
    let names = std::fs::read_dir(dir.path()).unwrap();
    assert_eq!(names.count(), 1, "nothing temporary stays");
    let missing = dir.path().join("missing/small");
    write_atomically(&missing, b"").unwrap_err();
}
