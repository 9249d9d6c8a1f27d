//! Market data files: captures and archives, small ones made here and real ones.

#![allow(clippy::unwrap_used, reason = "every line of it is a test")]

mod archive;
mod catalog;
mod recordings;

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file of real data beside the workspace, if it is there.
#[expect(clippy::explicit_write, reason = "the test harness would keep what eprintln says")]
fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(file);
    if path.exists() {
        return Some(path);
    }
    writeln!(std::io::stderr(), "SKIPPED: {} is not there", path.display()).unwrap();
    None
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(files: &[(&str, &str)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, text) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
