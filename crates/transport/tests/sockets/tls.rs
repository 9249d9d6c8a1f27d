//! TLS: what is trusted, and above all what is not.

use std::io::Write;

use tickwright_transport::http::{HttpClient, HttpError, HttpOptions, NotSent, Request};
use tickwright_transport::ws::{WsEvent, WsFrame, WsOptions, accept, connect};
use tickwright_transport::{ConnectError, Dialer, TcpConnector, Tls, TlsOptions, TlsSetupError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Authority, Server, soon};

fn trusting(authority: &Authority) -> Dialer {
    Dialer::with_tls(TcpConnector::default(), authority.trusted())
}

async fn secure_echo(authority: &Authority) -> Server {
    let acceptor = authority.acceptor.clone();
    Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            // A client that refuses the certificate ends the handshake.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok((mut sender, mut receiver)) = accept(stream, &WsOptions::default()).await else {
                return;
            };
            while let Some(Ok(WsEvent::Text(text))) = receiver.next().await {
                sender.send(WsFrame::Text(text)).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_websocket_over_tls_with_our_own_authority() {
    let authority = Authority::new();
    let server = secure_echo(&authority).await;
    let dialer = trusting(&authority);
    let url = server.url("wss", "/ws");
    let (mut sender, mut receiver) =
        soon(connect(&dialer, &url, &WsOptions::default())).await.unwrap();
    let long = "0123456789".repeat(20_000);
    for text in ["hello", &long] {
        sender.send(WsFrame::text(text)).await.unwrap();
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text(text.into()));
    }
}

#[tokio::test]
async fn https_with_our_own_authority() {
    let authority = Authority::new();
    let acceptor = authority.acceptor.clone();
    let server = Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(response).await.unwrap();
            stream.flush().await.unwrap();
            let _ = stream.read(&mut request).await;
        }
    })
    .await;
    let client = HttpClient::new(trusting(&authority), HttpOptions::default());
    let response = soon(client.request(Request::get(server.url("https", "/")))).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"ok"[..]));
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_refused() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let elsewhere = Authority::for_name("elsewhere.example");
    for (label, served_by, trusted) in
        [("another authority", &authority, &stranger), ("another name", &elsewhere, &elsewhere)]
    {
        let server = secure_echo(served_by).await;
        let dialer = trusting(trusted);
        let url = server.url("wss", "/");
        let error = soon(connect(&dialer, &url, &WsOptions::default())).await.err().unwrap();
        assert!(matches!(error, ConnectError::Certificate { .. }), "{label}: {error:?}");
        let client = HttpClient::new(dialer, HttpOptions::default());
        let error = soon(client.request(Request::get(server.url("https", "/")))).await.unwrap_err();
        assert!(
            matches!(error, HttpError::NotSent(NotSent::Connect(ConnectError::Certificate { .. }))),
            "{label}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_error() {
    let authority = Authority::new();
    let server = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let url = server.url("wss", "/");
    let error =
        soon(connect(&trusting(&authority), &url, &WsOptions::default())).await.err().unwrap();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
}

#[test]
fn root_files_that_cannot_be_used_are_named() {
    let mut no_certificate = tempfile::NamedTempFile::new().unwrap();
    writeln!(no_certificate, "no certificate here").unwrap();
    let mut broken = tempfile::NamedTempFile::new().unwrap();
    writeln!(broken, "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----").unwrap();
    let missing = no_certificate.path().with_extension("missing");
    for (label, file) in [
        ("no certificate", no_certificate.path()),
        ("broken", broken.path()),
        ("missing", missing.as_path()),
    ] {
        let options =
            TlsOptions { extra_root_files: vec![file.to_path_buf()], ..TlsOptions::default() };
        match Tls::load(&options) {
            Err(TlsSetupError::ExtraRoots { file: named, .. }) => assert_eq!(named, file),
            other => panic!("{label}: {other:?}"),
        }
    }
}
