"""Three real servers from three wheels: PostgreSQL, Valkey and SeaweedFS, for the demonstration and for tests.

    with embedded.stack() as stack:
        psycopg.connect(stack.endpoints.postgres_url)
        stack.postgres.kill()
        stack.postgres.start()

Not for production, and never imported by what runs there.
"""

from expunge_orchestrator.dev_servers.errors import EmbeddedError
from expunge_orchestrator.dev_servers.server import Server
from expunge_orchestrator.dev_servers.stack import Endpoints, Stack, stack

__all__ = ["EmbeddedError", "Endpoints", "Server", "Stack", "stack"]
