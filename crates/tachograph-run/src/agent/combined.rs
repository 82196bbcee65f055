//! One document of all that the agents of a run wrote, `combined_report.md`.
//!
//! Owns: its layout, and how the headings of each report move below it. It is for
//! people; nothing is read back from it.
//!
//! Does not: shorten, merge or compare what the agents say.

use std::fmt::Write as _;

use tachograph_model::options::{OptionValue, Options};

use super::document::inline;

/// The document's name.
pub const NAME: &str = "combined_report.md";

/// How far a report's headings move: below the document's title and the agent's name.
const LEVELS_DOWN: usize = 2;

/// Markdown's lowest heading.
const LEVEL_MAX: usize = 6;

/// One agent of the run.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its name in the run.
    pub agent: &'a str,
    /// The server that it talked to.
    pub server: &'a str,
    /// The options that it sent.
    pub options: &'a Options,
    /// How it ended, in words.
    pub end: &'a str,
    /// Its own report, if it made one.
    pub report: Option<&'a str>,
}

/// Returns the document of `run` in Markdown, with the agents in the order given.
pub fn combined(run: &str, members: &[Member<'_>]) -> String {
    let mut text = format!("# Run `{run}`\n\n## Agents\n\n");
    text.push_str("| agent | server | options | end |\n|---|---|---|---|\n");
    for member in members {
        let pair = |(name, value): (&String, &OptionValue)| format!("{name} = {value}");
        let options = member.options.iter().map(pair).collect::<Vec<_>>().join(", ");
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} |",
            inline(member.agent),
            inline(member.server),
            inline(&options),
            inline(member.end)
        );
    }
    for member in members {
        let _infallible = write!(text, "\n## {}\n\n", inline(member.agent));
        match member.report.map(str::trim) {
            None => text.push_str("It made no report.\n"),
            Some("") => text.push_str("Its report is empty.\n"),
            Some(report) => demoted(&mut text, report),
        }
    }
    text
}

/// Appends `report` with its headings moved down. A code block that it leaves open
/// is closed, so that it ends with the report.
fn demoted(text: &mut String, report: &str) {
    let mut fence: Option<&str> = None;
    for line in report.lines() {
        match (fence, fence_of(line)) {
            (None, Some(found)) => fence = Some(found),
            (Some(open), Some(found)) if closes(open, found, line) => fence = None,
            (None, None) => {
                let level = line.bytes().take_while(|byte| *byte == b'#').count();
                let is_heading = (1..=LEVEL_MAX).contains(&level)
                    && (line.len() == level || line[level..].starts_with([' ', '\t']));
                if is_heading {
                    let down = LEVELS_DOWN.min(LEVEL_MAX - level);
                    text.push_str(&"#".repeat(down));
                }
            }
            _ => {}
        }
        text.push_str(line);
        text.push('\n');
    }
    if let Some(open) = fence {
        text.push_str(open);
        text.push('\n');
    }
}

/// Returns the three or more backticks or tildes with which a line begins.
fn fence_of(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches(' ');
    let mark = rest.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let fence = &rest[..rest.len() - rest.trim_start_matches(mark).len()];
    (fence.len() >= 3 && line.len() - rest.len() < 4).then_some(fence)
}

fn closes(open: &str, found: &str, line: &str) -> bool {
    found.starts_with(open) && line.trim() == found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(options: &'a Options, report: Option<&'a str>) -> Member<'a> {
        Member { agent: "insight", server: "one-2", options, end: "completed", report }
    }

    #[test]
    fn agents_are_listed_and_their_reports_follow() {
        let options: Options = [
            ("seed".to_owned(), OptionValue::Integer(7)),
            ("temperature".to_owned(), OptionValue::Float(0.2)),
        ]
        .into();
        let none = Options::new();
        let report = "# Report of collector\n\nText.\n\n## Calls\n\n> # quoted\n\n";
        let members = [
            Member { agent: "collector", ..member(&options, Some(report)) },
            Member { end: "a call failed|\nreally", ..member(&none, None) },
        ];
        assert_eq!(
            combined("p_chimera-homo_each/run_001", &members),
            "# Run `p_chimera-homo_each/run_001`\n\n\
             ## Agents\n\n\
             | agent | server | options | end |\n|---|---|---|---|\n\
             | collector | one-2 | seed = 7, temperature = 0.2 | completed |\n\
             | insight | one-2 |  | a call failed\\| really |\n\n\
             ## collector\n\n\
             ### Report of collector\n\nText.\n\n#### Calls\n\n> # quoted\n\n\
             ## insight\n\nIt made no report.\n"
        );
    }

    #[test]
    fn what_is_no_heading_stays_and_what_is_open_is_closed() {
        let none = Options::new();
        let check = |report: &str, expected: &str| {
            let text = combined("r", &[member(&none, Some(report))]);
            let (_, found) = text.split_once("## insight\n\n").unwrap();
            assert_eq!(found, expected, "{report}");
        };
        check("#tag\n####### seven\n ```\n", "#tag\n####### seven\n ```\n```\n");
        check("#\n##### five\n###### six", "###\n###### five\n###### six\n");
        check("~~~sh\n# no\n```\n~~~~\n# yes", "~~~sh\n# no\n```\n~~~~\n### yes\n");
        check("````\n# no\n```\n", "````\n# no\n```\n````\n");
        check("```\n# no\n``` text", "```\n# no\n``` text\n```\n");
        check("\n \n", "Its report is empty.\n");
    }
}
