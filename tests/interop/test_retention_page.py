"""Debian's Chromium, which we did not write, shows the page of deletion by age without a complaint or overflow."""

import base64

import pytest
from tests.support import chromium
from tests.support.retention_reports import MISSING, STOPPED, report

from expunge_reports.page.retention_page import retention_page

LONG = "a-name-without-a-single-place-to-break-" * 3
TITLES = [
    "Answer",
    "Alarms of the period",
    "What was due, and what came of it",
    "Not deleted by age",
    "Backlog, intake and drain over time",
    "Runs, and what was forecast",
    "Sweeps and their signed statements",
]

# Whatever is wider than its own place, outside the regions that scroll by themselves.
OVERFLOWING = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll')
  && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(one => one.outerHTML)"""
# Whatever of a picture lies outside of it.
OUTSIDE = """[...document.querySelectorAll('svg')].flatMap(picture => { const room = picture.getBoundingClientRect();
  return [...picture.querySelectorAll('line, rect, polyline, polygon, path, circle, text')].filter(one => {
    const at = one.getBoundingClientRect();
    return at.left < room.left - 1 || at.right > room.right + 1 || at.top < room.top - 1 || at.bottom > room.bottom + 1;
  }).map(one => one.outerHTML) })"""
OPEN_DETAILS = "for (const one of document.querySelectorAll('details')) one.open = true"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
FOCUSED = "document.activeElement.tagName + ' ' + (document.activeElement.getAttribute('role') || '')"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    told = {
        "quarter": report(63, names=("calls", "leads", LONG), alarms=(MISSING, STOPPED)),
        "year": report(365),
        "night": report(1, names=("calls",)),
        "none": report(0),
    }
    for name, one in told.items():
        (place / f"{name}.html").write_text(retention_page(one, LONG, LONG), encoding="utf-8")
    return place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 600, 900, 1400])
@pytest.mark.parametrize("name", ["quarter", "year", "night", "none"])
def test_it_fits_and_nothing_is_complained_of(browser, files, name, width, scheme):
    file = files / f"{name}.html"
    browser.open(file, width=width, scheme=scheme)
    browser.value(OPEN_DETAILS)
    assert browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert browser.value(OVERFLOWING) == []
    assert browser.value(OUTSIDE) == []
    assert chromium.complaints(browser) == []
    assert [one["request"]["url"] for one in browser.reported("Network.requestWillBeSent")] == [file.as_uri()]


def test_a_screen_reader_is_given_headings_regions_tables_and_pictures(browser, files):
    browser.open(files / "quarter.html", width=900)
    browser.value(OPEN_DETAILS)
    tree = [one for one in browser.call("Accessibility.getFullAXTree")["nodes"] if not one["ignored"]]
    named: dict[str, list[str]] = {}
    for one in tree:
        named.setdefault(one["role"]["value"], []).append(one.get("name", {}).get("value", ""))
    assert [name for name in named["heading"] if name in TITLES] == TITLES
    assert {"all data types", "calls", "leads", LONG} <= set(named["heading"])
    assert all(named["region"])
    assert all(named["table"])
    told = [
        one["name"]["value"] + one.get("description", {}).get("value", "")
        for one in tree
        if one["role"]["value"] in {"img", "image"}
    ]
    assert len(told) == 4
    assert told[0].startswith("Overdue records over time: all data types")
    assert all("came due and" in one for one in told)
    assert "forecast on 1 Oct: gone on 11 Oct" in told[0]


def test_what_scrolls_or_opens_is_reached_by_the_keyboard(browser, files):
    browser.open(files / "quarter.html", width=600)
    reached = []
    for _ in range(40):
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(browser.value(FOCUSED))
    assert reached.count("SUMMARY ") >= 4
    assert reached.count("DIV region") >= 8
    browser.value("document.querySelector('summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
        )
    assert browser.value("document.querySelector('details').open") is True


def test_in_print_the_numbers_are_open_and_it_is_on_white(browser, files):
    browser.open(files / "quarter.html", width=700, scheme="dark", media="print")
    assert browser.value(BACKGROUND) == "rgb(255, 255, 255)"
    assert browser.value("document.querySelector('details').open") is False
    assert browser.value("document.querySelector('details table').checkVisibility({contentVisibilityAuto: true})")
    assert browser.value("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    printed = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"]
    assert base64.b64decode(printed).startswith(b"%PDF")
