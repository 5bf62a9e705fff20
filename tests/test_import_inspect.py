"""Logs of Inspect AI: small ones with every known trap, and the real ones."""

from __future__ import annotations

import json
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.errors import DataError
from tinyeval.exporters.inspect import inspect_samples
from tinyeval.importers import Imported, import_results, read_results
from tinyeval.importers.inspect_scores import grade

SHARED = Path(__file__).parents[1] / ".." / "shared" / "formats"
OLD, NEW = SHARED / "inspect_ai", SHARED / "inspect_ai_0.3.285_mock"


def header(task: str = "sums", n: int = 3, model: str = "org/m", **more) -> dict:
    status = more.pop("status", "success")
    spec = {
        "task": task,
        "model": model,
        "created": "2026-01-01T00:00:00+00:00",
        "task_version": 0,
        "dataset": {"name": task, "samples": n},
        "config": {},
    }
    return {"version": 2, "status": status, "eval": spec | more, "plan": {}}


def sample(id: int | str, *, epoch: int = 1, error: str | None = None, **scores: object) -> dict:
    found = {"id": id, "epoch": epoch, "input": f"What is {id}?", "target": "1"}
    found["scores"] = {name: {"value": value} for name, value in scores.items()}
    return found if error is None else {**found, "error": error}


def zstd_zip(path: Path, members: dict[str, bytes]) -> None:
    """Write what Python before 3.14 cannot: members packed with Zstandard (method 93)."""
    body, central = b"", b""
    for name, content in members.items():
        packed = bytes(pa.compress(content, codec="zstd", asbytes=True))
        sizes = struct.pack("<III", zlib.crc32(content), len(packed), len(content))
        local = struct.pack("<HHHHH", 63, 0, 93, 0, 0) + sizes
        offset, encoded = len(body), name.encode()
        body += b"PK\x03\x04" + local + struct.pack("<HH", len(encoded), 4) + encoded + b"\0" * 4
        body += packed
        rest = struct.pack("<HHHHHII", len(encoded), 0, 0, 0, 0, 0, offset)
        central += b"PK\x01\x02" + struct.pack("<H", 63) + local + rest + encoded
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(body), 0)
    path.write_bytes(body + central + b"PK\x05\x06" + end)


def write_eval(path: Path, head: dict, samples: list[dict], zstd: bool = False, **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    members = {"header.json": head, "summaries.json": samples, **more}
    encoded = {name: json.dumps(content).encode() for name, content in members.items()}
    if zstd:
        zstd_zip(path, encoded)
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in encoded.items():
            archive.writestr(name, content)
    return path


def write_json(path: Path, head: dict, samples: list[dict], **more) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**head, "samples": samples, **more}))
    return path


def row(imported: Imported, model: str = "org/m") -> list[float]:
    return [float(one) for one in imported.responses.select([model]).scores[0]]


MIXED = [sample(1, match="C"), sample(2, match="I"), sample("x-3", match="P")]


@pytest.mark.parametrize("kind", ["deflate", "zstd", "json"])
def test_three_containers(tmp_path, kind):
    if kind == "json":
        path = write_json(tmp_path / "log.json", header(), MIXED)
    else:
        path = write_eval(tmp_path / "log.eval", header(), MIXED, zstd=kind == "zstd")
    found = import_results(path)
    assert found.format == "inspect"
    assert found.responses.items.ids == ("sums/1", "sums/2", "sums/x-3")
    assert set(found.responses.items.columns["benchmark"]) == {"sums"}
    assert row(found) == [1, 0, 0.5]
    assert found.chosen == {"sums": {"metric": "match"}}
    assert found.findings == ()


def test_a_file_unpacked_from_zstandard_is_checked(tmp_path):
    path = write_eval(tmp_path / "log.eval", header(), MIXED, zstd=True)
    content = bytearray(path.read_bytes())
    content[80] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"header\.json is damaged"):
        read_results(path)


def test_grades():
    values = ["C", "I", "P", "N", True, False, 0.25, "0.5", "yes", "No", "true", math.nan, None]
    np.testing.assert_array_equal(
        [grade(one) for one in values],
        [1, 0, 0.5, 0, 1, 0, 0.25, 0.5, 1, 0, 1, np.nan, np.nan],
    )
    with pytest.raises(ValueError, match="grade A"):
        grade("grade A")


def test_epochs_are_trials(tmp_path):
    marks = {"a": "CCI", "b": "III"}
    samples = [
        sample(one, epoch=k + 1, match=mark)
        for k in range(3)
        for one, mark in ((one, marks[one][k]) for one in marks)
    ]
    samples[-1]["scores"]["match"]["value"] = math.nan
    found = import_results(write_eval(tmp_path / "log.eval", header(n=2), samples))
    np.testing.assert_allclose(found.responses.scores, [[2 / 3, 0]], rtol=1e-6)
    np.testing.assert_array_equal(found.responses.trials, [[3, 2]])
    assert "missing: 1 samples were not scored, and are missing: 'b'" in map(str, found.findings)


def test_several_scorers_are_listed_as_options(tmp_path):
    samples = [sample(1, match="C", graded={"style": 0.5, "facts": "I"}, list=[1, 0])]
    path = write_eval(tmp_path / "log.eval", header(n=1), samples)
    with pytest.raises(
        DataError, match=r"3 metrics.*'match', 'graded/style', 'graded/facts' \(not"
    ):
        read_results(path)
    assert row(import_results(path, metric="graded/style")) == [0.5]
    assert row(import_results(path, metric="sums=match")) == [1]


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_samples_that_failed_are_missing(tmp_path, failures):
    samples = [
        sample(1, match="C"),
        sample(2, error="TimeoutError"),
        sample(3),
        sample(4, error="late", match="C"),
    ]
    path = write_eval(tmp_path / "log.eval", header(n=4), samples)
    found = import_results(path, failures=failures)
    failed = 0 if failures == "wrong" else np.nan
    np.testing.assert_array_equal(row(found), [1, failed, np.nan, 1])
    told = " ".join(map(str, found.findings))
    assert "1 samples were not scored, and are missing: '3'" in told
    assert "1 samples ended with an error" in told


def test_limited_runs_need_leave(tmp_path):
    path = write_eval(tmp_path / "log.eval", header(n=100), MIXED)
    with pytest.raises(
        DataError, match=r"'org/m' has a part only of.*sums \(3 of 100\).*--partial"
    ):
        read_results(path)
    assert row(import_results(path, partial=True)) == [1, 0, 0.5]


def test_a_run_that_was_cancelled(tmp_path):
    cut = write_eval(tmp_path / "a.eval", header(status="cancelled"), MIXED)
    found = import_results(cut)
    assert row(found) == [1, 0, 0.5]
    assert "of runs that did not finish; what they scored was read: 'cancelled: a.eval'" in str(
        found.findings[0]
    )


def test_a_run_that_was_killed_has_a_journal(tmp_path):
    members = {
        "_journal/start.json": {"eval": header()["eval"]},
        "_journal/summaries/2.json": [sample(3, match="I")],
        "_journal/summaries/10.json": [sample(2, match="C")],
        "_journal/summaries/1.json": [sample(1, match="C"), sample(2, match="I")],
    }
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(content))
    found = import_results(path)
    assert row(found) == [1, 1, 0]  # the last attempt at sample 2 counts
    told = " ".join(map(str, found.findings))
    assert "started: log.eval" in told
    assert "1 samples were run again; their last attempts were read: '2'" in told


def test_logs_without_scores(tmp_path):
    failed = header(status="error") | {"error": {"message": "Connection\nrefused"}}
    one = write_eval(tmp_path / "1.eval", failed, [sample(1, error="x"), sample(2, error="y")])
    with pytest.raises(DataError, match=r"status 'error' \(Connection refused\); run it again"):
        read_results(one)
    unscored = write_eval(tmp_path / "2.eval", header(), [sample(1), sample(2)])
    with pytest.raises(DataError, match=r"without scoring; score it with `inspect score 2\.eval`"):
        read_results(unscored)
    passed = write_eval(tmp_path / "3.eval", header(), [sample(1, match=math.nan)])
    with pytest.raises(DataError, match="'match' passed over all samples"):
        read_results(passed)
    write_eval(tmp_path / "4.eval", header(), MIXED)
    found = import_results(tmp_path)
    assert row(found) == [1, 0, 0.5]
    assert (found.findings[0].kind, found.findings[0].count) == ("missing", 3)
    assert "'error: 1.eval', 'not scored: 2.eval', 'not scored: 3.eval'" in str(found.findings[0])


def test_logs_without_samples_have_means_over_epochs(tmp_path):
    head = header(n=2, config={"epochs": 4})
    kept = {"scorer": "match", "samples": [{"sample_id": k, "value": k / 4} for k in (1, 3)]}
    best = {**kept, "reducer": "max", "scorer": "best"}
    path = write_json(tmp_path / "log.json", head, [], reductions=[kept, best])
    found = import_results(path)
    assert row(found) == [0.25, 0.75]
    np.testing.assert_array_equal(found.responses.trials, [[4, 4]])
    assert found.findings[0].kind == "guessed"
    path = write_json(tmp_path / "log.json", head, [])
    with pytest.raises(DataError, match="its samples were not kept"):
        read_results(path)


def test_a_retried_run_is_read_once(tmp_path):
    first = header(task_id="t", status="error")
    second = header(task_id="t", created="2026-01-02T00:00:00+00:00")
    write_eval(tmp_path / "1.eval", first, MIXED[:2])
    write_eval(tmp_path / "2.eval", second, MIXED)
    write_json(tmp_path / "3.json", second, MIXED)
    found = import_results(tmp_path)
    assert row(found) == [1, 0, 0.5]
    assert found.responses.trials is None
    assert [str(one) for one in found.findings] == [
        "dropped: 1 logs of runs that were retried later were left out: '1.eval'",
        "joined: 1 copies of a log were read once: '3.json'",
    ]


def test_two_runs_of_one_model_are_repeats(tmp_path):
    write_eval(tmp_path / "1.eval", header(task_id="t"), MIXED)
    later = header(task_id="u", created="2026-01-02T00:00:00+00:00")
    write_eval(tmp_path / "2.eval", later, [sample(1, match="I"), *MIXED[1:]])
    found = import_results(tmp_path)
    assert row(found) == [0.5, 0, 0.5]
    np.testing.assert_array_equal(found.responses.trials, [[2, 2, 2]])


def test_what_tells_runs_apart(tmp_path):
    def log(name, **more):
        write_eval(tmp_path / name / "log.eval", header(**more), MIXED)
        return tmp_path / name / "log.eval"

    plain = log("a")
    revised = log("b", model_args={"revision": "r2", "device": "cuda:1"})
    with_agent = log("c", solver="react", solver_args_passed={"attempts": 3})
    cot = log("d", task_args_passed={"cot": True}, task_args={"cot": True, "n": 5})
    warm = log("e", model_generate_config={"temperature": 0.7})
    two = log("f", task_version=2)
    elsewhere = log("g", model_args={"device": "cpu"}, solver_args_passed={})
    for other, name in (
        (revised, "org/m [revision=r2]"),
        (with_agent, "org/m [solver=react(attempts=3)]"),
        (cot, "org/m [cot=true]"),
        (warm, "org/m [temperature=0.7]"),
        (two, "org/m [version=2]"),
    ):
        assert read_results([plain, other]).models.ids == ("org/m", name)
    found = import_results([plain, elsewhere])
    assert found.responses.models.ids == ("org/m",)


def test_ids_are_told_as_text(tmp_path):
    samples = [sample("001", match="C"), sample(1, match="I"), sample("a/b", match="C")]
    found = import_results(write_eval(tmp_path / "log.eval", header(), samples))
    assert found.responses.items.ids == ("sums/001", "sums/1", "sums/a/b")
    clash = [sample("1", match="C"), sample(1, match="I")]
    with pytest.raises(DataError, match="has a sample 1 and a sample '1'"):
        read_results(write_eval(tmp_path / "log.eval", header(), clash))


def test_another_sample_under_one_id_is_refused(tmp_path):
    write_eval(tmp_path / "1.eval", header(model="a"), MIXED)
    other = [{**MIXED[0], "input": [{"role": "user", "content": "Who?"}]}, *MIXED[1:]]
    write_eval(tmp_path / "2.eval", header(model="b"), other)
    with pytest.raises(DataError, match=r"'sums/1' has two values of 'hash'.*1 of 3 items differ"):
        read_results(tmp_path)
    assert import_results(tmp_path, changed="drop").responses.items.ids == ("sums/2", "sums/x-3")


def test_one_sample_told_in_several_ways_is_one(tmp_path):
    long = "words " * 300
    parts = [{"role": "user", "content": [{"type": "text", "text": long}, {"type": "image"}]}]
    ways = [
        long,
        long[:1500] + "...\n(content truncated)",
        parts,
        [{"role": "user", "content": long}],
        "attachment://x",
    ]
    for k, way in enumerate(ways):
        shown = {**sample(1, match="C"), "input": way, "attachments": {"x": long}}
        write_json(tmp_path / f"{k}.json", header(model=f"m{k}", n=1), [shown])
    assert read_results(tmp_path).scores.shape == (5, 1)


def test_scores_that_are_none(tmp_path):
    path = write_eval(tmp_path / "log.eval", header(n=1), [sample(7, rubric="very good")])
    with pytest.raises(DataError, match=r"sample '7' has the score 'very good' of 'rubric'"):
        read_results(path)
    path = write_eval(tmp_path / "log.eval", header(n=2), [sample(1, pts=7), sample(2, pts=3)])
    with pytest.raises(DataError, match=r"'pts' is 7, outside \[0, 1\].*--scale"):
        read_results(path)
    np.testing.assert_allclose(row(import_results(path, scale=(0, 10))), [0.7, 0.3], rtol=1e-6)


def test_logs_of_early_2024_have_one_score(tmp_path):
    samples = [{"id": k, "epoch": 1, "input": "?", "score": {"value": "CI"[k]}} for k in (0, 1)]
    head = header(n=2) | {"results": {"scorer": {"name": "includes"}}}
    found = import_results(write_json(tmp_path / "log.json", head, samples))
    assert (row(found), found.chosen["sums"]["metric"]) == ([1, 0], "includes")


def test_other_json_beside_logs_is_left_alone(tmp_path):
    (tmp_path / "logs.json").write_text('{"2026.eval": {"status": "success"}}')
    write_json(tmp_path / "run.json", header(), MIXED)
    assert row(import_results(tmp_path)) == [1, 0, 0.5]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04 cut off", "is no whole .eval file.*inspect log recover"),
        (b"", "is no whole .eval file"),
    ],
)
def test_damaged_archives(tmp_path, content, complaint):
    path = tmp_path / "log.eval"
    path.write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_results(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "samples", "complaint"),
    [
        ({"eval": {"task": "t"}}, [], "expected the name of a model"),
        ([1], [], "expected a log of Inspect, which has a key 'eval'"),
        (header(), {"a": 1}, "expected a list of samples"),
        (header(), [{"id": 1.5, "epoch": 1}], r"samples with an id and an epoch, found 1\.5"),
        (header(), [{"id": 1, "epoch": "one"}], "samples with an id and an epoch"),
    ],
)
def test_archives_of_something_else(tmp_path, head, samples, complaint):
    path = write_eval(tmp_path / "log.eval", head, samples)
    with pytest.raises(DataError, match=complaint):
        read_results(path)


@pytest.mark.slow
def test_an_archive_made_to_fill_the_memory(tmp_path):
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps(header()))
        archive.writestr("summaries.json", b" " * 2**27)
    with pytest.raises(DataError, match="which no log does"):
        read_results(path)


def test_nested_json(tmp_path):
    path = tmp_path / "log.json"
    path.write_text('{"status": "success", "eval": {"task": "t", "x": ' + "[" * 100_000)
    with pytest.raises(DataError, match="nested too deeply"):
        read_results(path)


@pytest.mark.slow
def test_a_bank_of_logs_is_answered_by_logs(tmp_path, fast):
    rng = np.random.default_rng(3)
    n, models = 40, 30
    hard = rng.normal(size=n)
    for k in range(models + 1):
        right = rng.normal(size=n) + k / 10 > hard + 1.5
        samples = [sample(f"q{j}", match="C" if right[j] else "I") for j in range(n)]
        write_eval(tmp_path / "logs" / f"{k:02d}.eval", header(n=n, model=f"m{k}"), samples)
    held = (tmp_path / "logs" / f"{models:02d}.eval").rename(tmp_path / "new.eval")
    bank = build(read_results(tmp_path / "logs"), settings=fast.replace(items=8), name="sums")
    bank.save(tmp_path / "bank")
    bank = ItemBank.load(tmp_path / "bank")
    chosen = inspect_samples(bank.items, bank.anchors.items)
    assert all(one.startswith("sums:q") for one in chosen)
    # what `inspect eval --sample-id` of these logs: these samples, of a data set of n
    wanted = {one.removeprefix("sums:") for one in chosen}
    with zipfile.ZipFile(held) as archive:
        samples = [s for s in json.loads(archive.read("summaries.json")) if s["id"] in wanted]
    answers = write_eval(tmp_path / "answers.eval", header(n=n, model="new"), samples)
    read = import_results(answers, partial=True).responses
    assert set(read.items.ids) == set(bank.anchors.items)
    found = dict(zip(read.items.ids, map(float, read.scores[0]), strict=True))
    assert bank.predict(found).n_answered == 8


@pytest.mark.skipif(not NEW.exists(), reason="needs shared/formats")
class TestReal:
    """Each file's means against the metrics that Inspect itself wrote into it."""

    @pytest.mark.parametrize(
        ("file", "metric", "accuracy", "n"),
        [
            ("2024-11-05T13-32-37-05-00_input-task_*.eval", "model_graded_fact", 1.0, 1),
            ("2025-02-11T15-18-04-05-00_*.eval", "match", 0.8, 10),
            ("log_formats.eval", "match", 0.0, 1),
            ("log_formats.json", "match", 0.0, 1),
            ("log_streaming.eval", "match", 0.75, 2),
            ("mmlu-summary-choices.eval", "choice", 0.0, 1),
            ("2025-05-12T20-28-13-04-00_popularity.json", "match", 2 / 3, 3),
            ("2025-05-12T20-28-13-04-00_no-samples.json", "match", 2 / 3, 3),
            ("2025-05-12T20-28-26-04-00_security-guide.json", "model_graded_fact", 1.0, 3),
        ],
    )
    def test_older_logs(self, file, metric, accuracy, n):
        (path,) = OLD.glob(file)
        found = import_results(path, partial=True)
        assert found.responses.scores.shape == (1, n)
        assert {one["metric"] for one in found.chosen.values()} == {metric}
        assert np.mean(found.responses.scores) == pytest.approx(accuracy, abs=1e-6)

    @pytest.mark.parametrize(
        ("file", "metric", "accuracy", "n"),
        [
            ("*_addtoy_CM*.eval", "match", 0.64, 25),
            ("*_addtoy_CM*.eval", "partial", 0.68, 25),
            ("*_addtoy_jJ*.json", "match", 0.64, 25),
            ("*_addtoy-epochs_*.eval", "includes", 0.5416666666666667, 8),
            ("2026*_mctoy_*.eval", "choice", 0.84, 25),
        ],
    )
    def test_logs_of_2026(self, file, metric, accuracy, n):
        (path,) = NEW.glob(file)
        found = import_results(path, metric=metric)  # complete: no leave is needed
        assert found.responses.scores.shape == (1, n)
        assert np.mean(found.responses.scores) == pytest.approx(accuracy, abs=1e-6)

    def test_epochs(self):
        (path,) = NEW.glob("*epochs*.eval")
        read = import_results(path).responses
        thirds = {"add-0": 2, "add-1": 2, "add-2": 2, "add-3": 1, "add-4": 0, "add-5": 3}
        for one, right in (thirds | {"add-6": 1, "add-7": 2}).items():
            assert read.select(None, [f"addtoy_epochs/{one}"]).scores[0, 0] == pytest.approx(
                right / 3
            )
        assert (read.trials == 3).all()

    def test_a_run_that_ended_with_an_error(self):
        (path,) = NEW.glob("ERROR*")
        with pytest.raises(DataError, match=r"status 'error' \(ConnectionError.*run it again"):
            read_results(path)

    def test_a_run_without_scoring(self):
        (path,) = OLD.glob("2025-02-11T15-17-00*")
        with pytest.raises(DataError, match="it was run without scoring"):
            read_results(path)

    def test_both_folders(self):
        found = import_results(NEW, metric="match,addtoy_epochs=includes,mctoy=choice")
        assert found.responses.scores.shape == (1, 58)
        assert found.files == 4
        assert "ERROR_2026" in " ".join(map(str, found.findings))
        found = import_results(OLD, partial=True)
        assert (found.files, found.responses.n_models) == (8, 4)
