import os
import stat

import pytest

from tinyeval.atomic import set_aside, write_file, write_folder


def names(folder):
    return sorted(one.name for one in folder.iterdir())


class Interrupted:
    """Make the k-th call of an ``os`` function raise, as a full disk or Ctrl-C would."""

    def __init__(self, monkeypatch, name, k, error):
        self.calls, self.k, self.error, self.real = 0, k, error, getattr(os, name)
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args):
        self.calls += 1
        if self.calls == self.k:
            raise self.error
        return self.real(*args)


FILES = {"a": b"new a", "b": b"new b"}
INTERRUPTIONS = [("fsync", 1), ("fsync", 2), ("rename", 1), ("rename", 2)]


@pytest.mark.parametrize("error", [OSError(28, "disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize(("function", "k"), INTERRUPTIONS)
def test_an_interrupted_overwrite_leaves_the_old_folder(tmp_path, monkeypatch, function, k, error):
    folder = tmp_path / "folder"
    write_folder(folder, {"a": b"old"})
    (folder / "mine").write_text("notes")
    Interrupted(monkeypatch, function, k, error)
    with pytest.raises(type(error)):
        write_folder(folder, FILES)
    monkeypatch.undo()
    assert names(tmp_path) == ["folder"]
    assert names(folder) == ["a", "mine"]
    assert (folder / "a").read_bytes() == b"old"


@pytest.mark.parametrize(("function", "k"), INTERRUPTIONS[:-1])
def test_an_interrupted_first_write_leaves_nothing(tmp_path, monkeypatch, function, k):
    Interrupted(monkeypatch, function, k, OSError(28, "disk full"))
    with pytest.raises(OSError, match="disk full"):
        write_folder(tmp_path / "folder", FILES)
    assert names(tmp_path) == []


def test_a_machine_that_stops_between_the_renames_leaves_the_old_folder_aside(
    tmp_path, monkeypatch
):
    folder = tmp_path / "folder"
    write_folder(folder, {"a": b"old"})
    real = os.rename
    # after the first rename every other one fails too: no clean-up is possible
    calls = []

    def stopped(*args):
        calls.append(args)
        if len(calls) > 1:
            raise SystemExit
        real(*args)

    monkeypatch.setattr(os, "rename", stopped)
    with pytest.raises(SystemExit):
        write_folder(folder, FILES)
    (aside,) = set_aside(folder)
    assert (aside / "a").read_bytes() == b"old"


def test_owned_names_are_dropped_and_others_carried_over(tmp_path):
    folder = tmp_path / "folder"
    write_folder(folder, {"a": b"old", "stale": b"old", "note": b"old"})
    write_folder(folder, FILES, owned=["stale"])
    assert names(folder) == ["a", "b", "note"]
    assert (folder / "a").read_bytes() == b"new a"
    assert names(tmp_path) == ["folder"]


def test_a_new_folder_has_ordinary_permissions(tmp_path):
    (tmp_path / "ordinary").mkdir()
    (tmp_path / "ordinary" / "file").write_text("")
    write_folder(tmp_path / "folder", {"file": b""})
    write_file(tmp_path / "folder" / "other", b"")
    for name in ("", "file", "other"):
        mode = stat.S_IMODE((tmp_path / "folder" / name).stat().st_mode)
        like = tmp_path / "ordinary" / ("file" if name else "")
        assert mode == stat.S_IMODE(like.stat().st_mode)


def test_long_names_and_new_parents(tmp_path):
    folder = tmp_path / "x" / "y" / ("n" * 240)
    write_folder(folder, FILES)
    write_folder(folder, {"a": b"2"})
    assert (folder / "a").read_bytes() == b"2"
    write_file(folder / ("m" * 240), b"3")
    assert (folder / ("m" * 240)).read_bytes() == b"3"
    assert names(tmp_path / "x" / "y") == ["n" * 240]


def test_an_interrupted_file_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_file(file, b"old")
    for function in ("fsync", "replace"):
        Interrupted(monkeypatch, function, 1, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            write_file(file, b"new")
        monkeypatch.undo()
        assert names(tmp_path) == ["file"]
        assert file.read_bytes() == b"old"
    write_file(file, b"new")
    assert file.read_bytes() == b"new"


def test_a_file_behind_a_link_is_replaced_and_the_link_kept(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_nothing_is_set_aside_where_nothing_is(tmp_path):
    assert set_aside(tmp_path / "no" / "where") == []
    assert set_aside(tmp_path / "folder") == []
