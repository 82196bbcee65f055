//! The prompts, byte for byte.
//!
//! Owns: every text that the agent sends. An implementation in another language
//! sends the same bytes when it concatenates the same pieces: each function
//! here is a plain concatenation, in the order in which its doc lists the
//! pieces. Line ends are single line feeds, the encoding is UTF-8. Where a task
//! asks for nonces, the nonce stands before the first piece (see
//! [`super::nonce`]); with a chat API the whole text is one user message.
//!
//! Does not: bound its inputs; [`super::summary`] and [`super::extract`] do.

use tachograph_model::plan::AgentSpec;
use tachograph_model::plan::concurrent::{Prompts, Role};

use super::extract::Extraction;

/// The whole prompt of a warm-up call.
pub const WARMUP: &str = "You are a performance analyst. Say in one sentence what a benchmark is.";

/// The words of an analyst before the data of its analysis.
pub const ANALYSIS_HEAD: &str = "You are a performance analyst. \
Below is a summary of benchmark result files.\n\n";

/// Those after it.
pub const ANALYSIS_TAIL: &str = "\nAnalyse this data. Answer in three parts.\n\
Summary: two sentences on what the data shows.\n\
Key findings: a list of at most five facts, each with a number from the data.\n\
Recommendations: a list of at most three actions that follow from the findings.\n";

/// The words of an analyst before the notes of its report.
pub const REPORT_HEAD: &str = "You are a technical writer. \
Write a short performance report in Markdown from these notes.\n\n";

/// Stands before the summary in the report prompt.
pub const REPORT_SUMMARY: &str = "Summary: ";

/// Stands before the findings in the report prompt.
pub const REPORT_FINDINGS: &str = "\nKey findings:\n";

/// Stands before the recommendations in the report prompt.
pub const REPORT_RECOMMENDATIONS: &str = "\nRecommendations:\n";

/// Stands before the head of the data summary in the report prompt.
pub const REPORT_DATA: &str = "\nData:\n";

/// Those after them.
pub const REPORT_TAIL: &str = "\nUse these sections: Introduction, Results, Discussion, \
Conclusion. Use only numbers from the notes.\n";

/// The words of a collector around the data of its analysis.
pub const COLLECTOR_ANALYSIS: [&str; 2] = [
    "You are a data collector. Below is a summary of benchmark result files.\n\n",
    "\nCollect what these files hold. Answer in three parts.\n\
Summary: two sentences on which measurements there are.\n\
Key findings: a list of at most five values, each with its file and its unit.\n\
Recommendations: a list of at most three measurements that are missing.\n",
];

/// The words of a collector around the notes of its report.
pub const COLLECTOR_REPORT: [&str; 2] = [
    "You are a data collector. \
Write an inventory of benchmark data in Markdown from these notes.\n\n",
    "\nUse these sections: Sources, Values, Gaps. Use only numbers from the notes.\n",
];

/// The words of an agent for insight around the data of its analysis.
pub const INSIGHT_ANALYSIS: [&str; 2] = [
    "You are a performance strategist. Below is a summary of benchmark result files.\n\n",
    "\nDraw conclusions from this data. Answer in three parts.\n\
Summary: two sentences on what follows from the data.\n\
Key findings: a list of at most five causes, each with the number that supports it.\n\
Recommendations: a list of at most three decisions, the most urgent first.\n",
];

/// The words of an agent for insight around the notes of its report.
pub const INSIGHT_REPORT: [&str; 2] = [
    "You are a performance strategist. \
Write a short briefing for decision makers in Markdown from these notes.\n\n",
    "\nUse these sections: Situation, Causes, Decisions. Use only numbers from the notes.\n",
];

/// Returns the words around an agent's data: its own, or those of its role.
pub fn of(agent: &AgentSpec) -> Prompts {
    if let Some(prompts) = &agent.prompts {
        return prompts.clone();
    }
    of_role(agent.role)
}

/// Returns the words of a role.
pub fn of_role(role: Role) -> Prompts {
    let (analysis, report) = match role {
        Role::Analyst => ([ANALYSIS_HEAD, ANALYSIS_TAIL], [REPORT_HEAD, REPORT_TAIL]),
        Role::Collector => (COLLECTOR_ANALYSIS, COLLECTOR_REPORT),
        Role::Insight => (INSIGHT_ANALYSIS, INSIGHT_REPORT),
    };
    let [analysis_before, analysis_after] = analysis.map(str::to_owned);
    let [report_before, report_after] = report.map(str::to_owned);
    Prompts { analysis_before, analysis_after, report_before, report_after }
}

/// Stands for a list without items.
pub const NONE: &str = "- none\n";

/// Returns the analysis prompt: the words before, the data summary (which ends
/// with a line feed), the words after.
pub fn analysis(words: &Prompts, data_summary: &str) -> String {
    [&words.analysis_before, data_summary, &words.analysis_after].concat()
}

/// Returns the report prompt: the words before; [`REPORT_SUMMARY`], the extracted
/// summary and a line feed; [`REPORT_FINDINGS`] and a line `"- " + finding` for
/// each finding, or [`NONE`]; [`REPORT_RECOMMENDATIONS`] and the
/// recommendations in the same way; [`REPORT_DATA`] and the head of the data
/// summary; the words after.
pub fn report(words: &Prompts, extraction: &Extraction, data_head: &str) -> String {
    let list = |items: &[String]| {
        if items.is_empty() {
            NONE.to_owned()
        } else {
            items
                .iter()
                .flat_map(|item| {
                    [
                        "- ", item, "
",
                    ]
                })
                .collect()
        }
    };
    [
        &words.report_before,
        REPORT_SUMMARY,
        &extraction.summary,
        "\n",
        REPORT_FINDINGS,
        &list(&extraction.findings),
        REPORT_RECOMMENDATIONS,
        &list(&extraction.recommendations),
        REPORT_DATA,
        data_head,
        &words.report_after,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that other implementations must send: a change here is a
    /// change of the workflow, for every implementation at once.
    #[test]
    fn prompts_are_plain_concatenations() {
        let words = of_role(Role::Analyst);
        assert_eq!(
            analysis(&words, "Files: 0.\n"),
            "You are a performance analyst. Below is a summary of benchmark result files.\n\n\
             Files: 0.\n\n\
             Analyse this data. Answer in three parts.\n\
             Summary: two sentences on what the data shows.\n\
             Key findings: a list of at most five facts, each with a number from the data.\n\
             Recommendations: a list of at most three actions that follow from the findings.\n"
        );
        let extraction = Extraction {
            summary: "Good.".to_owned(),
            findings: vec!["a 1".to_owned(), "b 2".to_owned()],
            recommendations: Vec::new(),
        };
        assert_eq!(
            report(&words, &extraction, "Files: 2.\n"),
            "You are a technical writer. \
             Write a short performance report in Markdown from these notes.\n\n\
             Summary: Good.\n\nKey findings:\n- a 1\n- b 2\n\nRecommendations:\n- none\n\n\
             Data:\nFiles: 2.\n\n\
             Use these sections: Introduction, Results, Discussion, Conclusion. \
             Use only numbers from the notes.\n"
        );
    }

    #[test]
    fn a_role_has_its_words_and_own_words_come_before_it() {
        let spec = |rest: &str| -> AgentSpec {
            let text = format!("{{\"name\":\"a\"{rest}}}");
            serde_json::from_str(&text).unwrap()
        };
        let collector = of(&spec(",\"role\":\"collector\""));
        assert!(analysis(&collector, "Files: 0.\n").starts_with("You are a data collector. "));
        let insight = of(&spec(",\"role\":\"insight\""));
        let notes = report(&insight, &Extraction::default(), "Files: 0.\n");
        assert!(
            notes.ends_with("Situation, Causes, Decisions. Use only numbers from the notes.\n")
        );
        assert_eq!(of(&spec("")), of_role(Role::Analyst));
        let own = "\"analysis_before\":\"A \",\"analysis_after\":\" B\",\
                   \"report_before\":\"C \",\"report_after\":\" D\"";
        let own = of(&spec(&format!(",\"role\":\"insight\",\"prompts\":{{{own}}}")));
        assert_eq!(analysis(&own, "data"), "A data B");
        assert!(report(&own, &Extraction::default(), "data").ends_with("data D"));
        // The extraction finds its three parts in the answers of every role.
        for role in [Role::Analyst, Role::Collector, Role::Insight] {
            let asked = analysis(&of_role(role), "data");
            for part in ["\nSummary: ", "\nKey findings: ", "\nRecommendations: "] {
                assert!(asked.contains(part), "{} asks for no {part}", role.name());
            }
        }
    }
}
