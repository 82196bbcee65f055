//! Whether two implementations did the same: the parity contract, from the evidence.
//!
//! Owns: what is compared (calls, their order, their requests, files, the server) and
//! what counts as a breach.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::canonical::differences;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::run::{ConfigurationId, RunId};

use super::{Cell, Material};
use crate::facts::{AgentFacts, CallFacts, RunFacts};

/// What came of checking one implementation against the reference on one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parity {
    /// Pairs of runs of one block and configuration that could be compared.
    pub(crate) n_pairs: usize,
    /// Requests that were compared.
    pub(crate) n_requests: usize,
    /// Of these, requests that quote earlier answers which were not the same: they were
    /// compared apart from the words of these answers.
    pub(crate) n_apart_from_answers: usize,
    /// Files that were compared.
    pub(crate) n_files: usize,
    /// Breaches, each with the first run in which it was seen.
    pub(crate) breaches: Vec<Breach>,
    /// Whether stages and files could not be compared, since an agent does not tell of
    /// them.
    pub(crate) is_partial: bool,
}

/// A way in which two implementations did not do the same.
#[derive(Debug, Clone)]
pub(crate) struct Breach {
    pub(crate) kind: Kind,
    /// The first run of the judged implementation in which it was seen.
    pub(crate) run: RunId,
    /// The number of the call, from zero, where the breach is one of calls.
    pub(crate) call: Option<usize>,
    /// Where: a JSON pointer of the request, a file, a field of the server.
    pub(crate) place: String,
    /// What the reference has there.
    pub(crate) reference: Option<String>,
    /// What the other has there.
    pub(crate) other: Option<String>,
    /// In how many pairs of runs.
    pub(crate) n_pairs: usize,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Calls,
    Stages,
    Model,
    Prompt,
    Option,
    Request,
    Files,
    Server,
}

impl Kind {
    /// Returns what differs, in words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Calls => "another number of calls",
            Self::Stages => "calls of other stages, or in another order",
            Self::Model => "another model",
            Self::Prompt => "another prompt",
            Self::Option => "another option",
            Self::Request => "another request",
            Self::Files => "other files",
            Self::Server => "another server",
        }
    }

    fn of_pointer(pointer: &str) -> Self {
        match pointer.split('/').nth(1) {
            Some("model") => Self::Model,
            Some("prompt" | "messages" | "system") => Self::Prompt,
            Some("options" | "seed" | "temperature" | "top_p" | "max_tokens") => Self::Option,
            _ => Self::Request,
        }
    }
}

impl Parity {
    /// Returns whether nothing that was compared differs.
    pub(crate) fn holds(&self) -> bool {
        self.breaches.is_empty()
    }

    fn found(&mut self, breach: Breach) {
        let is_like = |each: &&mut Breach| {
            each.kind == breach.kind && each.place == breach.place && each.call == breach.call
        };
        match self.breaches.iter_mut().find(is_like) {
            // One pair counts once, however much of it differs at one place.
            Some(like) => like.n_pairs += 1,
            None => self.breaches.push(breach),
        }
    }
}

/// Checks `other` against `reference` in every cell and block.
pub(crate) fn check(
    material: &Material<'_>,
    cells: &[&Cell],
    (reference, other): (&str, &str),
) -> Parity {
    let by_run: BTreeMap<(&ConfigurationId, u32), &RunFacts> =
        material.facts.iter().map(|run| ((&run.id.configuration, run.id.block), *run)).collect();
    let mut parity = Parity::default();
    for cell in cells {
        let id = |agent: &str| Some(&material.planned[*cell.members.get(agent)?].id);
        let (Some(first), Some(second)) = (id(reference), id(other)) else { continue };
        for block in 1..=material.plan.blocks {
            let pair = (by_run.get(&(first, block)), by_run.get(&(second, block)));
            let (Some(first), Some(second)) = pair else { continue };
            compare(&mut parity, first, second, &cell.server);
        }
    }
    parity.breaches.sort_by(|a, b| (a.kind, a.call, &a.place).cmp(&(b.kind, b.call, &b.place)));
    parity
}

fn compare(parity: &mut Parity, first: &RunFacts, second: &RunFacts, server: &str) {
    let (Some(reference), Some(other)) = (first.agents.first(), second.agents.first()) else {
        return;
    };
    parity.n_pairs += 1;
    let run = &second.id;
    let mut found = |kind, call, place: &str, reference, other| {
        let place = place.to_owned();
        let run = run.clone();
        parity.found(Breach { kind, run, call, place, reference, other, n_pairs: 1 });
    };
    servers(first.servers.get(server), second.servers.get(server), &mut found);
    let tells = |agent: &AgentFacts| agent.implementation.is_some();
    let both_tell = tells(reference) && tells(other);
    if both_tell {
        files(reference, other, &mut found);
    }
    let (n_first, n_second) = (reference.calls.len(), other.calls.len());
    if n_first != n_second {
        let counts = (Some(n_first.to_string()), Some(n_second.to_string()));
        found(Kind::Calls, None, "calls", counts.0, counts.1);
    }
    let mut n_apart = 0;
    for (number, (own, of_other)) in reference.calls.iter().zip(&other.calls).enumerate() {
        if both_tell && own.stage != of_other.stage {
            let names = (own.stage.name().to_owned(), of_other.stage.name().to_owned());
            found(Kind::Stages, Some(number), "stage", Some(names.0), Some(names.1));
        }
        let answers = (answers(&reference.calls[..number]), answers(&other.calls[..number]));
        n_apart += usize::from(requests(number, (own, of_other), &answers, &mut found));
    }
    parity.n_apart_from_answers += n_apart;
    parity.n_requests += n_first.min(n_second);
    if both_tell {
        parity.n_files += reference.files.len();
    } else {
        parity.is_partial = true;
    }
}

/// Takes a breach: kind, call, place, what the reference has, what the other has.
type Found<'a> = dyn FnMut(Kind, Option<usize>, &str, Option<String>, Option<String>) + 'a;

fn servers(first: Option<&ServerIdentity>, second: Option<&ServerIdentity>, found: &mut Found<'_>) {
    let (Some(first), Some(second)) = (first, second) else { return };
    for (place, own, other) in [
        ("product", &first.product, &second.product),
        ("version", &first.version, &second.version),
        ("model digest", &first.model_digest, &second.model_digest),
    ] {
        if own != other {
            found(Kind::Server, None, place, own.clone(), other.clone());
        }
    }
}

fn files(reference: &AgentFacts, other: &AgentFacts, found: &mut Found<'_>) {
    for (path, (bytes, digest)) in &reference.files {
        let own = format!("{bytes} bytes, {}", digest.short());
        match other.files.get(path) {
            Some(same) if *same == (*bytes, *digest) => {}
            Some((bytes, digest)) => {
                let theirs = format!("{bytes} bytes, {}", digest.short());
                found(Kind::Files, None, path, Some(own), Some(theirs));
            }
            None => found(Kind::Files, None, path, Some(own), None),
        }
    }
    for (path, (bytes, digest)) in &other.files {
        if !reference.files.contains_key(path) {
            let theirs = format!("{bytes} bytes, {}", digest.short());
            found(Kind::Files, None, path, None, Some(theirs));
        }
    }
}

/// Returns the texts of the answers to calls.
fn answers(calls: &[CallFacts]) -> String {
    calls.iter().filter_map(|call| call.answer.as_deref()).collect::<Vec<_>>().join("\n")
}

/// Compares two requests; returns whether that was possible only apart from the words of
/// the earlier answers, since these were not the same.
fn requests(
    number: usize,
    (own, other): (&CallFacts, &CallFacts),
    answers: &(String, String),
    found: &mut Found<'_>,
) -> bool {
    let (Some(first), Some(second)) = (&own.request, &other.request) else { return false };
    if first == second {
        return false;
    }
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text);
    let (Ok(first_value), Ok(second_value)) = (parsed(first), parsed(second)) else {
        let (reference, other) = excerpts(first, second);
        found(Kind::Request, Some(number), "body", Some(reference), Some(other));
        return false;
    };
    let mut is_apart = false;
    for difference in differences(&first_value, &second_value) {
        let kind = Kind::of_pointer(&difference.pointer);
        if kind == Kind::Prompt
            && answers.0 != answers.1
            && let (Some(first), Some(second)) = (&difference.first, &difference.second)
            && is_same_apart_from(first, second, answers)
        {
            is_apart = true;
            continue;
        }
        let (reference, other) = match (&difference.first, &difference.second) {
            (Some(first), Some(second)) => {
                let (first, second) = excerpts(first, second);
                (Some(first), Some(second))
            }
            (first, second) => (first.as_deref().map(cut), second.as_deref().map(cut)),
        };
        found(kind, Some(number), &difference.pointer, reference, other);
    }
    is_apart
}

/// Returns whether two prompts, as JSON texts, are the same but for words of the earlier
/// answers that they quote: the words that stand in neither answer must be the same, in
/// the same order.
fn is_same_apart_from(first: &str, second: &str, answers: &(String, String)) -> bool {
    let text = |json: &str| serde_json::from_str::<String>(json).unwrap_or_default();
    let (first, second) = (text(first), text(second));
    let quoted: BTreeSet<String> =
        answers.0.split_whitespace().chain(answers.1.split_whitespace()).map(bare).collect();
    let rest = |prompt: &str| -> Vec<String> {
        let words = prompt.split_whitespace();
        // A list without items says so in a word of its own.
        let is_own = |word: &&str| !matches!(bare(word).as_str(), "" | "none");
        words
            .filter(is_own)
            .filter(|word| !quoted.contains(&bare(word)))
            .map(str::to_owned)
            .collect()
    };
    rest(&first) == rest(&second)
}

/// Returns a word without marks around and in it.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Bytes of an excerpt before and behind the first difference.
const BEFORE: usize = 24;
const BEHIND: usize = 48;

/// Returns both texts around their first difference.
fn excerpts(first: &str, second: &str) -> (String, String) {
    let shared = first.bytes().zip(second.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let start = text.floor_char_boundary(shared.saturating_sub(BEFORE));
        let end = text.floor_char_boundary(shared.saturating_add(BEHIND));
        let (head, tail) =
            (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        format!("{head}{}{tail}", &text[start..end])
    };
    (around(first), around(second))
}

fn cut(text: &str) -> String {
    excerpts(text, "").0
}
