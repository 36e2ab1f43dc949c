"""Command line of the offline verifier. Reads files, prints a verdict, opens no connection."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from expunge_reports import canonical, trust
from expunge_reports.errors import ReportError
from expunge_reports.log.signed_note import VerifierKey
from expunge_reports.verify import verdict_text, verifier
from expunge_reports.verify.verdict import Verdict

AUTHENTIC: Final = 0
REJECTED: Final = 1
UNUSABLE: Final = 2
INCOMPLETE: Final = 12

_EXAMPLE: Final = """\
example:
  python -m expunge_reports verify receipt.json --trust trust.json \\
      --opening email.opening.json"""
_EPILOG: Final = """\
words:
  authentic      signed by a trusted key, logged, a whole series, unaltered
  unanchored     only the operator vouches so far that the log was not rewritten
  incomplete     something should be stated by now, or was, and is not here
  contradictory  signed and unaltered, and it cannot be true
  invalid        not to be relied on; the reason says why

exit codes:
  0   authentic (also if unanchored, unless the trust file demands witnesses)
  1   invalid, contradictory, or without the witnesses that the file demands
  2   wrong usage, an unreadable file or an output that takes nothing
  12  incomplete and nothing worse"""


def main(argv: Sequence[str]) -> int:
    """Run the verifier.

    Args:
        argv: the arguments after the program's name.

    Returns:
        0 authentic; 1 invalid, contradictory, or without the witnesses that the trust file demands; 2 wrong usage, a
        file that cannot be used or an output that takes nothing; 12 incomplete and nothing worse.
    """
    try:
        options = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed the usage, or the help that was asked for
        return _ending(stop.code if isinstance(stop.code, int) else UNUSABLE, "")
    try:
        taken = trust.parse(_read(options.trust))
        data = _read(options.export)
        openings = [_read(path) for path in options.opening]
        verdict = verifier.verify(data, taken, openings, datetime.now(UTC))
        if options.log is not None:
            verdict = _beside_log(verdict, options.log, taken.log)
    except (ReportError, OSError) as error:
        shown = error if isinstance(error, ReportError) else f"{error.filename}: {error.strerror}"
        _written(sys.stderr, f"cannot verify: {shown}\n")
        return UNUSABLE
    lines = [json.dumps(verdict_text.to_object(verdict), indent=2)] if options.json else verdict_text.lines(verdict)
    if not verdict.authentic or (verdict.lacks_witnesses and not options.allow_unanchored):
        code = REJECTED
    else:
        code = AUTHENTIC if verdict.complete else INCOMPLETE
    return _ending(code, "\n".join(lines) + "\n")


def _ending(code: int, text: str) -> int:
    """Write to standard output and return the code, or the one that says that it was not taken."""
    if _written(sys.stdout, text):
        return code
    _written(sys.stderr, "cannot verify: the verdict could not be written\n")
    return UNUSABLE


def _written(stream: TextIO | None, text: str) -> bool:
    """Tell whether a stream took a text, in which escapes stand for what its encoding has not."""
    if stream is None:  # closed before this program began
        return False
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError:
        # What is left in the buffer would fail once more as the interpreter ends, with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


class _Once(argparse.Action):
    """An option that decides what is believed: the last of two must not silently win."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m expunge_reports",
        description="Check an erasure receipt without a connection.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "verify",
        help="check an exported receipt",
        description=(
            "Check an exported receipt: signatures, chain, log, contradictions and, with an\n"
            "opening, the person. Opens no connection. "
            "`expunge receipts verify` is the same."
        ),
        epilog=f"{_EXAMPLE}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("export", type=Path, metavar="EXPORT", help="the exported receipt")
    verify.add_argument(
        "--trust", type=Path, action=_Once, required=True, metavar="FILE", help="the operator's trust.json"
    )
    verify.add_argument(
        "--opening", type=Path, action="append", default=[], metavar="FILE", help="an opening file; repeatable"
    )
    verify.add_argument(
        "--log",
        type=Path,
        action=_Once,
        metavar="DIR",
        help="a copy of the operator's log, to look for further statements",
    )
    verify.add_argument(
        "--allow-unanchored",
        action="store_true",
        help="exit as if the witnesses that the trust file demands had signed; the words stay",
    )
    verify.add_argument("--json", action="store_true", help="print the verdict as JSON")
    return parser


def _beside_log(verdict: Verdict, path: Path, key: VerifierKey) -> Verdict:
    # Imported on demand: most verifications have no log at hand, and its file locking exists on POSIX only.
    from expunge_reports.verify import monitor  # noqa: PLC0415

    return monitor.beside(verdict, path, key)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(canonical.MAX_BYTES + 1)
    if len(data) > canonical.MAX_BYTES:
        raise ReportError("a file is larger than allowed")
    return data
