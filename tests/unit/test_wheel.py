"""The wheel holds our packages, whole, and nothing that could overwrite somebody else's."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "expunge_config": ROOT / "config",
    "expunge_connectors": ROOT / "connectors",
    "expunge_demo": ROOT / "demo",
    "expunge_orchestrator": ROOT / "orchestrator",
    "expunge_reports": ROOT / "reports",
}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling itself, not pip: nothing is resolved, downloaded or built in isolation.
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def test_it_holds_our_packages_and_its_own_description(contents: set[str]) -> None:
    top = {name.partition("/")[0] for name in contents}
    (information,) = {name for name in top if name.endswith(".dist-info")}
    assert information.startswith("expunge-")
    assert top == {*PACKAGES, information}
    assert f"{information}/licenses/LICENSE" in contents


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_is_typed(contents: set[str], package: str) -> None:
    assert f"{package}/py.typed" in contents


def test_every_file_under_version_control_is_in(contents: set[str]) -> None:
    missing = {
        name
        for package, folder in PACKAGES.items()
        for name in _tracked(folder / package, folder)
        if name not in contents
    }
    assert missing == set()


def test_the_example_map_is_in(contents: set[str]) -> None:
    assert "expunge_demo/calltrack/datamap.yaml" in contents


def test_the_templates_of_pages_are_in(contents: set[str]) -> None:
    folder = PACKAGES["expunge_reports"]
    templates = {path for path in folder.glob("expunge_reports/page/templates/**/*") if path.is_file()}
    assert {path.suffix for path in templates} == {".html", ".css"}
    assert {path.relative_to(folder).as_posix() for path in templates} <= contents


def _tracked(package: Path, folder: Path) -> set[str]:
    """Return the package's files as names in the wheel: migrations, SQL and data files as well as code."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", str(package)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    prefix = f"{folder.relative_to(ROOT)}/"
    names = {name.removeprefix(prefix) for name in listing.stdout.split("\0") if name and (ROOT / name).exists()}
    assert names, f"git lists no file in {package.name}"
    return names
