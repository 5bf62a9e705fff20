"""Files and folders on disk: whole or not at all, whatever interrupts, whoever else writes."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyeval.atomic import new_file, set_aside, write_file, write_folder

ROOT = Path(__file__).parent.parent


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
    (tmp_path / ("ü" * 127)).mkdir()
    write_file(tmp_path / ("ü" * 127) / ("ä" * 127), b"4")  # 254 bytes
    assert names(tmp_path / ("ü" * 127)) == ["ä" * 127]


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


# --- what comes while something is written --------------------------------------------------------


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    file = tmp_path / "file"
    write_file(file, b"new", overwrite=False)
    with pytest.raises(FileExistsError) as caught:
        write_file(file, b"newer", overwrite=False)
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"new"
    write_file(file, b"newer")
    assert file.read_bytes() == b"newer"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_while_another_is_written_stays(tmp_path, monkeypatch, links):
    if not links:
        no_links(monkeypatch)

    def write():
        with new_file(tmp_path / "file", overwrite=False) as temporary:
            temporary.write_bytes(b"new")
            (tmp_path / "file").write_bytes(b"mine")

    with pytest.raises(FileExistsError):
        write()
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert names(tmp_path) == ["file"]


def no_links(monkeypatch):
    def link(*_):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", link)


def test_a_new_file_where_there_are_no_hard_links(tmp_path, monkeypatch):
    no_links(monkeypatch)
    write_file(tmp_path / "file", b"new", overwrite=False)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert names(tmp_path) == ["file"]


def test_a_dangling_link_counts_as_something(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "link", b"new", overwrite=False)
    assert names(tmp_path) == ["link"]


def test_what_may_not_be_replaced_is_checked_last(tmp_path):
    folder = tmp_path / "folder"

    def check():
        assert (tmp_path / ".folder.new" / "b").read_bytes() == b"new b"
        raise ValueError("may not be replaced")

    with pytest.raises(ValueError, match="may not be replaced"):
        write_folder(folder, FILES, check=check)
    assert names(tmp_path) == []


def test_a_folder_that_comes_after_the_check_stays(tmp_path, monkeypatch):
    folder, real = tmp_path / "folder", os.rename

    def check():
        assert not folder.exists()

    def arrive(*args):
        if not folder.exists():
            folder.mkdir()
            (folder / "thesis.tex").write_text("mine")
        real(*args)

    monkeypatch.setattr(os, "rename", arrive)
    with pytest.raises(OSError, match="not empty"):
        write_folder(folder, FILES, check=check)
    assert names(folder) == ["thesis.tex"]
    assert names(tmp_path) == ["folder"]


# --- two that write to one place ------------------------------------------------------------------


def python(code, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, **options)


HOLD = """
import sys
from pathlib import Path
from tinyeval.atomic import new_file
with new_file(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary.name, flush=True)
    sys.stdin.readline()
    temporary.write_bytes(b"first")
"""


def test_the_second_waits_and_takes_nothing_from_the_first(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    first = python(HOLD, tmp_path / "file", **pipes)
    assert first.stdout.readline() == ".file.new\n"
    second = python(HOLD, tmp_path / "file", **pipes)
    time.sleep(0.3)
    assert second.poll() is None
    assert (tmp_path / ".file.new").read_bytes() == b"half"
    first.communicate("go\n", timeout=30)
    assert second.stdout.readline() == ".file.new\n"
    assert (tmp_path / "file").read_bytes() == b"first"
    second.communicate("go\n", timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert names(tmp_path) == ["file"]


def test_a_file_system_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / ".folder.new").mkdir()  # whose it is cannot be known
    write_folder(tmp_path / "folder", FILES)
    write_folder(tmp_path / "folder", {"a": b"newer"})
    write_file(tmp_path / "file", b"new", overwrite=False)
    assert (tmp_path / "folder" / "a").read_bytes() == b"newer"
    assert names(tmp_path) == [".folder.new", "file", "folder"]


# --- what a killed process leaves -----------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from tinyeval.atomic import write_file, write_folder

def work(folder, left):
    def step(real):
        def counted(*args, **options):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)
            return real(*args, **options)
        return counted

    for name in ("fsync", "rename", "replace", "unlink", "mkdir", "link", "rmdir"):
        setattr(os, name, step(getattr(os, name)))
    write_folder(folder, {"a": b"new a", "b": b"new b"}, owned=["stale"])
    write_file(folder.with_name("file"), b"new")
    write_file(folder.with_name("other"), b"new", overwrite=False)
    os._exit(0)

for place in sys.argv[1:]:
    if not (child := os.fork()):
        work(Path(place) / "folder", int(Path(place).name))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
def test_whenever_a_process_is_killed_the_next_clears_and_puts_back(tmp_path):
    """Killed before its first change on disk, before its second, ... until it comes through."""
    places = [tmp_path / str(steps) for steps in range(40)]
    for place in places:
        write_folder(place / "folder", {"a": b"old", "stale": b"old"})
        (place / "folder" / "mine").write_text("notes")
        (place / "folder" / ".git").mkdir()
        write_file(place / "file", b"old")
    codes = python(KILLED, *places, stdout=subprocess.PIPE).communicate(timeout=60)[0].split()
    assert len(codes) == 40
    assert 10 < codes.index("0") < 39
    assert set(codes) == {"-9", "0"}
    for place in places:
        folder = place / "folder"
        whole = [aside for aside in (folder, *set_aside(folder)) if (aside / "a").exists()]
        assert whole[0].joinpath("a").read_bytes() in (b"old", b"new a")
        assert (place / "file").read_bytes() in (b"old", b"new")
        write_folder(folder, FILES, owned=["stale"])
        write_file(place / "file", b"newer")
        write_file(place / "other", b"newer")
        assert names(place) == ["file", "folder", "other"], place
        assert names(folder) == [".git", "a", "b", "mine"], place
        assert (folder / "mine").read_text() == "notes"


def test_what_was_set_aside_never_replaces_what_is_there(tmp_path):
    folder, aside = tmp_path / "folder", tmp_path / ".folder.old"
    write_folder(folder, FILES)
    (folder / "notes").write_text("newer")
    aside.mkdir()
    for name in ("a", "notes"):
        (aside / name).write_text("old")
    (tmp_path / ".folder.lock").write_text("")
    write_folder(folder, FILES)
    assert names(tmp_path) == ["folder"]
    assert names(folder) == ["a", "b", "notes", "notes.1"]
    assert [(folder / name).read_text() for name in ("notes", "notes.1")] == ["newer", "old"]
    assert (folder / "a").read_bytes() == b"new a"


def test_neighbours_are_left_alone(tmp_path):
    """Names that begin alike are other places."""
    for name in (".folder.new.x", ".folder2.new", ".folder.old-notes", ".folder.older"):
        (tmp_path / name).mkdir()
    before = names(tmp_path)
    write_folder(tmp_path / "folder", FILES)
    assert names(tmp_path) == sorted([*before, "folder"])
    assert set_aside(tmp_path / "folder") == []


def test_nothing_is_set_aside_where_nothing_is(tmp_path):
    assert set_aside(tmp_path / "no" / "where") == []
    assert set_aside(tmp_path / "folder") == []
