//! One JSON document to one URL, over the SDK's own HTTP stack: for notifications. The URL is a secret: no error shows it.

use std::convert::Infallible;
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;

use super::http;
use crate::error::RunError;

/// How often it is sent where the other side, or the way to it, fails.
const ATTEMPTS: u32 = 3;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a document may be sent.
#[derive(Clone)]
pub struct Webhook {
    origin: String,
    path: String,
    loopback: bool,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("loopback", &self.loopback).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Takes an address apart. `http://` is for loopback addresses only.
    ///
    /// # Errors
    /// Why it is none; the text does not repeat it.
    pub fn parse(url: &str) -> Result<Webhook, &'static str> {
        let uri: ::http::Uri = url.parse().map_err(|_| "it is not a URL")?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it is not a URL");
        };
        if authority.as_str().contains('@') {
            return Err("user and password in a URL are not sent");
        }
        let loopback = is_loopback(authority.host());
        match scheme {
            "https" => {}
            "http" if loopback => {}
            _ => return Err("it must begin with https://"),
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Webhook { origin: format!("{scheme}://{authority}"), path, loopback })
    }

    /// Nothing leaves this machine.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Posts a JSON document; again where the server says that it is busy or broken, or cannot be reached. Redirects are
    /// not followed.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn post(&self, json: &str) -> Result<(), String> {
        let client = self.client().map_err(|e| e.message)?;
        let mut why = String::new();
        for attempt in 1..=ATTEMPTS {
            match self.attempt(&client, json).await {
                Ok(200..=299) => return Ok(()),
                Ok(status) => {
                    why = format!("it answered with HTTP status {status}");
                    if status != 429 && status < 500 {
                        break;
                    }
                }
                Err(error) => why = error,
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(Duration::from_millis(500) * attempt).await;
            }
        }
        Err(why)
    }

    /// Proxies of the environment, but for loopback addresses; `AWS_CA_BUNDLE` as everywhere.
    fn client(&self) -> Result<SharedHttpClient, RunError> {
        let (proxy, trust) = if self.loopback {
            (ProxyConfig::disabled(), TrustStore::default())
        } else {
            (ProxyConfig::from_env(), http::trust_of_environment()?)
        };
        http::pool(proxy, trust, 1, "")
    }

    async fn attempt(&self, client: &SharedHttpClient, json: &str) -> Result<u16, String> {
        let timeouts = TimeoutConfig::builder().connect_timeout(PATIENCE).operation_timeout(PATIENCE).build();
        let path = self.path.clone();
        let operation = Operation::builder()
            .service_name("webhook")
            .operation_name("post")
            .http_client(client.clone())
            .endpoint_url(&self.origin)
            .no_auth()
            .no_retry()
            .timeout_config(timeouts)
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .serializer(move |json: String| {
                let mut request = HttpRequest::new(SdkBody::from(json));
                request.set_method("POST")?;
                request.set_uri(path.clone())?;
                request.headers_mut().insert("content-type", "application/json; charset=utf-8");
                request.headers_mut().insert("user-agent", concat!("orgbase/", env!("CARGO_PKG_VERSION")));
                Ok(request)
            })
            .deserializer::<_, Infallible>(|response| Ok(response.status().as_u16()))
            .build();
        operation.invoke(json.to_owned()).await.map_err(|error| {
            let shown = aws_smithy_types::error::display::DisplayErrorContext(&error).to_string();
            let path = self.path.trim_start_matches('/');
            // The libraries below know the URL; none is seen to show it, and none shall.
            if path.len() > 1 { shown.replace(path, "...") } else { shown }
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_https_leaves_the_machine() {
        for good in [
            "https://hooks.example.com/services/T0/B0/x?y=1",
            "http://127.0.0.1:8000/hook",
            "http://[::1]:1/",
        ] {
            assert!(Webhook::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example.com/x",
            "ftp://127.0.0.1/",
            "hooks.example.com",
            "https://u:p@example.com/",
        ] {
            assert!(Webhook::parse(bad).is_err(), "{bad}");
        }
        assert!(!Webhook::parse("https://localhost.example.com/").unwrap().is_loopback());
        assert!(!format!("{:?}", Webhook::parse("https://example.com/secret").unwrap()).contains("secret"));
    }

    /// A server that answers each request with the next of these statuses, and what was sent to it.
    async fn server(statuses: Vec<u16>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0/secret", socket.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for status in statuses {
                let (mut stream, _) = socket.accept().await.unwrap();
                let mut bytes = vec![0; 4096];
                let mut text = String::new();
                while !text.ends_with('}') {
                    let read = stream.read(&mut bytes).await.unwrap();
                    text.push_str(&String::from_utf8_lossy(&bytes[..read]));
                }
                requests.push(text);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            requests
        });
        (url, served)
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_and_gets_the_document() {
        let (url, served) = server(vec![503, 200]).await;
        Webhook::parse(&url).unwrap().post(r#"{"text":"x"}"#).await.unwrap();
        let requests = served.await.unwrap();
        assert_eq!(requests.len(), 2);
        assert!(requests[1].starts_with("POST /services/T0/secret HTTP/1.1"), "{}", requests[1]);
        assert!(requests[1].ends_with(r#"{"text":"x"}"#), "{}", requests[1]);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_names_no_url() {
        let (url, served) = server(vec![404]).await;
        let why = Webhook::parse(&url).unwrap().post(r#"{"text":"x"}"#).await.unwrap_err();
        assert!(why.contains("404") && !why.contains("secret"), "{why}");
        served.await.unwrap();
        let gone = Webhook::parse(&url).unwrap().post("{}").await.unwrap_err();
        assert!(!gone.contains("secret"), "{gone}");
    }
}
