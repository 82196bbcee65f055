"""Tachograph's agent in Python.

It follows the same workflow as the native agent (`tacho worker`), so that the two can be
held against each other: it reads the same files, sends the same requests and makes the
same report. The rules are written down in Tachograph's `docs/agents.md` and in
`crates/tachograph-run/src/agent.rs` and its modules.
"""

__version__ = "0.1.0"
