//! restJson and restXml: operations by method, path template and fixed query parameters.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use http::Request;

use super::{Protocol, Refused, Routed, Signature, decode, host, unknown};
use crate::sandbox::models::{self, Api, Operation};
use crate::sandbox::wire::Dialect;

/// One operation that is packed.
struct Template {
    name: &'static str,
    operation: &'static Operation,
    form: Form,
}

/// Method and path of one operation, split.
struct Form {
    method: &'static str,
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
        let name = name_of(api, request.method().as_str(), &path, &parameters);
        return Err(unknown(
            dialect,
            &api.key,
            name.map_or_else(|| shown(request), ToString::to_string).as_str(),
        ));
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
        made.sort_by_key(|template| template.form.rank());
        Vec::leak(made)
    })
}

/// What AWS calls an operation that is not packed.
fn name_of(api: &Api, method: &str, path: &str, parameters: &[(String, String)]) -> Option<&'static str> {
    let mut forms: Vec<(&str, Form)> = models::rest_names(&api.key)
        .iter()
        .map(|(name, method, uri)| (name.as_str(), Form::new(method, uri)))
        .filter(|(_, form)| form.fits(method, parameters) && form.labels(path).is_some())
        // S3 tells operations apart by their parameters: one with none of them is another operation.
        .filter(|(_, form)| api.key != "s3" || !form.fixed.is_empty())
        .collect();
    // S3 lists configurations, and gets one by its id, at the same path.
    let lists = !parameters.iter().any(|(name, _)| name == "id");
    forms.sort_by_key(|(name, form)| (form.rank(), lists && !name.starts_with("List")));
    forms.first().map(|(name, _)| *name)
}

impl Template {
    fn new(name: &'static str, operation: &'static Operation) -> Template {
        Template { name, operation, form: Form::new(&operation.http.method, &operation.http.request_uri) }
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
        if !self.form.fits(method, parameters) {
            return None;
        }
        if api.key == "s3" && !self.takes_all(api, parameters) {
            return None;
        }
        self.form.labels(path)
    }

    /// S3 tells operations apart by parameters without value: one that the operation does not have means another
    /// operation, which the models may lack.
    fn takes_all(&self, api: &Api, parameters: &[(String, String)]) -> bool {
        let input = self.operation.input.as_ref().map(|member| api.of(member));
        parameters.iter().all(|(name, _)| {
            name.to_ascii_lowercase().starts_with("x-")
                || self.form.fixed.iter().any(|(fixed, _)| fixed == name)
                || input.is_some_and(|shape| {
                    shape.members.values().any(|m| {
                        m.location.as_deref() == Some("querystring")
                            && m.location_name.as_deref() == Some(name)
                    })
                })
        })
    }
}

impl Form {
    fn new(method: &'static str, uri: &'static str) -> Form {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
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
        Form {
            method,
            segments: path.split('/').filter(|s| !s.is_empty()).map(segment).collect(),
            fixed: query.split('&').filter(|q| !q.is_empty()).map(fixed).collect(),
        }
    }

    /// The more specific comes first.
    fn rank(&self) -> (Reverse<usize>, Reverse<usize>, bool, Reverse<usize>) {
        let literals = self.segments.iter().filter(|s| matches!(s, Segment::Literal(_))).count();
        let greedy = self.segments.iter().any(|s| matches!(s, Segment::Greedy(_)));
        (Reverse(self.fixed.len()), Reverse(literals), greedy, Reverse(self.segments.len()))
    }

    /// Whether method and fixed parameters are those of the request.
    fn fits(&self, method: &str, parameters: &[(String, String)]) -> bool {
        let has = |name: &str, value: Option<&str>| {
            parameters.iter().any(|(n, v)| n == name && value.is_none_or(|wanted| v == wanted))
        };
        method == self.method && self.fixed.iter().all(|(name, value)| has(name, *value))
    }

    /// The decoded labels of a path of this form.
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
}
