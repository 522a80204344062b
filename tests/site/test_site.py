"""The site as `make site` has built it: its links, and its pages in a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser

pytest_plugins = ("tests.browser",)

SITE = Path(__file__).parents[2] / ".check/site"
SCREENS = SITE.with_name("site-screens")

#: A page of each kind.
PAGES = (
    "index.html",
    "articles/index.html",
    "articles/install.html",
    "articles/getting-started.html",
    "reference/index.html",
    "reference/layer_dense.html",
    "news/index.html",
)

#: Of a telephone and of a desk, in pixels.
WIDTHS = (390, 1280)


class _Page(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.anchors = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name == "href" and tag == "a":
                self.links.append(value)
            elif name in ("src", "href") and tag in ("img", "script", "link"):
                self.parts.append(value)


@cache
def page(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def pages() -> list[Path]:
    found = sorted(SITE.rglob("*.html"))
    assert found, "`make site` builds the site"
    return found


def test_every_link_within_the_site_leads_somewhere() -> None:
    broken = []
    for path in pages():
        for link in page(path).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.exists() or (
                target.suffix == ".html" and place not in page(target).anchors
            ):
                broken.append(f"{path.relative_to(SITE)}: {link}")
    assert broken == []


def test_pages_are_made_of_the_site_alone() -> None:
    elsewhere = {
        f"{path.relative_to(SITE)}: {part}"
        for path in pages()
        for part in page(path).parts
        if urlsplit(part).netloc or (not part.startswith("data:") and not _is_there(path, part))
    }
    assert elsewhere == set()


def _is_there(path: Path, part: str) -> bool:
    return (path.parent / unquote(urlsplit(part).path)).exists()


def test_every_page_of_the_reference_is_in_its_index() -> None:
    index = page(SITE / "reference/index.html").links
    missing = {path.name for path in (SITE / "reference").glob("*.html")} - {
        urlsplit(link).path for link in index
    }
    # a name of a page of its own may be another's alias, which redirects to it
    missing = {name for name in missing if not _redirects(SITE / "reference" / name)}
    assert missing - {"index.html"} == set()


def _redirects(path: Path) -> bool:
    return 'http-equiv="refresh"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error(browser: Browser, name: str, width: int) -> None:
    errors: list[str] = []
    opened = browser.new_page(viewport={"width": width, "height": 900})
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("requestfailed", lambda request: errors.append(request.url))
    opened.goto((SITE / name).as_uri())
    opened.wait_for_load_state("load")
    # nothing is wider than the page, or a reader would have to shift it
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.locator("h1").first.inner_text().strip() != ""
    SCREENS.mkdir(exist_ok=True)
    shot = "-".join(Path(name).with_suffix("").parts)
    opened.screenshot(path=SCREENS / f"{shot}-{width}.png")
    opened.close()
    assert errors == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The site's address: what a page asks for by itself, a browser reads from no file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["layer_dense", "keras.layers.Dense"])
def test_the_search_leads_to_a_function_s_page(browser: Browser, served: str, name: str) -> None:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(f"{served}/articles/index.html")
    opened.locator("#search-input").press_sequentially(name)
    opened.locator(".aa-suggestion").filter(has_text="layer_dense").first.click()
    opened.wait_for_url("**/reference/layer_dense.html*")
    assert "layer_dense" in opened.locator("pre.sourceCode").first.inner_text()
    opened.close()


def test_a_page_is_light_or_dark_as_the_reader_chooses(browser: Browser, served: str) -> None:
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(f"{served}/index.html")
    seen = {}
    for theme in ("light", "dark"):
        opened.locator("#dropdown-lightswitch").click()
        opened.locator(f'[data-bs-theme-value="{theme}"]').click()
        assert opened.locator("html").get_attribute("data-bs-theme") == theme
        color = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        seen[theme] = sum(map(int, re.findall(r"\d+", color)[:3]))
    assert seen["dark"] < 200
    assert seen["light"] > 600
    # the choice is kept from page to page
    opened.goto(f"{served}/reference/layer_dense.html")
    assert opened.locator("html").get_attribute("data-bs-theme") == "dark"
    opened.close()


def test_the_first_page_shows_its_pictures(browser: Browser) -> None:
    opened = browser.new_page()
    opened.goto((SITE / "index.html").as_uri())
    widths = opened.eval_on_selector_all("main img", "all => all.map(one => one.naturalWidth)")
    # a history, the live page, a model's graph
    assert len(widths) >= 3
    assert min(widths) > 0
    opened.close()
