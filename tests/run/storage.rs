//! A disk that takes no more: nothing is sent or written after it, the process ends, and the next
//! start carries on.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::alerts::webhook;
use crate::support::{Desk, Venue, Within, compare};

#[test]
fn a_journal_that_cannot_grow_ends_the_process_and_loses_nothing() {
    let venue = Venue::start(20);
    let (url, told) = webhook();
    let desk = Desk::at(&venue).with_busy_strategies().set(&format!("alerts.webhook_url={url}"));
    // A limit on the size of files, in blocks of 512 bytes; the signal that comes with it is
    // ignored, so that the write is refused as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1000; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_tickwright")]).args(desk.arguments());
    // The log is not to reach the limit first.
    command.args(["--set", "logs.level=error"]);
    let mut engine = desk.start_command(command);
    assert_eq!(engine.exit(Within::secs(60)), Some(7), "{}", engine.errors());
    assert!(engine.errors().contains("journal failed"), "{}", engine.errors());
    let failed = engine.wait_for("journal.failed", |_| true, Within::secs(1));
    assert!(failed["error"].as_str().unwrap().contains("disk"), "{failed}");
    assert_eq!(engine.events("mailbox.overflowed"), Vec::<Value>::new());
    let alert = told.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(alert["subject"], "the engine has ended", "{alert}");
    assert!(alert["text"].as_str().unwrap().contains("disk"), "{alert}");

    let mut engine = desk.start();
    engine.wait_until_ready();
    engine.wait_for_more_fills(3, |_| true);
    engine.stop();
    assert_eq!(venue.open_orders(), Vec::<String>::new());
    compare(&desk, &venue);
}
