//! Figures of this process, from the system.

use std::time::Duration;

use serde::Serialize;

/// What the system says of this process. `None`: the system does not say.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct ProcessFigures {
    /// Memory in RAM.
    pub resident_bytes: Option<u64>,
    /// Open file handles, sockets included.
    pub open_files: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Processor time used so far.
    pub cpu: Option<Duration>,
}

/// Kernel clock ticks in a second: a constant of Linux's interface to user space.
const TICKS_PER_SECOND: u64 = 100;

impl ProcessFigures {
    /// Reads them now, from `/proc` where there is one.
    #[must_use]
    pub fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        Self {
            resident_bytes: field("VmRSS:").map(|kibibytes| kibibytes * 1_024),
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|dir| dir.count() as u64),
            threads: field("Threads:"),
            cpu: cpu_time(),
        }
    }
}

/// Sets the priority of the calling thread, as nice(2) counts: -20 is the highest, 0 the usual one.
/// Threads that it starts later inherit it.
///
/// On a machine with few cores the system else runs whoever is woken by a send, such as a local
/// exchange or the log's reader, before the sender is done with its turn.
///
/// # Errors
/// The system's refusal: raising it needs `CAP_SYS_NICE` or `RLIMIT_NICE`.
pub fn set_thread_priority(nice: i32) -> std::io::Result<()> {
    // On Linux the calling thread's alone.
    Ok(rustix::process::setpriority_process(None, nice)?)
}

/// User and system time: fields 14 and 15 of `/proc/self/stat`, counted after the command's name,
/// which may hold spaces and ends with the last parenthesis.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 1_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_plausible_figures() {
        let figures = ProcessFigures::read();
        assert!(figures.resident_bytes.unwrap() > 500_000);
        assert!(figures.open_files.unwrap() >= 3);
        assert!(figures.threads.unwrap() >= 1);
        assert!(figures.cpu.is_some());
    }
}
