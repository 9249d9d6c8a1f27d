//! A line between engine and exchange that can fall silent while TCP stays up: bytes are taken
//! and not passed on, as by a router that lost its state.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a thread looks whether its connection was silenced.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub struct Line {
    address: String,
    /// Connections up to this number pass nothing on.
    silenced: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
    /// Both ends of every connection, to be cut at the end.
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    /// A line to an address.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let line = Self {
            address,
            silenced: Arc::default(),
            opened: Arc::default(),
            ends: Arc::default(),
        };
        let (silenced, opened) = (Arc::clone(&line.silenced), Arc::clone(&line.opened));
        let (ends, target) = (Arc::clone(&line.ends), target.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    continue;
                };
                let number = opened.fetch_add(1, Ordering::SeqCst) + 1;
                let both = [client.try_clone().unwrap(), server.try_clone().unwrap()];
                ends.lock().unwrap().extend(both);
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, into) in [(client, server), back] {
                    let silenced = Arc::clone(&silenced);
                    std::thread::spawn(move || pass_on(from, into, number, &silenced));
                }
            }
        });
        line
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Silences every connection that is open; new ones pass.
    pub fn silence(&self) {
        self.silenced.store(self.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for end in self.ends.lock().unwrap().drain(..) {
            // It may be closed already.
            let _ = end.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn pass_on(mut from: TcpStream, mut into: TcpStream, number: u64, silenced: &AtomicU64) {
    from.set_read_timeout(Some(LOOK_EVERY)).unwrap();
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) if silenced.load(Ordering::SeqCst) >= number => {}
            Ok(count) => {
                if into.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = into.shutdown(std::net::Shutdown::Both);
}
