//! Files of the public archive, in parts, with their checksums.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use transport::http::{Response, StatusCode, header};

use super::client::{Client, FetchError};
use super::plan::Task;
use super::{FetchOptions, Fetched, Outcome, failed};

/// Bytes asked for at once: what a broken connection costs at most.
const PART_BYTES: u64 = 4 << 20;

/// Fetches one file.
pub async fn fetch(client: &Client, options: &FetchOptions, task: &Task) -> Fetched {
    let name = format!("{}.zip", task.name());
    let path = options.directory.join("archive").join(&name);
    let url = format!("{}/{}", options.archive_url.trim_end_matches('/'), task.archive_path());
    let outcome = match download(client, &url, &path).await {
        Ok(outcome) => outcome,
        Err(error) => failed(&error),
    };
    Fetched { name, path, outcome }
}

async fn download(client: &Client, url: &str, path: &Path) -> Result<Outcome, FetchError> {
    let checksum = client.get(&format!("{url}.CHECKSUM"), 0, None).await?;
    if checksum.status == StatusCode::NOT_FOUND {
        return Ok(Outcome::Absent);
    }
    let expected = read_checksum(&checksum)?;
    if path.exists() && sha256(path)? == expected {
        return Ok(Outcome::AlreadyThere);
    }
    let directory = path.parent().expect("a file is in a directory");
    std::fs::create_dir_all(directory)?;
    let part = part_of(path);
    // Whatever was there of it may be of another version: then once more from its beginning.
    let mut found = String::new();
    for _ in 0..2 {
        if !parts(client, url, &part).await? {
            return Ok(Outcome::Absent);
        }
        found = sha256(&part)?;
        if found == expected {
            File::open(&part)?.sync_all()?;
            std::fs::rename(&part, path)?;
            return Ok(Outcome::Fetched { bytes: path.metadata()?.len() });
        }
        std::fs::remove_file(&part)?;
    }
    Err(FetchError::Checksum { expected, found })
}

fn part_of(path: &Path) -> PathBuf {
    path.with_extension("zip.part")
}

/// Fetches what is missing at the end of `part`; false if the file is not there.
async fn parts(client: &Client, url: &str, part: &Path) -> Result<bool, FetchError> {
    let mut file = OpenOptions::new().create(true).append(true).open(part)?;
    loop {
        let offset = file.metadata()?.len();
        let response = client.get(url, 0, Some((offset, offset + PART_BYTES - 1))).await?;
        match response.status {
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(&response)?;
                if start != offset {
                    let reason = format!("bytes from {start} for bytes from {offset}");
                    return Err(FetchError::Malformed { reason });
                }
                file.write_all(&response.body)?;
                if response.body.is_empty() || file.metadata()?.len() >= total {
                    return Ok(true);
                }
            }
            // The server gives no parts.
            StatusCode::OK => {
                file.set_len(0)?;
                file.write_all(&response.body)?;
                return Ok(true);
            }
            // Nothing follows: it is whole, or of another version, which the checksum tells.
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(true),
            StatusCode::NOT_FOUND => return Ok(false),
            status => {
                let reason = format!("status {status} for a file");
                return Err(FetchError::Malformed { reason });
            }
        }
    }
}

/// The first byte and the file's length, of `bytes 0-4194303/9000000`.
fn content_range(response: &Response) -> Result<(u64, u64), FetchError> {
    let range = response.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let numbers = range.and_then(|range| {
        let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (start, _) = range.split_once('-')?;
        Some((start.parse().ok()?, total.parse().ok()?))
    });
    numbers.ok_or_else(|| FetchError::Malformed { reason: "no Content-Range".to_owned() })
}

/// The first word of `<sha256>  <file name>`.
fn read_checksum(response: &Response) -> Result<String, FetchError> {
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let word = text.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
    if word.len() != 64 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(FetchError::Malformed { reason: "no checksum in .CHECKSUM".to_owned() });
    }
    Ok(word)
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut digest)?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
