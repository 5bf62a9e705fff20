"""One item to be answered, and the fields that its content may have.

A bank keeps the content in ``content.parquet``.  A field that is absent has its default:

    prompt        text before the answer, as the harness sent it
    prompts       texts before the answer, one for each choice, where all end alike (Winogrande)
    continuation  with ``prompts``: the text that follows each of them
    choices       texts to choose from, or names of the ``prompts``; absent: the answer is written
    gold          index or text of the right choice, or the right answer; a list of several
    delimiter     text between prompt and choice; absent: a space
    messages      conversation behind ``prompt``, {"role": ..., "content": ...} each
    chat          true: the history's models were asked through their own chat templates
    raw           true: ``prompt`` holds a chat template already: it is sent as it is
    metric        of the history: ``acc``, ``acc_norm``, ``acc_bytes``, ``mc1``, ``mc2``,
                  ``probability`` of choices; ``exact_match``, ``match``, ``includes`` of written
                  answers
    stop          text, or list of texts, at which a written answer ends; absent: a blank line
    max_tokens    most tokens of a written answer
    filters       steps that a written answer goes through, {"function": ..., options} each
    match         options of that metric, such as ``ignore_case`` or ``regexes_to_ignore``
    sampling      how answers were drawn, where they were not the likeliest

Any other field is left to the answering function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinyeval.errors import DataError, one_line

Messages = tuple[Mapping[str, str], ...]
"""A conversation: role and content of each message."""

STOP = ("\n\n",)
"""Default end of a written answer, as in lm-evaluation-harness."""

NO_TEXT = frozenset({"choices", "prompts", "messages", "filters", "match", "sampling"})
"""Fields that are never text: where a table can hold text alone, they are JSON."""

DELIMITER = " "
"""Default text between prompt and choice, likewise."""


@dataclass(frozen=True)
class Item:
    """One item to be answered.

    Attributes:
        id: id of the item.
        content: its content by field; empty if the bank has none.
        benchmark: benchmark that it belongs to.

    Example:
        >>> from tinyeval.training import Item
        >>> item = Item("q1", {"prompt": "1 + 1 =", "choices": ["1", "2"], "gold": "2"})
        >>> item.choices[item.gold]
        '2'
    """

    id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    benchmark: str = ""

    @property
    def prompt(self) -> str:
        """Text before the answer; of a conversation, its messages with blank lines between."""
        if self.content.get("prompt") is None and self.content.get("messages"):
            return "\n\n".join(one["content"] for one in self.messages)
        return self._text(self._get("prompt"), "prompt")

    @property
    def prompts(self) -> tuple[str, ...]:
        """Texts before the answer, one for each choice; empty where one text serves all."""
        found = self.content.get("prompts")
        if found is None:
            return ()
        if not isinstance(found, (list, tuple)) or len(found) != len(self.choices):
            n = len(self.choices)
            raise self._wrong("prompts", f"a list of {n} texts, one for each choice", found)
        return tuple(self._text(one, "prompts") for one in found)

    @property
    def choices(self) -> tuple[str, ...]:
        """The answers to choose from; empty if the answer is written."""
        found = self.content.get("choices")
        if found is None:
            return ()
        if not isinstance(found, (list, tuple)) or len(found) < 2:
            raise self._wrong("choices", "a list of two or more texts", found)
        return tuple(self._text(one, "choices") for one in found)

    @property
    def gold(self) -> int:
        """Index of the correct choice, where there is one only."""
        found = self.golds
        if len(found) != 1:
            raise self._wrong("gold", "one right choice", list(found))
        return found[0]

    @property
    def golds(self) -> tuple[int, ...]:
        """Indices of all correct choices."""
        found = self._get("gold")
        listed = found if isinstance(found, (list, tuple)) else [found]
        if not listed:
            raise self._wrong("gold", "one or more right choices", found)
        return tuple(dict.fromkeys(self._index(one) for one in listed))

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts that count as correct if the answer is written."""
        return self._texts("gold", self._get("gold"), empty=True)

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts at which a written answer ends."""
        found = self.content.get("stop")
        if found is None:
            return STOP
        return () if isinstance(found, (list, tuple)) and not found else self._texts("stop", found)

    @property
    def delimiter(self) -> str:
        """Text between prompt and choice."""
        found = self.content.get("delimiter")
        return DELIMITER if found is None else self._text(found, "delimiter")

    @property
    def metric(self) -> str:
        """Metric of the history; empty if it is not known."""
        found = self.content.get("metric")
        return "" if found is None else self._text(found, "metric")

    @property
    def raw(self) -> bool:
        """Whether the prompt holds a chat template already."""
        return self._flag("raw")

    @property
    def chat(self) -> bool:
        """Whether the history's models were asked through their own chat templates."""
        return self._flag("chat")

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of a written answer; None: as the runner has it."""
        found = self.content.get("max_tokens")
        if found is not None and (type(found) is not int or found < 1):
            raise self._wrong("max_tokens", "a number of 1 or more", found)
        return found

    @property
    def messages(self) -> Messages:
        """The conversation that a chat template takes; by default the prompt, as the user's."""
        found = self.content.get("messages")
        if found is None:
            return ({"role": "user", "content": self.prompt},)
        return self._mappings("messages", found, ("role", "content"))

    @property
    def filters(self) -> tuple[Mapping[str, Any], ...]:
        """Steps that a written answer goes through before it is compared."""
        found = self.content.get("filters")
        return () if found is None else self._mappings("filters", found, ("function",))

    @property
    def match(self) -> Mapping[str, Any]:
        """Options by which a written answer is compared."""
        found = self.content.get("match")
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise self._wrong("match", "options by name", found)
        return found

    def pairs(
        self, delimiter: str | None = None, template: Callable[[Messages], str] | None = None
    ) -> list[tuple[str, str]]:
        """Return context and continuation of each choice, as they are scored.

        Args:
            delimiter: in place of the item's own.
            template: makes the context of a conversation; without it the prompt is the context.
        """
        between = self.delimiter if delimiter is None else delimiter
        if not self.prompts:
            before = self.prompt if template is None else template(self.messages)
            return [(before, between + one) for one in self.choices]
        rest = between + self._text(self._get("continuation"), "continuation")
        if template is None:
            return [(one, rest) for one in self.prompts]
        return [(template(({"role": "user", "content": one},)), rest) for one in self.prompts]

    def check(self) -> None:
        """Raise :class:`DataError` if a field of a question has an unusable value."""
        if not self.content.keys() & {"prompt", "prompts", "messages"}:
            return
        for name in ("filters", "match", "stop", "metric", "max_tokens", "raw", "chat"):
            getattr(self, name)
        if "messages" in self.content:
            self.messages  # noqa: B018
        if self.choices:
            self.pairs()
        if self.content.get("gold") is not None:
            self.golds if self.choices else self.answers  # noqa: B018

    def _get(self, name: str) -> Any:
        if self.content.get(name) is None:
            raise DataError(
                f"item {self.id!r} has no {name!r}: the bank's content.parquet lacks it; add it "
                "with `tinyeval content BANK FILE`, or answer items with a function of your own"
            )
        return self.content[name]

    def _index(self, found: Any) -> int:
        choices = self.choices
        if isinstance(found, str) and choices.count(found) == 1:
            return choices.index(found)
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(choices):
            return found
        raise self._wrong("gold", f"the index or text of one of {len(choices)} choices", found)

    def _texts(self, name: str, found: Any, empty: bool = False) -> tuple[str, ...]:
        listed = found if isinstance(found, (list, tuple)) else [found]
        if all(one == "" for one in listed) or ("" in listed and not empty):
            few = "not all" if empty else "none"
            raise self._wrong(name, f"a text, or a list of texts, {few} of them empty", found)
        return tuple(self._text(one, name) for one in listed)

    def _mappings(
        self, name: str, found: Any, texts: tuple[str, ...]
    ) -> tuple[Mapping[str, Any], ...]:
        listed = found if isinstance(found, (list, tuple)) else [found]
        for one in listed:
            if not isinstance(one, Mapping) or not all(isinstance(one.get(t), str) for t in texts):
                raise self._wrong(name, f"a list of objects with {' and '.join(texts)}", found)
        return tuple(listed)

    def _flag(self, name: str) -> bool:
        found = self.content.get(name, False)
        if found is not None and not isinstance(found, bool):
            raise self._wrong(name, "true or false", found)
        return bool(found)

    def _text(self, found: Any, name: str) -> str:
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return str(found)
        if not isinstance(found, str):
            raise self._wrong(name, "text", found)
        return found

    def _wrong(self, name: str, expected: str, found: Any) -> DataError:
        shown = one_line(repr(found), 200)
        return DataError(f"item {self.id!r}: expected {name!r} to be {expected}, found {shown}")
