"""Banks that are built once for every test that only reads them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from helpers import simulate

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.config import Settings
from tinyeval.errors.wording import words_for_commands
from tinyeval.responses import ResponseMatrix

collect_ignore = ["harness.py", "language_models.py", "small_benchmark.py", "two_processes.py"]
"""No tests: helpers that need libraries which not everybody has."""

# How busy a machine is tells nothing of the code.
hypothesis.settings.register_profile("tinyeval", deadline=None)
hypothesis.settings.load_profile("tinyeval")


@pytest.fixture(autouse=True)
def messages(request: pytest.FixtureRequest) -> Iterator[None]:
    """Messages as commands show them, with options; ``python_words`` leaves them with keywords."""
    with words_for_commands(request.node.get_closest_marker("python_words") is None):
        yield


@pytest.fixture(scope="session")
def fast() -> Settings:
    """Settings of a build that takes a fraction of a second."""
    return Settings().replace(
        items=15, device="cpu", irt={"dimensions": [2]}, interval={"folds": 2}
    )


@pytest.fixture(scope="session")
def history() -> ResponseMatrix:
    """Answers of 100 models on 60 items of two benchmarks."""
    return simulate(100, 60, dimensions=2, seed=5, benchmarks=2)[0]


@pytest.fixture(scope="session")
def source(history: ResponseMatrix) -> ResponseMatrix:
    """The 60 models from which ``bank`` is built."""
    return history.take(np.arange(60))


@pytest.fixture(scope="session")
def new_models(history: ResponseMatrix) -> ResponseMatrix:
    """The 40 models which ``bank`` has not seen."""
    return history.take(np.arange(60, 100))


@pytest.fixture(scope="session")
def bank(source: ResponseMatrix, fast: Settings) -> ItemBank:
    """A bank of 15 anchors of two benchmarks, built from ``source``."""
    return build(source, settings=fast, name="simulated", source="tests/helpers.py")


@pytest.fixture(scope="session")
def bank_folder(bank: ItemBank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bank``, saved; not to be written to."""
    folder = tmp_path_factory.mktemp("banks") / "simulated"
    bank.save(folder)
    return folder


@pytest.fixture(scope="session")
def small_benchmark():
    """Small text items, and what 72 checkpoints of small transformers answer; some 15 seconds."""
    pytest.importorskip("transformers", reason="needs tinyeval[hf]")
    from small_benchmark import make_benchmark

    return make_benchmark()


@pytest.fixture(scope="session")
def small_bank(small_benchmark, fast: Settings) -> ItemBank:
    """A bank of 40 of the small text items, with their content."""
    careful = fast.replace(items=40, irt={"dimensions": [1, 2]}, interval={"folds": 3})
    bank = build(small_benchmark.responses, settings=careful, name="small")
    return replace(bank, content={one.id: one.content for one in small_benchmark.items})
