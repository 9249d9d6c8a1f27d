//! Raw captures: what a venue sent, byte for byte, with the time it was received.
//!
//! | a line | what |
//! |---|---|
//! | `<instant> <JSON>` | a combined-stream frame; without `stream` an answer to a request |
//! | `<seconds>: <JSON>` | the same, as other recorders write it |
//! | `<url> -> <instant>: <JSON>` | an answer to a request |
//! | `<url> <-> <instant>`, `configuration: …` | about the recorder itself: passed over |
//!
//! Instants are unix times in seconds (with a fraction), milliseconds, microseconds or
//! nanoseconds, told apart by their digits. Files are plain text or gzip.
//!
//! What belongs here: reading and writing such files. What does not: what the JSON says.

mod reader;
mod writer;

pub use reader::{LineKind, RecordedLine, RecordingReader};
pub use writer::{RecordingWriter, Rotation};
