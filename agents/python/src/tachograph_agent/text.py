"""Lines, white space and cuts, as the rules of the workflow mean them.

Python's own `str.splitlines` and `str.strip` know more line ends and more white space
than the rules do, and slices count characters where the rules count bytes.
"""

WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's `White_Space`; `str.strip` would take the separators 0x1C to 0x1F as well."""

DIGITS = "0123456789"


def trim(text: str) -> str:
    """Returns `text` without white space at its ends."""
    return text.strip(WHITE_SPACE)


def lines(text: str) -> list[str]:
    """Splits `text` at LF or CR LF; a last line without an end counts, an empty one does not."""
    parts = text.split("\n")
    last = parts.pop()
    ended = [part.removesuffix("\r") for part in parts]
    return [*ended, last] if last else ended


def cut(text: str, n_bytes: int) -> str:
    """Cuts `text` to at most `n_bytes` bytes of UTF-8, at a character's edge."""
    data = text.encode()
    return text if len(data) <= n_bytes else data[:n_bytes].decode(errors="ignore")


def counted(n: int, noun: str) -> str:
    """Returns a count with its noun: `1 row`, `2 rows`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
