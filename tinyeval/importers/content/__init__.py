"""Content of items out of the results that a bank is built from.

Reading results keeps no prompt of any model.  When the anchors are known, the few files that hold
them are opened once more (:func:`import_content`), and the prompts, choices and right answers of
these items alone are taken.
"""

from __future__ import annotations

from tinyeval.importers.content.find import Contents, has_content, import_content

__all__ = ["Contents", "has_content", "import_content"]
