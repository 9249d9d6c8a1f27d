//! Echo, pings, closes, bounds and deadlines of a websocket.

use std::time::Duration;

use bytes::Bytes;
use tickwright_transport::ws::{
    CloseCode, Flush, ReceiveError, SendError, SendFailure, WsEvent, WsFrame, WsOptions,
    WsReceiver, WsSender, connect,
};
use tickwright_transport::{ConnectError, ConnectPhase, Dialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, closed_port, read_request, reset, respond, shake_hands, soon};

async fn echo(mut sender: WsSender, mut receiver: WsReceiver) {
    while let Some(Ok(event)) = receiver.next().await {
        match event {
            WsEvent::Text(text) => sender.send(WsFrame::Text(text)).await.unwrap(),
            WsEvent::Binary(bytes) => sender.send(WsFrame::Binary(bytes)).await.unwrap(),
            WsEvent::Ping(_) | WsEvent::Pong(_) | WsEvent::Closed { .. } => {}
        }
    }
}

async fn dial(server: &Server, options: &WsOptions) -> (WsSender, WsReceiver) {
    let url = server.url("ws", "/ws/btcusdt@trade");
    soon(connect(&Dialer::tcp(None), &url, options)).await.unwrap()
}

#[tokio::test]
async fn echoes_text_and_binary() {
    let server = Server::websocket(WsOptions::default(), echo).await;
    let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    let long = "é".repeat(100_000);
    for text in ["", "a", "{\"e\":\"trade\"}", &long] {
        sender.send(WsFrame::text(text)).await.unwrap();
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text(text.into()));
    }
    let bytes = Bytes::from_static(&[0, 255, 1]);
    sender.send(WsFrame::Binary(bytes.clone())).await.unwrap();
    assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Binary(bytes));
}

#[tokio::test]
async fn a_batch_arrives_in_order_and_is_drained_in_few_calls() {
    let server = Server::websocket(WsOptions::default(), echo).await;
    let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    let texts = (0..500).map(|n| format!("{{\"id\":{n}}}")).collect::<Vec<_>>();
    sender.send_all(texts.iter().map(|text| WsFrame::text(text.as_str()))).await.unwrap();
    let mut events = Vec::new();
    while events.len() < texts.len() {
        let before = events.len();
        let count = soon(receiver.next_batch(&mut events, 64)).await.unwrap();
        assert_eq!(events.len(), before + count);
        assert!((1..=64).contains(&count), "{count}");
    }
    let expected = texts.iter().map(|text| WsEvent::Text(text.as_str().into()));
    assert!(events.into_iter().eq(expected));
    assert!(receiver.try_next().is_none(), "nothing more was sent");
}

#[tokio::test]
async fn try_send_writes_at_once_on_a_healthy_connection() {
    let server = Server::websocket(WsOptions::default(), echo).await;
    let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    sender.queue(WsFrame::text("one")).unwrap();
    assert_eq!(sender.try_send(WsFrame::text("two")).unwrap(), Flush::Done);
    for expected in ["one", "two"] {
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text(expected.into()));
    }
}

/// The peer pings and then waits for the pong before it does anything else; our side looks at the
/// ping but does not read on.
#[tokio::test]
async fn a_ping_is_answered_before_it_is_handed_out() {
    let server = Server::websocket(WsOptions::default(), |mut sender, mut receiver| async move {
        sender.send(WsFrame::Ping(Bytes::from_static(b"1699000000000"))).await.unwrap();
        let pong = soon(receiver.next()).await.unwrap().unwrap();
        assert_eq!(pong, WsEvent::Pong(Bytes::from_static(b"1699000000000")));
        let told = soon(receiver.next()).await.unwrap().unwrap();
        assert_eq!(told, WsEvent::Text("the client reads no more".into()));
        sender.send(WsFrame::text("pong came")).await.unwrap();
    })
    .await;
    let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    let ping = soon(receiver.next()).await.unwrap().unwrap();
    assert_eq!(ping, WsEvent::Ping(Bytes::from_static(b"1699000000000")));
    sender.send(WsFrame::text("the client reads no more")).await.unwrap();
    let told = soon(receiver.next()).await.unwrap().unwrap();
    assert_eq!(told, WsEvent::Text("pong came".into()));
}

#[tokio::test]
async fn every_one_of_many_pings_in_one_packet_is_answered() {
    let server = Server::websocket(WsOptions::default(), |mut sender, mut receiver| async move {
        let pings = (0..20_u8).map(|n| WsFrame::Ping(Bytes::copy_from_slice(&[n])));
        sender.send_all(pings).await.unwrap();
        sender.send(WsFrame::text("after")).await.unwrap();
        for n in 0..20_u8 {
            let pong = soon(receiver.next()).await.unwrap().unwrap();
            assert_eq!(pong, WsEvent::Pong(Bytes::copy_from_slice(&[n])));
        }
        sender.close(CloseCode::NORMAL, "all pongs came").await.unwrap();
    })
    .await;
    let (_sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    for n in 0..20_u8 {
        let ping = soon(receiver.next()).await.unwrap().unwrap();
        assert_eq!(ping, WsEvent::Ping(Bytes::copy_from_slice(&[n])));
    }
    assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text("after".into()));
    let reason = "all pongs came".into();
    let closed = soon(receiver.next()).await.unwrap().unwrap();
    assert_eq!(closed, WsEvent::Closed { code: Some(CloseCode::NORMAL), reason });
}

#[tokio::test]
async fn close_codes_reach_the_other_side_and_are_confirmed() {
    for code in [1000, 1001, 1008, 1009, 1011, 1012, 4321] {
        let code = CloseCode::new(code).unwrap();
        let expected = WsEvent::Closed { code: Some(code), reason: "serverShutdown".into() };
        let confirmed = expected.clone();
        let server = Server::websocket(WsOptions::default(), move |mut sender, mut receiver| {
            let confirmed = confirmed.clone();
            async move {
                sender.close(code, "serverShutdown").await.unwrap();
                sender.close(code, "twice is fine").await.unwrap();
                let refused = sender.send(WsFrame::text("too late")).await.unwrap_err();
                assert!(!refused.may_have_left(), "{refused}");
                assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), confirmed);
                assert!(soon(receiver.next()).await.is_none());
            }
        })
        .await;
        let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), expected);
        assert!(soon(receiver.next()).await.is_none());
        let refused = sender.send(WsFrame::text("too late")).await.unwrap_err();
        assert!(matches!(refused, SendError::NotSent(SendFailure::Closed)), "{refused:?}");
    }
    for reserved in [0, 999, 1004, 1005, 1006, 1015, 5000] {
        assert_eq!(CloseCode::new(reserved), None, "{reserved}");
    }
}

#[tokio::test]
async fn an_end_without_a_close_frame_is_an_error() {
    type End = fn(TcpStream);
    let ends: [(&str, End); 2] = [("orderly", drop::<TcpStream>), ("reset", reset)];
    for (label, end) in ends {
        let server = Server::start(move |mut stream, _| async move {
            shake_hands(&mut stream).await;
            stream.write_all(b"\x81\x02hi\x81\x7fhalf").await.unwrap();
            let mut sign = [0];
            stream.read_exact(&mut sign).await.unwrap();
            end(stream);
        })
        .await;
        let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text("hi".into()));
        sender.send(WsFrame::text("got it")).await.unwrap();
        let error = soon(receiver.next()).await.unwrap().unwrap_err();
        assert!(
            matches!(error, ReceiveError::Dropped | ReceiveError::Io { .. }),
            "{label}: {error:?}"
        );
        assert!(soon(receiver.next()).await.is_none(), "{label}");
    }
}

#[tokio::test]
async fn malformed_frames_are_typed_errors() {
    let huge = [b"\x81\x7f".as_slice(), &u64::MAX.to_be_bytes()].concat();
    let fragments = [b"\x01\x04aaaa".as_slice(), b"\x00\x04bbbb", b"\x80\x04cccc"].concat();
    type Expected = fn(&ReceiveError) -> bool;
    let too_big: Expected = |error| matches!(error, ReceiveError::TooBig { max_bytes: 10, .. });
    let protocol: Expected = |error| matches!(error, ReceiveError::Protocol { .. });
    let cases: [(&str, Vec<u8>, Expected); 8] = [
        ("a frame over the bound", b"\x81\x0baaaaaaaaaaa".to_vec(), too_big),
        ("a frame of nearly 2^64 bytes", huge, too_big),
        ("fragments over the bound", fragments, too_big),
        ("bad UTF-8", b"\x81\x02\xff\xff".to_vec(), |error| {
            matches!(error, ReceiveError::NotUtf8 { .. })
        }),
        ("a masked frame", b"\x81\x81\0\0\0\0a".to_vec(), protocol),
        ("a reserved bit", b"\xc1\x01a".to_vec(), protocol),
        ("a continuation of nothing", b"\x80\x01a".to_vec(), protocol),
        ("an unknown kind of frame", b"\x83\x01a".to_vec(), protocol),
    ];
    for (label, bytes, expected) in cases {
        let server = Server::start(move |mut stream, _| {
            let bytes = bytes.clone();
            async move {
                shake_hands(&mut stream).await;
                stream.write_all(&bytes).await.unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        })
        .await;
        let options = WsOptions { max_message_bytes: 10, ..WsOptions::default() };
        let (_sender, mut receiver) = dial(&server, &options).await;
        let error = soon(receiver.next()).await.unwrap().unwrap_err();
        assert!(expected(&error), "{label}: {error:?}");
        assert!(soon(receiver.next()).await.is_none(), "{label}");
    }
}

#[tokio::test]
async fn a_batch_before_an_error_is_handed_out_first() {
    let server = Server::start(|mut stream, _| async move {
        shake_hands(&mut stream).await;
        stream.write_all(b"\x81\x01a\x81\x01b\x81\x02\xff\xff").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let (_sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    let mut events = Vec::new();
    assert_eq!(soon(receiver.next_batch(&mut events, 10)).await.unwrap(), 2);
    assert_eq!(events, [WsEvent::Text("a".into()), WsEvent::Text("b".into())]);
    let error = soon(receiver.next_batch(&mut events, 10)).await.unwrap_err();
    assert!(matches!(error, ReceiveError::NotUtf8 { .. }), "{error:?}");
    assert_eq!(soon(receiver.next_batch(&mut events, 10)).await.unwrap(), 0);
}

#[tokio::test]
async fn handshakes_that_fail_say_how() {
    let silent = Server::start(|mut stream, _| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let options =
        WsOptions { handshake_timeout: Duration::from_millis(100), ..WsOptions::default() };
    let url = silent.url("ws", "/ws");
    let error = soon(connect(&Dialer::tcp(None), &url, &options)).await.err().unwrap();
    let phase = ConnectPhase::Handshake;
    assert!(matches!(&error, ConnectError::TimedOut { phase: p, .. } if *p == phase), "{error:?}");

    let busy = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\n";
        stream.write_all(format!("{head}wait").as_bytes()).await.unwrap();
    })
    .await;
    let url = busy.url("ws", "/ws?listenKey=hidden");
    let error = soon(connect(&Dialer::tcp(None), &url, &WsOptions::default())).await.err().unwrap();
    let ConnectError::Rejected(rejection) = &error else { panic!("{error:?}") };
    assert_eq!(rejection.status, 429);
    assert_eq!(rejection.headers["retry-after"], "7");
    assert!(!error.to_string().contains("hidden"), "{error}");

    let wrong_key = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                    upgrade: websocket\r\nsec-websocket-accept: nonsense\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
    })
    .await;
    let hangs_up = Server::start(|stream, _| async move { drop(stream) }).await;
    let no_websocket = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        respond(&mut stream, "200 OK", "hello").await;
    })
    .await;
    for (label, server, is_answer) in [
        ("wrong key", wrong_key, false),
        ("hangs up", hangs_up, false),
        ("plain HTTP", no_websocket, true),
    ] {
        let url = server.url("ws", "/");
        let error =
            soon(connect(&Dialer::tcp(None), &url, &WsOptions::default())).await.err().unwrap();
        match error {
            ConnectError::Rejected(rejection) => {
                assert!(is_answer && rejection.status == 200, "{label}: {rejection:?}");
            }
            ConnectError::Handshake { .. } => assert!(!is_answer, "{label}"),
            error => panic!("{label}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn connecting_fails_with_its_reason() {
    let closed = closed_port().await;
    type Expected = fn(&ConnectError) -> bool;
    let cases: [(&str, String, Expected); 5] = [
        ("nobody listens", format!("ws://{closed}/"), |error| {
            matches!(error, ConnectError::Refused { .. })
        }),
        ("no such name", "ws://no-such-host.invalid/".to_owned(), |error| {
            // A machine without a name server may take its time to say so.
            matches!(
                error,
                ConnectError::Dns { .. } | ConnectError::TimedOut { phase: ConnectPhase::Dns, .. }
            )
        }),
        ("no scheme for us", "http://localhost/".to_owned(), |error| {
            matches!(error, ConnectError::InvalidUrl { .. })
        }),
        ("no URL", "ws://local host/".to_owned(), |error| {
            matches!(error, ConnectError::InvalidUrl { .. })
        }),
        ("TLS without TLS", "wss://localhost/".to_owned(), |error| {
            matches!(error, ConnectError::TlsNotConfigured { .. })
        }),
    ];
    for (label, url, expected) in cases {
        let error =
            soon(connect(&Dialer::tcp(None), &url, &WsOptions::default())).await.err().unwrap();
        assert!(expected(&error), "{label}: {error:?}");
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_noticed_and_the_bound_holds() {
    let server = Server::websocket(WsOptions::default(), |sender, receiver| async move {
        std::future::pending::<()>().await;
        drop((sender, receiver));
    })
    .await;
    let options = WsOptions {
        send_timeout: Duration::from_millis(100),
        max_unsent_bytes: 100_000,
        ..WsOptions::default()
    };
    let (mut sender, _receiver) = dial(&server, &options).await;
    let chunk = Bytes::from(vec![0; 50_000]);
    let refused = loop {
        match sender.try_send(WsFrame::Binary(chunk.clone())) {
            Ok(Flush::Done | Flush::Pending) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SendError::NotSent(SendFailure::BufferFull)), "{refused:?}");
    let stalled = soon(sender.flush()).await.unwrap_err();
    assert!(matches!(stalled, SendError::MaybeSent(SendFailure::TimedOut { .. })), "{stalled:?}");
    let after = sender.try_send(WsFrame::text("x")).unwrap_err();
    assert!(matches!(after, SendError::NotSent(SendFailure::Closed)), "{after:?}");

    let too_long = WsFrame::Ping(Bytes::from(vec![0; 126]));
    let (mut sender, _receiver) = dial(&server, &options).await;
    let refused = sender.send(too_long).await.unwrap_err();
    assert!(matches!(refused, SendError::NotSent(SendFailure::ControlTooBig { size_bytes: 126 })));
    let too_big = WsFrame::Binary(Bytes::from(vec![0; 200_000]));
    let refused = sender.send(too_big).await.unwrap_err();
    assert!(matches!(refused, SendError::NotSent(SendFailure::BufferFull)), "{refused:?}");
    sender.send(WsFrame::text("still alive")).await.unwrap();
}

/// The halves in two tasks on two threads, both directions full at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_at_once_do_not_block_each_other() {
    const COUNT: usize = 2_000;
    let server = Server::websocket(WsOptions::default(), echo).await;
    let (mut sender, mut receiver) = dial(&server, &WsOptions::default()).await;
    let payload = "x".repeat(10_000);
    let sending = tokio::spawn(async move {
        for _ in 0..COUNT {
            sender.send(WsFrame::text(payload.as_str())).await.unwrap();
        }
        sender
    });
    for _ in 0..COUNT {
        let event = soon(receiver.next()).await.unwrap().unwrap();
        assert!(matches!(event, WsEvent::Text(text) if text.len() == 10_000));
    }
    drop(sending.await.unwrap());
}
