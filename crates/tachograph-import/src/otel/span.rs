//! OTLP's JSON: spans with their resource and scope, and values of attributes.
//!
//! Owns: the two ways in which whole numbers and identifiers are written. OTLP asks for
//! identifiers in hexadecimal; what comes out of a general converter of protobuf has them
//! in base64, and names of kinds in the place of their numbers.

use serde::Deserialize;
use serde_json::{Number, Value};

use crate::findings::{Findings, Place};
use crate::snapshot::ImportError;

/// A document, or a line of a file of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(default, alias = "resource_spans")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    resource: Option<Resource>,
    #[serde(default, alias = "scope_spans")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Debug, Default, Deserialize)]
struct Resource {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
struct ScopeSpans {
    scope: Option<Scope>,
    #[serde(default)]
    spans: Vec<Span>,
}

/// What made the spans.
#[derive(Debug, Deserialize)]
pub(super) struct Scope {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(rename = "spanId", alias = "span_id")]
    id: Option<String>,
    #[serde(alias = "start_time_unix_nano")]
    start_time_unix_nano: Option<Whole>,
    #[serde(alias = "end_time_unix_nano")]
    end_time_unix_nano: Option<Whole>,
    #[serde(default)]
    attributes: Attributes,
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: Option<Value>,
    message: Option<String>,
}

/// A whole number, as a number or as a text, since it may not fit a double.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(Number),
    Text(String),
}

impl Whole {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// Attributes, by their keys.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Attributes(Vec<Attribute>);

#[derive(Debug, Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Any,
}

#[derive(Debug, Default, Deserialize)]
struct Any {
    #[serde(rename = "stringValue", alias = "string_value")]
    text: Option<String>,
    #[serde(rename = "boolValue", alias = "bool_value")]
    switch: Option<bool>,
    #[serde(rename = "intValue", alias = "int_value")]
    whole: Option<Whole>,
    #[serde(rename = "doubleValue", alias = "double_value")]
    double: Option<f64>,
    #[serde(rename = "arrayValue", alias = "array_value")]
    list: Option<Array>,
}

#[derive(Debug, Deserialize)]
struct Array {
    #[serde(default)]
    values: Vec<Any>,
}

impl Attributes {
    fn get(&self, name: &str) -> Option<&Any> {
        self.0.iter().find(|attribute| attribute.key == name).map(|attribute| &attribute.value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text.as_deref()
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.whole.as_ref()?.value()
    }

    /// Returns a number, whole or not.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let value = self.get(name)?;
        let whole = || value.whole.as_ref()?.value().map(|it| it as f64);
        value.double.or_else(whole)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.get(name).and_then(|it| it.list.as_ref());
        values.into_iter().flat_map(|it| &it.values).filter_map(|it| it.text.clone()).collect()
    }

    /// Returns a value that is no list, as JSON.
    pub(super) fn json(&self, name: &str) -> Option<Value> {
        let value = self.get(name)?;
        let text = || value.text.clone().map(Value::from);
        let switch = || value.switch.map(Value::from);
        let whole = || value.whole.as_ref()?.value().map(Value::from);
        let number = || value.double.map(Value::from);
        text().or_else(switch).or_else(whole).or_else(number)
    }
}

/// A span with what stands around it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) place: Place<'a>,
    pub(super) resource: &'a Attributes,
    pub(super) scope: Option<&'a Scope>,
    pub(super) attributes: &'a Attributes,
    span: &'a Span,
}

impl Document {
    /// Returns every span of the document, which begins at `place`.
    pub(super) fn spans<'a>(&'a self, place: &Place<'a>) -> Vec<Found<'a>> {
        static NONE: Attributes = Attributes(Vec::new());
        let mut all = Vec::new();
        for (one, of_resource) in self.resource_spans.iter().enumerate() {
            let resource = of_resource.resource.as_ref().map_or(&NONE, |it| &it.attributes);
            for (two, of_scope) in of_resource.scope_spans.iter().enumerate() {
                for (three, span) in of_scope.spans.iter().enumerate() {
                    let steps = format!("resourceSpans/{one}/scopeSpans/{two}/spans/{three}");
                    all.push(Found {
                        place: place.at(steps),
                        resource,
                        scope: of_scope.scope.as_ref(),
                        attributes: &span.attributes,
                        span,
                    });
                }
            }
        }
        all
    }
}

impl Found<'_> {
    /// Returns begin and end, in nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// One of them is missing or no instant.
    pub(super) fn instants(&self) -> Result<(u64, u64), ImportError> {
        let one = |name: &str, instant: &Option<Whole>| {
            let value = instant.as_ref().and_then(Whole::value);
            value.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0).ok_or_else(|| {
                let message = "a call has no such instant, in nanoseconds since 1970: export the span \
                               after it has ended, and whole";
                self.place.at(name).error(message)
            })
        };
        let start = one("startTimeUnixNano", &self.span.start_time_unix_nano)?;
        Ok((start, one("endTimeUnixNano", &self.span.end_time_unix_nano)?))
    }

    /// Returns the bytes of the trace's and the span's identifiers, however they are written.
    pub(super) fn ids(&self, findings: &mut Findings) -> Option<(Vec<u8>, Vec<u8>)> {
        let (trace, span) = (self.span.trace_id.as_deref()?, self.span.id.as_deref()?);
        if let (Some(trace), Some(span)) = (hex(trace, 16), hex(span, 8)) {
            return Some((trace, span));
        }
        let read = base64(trace).zip(base64(span));
        let what = if read.is_some() {
            "its identifiers are in base64, and OTLP asks for hexadecimal"
        } else {
            "its identifiers are neither hexadecimal nor base64"
        };
        let treatment =
            if read.is_some() { "read as such" } else { "compared as they are written" };
        findings.add(&self.place.at("traceId"), what, treatment);
        read.or_else(|| Some((trace.into(), span.into())))
    }

    /// Returns whether the span's status is an error.
    pub(super) fn is_error(&self) -> bool {
        let code = self.span.status.as_ref().and_then(|it| it.code.as_ref());
        code.is_some_and(|code| *code == 2 || *code == "STATUS_CODE_ERROR")
    }

    pub(super) fn status_message(&self) -> Option<&str> {
        self.span.status.as_ref()?.message.as_deref().filter(|it| !it.is_empty())
    }
}

/// Returns the bytes that `n_bytes` pairs of hexadecimal digits stand for.
fn hex(text: &str, n_bytes: usize) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * n_bytes)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// Returns the bytes of a text in base64.
fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut n_bits) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from((bits >> n_bits) & 0xff).ok()?);
            bits &= (1 << n_bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Returns the text of an answer from its messages, which are a JSON text of their own.
pub(super) fn answer(messages: &str) -> Option<String> {
    let messages: Value = serde_json::from_str(messages).ok()?;
    let parts = messages[0]["parts"].as_array()?;
    let texts = parts.iter().filter(|part| part["type"] == "text");
    Some(texts.filter_map(|part| part["content"].as_str()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_an_identifier_are_the_same_bytes() {
        let bytes = hex("c5dd1c9a378255b2735d911f5e4422c3", 16).unwrap();
        assert_eq!(base64("xd0cmjeCVbJzXZEfXkQiww=="), Some(bytes));
        assert_eq!(hex("100bee9fadbb1247", 8), base64("EAvun627Ekc="));
        assert_eq!((hex("zz", 1), base64("€"), base64("")), (None, None, None));
    }

    #[test]
    fn an_answer_is_the_text_of_its_first_message() {
        let messages = r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},
            {"type":"text","content":"yes"}],"finish_reason":"stop"}]"#;
        assert_eq!(answer(messages).as_deref(), Some("yes"));
        assert_eq!(answer("cut ["), None);
    }
}
