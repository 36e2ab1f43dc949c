"""README's "Your own stores in five minutes", typed word for word on a real database with a small table of users."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from tests.support.documentation import ROOT

SECTION = re.compile(r"^## Your own stores in five minutes\n(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"(?:^ {7}.*\n|^\n)+", re.MULTILINE)


def blocks() -> list[str]:
    """Return the indented blocks of the section, in order."""
    section = SECTION.search((ROOT / "README.md").read_text())
    assert section is not None
    found = (textwrap.dedent(block).strip("\n") for block in BLOCK.findall(section[1]))
    return [block for block in found if block]


@pytest.fixture
def role(database: str) -> str:
    """Return the role of the README's URL, made in a database that holds two users."""
    url = next(
        urlsplit(block.partition("=")[2]) for block in blocks() if block.startswith("EXPUNGE_STORES__MAIN__URL=")
    )
    with psycopg.connect(database, autocommit=True) as admin:
        if not admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (url.username,)).fetchall():
            make = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            admin.execute(make.format(sql.Identifier(str(url.username)), sql.Literal(url.password)))
        admin.execute(
            """CREATE TABLE users (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                email text NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now());
            INSERT INTO users (email) VALUES ('ann@mail.example'), ('bob@mail.example')"""
        )
        admin.execute(sql.SQL("GRANT SELECT, DELETE ON users TO {}").format(sql.Identifier(str(url.username))))
    return (
        urlsplit(database)
        ._replace(netloc=f"{url.username}:{url.password}@{database.rpartition('@')[2].partition('/')[0]}")
        .geturl()
    )


class Newcomer:
    """Types commands into a shell in an empty directory, on a terminal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{self.environment['PATH']}"

    def types(self, line: str, answer: str | None = None) -> str:
        """Run a line to its good end and return what it printed; `answer` is typed when it asks."""
        ours, theirs = pty.openpty()
        try:
            if answer is not None:
                os.write(ours, f"{answer}\n".encode())
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                cwd=self.directory,
                env=self.environment,
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def write_settings(directory: Path, text: str) -> None:
    """As the page has it: by `umask 077`."""
    (directory / "expunge.env").write_text(text)
    (directory / "expunge.env").chmod(0o600)


def test_the_five_minutes_are_as_written(role: str, database: str, tmp_path: Path) -> None:
    settings, data_map, found, carried_out, handed_out = blocks()
    write_settings(tmp_path, f"{settings.partition('=')[0]}={role}\n")
    (tmp_path / "datamap.yaml").write_text(data_map)
    newcomer = Newcomer(tmp_path)

    keys, *checks = found.splitlines()
    newcomer.types(keys)
    for check in checks:
        assert "Nothing blocks" in newcomer.types(check)

    locate, plan, erase, run_due = carried_out.splitlines()
    assert "main.users" in newcomer.types(locate)
    planned = newcomer.types(plan)
    assert "1 person" in planned
    batch = re.findall(r"bt_[0-9a-f]+", planned)[0]
    assert "1 erased" in newcomer.types(erase.replace("bt_…", batch), answer="1")
    newcomer.types(run_due)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT email FROM users").fetchall() == [("bob@mail.example",)]

    listed, export, opening, verify = handed_out.splitlines()
    series = re.findall(r"er_[0-9a-f]+", newcomer.types(listed.replace("bt_…", batch)))[0]
    newcomer.types(export.replace("er_…", series))
    newcomer.types(opening.replace("er_…", series))
    verdict = newcomer.types(verify.replace("er_…", series))
    assert verdict.startswith("authentic, unanchored")
    assert "bound to the person of the openings given: 1 of 1" in verdict
    assert "<html" in (tmp_path / "receipt.html").read_text()


def test_check_names_every_table_that_refers_to_a_person(role: str, database: str, tmp_path: Path) -> None:
    settings, data_map, *_ = blocks()
    write_settings(tmp_path, f"{settings.partition('=')[0]}={role}\n")
    (tmp_path / "datamap.yaml").write_text(data_map)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE TABLE notes (id int PRIMARY KEY, writer bigint REFERENCES users)")
    done = subprocess.run(
        [shutil.which("expunge", path=str(Path(sys.executable).parent)) or "expunge", "check"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5
    assert "public.notes points to public.users" in done.stdout
