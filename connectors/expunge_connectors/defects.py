"""Connector defects: whatever a connector raises by mistake leaves it as an error of ours, without its text.

The core handles `ConnectorError` alone: it retries, fails a chunk, tells an operator. A KeyError of a connector would
end a run, or a thread of the service, and its text may hold a value of a record (law 5).
"""

from __future__ import annotations

import inspect
from functools import cache, wraps
from typing import Any, ClassVar, TypeVar, cast

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import TerminalError

C = TypeVar("C", bound=type)


class DefectError(TerminalError):
    """A connector has a defect."""

    exit_code: ClassVar[int] = 70


@cache
def without_defects(connector: C) -> C:
    """A connector's class whose verbs raise nothing but errors of ours: a subclass, so that it is what it was.

    What a `Heartbeat` raises to end a call is an error of ours, too, and passes.

    Raises:
        DefectError: Of each verb, instead of anything else; it names the store, the verb and the class of the error.
    """
    names = [
        name
        for name, verb in inspect.getmembers_static(connector)
        if name == "__init__" or not name.startswith("_")
        if inspect.isfunction(verb) or isinstance(verb, classmethod)
    ]
    made = cast("C", type(connector.__name__, (connector,), {"__module__": connector.__module__}))
    for name in names:
        setattr(made, name, _telling(made, name, inspect.getattr_static(connector, name)))
    return made


def _telling(made: type, name: str, verb: Any) -> Any:  # noqa: ANN401 - a function or a classmethod
    of_class = isinstance(verb, classmethod)

    @wraps(verb.__func__ if of_class else verb)
    def told(this: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the verb has them
        try:
            return getattr(super(made, this), name)(*arguments, **named)
        except ExpungeError:
            raise
        except Exception as error:  # noqa: BLE001 - this is what turns anything else into an error of ours
            place = getattr(this, "name", None)
            where = "A connector" if place is None else f"The connector of {place}"
            raise DefectError(
                f"{where} has a defect: {name} raised {type(error).__name__}.",
                remedy="Report it to the authors of the connector. What this call did not end is not taken as done.",
            ) from None

    return classmethod(told) if of_class else told
