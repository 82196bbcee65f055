"""The prompts, byte for byte: each is a plain concatenation."""

from collections.abc import Sequence
from dataclasses import dataclass

from tachograph_agent.extract import Extraction

WARMUP = "You are a performance analyst. Say in one sentence what a benchmark is."
"""The whole prompt of a warm-up call."""

NONE = "- none\n"
"""Stands for a list without items."""


@dataclass(frozen=True)
class Prompts:
    """The words around the data in both prompts."""

    analysis_before: str
    analysis_after: str
    report_before: str
    report_after: str


ANALYST = Prompts(
    analysis_before=(
        "You are a performance analyst. Below is a summary of benchmark result files.\n\n"
    ),
    analysis_after=(
        "\nAnalyse this data. Answer in three parts.\n"
        "Summary: two sentences on what the data shows.\n"
        "Key findings: a list of at most five facts, each with a number from the data.\n"
        "Recommendations: a list of at most three actions that follow from the findings.\n"
    ),
    report_before=(
        "You are a technical writer. "
        "Write a short performance report in Markdown from these notes.\n\n"
    ),
    report_after=(
        "\nUse these sections: Introduction, Results, Discussion, Conclusion. "
        "Use only numbers from the notes.\n"
    ),
)
"""The words of an analyst, which are used where a task brings none."""


def analysis(words: Prompts, data_summary: str) -> str:
    """Returns the prompt for an analysis."""
    return words.analysis_before + data_summary + words.analysis_after


def report(words: Prompts, extraction: Extraction, data_head: str) -> str:
    """Returns the prompt for a report: what was found, and the head of the data summary."""
    return "".join(
        [
            words.report_before,
            f"Summary: {extraction.summary}\n",
            "\nKey findings:\n",
            _listed(extraction.findings),
            "\nRecommendations:\n",
            _listed(extraction.recommendations),
            "\nData:\n",
            data_head,
            words.report_after,
        ]
    )


def _listed(items: Sequence[str]) -> str:
    return "".join(f"- {item}\n" for item in items) if items else NONE
