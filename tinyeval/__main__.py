"""``python -m tinyeval``: the same as the command ``tinyeval``."""

from __future__ import annotations

from tinyeval.cli import main

if __name__ == "__main__":  # not in the processes that `import --jobs` starts
    main(prog_name="tinyeval")
