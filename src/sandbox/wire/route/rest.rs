//! restJson and restXml: operations by method, path template and fixed query parameters.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use http::Request;

use super::{Protocol, Refused, Routed, Signature, decode, host, unknown};
use crate::sandbox::models::{self, Api, Operation};
use crate::sandbox::wire::Dialect;

/// One operation's template, split.
struct Template {
    name: &'static str,
    operation: &'static Operation,
    segments: Vec<Segment>,
    /// Query parameters that must be there, with their value where the template has one.
    fixed: Vec<(&'static str, Option<&'static str>)>,
}

enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

/// Templates per service, most specific first.
static TEMPLATES: LazyLock<Mutex<HashMap<&'static str, &'static [Template]>>> = LazyLock::new(Mutex::default);

pub(super) fn route(
    request: &Request<Vec<u8>>,
    mut dialect: Dialect,
    signature: Signature,
    candidates: &[&'static str],
    parameters: Vec<(String, String)>,
) -> Result<Routed, Refused> {
    let host = host::of(request);
    let control = host.contains("s3-control")
        || (request.uri().path().starts_with("/v20180820/")
            && request.headers().contains_key("x-amz-account-id"));
    let wanted = |key: &&&'static str| match **key {
        "s3" => !control,
        "s3control" => control,
        _ => true,
    };
    let api = candidates.iter().filter(wanted).find_map(|key| models::api(key));
    let Some(api) = api else {
        return Err(unknown(dialect, &signature.service, &shown(request)));
    };
    dialect.api = Some(api);
    dialect.protocol = if api.metadata.speaks("rest-xml") { Protocol::RestXml } else { Protocol::RestJson };
    let mut path = request.uri().path().to_owned();
    if api.key == "s3"
        && let Some(bucket) = host::bucket(&host)
    {
        path = format!("/{bucket}{path}");
    }
    let copies = request.headers().contains_key("x-amz-copy-source");
    let found =
        templates(api).iter().filter(|template| template.is_written_so(copies)).find_map(|template| {
            let labels = template.matches(api, request.method().as_str(), &path, &parameters)?;
            Some((template, labels))
        });
    let Some((template, mut labels)) = found else {
        return Err(unknown(dialect, &api.key, &shown(request)));
    };
    if api.key == "s3control"
        && let Some(account) = host::account(&host)
    {
        labels.push(("AccountId".to_owned(), account.to_owned()));
    }
    dialect.operation = Some((template.name, template.operation));
    Ok(Routed {
        dialect,
        api,
        name: template.name,
        operation: template.operation,
        signature,
        labels,
        parameters,
        form: Vec::new(),
    })
}

fn shown(request: &Request<Vec<u8>>) -> String {
    format!(
        "{} {}",
        request.method(),
        request.uri().path_and_query().map(ToString::to_string).unwrap_or_default()
    )
}

/// The service's templates, sorted once. They live as long as the program, like the models that they point into.
fn templates(api: &'static Api) -> &'static [Template] {
    let mut all = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(&api.key).or_insert_with(|| {
        let mut made: Vec<Template> = api.operations.iter().map(|(name, o)| Template::new(name, o)).collect();
        made.sort_by_key(|template| {
            let literals = template.segments.iter().filter(|s| matches!(s, Segment::Literal(_))).count();
            let greedy = template.segments.iter().any(|s| matches!(s, Segment::Greedy(_)));
            (Reverse(template.fixed.len()), Reverse(literals), greedy, Reverse(template.segments.len()))
        });
        Vec::leak(made)
    })
}

impl Template {
    fn new(name: &'static str, operation: &'static Operation) -> Template {
        let (path, query) =
            operation.http.request_uri.split_once('?').unwrap_or((&operation.http.request_uri, ""));
        let segment = |text: &'static str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(greedy) => Segment::Greedy(greedy),
                None => Segment::Label(label),
            },
            None => Segment::Literal(text),
        };
        let fixed = |text: &'static str| match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        Template {
            name,
            operation,
            segments: path.split('/').filter(|s| !s.is_empty()).map(segment).collect(),
            fixed: query.split('&').filter(|q| !q.is_empty()).map(fixed).collect(),
        }
    }

    /// S3 tells CopyObject from PutObject by a header: their templates are the same.
    fn is_written_so(&self, copies: bool) -> bool {
        match self.name {
            "CopyObject" => copies,
            "PutObject" => !copies,
            _ => true,
        }
    }

    /// The decoded labels where this is the operation that was asked.
    fn matches(
        &self,
        api: &Api,
        method: &str,
        path: &str,
        parameters: &[(String, String)],
    ) -> Option<Vec<(String, String)>> {
        if method != self.operation.http.method {
            return None;
        }
        let has = |name: &str, value: Option<&str>| {
            parameters.iter().any(|(n, v)| n == name && value.is_none_or(|wanted| v == wanted))
        };
        if !self.fixed.iter().all(|(name, value)| has(name, *value)) {
            return None;
        }
        if api.key == "s3" && !self.takes_all(api, parameters) {
            return None;
        }
        self.labels(path)
    }

    fn labels(&self, path: &str) -> Option<Vec<(String, String)>> {
        let mut rest = path.trim_start_matches('/');
        let mut labels = Vec::new();
        for segment in &self.segments {
            if let Segment::Greedy(name) = segment {
                labels.push(((*name).to_owned(), decode(rest)));
                return (!rest.is_empty()).then_some(labels);
            }
            let (text, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Label(name) if !text.is_empty() => labels.push(((*name).to_owned(), decode(text))),
                Segment::Literal(literal) if *literal == text => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_empty().then_some(labels)
    }

    /// S3 tells operations apart by parameters without value: one that the operation does not have means another
    /// operation, which the models may lack.
    fn takes_all(&self, api: &Api, parameters: &[(String, String)]) -> bool {
        let input = self.operation.input.as_ref().map(|member| api.of(member));
        parameters.iter().all(|(name, _)| {
            name.to_ascii_lowercase().starts_with("x-")
                || self.fixed.iter().any(|(fixed, _)| fixed == name)
                || input.is_some_and(|shape| {
                    shape.members.values().any(|m| {
                        m.location.as_deref() == Some("querystring")
                            && m.location_name.as_deref() == Some(name)
                    })
                })
        })
    }
}
