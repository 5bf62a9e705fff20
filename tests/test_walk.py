"""Files below a folder, whatever links there are."""

import os

import pytest

from tinyeval.importers.walk import files_below


def below(path, pattern=""):
    return [str(one.relative_to(path)) for one in files_below(path, pattern)]


@pytest.fixture
def tree(tmp_path):
    for name in ("b/x.json", "a/x.json", "a/y.csv", "z.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_files_come_in_order(tree):
    assert below(tree) == ["z.json", "a/x.json", "a/y.csv", "b/x.json"]
    assert below(tree, r".*\.json") == ["z.json", "a/x.json", "b/x.json"]
    assert below(tree, "json") == []


def test_a_file_is_itself(tree):
    assert list(files_below(tree / "z.json")) == [tree / "z.json"]
    assert list(files_below(tree / "z.json", "other")) == []
    assert list(files_below(tree / "none")) == []


def test_links_are_followed_once(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "new.json").write_text("{}")
    (tree / "linked").symlink_to(elsewhere)
    (tree / "again").symlink_to(elsewhere)
    (tree / "a" / "up").symlink_to(tree)
    (tree / "a" / "z again.json").symlink_to(tree / "z.json")
    (tree / "nowhere").symlink_to(tree / "gone")
    (tree / "self").symlink_to(tree / "self")
    assert below(tree, r".*\.json") == ["z.json", "a/x.json", "again/new.json", "b/x.json"]


def test_what_is_no_file_is_not_opened(tree):
    os.mkfifo(tree / "pipe.json")
    (tree / "zero.json").symlink_to("/dev/zero")
    assert below(tree, r".*\.json") == ["z.json", "a/x.json", "b/x.json"]
