"""`python -m tachograph_agent`: one task on standard input, events on standard output."""

import sys

from tachograph_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
