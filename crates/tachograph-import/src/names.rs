//! Names of studies and configurations.
//!
//! Owns: what a name may look like, and how equal ones are told apart.

use std::collections::BTreeSet;

use tachograph_model::digest::Digest;

/// The longest name that a study gets.
const NAME_MAX: usize = 80;

/// Returns a text in lower-case letters, digits and single hyphens.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(NAME_MAX);
    slug.trim_end_matches('-').to_owned()
}

/// Returns the name of a configuration, a long one cut and told apart by its digest.
pub(crate) fn fitted(name: String) -> String {
    const ID_MAX: usize = 110;
    if name.len() <= ID_MAX {
        return name;
    }
    let digest = Digest::of(name.as_bytes()).to_string();
    let start: String = name.chars().take(ID_MAX - 20).collect();
    format!("{start}_{}", digest.get(..12).unwrap_or_default())
}

/// Returns the names, equal ones with a number.
pub(crate) fn numbered_apart(names: Vec<String>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let apart = |name: String| {
        let mut candidate = name.clone();
        let mut number = 2_u32;
        while !taken.insert(candidate.clone()) {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        candidate
    };
    names.into_iter().map(apart).collect()
}
