"""The check of a GPU, tried on the processor: what fails costs only itself."""

import sys

import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from paper_repro.gpu_check import __main__ as check
from paper_repro.gpu_check import answers, fits
from paper_repro.gpu_check.parts import PARTS, Part, work_of

pytestmark = pytest.mark.slow


@pytest.fixture
def job(tmp_path):
    return {"device": "cpu", "small": True, "folder": str(tmp_path)}


def test_every_part_has_its_work():
    assert {*fits.WORK, *answers.WORK} == {name for name, one in PARTS.items() if not one.skipped}
    assert sum(one.limit for one in PARTS.values() if one.limit < 300) < 900


def test_memory_that_runs_out_halves_the_batch(job):
    found = work_of("halved")(job)
    assert found["ok"], found
    assert "became" in found["detail"]


def test_the_parts_of_fits_and_answers_tell_what_they_found(job):
    found = work_of("fit_medium")(job)
    assert found["seconds"] > 0
    assert "GB/s of the" in found["detail"]
    found = work_of("choices")(job)
    assert found["ok"], found
    assert work_of("same")(job)["ok"]


def test_a_part_that_fails_costs_only_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PARTS, "limits", Part("limits", 1))  # too little to begin
    options = ["--device", "cpu", "--small", "--parts", "limits,two_ranks,same"]
    monkeypatch.setattr(sys, "argv", ["gpu_check", *options, "--out", str(tmp_path)])
    assert check.main() == 1
    out = capsys.readouterr().out
    assert "failed: stopped after 1 s" in out
    assert "skipped: nccl refuses" in out
    assert "40 of 40 choices" in out
    assert not (tmp_path / "gpu.md").exists()  # only a GPU's figures are written down


def test_unknown_parts_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu_check", "--parts", "fits"])
    with pytest.raises(SystemExit):
        check.main()
    assert "no part fits; there are: limits, fit_tests" in capsys.readouterr().err
