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

use super::extract::Extraction;

/// The whole prompt of a warm-up call.
pub const WARMUP: &str = "You are a performance analyst. Say in one sentence what a benchmark is.";

/// The first piece of the analysis prompt.
pub const ANALYSIS_HEAD: &str = "You are a performance analyst. \
Below is a summary of benchmark result files.\n\n";

/// The last piece of the analysis prompt.
pub const ANALYSIS_TAIL: &str = "\nAnalyse this data. Answer in three parts.\n\
Summary: two sentences on what the data shows.\n\
Key findings: a list of at most five facts, each with a number from the data.\n\
Recommendations: a list of at most three actions that follow from the findings.\n";

/// The first piece of the report prompt.
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

/// The last piece of the report prompt.
pub const REPORT_TAIL: &str = "\nUse these sections: Introduction, Results, Discussion, \
Conclusion. Use only numbers from the notes.\n";

/// Stands for a list without items.
pub const NONE: &str = "- none\n";

/// Returns the analysis prompt: [`ANALYSIS_HEAD`], the data summary (which ends
/// with a line feed), [`ANALYSIS_TAIL`].
pub fn analysis(data_summary: &str) -> String {
    [ANALYSIS_HEAD, data_summary, ANALYSIS_TAIL].concat()
}

/// Returns the report prompt: [`REPORT_HEAD`]; [`REPORT_SUMMARY`], the extracted
/// summary and a line feed; [`REPORT_FINDINGS`] and a line `"- " + finding` for
/// each finding, or [`NONE`]; [`REPORT_RECOMMENDATIONS`] and the
/// recommendations in the same way; [`REPORT_DATA`] and the head of the data
/// summary; [`REPORT_TAIL`].
pub fn report(extraction: &Extraction, data_head: &str) -> String {
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
        REPORT_HEAD,
        REPORT_SUMMARY,
        &extraction.summary,
        "\n",
        REPORT_FINDINGS,
        &list(&extraction.findings),
        REPORT_RECOMMENDATIONS,
        &list(&extraction.recommendations),
        REPORT_DATA,
        data_head,
        REPORT_TAIL,
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
        assert_eq!(
            analysis("Files: 0.\n"),
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
            report(&extraction, "Files: 2.\n"),
            "You are a technical writer. \
             Write a short performance report in Markdown from these notes.\n\n\
             Summary: Good.\n\nKey findings:\n- a 1\n- b 2\n\nRecommendations:\n- none\n\n\
             Data:\nFiles: 2.\n\n\
             Use these sections: Introduction, Results, Discussion, Conclusion. \
             Use only numbers from the notes.\n"
        );
    }
}
