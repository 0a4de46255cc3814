//! The AWS API models: what each operation is called, how its members travel and what values they may have.
//!
//! `models/models.json.gz` (made by `models/pack.py`) holds one gzip member per service behind an index; a service is
//! unpacked when it is first asked for. The data is derived from botocore, see `models/NOTICE`.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::sync::{LazyLock, OnceLock};

use flate2::bufread::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

mod pattern;

static PACKED: &[u8] = include_bytes!("models/models.json.gz");
static NAMES: &[u8] = include_bytes!("models/rest.json.gz");
static CATALOG: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(read_catalog);

/// Operations of the services of which one member of the model is missing point here; a test proves that none does.
static UNKNOWN: LazyLock<Shape> = LazyLock::new(Shape::default);

struct Entry {
    metadata: Metadata,
    packed: &'static [u8],
    api: OnceLock<Option<Api>>,
}

/// How a service is addressed.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// First label of the host name.
    pub endpoint_prefix: String,
    /// Version of `application/x-amz-json-`.
    pub json_version: Option<String>,
    /// The protocol that AWS prefers.
    pub protocol: String,
    /// Every protocol that AWS speaks, where there are several.
    pub protocols: Vec<String>,
    signing_name: Option<String>,
    /// What stands before the operation in `X-Amz-Target`; also the service's name in rpc-v2-cbor paths.
    pub target_prefix: Option<String>,
    /// Namespace of XML replies.
    pub xml_namespace: Option<String>,
}

impl Metadata {
    /// The service's name in a SigV4 credential scope.
    pub fn signing_name(&self) -> &str {
        self.signing_name.as_deref().unwrap_or(&self.endpoint_prefix)
    }

    /// Whether AWS's models list the protocol for this service.
    pub fn speaks(&self, protocol: &str) -> bool {
        self.protocol == protocol || self.protocols.iter().any(|p| p == protocol)
    }
}

/// One service.
#[derive(Deserialize)]
pub struct Api {
    /// The model's file name, such as `iam`.
    #[serde(skip)]
    pub key: String,
    /// How it is addressed.
    #[serde(skip)]
    pub metadata: Metadata,
    /// Operations by name.
    pub operations: BTreeMap<String, Operation>,
    shapes: HashMap<String, Shape>,
}

/// One operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Method and path.
    pub http: Http,
    /// Input structure.
    #[serde(default)]
    pub input: Option<Member>,
    /// Output structure.
    #[serde(default)]
    pub output: Option<Member>,
    /// Names of error shapes.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Marked read-only by the model.
    #[serde(default)]
    pub readonly: bool,
}

/// HTTP binding of an operation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// GET, PUT, ...
    pub method: String,
    /// Path template with `{label}`, `{label+}` and fixed query parameters.
    pub request_uri: String,
    /// Status of a success.
    #[serde(default)]
    pub response_code: Option<u16>,
}

/// A reference to a shape, with the traits of the place.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Member {
    /// Name of the shape.
    pub shape: String,
    /// `uri`, `querystring`, `header`, `headers` or `statusCode`; in the body where absent.
    pub location: Option<String>,
    /// Name on the wire.
    pub location_name: Option<String>,
    /// Name in ec2Query requests.
    pub query_name: Option<String>,
    /// List or map without a wrapping element.
    pub flattened: bool,
    /// Written as an attribute of the parent element.
    pub xml_attribute: bool,
    /// Namespace declared on the element.
    pub xml_namespace: Option<Namespace>,
    /// `iso8601`, `rfc822` or `unixTimestamp`.
    pub timestamp_format: Option<String>,
    /// Element around the output of a query operation.
    pub result_wrapper: Option<String>,
}

/// An XML namespace declaration.
#[derive(Debug, Deserialize)]
pub struct Namespace {
    /// The URI.
    pub uri: String,
    /// Prefix, where it is not the default namespace.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// Kind of a shape.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of the API models")]
pub enum Kind {
    #[default]
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// One type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the traits of the API models")]
pub struct Shape {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Members of a structure.
    pub members: BTreeMap<String, Member>,
    /// Members that must be there.
    pub required: Vec<String>,
    /// Element of a list.
    pub member: Member,
    /// Key of a map.
    pub key: Member,
    /// Value of a map.
    pub value: Member,
    /// Smallest length or value.
    pub min: Option<f64>,
    /// Greatest length or value.
    pub max: Option<f64>,
    /// Values of a string enumeration.
    #[serde(rename = "enum")]
    pub values: Vec<String>,
    /// Regular expression in Java's syntax.
    pub pattern: Option<String>,
    /// Member that is the whole HTTP body.
    pub payload: Option<String>,
    /// List or map without a wrapping element.
    pub flattened: bool,
    /// XML name of the structure.
    pub location_name: Option<String>,
    /// Namespace declared on the element.
    pub xml_namespace: Option<Namespace>,
    /// Format of a timestamp.
    pub timestamp_format: Option<String>,
    /// Any JSON value.
    pub document: bool,
    /// An error shape.
    pub exception: bool,
    /// The server's fault (status 500).
    pub fault: bool,
    /// Wire code and status of an error shape.
    pub error: ErrorTrait,
    #[serde(skip)]
    compiled: OnceLock<Option<pattern::Pattern>>,
}

/// How an error shape travels.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorTrait {
    /// Wire code where it is not the shape's name.
    pub code: Option<String>,
    /// HTTP status.
    pub http_status_code: Option<u16>,
}

impl Shape {
    /// Whether `text` matches the whole pattern; true where there is none or it cannot be compiled.
    pub fn pattern_matches(&self, text: &str) -> bool {
        let Some(source) = &self.pattern else { return true };
        self.compiled
            .get_or_init(|| pattern::compile(source))
            .as_ref()
            .is_none_or(|pattern| pattern.matches(text))
    }

    /// The timestamp format of this shape at `member`, or `default` of the protocol.
    pub fn timestamp<'a>(&'a self, member: &'a Member, default: &'a str) -> &'a str {
        member.timestamp_format.as_deref().or(self.timestamp_format.as_deref()).unwrap_or(default)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Api").field(&self.key).finish()
    }
}

impl Api {
    /// A shape by name.
    pub fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or(&UNKNOWN)
    }

    /// Whether the model has a shape of this name.
    pub fn has_shape(&self, name: &str) -> bool {
        self.shapes.contains_key(name)
    }

    /// The shape of a reference.
    pub fn of(&self, member: &Member) -> &Shape {
        self.shape(&member.shape)
    }

    /// The error shape with this wire code, or this name.
    pub fn error(&self, operation: Option<&Operation>, code: &str) -> Option<(&str, &Shape)> {
        let has_code = |name: &&String| self.shape(name).error.code.as_deref() == Some(code);
        let named = operation.and_then(|o| o.errors.iter().find(has_code)).map_or(code, String::as_str);
        let found = self.shapes.get_key_value(named).filter(|(_, shape)| shape.exception).or_else(|| {
            self.shapes
                .iter()
                .filter(|(name, shape)| shape.exception && has_code(name))
                .min_by_key(|(name, _)| *name)
        });
        found.map(|(name, shape)| (name.as_str(), shape))
    }
}

/// Keys and metadata of all services.
pub fn services() -> impl Iterator<Item = (&'static str, &'static Metadata)> {
    CATALOG.iter().map(|(key, entry)| (key.as_str(), &entry.metadata))
}

/// A service's model by key, unpacked at the first call.
pub fn api(key: &str) -> Option<&'static Api> {
    let (key, entry) = CATALOG.get_key_value(key)?;
    entry.api.get_or_init(|| read_api(key, entry)).as_ref()
}

/// Operation, method and path template of every operation of a REST service, those that have no model included.
pub fn rest_names(key: &str) -> &'static [(String, String, String)] {
    type Names = BTreeMap<String, Vec<(String, String, String)>>;
    static READ: LazyLock<Names> =
        LazyLock::new(|| logged(unpack::<Names>(NAMES)).map(|(names, _)| names).unwrap_or_default());
    READ.get(key).map(Vec::as_slice).unwrap_or_default()
}

fn read_api(key: &str, entry: &Entry) -> Option<Api> {
    let mut api: Api = logged(unpack(entry.packed).map(|(api, _)| api))?;
    key.clone_into(&mut api.key);
    api.metadata = entry.metadata.clone();
    Some(api)
}

#[derive(Deserialize)]
struct IndexEntry {
    metadata: Metadata,
    offset: usize,
    length: usize,
}

fn read_catalog() -> BTreeMap<String, Entry> {
    let Some((index, rest)) = logged(unpack::<BTreeMap<String, IndexEntry>>(PACKED)) else {
        return BTreeMap::new();
    };
    index
        .into_iter()
        .map(|(key, entry)| {
            let packed = rest.get(entry.offset..entry.offset + entry.length).unwrap_or_default();
            (key, Entry { metadata: entry.metadata, packed, api: OnceLock::new() })
        })
        .collect()
}

/// The first gzip member of `packed`, and what follows it.
fn unpack<T: DeserializeOwned>(packed: &'static [u8]) -> std::io::Result<(T, &'static [u8])> {
    let mut decoder = GzDecoder::new(packed);
    let mut text = Vec::new();
    decoder.read_to_end(&mut text)?;
    Ok((serde_json::from_slice(&text)?, decoder.into_inner()))
}

fn logged<T>(read: std::io::Result<T>) -> Option<T> {
    read.inspect_err(|error| tracing::error!(%error, "the API models in this program are damaged")).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_service_unpacks_and_every_reference_resolves() {
        assert!(services().count() >= 51);
        for (key, _) in services() {
            let api = api(key).unwrap();
            assert_eq!(api.key, key);
            assert!(!api.metadata.endpoint_prefix.is_empty());
            for (name, shape) in &api.shapes {
                let more = match shape.kind {
                    Kind::List => vec![&shape.member],
                    Kind::Map => vec![&shape.key, &shape.value],
                    _ => Vec::new(),
                };
                for member in shape.members.values().chain(more) {
                    assert!(api.shapes.contains_key(&member.shape), "{key} {name} {member:?}");
                }
            }
            for (name, operation) in &api.operations {
                for side in [&operation.input, &operation.output].into_iter().flatten() {
                    assert!(api.shapes.contains_key(&side.shape), "{key} {name}");
                }
                assert!(operation.errors.iter().all(|e| api.shape(e).exception), "{key} {name}");
            }
        }
    }

    #[test]
    fn errors_are_found_by_code_and_by_name() {
        let iam = api("iam").unwrap();
        assert_eq!(iam.error(None, "NoSuchEntity").unwrap().0, "NoSuchEntityException");
        assert_eq!(iam.error(None, "NoSuchEntityException").unwrap().1.error.http_status_code, Some(404));
        assert!(iam.error(None, "Nonsense").is_none());
    }

    #[test]
    fn every_pattern_can_be_compiled() {
        let mut skipped = Vec::new();
        for (key, _) in services() {
            for (name, shape) in &api(key).unwrap().shapes {
                if shape.pattern.as_ref().is_some_and(|p| pattern::compile(p).is_none()) {
                    skipped.push(format!("{key} {name}"));
                }
            }
        }
        // What a new model brings belongs into `pattern::REWRITTEN`.
        assert_eq!(skipped, Vec::<String>::new());
    }
}
