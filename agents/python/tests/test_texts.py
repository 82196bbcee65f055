"""Nonces, prompts, the extraction and the report; cases are those of the native agent."""

import pytest

from tachograph_agent import prompts
from tachograph_agent.calls import CONTENT, FINAL, REASONING, CallRecord, Chunk, Finished, Sent
from tachograph_agent.document import CALL_FAILED, COMPLETED, NO_INPUT, Contents, document
from tachograph_agent.extract import Extraction, extract
from tachograph_agent.ingest import Ingested, Skipped
from tachograph_agent.nonce import nonce
from tachograph_agent.outline import Outline


def test_a_nonce_is_the_documented_one() -> None:
    assert nonce("quick/0", 0) == "162 785 951 534\n"
    assert len({nonce("x", call) for call in range(50)}) == 50
    assert {len(nonce("x", call)) for call in range(50)} == {16}


def test_prompts_are_plain_concatenations() -> None:
    assert prompts.analysis(prompts.ANALYST, "Files: 0.\n") == (
        "You are a performance analyst. Below is a summary of benchmark result files.\n\n"
        "Files: 0.\n\n"
        "Analyse this data. Answer in three parts.\n"
        "Summary: two sentences on what the data shows.\n"
        "Key findings: a list of at most five facts, each with a number from the data.\n"
        "Recommendations: a list of at most three actions that follow from the findings.\n"
    )
    found = Extraction("Good.", ["a 1", "b 2"], [])
    assert prompts.report(prompts.ANALYST, found, "Files: 2.\n") == (
        "You are a technical writer. "
        "Write a short performance report in Markdown from these notes.\n\n"
        "Summary: Good.\n\nKey findings:\n- a 1\n- b 2\n\nRecommendations:\n- none\n\n"
        "Data:\nFiles: 2.\n\n"
        "Use these sections: Introduction, Results, Discussion, Conclusion. "
        "Use only numbers from the notes.\n"
    )
    own = prompts.Prompts("A ", " B", "C ", " D")
    assert prompts.analysis(own, "data") == "A data B"
    assert prompts.report(own, Extraction(), "data").endswith("data D")


@pytest.mark.parametrize(
    ("answer", "summary", "findings", "recommendations"),
    [
        (
            "Summary: Fast.\nVery.\n\nKey findings:\n- one 1\n- two 2\n- one 1\n\n"
            "Recommendations:\n- act\n",
            "Fast. Very.",
            ["one 1", "two 2"],
            ["act"],
        ),
        (
            "## Summary\n\nFast.\n\n### **Key Findings**\n1. **one** 1\n2) two 2\n\n"
            "**Recommendations:** act\n### Appendix\n- not this\n",
            "Fast.",
            ["one** 1", "two 2"],
            ["act"],
        ),
        ("Intro line.\n* item 1\n* item 2\n", "Intro line.", ["item 1", "item 2"], []),
        (
            "The rate is 12.5 tok/s. It is fine! Was it 3?",
            "The rate is 12.5 tok/s. It is fine! Was it 3?",
            ["The rate is 12.5 tok/s.", "Was it 3?"],
            [],
        ),
        ("", "", [], []),
        ("```\n- 1\n```\n", "", [], []),
        ("\u212aey findings: x 2", "\u212aey findings: x 2", ["\u212aey findings: x 2"], []),
    ],
)
def test_parts_are_taken_out_of_answers(
    answer: str, summary: str, findings: list[str], recommendations: list[str]
) -> None:
    assert extract(answer) == Extraction(summary, findings, recommendations)


def test_endless_texts_are_cut_at_a_word() -> None:
    assert len(extract("Findings:\n- " + "word " * 1000).findings[0]) == 159
    assert len(extract("é" * 1000).summary.encode()) == 320
    assert len(extract("".join(f"- f{i}\n" for i in range(20))).findings) == 5


def call(status: str = "completed") -> CallRecord:
    sent = Sent(0, "analysis", 900, None, b"{}", True, 900, 950, 1_000)
    chunks = [
        Chunk(0, 1_500_000, 0, 1, REASONING, "x"),
        Chunk(1, 3_500_000, 1, 1, CONTENT, "y"),
        Chunk(2, 3_500_000, 1, 1, FINAL, ""),
    ]
    finished = Finished(status, 4_001_000, "", 2, usage={"prompt_tokens": 5})
    if status != "completed":
        finished.error = "bad\nthing"
    return CallRecord(sent, chunks, finished)


def contents(outcome: str, *calls: CallRecord) -> Contents:
    return Contents(
        agent="analyst",
        run="baseline_default/run_001",
        model="m",
        outcome=outcome,
        files=[Ingested("a|b.csv", "csv", 12, "0" * 64, Outline("1 row", []))],
        skipped=[Skipped("bad.json", "line 2:\nmalformed")],
        extraction=Extraction("Fast <b>.", ["one 1"], []),
        report_text="# Introduction\n\nText.",
        calls=calls,
    )


def test_foreign_text_stays_inside_its_place() -> None:
    assert document(contents(COMPLETED)) == (
        "# Report of analyst\n\n"
        "Run `baseline_default/run_001`, model `m`. The workflow was completed.\n\n"
        "## Summary\n\nFast \\<b>.\n\n"
        "## Key findings\n\n- one 1\n\n"
        "## The model's report\n\n> # Introduction\n>\n> Text.\n\n"
        "## Files\n\n| file | kind | bytes | extent | SHA-256 |\n|---|---|---:|---|---|\n"
        "| a\\|b.csv | CSV | 12 | 1 row | `000000000000` |\n\n"
        "## Skipped\n\n| entry | reason |\n|---|---|\n| bad.json | line 2: malformed |\n\n"
    )


def test_calls_are_listed_with_what_is_known_of_them() -> None:
    text = document(contents(CALL_FAILED, call(), call("stalled")))
    assert "**The analysis call ended as stalled: bad thing.**" in text
    assert "| 0 | analysis | completed | 1.5 | 4.0 | 5 | 2 chunks | 500.0 |" in text
    assert "so no call was made" in document(contents(NO_INPUT))
