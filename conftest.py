"""One thread for every test, and what the examples in docstrings start from.

Threads are set before numpy and torch load, which read the variable then and never again.  These
matrices are so small that a second thread costs several times what it saves, and sums that are
split over threads round differently, so that digests would depend on the machine.
"""

import atexit
import gc
import os
import shutil
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
# no test asks the network; without this, libraries of Hugging Face try for most of a minute
os.environ["HF_HUB_OFFLINE"] = "1"
# nor leaves answers in the cache of who runs the tests
os.environ["TINYEVAL_CACHE"] = tempfile.mkdtemp(prefix="tinyeval-tests-")

import pytest

atexit.register(shutil.rmtree, os.environ["TINYEVAL_CACHE"], ignore_errors=True)

collect_ignore_glob = ["tinyeval/training/*_callback.py"]
"""They begin by importing a training framework, which takes longer than all examples together."""


def pytest_collection_finish() -> None:
    """Leave out of every garbage collection to come what is imported by now, and stays."""
    gc.freeze()


@pytest.fixture(scope="session")
def example() -> dict[str, object]:
    """``responses`` of 40 simulated models to 30 items, quick ``settings``, and a ``bank`` of 8."""
    import numpy as np

    from tinyeval import ResponseMatrix, Settings, build

    rng, ability = np.random.default_rng(0), np.linspace(-2, 2, 40)[:, None]
    right = rng.random((40, 30)) < 1 / (1 + np.exp(np.linspace(-2, 2, 30) - ability))
    models, items = [f"model-{k}" for k in range(40)], [f"item-{k}" for k in range(30)]
    responses = ResponseMatrix.from_arrays(right, models, items)
    settings = Settings().replace(
        items=8, device="cpu", irt={"dimensions": [1]}, interval={"folds": 2}
    )
    bank = build(responses, settings=settings, name="example")
    return {"responses": responses, "settings": settings, "bank": bank}


@pytest.fixture(autouse=True)
def examples_of_docstrings(request: pytest.FixtureRequest) -> None:
    """Examples know the names of ``example``, and write into a folder of their own."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("doctest_namespace").update(request.getfixturevalue("example"))
        folder = request.getfixturevalue("tmp_path")
        request.getfixturevalue("monkeypatch").chdir(folder)
