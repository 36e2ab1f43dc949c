"""What the settings name is a regular file: a pipe would keep the reader waiting, a device has no end."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from expunge_config import settings
from expunge_config.api_settings import Issuer, OpenDsr
from expunge_config.datamap import loader
from expunge_config.errors import ExpungeError
from expunge_orchestrator.api.opendsr.signing import Processor
from expunge_orchestrator.auth import jwks
from expunge_orchestrator.cli import output
from expunge_orchestrator.receipts import receipt_export
from expunge_reports import keys

Reader = Callable[[Path, pytest.MonkeyPatch], object]


def _settings(file: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("EXPUNGE_SETTINGS_FILE", str(file))
    return settings.load_settings()


def _secrets(file: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("EXPUNGE_SECRETS_DIR", str(file.parent))
    return settings.load_settings()


def _map(file: Path, _: pytest.MonkeyPatch) -> object:
    return loader._read(file)


def _keys(file: Path, _: pytest.MonkeyPatch) -> object:
    return keys.load(file.parent)


def _issuer(file: Path, _: pytest.MonkeyPatch) -> object:
    async def fetched() -> bytes:
        return await jwks.keys_of(Issuer(kind="person", issuer="x", audience="y", jwks_file=file)).fetch()

    return asyncio.run(fetched())


def _trust(file: Path, _: pytest.MonkeyPatch) -> object:
    return receipt_export.trust_file(cast("Any", SimpleNamespace(settings=SimpleNamespace(keys=file.parent))))


def _opendsr(file: Path, _: pytest.MonkeyPatch) -> object:
    certificate, key = (file.parent / f"opendsr.{name}" for name in ("certificate", "key"))
    return Processor.load(
        OpenDsr(domain="dsr.example", certificate=certificate, key=key, identities={"email": "email"})
    )


def _certified(directory: Path) -> dict[str, bytes]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dsr.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("dsr.example")]), critical=False)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    content = {
        "opendsr.certificate": made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        "opendsr.key": key.private_bytes(*form),
    }
    for name_, data in content.items():
        (directory / name_).write_bytes(data)
    return content


READERS: dict[str, tuple[str, Reader]] = {
    "settings file": ("expunge.env", _settings),
    "secret": ("EXPUNGE_CHUNK_SIZE", _secrets),
    "data map": ("datamap.yaml", _map),
    **{f"key {name}": (name, _keys) for name in keys.FILES},
    "issuer's keys": ("app.jwks", _issuer),
    "trust file": ("trust.json", _trust),
    "certificate": ("opendsr.certificate", _opendsr),
    "certificate's key": ("opendsr.key", _opendsr),
}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "files"


def _fill(directory: Path, name: str) -> bytes:
    keys.generate(directory)
    _certified(directory)
    content = {"expunge.env": b"EXPUNGE_CHUNK_SIZE=10\n", "EXPUNGE_CHUNK_SIZE": b"10"}.get(name, b"{}")
    if not (directory / name).exists():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    return (directory / name).read_bytes()


def _fifo(file: Path, content: bytes) -> None:
    """A pipe in which the content comes whenever it is read: who reads it shall not hang, but be seen to have read."""
    os.mkfifo(file, 0o600)

    def write() -> None:
        while True:
            with suppress(BrokenPipeError), os.fdopen(os.open(file, os.O_WRONLY), "wb") as pipe:
                pipe.write(content)

    threading.Thread(target=write, daemon=True).start()


def _socket(file: Path, _: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(file))
    file.chmod(0o600)


KINDS: dict[str, Callable[[Path, bytes], None]] = {
    "pipe": _fifo,
    "link to a pipe": lambda file, content: (_fifo(file.parent.parent / "pipe", content), file.symlink_to("../pipe"))[
        1
    ],
    "device": lambda file, _: file.symlink_to(os.devnull),
    "socket": _socket,
    "directory": lambda file, _: file.mkdir(0o700),
}


# Kubernetes keeps directories beside the secrets.
CASES = [(kind, what) for kind in KINDS for what in READERS if (kind, what) != ("directory", "secret")]


@pytest.mark.parametrize(("kind", "what"), CASES, ids=" for ".join)
def test_what_is_no_regular_file_is_refused(
    kind: str, what: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, read = READERS[what]
    content = _fill(directory, name)
    (directory / name).unlink()
    KINDS[kind](directory / name, content)
    with pytest.raises((ExpungeError, keys.KeyFileError, OSError)):
        read(directory / name, monkeypatch)


def test_a_list_of_people_may_be_a_pipe(tmp_path: Path) -> None:
    """It is named on the command line, and read once."""
    _fifo(tmp_path / "people.csv", b"email\nann@mail.example\n")
    with output.people_from(str(tmp_path / "people.csv")) as people:
        assert people.readline() == b"email\n"


@pytest.mark.parametrize("what", READERS)
def test_a_link_to_a_regular_file_is_followed(what: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes mounts secrets so."""
    name, read = READERS[what]
    _fill(directory, name)
    (directory / "..data").mkdir()
    (directory / name).rename(directory / "..data" / name)
    (directory / name).symlink_to(f"..data/{name}")
    assert read(directory / name, monkeypatch)


@pytest.mark.parametrize("what", READERS)
def test_what_everybody_may_write_is_refused(what: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be obeyed: a map says what is erased, an issuer's keys who is believed."""
    name, read = READERS[what]
    _fill(directory, name)
    (directory / name).chmod(0o602)
    with pytest.raises((ExpungeError, keys.KeyFileError, OSError)):
        read(directory / name, monkeypatch)
