"""Key templates: `session:{session_token}` names one key for each value of one namespace.

Values are inserted literally. A template holds exactly one `{namespace}`; `{controller}` stands for the member of the
request's controller and may stand beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from expunge_connectors.contract import Scope

_PLACE = re.compile(r"\{([a-z][a-z0-9_-]*)\}")
CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    text: str
    namespace: str | None
    by_controller: bool

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template.

        Raises:
            ValueError: It names more than one namespace, or braces do not match.
        """
        names = _PLACE.findall(text)
        if "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text):
            raise ValueError("braces enclose the name of an identity, as in session:{session_token}")
        namespaces = {name for name in names if name != CONTROLLER}
        if len(namespaces) > 1:
            raise ValueError("a template names one identity only")
        return cls(text, next(iter(namespaces), None), CONTROLLER in names)

    @property
    def head(self) -> str:
        """The literal text before the first place: every key that the template can name begins with it."""
        return self.text.partition("{")[0]

    def fill(self, value: str | None, scope: Scope) -> str | None:
        """The key for one value; None where the value or the controller's member that it needs is missing or empty."""
        if (self.by_controller and not scope.member) or (self.namespace is not None and not value):
            return None

        def put(match: re.Match[str]) -> str:
            return (scope.member if match.group(1) == CONTROLLER else value) or ""

        return _PLACE.sub(put, self.text)

    def could_name(self, key: str) -> bool:
        """Whether some value would make this template name `key`."""
        pieces = [re.escape(piece) for piece in _PLACE.sub("\0", self.text).split("\0")]
        return re.fullmatch(".+".join(pieces), key, re.DOTALL) is not None
