"""Server stack: the three embedded servers together."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from expunge_demo.dev_servers import binaries
from expunge_demo.dev_servers.postgres import Postgres
from expunge_demo.dev_servers.processes import Processes
from expunge_demo.dev_servers.seaweedfs import SeaweedFS
from expunge_demo.dev_servers.server import Server
from expunge_demo.dev_servers.unprivileged_user import private_directory, scratch_parent, server_user
from expunge_demo.dev_servers.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How to reach three servers, embedded or not.

    Attributes:
        postgres_url: libpq URL of a superuser (or a role that may create databases).
        redis_url: URL of database 0.
        s3_endpoint: URL; region `us-east-1`, path-style addressing.
        s3_access_key: S3 account.
        s3_secret_key: Its secret.
        log_files: The servers' own logs, as far as they can be read from here.
        data_dirs: The servers' data directories, likewise.
    """

    postgres_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str = field(repr=False)
    log_files: tuple[Path, ...] = ()
    data_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """Running servers.

    Attributes:
        endpoints: How to reach them.
        postgres: PostgreSQL.
        valkey: Valkey, which speaks the Redis protocol.
        s3: SeaweedFS with its S3 gateway.
        programs: Where the programs are, PostgreSQL's clients among them.
    """

    endpoints: Endpoints
    postgres: Server
    valkey: Server
    s3: Server
    programs: binaries.Binaries


@contextmanager
def stack(directory: Path | None = None, *, postgres_settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run PostgreSQL, Valkey and SeaweedFS on random loopback ports, with random passwords, for the `with` block.

    Afterwards, and also when this process is killed, neither processes nor files are left (see `watchdog`).

    Args:
        directory: Where the servers' own directory is made; the system's temporary directory by default. As root it
            must be one that the account `nobody` can reach.
        postgres_settings: PostgreSQL settings over the default ones, `{"wal_level": "logical"}` for example.

    Raises:
        EmbeddedError: The servers are not installed, or one of them does not start.
    """
    user = server_user()
    installed = binaries.locate()
    with Processes(scratch_parent(user, directory)) as processes:
        base = processes.directory
        if not binaries.usable_by(installed, user):
            copies = base / "programs"
            copies.mkdir(mode=0o755)
            installed = binaries.aside(installed, copies)
        postgres = Postgres(
            programs=installed.postgres,
            directory=private_directory(base / "postgres", user),
            user=user,
            password=secrets.token_urlsafe(24),
            settings=dict(postgres_settings or {}),
        )
        valkey = Valkey(
            program=installed.valkey,
            directory=private_directory(base / "valkey", user),
            user=user,
            password=secrets.token_urlsafe(24),
        )
        seaweedfs = SeaweedFS(
            program=installed.weed,
            directory=private_directory(base / "seaweedfs", user),
            user=user,
            access_key=secrets.token_hex(10).upper(),
            secret_key=secrets.token_urlsafe(30),
        )
        # The slowest is launched first, and all are launched before any is waited for.
        servers = [
            Server(recipe, processes, user, base / f"{recipe.name}.log") for recipe in (seaweedfs, valkey, postgres)
        ]
        for server in servers:
            server.launch()
        for server in servers:
            server.await_ready(first=True)
        s3_server, valkey_server, postgres_server = servers
        yield Stack(
            endpoints=Endpoints(
                postgres_url=postgres.url(postgres_server.port),
                redis_url=valkey.url(valkey_server.port),
                s3_endpoint=seaweedfs.url(s3_server.port),
                s3_access_key=seaweedfs.access_key,
                s3_secret_key=seaweedfs.secret_key,
                log_files=tuple(server.log_file for server in servers),
                data_dirs=tuple(server.data_directory for server in servers),
            ),
            postgres=postgres_server,
            valkey=valkey_server,
            s3=s3_server,
            programs=installed,
        )
