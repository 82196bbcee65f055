//! From the text of `plan.toml` to a [`Plan`].
//!
//! Owns: every rule that a plan must obey (one module for each part of it), and
//! errors that name the line, the column and, for a misspelt name, the nearest
//! valid one.
//!
//! Does not: read files or check that servers and folders exist.

mod agents;
mod check;
mod implementations;
mod phases;
mod servers;
mod warn;

use std::ops::Range;

use toml::de::DeValue;

use super::implementations::Instrument;
use super::{Metric, Plan};

/// A plan and what its reader should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The plan, with every default filled in.
    pub plan: Plan,
    /// Things that are allowed but may be mistakes.
    pub warnings: Vec<Notice>,
}

/// A warning about a place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What was noticed.
    pub message: String,
    /// Where, as a byte range of the text, if it has a place.
    pub span: Option<Range<usize>>,
}

/// Why a text is not a plan; [`crate::claimed`] says so of its own texts, too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PlanError {
    /// What is wrong, with the fix if there is an obvious one.
    pub message: String,
    /// The place, as a byte range of the text.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// Parses and checks the text of a `plan.toml`.
///
/// # Errors
///
/// [`PlanError`] names the first place that is not TOML, has an unknown name
/// or a wrong type, or breaks a rule (an empty factor, a server that no one
/// defined, two configurations with one name, …).
pub fn parse(text: &str) -> Result<Parsed, PlanError> {
    let mut plan: Plan = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..text.len().min(1));
        at(text, span, with_nearest_name(error.message()))
    })?;
    let places = Places::new(text);
    check::head(&plan, &places)?;
    if let Some(imported) = &plan.imported {
        if let Some(fault) = imported.fault() {
            return Err(places.error(&["imported"], fault));
        }
        return Ok(Parsed { plan, warnings: Vec::new() });
    }
    servers::check(&plan, &places)?;
    servers::spell_out(&mut plan);
    let is_compared = plan.implementations.is_some();
    if (plan.is_concurrent() || is_compared) && !places.has(&["primary", "metric"]) {
        plan.primary.metric = Metric::RunWall;
    }
    if is_compared && !places.has(&["instrument"]) {
        plan.instrument = Instrument::Tap;
    }
    agents::check(&plan, &places)?;
    implementations::check(&plan, &places)?;
    if plan.is_concurrent() {
        phases::check(&plan, &places)?;
    }
    check::configurations(&plan, &places)?;
    plan.stopping.fill();
    let warnings = warn::warnings(&plan, &places);
    Ok(Parsed { plan, warnings })
}

/// Checks a plan that was changed after it was parsed, say by a command line.
///
/// # Errors
///
/// [`PlanError`], as [`parse`] gives it for the changed plan written as TOML;
/// its place means nothing to a user and only its message should be shown.
pub fn recheck(plan: &Plan) -> Result<Parsed, PlanError> {
    parse(&written(plan)?)
}

/// Returns a plan as the text of a `plan.toml`.
///
/// # Errors
///
/// [`PlanError`] if TOML has no form for one of its values.
pub fn written(plan: &Plan) -> Result<String, PlanError> {
    toml::to_string(plan)
        .map_err(|error| at("", 0..0, format!("the plan cannot be written as TOML: {error}")))
}

/// Where the values of the text stand.
struct Places<'a> {
    text: &'a str,
    root: Option<toml::Spanned<toml::de::DeTable<'a>>>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, root: toml::de::DeTable::parse(text).ok() }
    }

    /// Returns the place of the value at `path`, or of its nearest ancestor. A number
    /// after the name of an array means "the element at".
    fn of(&self, path: &[&str]) -> Range<usize> {
        self.walk(path).0
    }

    /// Returns whether the text has a value at `path`.
    fn has(&self, path: &[&str]) -> bool {
        self.walk(path).1 == path.len()
    }

    /// Returns the place of the last value on the way along `path`, and how many
    /// steps led to it.
    fn walk(&self, path: &[&str]) -> (Range<usize>, usize) {
        let start = self.root.as_ref().zip(path.first());
        let Some(mut found) = start.and_then(|(root, name)| root.get_ref().get(*name)) else {
            return (0..0, 0);
        };
        for (depth, step) in path.iter().enumerate().skip(1) {
            let next = match found.get_ref() {
                DeValue::Table(table) => table.get(*step),
                DeValue::Array(array) => step.parse().ok().and_then(|at: usize| array.get(at)),
                _ => None,
            };
            match next {
                Some(next) => found = next,
                None => return (found.span(), depth),
            }
        }
        (found.span(), path.len())
    }

    fn error(&self, path: &[&str], message: impl Into<String>) -> PlanError {
        at(self.text, self.of(path), message.into())
    }
}

/// Returns the error at `span` of `text`.
pub(crate) fn at(text: &str, span: Range<usize>, message: String) -> PlanError {
    let start = (0..=span.start.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or_default();
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    PlanError {
        message,
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        span: start..span.end.clamp(start, text.len()),
    }
}

/// Adds "did you mean" to the deserialiser's message about an unknown name.
pub(crate) fn with_nearest_name(message: &str) -> String {
    let Some(rest) =
        message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))
    else {
        return message.to_owned();
    };
    let mut names = rest.split('`').skip(1).step_by(2);
    let Some(wrong) = names.next() else { return message.to_owned() };
    match nearest(wrong, names) {
        Some(right) => format!("unknown name `{wrong}`; did you mean `{right}`?"),
        None => message.to_owned(),
    }
}

/// Returns the candidate with the smallest edit distance from `wrong`, if it is
/// close enough to be a typing error.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(wrong, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (candidate.chars().count().max(wrong.chars().count()) / 3).max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the optimal-string-alignment distance of two texts.
///
/// # Source
///
/// Damerau (1964); restricted form: insert, delete, replace, swap neighbours.
fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let replace = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
schema = 'tachograph-plan/1'
name = 'quick'
blocks = 5

[[servers]]
name = 'main'
model = 'smollm2:135m'
managed = { engine = 'llama' }

[[agents]]
name = 'analyst'
server = 'main'

[factors]
num_ctx = [1024, 2048]
";

    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        parse(&GOOD.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn a_small_plan_gets_its_defaults_and_survives_its_lock() {
        let parsed = parse(GOOD).unwrap();
        assert_eq!(parsed.warnings, []);
        let lock: Plan = serde_json::from_slice(&parsed.plan.lock_bytes()).unwrap();
        assert_eq!(lock, parsed.plan);
    }

    #[test]
    fn errors_name_the_place_and_the_fix() {
        let cases = [
            (
                "blocks = 5",
                "blokcs = 5",
                "line 3, column 1: unknown name `blokcs`; did you mean `blocks`?",
            ),
            ("'llama'", "'lama'", "line 8, column 22: unknown name `lama`; did you mean `llama`?"),
            ("blocks = 5", "blocks = 0", "line 3, column 10: blocks must be at least 1"),
            (
                "[1024, 2048]",
                "[]",
                "line 15, column 11: factor `num_ctx` has no levels; give it some or remove the line",
            ),
            (
                "[1024, 2048]",
                "[1024, 1024]",
                "line 15, column 11: factor `num_ctx` has the level 1024 twice",
            ),
            (
                "server = 'main'",
                "server = 'mian'",
                "line 12, column 10: no server is called `mian`; known: main",
            ),
            (
                "name = 'quick'",
                "name = '../x'",
                "line 2, column 8: the plan's name has lower-case letters, digits, hyphens and underscores only, not `../x`",
            ),
            (
                "managed = { engine = 'llama' }",
                "url = 'localhost'",
                "line 8, column 7: a server's URL starts with http:// or https://, not `localhost`",
            ),
            (
                "server = 'main'",
                "server = 'main'\nsummary_bytes = 5",
                "line 13, column 17: summary_bytes is 5; give 100 to 100000",
            ),
            (
                "plan/1",
                "plan/2",
                "line 1, column 10: this program reads plans of schema `tachograph-plan/1`, not `tachograph-plan/2`; a newer schema needs a newer tacho",
            ),
            (
                "name = 'quick'",
                "name = ",
                "line 2, column 8: string values must be quoted, expected literal string",
            ),
        ];
        for (from, to, expected) in cases {
            let found = error(from, to);
            assert!(
                found == expected || (to == "name = " && found.starts_with("line 2, column")),
                "{to}: {found}"
            );
        }
    }

    #[test]
    fn abba_is_for_two_configurations() {
        let text = GOOD.replace("blocks = 5", "blocks = 5\norder = 'abba'");
        assert_eq!(
            parse(&text).unwrap_err().to_string(),
            "line 4, column 9: order \"abba\" is for two configurations (the baseline and one \
             other), and this plan has 3; use \"randomized-blocks\""
        );
        let parsed = parse(&text.replace("[1024, 2048]", "[1024]")).unwrap();
        assert!(parsed.warnings[0].message.contains("an even number"), "{:?}", parsed.warnings);
    }

    #[test]
    fn unknown_options_pass_with_a_warning() {
        let parsed = parse(&GOOD.replace("num_ctx", "num_ctxt")).unwrap();
        assert_eq!(parsed.warnings.len(), 1);
        assert!(parsed.warnings[0].message.contains("did you mean `num_ctx`?"));
        assert!(parsed.plan.factors.contains_key("num_ctxt"));
    }

    #[test]
    fn a_url_server_cannot_be_restarted() {
        let text = GOOD
            .replace("managed = { engine = 'llama' }", "url = 'http://127.0.0.1:11434'")
            .replace("blocks = 5", "blocks = 5\nserver_policy = 'restart'");
        let error = parse(&text).unwrap_err();
        assert!(error.message.contains("\"unload\""), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn damaged_plans_give_an_error_or_a_plan_and_never_a_panic(
            at in 0..GOOD.len(),
            length in 0..40_usize,
            insert in "[\\PC\n]{0,12}",
        ) {
            let end = (at + length).min(GOOD.len());
            let text = format!("{}{insert}{}", &GOOD[..at], &GOOD[end..]);
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(error.line <= text.matches('\n').count() + 1);
                proptest::prop_assert!(text.get(error.span).is_some());
            }
        }
    }

    #[test]
    fn a_changed_plan_is_checked_again() {
        let mut plan = parse(GOOD).unwrap().plan;
        assert_eq!(recheck(&plan).unwrap().plan, plan);
        plan.blocks = 0;
        assert_eq!(recheck(&plan).unwrap_err().message, "blocks must be at least 1");
    }

    #[test]
    fn neighbours_swapped_are_one_edit() {
        assert_eq!(edit_distance("blokcs", "blocks"), 1);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(nearest("xyz", ["blocks"].into_iter()), None);
    }
}
