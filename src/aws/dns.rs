//! Names of endpoints. A service that a region does not have has no host there, and that is all that AWS says about it.
//!
//! One name that does not exist proves nothing: a resolver may be broken or closed. So the same service must have a host in
//! the home region, and the region another service's host, at that moment. Behind a proxy, which looks names up itself, no
//! such proof can be had, and the call just fails.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use regex::Regex;

/// The header by which a loopback server, the sandbox above all, says that the host of a request would not exist on AWS. The
/// sandbox writes it (`sandbox/door.rs`); a live answer is never searched for it.
pub(crate) const NO_ENDPOINT_HEADER: &str = "x-orgbase-no-endpoint";

/// The host does not exist, although the service has one elsewhere and the region has others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoEndpoint {
    /// Such as `detective.ap-south-2.amazonaws.com`.
    pub(crate) host: String,
}

impl fmt::Display for NoEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no host {}", self.host)
    }
}

impl std::error::Error for NoEndpoint {}

/// Looks a name up.
pub(crate) trait Lookup: Clone + fmt::Debug + Send + Sync + 'static {
    fn lookup(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System;

impl Lookup for System {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address: SocketAddr| address.ip()).collect())
    }
}

/// The resolver of the HTTP client.
#[derive(Debug, Clone)]
pub(crate) struct Resolver<L = System> {
    system: L,
    home: Arc<str>,
    /// Hosts that do not exist, as was proven once in this run.
    missing: Arc<Mutex<HashSet<String>>>,
}

impl<L: Lookup> Resolver<L> {
    /// `home`: a region in which the caller is known to work.
    pub(crate) fn new(system: L, home: &str) -> Resolver<L> {
        Resolver { system, home: home.into(), missing: Arc::default() }
    }

    async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveDnsError> {
        let missing = || ResolveDnsError::new(NoEndpoint { host: host.to_owned() });
        if self.known_missing().contains(host) {
            return Err(missing());
        }
        match self.system.lookup(host).await {
            Ok(addresses) => Ok(addresses),
            Err(error) if says_missing(&error) && self.is_proven(host).await => {
                self.known_missing().insert(host.to_owned());
                Err(missing())
            }
            Err(error) => Err(ResolveDnsError::new(error)),
        }
    }

    /// Whether the service has a host elsewhere and the region another one.
    async fn is_proven(&self, host: &str) -> bool {
        let Some(others) = others(host, &self.home) else { return false };
        for other in others {
            if !self.system.lookup(&other).await.is_ok_and(|found| !found.is_empty()) {
                return false;
            }
        }
        true
    }

    fn known_missing(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Lookup> ResolveDns for Resolver<L> {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(self.resolve(name))
    }
}

/// Whether the resolver said that the name does not exist, rather than that it could not find out. The standard library
/// has the resolver's own words only: those of glibc, musl, macOS and Windows.
fn says_missing(error: &io::Error) -> bool {
    const WORDS: [&str; 5] = [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "nodename nor servname provided",
        "No such host is known",
    ];
    let text = error.to_string();
    WORDS.iter().any(|words| text.contains(words))
}

/// A region's name, as it is one label of a host.
static REGION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[a-z]{2,}(-[a-z]+)+-\d+$").ok());

/// The same service's host in `home`, and the STS host of the same region; `None` where the host has no region, or is
/// one of these itself.
fn others(host: &str, home: &str) -> Option<[String; 2]> {
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| REGION.as_ref().is_some_and(|r| r.is_match(label)))?;
    let mut elsewhere = labels.clone();
    *elsewhere.get_mut(at)? = home;
    let others = [elsewhere.join("."), format!("sts.{}", labels.get(at..)?.join("."))];
    (!others.iter().any(|other| other == host)).then_some(others)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Names that exist; with `down`, the resolver answers nothing at all.
    #[derive(Debug, Clone, Default)]
    struct Names {
        known: Vec<&'static str>,
        asked: Arc<Mutex<Vec<String>>>,
        down: bool,
    }

    impl Lookup for Names {
        async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().unwrap().push(host.to_owned());
            if self.down {
                return Err(io::Error::other("Temporary failure in name resolution"));
            }
            if self.known.contains(&host) {
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            } else {
                Err(io::Error::other("failed to lookup address information: Name or service not known"))
            }
        }
    }

    const HOST: &str = "detective.ap-south-2.amazonaws.com";
    const SERVICE: &str = "detective.eu-west-1.amazonaws.com";
    const REGION: &str = "sts.ap-south-2.amazonaws.com";

    async fn proven(names: &Names) -> bool {
        let error = Resolver::new(names.clone(), "eu-west-1").resolve(HOST).await.unwrap_err();
        super::super::error::find::<NoEndpoint>(&error).is_some()
    }

    fn names(known: &[&'static str]) -> Names {
        Names { known: known.to_vec(), ..Names::default() }
    }

    #[tokio::test]
    async fn a_host_is_missing_only_where_its_service_and_its_region_have_others() {
        assert!(proven(&names(&[SERVICE, REGION])).await);
        assert!(!proven(&names(&[SERVICE])).await);
        assert!(!proven(&names(&[REGION])).await);
        assert!(!proven(&names(&[])).await);
        assert!(!proven(&Names { down: true, ..names(&[SERVICE, REGION]) }).await);
    }

    #[tokio::test]
    async fn what_is_proven_is_not_asked_again_and_what_exists_is_found() {
        let names = names(&[SERVICE, REGION]);
        let resolver = Resolver::new(names.clone(), "eu-west-1");
        for _ in 0..3 {
            assert!(resolver.resolve(HOST).await.is_err());
        }
        assert_eq!(*names.asked.lock().unwrap(), [HOST, SERVICE, REGION]);
        assert_eq!(resolver.resolve(SERVICE).await.unwrap().len(), 1);
    }

    #[test]
    fn hosts_without_a_region_and_in_the_home_region_prove_nothing() {
        assert_eq!(others("iam.amazonaws.com", "eu-west-1"), None);
        assert_eq!(others(SERVICE, "eu-west-1"), None);
        assert_eq!(
            others("bucket.s3.cn-north-1.amazonaws.com.cn", "cn-northwest-1").unwrap(),
            ["bucket.s3.cn-northwest-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"]
        );
        assert_eq!(
            others("macie2.us-gov-west-1.amazonaws.com", "us-gov-east-1").unwrap()[1],
            "sts.us-gov-west-1.amazonaws.com"
        );
    }
}
