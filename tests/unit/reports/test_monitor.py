"""Beside the public log a receipt that leaves something out is found out."""

import os
import shutil
from datetime import UTC, datetime

import pytest

from expunge_reports import statement, statement_payload, trust
from expunge_reports.log import leaf, merkle, signed_note
from expunge_reports.log.durable_files import DurableDirectory
from expunge_reports.log.transparency_log import Log, LogWriter
from expunge_reports.verify import monitor, verdict_text
from expunge_reports.verify.cli import main
from expunge_reports.verify.verdict import Reason


def test_a_whole_series_in_a_grown_log_passes(finished):
    verdict = finished.verify(finished.export())
    finished.writer.append([leaf.of_payload(statement.new_series(), 0, b"x").to_bytes(), b"another kind of leaf"])
    judged = monitor.judge(verdict, finished.writer.log)
    assert (judged.authentic, judged.searched) == (True, 305)
    assert "the log of 305 leaves holds no further statement of this series" in verdict_text.lines(judged)
    assert "no log given: further statements of this series were not looked for" in verdict_text.lines(verdict)


def test_a_withheld_last_statement_is_found(finished, edit):
    data = edit(finished.export(), lambda document: (document["statements"].pop(),))
    verdict = finished.verify(data)
    assert verdict.authentic
    judged = monitor.judge(verdict, finished.writer.log)
    assert (judged.reason, judged.statements) == (Reason.STATEMENT_WITHHELD, ())


def test_an_old_receipt_is_as_true_as_it_was_and_not_complete(finished, edit):
    """Fetched before more was stated: no lie, and not the last word. What it left out even then is withheld."""
    old, short = finished.export(), edit(finished.export(), lambda document: (document["statements"].pop(),))
    more = [leaf.of_payload(finished.series, number, b"later %d" % number).to_bytes() for number in (3, 4)]
    finished.writer.append([*more, more[0], leaf.of_payload(statement.new_series(), 0, b"x").to_bytes()])
    judged = monitor.judge(finished.verify(old), finished.writer.log)
    assert (judged.authentic, judged.complete, judged.status, judged.later) == (True, False, "incomplete", 2)
    assert len(judged.statements) == 3
    assert verdict_text.completeness(judged) == "the log of 307 leaves holds 2 further of this series, stated since"
    assert verdict_text.to_object(judged)["stated_since"] == 2
    judged = monitor.judge(finished.verify(short), finished.writer.log)
    assert (judged.reason, judged.later, judged.statements) == (Reason.STATEMENT_WITHHELD, 0, ())


def test_a_leaf_appended_twice_is_one_statement(finished):
    finished.writer.append([finished.writer.log.leaf(finished.indexes[2])])
    assert monitor.judge(finished.verify(finished.export()), finished.writer.log).authentic


@pytest.mark.parametrize("numbers", [(0,), (2,), (3, 3), (4,), (9,), (4, 3)], ids=str)
@pytest.mark.parametrize("before", [False, True])
def test_two_histories_of_one_series_are_no_later_part_of_it(finished, numbers, before, tmp_path, capsys):
    """A second, different statement of one number, or a number before those that lead to it."""
    old = finished.export()
    finished.writer.append(
        [leaf.of_payload(finished.series, number, b"%d" % at).to_bytes() for at, number in enumerate(numbers)]
    )
    data = finished.export() if before else old
    judged = monitor.judge(finished.verify(data), finished.writer.log)
    assert (judged.reason, judged.status, judged.statements) == (Reason.SERIES_FORKED, "invalid", ())
    (tmp_path / "trust.json").write_bytes(trust.encode(finished.trust))
    (tmp_path / "receipt.json").write_bytes(data)
    options = ["verify", str(tmp_path / "receipt.json"), "--trust", str(tmp_path / "trust.json"), "--log"]
    assert main([*options, str(finished.directory)]) == 1
    assert capsys.readouterr().out.startswith("invalid: series-forked: ")


def test_leaves_that_name_the_series_in_an_unknown_form_are_told(finished):
    """A later version's, or spelled so that no monitor would count them."""
    good = leaf.of_payload(finished.series, 3, b"x").to_bytes()
    finished.writer.append([good.replace(b"-leaf/1", b"-leaf/2"), b" " + good, good + b" " * 5000, b"another"])
    judged = monitor.judge(finished.verify(finished.export()), finished.writer.log)
    assert (judged.authentic, judged.later, judged.unread_leaves) == (True, 0, 3)
    assert verdict_text.completeness(judged) == (
        "the log of 307 leaves holds no further statement of this series, but 3 leaves that name it in a form that this"
        " version does not know"
    )
    assert verdict_text.to_object(judged)["unread_leaves"] == 3


@pytest.fixture
def rewritten(finished, tmp_path):
    """A second log under the same key whose history is another one."""

    def make(size: int, changed: int) -> Log:
        leaves = list(finished.writer.log.leaves())[:size]
        leaves += [b"later %d" % number for number in range(len(leaves), size)]
        leaves[changed] = b"rewritten"
        with LogWriter.create(tmp_path / "rewritten", "receipts.example.org", finished.log_key) as writer:
            writer.append(leaves)
            return writer.log

    return make


@pytest.mark.parametrize(
    ("size", "reason"), [(200, Reason.LOG_OLDER), (303, Reason.LOG_INCONSISTENT), (400, Reason.LOG_INCONSISTENT)]
)
def test_a_rewritten_or_truncated_log_is_found(finished, rewritten, size, reason):
    judged = monitor.judge(finished.verify(finished.export()), rewritten(size, 0))
    assert (judged.status, judged.reason) == ("invalid", reason)


def test_a_copy_of_the_log_from_before_the_receipt_is_to_be_fetched_again(finished, tmp_path):
    shutil.copytree(finished.directory, tmp_path / "copied")
    finished.writer.append([leaf.of_payload(statement.new_series(), 0, b"x").to_bytes()])
    judged = monitor.beside(finished.verify(finished.export()), tmp_path / "copied", finished.trust.log)
    assert judged.reason == Reason.LOG_OLDER
    assert "older than the receipt" in verdict_text.lines(judged)[0]


@pytest.mark.parametrize("file", ["checkpoint", "tile/0/000", "tile/0/001.p/47", "tile/entries/000"])
def test_of_a_file_that_is_larger_than_it_can_be_no_more_is_read(finished, file, monkeypatch):
    verdict, sizes = finished.verify(finished.export()), list[int]()
    read = DurableDirectory.read
    os.truncate(finished.directory / file, 40_000_000)

    def bounded(self, path, *most):
        found = read(self, path, *most)
        sizes.append(len(found or b""))
        return found

    monkeypatch.setattr(DurableDirectory, "read", bounded)
    assert monitor.beside(verdict, finished.directory, finished.trust.log).reason == Reason.LOG_DAMAGED
    assert max(sizes, default=0) < 20_000_000


def test_damage_deep_in_the_log_is_found(finished, edit):
    directory = finished.directory
    tile = directory / "tile" / "entries" / "000"
    data = bytearray(tile.read_bytes())
    data[50] ^= 1
    tile.write_bytes(data)
    log = Log.open(directory, finished.trust.log)
    assert monitor.judge(finished.verify(finished.export()), log).reason == Reason.LOG_DAMAGED


@pytest.mark.parametrize("file", ["tile/0/001.p/47", "tile/1/000.p/1", "tile/entries/001.p/47", "checkpoint"])
def test_damage_at_the_logs_edge_is_a_verdict_too(finished, file):
    """Where a file is damaged does not decide whether the receipt was judged."""
    verdict = finished.verify(finished.export())
    path = finished.directory / file
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    judged = monitor.beside(verdict, finished.directory, finished.trust.log)
    assert (judged.reason, judged.statements) == (Reason.LOG_DAMAGED, ())


def test_a_missing_tile_is_damage(finished):
    verdict = finished.verify(finished.export())
    (finished.directory / "tile" / "0" / "000").unlink()
    judged = monitor.beside(verdict, finished.directory, finished.trust.log)
    assert judged.reason == Reason.LOG_DAMAGED


def test_another_operators_log_is_named(finished, make_operator, tmp_path, capsys):
    stranger = make_operator()
    judged = monitor.beside(finished.verify(finished.export()), stranger.directory, finished.trust.log)
    assert (judged.reason, judged.statements) == (Reason.LOG_FOREIGN, ())
    (tmp_path / "trust.json").write_bytes(trust.encode(finished.trust))
    (tmp_path / "receipt.json").write_bytes(finished.export())
    options = ["verify", str(tmp_path / "receipt.json"), "--trust", str(tmp_path / "trust.json"), "--log"]
    assert main([*options, str(stranger.directory)]) == 1
    assert capsys.readouterr().out.startswith("invalid: log-foreign: ")


def test_an_invalid_verdict_stays_what_it_was(finished, edit):
    verdict = finished.verify(edit(finished.export(), lambda document: document["shared"].popitem()))
    assert monitor.judge(verdict, finished.writer.log) is verdict


def test_the_command_line_takes_a_log(finished, tmp_path, capsys):
    (tmp_path / "trust.json").write_bytes(trust.encode(finished.trust))
    (tmp_path / "receipt.json").write_bytes(finished.export())
    options = ["verify", str(tmp_path / "receipt.json"), "--trust", str(tmp_path / "trust.json"), "--log"]
    assert main([*options, str(finished.directory)]) == 0
    assert "holds no further statement" in capsys.readouterr().out
    late = statement_payload.build(
        series=finished.series,
        seq=3,
        prev="0" * 64,
        event="correction",
        issued_at=datetime.now(UTC),
        body={},
        subjects=["0" * 64],
    )
    finished.writer.append([leaf.of_payload(finished.series, 3, late).to_bytes()])
    assert main([*options, str(finished.directory)]) == 12
    assert capsys.readouterr().out.startswith("authentic, incomplete: more of this series was stated since; ")
    assert main([*options, str(tmp_path / "nowhere")]) == 2


def test_the_checkpoint_of_a_receipt_is_a_prefix_of_the_log(finished):
    head = signed_note.verify_checkpoint(finished.writer.log.checkpoint, finished.trust.log)
    assert merkle.root(head.size, finished.writer.log.tree.node) == head.root
