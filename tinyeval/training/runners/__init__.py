"""Runners: answering functions for language models in memory, in a folder, or on a server."""

from __future__ import annotations

from tinyeval.training.runners.causal_lm import CausalLM, causal_lm
from tinyeval.training.runners.endpoint import Endpoint

__all__ = ["CausalLM", "Endpoint", "causal_lm"]
