"""Ways of answering a bank's items: language models, servers, functions, lm-evaluation-harness.

Each is an answering function for :class:`~tinyeval.training.QuickEval`, the watcher and
:func:`~tinyeval.training.evaluating.evaluate`, which also keeps answers while they come.
"""

from __future__ import annotations

from tinyeval.training.answerers.base import Answerer
from tinyeval.training.answerers.function import FunctionAnswerer
from tinyeval.training.answerers.harness import HarnessAnswerer
from tinyeval.training.answerers.language_model import LanguageModel
from tinyeval.training.answerers.server import ServerAnswerer

__all__ = ["Answerer", "FunctionAnswerer", "HarnessAnswerer", "LanguageModel", "ServerAnswerer"]
