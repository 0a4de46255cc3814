//! Form parameters of awsQuery and ec2Query requests: `Tags.member.1.Key=a` as a tree, then by shape.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{MAX_DEPTH, scalar};
use crate::sandbox::models::{Api, Kind, Member, Shape};
use crate::sandbox::world::Fault;

/// Most entries of one list or map: keeps `x.member.4000000000` cheap.
const MAX_INDEX: usize = 10_000;

#[derive(Default)]
struct Node<'a> {
    text: Option<&'a str>,
    children: BTreeMap<&'a str, Node<'a>>,
}

/// Reads input members out of form parameters.
pub(super) fn read(api: &Api, shape: &Shape, form: &[(String, String)], ec2: bool) -> Result<Value, Fault> {
    let mut root = Node::default();
    for (name, value) in form {
        if name.split('.').count() > MAX_DEPTH as usize {
            return Err(Fault::new("MalformedInput", "The parameters are nested too deep.").status(400));
        }
        let place = name.split('.').fold(&mut root, |node, part| node.children.entry(part).or_default());
        place.text = Some(value);
    }
    structure(api, shape, &root, ec2)
}

fn structure(api: &Api, shape: &Shape, node: &Node<'_>, ec2: bool) -> Result<Value, Fault> {
    let mut members = Map::new();
    for (name, member) in &shape.members {
        let wire = wire_name(name, member, ec2);
        let flat = ec2 || member.flattened || api.of(member).flattened;
        // a flattened list takes the name of its elements, where they have one
        let element = api.of(member).member.location_name.as_deref();
        let found = match element {
            Some(element) if flat && !ec2 && api.of(member).kind == Kind::List => {
                node.children.get(element).or_else(|| node.children.get(wire.as_str()))
            }
            _ => node.children.get(wire.as_str()),
        };
        if let Some(child) = found
            && let Some(value) = value(api, member, child, flat, ec2)?
        {
            members.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(members))
}

fn wire_name(name: &str, member: &Member, ec2: bool) -> String {
    if !ec2 {
        return member.location_name.as_deref().unwrap_or(name).to_owned();
    }
    if let Some(name) = &member.query_name {
        return name.clone();
    }
    let name = member.location_name.as_deref().unwrap_or(name);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn value(api: &Api, member: &Member, node: &Node<'_>, flat: bool, ec2: bool) -> Result<Option<Value>, Fault> {
    let shape = api.of(member);
    match shape.kind {
        Kind::Structure => structure(api, shape, node, ec2).map(Some),
        Kind::List => {
            let place =
                if flat { Some(node) } else { inner(node, shape.member.location_name.as_deref(), "member") };
            // an empty list is sent as the bare name
            let Some(place) = place else { return Ok(node.text.map(|_| Value::Array(Vec::new()))) };
            let mut items = Vec::new();
            for child in numbered(place)? {
                let item_flat = ec2 || api.of(&shape.member).flattened;
                items.extend(value(api, &shape.member, child, item_flat, ec2)?);
            }
            Ok(Some(Value::Array(items)))
        }
        Kind::Map => {
            let place = if flat { Some(node) } else { node.children.get("entry") };
            let Some(place) = place else { return Ok(Some(Value::Object(Map::new()))) };
            let mut entries = Map::new();
            for child in numbered(place)? {
                let key = inner(child, shape.key.location_name.as_deref(), "key").and_then(|n| n.text);
                let found = inner(child, shape.value.location_name.as_deref(), "value");
                if let (Some(key), Some(found)) = (key, found)
                    && let Some(read) = value(api, &shape.value, found, ec2, ec2)?
                {
                    entries.insert(key.to_owned(), read);
                }
            }
            Ok(Some(Value::Object(entries)))
        }
        _ => node.text.map(|text| scalar_value(shape, text)).transpose(),
    }
}

fn scalar_value(shape: &Shape, text: &str) -> Result<Value, Fault> {
    scalar::from_text(shape, text).ok_or_else(|| {
        let shown: String = text.chars().take(200).collect();
        Fault::new("MalformedInput", format!("'{shown}' is not a valid value of its type")).status(400)
    })
}

fn inner<'n, 'a>(node: &'n Node<'a>, name: Option<&str>, default: &str) -> Option<&'n Node<'a>> {
    node.children.get(name.unwrap_or(default)).or_else(|| node.children.get(default))
}

/// The children named by numbers, in their order.
fn numbered<'n, 'a>(node: &'n Node<'a>) -> Result<Vec<&'n Node<'a>>, Fault> {
    let mut found: Vec<(usize, &Node<'a>)> =
        node.children.iter().filter_map(|(name, child)| Some((name.parse().ok()?, child))).collect();
    if found.len() > MAX_INDEX {
        return Err(Fault::new("MalformedInput", "The list has too many entries.").status(400));
    }
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, child)| child).collect())
}
