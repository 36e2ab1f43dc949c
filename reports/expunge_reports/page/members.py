"""Members of a JSON object, taken one by one and by type: none is lost, no other form is taken for a known one."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Members = Mapping[str, object]
_Row = TypeVar("_Row")


class UnknownFormError(Exception):
    """A member has another type than this page knows."""


class Reader:
    """Takes members out of one object; what nobody took is `further`."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise UnknownFormError
        self._left: dict[str, object] = dict(value)

    @property
    def further(self) -> Members:
        """What nobody took."""
        return self._left

    def text(self, name: str) -> str:
        """Take a text."""
        found = self._left.pop(name, None)
        if not isinstance(found, str):
            raise UnknownFormError
        return found

    def text_or_none(self, name: str) -> str | None:
        """Take a text that may be absent."""
        found = self._left.pop(name, None)
        if found is not None and not isinstance(found, str):
            raise UnknownFormError
        return found

    def count(self, name: str) -> int:
        """Take a whole number."""
        found = self.count_or_none(name)
        if found is None:
            raise UnknownFormError
        return found

    def count_or_none(self, name: str) -> int | None:
        """Take a whole number that may be absent."""
        found = self._left.pop(name, None)
        if found is not None and (not isinstance(found, int) or isinstance(found, bool)):
            raise UnknownFormError
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list of texts that may be absent."""
        return tuple(Reader({"text": item}).text("text") for item in self._list(name, required=False))

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        """Take an object of texts that may be absent."""
        found = self._left.pop(name, {})
        if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
            raise UnknownFormError
        return found

    def part(self, name: str) -> "Reader":
        """Take an object that may be absent, as a reader of its own."""
        return Reader(self._left.pop(name, {}))

    def rest_in(self, further: Members, name: str) -> Members:
        """Return `further` and, under `name`, what nobody took of this part."""
        return {**further, name: self._left} if self._left else further

    def rows(self, name: str, read: Callable[[object], _Row], *, required: bool = True) -> tuple[_Row, ...]:
        """Take a list of rows."""
        return tuple(read(item) for item in self._list(name, required=required))

    def _list(self, name: str, *, required: bool) -> Iterable[object]:
        found = self._left.pop(name, None if required else [])
        if not isinstance(found, list):
            raise UnknownFormError
        return found
