"""Debian's Chromium, which we did not write, shows the receipt page without a complaint and without overflow."""

import html
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from tests.support import chromium

from expunge_reports.page.render import receipt_page
from expunge_reports.statement import Open, Statement
from expunge_reports.verify.verdict import AsOf, Verdict

LISTED = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LONG = "a-name-without-a-single-place-to-break-" * 6
TITLES = [
    "Verdict",
    "What was asked, and when",
    "What happened",
    "Backup copies that may still hold the records",
    "Logs left alone on purpose",
    "Other documents that the statements cite",
    "Technical details",
]

# Whatever is wider than its own place, outside the regions that scroll by themselves.
OVERFLOWING = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll')
  && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(one => one.outerHTML)"""
OPEN_DETAILS = "document.querySelector('details').open = true"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def _copy(number: int, status: str) -> dict[str, object]:
    ends = (LISTED + timedelta(days=40 * number)).isoformat() if status == "due" else None
    return {
        "place": "dumps",
        "store": "main",
        "kind": "pg_dump",
        "id": f"postgres/{LONG}{number}.dump",
        "takenBetween": [LISTED.isoformat()] * 2,
        "status": status,
        "due": ends,
        "expectedBy": ends,
        "ground": LONG,
        "blocker": LONG if ends is None else None,
    }


def _receipt() -> tuple[Verdict, dict[str, object]]:
    """A verdict as the verifier gives it, about texts as long as they come."""
    plan, copies, other = ("a" * 64, "b" * 64, "c" * 64)
    log = {"purpose": LONG, "ground": LONG, "retention": "P90D", "approvedBy": LONG}
    shared: dict[str, object] = {
        plan: {
            "kind": "plan",
            "software": LONG,
            "operator": LONG,
            "contact": LONG,
            "dataMap": f"sha256:{plan}",
            "planDigest": f"sha256:{plan}",
            "stores": [
                {
                    "store": LONG,
                    "kind": "postgres",
                    "identity": f"sha256:{plan}",
                    "collections": {LONG: "delete"},
                    "backupPlaces": [LONG],
                }
            ],
            "logsLeftAlone": [{"store": "main", "collection": LONG, **log}],
            "dataTypes": {"main.users": LONG},
        },
        copies: {
            "kind": "copies",
            "listings": [
                {"place": "dumps", "of": "main", "at": at, "storageAt": at, "copies": 4, "control": LONG}
                for at in [LISTED.isoformat()]
            ],
            "mayHoldTheRecords": [_copy(number, "due" if number < 3 else "never") for number in range(1, 5)],
        },
        other: {"kind": "other", "text": LONG, "<script>document.title='ran'</script>": ["<img src=x>"]},
    }
    collection = {"outcome": "retained", "found": 3, "due": 0, "retained": 2, "newer": 1, "ground": LONG}
    lines: list[object] = [{"collection": LONG, **collection}]
    bodies: list[tuple[str, dict[str, object]]] = [
        ("accepted", {"controller": LONG, "context": [f"sha256:{plan}"]}),
        (
            "partially-erased",
            {
                "claim": LONG,
                "stores": [{"store": "main", "level": "deleted", "cutoff": None, "collections": lines}],
                "context": [f"sha256:{copies}", f"sha256:{other}"],
            },
        ),
    ]
    statements = tuple(
        Statement(f"er_{'d' * 32}", seq, "e" * 64 if seq else None, event, LISTED, False, Open(4), body, ("f" * 64,))
        for seq, (event, body) in enumerate(bodies)
    )
    as_of = AsOf("receipts.example.org", 300, "9" * 64, None)
    return Verdict(operator=LONG, reason=None, as_of=as_of, statements=statements), shared


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    made = tmp_path_factory.mktemp("page") / "receipt.html"
    made.write_text(receipt_page(*_receipt()), encoding="utf-8")
    return made


def test_the_command_line_dumps_and_draws_it(file, tmp_path):
    dumped = subprocess.run(
        chromium.command(tmp_path / "dump", "--dump-dom", file.as_uri()),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    assert all(html.escape(title) in dumped for title in TITLES)
    picture = tmp_path / "page.png"
    subprocess.run(
        chromium.command(tmp_path / "draw", "--window-size=900,1200", f"--screenshot={picture}", file.as_uri()),
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 600, 900, 1400])
def test_it_fits_and_nothing_is_complained_of(browser, file, tmp_path, width, scheme):
    browser.open(file, width=width, scheme=scheme)
    browser.value(OPEN_DETAILS)
    assert browser.value("document.documentElement.clientWidth") in {width, width - 15}  # a desktop's scroll bar
    assert browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.value(OVERFLOWING) == []
    browser.screenshot(tmp_path / "page.png")
    assert chromium.complaints(browser) == []
    assert [one["request"]["url"] for one in browser.reported("Network.requestWillBeSent")] == [file.as_uri()]


def test_the_style_sheet_applies_in_both_schemes(browser, file):
    papers = re.findall(r"--paper: #(\w{6});", file.read_text(encoding="utf-8"))
    for scheme, paper in zip(("light", "dark"), papers, strict=True):
        browser.open(file, width=900, scheme=scheme)
        wanted = ", ".join(map(str, bytes.fromhex(paper)))
        assert browser.value(BACKGROUND) == f"rgb({wanted})"


def test_a_complaint_would_be_heard(browser, file, tmp_path):
    active = tmp_path / "active.html"
    written = file.read_text(encoding="utf-8").replace("</main>", "<script>document.title='ran'</script></main>")
    active.write_text(written, encoding="utf-8")
    browser.open(active, width=900)
    assert "Content Security Policy" in str(chromium.complaints(browser))
    assert browser.value("document.title") == "Erasure receipt"


def test_a_screen_reader_is_given_headings_regions_and_the_picture(browser, file):
    browser.open(file, width=900)
    browser.value(OPEN_DETAILS)
    tree = [one for one in browser.call("Accessibility.getFullAXTree")["nodes"] if not one["ignored"]]
    named: dict[str, list[str]] = {}
    for one in tree:
        named.setdefault(one["role"]["value"], []).append(one.get("name", {}).get("value", ""))
    assert [name for name in named["heading"] if name in TITLES] == TITLES
    assert all(named["region"])
    assert all(named["table"])
    picture = next(one for one in tree if one["role"]["value"] in {"img", "image"})
    assert picture["name"]["value"].startswith("When each backup copy ends")
    assert "copy 3 in dumps: NEVER" in picture["name"]["value"] + picture.get("description", {}).get("value", "")


def test_in_print_the_details_are_open_and_tables_are_whole(browser, file):
    browser.open(file, width=700, scheme="dark", media="print")
    assert browser.value(BACKGROUND) == "rgb(255, 255, 255)"
    assert browser.value("document.querySelector('details').open") is False
    assert browser.value("document.querySelector('details section').checkVisibility({contentVisibilityAuto: true})")
    assert browser.value("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
