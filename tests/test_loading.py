"""Models are loaded as asked, or a line says why not."""

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

import torch
import transformers
from language_models import bpe, choice_items, tiny_model

from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.training import Asking, CausalLM, LanguageModel, evaluate
from tinyeval.training.runners.loading import Loaded, Loading, load_tokenizer


@pytest.fixture
def folder(tmp_path):
    tiny_model().save_pretrained(tmp_path / "model")
    bpe().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("asked", "found"),
    [("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16)],
)
def test_the_type_of_the_weights_is_the_one_that_was_asked_for(folder, asked, found):
    loaded = Loading("cpu", asked)(folder)
    assert {one.dtype for one in loaded.model.parameters()} == {found}
    assert len(loaded.tokenizer) == len(bpe())


def test_a_tokenizer_may_come_from_elsewhere(folder, tmp_path):
    bpe().save_pretrained(tmp_path / "tokenizer")
    for one in folder.glob("tokenizer*"):
        one.unlink()
    items = choice_items(6)
    expected = CausalLM(bpe())(items, tiny_model())
    elsewhere = LanguageModel(tokenizer=str(tmp_path / "tokenizer"))
    assert elsewhere(items, folder) == expected
    with pytest.raises(DataError, match="no tokenizer can be read"):
        load_tokenizer(str(tmp_path / "none"))
    with pytest.raises(DataError, match="holds a model but no tokenizer"):
        LanguageModel()(items, folder)


def test_a_loaded_model_answers_as_its_folder(folder):
    items = choice_items(6)
    assert CausalLM()(items, Loaded(tiny_model(), bpe())) == CausalLM()(items, folder)


def test_bars_are_drawn_again_after_loading(folder):
    logging = transformers.utils.logging
    before = logging.is_progress_bar_enabled()
    try:
        for enable in (logging.enable_progress_bar, logging.disable_progress_bar):
            enable()
            state = logging.is_progress_bar_enabled()
            Loading("cpu")(folder)
            assert logging.is_progress_bar_enabled() == state
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()


@pytest.mark.parametrize("device", ["cuda:77", "abacus", "cpu:x"])
def test_devices_that_are_not_there_are_named(folder, device):
    with pytest.raises(ConfigError, match=f"the device '{device}' cannot be used here"):
        Loading(device)(folder)


def test_a_name_that_nobody_knows_is_one_line(bank):
    """The tests are offline, so the Hub gives nothing."""
    items = choice_items(2)
    with pytest.raises(DataError, match="no such folder here, and the Hub does not give it"):
        LanguageModel().identity("no-such-org/no-such-model")
    with pytest.raises(DataError, match="cannot be read"):
        LanguageModel()(items, "no-such-org/no-such-model")


def spoil(folder, what):
    if what == "weights":
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:4000])
    elif what == "config":
        (folder / "config.json").write_text("{")
    elif what == "kind":
        (folder / "config.json").write_text('{"model_type": "no_such_kind"}')
    elif what == "vocabulary":
        config = json.loads((folder / "config.json").read_text())
        small = transformers.LlamaConfig(**{**config, "vocab_size": 20})
        transformers.AutoModelForCausalLM.from_config(small).save_pretrained(folder)


@pytest.mark.parametrize("what", ["weights", "config", "kind", "vocabulary"])
def test_a_spoilt_checkpoint_ends_in_one_line_and_the_others_are_asked(
    small_free_bank, folder, what
):
    good = Path(f"{folder}-good")
    tiny_model(seed=1).save_pretrained(good)
    bpe().save_pretrained(good)
    spoil(folder, what)
    lines = []
    models = [str(folder), str(good)]
    found = evaluate(Asking(small_free_bank), LanguageModel(), models, report=lines.append)
    assert [one.prediction.model for one in found.evaluations] == [str(good)]
    assert list(found.failures) == [str(folder)]
    assert lines[0].startswith(f"{folder}: ")
    with pytest.raises(TinyEvalError, match=r"^1 of 2 models could not be evaluated, such as "):
        found.check()
    assert len(lines[0].splitlines()) == 1


@pytest.fixture
def small_free_bank(bank):
    from tinyeval.bank.content import with_content

    items = choice_items(len(bank.items), seed=2)
    content = {one: item.content for one, item in zip(bank.items.ids, items, strict=True)}
    return with_content(bank, content)
