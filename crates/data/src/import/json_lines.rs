//! Tables as one JSON object a line, as lines like those of a text file with a header.

use std::path::Path;

use serde_json::{Map, Value};
use store::{Lines, SourceError};

use super::ImportError;
use super::parquet_lines::SEPARATOR;

/// The names of the members of a line that is one object of plain values; `None` for another line.
pub fn names_of(line: &str) -> Option<Vec<String>> {
    let object: Map<String, Value> = serde_json::from_str(line).ok()?;
    let is_plain = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
    let is_table = !object.is_empty() && object.values().all(is_plain);
    is_table.then(|| object.into_iter().map(|(name, _)| name).collect())
}

/// The same of a file's first line that is not empty.
pub fn names_of_file(path: &Path) -> Result<Option<Vec<String>>, ImportError> {
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        let line = line.trim_start_matches('\u{feff}').trim();
        if !line.is_empty() {
            return Ok(names_of(line));
        }
    }
    Ok(None)
}

/// The names of the columns as a line.
pub fn header(names: &[String]) -> String {
    names.join(&SEPARATOR.to_string())
}

/// Objects of a file, after a line of the names of the first one's members. The others have the
/// same, in any order; what a line lacks is empty.
pub struct JsonLines {
    path: std::path::PathBuf,
    lines: Lines,
    names: Vec<String>,
    is_begun: bool,
    line: String,
    number: u64,
}

impl JsonLines {
    /// Around a file whose first line has these members.
    pub fn new(path: &Path, lines: Lines, names: Vec<String>) -> Self {
        Self {
            path: path.to_owned(),
            lines,
            names,
            is_begun: false,
            line: String::new(),
            number: 0,
        }
    }

    /// The next line; `None` after the last.
    pub fn next(&mut self) -> Result<Option<&str>, ImportError> {
        if !self.is_begun {
            self.is_begun = true;
            self.line = header(&self.names);
            return Ok(Some(&self.line));
        }
        let Some(text) = self.lines.next()? else { return Ok(None) };
        self.number += 1;
        self.line.clear();
        if text.trim().is_empty() {
            return Ok(Some(&self.line));
        }
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            let (path, line) = (self.path.clone(), self.number);
            SourceError::Malformed { path, line, reason: format!("no JSON object: {error}") }
        })?;
        for (place, name) in self.names.iter().enumerate() {
            if place > 0 {
                self.line.push(SEPARATOR);
            }
            match object.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => self.line.push_str(&text.replace(SEPARATOR, " ")),
                Some(other) => self.line.push_str(&other.to_string()),
            }
        }
        Ok(Some(&self.line))
    }

    /// The number of the last line of the file, from 1.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_plain_values_are_rows() {
        #[track_caller]
        fn check(line: &str, expected: Option<&[&str]>) {
            let names = names_of(line);
            let names = names.as_ref().map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(names, expected.map(<[&str]>::to_vec), "{line}");
        }
        check(r#"{"price":"1.5","id":7}"#, Some(&["id", "price"]));
        check(r#"{"stream":"a","data":{"e":"trade"}}"#, None);
        check(r#"{"bids":[["1","2"]]}"#, None);
        check("{}", None);
        check("1,2,3", None);
    }
}
