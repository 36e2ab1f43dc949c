"""Must show 8: a data map that cannot be used is refused with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.data_map_text import EXAMPLE, line_of, read

from expunge_config.datamap import digest
from expunge_config.errors import DataMapError


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "map.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_example_loads() -> None:
    data_map = read(EXAMPLE)
    assert len({store for store, _, _ in data_map.collections()}) == 3
    assert len(digest(data_map)) == 64


def test_a_key_that_nobody_knows_is_not_repeated_whole(tmp_path: Path) -> None:
    path = changed(tmp_path, "        person: user_id\n", f"        ? {'k' * 100_000}\n        : user_id\n")
    with pytest.raises(DataMapError, match="unknown key") as raised:
        read(path)
    assert len(str(raised.value)) < 1000


def test_a_ground_that_turns_the_order_of_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataMapError, match="turns the direction"):
        read(changed(tmp_path, "ground: ", "ground: \u202e"))


def test_layout_does_not_change_the_digest_but_decisions_do(tmp_path: Path) -> None:
    spaced = changed(tmp_path, "stores:\n", "\n# a comment\nstores:\n")
    assert digest(read(spaced)) == digest(read(EXAMPLE))
    decided = changed(tmp_path, "period: P2Y", "period: P3Y")
    assert digest(read(decided)) != digest(read(EXAMPLE))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("        person: user_id\n", "        persom: user_id\n", "unknown key"),
        ("person, normaliser: integer/2", "person, normaliser: integer/9", "unknown normaliser"),
        ("period: P30D", "period: 30 days", "P<n>Y<n>M<n>D"),
        ("{column: email, identity: email}", "{column: email, identity: e_mail}", "unknown identity"),
        ("{column: user_id, of: users.id}", "{column: user_id, of: user.id}", "names no collection.column"),
        (
            "{column: user_id, of: users.id}",
            "{columns: [a, b], of: users, of_columns: [id, x]}, {column: c, of: users.id+x}",
            "called as several together",
        ),
        ("connector: redis", "connector: reddis", "unknown connector"),
        ("owner: {controller: calltrack}", "owner: {controller: caltrack}", "names a controller"),
        ("data_type: account_anchor", "data_type: acount", "names a data type"),
        ("on_request: tombstone", "on_request: mask", "'delete', 'tombstone' or 'retain'"),
        ("expunge: 1", "expunge: 2", "Input should be 1"),
        (
            "        tombstone:\n          email:",
            "        yields: {}\n        tombstone:\n          email:",
            "stands twice",
        ),
        (
            "        created: created_at\n        yields: {user_id: id",
            "        yields: {user_id: id",
            "reusable identifier",
        ),
        ("        start: issued_at\n", "", "`start` must name"),
        (
            "          status: \"'closed'\"\n",
            "          status: \"'closed'\"\n        keeps: {phone: why}\n",
            "replaces this",
        ),
        ("        start: issued_at\n", "        start: issued_at\n        keeps: {number: why}\n", "no column is kept"),
        ('prefix: "users/{user_id}/"', 'prefix: "users/{user_id}"', "ends in `/`"),
        ('key: "session:{session_token}"', 'key: "session:{token}"', "does not declare"),
        ("of: main\n", "of: mian\n", "names a store"),
        ("  recordings:\n    connector: s3", "  ledger:\n    connector: s3", "give the store another name"),
        ("identities:\n", "identities:\n  received_at: {kind: reusable, normaliser: exact/1}\n", "another name"),
        ("owner: {controller: client, column: client_id}", "owner: {controller: client}", "many members"),
        ("self_service:\n  controller: calltrack", "self_service:\n  controller: client", "not the company itself"),
        ("self_service:\n  controller: calltrack", "self_service:\n  controller: nobody", "names a controller"),
        ("identities: [user_id, email, phone]", "identities: [email, phone]", "names none of kind `person`"),
        ("identities: [user_id, email, phone]", "identities: [user_id, session_token]", "never accepted from outside"),
        ("identities: [user_id, email, phone]", "identities: [user_id, fax]", "identities that the map does not"),
        ("data_types: [account, account_anchor", "data_types: [acount, account_anchor", "names unknown data types"),
        (
            "data_types: [account, account_anchor",
            "data_types: [calls, account_anchor",
            "no collection is this controller",
        ),
        ("    ground: Invoices are kept", "    purpoze: Invoices are kept", "unknown key"),
    ],
)
def test_what_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert told in raised.value.message
    assert "line " in raised.value.message
    assert raised.value.exit_code == 3


def test_a_place_may_hold_copies_of_the_ledger(tmp_path: Path) -> None:
    assert read(changed(tmp_path, "of: main\n", "of: ledger\n")).backup_places["dumps"].of == "ledger"


def test_a_complaint_names_the_line(tmp_path: Path) -> None:
    path = changed(tmp_path, "        person: user_id\n", "        persom: user_id\n")
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert (
        f"line {line_of(path, '        persom: user_id')}: stores.main.collections.users.persom" in raised.value.message
    )


def test_every_complaint_is_listed_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, "connector: redis", "connector: reddis")
    path.write_text(path.read_text().replace("period: P30D", "period: soon"), encoding="utf-8")
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert "reddis" not in raised.value.message
    assert raised.value.message.count("line ") >= 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: [1\n", "line 2"),
        (b"a: 1\n\tb: 2\n", "line 2"),
        (b"- a\n", "not a mapping"),
        (b"", "not a mapping"),
        (b"a: \xff\n", "line 1: not UTF-8"),
        (b"expunge: 1\nexpunge: 1\n", "stands twice"),
        (b"expunge: 1\nstores: 7\n", "line 2"),
    ],
)
def test_what_is_no_map(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_bytes(content)
    with pytest.raises(DataMapError) as raised:
        read(path)
    assert told in raised.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataMapError) as raised:
        read(tmp_path / "none.yaml")
    assert "cannot be read" in raised.value.message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("expunge: 1", "expunge: true", "the version of the format"),
        ("expunge: 1", "expunge: 1.0", "the version of the format"),
        ("period: P30D", "period: 2026-13-45", "P<n>Y<n>M<n>D"),
        ("period: P30D", "period: !!timestamp x", "tags are not read"),
        ("period: P30D", "period: !!python/object:os.system x", "tags are not read"),
        ("period: P30D", "period: &p P30D", "anchors and aliases"),
        ("period: P30D", f"period: {'9' * 6000}", "P<n>Y<n>M<n>D"),
        ("period: P30D", "? [a]\n      : b", "a key is one word"),
        ("period: P30D", "period: 'P30D\\0'", "P<n>Y<n>M<n>D"),
        ("many: true", "many: yes", "many"),
        ("table: public.messages", 'table: "public.mess\\0ages"', "control character"),
        ("table: public.messages", 'table: "public.mess\\x1bages"', "control character"),
    ],
)
def test_more_of_yaml_than_a_map_needs_is_refused_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(DataMapError, match=r"line \d+") as raised:
        read(path)
    assert told in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "a: &a [*a]\n",
        "a: " + "[" * 10_000 + "]" * 10_000,
        "{" * 5_000,
        "a: !!binary '%%%'\n",
    ],
)
def test_a_file_that_unfolds_or_nests_without_end_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataMapError):
        read(path)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("        data_type: account  # DECIDE: or a log?", "data_type"),
        ("        data_type:  # DECIDE: what is it?", "data_type"),
        ("  # DECIDE: who are the people?", "the file"),
        ("          - {column: a, identity: b} #DECIDE: this one?", "column"),
    ],
)
def test_an_open_question_is_refused_with_its_line(tmp_path: Path, line: str, where: str) -> None:
    path = changed(tmp_path, "data_types:\n", f"{line}\ndata_types:\n")
    with pytest.raises(DataMapError) as refused:
        read(path)
    assert f"line {line_of(path, line)}: {where}: not decided yet: " in str(refused.value)
    assert "DECIDE" in (refused.value.remedy or "")


def test_the_word_in_a_text_is_no_question(tmp_path: Path) -> None:
    assert read(changed(tmp_path, "purpose: Run the customer's account", 'purpose: "We DECIDE: later"'))
