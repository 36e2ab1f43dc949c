"""SeaweedFS: arguments, environment, sockets and readiness check."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from expunge_demo.dev_servers.ports import GRPC_OFFSET, LOOPBACK
from expunge_demo.dev_servers.server import ANSWER_SECONDS
from expunge_demo.dev_servers.unprivileged_user import User


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
