"""Writing events: one JSON object per line on standard output."""

import json
import time
from typing import Any, BinaryIO

from tachograph_agent.calls import now_ns


class Output:
    """Where events go."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def say(self, event: str, **fields: Any) -> None:
        """Writes an event; what is `None` is left out.

        Chunks wait for the event after them, so that a call of a thousand chunks does not
        cost a thousand writes.
        """
        known = {name: value for name, value in fields.items() if value is not None}
        line = json.dumps({"type": event, **known}, separators=(",", ":"))
        self._stream.write(line.encode() + b"\n")
        if event != "chunk":
            self._stream.flush()

    def clock(self) -> None:
        """Writes both clocks, read together."""
        before = now_ns()
        realtime_ns = time.time_ns()
        after = now_ns()
        self.say(
            "clock",
            at_ns=(before + after) // 2,
            realtime_ns=str(realtime_ns),
            uncertainty_ns=(after - before + 1) // 2,
        )
