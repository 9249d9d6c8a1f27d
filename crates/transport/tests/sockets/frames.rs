//! Random streams of frames, cut at random places and read with interruptions, against the plain
//! list of what was sent; and the same streams damaged.

use std::time::Duration;

use rand::{Rng, RngCore, SeedableRng};
use rand_pcg::Pcg32;
use tickwright_transport::Dialer;
use tickwright_transport::ws::{CloseCode, ReceiveError, WsEvent, WsOptions, WsReceiver, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, shake_hands, soon};

const FIN: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn frame(bytes: &mut Vec<u8>, first: u8, payload: &[u8]) {
    bytes.push(first);
    match payload.len() {
        short @ 0..=125 => bytes.push(u8::try_from(short).unwrap()),
        long => {
            bytes.push(126);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend(payload);
}

/// The bytes of one side of a conversation, and what they mean.
#[derive(Default)]
struct Conversation {
    bytes: Vec<u8>,
    events: Vec<WsEvent>,
    /// Where in the bytes each event is complete.
    ends: Vec<usize>,
}

impl Conversation {
    fn push(&mut self, event: WsEvent) {
        self.events.push(event);
        self.ends.push(self.bytes.len());
    }
}

fn control(rng: &mut Pcg32, said: &mut Conversation) {
    let mut payload = vec![0; rng.random_range(0..=125)];
    rng.fill_bytes(&mut payload);
    let is_ping = rng.random_bool(0.5);
    frame(&mut said.bytes, FIN | if is_ping { PING } else { PONG }, &payload);
    let payload = payload.into();
    said.push(if is_ping { WsEvent::Ping(payload) } else { WsEvent::Pong(payload) });
}

/// A message in one to four frames, with control frames between them.
fn message(rng: &mut Pcg32, said: &mut Conversation) {
    let is_text = rng.random_bool(0.7);
    let text = "aé币".repeat(rng.random_range(0..400));
    let mut rest = text.as_bytes();
    let mut kind = if is_text { TEXT } else { BINARY };
    for _ in 0..rng.random_range(0..4) {
        let (part, tail) = rest.split_at(rng.random_range(0..=rest.len()));
        frame(&mut said.bytes, kind, part);
        (rest, kind) = (tail, CONTINUATION);
        if rng.random_bool(0.3) {
            control(rng, said);
        }
    }
    frame(&mut said.bytes, FIN | kind, rest);
    said.push(if is_text { WsEvent::Text(text.into()) } else { WsEvent::Binary(text.into()) });
}

fn conversation(rng: &mut Pcg32) -> Conversation {
    let mut said = Conversation::default();
    for _ in 0..rng.random_range(0..30) {
        message(rng, &mut said);
        if rng.random_bool(0.2) {
            control(rng, &mut said);
        }
    }
    frame(&mut said.bytes, FIN | CLOSE, b"\x03\xe9later");
    said.push(WsEvent::Closed { code: Some(CloseCode::GOING_AWAY), reason: "later".into() });
    said
}

/// A server that sends these bytes, cut at random places, then no more, and waits for the
/// client to leave.
async fn server(bytes: Vec<u8>, seed: u64) -> Server {
    Server::start(move |mut stream, _| {
        let bytes = bytes.clone();
        async move {
            let mut rng = Pcg32::seed_from_u64(seed);
            shake_hands(&mut stream).await;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (part, tail) = rest.split_at(rng.random_range(1..=rest.len().min(3_000)));
                // A client that met an error may be gone.
                if stream.write_all(part).await.is_err() {
                    return;
                }
                rest = tail;
                if rng.random_bool(0.3) {
                    tokio::task::yield_now().await;
                }
            }
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

/// Reads to the end in all the ways there are, giving up a wait now and then.
async fn read_all(
    receiver: &mut WsReceiver,
    rng: &mut Pcg32,
) -> (Vec<WsEvent>, Option<ReceiveError>) {
    let mut events = Vec::new();
    loop {
        match rng.random_range(0..3) {
            0 => match tokio::time::timeout(Duration::ZERO, receiver.next()).await {
                Err(_) => tokio::task::yield_now().await,
                Ok(None) => return (events, None),
                Ok(Some(Ok(event))) => events.push(event),
                Ok(Some(Err(error))) => return (events, Some(error)),
            },
            1 => match receiver.try_next() {
                None => tokio::task::yield_now().await,
                Some(Ok(event)) => events.push(event),
                Some(Err(error)) => return (events, Some(error)),
            },
            _ => match receiver.next_batch(&mut events, rng.random_range(1..5)).await {
                Ok(0) => return (events, None),
                Ok(_) => {}
                Err(error) => return (events, Some(error)),
            },
        }
    }
}

async fn received(bytes: Vec<u8>, rng: &mut Pcg32) -> (Vec<WsEvent>, Option<ReceiveError>) {
    let server = server(bytes, rng.random()).await;
    let options = WsOptions {
        read_buffer_bytes: rng.random_range(16..5_000),
        max_message_bytes: 10_000,
        ..WsOptions::default()
    };
    let url = server.url("ws", "/");
    let (_sender, mut receiver) = soon(connect(&Dialer::tcp(None), &url, &options)).await.unwrap();
    soon(read_all(&mut receiver, rng)).await
}

#[tokio::test]
async fn events_do_not_depend_on_how_the_bytes_are_cut_or_read() {
    for seed in 0..150 {
        let mut rng = Pcg32::seed_from_u64(seed);
        let said = conversation(&mut rng);
        let (events, error) = received(said.bytes, &mut rng).await;
        assert!(error.is_none(), "seed {seed}: {error:?}");
        assert_eq!(events, said.events, "seed {seed}");
    }
}

/// Whatever a damaged stream gives, what came whole before the damage comes out unharmed.
#[tokio::test]
async fn a_damaged_stream_ends_and_harms_nothing_before_the_damage() {
    let mut errors = 0;
    for seed in 0..150 {
        let mut rng = Pcg32::seed_from_u64(seed);
        let Conversation { mut bytes, events: sent, ends } = conversation(&mut rng);
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= rng.random_range(1..=255_u8);
        let (events, error) = received(bytes, &mut rng).await;
        errors += usize::from(error.is_some());
        let whole = ends.iter().filter(|end| **end <= at).count();
        assert!(events.starts_with(&sent[..whole]), "seed {seed}");
    }
    assert!(errors > 50, "{errors}");
}
