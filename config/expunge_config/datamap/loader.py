"""Loads and validates a data map: every problem is reported with file, line and remedy.

The registries of connector models are arguments: this package knows no connector.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from expunge_config import regular_files
from expunge_config.datamap import yaml_reader
from expunge_config.datamap.backups import LEDGER, BackupSpec, NoBackups
from expunge_config.datamap.base import Model
from expunge_config.datamap.data_map import RECEIVED_AT, DataMap, StoreSpec
from expunge_config.datamap.yaml_reader import Path_
from expunge_config.errors import DataMapError

MAX_BYTES = 4 * 1024 * 1024
_LONGEST_KEY = 80
_QUESTION = re.compile(r"(?P<key>[^:#]*)(?::.*)?(?:^|\s)#\s*DECIDE:\s*(?P<question>.*)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint: where in the file and what is wrong."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.message}"


def load(path: Path, stores: Mapping[str, type[StoreSpec]], backups: Mapping[str, type[BackupSpec]]) -> DataMap:
    """Read and check a data map.

    Args:
        path: The YAML file.
        stores: Connector name -> the model of its stores.
        backups: Connector name -> the model of its backup places.

    Raises:
        DataMapError: The file is unreadable or says something that cannot be; the message lists every complaint.
    """
    text = _read(path)
    if undecided := open_questions(text):
        listed = "\n".join(f"  {path.name}, {problem}" for problem in undecided)
        raise DataMapError(
            f"The data map is a draft with open questions:\n{listed}",
            remedy="Decide each of them, and take its `# DECIDE:` comment away.",
        )
    raw, lines = _parse(path, text)
    problems: list[Problem] = []

    def complain(where: Path_, message: str) -> None:
        problems.append(Problem(_line(lines, where), ".".join(map(_short, where)) or "the file", message))

    document = dict(raw)
    for section, registry in (("stores", stores), ("backups", backups)):
        document[section] = _typed(section, raw.get(section, {}), registry, complain)
    if _says_none(raw.get("backups")):
        document["backups"] = _no_backups(raw["backups"], complain)
    data_map: DataMap | None = None
    try:
        data_map = DataMap.model_validate(document)
    except ValidationError as error:
        empty = {("stores",)} if problems else set()  # already complained about, one by one
        _collect(error, (), complain, leave_out=empty)
    if data_map is not None and not problems:
        for where, message in _cross_check(data_map):
            complain(where, message)
    if problems or data_map is None:
        listed = "\n".join(f"  {path.name}, {problem}" for problem in sorted(problems, key=lambda one: one.line))
        raise DataMapError(
            f"The data map cannot be used:\n{listed}", remedy="Correct the lines named and run `expunge check`."
        )
    return data_map


def _typed(section: str, raw: Any, registry: Mapping[str, type[Model]], complain: Any) -> Any:  # noqa: ANN401 - raw YAML
    if not isinstance(raw, dict) or _says_none(raw):
        return raw
    typed: dict[Any, Any] = {}
    for name, entry in raw.items():
        where = (section, str(name))
        if not isinstance(entry, dict):
            complain(where, "is not a mapping")
            continue
        model = registry.get(str(entry.get("connector")))
        if model is None:
            complain((*where, "connector"), f"unknown connector; installed are {', '.join(sorted(registry)) or 'none'}")
            continue
        try:
            typed[name] = model.model_validate(entry)
        except ValidationError as error:
            _collect(error, where, complain)
    return typed


def _says_none(raw: object) -> bool:
    return isinstance(raw, dict) and "none" in raw and not isinstance(raw["none"], dict)


def _no_backups(raw: object, complain: Any) -> NoBackups | dict[str, Any]:  # noqa: ANN401 - the closure above
    try:
        return NoBackups.model_validate(raw)
    except ValidationError as error:
        _collect(error, ("backups",), complain)
        return {}


def _collect(
    error: ValidationError,
    prefix: Path_,
    complain: Any,  # noqa: ANN401 - the closure above
    leave_out: Collection[Path_] = (),
) -> None:
    for one in error.errors(include_url=False, include_input=False):
        if one["loc"] in leave_out:
            continue
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "unknown key: nothing of this name is known here"
        complain((*prefix, *one["loc"]), message)


def _cross_check(data_map: DataMap) -> Iterable[tuple[Path_, str]]:
    in_stores = [
        (("stores", name, *where), message)
        for name, store in data_map.stores.items()
        for where, message in store.complaints(data_map)
    ]
    yield from in_stores
    if LEDGER in data_map.stores:
        yield ("stores", LEDGER), "is what backup places call Expunge's own ledger: give the store another name"
    if RECEIVED_AT in data_map.identities:
        yield (
            ("identities", RECEIVED_AT),
            "is the column of a list that says when each person asked: give the identity another name",
        )
    for name, backup in data_map.backup_places.items():
        if backup.of not in {*data_map.stores, LEDGER}:
            yield ("backups", name, "of"), "names a store that the map does not declare, and not the ledger"
    yield from data_map.complaints()
    if not in_stores:  # else nobody can say what leads where
        yield from data_map.same_person_complaints()


def open_questions(text: str) -> list[Problem]:
    """The lines that a draft leaves to be decided: they carry a comment `# DECIDE: …`."""
    return [
        Problem(number, match["key"].strip(" -{") or "the file", f"not decided yet: {match['question']}")
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := _QUESTION.fullmatch(line)) is not None
    ]


def _read(path: Path) -> str:
    try:
        content = regular_files.read(path)
    except regular_files.WritableByEverybodyError:
        raise DataMapError(
            f"The data map {path} is everybody's to write: whoever does says what is erased.",
            remedy=f"chmod o-w {path}",
        ) from None
    except OSError as error:
        raise DataMapError(
            f"The data map {path} cannot be read ({type(error).__name__}).",
            remedy="Give its path with EXPUNGE_DATA_MAP.",
        ) from None
    if len(content) > MAX_BYTES:
        raise DataMapError(
            f"The data map {path.name} is larger than {MAX_BYTES} bytes.",
            remedy="Is it the right file? EXPUNGE_DATA_MAP names it.",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataMapError(f"{path.name}, line {line}: not UTF-8.", remedy="Save the file as UTF-8.") from None


def _parse(path: Path, text: str) -> tuple[dict[Any, Any], dict[Path_, int]]:
    try:
        return yaml_reader.read(text)
    except yaml_reader.NotPlainError as error:
        where = path.name if error.line is None else f"{path.name}, line {error.line}"
        raise DataMapError(f"{where}: {error.reason}.", remedy=error.remedy) from None


def _short(key: str | int) -> str:
    text = str(key)
    return text if len(text) <= _LONGEST_KEY else f"{text[:_LONGEST_KEY]}…"


def _line(lines: Mapping[Path_, int], where: Path_) -> int:
    for length in range(len(where), -1, -1):
        if where[:length] in lines:
            return lines[where[:length]]
    return 1
