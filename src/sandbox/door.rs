//! The two doors to a sandbox: the SDK's HTTP client in process, and a listener on a loopback port.

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Sandbox;
use crate::error::RunError;

/// Largest request body.
const MAX_BODY: usize = 10 << 20;
/// Largest request head.
const MAX_HEAD: usize = 64 << 10;

/// What one client may cost the others.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Connections at once; more wait.
    connections: u32,
    /// A client must send a request head within this time, and then its body; also how long an idle connection stays open.
    patience: Duration,
}

const BOUNDS: Bounds = Bounds { connections: 256, patience: Duration::from_secs(30) };

impl Sandbox {
    /// The SDK's HTTP client that asks this sandbox, whatever the host: nothing leaves the process.
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(InProcess { sandbox: self.clone() });
        http_client_fn(move |_, _| connector.clone())
    }
}

struct InProcess {
    sandbox: Sandbox,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.sandbox.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let body =
                ByteStream::new(body).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
            let request = http::Request::from_parts(parts, body.to_vec());
            let response = sandbox.serve(&request).await.map_err(|_| ConnectorError::io(Box::new(Reset)))?;
            HttpResponse::try_from(response.map(SdkBody::from))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What a client sees of a connection that broke.
#[derive(Debug, thiserror::Error)]
#[error("the connection was reset (--faults drop)")]
struct Reset;

/// A bound loopback port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    sandbox: Sandbox,
}

/// Binds a loopback address; port 0 takes a free one.
///
/// # Errors
/// The address is not a loopback one, or is taken.
pub async fn listen(sandbox: &Sandbox, address: &str) -> Result<Listener, RunError> {
    let address: SocketAddr = address.replacen("localhost:", "127.0.0.1:", 1).parse().map_err(|_| {
        RunError::new(format!("{address} is not an address"))
            .hint("for example 127.0.0.1:4566, or port 0 for a free one")
    })?;
    if !address.ip().is_loopback() {
        return Err(RunError::new(format!("{address} is not a loopback address"))
            .hint("the sandbox checks no signatures: listen on 127.0.0.1 or [::1]"));
    }
    let failed = |error: std::io::Error| RunError::new(format!("cannot listen on {address}: {error}"));
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok(Listener { socket, address, sandbox: sandbox.clone() })
}

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is ready, then lets the requests in work finish.
    pub async fn serve_until(self, stop: impl Future<Output = ()>) {
        self.serve_within(BOUNDS, stop).await;
    }

    async fn serve_within(self, bounds: Bounds, stop: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(bounds.connections as usize));
        let (stopping, stopped) = watch::channel(false);
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&self.socket, &connections) => accepted,
            };
            if let Some((stream, permit)) = accepted {
                tokio::spawn(connection(
                    self.sandbox.clone(),
                    stream,
                    stopped.clone(),
                    permit,
                    bounds.patience,
                ));
            }
        }
        drop(self.socket);
        stopping.send_replace(true);
        // every connection holds a permit until it ends
        if tokio::time::timeout(bounds.patience, connections.acquire_many(bounds.connections)).await.is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
    }
}

/// Serves one connection; once stopping, only to the end of the request in work.
async fn connection(
    sandbox: Sandbox,
    stream: TcpStream,
    mut stopped: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
    patience: Duration,
) {
    let service = service_fn(move |request| {
        let sandbox = sandbox.clone();
        async move { answer(&sandbox, request, patience).await }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = async { drop(stopped.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection");
    }
    drop(permit);
}

/// The next connection, once there is room for it.
async fn accept(
    socket: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = connections.clone().acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // out of file descriptors, mostly: give the open connections time to end
            tracing::warn!(%error, "accept");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn answer(
    sandbox: &Sandbox,
    request: http::Request<Incoming>,
    patience: Duration,
) -> Result<http::Response<Full<Bytes>>, Reset> {
    // a browser sends it: no web page may talk to the sandbox behind its user's back
    if request.headers().contains_key("origin") {
        return Ok(plain(403, "Requests with an Origin header are refused.\n"));
    }
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Ok(plain(413, "The request body is too large.\n"));
    }
    let body = tokio::time::timeout(patience, Limited::new(body, MAX_BODY).collect()).await;
    Ok(match body {
        Err(_) => plain(408, "The request body did not arrive in time.\n"),
        Ok(Err(_)) => plain(413, "The request body is too large or broken off.\n"),
        Ok(Ok(body)) => {
            let request = http::Request::from_parts(parts, body.to_bytes().to_vec());
            // a mistake in a handler is answered too, and leaves the listener up
            match AssertUnwindSafe(sandbox.serve(&request)).catch_unwind().await {
                Ok(response) => response.map_err(|_| Reset)?.map(|body| Full::new(Bytes::from(body))),
                Err(_) => plain(500, "The sandbox has a defect: see its log.\n"),
            }
        }
    })
}

fn plain(status: u16, text: &'static str) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/plain"));
    response.headers_mut().insert("connection", http::HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
