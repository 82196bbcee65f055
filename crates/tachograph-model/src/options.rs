//! Server options and the names that configurations get from them.
//!
//! Owns: the value type of an option, the list of option names that servers
//! are known to understand, and slugs such as `gpu80_ctx1024_temp0p8`.
//!
//! Does not: decide what an option does; unknown names are passed on.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of one configuration: name to value, in the order of their names.
pub type Options = BTreeMap<String, OptionValue>;

/// A value that a server option can have.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// A switch.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A list of texts, such as stop sequences.
    Texts(Vec<String>),
}

/// Option names that Ollama documents, with the short form used in slugs, in
/// the order in which slugs list them.
const KNOWN: [(&str, &str); 22] = [
    ("num_gpu", "gpu"),
    ("num_ctx", "ctx"),
    ("temperature", "temp"),
    ("top_p", "topp"),
    ("top_k", "topk"),
    ("repeat_penalty", "rp"),
    ("num_predict", "np"),
    ("seed", "seed"),
    ("num_thread", "thr"),
    ("num_batch", "batch"),
    ("min_p", "minp"),
    ("typical_p", "typp"),
    ("repeat_last_n", "rln"),
    ("presence_penalty", "pp"),
    ("frequency_penalty", "fp"),
    ("num_keep", "keep"),
    ("stop", "stop"),
    ("main_gpu", "maingpu"),
    ("use_mmap", "mmap"),
    ("draft_num_predict", "draft"),
    ("max_tokens", "maxtok"),
    ("cache_prompt", "cache"),
];

/// Returns whether `name` is an option that the supported servers document.
pub fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
}

/// Returns the documented option names.
pub fn known_names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Returns the slug of a combination of levels, such as `gpu80_ctx1024_temp0p8`.
///
/// Known options come first and in a fixed order; others follow by name.
/// Equal combinations have equal slugs. An empty combination has an empty slug.
pub fn slug(levels: &Options) -> String {
    slug_of_parts(&levels.iter().map(|(name, value)| (&**name, slug_value(value))).collect())
}

/// As [`slug`], where an option may have one value for each agent:
/// `gpu60-80_ctx512`.
pub fn slug_of_each(levels: &BTreeMap<String, Vec<OptionValue>>) -> String {
    let joined =
        |values: &Vec<OptionValue>| values.iter().map(slug_value).collect::<Vec<_>>().join("-");
    slug_of_parts(&levels.iter().map(|(name, values)| (&**name, joined(values))).collect())
}

fn slug_of_parts(parts: &BTreeMap<&str, String>) -> String {
    let known = KNOWN.iter().filter_map(|(name, short)| Some((*short, parts.get(name)?)));
    let unknown =
        parts.iter().filter(|(name, _)| !is_known(name)).map(|(name, text)| (*name, text));
    known.chain(unknown).map(|(name, text)| format!("{name}{text}")).collect::<Vec<_>>().join("_")
}

/// Returns a value in letters, digits and hyphens only.
fn slug_value(value: &OptionValue) -> String {
    value
        .to_string()
        .chars()
        .map(|c| match c {
            '.' => 'p',
            '-' => 'm',
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect()
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Texts(values) => f.write_str(&values.join("|")),
        }
    }
}

impl OptionValue {
    /// Parses a value as typed on a command line: `true`, `12`, `0.8` or text.
    pub fn parse(text: &str) -> Self {
        let switch = text.parse().map(Self::Bool);
        let whole = || text.parse().map(Self::Integer).ok();
        let number = || text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Self::Float);
        switch.ok().or_else(whole).or_else(number).unwrap_or_else(|| Self::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_those_of_the_historical_sweep() {
        let levels = Options::from([
            ("temperature".to_owned(), OptionValue::Float(0.8)),
            ("num_ctx".to_owned(), OptionValue::Integer(1024)),
            ("num_gpu".to_owned(), OptionValue::Integer(80)),
        ]);
        assert_eq!(slug(&levels), "gpu80_ctx1024_temp0p8");
    }

    #[test]
    fn values_of_several_agents_stand_side_by_side() {
        let levels = BTreeMap::from([
            ("num_ctx".to_owned(), vec![OptionValue::Integer(512)]),
            ("num_gpu".to_owned(), vec![OptionValue::Integer(60), OptionValue::Integer(80)]),
        ]);
        assert_eq!(slug_of_each(&levels), "gpu60-80_ctx512");
    }

    #[test]
    fn unknown_and_odd_values_stay_usable_as_folder_names() {
        let levels = Options::from([
            ("flash".to_owned(), OptionValue::Bool(true)),
            ("num_gpu".to_owned(), OptionValue::Integer(-1)),
            ("stop".to_owned(), OptionValue::Text("../x y".to_owned())),
        ]);
        assert_eq!(slug(&levels), "gpum1_stoppp-x-y_flashtrue");
    }
}
