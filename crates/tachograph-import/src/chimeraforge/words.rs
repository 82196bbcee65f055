//! What is said of a study's source: layouts, what they do not record, how runs were
//! ordered, and names of folders that do not fit.
//!
//! Owns: the sentences. Each is true of every file of its layout.

use std::collections::BTreeSet;

use tachograph_model::options::{OptionValue, Options};

use super::layout::Layout;
use crate::findings::{Findings, Place};

/// Returns a layout in words.
pub(super) fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::SingleCalls => "one agent in Rust, both arms in a file, two calls per run",
        Layout::SingleRuns => "one agent in Rust, both arms in a file, one call per run",
        Layout::PythonSingle => "one agent in Python, both arms in a file, means only",
        Layout::JointCalls => "two agents in Rust at once, a file per run, two calls each",
        Layout::JointRuns => "two agents in Rust at once, a file per run, one call each",
        Layout::PythonJoint => "two agents in Python at once, a file per run, means only",
        Layout::PythonPair => "two agents in Python at once, a file per run, one call each",
        Layout::SingleMeans => "one agent, means only, undated",
        Layout::Summary => "a summary of runs",
        Layout::Index => "an index of summaries",
        Layout::Extract => "copies of other files",
        Layout::Unknown => "none of the layouts",
    }
}

/// Returns the name of a study whose path has no folder to name it by.
pub(super) fn fallback(layout: Layout) -> &'static str {
    match layout {
        Layout::SingleCalls | Layout::SingleRuns => "rust-single-agent",
        Layout::PythonSingle => "python-single-agent",
        Layout::JointCalls | Layout::JointRuns => "rust-multi-agent",
        Layout::PythonJoint | Layout::PythonPair => "python-multi-agent",
        _ => "results",
    }
}

/// Returns what a study of one agent asked.
pub(super) fn single_question(layout: Layout) -> &'static str {
    match layout {
        Layout::SingleCalls => {
            "Does the agent in Rust decode faster, or answer sooner, with tuned server options?"
        }
        Layout::SingleRuns => {
            "Does a single call in Rust decode faster, or answer sooner, with tuned server options?"
        }
        _ => "Does the agent in Python decode faster, or answer sooner, with tuned server options?",
    }
}

const NO_INSTANTS: &str = "When each call was sent is not recorded: calls are in the order in which the source lists them.";
const NO_CHUNKS: &str = "When chunks arrived is not recorded, so that inter-token latency, time per \
                         output token and the client's decode rate are unknown.";
const NO_PROMPT_TOKENS: &str = "How many tokens a prompt has, and how many of them came from the server's cache, is not recorded.";
const NO_SERVER: &str =
    "The server's version, the model's digest and its quantisation are not recorded.";
const NO_MACHINE: &str = "The GPU, its memory, clocks and temperature, and what else ran on the machine are not recorded.";
const NO_SEED: &str =
    "Seeds are not recorded, and no limit on output tokens: answers differ in length.";
const NO_CALLS: &str = "Calls are not recorded, only means over the calls of a run: cold and warm calls, \
                        and failed and slow ones, cannot be told apart, and no call has its end-to-end latency.";
const SERVER_TTFT: &str = "The client's time to first token is not recorded: what the source calls so is \
                           the server's load and prompt evaluation.";
const SERVER_TTFT_116: &str = "The client's time to first token is not recorded: what the source calls so \
                               is the server's prompt evaluation, without loading the model.";
const NO_TEXTS: &str = "Prompts and answers are not recorded.";
const NO_ANSWER: &str = "Answers are not recorded, and the request only as the role's prompt.";
const NO_STAGE: &str = "Which stage made a call is not recorded.";
const NO_PROMPT: &str = "Prompts are not recorded.";
const NO_MODEL: &str = "The model is not recorded in the files: its name is that of the folder above the configurations.";
const NO_WALL: &str = "The wall time of a run is not recorded.";
const NO_BEGINS: &str =
    "When each agent began is not recorded: by how much they overlapped is unknown.";
/// What a study of two agents says that has no runs of one.
pub(super) const NO_SOLO: &str = "No agent was measured alone in the same session: the source's speedup divides the \
                       sum of both agents' times while they ran together by the wall time, and cannot \
                       show what they cost each other.";

/// Returns what a layout does not record, one sentence each.
pub(super) fn not_recorded(layout: Layout) -> Vec<String> {
    let own: &[&str] = match layout {
        Layout::SingleCalls => &[NO_INSTANTS, NO_CHUNKS, NO_PROMPT_TOKENS],
        Layout::SingleRuns => {
            &[NO_INSTANTS, NO_CHUNKS, NO_PROMPT_TOKENS, NO_TEXTS, NO_STAGE, NO_WALL]
        }
        Layout::PythonSingle => &[NO_CALLS, SERVER_TTFT, NO_TEXTS],
        Layout::JointCalls => &[NO_INSTANTS, NO_CHUNKS, NO_PROMPT_TOKENS, NO_BEGINS, NO_SOLO],
        Layout::JointRuns => {
            &[NO_INSTANTS, NO_CHUNKS, NO_PROMPT_TOKENS, NO_ANSWER, NO_STAGE, NO_BEGINS, NO_SOLO]
        }
        Layout::PythonJoint => &[NO_CALLS, SERVER_TTFT, NO_TEXTS, NO_BEGINS, NO_SOLO],
        Layout::PythonPair => &[
            NO_INSTANTS,
            NO_CHUNKS,
            NO_PROMPT_TOKENS,
            SERVER_TTFT_116,
            NO_MODEL,
            NO_PROMPT,
            NO_STAGE,
            NO_BEGINS,
            NO_SOLO,
        ],
        _ => &[],
    };
    own.iter().chain(&[NO_SERVER, NO_MACHINE, NO_SEED]).map(|it| (*it).to_owned()).collect()
}

/// Returns how the runs of a study of one agent were ordered.
/// `days` are the first and the last day of it, as the source writes them.
pub(super) fn single_order(layout: Layout, is_baseline_first: bool, days: [&str; 2]) -> String {
    let first = if is_baseline_first { "the baseline" } else { "the tuned arm" };
    let source = match layout {
        Layout::PythonSingle => "by the begin of each arm",
        _ => "by the end of each arm",
    };
    let days = match days {
        [first, last] if first == last || first.is_empty() => String::new(),
        [first, last] => format!(" Sessions are of several days, from {first} to {last}."),
    };
    format!(
        "Within a session, which is a file, one arm after the other, {first} first; sessions one \
         after the other, {source}. Nothing was randomised: order and arm are confounded, and so \
         are configuration and time.{days} Runs of one session share their blocks."
    )
}

/// Returns how the runs of a study of two agents were ordered.
pub(super) fn joint_order(layout: Layout) -> String {
    let known = match layout {
        Layout::JointCalls | Layout::JointRuns => "in the order of the agents' timestamps",
        _ => "in the order of their paths, since the source gives them no instants",
    };
    format!(
        "Runs are {known}. The source ran all repetitions of a configuration one after the other: \
         configuration and time are confounded. Blocks are numbers of repetitions and pair nothing."
    )
}

/// Returns what a study of two agents asked. Some folders are known by the report that was
/// written about them.
pub(super) fn joint_question(layout: Layout, folder: Option<&String>) -> String {
    let report = match folder.map(String::as_str) {
        Some("tr110_rust_full") => " (TR114, second version: two servers)",
        Some("Demo_rust_multiagent_results_tr110") => " (TR113: one server)",
        Some("Demo_rust_multiagent_results_tr110_dual") => " (TR114, first version: two servers)",
        Some("comprehensive_test_results") => " (TR110)",
        _ => "",
    };
    let language = match layout {
        Layout::PythonJoint | Layout::PythonPair => "Python",
        _ => "Rust",
    };
    format!("What do two agents in {language} at once cost each other?{report}")
}

/// Says where the name of a folder does not fit the options of its agents, in turn.
pub(super) fn name_agrees(
    findings: &mut Findings,
    place: &Place<'_>,
    name: &str,
    options: &[&Options],
) {
    let lower = name.to_ascii_lowercase();
    let known = [("gpu", "num_gpu"), ("ctx", "num_ctx"), ("temp", "temperature")];
    for (word, option) in known {
        let named = values(&lower, word);
        let sent: Vec<&OptionValue> = options.iter().filter_map(|it| it.get(option)).collect();
        if named.is_empty() || sent.is_empty() {
            continue;
        }
        let fits = if named.len() == 1 {
            sent.iter().all(|sent| is_value(sent, named[0]))
        } else {
            named.len() == sent.len()
                && named.iter().zip(&sent).all(|(named, sent)| is_value(sent, *named))
        };
        if !fits {
            let mut listed: Vec<String> = sent.iter().map(ToString::to_string).collect();
            listed.dedup();
            let listed = listed.join(" and ");
            let what =
                format!("the folder is called `{name}`, and the file says {option} = {listed}");
            findings.add(place, what, "the file's options are imported, the name is not read");
        }
    }
    if known.iter().any(|(word, _)| !values(&lower, word).is_empty()) {
        let is_further = |option: &&String| known.iter().all(|(_, known)| known != option);
        let further: BTreeSet<String> = options
            .iter()
            .flat_map(|it| it.iter())
            .filter(|(option, _)| is_further(option))
            .map(|(option, value)| format!("{option} = {value}"))
            .collect();
        if !further.is_empty() {
            let further = further.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!("options that no folder's name shows are sent: {further}");
            findings.add(place, what, "imported; they are part of the configuration");
        }
    }
    if let Some((_, version)) = lower.rsplit_once("_v")
        && !version.is_empty()
        && version.chars().all(|c| c.is_ascii_digit())
    {
        let what = format!("the folder's name, `{name}`, ends in a version");
        findings.add(place, what, "read as the configuration that the file's options give");
    }
}

fn is_value(sent: &OptionValue, named: f64) -> bool {
    let sent = match sent {
        #[expect(clippy::cast_precision_loss, reason = "options are small")]
        OptionValue::Integer(value) => *value as f64,
        OptionValue::Float(value) => *value,
        _ => return false,
    };
    (sent - named).abs() < 1e-9
}

/// Returns the numbers after the first occurrence of `word` in a folder's name: `temp0p8`,
/// `temp08` for 0.8, `gpu60_80` for two.
fn values(name: &str, word: &str) -> Vec<f64> {
    let mut values = Vec::new();
    let Some(at) = name.find(word) else { return values };
    let mut rest = name[at + word.len()..].trim_start_matches('_');
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != 'p').unwrap_or(rest.len());
        let text = rest[..end].trim_end_matches('p');
        let value = if word == "temp" && !text.contains('p') && text.len() == 2 {
            format!("{}.{}", &text[..1], &text[1..]).parse()
        } else {
            text.replace('p', ".").parse()
        };
        let Ok(value) = value else { return values };
        values.push(value);
        rest = &rest[end..];
        match rest.strip_prefix(['_', '-']) {
            Some(more) if more.starts_with(|c: char| c.is_ascii_digit()) => rest = more,
            _ => return values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_read() {
        for (name, word, expected) in [
            ("gpu60_ctx512_temp0p8", "temp", &[0.8][..]),
            ("gpu80_ctx1024_temp08", "temp", &[0.8]),
            ("chimera-homo_gpu80_ctx512_temp10", "temp", &[1.0]),
            ("gpu60_80_ctx512_1024", "gpu", &[60.0, 80.0]),
            ("chimera_hetero_gpu80-100_ctx512-1024", "ctx", &[512.0, 1024.0]),
            ("gpu80_ctx512_temp0p8_v2", "temp", &[0.8]),
            ("manual_test", "gpu", &[]),
            ("temp", "temp", &[]),
        ] {
            assert_eq!(values(name, word), expected, "{name}");
        }
    }
}
