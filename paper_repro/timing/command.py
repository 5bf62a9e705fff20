"""tinyeval's command line and its peak memory.

Run as ``python -m paper_repro.timing.command ANSWER ARGS...``.  One of several processes that work
together adds its rank to the name of ANSWER.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

from paper_repro.timing.child import Watch, spare_memory, spent


def main() -> None:
    """Run the command; what it used is written however it ends."""
    path = Path(sys.argv[1] + os.environ.get("RANK", ""))
    spare_memory()
    watch = Watch()
    watch.start()
    sys.argv = ["tinyeval", *sys.argv[2:]]
    try:
        runpy.run_module("tinyeval", run_name="__main__", alter_sys=True)
    finally:
        path.write_text(json.dumps(spent() | {"own": watch.own}))


if __name__ == "__main__":
    main()
