"""Real tables, as found and in other shapes of themselves."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results
from tinyeval.importers.base import Options
from tinyeval.importers.table import TableImporter
from tinyeval.responses import ResponseMatrix

SHARED = Path(__file__).parents[1] / ".." / "shared"
FORMATS = SHARED / "formats"
SETS = ["swebench_pro_9", "terminal_bench_9", "agent_gso_15", "lcb_repair_17", "alpaca_eval1_gpt4"]


def real(*parts: str) -> Path:
    path = FORMATS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the real files of {parts[0]}")
    return path


def as_table(path: Path, **options) -> ResponseMatrix:
    """Read as a table, though a harness's own reader may recognise it."""
    return TableImporter().read([path], Options(**options)).responses


# --- as found ---------------------------------------------------------------------------------


def test_wide_with_a_corner_of_r():
    path = real("csv_matrix", "arc_mixtral_clean_response_matrix.first40.csv")
    found = import_results(path)
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert found.responses.items.ids == tuple(header[1:])
    assert found.responses.models.ids == tuple(row[0] for row in rows)
    np.testing.assert_array_equal(found.responses.scores, [[float(x) for x in r[1:]] for r in rows])
    assert [one.kind for one in found.findings] == ["guessed"]


def test_wide_of_users():
    found = import_results(real("csv_matrix", "nlu_cb_irt_all_coded.csv"))
    assert found.responses.scores.shape == (90, 28)
    assert found.responses.models.ids[0] == "roberta-base-10M-1_25"


def test_long_with_dotted_names():
    path = real("swebench_pro_table", "swe-bench-pro.first400.csv")
    found = import_results(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    responses = found.responses
    assert set(responses.models.ids) == {row["metadata.model_name"] for row in rows}
    row_of = {one: k for k, one in enumerate(responses.models.ids)}
    column_of = {one: k for k, one in enumerate(responses.items.ids)}
    for row in rows:
        place = row_of[row["metadata.model_name"]], column_of[row["metadata.instance_id"]]
        assert responses.scores[place] == (row["metadata.resolved"] == "true")
    assert "'metadata.resolved' is the score" in str(found.findings[0])


def test_live_code_bench_has_repeats_and_percentages():
    path = real("livecodebench", "performances_testgen.two_models.json")
    with pytest.raises(DataError, match=r"in column 'pass@1' is 30, outside .*--scale 0:100|--repeats average"):  # fmt: skip # noqa: E501
        as_table(path)
    read = as_table(path, repeats="average", scale=(0, 100))
    assert "DSCoder-33b-Ins" in read.models.ids
    row = read.models.ids.index("DSCoder-33b-Ins")
    column = read.items.ids.index("2727")
    assert read.scores[row, column] == np.float32(0.15)
    assert read.trials[row, column] == 2


def test_live_bench_is_a_long_table():
    read = as_table(real("livebench", "ground_truth_judgment.jsonl"))
    assert "zft-community-8b-bs4" in read.models.ids
    assert "typos" in read.benchmarks


def test_one_model_of_answers():
    read = as_table(real("swebench_pro", "gptoss-paper.eval_results.json"))
    assert read.n_models == 1
    assert set(np.unique(read.scores)) == {0.0, 1.0}


@pytest.mark.parametrize(
    "folder", ["alpaca_eval", "mmlu_pro", "zeroeval", "bfcl", "evalperf", "helm_v3"]
)
def test_what_is_no_table_is_refused_in_a_line(folder):
    for path in sorted(real(folder).rglob("*.json*")):
        with pytest.raises(DataError) as caught:
            as_table(path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) - len(str(path)) < 500


# --- sets in other shapes ---------------------------------------------------------------------


@pytest.fixture(scope="module", params=SETS)
def known(request) -> ResponseMatrix:
    path = SHARED / "data" / request.param / "responses.parquet"
    if not path.exists():
        pytest.skip(f"needs the real result set {request.param}")
    return read_results(path)


def same(read: ResponseMatrix, known: ResponseMatrix) -> None:
    assert set(read.models.ids) == set(known.models.ids)
    np.testing.assert_array_equal(
        read.select(known.models.ids).align(known.items.ids), known.scores
    )


def lines(known: ResponseMatrix, comma: bool = False) -> list[list[str]]:
    cells = [["" if np.isnan(one) else repr(float(one)) for one in row] for row in known.scores]
    if comma:
        cells = [[one.replace(".", ",") for one in row] for row in cells]
    return [[model, *row] for model, row in zip(known.models.ids, cells, strict=True)]


def test_tabs_packed(tmp_path, known):
    with gzip.open(tmp_path / "r.tsv.gz", "wt", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([["model", *known.items.ids], *lines(known)])
    same(import_results(tmp_path / "r.tsv.gz").responses, known)


def test_semicolons_and_decimal_commas(tmp_path, known):
    with (tmp_path / "r.csv").open("w", newline="") as file:
        rows = [["model", *known.items.ids], *lines(known, comma=True)]
        csv.writer(file, delimiter=";").writerows(rows)
    same(import_results(tmp_path / "r.csv").responses, known)


def test_on_its_side(tmp_path, known):
    with (tmp_path / "r.csv").open("w", newline="") as file:
        rows = [["", *known.items.ids], *lines(known)]
        csv.writer(file).writerows(zip(*rows, strict=True))
    same(import_results(tmp_path / "r.csv", transpose=True).responses, known)
    assert "--transpose" in told(tmp_path / "r.csv")  # and never silently as it lies


def told(path: Path) -> str:
    try:
        return " ".join(map(str, import_results(path).findings))
    except DataError as error:
        return str(error)


def test_long_in_parquet(tmp_path, known):
    import pyarrow as pa

    rows, columns = np.nonzero(known.observed)
    table = pa.table(
        {
            "instance_id": [known.items.ids[k] for k in columns],
            "model_name": [known.models.ids[k] for k in rows],
            "resolved": known.scores[rows, columns],
        }
    )
    pq.write_table(table, tmp_path / "r.parquet")
    same(import_results(tmp_path / "r.parquet").responses, known)


def test_a_frame(known):
    import pandas as pd

    same(
        import_results(pd.DataFrame(known.scores, known.models.ids, known.items.ids)).responses,
        known,
    )
