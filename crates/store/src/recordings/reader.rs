//! Reading captures, in constant memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use model::Timestamp;

use crate::instant::parse_instant;
use crate::source::{Lines, SourceError};

/// What a recorded line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LineKind {
    /// A frame of a combined stream: `{"stream":…,"data":…}`.
    Frame,
    /// An answer to a request, such as a depth snapshot.
    Answer {
        /// What was asked, if the recorder wrote it down.
        url: Option<String>,
    },
}

/// One line of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedLine {
    /// When it was received, by the recorder's clock.
    pub received_at: Timestamp,
    /// What it is.
    pub kind: LineKind,
    /// The JSON as it was received, byte for byte.
    pub text: String,
}

/// The lines of a capture, in the file's order, which is that of receipt.
///
/// After an error there is nothing more, except after [`SourceError::Malformed`]: reading goes on
/// with the next line.
#[derive(Debug)]
pub struct RecordingReader {
    lines: Lines,
    is_done: bool,
    passed_over: u64,
}

impl RecordingReader {
    /// Opens a capture at its beginning.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        Self::open_counting(path, &Arc::default())
    }

    /// The same, and adds to `bytes` what has been read of the file, before decompression.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn open_counting(path: &Path, bytes: &Arc<AtomicU64>) -> Result<Self, SourceError> {
        let lines = Lines::open_counting(path, bytes)?;
        Ok(Self { lines, is_done: false, passed_over: 0 })
    }

    /// The number of the line that was read last, from 1.
    #[must_use]
    pub const fn line_number(&self) -> u64 {
        self.lines.number()
    }

    /// How many lines were empty or about the recorder itself.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    fn read(&mut self) -> Result<Option<RecordedLine>, SourceError> {
        loop {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            match parse(line) {
                Ok(Some(recorded)) => return Ok(Some(recorded)),
                Ok(None) => self.passed_over += 1,
                Err(reason) => return Err(self.lines.malformed(reason)),
            }
        }
    }
}

impl Iterator for RecordingReader {
    type Item = Result<RecordedLine, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.read();
        self.is_done = !matches!(next, Ok(Some(_)) | Err(SourceError::Malformed { .. }));
        next.transpose()
    }
}

/// Nothing for an empty line and for one that is about the recorder itself: its connection, its
/// configuration.
fn parse(line: &str) -> Result<Option<RecordedLine>, &'static str> {
    if line.starts_with("configuration: ") {
        return Ok(None);
    }
    // An address may hold brackets of its own.
    let address = if line.starts_with("http") { line.find(" -> ").unwrap_or(0) } else { 0 };
    let json = line[address..].find(['{', '[']).map(|start| address + start);
    let Some(start) = json else {
        let is_connection = line.contains(" <-> ");
        return if line.is_empty() || is_connection { Ok(None) } else { Err("no JSON in it") };
    };
    let (head, text) = (line[..start].trim_end(), &line[start..]);
    let (url, instant) = match head.split_once(" -> ") {
        Some((url, instant)) => (Some(url.to_owned()), instant),
        None => (None, head),
    };
    let instant = instant.strip_suffix(':').unwrap_or(instant);
    let received_at = parse_instant(instant).ok_or("no receive time before the JSON")?;
    let is_frame = url.is_none() && text.starts_with(r#"{"stream":"#);
    let kind = if is_frame { LineKind::Frame } else { LineKind::Answer { url } };
    Ok(Some(RecordedLine { received_at, kind, text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_recorder_are_read() {
        #[track_caller]
        fn check(line: &str, nanos: i64, url: Option<&str>, is_frame: bool) {
            let json = &line[line.find('{').unwrap()..];
            let kind = match is_frame {
                true => LineKind::Frame,
                false => LineKind::Answer { url: url.map(str::to_owned) },
            };
            let received_at = Timestamp::from_nanos(nanos);
            let expected = RecordedLine { received_at, kind, text: json.to_owned() };
            assert_eq!(parse(line), Ok(Some(expected)));
        }
        let frame = r#"{"stream":"btcusdt@trade","data":{}}"#;
        check(&format!("1723161253937085768 {frame}"), 1_723_161_253_937_085_768, None, true);
        check(&format!("1723161253937085 {frame}"), 1_723_161_253_937_085_000, None, true);
        check(&format!("1633998512.0633569: {frame}"), 1_633_998_512_063_356_900, None, true);
        check("1723161254091857168 {\"bids\":[]}", 1_723_161_254_091_857_168, None, false);
        let url = "https://venue/depth?symbol=NKNUSDT&limit=1000";
        let line = format!("{url} -> 1633998512.320639: {{\"bids\":[]}}");
        check(&line, 1_633_998_512_320_639_000, Some(url), false);
        let url = "https://venue/exchangeInfo?symbols=[%22NKNUSDT%22]";
        let line = format!("{url} -> 1633998512.320639: {{\"symbols\":[]}}");
        check(&line, 1_633_998_512_320_639_000, Some(url), false);
    }

    #[test]
    fn other_lines_are_passed_over_or_named() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("wss://venue/stream?streams=a <-> 1633998511.159679"), Ok(None));
        assert_eq!(parse("1723161253937085768"), Err("no JSON in it"));
        assert_eq!(parse("configuration: {}"), Ok(None));
        assert_eq!(parse("note: {}"), Err("no receive time before the JSON"));
        assert_eq!(parse("{}"), Err("no receive time before the JSON"));
    }
}
