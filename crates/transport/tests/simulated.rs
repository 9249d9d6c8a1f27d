//! The same code inside a simulated network, through the connector seam: virtual time, a
//! partition, and the same outcome each time.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tickwright_transport::http::{HttpClient, HttpError, HttpOptions, Request};
use tickwright_transport::ws::{WsEvent, WsFrame, WsOptions, accept, connect};
use tickwright_transport::{ByteStream, ConnectError, Connecting, Connector, Dialer, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

struct Simulated;

impl Connector for Simulated {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            TcpStream::connect((target.host.as_str(), target.port))
                .await
                .map(|stream| Box::new(stream) as ByteStream)
                .map_err(|source| ConnectError::Io { target: target.clone(), source })
        })
    }
}

/// Sends a tick every 100 ms.
async fn serve_ticks() -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:9443").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let (mut sender, _receiver) = accept(stream, &WsOptions::default()).await.unwrap();
            for tick in 0.. {
                if sender.send(WsFrame::text(tick.to_string())).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
    }
}

/// Answers each connection's one request.
async fn serve_http() -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 1024];
        if stream.read(&mut request).await? > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
        }
    }
}

/// What the client saw, with the virtual time it saw it at.
fn run(seed: u64) -> Vec<String> {
    let log = Rc::new(RefCell::new(Vec::new()));
    let mut simulation = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(600))
        .build();
    simulation.host("ticks", serve_ticks);
    simulation.host("rest", serve_http);
    let seen = Rc::clone(&log);
    simulation.client("client", async move {
        let note =
            |what: String| seen.borrow_mut().push(format!("{:?} {what}", turmoil::elapsed()));
        let dialer = Dialer::plain(Simulated);
        let options = WsOptions::default();
        let (_sender, mut receiver) = connect(&dialer, "ws://ticks:9443/ws", &options).await?;
        for _ in 0..5 {
            let event = receiver.next().await.unwrap()?;
            assert!(matches!(event, WsEvent::Text(_)), "{event:?}");
            note(format!("{event:?}"));
        }
        turmoil::partition("client", "ticks");
        assert!(timeout(Duration::from_secs(60), receiver.next()).await.is_err(), "silence");
        note("ticks are stale".to_owned());

        let client = HttpClient::new(dialer, HttpOptions::default());
        let response = client.request(Request::get("http://rest/")).await?;
        note(format!("{} {:?}", response.status, response.body));
        turmoil::partition("client", "rest");
        let request = Request::get("http://rest/").timeout(Duration::from_secs(20));
        let error = client.request(request).await.unwrap_err();
        assert!(matches!(error, HttpError::MaybeSent(_) | HttpError::NotSent(_)), "{error:?}");
        note(error.to_string());
        Ok(())
    });
    simulation.run().unwrap();
    log.take()
}

#[test]
fn a_partition_is_noticed_in_virtual_time_and_the_same_each_time() {
    let started = std::time::Instant::now();
    let first = run(7);
    assert_eq!(first.len(), 8, "{first:#?}");
    assert_eq!(first, run(7));
    assert!(started.elapsed() < Duration::from_secs(20), "80 virtual seconds, twice");
}
