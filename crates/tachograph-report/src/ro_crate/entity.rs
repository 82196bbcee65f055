//! One entity of an RO-Crate, and how it is named.
//!
//! Owns: [`Entity`] in the flattened, compacted form of JSON-LD that RO-Crate
//! prescribes, and [`encode`], the one way from a name to a part of an identifier.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// A thing with properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entity {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    kind: Kind,
    #[serde(flatten)]
    properties: BTreeMap<&'static str, Property>,
}

/// What an entity is, by its name in RO-Crate's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Kind {
    CreateAction,
    CreativeWork,
    Dataset,
    File,
    Person,
    PropertyValue,
    SoftwareApplication,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Property {
    Text(String),
    Link(Link),
    Links(Vec<Link>),
}

/// A reference to an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Link {
    #[serde(rename = "@id")]
    id: String,
}

impl Entity {
    pub(super) fn new(id: impl Into<String>, kind: Kind) -> Self {
        Self { id: id.into(), kind, properties: BTreeMap::new() }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn text(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.properties.insert(name, Property::Text(value.into()));
        self
    }

    /// Adds a text, or nothing if it is absent.
    pub(super) fn known(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn link(mut self, name: &'static str, id: impl Into<String>) -> Self {
        self.properties.insert(name, Property::Link(Link { id: id.into() }));
        self
    }

    /// Adds a list of references; one alone without a list, as the compacted form
    /// has it, and nothing if there is none.
    pub(super) fn links(
        mut self,
        name: &'static str,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let mut links: Vec<Link> = ids.into_iter().map(|id| Link { id: id.into() }).collect();
        let property = match (links.pop(), links.is_empty()) {
            (None, _) => return self,
            (Some(only), true) => Property::Link(only),
            (Some(last), false) => {
                links.push(last);
                Property::Links(links)
            }
        };
        self.properties.insert(name, property);
        self
    }
}

/// Returns `name` as a part of a URI's path: every byte but those of unreserved
/// characters (RFC 3986) and `/` is percent-encoded.
pub(super) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

/// Returns whether `text` can stand as the identifier of something on the web:
/// HTTP, and no character that RFC 3986 leaves out.
pub(super) fn is_uri(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}
