//! From the text of `plan.toml` to a [`Plan`].
//!
//! Owns: every rule that a plan must obey, and errors that name the line, the
//! column and, for a misspelt name, the nearest valid one.
//!
//! Does not: read files or check that servers and folders exist.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Order, PLAN_SCHEMA, Plan, Server, expand};
use crate::options;
use crate::run::Arm;

/// The largest number of runs in one plan.
const RUNS_MAX: usize = 1_000_000;

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

/// Why a text is not a plan.
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
    check(&plan, &places)?;
    plan.stopping.fill();
    let warnings = warnings(&plan, &places);
    Ok(Parsed { plan, warnings })
}

/// Checks a plan that was changed after it was parsed, say by a command line.
///
/// # Errors
///
/// [`PlanError`], as [`parse`] gives it for the changed plan written as TOML;
/// its place means nothing to a user and only its message should be shown.
pub fn recheck(plan: &Plan) -> Result<Parsed, PlanError> {
    match toml::to_string(plan) {
        Ok(text) => parse(&text),
        Err(error) => Err(at("", 0..0, format!("the plan cannot be written as TOML: {error}"))),
    }
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

    /// Returns the place of the value at `path`, or of its nearest ancestor.
    fn of(&self, path: &[&str]) -> Range<usize> {
        let Some(root) = &self.root else { return 0..0 };
        let mut place = 0..0;
        let mut table = root.get_ref();
        for (depth, name) in path.iter().enumerate() {
            let Some(found) = table.get(*name) else { break };
            place = found.span();
            let mut value = found.get_ref();
            // A number after the name of an array means "the element at".
            if let (Some(array), Some(index)) =
                (value.as_array(), path.get(depth + 1).and_then(|next| next.parse::<usize>().ok()))
                && let Some(element) = array.get(index)
            {
                place = element.span();
                value = element.get_ref();
                if let (Some(inner), Some(field)) = (value.as_table(), path.get(depth + 2))
                    && let Some(found) = inner.get(*field)
                {
                    place = found.span();
                }
                break;
            }
            match value.as_table() {
                Some(inner) => table = inner,
                None => break,
            }
        }
        place
    }

    fn error(&self, path: &[&str], message: impl Into<String>) -> PlanError {
        at(self.text, self.of(path), message.into())
    }
}

/// Returns the error at `span` of `text`.
fn at(text: &str, span: Range<usize>, message: String) -> PlanError {
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
fn with_nearest_name(message: &str) -> String {
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

/// Checks the rules that types cannot hold.
fn check(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.schema != PLAN_SCHEMA {
        let message = format!(
            "this program reads plans of schema `{PLAN_SCHEMA}`, not `{}`; \
             a newer schema needs a newer tacho",
            plan.schema
        );
        return Err(places.error(&["schema"], message));
    }
    if !is_slug(&plan.name) {
        return Err(places.error(&["name"], slug_rule("the plan's name", &plan.name)));
    }
    if plan.blocks == 0 {
        return Err(places.error(&["blocks"], "blocks must be at least 1"));
    }
    check_numbers(plan, places)?;
    check_servers(plan, places)?;
    check_agents(plan, places)?;
    check_configurations(plan, places)
}

fn check_numbers(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let waits = [
        ("connect_s", plan.timeouts.connect_s),
        ("first_token_s", plan.timeouts.first_token_s),
        ("between_chunks_s", plan.timeouts.between_chunks_s),
        ("call_s", plan.timeouts.call_s),
    ];
    for (name, seconds) in waits {
        if !(seconds.is_finite() && seconds > 0.0 && seconds <= 86_400.0) {
            let message = format!("{name} must be more than 0 and at most 86400 seconds");
            return Err(places.error(&["timeouts", name], message));
        }
    }
    let margin = plan.primary.margin_percent;
    if !(margin.is_finite() && margin > 0.0 && margin < 100.0) {
        let message = "margin_percent must lie between 0 and 100, both excluded";
        return Err(places.error(&["primary", "margin_percent"], message));
    }
    if !(plan.primary.alpha > 0.0 && plan.primary.alpha < 0.5) {
        let message = "alpha must lie between 0 and 0.5, both excluded";
        return Err(places.error(&["primary", "alpha"], message));
    }
    Ok(())
}

fn check_servers(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.servers.is_empty() {
        return Err(places.error(&["servers"], "a plan needs at least one server"));
    }
    let mut names = BTreeSet::new();
    for (index, server) in plan.servers.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["servers", &index, field], message);
        if !is_slug(&server.name) {
            return Err(error("name", slug_rule("a server's name", &server.name)));
        }
        if !names.insert(&server.name) {
            return Err(error("name", format!("two servers are called `{}`", server.name)));
        }
        check_server(plan, server, error)?;
    }
    Ok(())
}

fn check_server(
    plan: &Plan,
    server: &Server,
    error: impl Fn(&str, String) -> PlanError,
) -> Result<(), PlanError> {
    let name = &server.name;
    match (&server.url, &server.managed) {
        (Some(url), None) => check_url(url).map_err(|message| error("url", message))?,
        (None, Some(managed)) => {
            if managed.threads == 0 || managed.parallel == 0 {
                let message = format!("threads and parallel of server `{name}` must be at least 1");
                return Err(error("managed", message));
            }
        }
        (Some(_), Some(_)) => {
            let message = format!("server `{name}` has both `url` and `managed`; keep one");
            return Err(error("managed", message));
        }
        (None, None) => {
            let message = format!("server `{name}` needs `url` or `managed`");
            return Err(error("name", message));
        }
    }
    if server.model.trim().is_empty() {
        return Err(error("model", format!("server `{name}` needs a model name")));
    }
    if plan.server_policy == super::ServerPolicy::Restart && server.managed.is_none() {
        let message = format!(
            "server_policy \"restart\" needs managed servers, and `{name}` is given by URL; \
             use \"unload\" or \"keep\""
        );
        return Err(error("url", message));
    }
    if plan.server_policy == super::ServerPolicy::Unload
        && server.managed.is_none()
        && !server.api.is_ollama()
    {
        let message = format!(
            "server_policy \"unload\" needs Ollama's API, which `{name}` does not speak; use \"keep\""
        );
        return Err(error("api", message));
    }
    if plan.prompt_cache == super::PromptCache::Off
        && server.managed.is_none()
        && server.api.is_ollama()
    {
        let message = format!(
            "prompt_cache \"off\" needs the server's own switch, which Ollama (`{name}`) lacks; \
             use \"nonce\""
        );
        return Err(error("api", message));
    }
    Ok(())
}

/// Checks that `url` is `http://HOST[:PORT]` or `https://…`, without a path.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .ok_or_else(|| format!("a server's URL starts with http:// or https://, not `{url}`"))?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(format!(
            "expected only a host and a port, as in http://127.0.0.1:11434, not `{url}`"
        ));
    }
    Ok(())
}

fn check_agents(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.agents.is_empty() {
        return Err(places.error(&["agents"], "a plan needs at least one agent"));
    }
    let mut names = BTreeSet::new();
    for (index, agent) in plan.agents.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["agents", &index, field], message);
        if !is_slug(&agent.name) || agent.name == "harness" {
            return Err(error("name", slug_rule("an agent's name", &agent.name)));
        }
        if !names.insert(&agent.name) {
            return Err(error("name", format!("two agents are called `{}`", agent.name)));
        }
        if !plan.servers.iter().any(|server| server.name == agent.server) {
            let known = plan.servers.iter().map(|server| &*server.name);
            let hint = nearest(&agent.server, known.clone())
                .map_or_else(|| known.collect::<Vec<_>>().join(", "), str::to_owned);
            let message = format!("no server is called `{}`; known: {hint}", agent.server);
            return Err(error("server", message));
        }
        if agent.command.as_ref().is_some_and(Vec::is_empty) {
            return Err(error("command", "an agent's command needs a program".to_owned()));
        }
        if !(100..=100_000).contains(&agent.summary_bytes) {
            let message = format!("summary_bytes is {}; give 100 to 100000", agent.summary_bytes);
            return Err(error("summary_bytes", message));
        }
    }
    if plan.agents.len() > 1 {
        let message = "this version runs one agent at a time; keep one [[agents]] entry";
        return Err(places.error(&["agents", "1", "name"], message));
    }
    Ok(())
}

fn check_configurations(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let mut n_configurations: usize = 1;
    for (factor, levels) in &plan.factors {
        let path = ["factors", factor];
        if levels.is_empty() {
            let message =
                format!("factor `{factor}` has no levels; give it some or remove the line");
            return Err(places.error(&path, message));
        }
        for (at, level) in levels.iter().enumerate() {
            if levels[..at].contains(level) {
                let message = format!("factor `{factor}` has the level {level} twice");
                return Err(places.error(&path, message));
            }
        }
        if plan.options.contains_key(factor) {
            let message = format!("`{factor}` is both a factor and a common option; keep one");
            return Err(places.error(&path, message));
        }
        n_configurations = n_configurations.saturating_mul(levels.len());
    }
    let n_runs = n_configurations
        .saturating_add(plan.configurations.len() + 2)
        .saturating_mul(plan.blocks as usize);
    if n_runs > RUNS_MAX {
        let message = format!("the plan has more than {RUNS_MAX} runs");
        return Err(places.error(&["factors"], message));
    }
    for (index, extra) in plan.configurations.iter().enumerate() {
        if !is_slug(&extra.name) {
            let message = slug_rule("a configuration's name", &extra.name);
            return Err(places.error(&["configurations", &index.to_string(), "name"], message));
        }
    }
    let mut slugs = BTreeSet::new();
    let configurations = expand::configurations(plan);
    for configuration in &configurations {
        if !slugs.insert(&configuration.id) {
            let message = format!("two configurations are called `{}`", configuration.id);
            return Err(places.error(&["configurations"], message));
        }
    }
    if plan.order == Order::Abba && configurations.len() != 2 {
        let message = format!(
            "order \"abba\" is for two configurations (the baseline and one other), and this plan \
             has {}; use \"randomized-blocks\"",
            configurations.len()
        );
        return Err(places.error(&["order"], message));
    }
    let n_tuned = configurations.iter().filter(|each| each.arm == Arm::Chimera).count();
    plan.stopping
        .check(plan.blocks, plan.primary.alpha, n_tuned)
        .map_err(|misfit| places.error(&["stopping", misfit.key], misfit.message))
}

/// Returns what is allowed but may be a mistake: options no server documents.
fn warnings(plan: &Plan, places: &Places<'_>) -> Vec<Notice> {
    let factors = plan.factors.keys().map(|name| ("factors", name));
    let common = plan.options.keys().map(|name| ("options", name));
    let baseline = plan.baseline.options.keys().map(|name| ("baseline", name));
    let mut warnings: Vec<Notice> = factors
        .chain(common)
        .chain(baseline)
        .filter(|(_, name)| !options::is_known(name))
        .map(|(section, name)| {
            let hint = nearest(name, options::known_names())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            Notice {
                message: format!(
                    "option `{name}` is not one that servers document; it is passed on as it is, \
                     and most servers ignore unknown options without a word{hint}"
                ),
                span: Some(places.of(&[section, name])),
            }
        })
        .collect();
    if plan.blocks < 3 {
        warnings.push(Notice {
            message: format!(
                "{} block(s) leave too few replicates for a verdict; five are a good start",
                plan.blocks
            ),
            span: Some(places.of(&["blocks"])),
        });
    }
    if plan.order == Order::Abba && plan.blocks % 2 == 1 {
        warnings.push(Notice {
            message: format!(
                "order \"abba\" with {} blocks runs one order once more than the other; an even \
                 number balances them",
                plan.blocks
            ),
            span: Some(places.of(&["blocks"])),
        });
    }
    warnings
}

/// Returns whether `name` can be a folder name and a slug.
fn is_slug(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 100 && name.chars().all(allowed)
}

fn slug_rule(what: &str, found: &str) -> String {
    format!("{what} has lower-case letters, digits, hyphens and underscores only, not `{found}`")
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
