//! The one HTTP client of a run, the connector that keeps every call on one loopback authority, and the in-process door.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_smithy_http_client::pool::{Client, ConnectionPool};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use base64::Engine;

use super::dns::{NO_ENDPOINT_HEADER, NoEndpoint, Resolver, System};
use super::endpoint::{Dialect, Endpoint};
use super::moto;
use crate::error::RunError;

/// Connections to one host. Endpoints are shared by all accounts, so few connections serve many accounts.
const CONNECTIONS_PER_HOST: usize = 64;

/// The client for AWS (proxies of the environment, `AWS_CA_BUNDLE`), or for one loopback endpoint (neither). That one host
/// stands for all of AWS's: it gets a connection for every one of the calls that may be `in_flight`.
/// Names are looked up with the `home` region at hand.
pub(crate) fn client(
    endpoint: Option<&Endpoint>,
    in_flight: usize,
    home: &str,
) -> Result<SharedHttpClient, RunError> {
    let Some(endpoint) = endpoint else {
        return pool(ProxyConfig::from_env(), trust_of_environment()?, CONNECTIONS_PER_HOST, home);
    };
    let inner = pool(ProxyConfig::disabled(), TrustStore::default(), in_flight.max(1), home)?;
    let endpoint = Some((endpoint.url.as_str().into(), endpoint.dialect));
    Ok(SharedHttpClient::new(Local { inner, endpoint }))
}

/// A client that answers in process, such as the sandbox's door, which may say that a host does not exist.
pub(crate) fn local(door: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Local { inner: door, endpoint: None })
}

/// The system's roots, and those of `AWS_CA_BUNDLE`.
pub(crate) fn trust_of_environment() -> Result<TrustStore, RunError> {
    match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        None => Ok(TrustStore::default()),
        Some(path) => Ok(trust(&ca_bundle(Path::new(&path))?)),
    }
}

/// The system's roots and the bundle's.
fn trust(pem: &[u8]) -> TrustStore {
    TrustStore::empty().with_native_roots(true).with_pem_certificate(pem)
}

/// The SDK's connection pool: its API is young, so it is used in this function alone.
pub(crate) fn pool(
    proxy: ProxyConfig,
    trust: TrustStore,
    connections: usize,
    home: &str,
) -> Result<SharedHttpClient, RunError> {
    let fail = |e: &dyn std::error::Error| RunError::new(format!("the HTTP client could not be built: {e}"));
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|e| fail(&e))?;
    let pool = ConnectionPool::builder()
        .proxy_config(proxy)
        .max_connections_per_host(connections)
        .dns_resolver(Resolver::new(System, home))
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https()
        .map_err(|e| fail(&e))?;
    Ok(SharedHttpClient::new(Client::new(&pool).map_err(|e| fail(&e))?))
}

/// Reads a bundle of PEM certificates. Checked here, because the TLS library takes nonsense in silence.
fn ca_bundle(path: &Path) -> Result<Vec<u8>, RunError> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|e| RunError::new(format!("`AWS_CA_BUNDLE={shown}` could not be read: {e}")))?;
    if certificates(&bytes) == 0 {
        return Err(RunError::new(format!("`AWS_CA_BUNDLE={shown}` holds no PEM certificate"))
            .hint("it must hold one or more blocks that begin with -----BEGIN CERTIFICATE-----"));
    }
    Ok(bytes)
}

/// How many blocks decode to something that begins as a certificate does (a DER sequence); 0 where any does not.
fn certificates(pem: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pem);
    let mut count = 0;
    for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let Some((body, _)) = block.split_once("-----END CERTIFICATE-----") else { return 0 };
        let body: String = body.split_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap_or_default();
        if der.first() != Some(&0x30) {
            return 0;
        }
        count += 1;
    }
    count
}

/// Keeps requests on this machine: in process, or at one authority, where the real one stays in `Host`, and in the
/// signature, which is made before.
#[derive(Debug)]
struct Local {
    inner: SharedHttpClient,
    endpoint: Option<(Arc<str>, Dialect)>,
}

#[derive(Debug)]
struct LocalConnector {
    inner: SharedHttpConnector,
    endpoint: Option<(Arc<str>, Dialect)>,
}

impl HttpClient for Local {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        parts: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(LocalConnector {
            inner: self.inner.http_connector(settings, parts),
            endpoint: self.endpoint.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        parts: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(parts, config)
    }

    fn validate_final_config(&self, parts: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(parts, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

impl HttpConnector for LocalConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let is_moto = matches!(self.endpoint, Some((_, Dialect::Moto)));
        let rpc = is_moto && moto::is_rpc(&request);
        let versioning = is_moto && moto::is_versioning(&request);
        let moved = self.move_request(&mut request, rpc);
        if let Err(e) = moved {
            return HttpConnectorFuture::ready(Err(ConnectorError::user(e)));
        }
        let sent = self.inner.call(request);
        if !is_moto {
            return HttpConnectorFuture::new(async move { existing(sent.await?) });
        }
        if rpc {
            HttpConnectorFuture::new(async move { moto::answer(sent.await?).await })
        } else if versioning {
            HttpConnectorFuture::new(async move { moto::versioning(sent.await?).await })
        } else {
            sent
        }
    }
}

/// The answer, unless it is that the host would not exist on AWS.
fn existing(answer: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    match answer.headers().get(NO_ENDPOINT_HEADER) {
        None => Ok(answer),
        Some(host) => Err(ConnectorError::io(Box::new(NoEndpoint { host: host.to_owned() }))),
    }
}

impl LocalConnector {
    fn move_request(&self, request: &mut HttpRequest, rpc: bool) -> Result<(), BoxError> {
        let Some((endpoint, _)) = &self.endpoint else { return Ok(()) };
        let uri: http::Uri = request.uri().parse()?;
        let host = uri.authority().ok_or("the request names no host")?.to_string();
        if rpc {
            moto::request(request, uri.path())?;
        }
        request.headers_mut().insert("host", host);
        request.uri_mut().set_endpoint(endpoint)?;
        Ok(())
    }
}

/// A client that answers in process, without a socket: the sandbox's door, and the tests'.
///
/// The handler gets the whole body. There is no `host` header: the host is that of the URI. `ConnectorError::io` stands for
/// a dropped connection, `ConnectorError::timeout` for one that timed out.
pub fn in_process<F, Fut>(handler: F) -> SharedHttpClient
where
    F: Fn(http::Request<Vec<u8>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<http::Response<Vec<u8>>, ConnectorError>> + Send + 'static,
{
    let connector = SharedHttpConnector::new(InProcess(Arc::new(handler)));
    http_client_fn(move |_, _| connector.clone())
}

struct InProcess<F>(Arc<F>);

impl<F> fmt::Debug for InProcess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl<F, Fut> HttpConnector for InProcess<F>
where
    F: Fn(http::Request<Vec<u8>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<http::Response<Vec<u8>>, ConnectorError>> + Send + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let handler = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
            let (parts, body) = request.into_parts();
            let body = ByteStream::new(body).collect().await.map_err(|e| ConnectorError::io(e.into()))?;
            let answer = handler(http::Request::from_parts(parts, body.to_vec())).await?;
            HttpResponse::try_from(answer.map(SdkBody::from))
                .map_err(|e| ConnectorError::other(e.into(), None))
        })
    }
}

#[cfg(test)]
mod tests;
