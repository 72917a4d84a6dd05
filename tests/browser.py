"""A real browser for the pages: Debian's Chromium, driven by playwright.

`browse` opens a page. What it asked for, and what went wrong in it, is kept and is checked at the end
of the test: nothing may be asked of anybody but the page's own server (or file), and the console must
have stayed empty. Tests that mean to see an error take it out of `page.errors`.

Playwright's blocking interface keeps an event loop running in the thread of the tests for as long as
it is open. It is opened and closed with each module; a module that uses it has no async tests.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

DESKTOP = (1280, 800)
PHONE = (390, 844)
WIDE = (1920, 1080)
TIMEOUT_MS = 10_000

Browse = Callable[..., "Visit"]


@dataclass
class Visit:
    """A page, and what was seen while it was open.

    requests: every URL that it asked for; errors: of the console, of scripts, and refused requests.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def expect_whole(self) -> None:
        """Nothing went wrong, and the page is no wider than its window."""
        assert self.errors == []
        assert self.overflow() == 0

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, for the tests of one module."""
    program = shutil.which("chromium")
    if program is None:
        missing = "no chromium; run: apt-get install -y chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    # Chromium's own sandbox does not work for root, and a container's /dev/shm may be too small.
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def browse(browser: Browser) -> Iterator[Browse]:
    """Open a URL or a file: `browse(url, scheme="dark", size=PHONE)`; gives a Visit."""
    visits: list[Visit] = []

    def opening(
        target: str | Path,
        *,
        scheme: str = "light",
        size: tuple[int, int] = DESKTOP,
        javascript: bool = True,
        **context: object,
    ) -> Visit:
        url = target.as_uri() if isinstance(target, Path) else target
        width, height = size
        opened = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            reduced_motion="reduce",
            locale="en-GB",
            **{"timezone_id": "UTC"} | context,  # type: ignore[arg-type]
        )
        opened.set_default_timeout(TIMEOUT_MS)
        visit = Visit(opened.new_page())
        visits.append(visit)
        _watch(visit, url)
        visit.page.goto(url)
        return visit

    yield opening
    for visit in visits:
        visit.page.context.close()
    assert [error for visit in visits for error in visit.errors] == []


def _watch(visit: Visit, url: str) -> None:
    """Keep what the page asks for and complains of; refuse what is not its own server's."""
    own = urlsplit(url)

    def decide(route: Route) -> None:
        asked = urlsplit(route.request.url)
        visit.requests.append(route.request.url)
        same = (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
        if asked.scheme in ("data", "blob") or (same and asked.scheme != "file") or asked == own:
            route.continue_()
        else:
            visit.errors.append(f"asked for {route.request.url}")
            route.abort()

    def complained(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.errors.append(f"{message.type}: {message.text}")

    visit.page.route("**/*", decide)
    visit.page.on("console", complained)
    visit.page.on("pageerror", lambda error: visit.errors.append(f"script: {error}"))
