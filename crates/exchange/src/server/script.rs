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

use super::control::RULES;

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
    /// A line asks for what the control path does not have.
    #[error("{path}: line {line}: {reason}")]
    Request {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// What a script may ask for: the request, parameters that it needs, and others that it may have.
const REQUESTS: [(&str, &[&str], &[&str]); 24] = [
    ("clock", &["speed"], &[]),
    ("pause", &[], &[]),
    ("resume", &[], &[]),
    ("skew", &["ms"], &[]),
    ("drop_websockets", &[], &[]),
    ("close_websockets", &[], &[]),
    ("server_shutdown", &[], &[]),
    ("silence", &["on"], &[]),
    ("delay", &["ms"], &["matching"]),
    ("fail", &["point"], &["status", "count", "matching"]),
    ("frames", &["fault"], &["count", "matching"]),
    ("advance", &[], &["frames"]),
    ("exhaust_weight", &[], &[]),
    ("halt", &["symbol", "status"], &[]),
    ("rules", &["symbol"], &RULES),
    ("reference_price", &["symbol"], &["price"]),
    ("deposit", &["asset", "amount"], &[]),
    ("revoke_key", &["api_key"], &[]),
    ("key_rights", &["api_key"], &["withdraw", "ip_restrict"]),
    ("alter", &["from", "to"], &["matching"]),
    ("database_lag", &["ms"], &[]),
    ("memory_lag", &["ms"], &[]),
    ("bnb_fees", &["on"], &[]),
    ("clear", &[], &[]),
];

/// What is wrong with a request, if the control path would refuse it for its name or parameters.
fn wrong_with(request: &str) -> Option<String> {
    let (name, query) = request.split_once('?').unwrap_or((request, ""));
    let Some((_, needed, others)) = REQUESTS.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = REQUESTS.iter().map(|(known, ..)| *known).collect();
        return Some(format!("there is no request `{name}`; a script has {}", known.join(", ")));
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    let given: Vec<&str> = parts.map(|part| part.split('=').next().unwrap_or(part)).collect();
    let is_odd = |part: &&&str| !needed.contains(*part) && !others.contains(*part);
    if let Some(odd) = given.iter().find(is_odd) {
        return Some(format!("`{name}` has no parameter `{odd}`"));
    }
    let missing = needed.iter().find(|part| !given.contains(*part));
    missing.map(|part| format!("`{name}` needs the parameter `{part}`"))
}

impl FaultScript {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScriptError::Io { path: path.to_owned(), source })?;
        let lines = Self::lines(&text).map_err(|(line, text)| {
            let path = path.to_owned();
            ScriptError::Line { path, line, text }
        })?;
        for (line, fault) in &lines {
            if let Some(reason) = wrong_with(&fault.request) {
                return Err(ScriptError::Request { path: path.to_owned(), line: *line, reason });
            }
        }
        Ok(Self::in_order(lines))
    }

    /// Reads a script. The error is the number and the text of the first bad line.
    ///
    /// # Errors
    /// The first line that is no fault.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        Self::lines(text).map(Self::in_order)
    }

    fn in_order(lines: Vec<(usize, ScriptedFault)>) -> Self {
        let mut faults: Vec<_> = lines.into_iter().map(|(_, fault)| fault).collect();
        faults.sort_by_key(|fault| fault.after);
        Self(faults)
    }

    /// The faults as they are written, each with the number of its line.
    fn lines(text: &str) -> Result<Vec<(usize, ScriptedFault)>, (usize, String)> {
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
            faults.push((place + 1, fault.ok_or_else(|| (place + 1, line.to_owned()))?));
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_control_path_would_refuse_is_refused_before() {
        #[track_caller]
        fn check(request: &str, expected: Option<&str>) {
            let found = wrong_with(request);
            assert_eq!(found.is_some(), expected.is_some(), "{request}: {found:?}");
            let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
            assert!(found.contains(expected), "{found}");
        }
        check("drop_websockets", None);
        check("fail?point=after&count=3&matching=order", None);
        check("drop_sockets", Some("there is no request `drop_sockets`; a script has clock, "));
        check("rules?symbol=BTCUSDT&ocoAllowed=false", None);
        check("silence", Some("`silence` needs the parameter `on`"));
        check("delay?ms=5&match=order", Some("`delay` has no parameter `match`"));
        // What needs a body is not for scripts.
        check("inject?to=api", Some("no request `inject`"));
    }

    /// What a row of the control path's table says of a request: its name, and its parameters
    /// outside and inside of brackets.
    fn documented(request: &str) -> (String, Vec<&str>, Vec<&str>) {
        let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let name = request.chars().take_while(|c| is_of_name(*c)).collect();
        let (mut needed, mut others, mut depth) = (Vec::new(), Vec::new(), 0);
        let request = request.split('`').next().unwrap();
        for (place, c) in request.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                '?' | '&' => {
                    let parameter = request[place + 1..].split('=').next().unwrap();
                    if depth == 0 { &mut needed } else { &mut others }.push(parameter);
                }
                _ => {}
            }
        }
        (name, needed, others)
    }

    /// The control path's own table is the oracle.
    #[test]
    fn scripts_have_every_request_without_a_body_with_its_parameters() {
        let rows =
            include_str!("control.rs").lines().filter_map(|line| line.strip_prefix("//! | `POST "));
        let mut names = Vec::new();
        for request in rows.flat_map(|row| row.split("/control/").skip(1)) {
            let (name, needed, others) = documented(request);
            if ["inject", "add_key", "step"].contains(&name.as_str()) {
                continue;
            }
            let known = REQUESTS.iter().find(|(known, ..)| *known == name);
            let (_, known_needed, known_others) = known.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(needed, **known_needed, "{name}");
            if name == "rules" {
                // The table shows some of them, and says where the others are named.
                assert!(others.len() > 4 && others.iter().all(|rule| known_others.contains(rule)));
            } else {
                assert_eq!(others, **known_others, "{name}");
            }
            names.push(name);
        }
        names.sort_unstable();
        names.dedup();
        let mut known = REQUESTS.map(|(name, ..)| name);
        known.sort_unstable();
        assert_eq!(names, known);
    }

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
