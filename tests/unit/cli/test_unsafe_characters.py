"""Characters that move the cursor or turn the order of words: refused where they are written, replaced where shown."""

from __future__ import annotations

import json
import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from expunge_config import unsafe_characters
from expunge_config.datamap.base import Text
from expunge_config.errors import UsageError
from expunge_orchestrator.api.schemas.legal_holds import CreateLegalHold
from expunge_orchestrator.cli import output
from expunge_reports.page import unsafe_characters as on_pages

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSAFE = ["\n", "\t", "\x00", "\x1b[2J", "\x7f", "\x85", "\x9b2J", "\u2028", "\u2029", *BIDIRECTIONAL]
WRITTEN = [
    "Urteil 4 C 17/26 \u2013 \u00a7 17",
    "\u0645\u06cc\u200c\u062e\u0648",
    "\u0915\u094d\u200d\u0937",
    "a\u00a0b",
]
"""What people write: dashes, the joiners of Persian and Hindi, a space that holds."""


def test_one_set_of_characters_in_both_packages() -> None:
    assert unsafe_characters.UNSAFE.pattern == on_pages.UNSAFE.pattern
    controls = {chr(one) for one in range(0x110000) if unicodedata.category(chr(one)) in {"Cc", "Cs", "Zl", "Zp"}}
    found = {chr(one) for one in range(0x110000) if unsafe_characters.UNSAFE.search(chr(one))}
    assert found == controls | set(BIDIRECTIONAL)


@pytest.mark.parametrize("text", [f"4 C{one}17/26" for one in UNSAFE], ids=ascii)
def test_they_are_refused_in_grounds_reasons_and_maps(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        output.words(text, "--ground says why", "--ground 'Court order'")
    assert text not in raised.value.message
    with pytest.raises(ValidationError):
        CreateLegalHold(ground=text, data_type="calls")
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_is_taken_and_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.words(f" {text} ", "", "") == text
    assert CreateLegalHold(ground=text, data_type="calls").ground == text
    assert TypeAdapter(Text).validate_python(text) == text
    output.console().print(text)
    assert text in capsys.readouterr().out
    assert on_pages.shown(text) == text


@pytest.mark.parametrize("text", [f"4 C{one}17/26" for one in UNSAFE if one not in "\n\t"], ids=ascii)
def test_they_are_not_printed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print(output.table(text, ("ground",), [(text,)]))
    output.console().print(text, markup=False)
    output.print_error(text, text)
    printed = capsys.readouterr()
    assert not unsafe_characters.UNSAFE.search((printed.out + printed.err).replace("\n", ""))
    output.emit({"ground": text, text: 1})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"ground": text, text: 1}
    assert not unsafe_characters.UNSAFE.search(printed.out.replace("\n", ""))


def test_colours_are_still_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = output.SafeConsole(force_terminal=True, color_system="standard")
    made.print("[bold red]error[/]")
    assert "\x1b[1;31merror\x1b[0m" in capsys.readouterr().out


@pytest.mark.parametrize("length", [501, 100_000])
def test_words_have_an_end(length: int) -> None:
    with pytest.raises(UsageError):
        output.words("a" * length, "--ground says why", "")
