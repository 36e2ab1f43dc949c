"""Server configurations: arguments, environment, files and readiness check of each of the three servers."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import boto3
import psycopg
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry

from expunge_demo.dev_servers.ports import GRPC_OFFSET, LOOPBACK
from expunge_demo.dev_servers.unprivileged_user import User

ANSWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL, reached over TCP alone, with passwords checked by scram-sha-256.

    fsync and full_page_writes are off: they guard against a crash of the operating system, after which this directory
    is gone anyway. What a killed server had committed is kept by the operating system and found at the next start.

    Attributes:
        programs: Directory of its programs.
        directory: The server's own directory.
        user: Whom it runs as.
        password: Of the superuser `postgres`.
        settings: Server settings over our own.
    """

    programs: Path
    directory: Path
    user: User | None
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "postgres"
    port_count: int = 1
    port_offset: int = 0
    stop_signal: signal.Signals = signal.SIGINT  # "fast": open transactions are rolled back

    @property
    def data(self) -> Path:
        """The data directory proper."""
        return self.directory / "data"

    def url(self, port: int) -> str:
        """Return the superuser's URL of the database `postgres`."""
        return f"postgresql://postgres:{quote(self.password)}@{LOOPBACK}:{port}/postgres"

    def preparation(self) -> Sequence[str]:
        """Return the call of initdb, with the password in a file that only the server's user reads."""
        password_file = self.directory / "password"
        write_private(password_file, self.password + "\n", self.user)
        # Without encoding and locale a bare image gives SQL_ASCII, and text arrives as bytes.
        return [
            str(self.programs / "initdb"),
            f"--pgdata={self.data}",
            "--username=postgres",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
            # Iterations slow down guessing; this password is random. Each connection would pay for all of them.
            "--set=scram_iterations=1",
        ]

    def environment(self) -> Mapping[str, str]:
        """Return nothing: all is on the command line."""
        return {}

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Return the call of the server."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(ports[0]),
            "unix_socket_directories": "",
            "dynamic_shared_memory_type": "mmap",  # in the data directory, so that a killed server leaves nothing
            "max_prepared_transactions": "10",
            "fsync": "off",
            "full_page_writes": "off",
            "jit": "off",  # compiling takes longer than any query on so little data
            **self.settings,
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return none: it opens no Unix socket."""
        del ports
        return ()

    def postmaster_file(self) -> Path:
        """Return the lock file of the data directory."""
        return self.data / "postmaster.pid"

    def ready(self, port: int) -> bool:
        """Tell whether the superuser can log in."""
        try:
            psycopg.connect(self.url(port), connect_timeout=ANSWER_SECONDS).close()
        except psycopg.OperationalError:
            return False
        (self.directory / "password").unlink(missing_ok=True)
        return True


@dataclass(frozen=True, slots=True)
class Valkey:
    """Valkey with an append-only file, so that data survive a kill.

    Attributes:
        program: `valkey-server`.
        directory: The server's own directory.
        user: Whom it runs as.
        password: Of the default user.
    """

    program: Path
    directory: Path
    user: User | None
    password: str = field(repr=False)
    name: str = "valkey"
    port_count: int = 1
    port_offset: int = 0
    stop_signal: signal.Signals = signal.SIGTERM

    def url(self, port: int, database: int = 0) -> str:
        """Return the URL of a numbered database."""
        return f"redis://:{quote(self.password)}@{LOOPBACK}:{port}/{database}"

    def preparation(self) -> None:
        """Return None: it needs none."""

    def environment(self) -> Mapping[str, str]:
        """Return nothing: all is in the configuration file."""
        return {}

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Write the configuration file, which holds the password, and return the call of the server."""
        configuration = self.directory / "valkey.conf"
        lines = [
            f"bind {LOOPBACK}",
            f"port {ports[0]}",
            f"requirepass {self.password}",
            "dir ./",
            "daemonize no",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
        ]
        write_private(configuration, "\n".join(lines) + "\n", self.user)
        return [str(self.program), str(configuration)]

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return none: it opens no Unix socket."""
        del ports
        return ()

    def postmaster_file(self) -> None:
        """Return None: it uses no System V shared memory."""

    def ready(self, port: int) -> bool:
        """Tell whether it answers and has loaded its data."""
        client = redis.Redis.from_url(self.url(port), socket_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0))
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class SeaweedFS:
    """SeaweedFS in one process ("mini") with its S3 gateway, where its defaults would be looser than S3 made stricter.

    Only the S3 port asks for credentials. Master, volume and filer answer every local user: fit for made-up data alone.

    Attributes:
        program: `weed`.
        directory: The server's own directory.
        user: Whom it runs as.
        access_key: Of the one S3 account.
        secret_key: Of the same.
    """

    program: Path
    directory: Path
    user: User | None
    access_key: str
    secret_key: str = field(repr=False)
    name: str = "seaweedfs"
    port_count: int = 5
    port_offset: int = GRPC_OFFSET
    stop_signal: signal.Signals = signal.SIGINT

    def url(self, port: int) -> str:
        """Return the S3 endpoint."""
        return f"http://{LOOPBACK}:{port}"

    def preparation(self) -> None:
        """Return None: it needs none."""

    def environment(self) -> Mapping[str, str]:
        """Return the S3 account."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def arguments(self, ports: Sequence[int]) -> Sequence[str]:
        """Return the call of the server."""
        s3, master, volume, filer, admin = ports
        return [
            str(self.program),
            "-logtostderr",
            "mini",
            f"-dir={self.directory}",
            f"-ip={LOOPBACK}",
            f"-ip.bind={LOOPBACK}",  # the default is every address
            f"-s3.port={s3}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-webdav=false",
            # Relative: a directory may be too deep for the 107 bytes of a socket's name.
            "-s3.localSocket=s3.sock",
            "-filer.localSocket=filer.sock",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-volume.max=4000",  # each bucket takes volumes of its own; the default depends on free disk space
            "-master.volumeSizeLimitMB=64",
            "-volume.preStopSeconds=0",
        ]

    def sockets(self, ports: Sequence[int]) -> Sequence[Path]:
        """Return the sockets that it makes in /tmp, whatever TMPDIR says, and leaves there when killed."""
        s3, master, volume, filer, admin = ports
        parts = {"s3": s3, "master": master, "volume": volume, "filer": filer, "admin": admin}
        return [
            Path(f"/tmp/seaweedfs-{part}-grpc-{port + GRPC_OFFSET}.sock")  # noqa: S108 - its choice, not ours
            for part, port in parts.items()
        ]

    def postmaster_file(self) -> None:
        """Return None: it uses no System V shared memory."""

    def ready(self, port: int) -> bool:
        """Tell whether an object that is there can be read; if there is none, whether one can be written and removed.

        Started again after a kill, SeaweedFS keeps the first object of a new bucket waiting, for up to 15 s.
        """
        client = boto3.client(
            "s3",
            endpoint_url=self.url(port),
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(
                retries={"max_attempts": 0},
                connect_timeout=ANSWER_SECONDS,
                read_timeout=ANSWER_SECONDS,
                s3={"addressing_style": "path"},
            ),
        )
        bucket = "expunge-readiness"
        try:
            names = [str(entry.get("Name")) for entry in client.list_buckets()["Buckets"]]
            for name in names:
                for entry in client.list_objects_v2(Bucket=name, MaxKeys=1).get("Contents", []):
                    client.get_object(Bucket=name, Key=str(entry.get("Key")))["Body"].close()
                    return True
            if bucket not in names:
                client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="probe", Body=b"probe")
            client.delete_object(Bucket=bucket, Key="probe")
            client.delete_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True


def write_private(path: Path, text: str, user: User | None) -> None:
    """Write a file that only the server's user (and root) may read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if user is not None:
            os.fchown(descriptor, user.uid, user.gid)
        file.write(text)
