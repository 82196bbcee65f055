"""The agent's own report, `report.md`. It is for people; nothing is read back from it."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tachograph_agent.calls import CallRecord
from tachograph_agent.extract import Extraction
from tachograph_agent.ingest import Ingested, Skipped
from tachograph_agent.text import lines

NAME = "report.md"

COMPLETED = "completed"
NO_INPUT = "no_input"
CALL_FAILED = "call_failed"


@dataclass(frozen=True)
class Contents:
    """Everything that the report shows."""

    agent: str
    run: str
    model: str
    outcome: str
    files: Sequence[Ingested]
    skipped: Sequence[Skipped]
    extraction: Extraction
    report_text: str
    calls: Sequence[CallRecord]


def document(contents: Contents) -> str:
    """Returns the report in Markdown."""
    parts = [
        f"# Report of {inline(contents.agent)}\n\n"
        f"Run `{contents.run}`, model `{contents.model}`. {_outcome(contents)}\n\n"
    ]
    parts.extend(_findings(contents.extraction))
    if contents.report_text:
        parts.append("## The model's report\n\n")
        # Quoted, so that its headings and tables cannot be taken for ours.
        parts.extend(f"> {line}\n" if line else ">\n" for line in lines(contents.report_text))
        parts.append("\n")
    parts.extend(_calls(contents.calls))
    parts.extend(_files(contents.files))
    parts.extend(_skipped(contents.skipped))
    return "".join(parts)


def _outcome(contents: Contents) -> str:
    if contents.outcome == COMPLETED:
        return "The workflow was completed."
    if contents.outcome == NO_INPUT:
        return "**No file of the input folder could be read, so no call was made.**"
    failed = next((call for call in contents.calls if not call.is_completed), None)
    if failed is None:
        return "**A call failed.**"
    error = inline(failed.finished.error or "no reason was given")
    return f"**The {failed.sent.stage} call ended as {failed.finished.status}: {error}.**"


def _findings(extraction: Extraction) -> Iterable[str]:
    if extraction.summary:
        yield f"## Summary\n\n{inline(extraction.summary)}\n\n"
    for title, items in (
        ("Key findings", extraction.findings),
        ("Recommendations", extraction.recommendations),
    ):
        if items:
            yield f"## {title}\n\n"
            yield from (f"- {inline(item)}\n" for item in items)
            yield "\n"


def _calls(calls: Sequence[CallRecord]) -> Iterable[str]:
    if not calls:
        return
    yield (
        "## Calls\n\n"
        "| call | stage | status | TTFT ms | latency ms | prompt tokens | output tokens | tok/s |\n"
        "|---:|---|---|---:|---:|---:|---:|---:|\n"
    )
    for call in calls:
        n_tokens, is_reported = call.output_tokens()
        rate = call.decode_rate()
        cells = [
            str(call.sent.call),
            call.sent.stage,
            call.finished.status,
            _millis(call.ttft_ns()),
            _millis(call.e2e_ns()),
            str(call.finished.usage.get("prompt_tokens", "-")),
            str(n_tokens) if is_reported else f"{n_tokens} chunks",
            "-" if rate is None else f"{rate:.1f}",
        ]
        yield f"| {' | '.join(cells)} |\n"
    yield "\n"


def _millis(duration_ns: int | None) -> str:
    return "-" if duration_ns is None else f"{duration_ns / 1e6:.1f}"


def _files(files: Sequence[Ingested]) -> Iterable[str]:
    if not files:
        return
    yield "## Files\n\n| file | kind | bytes | extent | SHA-256 |\n|---|---|---:|---|---|\n"
    kinds = {"csv": "CSV", "json": "JSON", "markdown": "Markdown"}
    for file in files:
        yield (
            f"| {inline(file.path)} | {kinds[file.kind]} | {file.n_bytes} "
            f"| {file.outline.extent} | `{file.sha256[:12]}` |\n"
        )
    yield "\n"


def _skipped(skipped: Sequence[Skipped]) -> Iterable[str]:
    if not skipped:
        return
    yield "## Skipped\n\n| entry | reason |\n|---|---|\n"
    for entry in skipped:
        yield f"| {inline(entry.path)} | {inline(entry.reason)} |\n"
    yield "\n"


def inline(text: str) -> str:
    """Makes foreign text fit for one line of Markdown, inside a table or outside."""
    return "".join(map(_safe, text))


def _safe(letter: str) -> str:
    if letter in "|<\\":
        return "\\" + letter
    return " " if unicodedata.category(letter) == "Cc" else letter
