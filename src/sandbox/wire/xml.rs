//! XML: parsing without DTD and entities, values by shape, and writing.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

use super::parse::malformed;
use super::{Protocol, scalar};
use crate::sandbox::models::{Api, Kind, Member, Shape};
use crate::sandbox::world::Fault;

/// One element. Names have no prefix; attribute names keep theirs (`xsi:type`).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
}

/// Parses a document. A DTD, an entity other than the five of XML itself, and too deep nesting are errors.
pub(super) fn parse(body: &[u8], max_depth: u32) -> Result<Element, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let finished = match event {
            Event::Start(start) => {
                if open.len() >= max_depth as usize {
                    return Err("nested too deep".to_owned());
                }
                open.push(element(&start)?);
                None
            }
            Event::Empty(start) => Some(element(&start)?),
            Event::End(_) => open.pop(),
            Event::Text(piece) => {
                append(&mut open, &piece.xml10_content());
                None
            }
            Event::CData(piece) => {
                append(&mut open, &piece.xml10_content());
                None
            }
            Event::GeneralRef(reference) => {
                let letter = match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(letter) => letter,
                    None => predefined(&reference).ok_or("unknown entity")?,
                };
                append(&mut open, letter.encode_utf8(&mut [0; 4]));
                None
            }
            Event::DocType(_) => return Err("a document type declaration is not allowed".to_owned()),
            Event::Eof => return Err("the document has no root element or is cut off".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
        };
        if let Some(done) = finished {
            match open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => return Ok(done),
            }
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut made = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        made.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(made)
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

/// Reads an element as a value of the member's shape.
pub(super) fn read(api: &Api, member: &Member, element: &Element) -> Result<Value, Fault> {
    let shape = api.of(member);
    match shape.kind {
        Kind::Structure => structure(api, shape, element),
        Kind::List => {
            let name = shape.member.location_name.as_deref().unwrap_or("member");
            let items = element.children.iter().filter(|child| child.name == name);
            Ok(Value::Array(items.map(|child| read(api, &shape.member, child)).collect::<Result<_, _>>()?))
        }
        Kind::Map => {
            let mut entries = Map::new();
            for entry in element.children.iter().filter(|child| child.name == "entry") {
                let inner = |name: Option<&str>, default: &str| {
                    entry.children.iter().find(|child| child.name == name.unwrap_or(default))
                };
                if let (Some(key), Some(value)) = (
                    inner(shape.key.location_name.as_deref(), "key"),
                    inner(shape.value.location_name.as_deref(), "value"),
                ) {
                    entries.insert(key.text.clone(), read(api, &shape.value, value)?);
                }
            }
            Ok(Value::Object(entries))
        }
        _ => scalar_value(shape, &element.text),
    }
}

fn scalar_value(shape: &Shape, text: &str) -> Result<Value, Fault> {
    scalar::from_text(shape, text).ok_or_else(|| malformed(Protocol::RestXml, "a value of the wrong type"))
}

fn structure(api: &Api, shape: &Shape, element: &Element) -> Result<Value, Fault> {
    let mut members = Map::new();
    for (name, member) in shape.members.iter().filter(|(_, member)| member.location.is_none()) {
        let inner = api.of(member);
        let wire = member.location_name.as_deref().unwrap_or(name);
        if member.xml_attribute {
            if let Some((_, text)) = element.attributes.iter().find(|(attribute, _)| attribute == wire) {
                members.insert(name.clone(), scalar_value(inner, text)?);
            }
            continue;
        }
        if inner.kind == Kind::List && (member.flattened || inner.flattened) {
            let wire = inner.member.location_name.as_deref().unwrap_or(wire);
            let items = element.children.iter().filter(|child| child.name == wire);
            let items: Vec<Value> =
                items.map(|child| read(api, &inner.member, child)).collect::<Result<_, _>>()?;
            if !items.is_empty() {
                members.insert(name.clone(), Value::Array(items));
            }
            continue;
        }
        if let Some(child) = element.children.iter().find(|child| child.name == wire) {
            members.insert(name.clone(), read(api, member, child)?);
        }
    }
    Ok(Value::Object(members))
}

/// Writes `value` as element `name`. Nulls and members that are bound elsewhere are left out.
pub(super) fn write(out: &mut String, api: &Api, name: &str, member: &Member, value: &Value) {
    let shape = api.of(member);
    match (shape.kind, value) {
        (_, Value::Null) => {}
        (Kind::Structure, Value::Object(members)) => {
            out.push('<');
            out.push_str(name);
            for namespace in [&member.xml_namespace, &shape.xml_namespace].into_iter().flatten() {
                match &namespace.prefix {
                    Some(prefix) => attribute(out, &format!("xmlns:{prefix}"), &namespace.uri),
                    None => attribute(out, "xmlns", &namespace.uri),
                }
            }
            for (inner_name, inner) in shape.members.iter().filter(|(_, inner)| inner.xml_attribute) {
                if let Some(text) = members.get(inner_name).and_then(Value::as_str) {
                    attribute(out, inner.location_name.as_deref().unwrap_or(inner_name), text);
                }
            }
            out.push('>');
            write_members(out, api, shape, members);
            close(out, name);
        }
        (Kind::List, Value::Array(items)) if member.flattened || shape.flattened => {
            let name = shape.member.location_name.as_deref().unwrap_or(name);
            for item in items {
                write(out, api, name, &shape.member, item);
            }
        }
        (Kind::List, Value::Array(items)) => {
            open(out, name);
            for item in items {
                write(
                    out,
                    api,
                    shape.member.location_name.as_deref().unwrap_or("member"),
                    &shape.member,
                    item,
                );
            }
            close(out, name);
        }
        (Kind::Map, Value::Object(entries)) => write_map(out, api, name, (member, shape), entries),
        _ => leaf(out, name, &scalar::to_text(shape, shape.timestamp(member, "iso8601"), value)),
    }
}

/// Writes the members of a structure that travel as elements.
pub(super) fn write_members(out: &mut String, api: &Api, shape: &Shape, members: &Map<String, Value>) {
    for (name, value) in members {
        let Some(member) = shape.members.get(name) else { continue };
        if member.location.is_none() && !member.xml_attribute {
            write(out, api, member.location_name.as_deref().unwrap_or(name), member, value);
        }
    }
}

fn write_map(
    out: &mut String,
    api: &Api,
    name: &str,
    (member, shape): (&Member, &Shape),
    entries: &Map<String, Value>,
) {
    let flat = member.flattened || shape.flattened;
    let entry = if flat { name } else { "entry" };
    if !flat {
        open(out, name);
    }
    for (key, value) in entries {
        open(out, entry);
        leaf(out, shape.key.location_name.as_deref().unwrap_or("key"), key);
        write(out, api, shape.value.location_name.as_deref().unwrap_or("value"), &shape.value, value);
        close(out, entry);
    }
    if !flat {
        close(out, name);
    }
}

/// `<name>text</name>`, escaped.
pub(super) fn leaf(out: &mut String, name: &str, text: &str) {
    open(out, name);
    escape(out, text);
    close(out, name);
}

/// `<name>`
pub(super) fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

/// `</name>`
pub(super) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// ` name="value"`
pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape(out, value);
    out.push('"');
}

/// Escapes text so that it comes back unchanged; what XML 1.0 cannot hold becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(letter),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn entities_declarations_and_depth() {
        let found =
            parse(b"<?xml version=\"1.0\"?><s3:a x:y=\"1&amp;2\"> &lt;b&gt;&#65; <![CDATA[<c>]]></s3:a>", 8)
                .unwrap();
        assert_eq!((found.name.as_str(), found.text.as_str()), ("a", " <b>A <c>"));
        assert_eq!(found.attributes, [("x:y".to_owned(), "1&2".to_owned())]);
        let bomb = b"<!DOCTYPE a [<!ENTITY x \"aaaa\">]><a>&x;</a>";
        assert!(parse(bomb, 8).unwrap_err().contains("document type"));
        assert!(parse(b"<a>&x;</a>", 8).is_err());
        assert!(parse("<a>".repeat(20).as_bytes(), 8).unwrap_err().contains("deep"));
        for bad in [&b""[..], b"<a>", b"<a></b>", b"text", b"\xff"] {
            assert!(parse(bad, 8).is_err());
        }
    }

    #[test]
    fn text_survives_escaping() {
        let mut out = String::new();
        leaf(&mut out, "a", "<&>\"'\r\n\t é \u{1}");
        assert_eq!(parse(out.as_bytes(), 2).unwrap().text, "<&>\"'\r\n\t é \u{fffd}");
    }
}
