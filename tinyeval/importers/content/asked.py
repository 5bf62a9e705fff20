"""How a run of lm-evaluation-harness asked an item, as it logged it.

``arguments`` has every prompt as it was sent, ``filtered_resps`` the log-likelihoods or the text,
and the results file beside has the task's settings.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Asked:
    """How a run asked an item, and what came back.

    Attributes:
        row: the logged line.
        metric, filter: of the history.
        mark: by that metric.
        config: the task's settings; empty where no results file says them.
        chat: whether the run put prompts into a chat template.
    """

    row: Mapping[str, Any]
    metric: str
    filter: str
    mark: float
    config: Mapping[str, Any] = field(default_factory=dict)
    chat: bool = False

    @property
    def doc(self) -> Mapping[str, Any]:
        """The document."""
        found = self.row.get("doc")
        return found if isinstance(found, dict) else {}

    @cached_property
    def requests(self) -> list[list[Any]]:
        """Context and continuation, or context and options, of each request.

        Choices without a context, which ``acc_mutual_info`` asks besides, are left out.
        """
        found = self.row.get("arguments")
        listed = list(found.values()) if isinstance(found, dict) else found
        if not isinstance(listed, list):
            return []
        pairs = [list(one.values()) if isinstance(one, dict) else one for one in listed]
        pairs = [one for one in pairs if isinstance(one, list) and len(one) >= 2]
        n = len(pairs) // 2
        twice = 0 < 2 * n == len(pairs) and all(one[0] == "" for one in pairs[n:])
        return pairs[:n] if twice and any(one[0] != "" for one in pairs[:n]) else pairs

    @property
    def writes(self) -> bool:
        """Whether the answer is a text that the model wrote."""
        return bool(self.requests) and isinstance(self.requests[0][1], dict)

    @property
    def text(self) -> str | None:
        """The text that the model wrote, before any filter."""
        said = self.row.get("resps")
        while isinstance(said, list) and said:
            said = said[0]
        return said if isinstance(said, str) else None

    def targets(self, whole: bool) -> Iterator[Any]:
        """Yield what the target may be, the likeliest first: a field of the document, or its text.

        Args:
            whole: whether digits are a number first.
        """
        told = self.config.get("doc_to_target")
        if isinstance(told, int) and not isinstance(told, bool):
            yield told
        if isinstance(told, str) and told in self.doc:
            yield self.doc[told]
        text = self.row.get("target")
        if not isinstance(text, str):
            yield text
            return
        if whole and text.isdigit():
            yield int(text)
        if text[:1] == "[" and text[-1:] == "]":
            try:
                yield ast.literal_eval(text)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                yield text
                return
        yield text


def logged_messages(context: object) -> list[dict[str, str]] | None:
    """Return a conversation that was sent to a server as it is; None if it is a text."""
    if isinstance(context, list) and len(context) == 1 and isinstance(context[0], str):
        try:
            context = json.loads(context[0])
        except (ValueError, RecursionError):
            return None
    if not isinstance(context, list) or not context:
        return None
    found = [
        {"role": str(one.get("role")), "content": one["content"]}
        for one in context
        if isinstance(one, dict) and isinstance(one.get("content"), str)
    ]
    return found if len(found) == len(context) else None
