//! Damage that SQLite takes for the end of its log, and journals that are gone: the mark beside them
//! knows better.

use std::path::{Path, PathBuf};

use kernel::journal::{Durability, Journal, JournalError, Record};
use kernel::risk::TradingState;
use tickwright_store::journal::{JournalReader, Level, SqliteJournal};

use crate::records::{at, day, persists, start};

const HALTED_BY: &str = "do not trade";

/// A journal as a kill leaves it: much in its log, and a halt at the end.
fn killed() -> (tempfile::TempDir, PathBuf) {
    let (run, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = run.path().join("journal-x.sqlite");
    let mut journal = SqliteJournal::open(&path, Level::Process).unwrap();
    let records = [start(), day(3, 1_790_000_000, 200)].concat();
    for part in persists(&records, Durability::Committed).chunks(4) {
        journal.append(part).unwrap();
    }
    let (state, reason) = (TradingState::Halted, HALTED_BY.to_owned());
    let halt = Record::TradingStateChanged { state, reason, at: at(900) };
    journal.append(&persists(&[halt], Durability::Synced)).unwrap();
    for file in std::fs::read_dir(run.path()).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
    }
    let path = copy.path().join("journal-x.sqlite");
    (copy, path)
}

fn log_of(path: &Path) -> PathBuf {
    path.with_file_name("journal-x.sqlite-wal")
}

/// Changes bytes at a place in the used part of the log.
fn flip(path: &Path, part: f64) {
    let mut bytes = std::fs::read(log_of(path)).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
    let place = (used as f64 * part) as usize;
    bytes[place..place + 4].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(log_of(path), bytes).unwrap();
}

#[track_caller]
fn check(name: &str, damage: impl Fn(&Path), expected: &str) {
    let (_directory, path) = killed();
    damage(&path);
    let found = std::fs::read(&path).ok();
    let refused = |outcome: Result<(), JournalError>| match outcome {
        Err(JournalError::Corrupt { reason, .. }) => {
            assert!(reason.contains(expected), "{name}: {reason}");
        }
        other => panic!("{name}: {other:?}"),
    };
    if path.exists() && found.as_ref().is_some_and(|bytes| !bytes.is_empty()) {
        refused(JournalReader::open(&path).and_then(|reader| reader.verify()).map(|_| ()));
    }
    refused(SqliteJournal::open(&path, Level::Process).map(|_| ()));
    assert!(std::fs::read(&path).ok() == found, "{name}: left as it was found");
}

#[test]
fn damage_in_the_log_is_told_from_a_torn_tail() {
    for part in [0.1, 0.5, 0.9] {
        check("flipped", |path| flip(path, part), "its log is damaged");
    }
    // SQLite reads nothing behind a header that is not whole.
    check("the header", |path| flip(path, 0.0), "");
}

#[test]
fn a_journal_that_has_lost_a_halt_is_refused_and_says_so() {
    let gone = |path: &Path| std::fs::remove_file(path).unwrap();
    check("the log", |path| gone(&log_of(path)), HALTED_BY);
    check("the journal", |path| [path, &log_of(path)].into_iter().for_each(gone), HALTED_BY);
    let emptied = |path: &Path| {
        std::fs::write(path, "").unwrap();
        gone(&log_of(path));
    };
    check("emptied", emptied, HALTED_BY);
    // The last commit is torn: to SQLite that is the end of the log.
    check("the last commit", |path| flip(path, 0.9999), HALTED_BY);
}

#[test]
fn what_a_kill_leaves_is_whole_and_moves_to_the_database_at_the_next_start() {
    let (_directory, path) = killed();
    let before = std::fs::metadata(&path).unwrap().len();
    let verified = JournalReader::open(&path).unwrap().verify().unwrap();
    let journal = SqliteJournal::open(&path, Level::Process).unwrap();
    assert_eq!(*journal.ledger(), verified.ledger);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::fs::metadata(&path).unwrap().len() == before {
        assert!(std::time::Instant::now() < deadline, "no checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Once the mark was moved away too, somebody has decided.
#[test]
fn without_its_mark_a_journal_is_taken_as_it_is() {
    let (directory, path) = killed();
    std::fs::remove_file(directory.path().join("mark-x")).unwrap();
    std::fs::remove_file(log_of(&path)).unwrap();
    SqliteJournal::open(&path, Level::Process).unwrap();
}

#[test]
fn a_journal_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal-x.sqlite");
    let mut journal = SqliteJournal::open(&path, Level::Process).unwrap();
    journal.append(&persists(&start(), Durability::Synced)).unwrap();
    drop(journal.ahead().unwrap());
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file:?}");
    }
}
