"""The tiled log: layout, proofs, corruption, one writer, and death between any two steps."""

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support import log_crash_driver

from expunge_reports.errors import LogBusyError, LogCorruptError, LogError, NoteError
from expunge_reports.log import merkle, proof_file, signed_note, tiles
from expunge_reports.log.durable_files import DurableDirectory
from expunge_reports.log.transparency_log import Log, LogWriter

ORIGIN = "receipts.example.org"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
VERIFIER = signed_note.log_key(ORIGIN, KEY.public_key())
DRIVER = Path(log_crash_driver.__file__)
BOOKKEEPING = {".lock", ".writing"}


class Quiet(SimpleHTTPRequestHandler):
    """Files of a directory, as a web site has them."""

    def log_message(self, *_):
        pass


def leaves(start: int, end: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(start, end)]


def frontier_of(found: list[bytes]) -> merkle.Frontier:
    frontier = merkle.Frontier()
    for leaf in found:
        frontier = frontier.append(merkle.leaf_hash(leaf))
    return frontier


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path.name not in BOOKKEEPING
    }


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def writer(directory):
    with LogWriter.create(directory, ORIGIN, KEY) as made:
        yield made


def check_proofs(log: Log, indexes: range | list[int]) -> None:
    for index in indexes:
        found = proof_file.parse(log.proof(index))
        head = signed_note.verify_checkpoint(found.checkpoint, VERIFIER)
        hashed = merkle.leaf_hash(b"leaf %d" % index)
        assert log.leaf(index) == b"leaf %d" % index
        assert log.leaf_hash(index) == hashed
        merkle.verify_inclusion(hashed, found.index, head.size, found.hashes, head.root)


@pytest.mark.parametrize("sizes", [[1] * 20, [255, 1, 1], [256, 256], [257], [3, 600, 10], [0, 1, 0]])
def test_whatever_the_batches_the_tree_is_the_same(writer, directory, sizes):
    size = 0
    for count in sizes:
        assert writer.append(leaves(size, size + count)) == size
        size += count
        assert writer.log.size == size
    assert writer.log.head.root == frontier_of(leaves(0, size)).root()
    reopened = Log.open(directory, VERIFIER)
    assert reopened.checkpoint == writer.log.checkpoint
    check_proofs(reopened, range(0, size, 7))
    reopened.audit()
    assert list(reopened.leaves(max(0, size - 3))) == leaves(max(0, size - 3), size)


def test_the_layout_is_that_of_tlog_tiles(writer, directory):
    """The specification's own example: 70,000 leaves."""
    writer.append(leaves(0, 70_000))
    found = contents(directory)
    level_0 = {path for path in found if path.startswith("tile/0/")}
    assert level_0 == {*(f"tile/0/{number:03}" for number in range(273)), "tile/0/273.p/112"}
    assert {path for path in found if path.startswith("tile/1/")} == {"tile/1/000", "tile/1/001.p/17"}
    assert {path for path in found if path.startswith("tile/2/")} == {"tile/2/000.p/1"}
    assert len(found["tile/0/000"]) == 8192
    bundles = {path for path in found if path.startswith("tile/entries/")}
    assert bundles == {*(f"tile/entries/{number:03}" for number in range(273)), "tile/entries/273.p/112"}
    assert found["tile/entries/000"][:8] == b"\x00\x06leaf 0"
    assert tiles.tile_path(3, 1234067) == "tile/3/x001/x234/067"
    assert tiles.tile_path(0, 1000, 5) == "tile/0/x001/000.p/5"
    check_proofs(writer.log, [0, 255, 256, 65_535, 65_536, 69_999])
    writer.log.audit()
    old = frontier_of(leaves(0, 300)).root()
    merkle.verify_consistency(300, 70_000, writer.log.consistency(300), old, writer.log.head.root)
    writer.close()
    with LogWriter.open(directory, ORIGIN, KEY) as again:
        assert again.append(leaves(70_000, 70_001)) == 70_000
        check_proofs(again.log, [0, 70_000])


def test_an_older_view_stays_valid_while_the_log_grows(writer, directory):
    writer.append(leaves(0, 200))
    older = Log.open(directory, VERIFIER)
    writer.append(leaves(200, 600))
    check_proofs(older, [0, 199])
    assert older.size == 200
    with pytest.raises(LogError):
        older.proof(200)


def test_several_proofs_share_one_checkpoint(writer):
    writer.append(leaves(0, 10))
    found = {proof_file.parse(text).checkpoint for text in writer.log.proofs([1, 5, 9])}
    assert found == {writer.log.checkpoint}


def test_one_writer_at_a_time(writer, directory):
    with pytest.raises(LogBusyError):
        LogWriter.open(directory, ORIGIN, KEY)
    writer.close()
    with LogWriter.open(directory, ORIGIN, KEY):
        pass
    with pytest.raises(LogError):
        writer.append([b"late"])


def test_a_log_is_not_made_twice_nor_over_tiles_without_a_head(writer, directory):
    writer.append(leaves(0, 3))
    writer.close()
    with pytest.raises(LogError):
        LogWriter.create(directory, ORIGIN, KEY)
    (directory / "checkpoint").unlink()
    with pytest.raises(LogError):
        LogWriter.create(directory, ORIGIN, KEY)
    with pytest.raises(LogError):
        Log.open(directory, VERIFIER)
    with pytest.raises(NoteError):
        LogWriter.create(directory / "other", "not/a/host", KEY)
    assert not (directory / "other").exists()


def test_a_leaf_of_more_than_65535_bytes_is_refused_and_nothing_changes(writer, directory):
    writer.append(leaves(0, 5))
    before = contents(directory)["checkpoint"]
    with pytest.raises(LogError):
        writer.append([b"x" * 65_536])
    assert contents(directory)["checkpoint"] == before
    assert writer.append([b"x" * 65_535]) == 5
    assert writer.log.leaf(5) == b"x" * 65_535


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("checkpoint", 25),
        ("tile/0/001.p/44", 100),
        ("tile/1/000.p/1", 31),
        ("tile/entries/001.p/44", 5),
    ],
)
def test_corruption_at_the_right_edge_is_found_when_opening(writer, directory, path, at):
    writer.append(leaves(0, 300))
    writer.close()
    data = bytearray((directory / path).read_bytes())
    data[at] ^= 1
    (directory / path).write_bytes(data)
    with pytest.raises(LogCorruptError):
        Log.open(directory, VERIFIER)
    with pytest.raises(LogCorruptError):
        LogWriter.open(directory, ORIGIN, KEY)
    (directory / path).unlink()
    with pytest.raises(LogError):
        Log.open(directory, VERIFIER)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/000"])
def test_corruption_further_in_is_found_by_use_and_by_an_audit(writer, directory, path):
    writer.append(leaves(0, 300))
    data = bytearray((directory / path).read_bytes())
    data[20] ^= 1
    (directory / path).write_bytes(data)
    log = Log.open(directory, VERIFIER)
    with pytest.raises(LogCorruptError):
        log.audit()
    with pytest.raises(LogCorruptError):
        log.leaf(0)
    if path == "tile/0/000":
        with pytest.raises(LogCorruptError):
            log.proof(200)


def test_another_logs_key_opens_nothing(writer, directory):
    stranger = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(LogCorruptError):
        Log.open(directory, signed_note.log_key(ORIGIN, stranger))


def test_a_rolled_back_checkpoint_still_opens_and_shows_its_smaller_size(writer, directory):
    """The log alone cannot know; whoever keeps a larger head (the ledger, a witness) can."""
    writer.append(leaves(0, 10))
    old = (directory / "checkpoint").read_bytes()
    writer.append(leaves(10, 20))
    (directory / "checkpoint").write_bytes(old)
    assert Log.open(directory, VERIFIER).size == 10


def test_a_failed_write_leaves_the_writer_as_it_was(directory):
    failing = False

    def fail(step: str) -> None:
        if failing and step == "flushed":
            raise OSError(28, "No space left on device")

    LogWriter.create(directory, ORIGIN, KEY).close()
    with LogWriter.open(DurableDirectory(directory, fail), ORIGIN, KEY) as writer:
        writer.append(leaves(0, 250))
        failing = True
        with pytest.raises(LogError):
            writer.append(leaves(250, 260))
        failing = False
        assert writer.log.size == 250
        # Another batch than the failed one: what that left behind must not show through.
        assert writer.append([b"other"]) == 250
        assert writer.append(leaves(251, 260)) == 251
        Log.open(directory, VERIFIER).audit()


@pytest.mark.parametrize(("start", "end"), [(0, 1), (250, 260), (250, 800)])
def test_everything_is_on_the_disk_before_the_checkpoint_speaks_of_it(directory, monkeypatch, start, end):
    flushed: set[int] = set()
    flush = os.fsync

    def note_flush(descriptor: int) -> None:
        flush(descriptor)
        flushed.add(os.fstat(descriptor).st_ino)

    def look(step: str) -> None:
        # The checkpoint is the one file that is flushed before it has its name.
        if step == "renamed" and (directory / "checkpoint").stat().st_ino in flushed:
            new = {path for path in directory.rglob("*") if path not in before and path.name not in BOOKKEEPING}
            unsafe.extend(path for path in {*new, *(path.parent for path in new)} if path.stat().st_ino not in flushed)
            looked.append(len(new))

    with LogWriter.create(directory, ORIGIN, KEY) as writer:
        writer.append(leaves(0, start))
    before, unsafe, looked = set(directory.rglob("*")) - {directory / "checkpoint"}, [], []
    monkeypatch.setattr(os, "fsync", note_flush)
    with LogWriter.open(DurableDirectory(directory, look), ORIGIN, KEY) as writer:
        writer.append(leaves(start, end))
    assert len(looked) == 1
    assert looked[0] > 2
    assert {path for path in unsafe if path != directory} == set()


@pytest.mark.parametrize(("start", "end"), [(0, 1), (250, 251), (250, 260), (255, 256), (0, 257)])
def test_killed_after_any_step_the_log_has_its_old_or_its_new_size(tmp_path, start, end):
    ran = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path), str(start), str(end)], capture_output=True, text=True, check=True
    )
    steps = int(ran.stdout)
    assert steps >= 12
    undisturbed = contents(tmp_path / str(steps + 1))
    sizes = []
    for step in range(1, steps + 1):
        directory = tmp_path / str(step)
        log = Log.open(directory, VERIFIER)
        log.audit()
        sizes.append(log.size)
        assert log.head.root == frontier_of(leaves(0, log.size)).root()
        with LogWriter.open(directory, ORIGIN, KEY) as writer:
            writer.append(leaves(log.size, end))
        found = contents(directory)
        # Killed while clearing up, superseded partial files may remain; all else is identical to the byte.
        assert undisturbed.items() <= found.items()
        assert all(".p/" in path for path in found.keys() - undisturbed.keys())
    assert set(sizes) == {start, end}
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/000", "tile/0/000", "tile/1/000.p/1"])
def test_a_log_of_pipes_is_not_waited_for(writer, directory, name):
    """An archive that an operator hands out may hold one, and nobody would ever write into it."""
    writer.append(leaves(0, 256))
    (directory / name).unlink()
    os.mkfifo(directory / name)
    reading = "import sys; from pathlib import Path; from expunge_reports.log import signed_note as s"
    reading += "; from expunge_reports.log.transparency_log import Log"
    reading += "; log = Log.open(Path(sys.argv[1]), s.parse_vkey(sys.argv[2])); log.audit(); list(log.leaves())"
    ran = subprocess.run(
        [sys.executable, "-c", reading, str(directory), VERIFIER.vkey],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "LogError: a file of the log is no regular file" in ran.stderr


def copied_as_documented(served_from: Path, at: Path) -> subprocess.CompletedProcess[str]:
    """What the commands of the page on receipts do with a log that a web site serves."""
    text = (Path(__file__).parents[3] / "docs" / "receipts.md").read_text()
    block = text[text.index("    LOG=https://") : text.index("\n### What the words mean")]
    at.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served_from))) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        here = block.replace("https://privacy.example.org/v1/log", f"http://127.0.0.1:{served.server_port}")
        ran = subprocess.run(["bash", "-euc", here], cwd=at, check=False, capture_output=True, text=True)
        served.shutdown()
    return ran


@pytest.mark.parametrize("size", [1, 256, 300, 600])
def test_the_documented_commands_copy_a_log(writer, directory, tmp_path, size):
    writer.append(leaves(0, size))
    assert copied_as_documented(directory, tmp_path / "copy").returncode == 0
    copy = tmp_path / "copy" / "log"
    assert contents(copy).items() <= contents(directory).items()
    log = Log.open(copy, VERIFIER)
    log.audit()
    assert list(log.leaves(0)) == leaves(0, size)


@pytest.mark.parametrize("line", ["a[$(touch ran)]", "x[`touch ran`]", "PATH", "", "-1", "09", "1 1", "1" * 17])
def test_the_documented_commands_take_a_size_for_nothing_but_a_number(tmp_path, line):
    """Bash's arithmetic runs what it is given: the web site of a hostile operator would run it on an auditor's."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "checkpoint").write_text(f"{ORIGIN}\n{line}\nAAAA\n\n")
    ran = copied_as_documented(tmp_path / "site", tmp_path / "copy")
    assert [one.name for one in (tmp_path / "copy").rglob("*")] == ["log", "checkpoint"]
    assert (ran.returncode, ran.stderr) == (1, "no checkpoint\n")


def test_the_documented_copy_of_a_log_names_its_tiles_as_they_are():
    text = (Path(__file__).parents[3] / "docs" / "receipts.md").read_text()
    function = text[text.index("    name() {") : text.index("    if [[ $size")]
    numbers = (0, 7, 999, 1000, 1001, 999_999, 1_000_000, 1_234_067, 10**9 + 5)
    script = f"{function}\nfor one in {' '.join(map(str, numbers))}; do name $one; done"
    ran = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    assert [f"tile/0/{one}" for one in ran.stdout.split()] == [tiles.tile_path(0, number) for number in numbers]
