"""Loads a causal language model and its tokenizer from a folder or from the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tinyeval.errors import ConfigError, DataError, one_line
from tinyeval.training.optional import load

DTYPES = ("auto", "float32", "bfloat16", "float16")
"""Types of the weights; ``auto``: float32 on a CPU, bfloat16 elsewhere."""

_CONFIGS = ("config.json", "adapter_config.json")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


class Loaded(NamedTuple):
    """A model in memory, as it was loaded, with its tokenizer.

    Attributes:
        model: a causal language model of transformers, on its device.
        tokenizer: its tokenizer.
    """

    model: Any
    tokenizer: Any


TOKENIZERS = ("*token*", "vocab*", "*.model", "*.tiktoken")
"""Names of files, one of which every tokenizer has."""


@dataclass(frozen=True)
class Loading:
    """How a model is loaded.

    Attributes:
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps`` ...
        dtype: type of the weights, one of :data:`DTYPES`.
        revision: branch, tag or commit of a model on the Hub.

    Raises:
        ConfigError: an unknown ``dtype``.
    """

    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ConfigError(f"unknown dtype {self.dtype!r}; known are: {', '.join(DTYPES)}")

    def __call__(self, name: str | Path, tokenizer: Any = None) -> Loaded:
        """Return the model that a folder or a Hub name holds, and its tokenizer.

        Args:
            name: a folder that ``from_pretrained`` reads, or the name of a model on the Hub.  An
                adapter needs peft, and is loaded with the model that it adapts.
            tokenizer: a tokenizer, or the folder or Hub name of one; None: the model's own.

        Raises:
            ConfigError: a device that is not there, or a revision of a folder.
            DataError: neither a folder nor a Hub name, or files that cannot be read.
            DependencyError: torch, transformers or peft is not installed.
        """
        transformers = load("transformers", "hf")
        check_name(name, self.revision)
        if tokenizer is None:
            _check_tokenizer(Path(name))
        device = self._device()
        options = {} if self.revision is None else {"revision": self.revision}
        try:
            with _no_bars(transformers) if Path(name).is_dir() else nullcontext():
                model = transformers.AutoModelForCausalLM.from_pretrained(
                    str(name), dtype=self._dtype(device), **options
                )
            if tokenizer is None:
                tokenizer = transformers.AutoTokenizer.from_pretrained(str(name), **options)
            elif isinstance(tokenizer, str):
                tokenizer = load_tokenizer(tokenizer)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise DataError(
                f"{name}: the model or its tokenizer cannot be read ({one_line(error, 300)})"
            ) from error
        return Loaded(model.to(device), tokenizer)

    def _device(self) -> Any:
        torch = load("torch", "hf")
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"the device {self.device!r} cannot be used here ({one_line(error, 200)}); name "
                "another, such as cpu or cuda:0"
            ) from error
        return device

    def _dtype(self, device: Any) -> Any:
        torch = load("torch", "hf")
        if self.dtype == "auto":
            return torch.float32 if device.type == "cpu" else torch.bfloat16
        return getattr(torch, self.dtype)


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer in a folder or on the Hub.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    try:
        return load("transformers", "hf").AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise DataError(f"{name}: no tokenizer can be read ({one_line(error, 300)})") from error


def _check_tokenizer(folder: Path) -> None:
    """Raise :class:`DataError` for a folder without one: transformers would make an empty one."""
    if folder.is_dir() and not any(any(folder.glob(one)) for one in TOKENIZERS):
        raise DataError(
            f"{folder}: holds a model but no tokenizer (tokenizer.json ...); save it there, too: "
            "tokenizer.save_pretrained(FOLDER)"
        )


@contextmanager
def _no_bars(transformers: Any) -> Iterator[None]:
    """Let transformers draw no bars: those that matter are of downloads."""
    logging = transformers.utils.logging
    before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if before:
            logging.enable_progress_bar()


def check_name(name: str | Path, revision: str | None = None) -> None:
    """Raise unless a name is that of a folder with a model, or may be that of one on the Hub.

    Raises:
        ConfigError: a revision of a folder.
        DataError: a folder without a model, or no folder and no name of the Hub.
    """
    path = Path(name)
    if path.is_dir():
        if not any((path / one).is_file() for one in _CONFIGS):
            raise DataError(f"{path}: expected a folder with a model's config.json; there is none")
        if revision is not None:
            raise ConfigError(f"{path}: a folder has no revisions; leave out {revision!r}")
    elif path.exists():
        raise DataError(f"{path}: expected the folder of a model, found a file")
    elif isinstance(name, Path) or not _HUB_NAME.fullmatch(name):
        raise DataError(
            f"{name}: expected a folder with a model's config.json, or the name of a model on the "
            "Hugging Face Hub, such as org/name; there is no such folder"
        )
