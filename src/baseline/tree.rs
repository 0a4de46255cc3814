//! The baseline as a tree that owns its text and knows the place of every key and value.
//!
//! `toml`'s own tree borrows from the files, which would tie every cached section to them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::diag::Span;

/// A value with its place. The place of a `[table]` is its header.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) span: Span,
    pub(crate) node: Node,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    /// As TOML writes it.
    Integer(String),
    /// As TOML writes it.
    Float(String),
    Boolean(bool),
    Datetime(Datetime),
    Array(Vec<Item>),
    Table(Table),
}

/// Keys with their values.
pub(crate) type Table = BTreeMap<String, Entry>;

/// One key of a table.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Place of the key.
    pub(crate) key: Span,
    pub(crate) value: Item,
}

/// What a path leads to: the key itself, or its nearest declared ancestor.
pub(crate) struct Found<'a> {
    pub(crate) item: &'a Item,
    /// Place of the key; absent for items of arrays and for the root.
    key: Option<&'a Span>,
    /// Whether the whole path exists.
    pub(crate) exact: bool,
}

impl Found<'_> {
    /// The place to show: the value, or the key of a table or of an ancestor.
    pub(crate) fn shown(&self) -> Span {
        match (self.key, &self.item.node) {
            (Some(key), Node::Table(_)) => key.clone(),
            (Some(key), _) if !self.exact => key.clone(),
            _ => self.item.span.clone(),
        }
    }

    /// The place where it is declared.
    pub(crate) fn declared(&self) -> &Span {
        self.key.unwrap_or(&self.item.span)
    }
}

impl Item {
    /// Takes a value out of `toml`'s tree; `base` is the position of the file's first byte.
    pub(crate) fn from_toml(value: &Spanned<DeValue<'_>>, base: usize) -> Item {
        let node = match value.get_ref() {
            DeValue::String(s) => Node::Text(s.clone().into_owned()),
            DeValue::Integer(i) => Node::Integer(i.to_string()),
            DeValue::Float(f) => Node::Float(f.to_string()),
            DeValue::Boolean(b) => Node::Boolean(*b),
            DeValue::Datetime(d) => Node::Datetime(*d),
            DeValue::Array(items) => Node::Array(items.iter().map(|i| Item::from_toml(i, base)).collect()),
            DeValue::Table(table) => Node::Table(table_from_toml(table, base)),
        };
        Item { span: shift(&value.span(), base), node }
    }

    /// The value as `toml`'s tree, for its deserializer.
    pub(crate) fn to_toml(&self) -> Spanned<DeValue<'_>> {
        let value = match &self.node {
            Node::Text(s) => DeValue::String(Cow::Borrowed(s)),
            // `toml` offers no other way to make a number.
            Node::Integer(text) | Node::Float(text) => DeValue::parse(text)
                .map_or_else(|_| DeValue::String(Cow::Borrowed(text)), Spanned::into_inner),
            Node::Boolean(b) => DeValue::Boolean(*b),
            Node::Datetime(d) => DeValue::Datetime(*d),
            Node::Array(items) => DeValue::Array(items.iter().map(Item::to_toml).collect()),
            Node::Table(table) => {
                let mut out = DeTable::new();
                for (name, entry) in table {
                    let key = Spanned::new(entry.key.clone(), Cow::Borrowed(name.as_str()));
                    out.insert(key, entry.value.to_toml());
                }
                DeValue::Table(out)
            }
        };
        Spanned::new(self.span.clone(), value)
    }

    /// Lays another value over this one: tables merge key by key, everything else is replaced.
    pub(crate) fn merge(&mut self, over: &Item) {
        let (Node::Table(base), Node::Table(over)) = (&mut self.node, &over.node) else {
            *self = over.clone();
            return;
        };
        for (name, entry) in over {
            match base.get_mut(name) {
                Some(have) if have.value.is_table() && entry.value.is_table() => {
                    have.value.merge(&entry.value);
                }
                _ => {
                    base.insert(name.clone(), entry.clone());
                }
            }
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.node, Node::Table(_))
    }

    pub(crate) fn table(&self) -> Option<&Table> {
        if let Node::Table(table) = &self.node { Some(table) } else { None }
    }

    pub(crate) fn array(&self) -> &[Item] {
        if let Node::Array(items) = &self.node { items } else { &[] }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Node::Text(text) = &self.node { Some(text) } else { None }
    }

    /// The kind of value in a reader's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.node {
            Node::Text(_) => "a string",
            Node::Integer(_) => "an integer",
            Node::Float(_) => "a float",
            Node::Boolean(_) => "a boolean",
            Node::Datetime(_) => "a date",
            Node::Array(_) => "an array",
            Node::Table(_) => "a table",
        }
    }

    /// Follows a path such as `rules[0].name`; keys with unusual characters may be quoted. `None`: not even the
    /// first step exists.
    pub(crate) fn find(&self, path: &str) -> Option<Found<'_>> {
        let mut found = Found { item: self, key: None, exact: true };
        let mut rest = path;
        let mut steps = 0;
        while !rest.is_empty() {
            let Some((item, key, left)) = found.item.step(rest) else {
                found.exact = false;
                return (steps > 0).then_some(found);
            };
            found = Found { item, key, exact: true };
            rest = left.strip_prefix('.').unwrap_or(left);
            steps += 1;
        }
        Some(found)
    }

    /// One step of `find`: the item, the place of its key, and the rest of the path.
    fn step<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Item, Option<&'a Span>, &'p str)> {
        match &self.node {
            Node::Array(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                Some((items.get(index.parse::<usize>().ok()?)?, None, rest))
            }
            Node::Table(table) => {
                let (entry, rest) = match path.strip_prefix('"').and_then(|p| p.split_once('"')) {
                    Some((name, rest)) => (table.get(name)?, rest),
                    // Controls write account keys and OU paths into paths as they are: try every end of a step.
                    None => path
                        .match_indices(['.', '['])
                        .map(|(at, _)| at)
                        .chain(std::iter::once(path.len()))
                        .filter(|end| *end > 0)
                        .find_map(|end| Some((table.get(path.get(..end)?)?, path.get(end..)?)))?,
                };
                Some((&entry.value, Some(&entry.key), rest))
            }
            _ => None,
        }
    }
}

/// A whole table of `toml`'s tree.
pub(crate) fn table_from_toml(table: &DeTable<'_>, base: usize) -> Table {
    let entry = |(key, value): (&Spanned<Cow<'_, str>>, _)| {
        let name = key.get_ref().clone().into_owned();
        (name, Entry { key: shift(&key.span(), base), value: Item::from_toml(value, base) })
    };
    table.iter().map(entry).collect()
}

fn shift(span: &Span, base: usize) -> Span {
    span.start + base..span.end + base
}
