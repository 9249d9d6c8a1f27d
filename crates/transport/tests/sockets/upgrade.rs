//! The server side behind a hyper server: HTTP and websockets on one port.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tickwright_transport::Dialer;
use tickwright_transport::http::{HttpClient, HttpOptions};
use tickwright_transport::ws::{WsEvent, WsFrame, WsOptions, connect, upgrade};

use crate::support::{Server, soon};

async fn serve(
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let path = request.uri().path().to_owned();
    match upgrade(&mut request, &WsOptions::default()) {
        Ok((response, upgrade)) => {
            tokio::spawn(async move {
                let (mut sender, mut receiver) = upgrade.finish().await.unwrap();
                sender.send(WsFrame::text(path)).await.unwrap();
                while let Some(Ok(WsEvent::Text(text))) = receiver.next().await {
                    sender.send(WsFrame::Text(text)).await.unwrap();
                }
            });
            Ok(response.map(|()| Full::default()))
        }
        Err(error) => {
            let mut response = Response::new(Full::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

#[tokio::test]
async fn http_and_websockets_on_one_port() {
    let server = Server::start(|stream, _| async move {
        let served =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(serve));
        served.with_upgrades().await.unwrap();
    })
    .await;
    let dialer = Dialer::tcp(None);
    let url = server.url("ws", "/ws-api/v3");
    let (mut sender, mut receiver) =
        soon(connect(&dialer, &url, &WsOptions::default())).await.unwrap();
    sender.send(WsFrame::text("hello")).await.unwrap();
    for expected in ["/ws-api/v3", "hello"] {
        assert_eq!(soon(receiver.next()).await.unwrap().unwrap(), WsEvent::Text(expected.into()));
    }
    let client = HttpClient::new(dialer, HttpOptions::default());
    let request = tickwright_transport::http::Request::get(server.url("http", "/ws-api/v3"));
    let response = soon(client.request(request)).await.unwrap();
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert!(response.body.starts_with(b"not a websocket handshake"), "{:?}", response.body);
}
