"""HTTP of the sidecar, as a proxy before it would bound it: uvicorn takes heads of any length."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 8 * 1024
"""Bytes of a call's head, as nginx takes."""


class SidecarHttp(HttpToolsProtocol):
    """HTTP/1.1 with short heads, and no quoted cookies: Python 3.11 reads them in time that grows with their square."""

    _head = 0

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        self._count(name + value)
        if name.lower() != b"cookie" or b'"' not in value:
            super().on_header(name, value)

    def _count(self, part: bytes) -> None:
        """Count a part of a head.

        Raises:
            ValueError: It is too long; the parser refuses the call.
        """
        self._head += len(part)
        if self._head > LONGEST_HEAD:
            raise ValueError("a head of more than 8 KiB")
