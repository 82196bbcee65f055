//! The agent's own report, `report.md`.
//!
//! Owns: its layout. It is for people; nothing is read back from it.
//!
//! Does not: derive statistics over runs; the study's report does.

use std::fmt::Write as _;

use tachograph_model::call::{CallRecord, OutputTokens};
use tachograph_model::event::{FileKind, WorkflowOutcome};

use super::extract::Extraction;
use super::ingest::{Ingested, Skipped};

/// Everything that the report shows.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The agent's name.
    pub agent: &'a str,
    /// The run, as text.
    pub run: &'a str,
    /// The model's name.
    pub model: &'a str,
    /// How the workflow ended.
    pub outcome: WorkflowOutcome,
    /// Files in the order of ingestion.
    pub files: &'a [Ingested],
    /// Files that were not used.
    pub skipped: &'a [Skipped],
    /// What the analysis was found to say.
    pub extraction: &'a Extraction,
    /// The text of the report call; empty if there was none.
    pub report_text: &'a str,
    /// Every call with the name of its stage, warm-up included.
    pub calls: &'a [CallRecord],
}

/// Returns the report in Markdown.
pub fn document(contents: &Contents<'_>) -> String {
    let mut text = format!("# Report of {}\n\n", inline(contents.agent));
    let _infallible = writeln!(
        text,
        "Run `{}`, model `{}`. {}\n",
        contents.run,
        contents.model,
        outcome_sentence(contents)
    );
    findings(&mut text, contents.extraction);
    if !contents.report_text.is_empty() {
        text.push_str("## The model's report\n\n");
        for line in contents.report_text.lines() {
            // Quoted, so that its headings and tables cannot be taken for ours.
            text.push_str(if line.is_empty() { ">" } else { "> " });
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    calls(&mut text, contents.calls);
    files(&mut text, contents.files);
    skipped(&mut text, contents.skipped);
    text
}

fn outcome_sentence(contents: &Contents<'_>) -> String {
    match contents.outcome {
        WorkflowOutcome::Completed => "The workflow was completed.".to_owned(),
        WorkflowOutcome::NoInput => {
            "**No file of the input folder could be read, so no call was made.**".to_owned()
        }
        WorkflowOutcome::CallFailed => {
            let failed = contents.calls.iter().find(|call| !call.is_completed());
            failed.map_or_else(
                || "**A call failed.**".to_owned(),
                |call| {
                    let error = call.finished.error.as_deref().unwrap_or("no reason was given");
                    format!(
                        "**The {} call ended as {}: {}.**",
                        call.sent.stage.name(),
                        call.finished.status.name(),
                        inline(error)
                    )
                },
            )
        }
    }
}

fn findings(text: &mut String, extraction: &Extraction) {
    if !extraction.summary.is_empty() {
        let _infallible = writeln!(text, "## Summary\n\n{}\n", inline(&extraction.summary));
    }
    for (title, items) in
        [("Key findings", &extraction.findings), ("Recommendations", &extraction.recommendations)]
    {
        if !items.is_empty() {
            let _infallible = writeln!(text, "## {title}\n");
            for item in items {
                let _infallible = writeln!(text, "- {}", inline(item));
            }
            text.push('\n');
        }
    }
}

fn calls(text: &mut String, calls: &[CallRecord]) {
    if calls.is_empty() {
        return;
    }
    text.push_str(
        "## Calls\n\n\
         | call | stage | status | TTFT ms | latency ms | prompt tokens | output tokens | tok/s |\n\
         |---:|---|---|---:|---:|---:|---:|---:|\n",
    );
    for call in calls {
        let millis = |duration: Option<tachograph_model::units::DurationNs>| {
            duration.map_or_else(|| "-".to_owned(), |value| format!("{:.1}", value.as_millis()))
        };
        let prompt = call.finished.usage.prompt_tokens;
        let output = match call.output_tokens() {
            OutputTokens::Server(count) => count.to_string(),
            OutputTokens::Chunks(count) => format!("{count} chunks"),
        };
        let rate = call.client_decode_rate();
        let _infallible = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {output} | {} |",
            call.sent.call,
            call.sent.stage.name(),
            call.finished.status.name(),
            millis(call.ttft()),
            millis(call.e2e()),
            prompt.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}")),
        );
    }
    text.push('\n');
}

fn files(text: &mut String, files: &[Ingested]) {
    if files.is_empty() {
        return;
    }
    text.push_str(
        "## Files\n\n| file | kind | bytes | extent | SHA-256 |\n|---|---|---:|---|---|\n",
    );
    for file in files {
        let kind = match file.kind {
            FileKind::Csv => "CSV",
            FileKind::Json => "JSON",
            FileKind::Markdown => "Markdown",
        };
        let _infallible = writeln!(
            text,
            "| {} | {kind} | {} | {} | `{}` |",
            inline(&file.path),
            file.bytes,
            file.outline.extent,
            file.sha256.short()
        );
    }
    text.push('\n');
}

fn skipped(text: &mut String, skipped: &[Skipped]) {
    if skipped.is_empty() {
        return;
    }
    text.push_str("## Skipped\n\n| entry | reason |\n|---|---|\n");
    for entry in skipped {
        let _infallible = writeln!(text, "| {} | {} |", inline(&entry.path), inline(&entry.reason));
    }
    text.push('\n');
}

/// Makes foreign text fit for one line of Markdown, inside a table or outside.
pub(super) fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use tachograph_model::digest::Digest;

    use super::*;
    use crate::agent::outline::Outline;

    #[test]
    fn foreign_text_stays_inside_its_place() {
        let files = [Ingested {
            path: "a|b.csv".to_owned(),
            kind: FileKind::Csv,
            bytes: 12,
            sha256: Digest::ZERO,
            outline: Outline { extent: "1 row".to_owned(), details: Vec::new() },
        }];
        let skipped =
            [Skipped { path: "bad.json".to_owned(), reason: "line 2:\nmalformed".to_owned() }];
        let extraction = Extraction {
            summary: "Fast <b>.".to_owned(),
            findings: vec!["one 1".to_owned()],
            recommendations: Vec::new(),
        };
        let text = document(&Contents {
            agent: "analyst",
            run: "baseline_default/run_001",
            model: "m",
            outcome: WorkflowOutcome::Completed,
            files: &files,
            skipped: &skipped,
            extraction: &extraction,
            report_text: "# Introduction\n\nText.",
            calls: &[],
        });
        assert_eq!(
            text,
            "# Report of analyst\n\n\
             Run `baseline_default/run_001`, model `m`. The workflow was completed.\n\n\
             ## Summary\n\nFast \\<b>.\n\n\
             ## Key findings\n\n- one 1\n\n\
             ## The model's report\n\n> # Introduction\n>\n> Text.\n\n\
             ## Files\n\n| file | kind | bytes | extent | SHA-256 |\n|---|---|---:|---|---|\n\
             | a\\|b.csv | CSV | 12 | 1 row | `000000000000` |\n\n\
             ## Skipped\n\n| entry | reason |\n|---|---|\n| bad.json | line 2: malformed |\n\n"
        );
    }
}
