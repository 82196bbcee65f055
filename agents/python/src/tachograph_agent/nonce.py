"""Nonces: texts that keep a prompt from sharing a prefix with an earlier one."""

import hashlib


def nonce(task_nonce: str, call: int) -> str:
    """Returns the nonce of call number `call`: twelve digits in groups, and a line feed."""
    digest = hashlib.sha256(f"{task_nonce}/{call}".encode()).digest()
    groups = (int.from_bytes(digest[at : at + 2], "big") % 1000 for at in (0, 2, 4, 6))
    return " ".join(f"{group:03}" for group in groups) + "\n"
