"""The example's pages in Debian's Chromium: a person deletes their account, undoes it, deletes it, and keeps a receipt.

Scripts are off: the pages have none. The API's clock is set past the grace period; the worker does the rest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
import uvicorn
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from tests.support.api import APP, GRACE, ApiHarness, open_api
from tests.support.installation import CompanyStack, calltrack
from tests.support.servers import wait_until

from expunge_config.api_settings import Issuer
from expunge_demo import sidecar
from expunge_demo.dev_servers.ports import LOOPBACK, free_ports

__all__ = ["calltrack"]

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "account_settings"
# Width, height, device pixels per CSS pixel: as a browser shows a 1280 px window, a phone, a window at 200 %.
SIZES = {"wide": (1280, 800), "narrow": (360, 740), "zoomed": (640, 400)}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Whatever can be filled in and has no name that is read aloud, and headings that skip a level.
UNNAMED = """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(one => !one.labels.length).map(one => one.outerHTML)"""
LEVELS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))"


@dataclass(frozen=True)
class Site:
    """The example at work.

    Attributes:
        url: The account-settings page.
        api: The API behind it, and its clock.
        people: Ids of those who can sign in.
    """

    url: str
    api: ApiHarness
    people: tuple[int, ...]


@contextmanager
def served(api: ApiHarness, port: int) -> Iterator[None]:
    """The API over HTTP, in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(api.client.app, host=LOOPBACK, port=port, log_level="warning", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def answers(url: str) -> bool:
    """Whether something listens there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def site(calltrack: CompanyStack, tmp_path: Path) -> Iterator[Site]:
    api_port, page = free_ports(2)
    url = f"http://{LOOPBACK}:{page}"
    issuer = Issuer(kind="person", issuer=APP, audience="expunge", jwks_url=f"{url}/.well-known/jwks.json")
    people = tuple(calltrack.take_holders(2))
    environment = {
        "EXPUNGE_URL": f"http://{LOOPBACK}:{api_port}",
        "ISSUER": APP,
        "DATABASE_URL": calltrack.stack.endpoints.postgres_url,
        "DEMO_PEOPLE": ",".join(map(str, people)),
        "PLAIN_HTTP": "yes",
    }
    with (
        open_api(
            calltrack,
            tmp_path,
            worker=True,
            clock_runs=True,
            api={"issuers": {"app": issuer}, "tick": timedelta(seconds=0.2)},
        ) as api,
        served(api, api_port),
        sidecar.running(EXAMPLE, page, environment),
    ):
        wait_until(lambda: answers(url), seconds=60)
        yield Site(url, api, people)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("chromium is not installed: apt-get install -y chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


class Visit:
    """One person at one browser. Every page that is reached is measured and photographed."""

    def __init__(self, browser: Browser, site: Site, pictures: Path) -> None:
        self._context = browser.new_context(java_script_enabled=False, base_url=site.url)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(60_000)
        self._pictures = pictures
        self.addresses: list[str] = []
        self._context.on("request", lambda request: self.addresses.append(request.url))

    def goes(self, path: str, heading: str) -> None:
        self.page.goto(path)
        self.sees(heading)

    def presses(self, name: str, heading: str) -> None:
        self.reaches(self._control(name))
        self.page.keyboard.press("Enter")
        self.sees(heading)

    def types(self, label: str, text: str) -> None:
        self.reaches(self.page.get_by_label(label))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def reaches(self, control: Locator) -> None:
        """By the keyboard alone, and it is seen where one is."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            if control.evaluate("one => one === document.activeElement"):
                assert control.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
                return
        pytest.fail("the keyboard does not lead there")

    def saves(self, name: str) -> bytes:
        with self.page.expect_download() as download:
            self._control(name).click()
        return Path(download.value.path()).read_bytes()

    def sees(self, heading: str) -> None:
        """Look at a page: it has this heading, fits at every size, and names what can be filled in."""
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
        assert self.page.title() == f"{heading} \N{EN DASH} Calltrack"
        assert self.page.locator("html").get_attribute("lang") == "en"
        assert self.page.evaluate(UNNAMED) == []
        levels = self.page.evaluate(LEVELS)
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), levels
        number = len(list(self._pictures.glob("*-wide.png")))
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            assert self.page.evaluate(OVERFLOW) <= 0, (heading, size)
            self.page.screenshot(path=self._pictures / f"{number:02}-{size}.png", full_page=True)

    def _control(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True).or_(
            self.page.get_by_role("link", name=name, exact=True)
        )

    def signs_in(self, user: int) -> None:
        self.goes("/", "Sign in")
        self.page.get_by_label("Person").select_option(str(user))
        self.presses("Sign in", "Account settings")

    def asks(self, when: str, confirmed: str, what: str = "My account and") -> None:
        """From the settings to the last question."""
        self.goes("/", "Account settings")
        self.presses("Delete my data…", "Delete my data")
        text = self.page.inner_text("main")
        for told in ("Invoices", "objection to marketing", "Back-up copies", "Log files", "ask the client"):
            assert told in text
        self.reaches(self.page.get_by_label("My account and"))
        if what != "My account and":
            self.page.keyboard.press("ArrowDown")
        expect(self.page.get_by_label(what)).to_be_checked()
        self.reaches(self.page.get_by_label("In 14 days"))
        if when != "In 14 days":
            self.page.keyboard.press("ArrowDown")
        expect(self.page.get_by_label(when)).to_be_checked()
        self.presses("Continue", confirmed)

    def key(self) -> str:
        return self.page.get_by_label("Deletion key").input_value()

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def visit(browser: Browser, site: Site, tmp_path: Path) -> Iterator[Callable[[], Visit]]:
    """Opens another browser window, with no cookies."""
    pictures = Path(os.environ.get("EXPUNGE_TEST_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(exist_ok=True)
    opened: list[Visit] = []

    def open_() -> Visit:
        opened.append(Visit(browser, site, pictures))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def test_deleted_undone_deleted_and_proved(site: Site, visit: Callable[[], Visit], tmp_path: Path) -> None:
    user, _ = site.people
    with psycopg.connect(site.api.installation.calltrack.stack.endpoints.postgres_url) as database:
        ((email,),) = database.execute("SELECT email FROM users WHERE id = %s", (user,)).fetchall()
    at_home = visit()
    at_home.signs_in(user)
    at_home.asks("In 14 days", "Delete your account in 14 days?")
    at_home.presses("Yes, delete in 14 days", "Your account will be deleted")
    assert f"{site.api.at + GRACE:%-d %B %Y}" in at_home.page.inner_text("main")
    at_home.presses("Undo: delete nothing", "Nothing was deleted")

    at_home.asks("In 14 days", "Delete your account in 14 days?")
    at_home.presses("Yes, delete in 14 days", "Your account will be deleted")
    key = at_home.key()
    assert key in at_home.saves("Save the key as a file").decode()

    site.api.at += GRACE
    wait_until(lambda: state(site, key) in {"partially-erased", "settled"}, seconds=240)
    at_home.goes("/status", "The deletion is done")
    at_home.goes("/", "Sign in")
    assert at_home.page.get_by_label("Person").locator(f"option[value='{user}']").count() == 0

    elsewhere = visit()
    elsewhere.goes("/status", "Status of my deletion")
    elsewhere.types("Deletion key", key)
    elsewhere.presses("Show the status", "The deletion is done")
    receipt, opening, trust = tmp_path / "receipt.json", tmp_path / "opening.json", tmp_path / "trust.json"
    receipt.write_bytes(elsewhere.saves("Save the receipt as a file"))
    elsewhere.types("E-mail address of the account", email.upper())
    opening.write_bytes(elsewhere.saves("Save the file"))
    trust.write_bytes(site.api.client.get("/v1/trust").content)
    done = verified(receipt, trust, opening)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "authentic, unanchored"), done.stdout + done.stderr
    assert "bound to the person of the openings given: 1 of 2" in done.stdout  # the id is the other one

    elsewhere.page.get_by_role("link", name="Read the receipt").click()
    expect(elsewhere.page.get_by_role("heading", level=1)).to_be_visible()
    assert "Calltrack Ltd" in elsewhere.page.inner_text("main")
    elsewhere.page.go_back()
    elsewhere.types("E-mail address of the account", "somebody.else@mail.example")
    elsewhere.presses("Save the file", "That did not work")
    assert not any(word in address for address in at_home.addresses + elsewhere.addresses for word in (key, email, "@"))


def test_messages_alone_at_once(site: Site, visit: Callable[[], Visit]) -> None:
    _, user = site.people
    with psycopg.connect(site.api.installation.calltrack.stack.endpoints.postgres_url) as database:
        database.execute("INSERT INTO messages (user_id, body) VALUES (%s, 'hello')", (user,))
    window = visit()
    window.signs_in(user)
    window.asks("At once", "Delete your messages and exported files at once?", what="My messages")
    window._control("Yes, delete at once").click()
    window.page.wait_for_url("**/status")
    key = window.key()
    wait_until(lambda: state(site, key) in {"erased", "settled"}, seconds=240)
    window.goes("/status", "The deletion is done")
    window.goes("/", "Account settings")
    with psycopg.connect(site.api.installation.calltrack.stack.endpoints.postgres_url) as database:
        messages = database.execute("SELECT count(*) FROM messages WHERE user_id = %s", (user,)).fetchone()
        account = database.execute("SELECT status FROM users WHERE id = %s", (user,)).fetchone()
    assert (messages, account) == ((0,), ("active",))


def test_another_wish_while_one_is_open(site: Site, visit: Callable[[], Visit]) -> None:
    """It is not shown as done, and the page leads to the one that is open."""
    _, user = site.people
    window = visit()
    window.signs_in(user)
    window.asks("In 14 days", "Delete your account in 14 days?")
    window.presses("Yes, delete in 14 days", "Your account will be deleted")
    window.asks("In 14 days", "Delete your messages and exported files in 14 days?", what="My messages")
    window.presses("Yes, delete in 14 days", "That did not work")
    assert "It is request rq_" in window.page.inner_text("main")
    window.presses("Status of my deletion", "Your account will be deleted")


def test_what_another_site_sends_is_refused(site: Site, visit: Callable[[], Visit]) -> None:
    user, _ = site.people
    window = visit()
    window.signs_in(user)
    forged = window.page.request.post("/delete", form={"when": "now", "once": "x" * 16, "csrf": "guessed"})
    assert forged.status == 403
    assert window.page.request.post("/delete", form={"when": "now", "once": "x" * 16}).status == 403
    (cookie,) = window.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    window.page.context.add_cookies([{**cookie, "value": cookie["value"][:-4] + "AAAA"}])
    window.goes("/", "Sign in")


def state(site: Site, key: str) -> str:
    """Where the request is, as its key tells."""
    answer = site.api.client.get("/v1/follow_up/erasure_request", headers={"Authorization": f"Bearer {key}"})
    return str(answer.json()["state"])


def verified(receipt: Path, trust: Path, opening: Path) -> subprocess.CompletedProcess[str]:
    """What the offline verifier says."""
    command = [sys.executable, "-m", "expunge_orchestrator.cli", "receipts", "verify", str(receipt)]
    return subprocess.run(
        [*command, "--trust", str(trust), "--opening", str(opening)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
