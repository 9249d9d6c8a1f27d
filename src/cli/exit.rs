//! How the process ends: one table of exit codes.

use std::fmt::Write as _;
use std::process::ExitCode;

/// Why the process ended. The numbers are stable: scripts and service managers rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for was done.
    Ok = 0,
    /// A wrong argument, or a configuration that does not pass `check`.
    Usage = 2,
    /// Another instance holds the state directory or the account.
    Locked = 3,
    /// A port to listen on is taken.
    PortInUse = 4,
    /// Some of what was asked for failed; the rest was delivered.
    Partial = 5,
    /// The venue can't be reached.
    VenueUnreachable = 6,
    /// The journal, a file or a directory can't be read or written.
    Storage = 7,
    /// Trading is halted and needs a person.
    Halted = 8,
    /// No engine runs where one was to be talked to.
    NotRunning = 9,
    /// The engine runs and is not well, or takes nothing new on.
    Unwell = 10,
    /// A bug: a part of the engine that must not fail did.
    Internal = 70,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Usage,
        Self::Locked,
        Self::PortInUse,
        Self::Partial,
        Self::VenueUnreachable,
        Self::Storage,
        Self::Halted,
        Self::NotRunning,
        Self::Unwell,
        Self::Internal,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means and what to do.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Everything that was asked for was done.",
            Self::Usage => {
                "A wrong argument or configuration; the message says which. Nothing was started."
            }
            Self::Locked => {
                "Another instance holds the state directory or the account. Stop it, or use another \
                 `state_dir`."
            }
            Self::PortInUse => "A port to listen on is taken. Choose another, or 0 for any.",
            Self::Partial => "Some of what was asked for failed and is named; the rest is there.",
            Self::VenueUnreachable => "The venue can't be reached. Check network and endpoint.",
            Self::Storage => {
                "The journal, a file or a directory can't be read or written. Mend the disk or the \
                 permissions; the next start replays and reconciles."
            }
            Self::Halted => {
                "Trading is halted and needs a person. The log says why: `risk.state_changed`."
            }
            Self::NotRunning => "No engine answers in that state directory.",
            Self::Unwell => {
                "From `status`: the engine runs and is not halted, but something is wrong, or it is \
                 reduced to exits. What is named in `problems` and `trading_state`."
            }
            Self::Internal => {
                "A bug. Report it with the log; the next start replays and reconciles."
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table for a page.
#[must_use]
pub fn to_markdown() -> String {
    let mut table = String::from("| code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        let _ = writeln!(table, "| {} | {} |", exit.code(), exit.meaning());
    }
    table
}

/// A command that failed: what to tell the user, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong and what to do about it.
    pub message: String,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl From<crate::config::ConfigErrors> for Failure {
    fn from(errors: crate::config::ConfigErrors) -> Self {
        Self::new(Exit::Usage, errors)
    }
}
