//! A line between engine and exchange that cuts, stalls and garbles.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a thread looks whether its connection is to end.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What was done to connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Injected {
    /// Connections cut.
    pub cuts: u64,
    /// Pieces that were held back.
    pub stalls: u64,
    /// Bits turned.
    pub garbled: u64,
    /// Connections refused.
    pub refused: u64,
}

/// What the line does at the moment.
#[derive(Debug, Default)]
struct Weather {
    /// Connections up to this number are cut with their next piece.
    cut_up_to: u64,
    /// Nothing is handed on before.
    stalled_until: Option<Instant>,
    /// So many pieces get a bit turned.
    garble: u32,
    /// New connections are refused until then.
    closed_until: Option<Instant>,
    /// Decides which bit.
    draws: u64,
    injected: Injected,
}

#[derive(Debug, Default)]
struct Shared {
    weather: Mutex<Weather>,
    opened: AtomicU64,
}

impl Shared {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        // Every change is one assignment: a thread that panicked left nothing half done.
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A line to an address.
    pub fn to(target: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let (serving, target) = (Arc::clone(&shared), target.to_owned());
        std::thread::spawn(move || serve(&listener, &target, &serving));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Cuts what is open, each connection in the middle of what it carries next.
    pub fn cut(&self) {
        self.shared.weather().cut_up_to = self.shared.opened.load(Ordering::SeqCst);
    }

    /// Hands nothing on for so long; nothing is lost.
    pub fn stall(&self, time: Duration) {
        self.shared.weather().stalled_until = Some(Instant::now() + time);
    }

    /// Turns a bit in the next piece.
    pub fn garble(&self) {
        self.shared.weather().garble += 1;
    }

    /// Cuts what is open and refuses what comes, for so long.
    pub fn close(&self, time: Duration) {
        self.cut();
        self.shared.weather().closed_until = Some(Instant::now() + time);
    }

    /// Ends all faults; connections that were to be cut are.
    pub fn clear(&self) {
        let mut weather = self.shared.weather();
        weather.stalled_until = None;
        weather.garble = 0;
        weather.closed_until = None;
    }

    /// What was done so far.
    pub fn injected(&self) -> Injected {
        self.shared.weather().injected
    }
}

fn serve(listener: &TcpListener, target: &str, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        {
            let mut weather = shared.weather();
            if weather.closed_until.is_some_and(|until| Instant::now() < until) {
                weather.injected.refused += 1;
                continue;
            }
        }
        let Ok(server) = TcpStream::connect(target) else { continue };
        let number = shared.opened.fetch_add(1, Ordering::SeqCst) + 1;
        let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else {
            continue;
        };
        // A delay of Nagle's making is none of ours.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        for (from, into) in [(client, server), (server_too, client_too)] {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || {
                // However it ends, both ends are closed below.
                let _ = hand_on(&from, &into, number, &shared);
                let _ = (from.shutdown(Shutdown::Both), into.shutdown(Shutdown::Both));
            });
        }
    }
}

fn hand_on(
    mut from: &TcpStream,
    mut into: &TcpStream,
    number: u64,
    shared: &Shared,
) -> io::Result<()> {
    from.set_read_timeout(Some(LOOK_EVERY))?;
    let mut buffer = [0; 16 * 1024];
    let mut idle = Duration::ZERO;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // A connection that carries nothing is cut too, after a moment.
                idle += LOOK_EVERY;
                let mut weather = shared.weather();
                if weather.cut_up_to >= number && idle > Duration::from_millis(100) {
                    weather.injected.cuts += 1;
                    return Ok(());
                }
                continue;
            }
            Err(error) => return Err(error),
        };
        idle = Duration::ZERO;
        wait_for_fair_weather(shared);
        let piece = &mut buffer[..count];
        match spoil(piece, number, &mut shared.weather()) {
            Some(kept) => return into.write_all(&piece[..kept]),
            None => into.write_all(piece)?,
        }
    }
}

fn wait_for_fair_weather(shared: &Shared) {
    let mut is_counted = false;
    loop {
        let until = {
            let mut weather = shared.weather();
            let until = weather.stalled_until.filter(|until| Instant::now() < *until);
            if until.is_some() && !is_counted {
                weather.injected.stalls += 1;
                is_counted = true;
            }
            until
        };
        match until {
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                std::thread::sleep(left.min(LOOK_EVERY));
            }
            None => return,
        }
    }
}

/// Damages a piece as the weather says. With a number, only so many bytes of it still pass and
/// the connection ends.
///
/// The bit that is turned is the highest of its byte, which no text of the protocol has set: what
/// is damaged is seen to be. (A digit turned into another would be another message, as good as
/// any; it is TLS that keeps those out.)
fn spoil(piece: &mut [u8], number: u64, weather: &mut Weather) -> Option<usize> {
    if weather.cut_up_to >= number {
        weather.injected.cuts += 1;
        return Some(piece.len() / 2);
    }
    if weather.garble > 0 {
        weather.garble -= 1;
        weather.injected.garbled += 1;
        weather.draws = weather.draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let place = usize::try_from(weather.draws >> 33).unwrap_or_default() % piece.len();
        piece[place] ^= 0x80;
    }
    None
}
