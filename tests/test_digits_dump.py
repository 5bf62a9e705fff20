"""The dump that ships: it says what its README says, and its scripts make it again."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from item_banks.digits_dump import classifiers, images, make
from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix

FOLDER = Path(__file__).parents[1] / "item_banks" / "digits_dump"
CHEAP = (
    "knn-k9-n80-drill_all-s6",
    "svm-rbf-C10-n160-drill_all-s6",
    "centroid-",
    "bayes-gaussian-",
    "tree-d7-",
    "dummy-uniform-",
)


def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def responses() -> ResponseMatrix:
    table = pq.read_table(FOLDER / "responses.parquet")
    items = table.column_names[1:]
    scores = np.column_stack([table[item].to_numpy() for item in items])
    return ResponseMatrix.from_arrays(scores, table["model"].to_pylist(), items)


# --- the files -------------------------------------------------------------------------------


def test_files_speak_of_the_same_models_and_items(responses: ResponseMatrix) -> None:
    content = pq.read_table(FOLDER / "content.parquet")
    items, models = rows_of("items.csv"), rows_of("models.csv")
    assert [row["item"] for row in items] == list(responses.items.ids)
    assert content["item"].to_pylist() == list(responses.items.ids)
    assert [row["model"] for row in models] == list(responses.models.ids)
    assert [row["subject"] for row in items] == [f"digit {k}" for k in content["label"].to_pylist()]
    assert {row["benchmark"] for row in items} == {"digits"}


def test_ids_say_what_the_tables_say() -> None:
    for row in rows_of("items.csv"):
        strength = row["strength"] if row["form"] != "clean" else ""
        assert row["item"].split("-")[2] == row["form"] + strength
    for row in rows_of("models.csv"):
        assert row["model"].startswith(f"{row['learner']}-n{row['train_size']}-")
        assert row["learner"].split("-")[0] == row["family"]
        assert (f"-noise{row['noise']}-" in row["model"]) == (float(row["noise"]) > 0)


def test_types_are_small(responses: ResponseMatrix) -> None:
    schema = pq.read_schema(FOLDER / "responses.parquet")
    assert {schema.field(item).type for item in responses.items.ids} == {pa.uint8()}
    content = pq.read_schema(FOLDER / "content.parquet")
    assert content.field("pixels").type == pa.list_(pa.uint8())
    assert sum(path.stat().st_size for path in FOLDER.glob("*.*")) < 1_000_000


def test_scores_are_marks_and_models_differ(responses: ResponseMatrix) -> None:
    assert set(np.unique(responses.scores)) == {0.0, 1.0}
    assert responses.drop_duplicates()[1] == ()
    assert responses.scores.mean(axis=1).std() >= 0.15
    assert len({row["family"] for row in rows_of("models.csv")}) >= 10


@pytest.mark.slow
def test_readme_figures_are_those_of_the_answers(responses: ResponseMatrix) -> None:
    text = (FOLDER / "README.md").read_text()
    for name, value in make.figures(responses).items():
        shown = value if isinstance(value, int) else f"{value:.3f}"
        assert f"| {name} | {shown} |" in text


def test_readme_tables_are_those_of_the_answers(responses: ResponseMatrix) -> None:
    text = (FOLDER / "README.md").read_text()
    family = np.array([row["family"] for row in rows_of("models.csv")])
    means = responses.scores.mean(axis=1)
    for name, count in Counter(family).items():
        own = means[family == name]
        shown = f"{own.min():.2f} | {own.mean():.2f} | {own.max():.2f}"
        assert f"| {name} | {count} | {shown} |" in text
    items = rows_of("items.csv")
    for form in {row["form"] for row in items} - {"clean"}:
        graded = [
            responses.scores[:, [r["form"] == form and r["strength"] == s for r in items]].mean()
            for s in "1234"
        ]
        shown = " | ".join(f"{mean:.2f}" for mean in graded)
        assert any(line.startswith(f"| `{form}`") and shown in line for line in text.splitlines())


# --- the items -------------------------------------------------------------------------------


def test_items_are_made_again() -> None:
    content = pq.read_table(FOLDER / "content.parquet")
    pool, labels, items = images.pool_and_items()
    assert [item.id for item in items] == content["item"].to_pylist()
    assert [item.label for item in items] == content["label"].to_pylist()
    shipped = np.array(content["pixels"].to_pylist())
    made = np.stack([item.pixels.ravel() for item in items])
    # scipy's interpolation may round a pixel the other way on another machine.
    assert (made == shipped).mean() >= 0.999
    assert len(pool) == len(labels) == 1797 - len(items)


def test_no_held_out_image_is_in_the_pool() -> None:
    pool, _, items = images.pool_and_items()
    known = {image.tobytes() for image in pool}
    clean = [item for item in items if item.form == "clean"]
    assert len(clean) == images.N_CLEAN
    assert not any(item.pixels.tobytes() in known for item in clean)


def test_every_form_and_strength_appears_equally_often() -> None:
    count = Counter((item.form, item.strength) for item in images.pool_and_items()[2])
    assert count.pop(("clean", 0)) == images.N_CLEAN
    assert set(count) == {(form, k) for form in images.DAMAGES for k in (1, 2, 3, 4)}
    assert set(count.values()) == {27}


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_damaged_images_are_images(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(sorted(images.DAMAGES)))
    strength, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2**32 - 1))
    ink = data.draw(st.lists(st.integers(0, 16), min_size=64, max_size=64))
    image = np.array(ink, dtype=np.uint8).reshape(8, 8)
    before = image.copy()
    first, again = (
        images.damage(image, form, strength, np.random.default_rng(seed)) for _ in range(2)
    )
    assert first.shape == (8, 8)
    assert first.dtype == np.uint8
    assert first.max() <= 16
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(image, before)


# --- the models ------------------------------------------------------------------------------


def test_names_tell_models_apart_and_cover_the_dump(responses: ResponseMatrix) -> None:
    names = [model.name for model in make.zoo()]
    assert len(set(names)) == len(names)
    assert set(responses.models.ids) <= set(names)
    assert make.NEWCOMER.name not in names


def test_models_get_what_their_names_promise() -> None:
    pool = {image.tobytes() for image in images.pool_and_items()[0]}
    for model in make.zoo():
        shown, labels = replace(model, drill="none").training_set()
        assert len(shown) == len(labels) == model.train_size
        assert len(set(labels)) <= model.classes
        assert {image.tobytes() for image in shown} <= pool


def test_drilling_adds_damaged_copies_with_the_same_labels() -> None:
    model = replace(make.NEWCOMER, train_size=30, drill="fade")
    shown, labels = model.training_set()
    copies = classifiers.COPIES
    assert len(shown) == 30 * (1 + copies)
    np.testing.assert_array_equal(labels[30:], np.repeat(labels[:30], copies))
    assert (shown[30:].reshape(30, copies, 8, 8) <= shown[:30, None]).all()
    assert shown[30:].sum() < copies * shown[:30].sum()


@pytest.mark.parametrize("start", CHEAP)
def test_models_are_made_again(responses: ResponseMatrix, start: str) -> None:
    model = next(
        one for one in make.zoo() if one.name.startswith(start) and one.name in responses.models.ids
    )
    shipped = responses.select([model.name]).scores[0]
    # Other versions of the libraries may change single answers.
    assert (make.answer(responses.items.ids, model) == shipped).mean() >= 0.99


# --- answering and making --------------------------------------------------------------------


def test_answers_follow_the_items_asked(responses: ResponseMatrix) -> None:
    items, quick = responses.items.ids, make.Model("centroid", 40)
    scores = make.answer(items, quick)
    assert 0.2 < scores.mean() < 1
    np.testing.assert_array_equal(make.answer(items[::-7], quick), scores[::-7])


@pytest.mark.slow
def test_the_newcomer_answers_well(responses: ResponseMatrix) -> None:
    assert 0.5 < make.answer(responses.items.ids).mean() < 1


def test_unknown_items_are_an_error() -> None:
    with pytest.raises(DataError, match=r"1 of the items .* 'digits-9999-shift1'"):
        make.answer(["digits-0000-shift4", "digits-9999-shift1"])


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    models = [make.Model("centroid", 40, repeat=k) for k in range(3)]
    partial = tmp_path / "partial.jsonl"
    whole = dict(make.answers(models, partial))
    lines = partial.read_text().splitlines()
    # The first answers are kept as found, the half line of the second is made again.
    partial.write_text(f'["{models[0].name}", [7]]\n' + lines[1][:200])
    resumed = dict(make.answers(models, partial))
    assert resumed == {**whole, models[0].name: [7]}
    assert dict(make.answers(models, partial)) == resumed


@pytest.mark.slow
def test_making_twice_gives_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = (
        make.Model("tree-d4", 80, drill="shift"),
        make.Model("dummy-majority", 897, repeat=1),
        make.Model("dummy-majority", 897, repeat=0),
        make.Model("sgd-log-e3", 40, noise=0.2),
        make.Model("knn-k1", 20, classes=3, view="top"),
    )
    monkeypatch.setattr(make, "zoo", lambda: models)
    for out in ("one", "two"):
        monkeypatch.setattr(sys, "argv", ["make.py", "--out", str(tmp_path / out)])
        make.main()
    one = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    two = {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert set(one) == {"responses.parquet", "content.parquet", "items.csv", "models.csv"}
    assert one == two
    kept = pq.read_table(tmp_path / "one" / "responses.parquet")["model"].to_pylist()
    assert kept == [models[k].name for k in (0, 2, 3, 4)]
    assert b"dummy-majority-n897-s1" not in one["models.csv"]
