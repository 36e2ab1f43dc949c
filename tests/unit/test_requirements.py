"""The pinned requirements are what pyproject.toml asks for, and can be checked against their hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = ("build.txt", "demo.txt", "dev.txt", "runtime.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ]+)", re.MULTILINE)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
API = EXTRAS["api"]
DEMO = EXTRAS["demo"]
GROUPS: list[str] = PYPROJECT["dependency-groups"]["test"] + PYPROJECT["dependency-groups"]["check"]


def pins(file: str) -> dict[str, str]:
    return {match["name"]: match["version"] for match in PIN.finditer((ROOT / "requirements" / file).read_text())}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("runtime.txt", RUNTIME + API),
        ("demo.txt", RUNTIME + API + DEMO),
        ("dev.txt", RUNTIME + API + DEMO + GROUPS),
        ("build.txt", PYPROJECT["build-system"]["requires"]),
    ],
)
def test_every_direct_requirement_is_pinned_within_its_range(file: str, wanted: list[str]) -> None:
    pinned = pins(file)
    unmet = [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert unmet == [], "run `make lock`"


@pytest.mark.parametrize("file", FILES)
def test_every_pin_has_hashes_and_no_line_names_a_place(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text()
    blocks = re.split(r"\n(?=[a-z0-9])", text.partition("make lock\n")[2])
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("file", FILES)
def test_one_environment_can_hold_all_files(file: str) -> None:
    everything = pins("dev.txt")
    assert {name: version for name, version in pins(file).items() if everything.get(name) != version} == {}
