"""Taking summary, findings and recommendations out of an answer, which may be any text.

The rules are those of `crates/tachograph-run/src/agent/extract.rs`.
"""

from dataclasses import dataclass, field

from tachograph_agent.text import DIGITS, WHITE_SPACE, cut, lines, trim

FINDINGS_MAX = 5
RECOMMENDATIONS_MAX = 3
ITEM_BYTES_MAX = 160
SUMMARY_BYTES_MAX = 320

_TITLES = {
    "summary": "summary",
    "key findings": "findings",
    "findings": "findings",
    "recommendations": "recommendations",
}


@dataclass
class Extraction:
    """What an answer was found to say. Any field may be empty."""

    summary: str = ""
    findings: list[str] = field(default_factory=list)
    recommendations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    """A cleaned line with some text in it."""

    text: str
    is_item: bool
    is_heading: bool


def extract(answer: str) -> Extraction:
    """Takes the parts out of `answer`."""
    cleaned = _cleaned(answer)
    found = Extraction()
    summary: list[str] = []
    loose_items: list[str] = []
    part = ""
    for line in cleaned:
        opened, text = _opening(line.text)
        if opened:
            part = opened
        elif line.is_heading:
            part = ""
            continue
        if not text:
            continue
        if part == "summary":
            summary.append(text)
        elif part == "findings":
            _push(found.findings, text, FINDINGS_MAX)
        elif part == "recommendations":
            _push(found.recommendations, text, RECOMMENDATIONS_MAX)
        elif line.is_item:
            _push(loose_items, text, FINDINGS_MAX)
    if not found.findings:
        found.findings = loose_items
    if not found.findings:
        prose = " ".join(line.text for line in cleaned if not line.is_heading)
        for sentence in _sentences(prose):
            if any(digit in sentence for digit in DIGITS):
                _push(found.findings, sentence, FINDINGS_MAX)
    found.summary = " ".join(summary)
    if not found.summary:
        plain = (line.text for line in cleaned if not line.is_heading and not line.is_item)
        found.summary = next(plain, "")
    found.summary = _shorten(found.summary, SUMMARY_BYTES_MAX)
    return found


def _cleaned(answer: str) -> list[_Line]:
    fenced = False
    cleaned = []
    for raw in lines(answer):
        line = trim(raw)
        if line.startswith("```"):
            fenced = not fenced
            continue
        if fenced:
            continue
        unmarked = _without_list_mark(line)
        text = line if unmarked is None else unmarked
        is_heading = unmarked is None and text.startswith("#")
        text = trim(trim(text.lstrip("#")).strip("*_`"))
        if text:
            cleaned.append(_Line(text, unmarked is not None, is_heading))
    return cleaned


def _without_list_mark(line: str) -> str | None:
    """Takes a list mark and the spaces after it away; `None` if there is none."""
    if line[:1] in ("-", "*", "+", "•"):
        rest = line[1:]
    else:
        rest = line.lstrip(DIGITS)
        if len(rest) == len(line) or rest[:1] not in (".", ")"):
            return None
        rest = rest[1:]
    return rest.lstrip(WHITE_SPACE) if rest.startswith(" ") else None


def _opening(text: str) -> tuple[str, str]:
    """Returns the part that a line opens, empty if it opens none, and what is left of it."""
    for title, part in _TITLES.items():
        start = text[: len(title)]
        # Some letters beyond ASCII become ASCII in lower case.
        if not start.isascii() or start.lower() != title:
            continue
        rest = text[len(title) :].lstrip("*_ ")
        if not rest:
            return part, ""
        if rest.startswith(":"):
            return part, rest[1:].lstrip("*_ ")
    return "", text


def _push(items: list[str], text: str, n_max: int) -> None:
    item = _shorten(text, ITEM_BYTES_MAX)
    if len(items) < n_max and item and item not in items:
        items.append(item)


def _shorten(text: str, n_bytes: int) -> str:
    """Cuts a text to `n_bytes` bytes, ended at its last full word if that is known."""
    short = cut(text, n_bytes)
    if len(short) == len(text):
        return text
    if not text.startswith(" ", len(short)) and " " in short:
        short = short[: short.rindex(" ")]
    return short.rstrip(WHITE_SPACE)


def _sentences(text: str) -> list[str]:
    """Splits prose after `.`, `!` or `?` followed by a space."""
    sentences = []
    start = 0
    for at, mark in enumerate(text):
        if mark in ".!?" and text.startswith(" ", at + 1):
            sentences.append(trim(text[start : at + 1]))
            start = at + 1
    sentences.append(trim(text[start:]))
    return sentences
