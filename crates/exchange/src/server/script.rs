//! Scripts of faults: control requests with the time at which each is made.
//!
//! One a line: milliseconds of wall time after the start, then the request as the control path
//! has it, without `/control/`. What follows a `#` is a remark.
//!
//! ```text
//! 5000   drop_websockets
//! 8000   silence?on=true      # TCP stays up
//! 9500   silence?on=false
//! 12000  fail?point=after&count=3&matching=order
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A request of the control path at a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptedFault {
    /// How long after the start.
    pub after: Duration,
    /// The request, without `/control/`.
    pub request: String,
}

/// Faults in order of time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FaultScript(pub Vec<ScriptedFault>);

/// Why a script can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A line is no fault.
    #[error("{path}: line {line}: `{text}` is not `<milliseconds> <request>`")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl FaultScript {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScriptError::Io { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|(line, text)| ScriptError::Line {
            path: path.to_owned(),
            line,
            text,
        })
    }

    /// Reads a script. The error is the number and the text of the first bad line.
    ///
    /// # Errors
    /// The first line that is no fault.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut faults = Vec::new();
        for (place, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or("").trim();
            if content.is_empty() {
                continue;
            }
            let fault = content.split_once(char::is_whitespace).and_then(|(after, request)| {
                let after = Duration::from_millis(after.parse().ok()?);
                Some(ScriptedFault { after, request: request.trim().to_owned() })
            });
            faults.push(fault.ok_or_else(|| (place + 1, line.to_owned()))?);
        }
        faults.sort_by_key(|fault| fault.after);
        Ok(Self(faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_in_order_of_time() {
        let script =
            FaultScript::parse("# one\n200 silence?on=true # two\n\n100\tskew?ms=5\n").unwrap();
        let requests: Vec<&str> = script.0.iter().map(|fault| fault.request.as_str()).collect();
        assert_eq!(requests, ["skew?ms=5", "silence?on=true"]);
        assert_eq!(FaultScript::parse("100 a\nsoon b"), Err((2, "soon b".to_owned())));
        assert_eq!(FaultScript::parse("100"), Err((1, "100".to_owned())));
    }
}
