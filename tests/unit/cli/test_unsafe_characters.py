"""Characters that nobody sees, or that turn the order of words: refused where written, replaced where shown."""

from __future__ import annotations

import json
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from expunge_config import unsafe_characters
from expunge_config.datamap import load
from expunge_config.datamap.base import Text
from expunge_config.errors import ConfigError, InputError, UsageError
from expunge_config.settings import Settings
from expunge_connectors.registry import installed
from expunge_orchestrator.api.schemas.common import Words
from expunge_orchestrator.api.schemas.legal_holds import CreateLegalHold
from expunge_orchestrator.auth import local_actor
from expunge_orchestrator.cli import output
from expunge_orchestrator.rules.scope import parse_scope
from expunge_reports import trust
from expunge_reports import unsafe_characters as on_pages
from expunge_reports.errors import TrustError

EXAMPLE = Path(str(files("expunge_demo.calltrack") / "datamap.yaml"))
DATA_MAP = load(EXAMPLE, installed().store_specs, installed().backup_specs)

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = [
    "\u00ad",  # soft hyphen
    "\u034f",  # combining grapheme joiner
    "\u115f",  # Hangul fillers
    "\u1160",
    "\u3164",
    "\uffa0",
    "\u17b4",
    "\u180e",  # Mongolian vowel separator
    "\u200b",  # zero-width space
    "\u2060",  # word joiner
    "\u2064",  # invisible plus
    "\u206f",
    "\ufe00",  # variation selectors
    "\ufe0f",
    "\U000e0100",
    "\U000e01ef",
    "\ufeff",  # byte order mark
    "\ufff9",  # interlinear annotation
    "\U00013430",
    "\U0001bca0",  # shorthand format control
    "\U0001d173",  # musical beam
    "\U000e0001",  # tags
    "\U000e0020",
    "\U000e0041",
    "\U000e007f",
]
CONTROLS = ["\n", "\t", "\x00", "\x1b[2J", "\x7f", "\x85", "\x9b2J", "\u2028", "\u2029"]
UNSAFE = [*CONTROLS, *BIDIRECTIONAL, *UNSEEN]
WRITTEN = [
    "Urteil 4 C 17/26 \u2013 \u00a7 17",
    "\u0645\u06cc\u200c\u062e\u0648",
    "\u0915\u094d\u200d\u0937",
    "a\u00a0b",
    "\U0001f469\u200d\U0001f4bb \U0001f1e9\U0001f1ea",
    "\u0645\u06dd\u0645",
]
"""What people write: dashes, the joiners of Persian, Hindi and emoji, a space that holds, a sign around numbers."""


# Default_Ignorable_Code_Point of Unicode 16.0 (DerivedCoreProperties.txt).
IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
JOINERS = "\u200c\u200d"
PREPENDED = {*map(chr, range(0x600, 0x606)), *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"}
"""Format characters that are seen: signs around or above numbers."""


def refusal_of_operator(name: str) -> str:
    """Why a trust file that has nothing but its operator's name cannot be used."""
    members = {"format": trust.FORMAT, "operator": name, "receiptKeys": [], "log": "", "witnesses": [], "quorum": 0}
    with pytest.raises(TrustError) as raised:
        trust.parse(json.dumps(members).encode())
    return str(raised.value)


def of_category(*names: str) -> set[str]:
    return {chr(one) for one in range(0x110000) if unicodedata.category(chr(one)) in names}


def test_one_set_of_characters_in_both_packages() -> None:
    assert unsafe_characters.CLASS == on_pages.CLASS
    assert unsafe_characters.UNSAFE.pattern == on_pages.UNSAFE.pattern
    found = {chr(one) for one in range(0x110000) if unsafe_characters.UNSAFE.search(chr(one))}
    ignorable = {chr(one) for first, last in IGNORABLE for one in range(first, last + 1)}
    hieroglyphs = set(map(chr, range(0x13430, 0x13440)))  # of which this Python may not know all
    unseen = of_category("Cc", "Cs", "Zl", "Zp") | (of_category("Cf") - PREPENDED) | ignorable | hieroglyphs
    assert found == unseen - set(JOINERS)


def test_the_schema_of_the_api_says_the_same() -> None:
    """Its pattern is read by others: in Python, as pydantic does, and written without escapes that only one has."""
    pattern = CreateLegalHold.model_json_schema()["properties"]["ground"]["pattern"]
    assert pattern == unsafe_characters.PATTERN
    assert not re.search(r"\\(U|u\{|x\{)", pattern)
    characters = [chr(one) for one in (*range(0xD800), *range(0xE000, 0x110000))]
    unsafe = [bool(unsafe_characters.UNSAFE.search(one)) for one in characters]
    assert unsafe == [not re.search(pattern, f"a{one}b") for one in characters]
    words = TypeAdapter(list[Words])
    words.validate_python([f"a{one}b" for one, bad in zip(characters, unsafe, strict=True) if not bad])
    refused = [f"a{one}b" for one, bad in zip(characters, unsafe, strict=True) if bad]
    with pytest.raises(ValidationError) as raised:
        words.validate_python(refused)
    assert raised.value.error_count() == len(refused)


@pytest.mark.parametrize("text", [f"4 C{one}17/26" for one in UNSAFE], ids=ascii)
def test_they_are_refused_in_grounds_reasons_and_maps(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        output.words(text, "--ground says why", "--ground 'Court order'")
    assert text not in raised.value.message
    with pytest.raises(ValidationError):
        CreateLegalHold(ground=text, data_type="calls")
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)
    with pytest.raises(InputError):
        parse_scope(f"client:{text}", DATA_MAP)
    with pytest.raises(ConfigError):
        local_actor.current_actor(Settings(actor=text))
    assert "no printable name" in refusal_of_operator(text)


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_is_taken_and_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.words(f" {text} ", "", "") == text
    assert CreateLegalHold(ground=text, data_type="calls").ground == text
    assert TypeAdapter(Text).validate_python(text) == text
    assert parse_scope(f"client:{text}", DATA_MAP).member == text
    assert local_actor.current_actor(Settings(actor=text)) == text
    assert "no printable name" not in refusal_of_operator(text)
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
