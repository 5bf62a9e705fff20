"""Taking a chat template off a prompt: the conversation behind it is the same for every model.

lm-evaluation-harness logs the template of a run, and prompts in that template.  The template is
rendered with marks in place of the messages; what stands between the marks then tells the messages
of a prompt apart.  The conversation is kept only if rendering it gives the prompt again, letter by
letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

Messages = list[dict[str, str]]

MOST_SHOTS = 64
"""Examples before the question that are looked for."""

LONGEST = 100_000
"""Characters of a template: those of models have a few thousand."""

FAILURES = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, RuntimeError),
    *(TypeError, ValueError),
)
"""What templates of strangers raise, beside Jinja's own errors."""


@dataclass(frozen=True)
class Template:
    """A chat template of a run.

    Attributes:
        text: the template, in Jinja.
        tokens: ``bos_token``, ``eos_token`` ... of the tokenizer.
        options: more that was given to it, such as ``enable_thinking``.
        shots: number of examples that a conversation may begin with.
        system: whether it began with rules of a system, as far as the run says.
        date: of the run, in seconds; 0: unknown.
    """

    text: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    shots: int = 0
    system: bool = False
    date: float = 0.0

    def conversation(self, prompt: str) -> Messages | None:
        """Return the messages of a prompt; None where it is not told.

        Example:
            >>> from tinyeval.importers.content.conversation import Template
            >>> text = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<end>"
            >>> Template(text).conversation("<user>1 + 1?<end>")
            [{'role': 'user', 'content': '1 + 1?'}]
        """
        for roles in _shapes(self.shots, self.system):
            marks = [f"tinyeval-message-{k}-of-{len(roles)}." for k in range(len(roles))]
            rendered = self.render(_messages(roles, marks))
            if rendered is None:
                continue
            contents = _between(rendered, marks, prompt)
            if contents is None:
                continue
            found = _messages(roles, contents)
            if self.render(found) == prompt:
                return found
        return None

    def render(self, messages: Messages) -> str | None:
        """Return a conversation in this template; None where the template refuses it."""
        from jinja2 import TemplateError

        begun = messages[-1]["role"] == "assistant"
        try:
            text = self._compiled.render(
                messages=messages,
                add_generation_prompt=not begun,
                **{"bos_token": "", "eos_token": "", **self.tokens, **self.options},
            )
        except TemplateError:
            return None
        except FAILURES:
            return None
        if not begun:
            return text
        last = messages[-1]["content"].strip()  # the answer goes on from its beginning
        return text[: text.rindex(last) + len(last)] if last and last in text else None

    @cached_property
    def _compiled(self) -> Any:
        return _compile(self.text, self.date)


def _messages(roles: Sequence[str], contents: Sequence[str]) -> Messages:
    return [{"role": r, "content": c} for r, c in zip(roles, contents, strict=True)]


def _shapes(shots: int, system: bool) -> Iterator[list[str]]:
    """Yield the roles of conversations, the likeliest first.

    Long ones come first: a short one could swallow their turns.  Rules of a system come first only
    where there are some: templates have rules of their own.
    """
    for turns in dict.fromkeys((min(shots, MOST_SHOTS), 0)):
        asked = [*["user", "assistant"] * turns, "user"]
        for roles in (asked, [*asked, "assistant"]):
            both = [roles, ["system", *roles]]
            yield from reversed(both) if system else both


def _between(rendered: str, marks: Sequence[str], prompt: str) -> list[str] | None:
    """Return what a prompt has where the rendered text has marks."""
    fixed, rest = [], rendered
    for mark in marks:
        if rest.count(mark) != 1:
            return None
        before, _, rest = rest.partition(mark)
        fixed.append(before)
    if not prompt.startswith(fixed[0]) or not prompt.endswith(rest):
        return None
    place, end, contents = len(fixed[0]), len(prompt) - len(rest), []
    for text in fixed[1:]:
        at = prompt.find(text, place, end)
        if at < 0 or not text:
            return None
        contents.append(prompt[place:at])
        place = at + len(text)
    return [*contents, prompt[place:end]] if place <= end else None


def _compile(text: str, date: float) -> Any:
    """Return a template; it runs in a sandbox, as those of transformers do."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        """Leaves texts and lists as long as they are: a product of them could fill the memory."""

        intercepted_binops = frozenset(("*", "**", "%"))

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
            if operator == "**" or not numbers:
                raise ValueError(f"{operator} of {type(left).__name__} and {type(right).__name__}")
            return super().call_binop(context, operator, left, right)

    if len(text) > LONGEST:
        raise ValueError(f"a template of {len(text):,} characters")
    environment = Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.fromtimestamp(date, UTC).strftime(
        form
    )
    return environment.from_string(text)


def _to_json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> str:
    raise ValueError(message)
