"""Who answers the items: the options that ``eval`` and ``watch`` share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tinyeval.cli.group import is_debugging
from tinyeval.cli.packing import POSITIVE, packed

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.training.answerers import Answerer

R = TypeVar("R")

DTYPES = ("auto", "float32", "bfloat16", "float16")
APIS = ("chat", "completions")
MODEL = "{model}"
"""Stands for the model in the options of servers and harnesses."""


@dataclass(frozen=True)
class Answering:
    """The options; at most one of ``endpoint``, ``answer`` and ``lm_eval`` is given."""

    device: str | None
    dtype: str | None
    batch_tokens: int | None
    revision: str | None
    tokenizer: str | None
    chat_template: bool | None
    endpoint: str | None
    model_name: str | None
    api: str | None
    max_concurrency: int | None
    max_tokens: int | None
    timeout: float | None
    answer: str | None
    lm_eval: str | None
    metric: str | None
    answer_filter: str | None

    def __post_init__(self) -> None:
        ways = {
            "--endpoint": self.endpoint,
            "--answer": self.answer,
            "--lm-eval": self.lm_eval,
        }
        given = [flag for flag, value in ways.items() if value is not None]
        if len(given) > 1:
            raise click.UsageError(f"{' and '.join(given)} exclude each other: choose one.")
        way = given[0] if given else "a folder or name of a model"
        if self.tokenizer is not None and (self.answer or self.lm_eval) is not None:
            raise click.UsageError(f"--tokenizer does not go with {way}.")
        for flag, field, owner in OWNED:
            if getattr(self, field) is not None and owner != (given[0] if given else ""):
                whose = owner or "models in folders or on the Hub"
                raise click.UsageError(f"{flag} is for {whose}; it does not go with {way}.")

    @property
    def by_folder(self) -> bool:
        """Whether models are loaded by transformers."""
        return self.endpoint is None and self.answer is None and self.lm_eval is None

    def answerer(self, bank: ItemBank, template: str = MODEL) -> Answerer:
        """Return who answers.

        Args:
            bank: the bank that is asked.
            template: name of the model on a server, in which ``{model}`` is what is evaluated.

        Raises:
            ConfigError: an option with an unusable value.
        """
        from tinyeval.training import answerers

        if self.answer is not None:
            return answerers.FunctionAnswerer.named(self.answer, Path.cwd())
        if self.lm_eval is not None:
            asked = {"metric": self.metric, "filter": self.answer_filter}
            return answerers.HarnessAnswerer.of(bank, self.lm_eval, show=_show(), **asked)
        if self.endpoint is not None:
            return answerers.ServerAnswerer(self._endpoint(self.endpoint), template)
        return answerers.LanguageModel(
            device=self.device or "auto",
            dtype=self.dtype or "auto",
            revision=self.revision,
            tokenizer=self.tokenizer,
            batch_tokens=self.batch_tokens,
            chat=self.chat_template,
        )

    def _endpoint(self, url: str) -> Any:
        from tinyeval.training.runners.endpoint import Endpoint
        from tinyeval.training.runners.loading import load_tokenizer

        asked: dict[str, Any] = {
            "workers": self.max_concurrency,
            "max_tokens": self.max_tokens,
            "timeout": self.timeout,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        if self.tokenizer is not None:
            given["tokenizer"] = load_tokenizer(self.tokenizer)
        chat = self.api != "completions"
        return Endpoint(url, chat=chat, likelihood=not chat, **given)


OWNED = (
    ("--device", "device", ""),
    ("--dtype", "dtype", ""),
    ("--batch-tokens", "batch_tokens", ""),
    ("--revision", "revision", ""),
    ("--chat-template", "chat_template", ""),
    ("--model", "model_name", "--endpoint"),
    ("--api", "api", "--endpoint"),
    ("--max-concurrency", "max_concurrency", "--endpoint"),
    ("--max-tokens", "max_tokens", "--endpoint"),
    ("--timeout", "timeout", "--endpoint"),
    ("--metric", "metric", "--lm-eval"),
    ("--filter", "answer_filter", "--lm-eval"),
)
"""Options, and the way of answering that each belongs to."""

OPTIONS = (
    click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ... [default: a GPU if any]"),
    click.option(
        "--dtype",
        type=click.Choice(DTYPES),
        help="Type of the weights. [default: float32 on a CPU, else bfloat16]",
    ),
    click.option(
        "--batch-tokens",
        type=POSITIVE,
        metavar="N",
        help="Tokens per batch, halved when memory runs out. [default: 32768; 4096 on a CPU]",
    ),
    click.option("--revision", metavar="NAME", help="Branch, tag or commit of a model on the Hub."),
    click.option(
        "--tokenizer",
        metavar="MODEL",
        help="Folder or Hub name of the tokenizer, if not MODEL's; completions need it for chat "
        "templates.",
    ),
    click.option(
        "--chat-template/--no-chat-template",
        default=None,
        help="Put prompts into the model's chat template, or never. [default: as the history did]",
    ),
    click.option(
        "--endpoint",
        metavar="URL",
        help="Ask an OpenAI-compatible server, http://host:8000/v1; its key is $OPENAI_API_KEY.",
    ),
    click.option("--model", "model_name", metavar="NAME", help="Name of the model on the server."),
    click.option(
        "--api",
        type=click.Choice(APIS),
        help="chat: the model writes; completions: choices are scored by likelihood, if the server "
        "gives logprobs of prompts, as vLLM does. [default: chat]",
    ),
    click.option(
        "--max-concurrency", type=POSITIVE, metavar="N", help="Requests at a time. [default: 8]"
    ),
    click.option(
        "--max-tokens",
        type=POSITIVE,
        metavar="N",
        help="Most tokens of a written answer. [default: as the content says, or 256]",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Time after which a request is tried again. [default: 120]",
    ),
    click.option(
        "--answer",
        metavar="MODULE:FUNCTION",
        help="Ask a function of (items, model) that returns the scores.",
    ),
    click.option(
        "--lm-eval",
        metavar="ARGS",
        help="Run the installed lm-evaluation-harness with these options; {model} is the model. "
        '"" runs it by hf.',
    ),
    click.option("--metric", metavar="NAME", help="Score to read from the harness's logs."),
    click.option(
        "--filter", "answer_filter", metavar="NAME", help="Answer filter to read, likewise."
    ),
)


def answering_options() -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of :class:`Answering`; the command gets them as ``answering``."""
    return packed("answering", Answering, OPTIONS)


def _show() -> Callable[[bytes], None]:
    """Return what passes on the harness's progress: on a terminal, or for ``--debug``."""
    if not (sys.stderr.isatty() or is_debugging()):
        return lambda data: None

    def show(data: bytes) -> None:
        sys.stderr.write(data.decode("utf-8", "replace"))
        sys.stderr.flush()

    return show
