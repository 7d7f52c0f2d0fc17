"""The page in a real browser: typed, clicked and walked by keys. Needs Playwright and a Chromium on the path."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import running
from ran import ANYSEEK
from waiting import BRAKE_S

pytest.importorskip("uvicorn")
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = """--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-quic""".split()

sync_api.expect.set_options(timeout=BRAKE_S * 1000)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
    pytest.mark.filterwarnings("ignore"),
]


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a server over a folder's index."""
    command = [str(ANYSEEK), "serve", "--port", "0"]
    with running(command, cwd=folder, stderr=None, env=environment) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[3]


@pytest.fixture(scope="module")
def address(made: Path, environment: dict[str, str]) -> Iterator[str]:
    with served(made, environment) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@contextmanager
def new_page(browser: Any) -> Iterator[Any]:
    """A page that shares nothing with the ones before it."""
    context = browser.new_context()
    context.set_default_timeout(BRAKE_S * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, opened; an error in its script, or a request to anywhere else, fails the test."""
    wrong: list[str] = []
    with new_page(browser) as one:
        one.on("pageerror", lambda error: wrong.append(str(error)))
        one.on(
            "request",
            lambda asked: asked.url.startswith((address, "blob:", "data:")) or wrong.append(asked.url),
        )
        one.goto(address)
        one.wait_for_selector("#kinds button")
        yield one
    assert wrong == []


def ask(page: Any, words: str) -> None:
    page.fill("#words", words)
    page.keyboard.press("Enter")
    page.wait_for_selector("article")


def expect_first(page: Any, kind: str, name: str) -> None:
    """The first hit of a modality has this name, now or as soon as the answer is there."""
    section = page.locator("section", has=page.locator("h2", has_text=kind))
    sync_api.expect(section.locator("article a").first).to_have_text(name)


@pytest.mark.thorough
def test_words_find_in_every_modality_and_the_address_says_so(page: Any) -> None:
    ask(page, "green")
    expect_first(page, "image", "green.png")
    shared = page.url
    page.goto("about:blank")
    page.goto(shared)
    page.wait_for_selector("article")
    assert page.input_value("#words") == "green"
    expect_first(page, "image", "green.png")
    picture = page.locator("article img").first
    sync_api.expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("one => one.naturalWidth") > 0
    ask(page, "red")
    expect_first(page, "image", "red.png")
    page.go_back()
    expect_first(page, "image", "green.png")


def test_keys_are_enough(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("red")
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.tagName") == "ARTICLE"
    page.keyboard.press("m")
    page.wait_for_selector("#parts button")
    assert "like=" in page.url
    page.locator("#parts button").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#parts button", state="detached")
    assert "like=" not in page.url


@pytest.mark.thorough
def test_a_file_is_a_question_and_chips_narrow_the_answer(page: Any, made: Path) -> None:
    page.set_input_files("#file", next(made.rglob("blue.png")))
    page.wait_for_selector("article")
    expect_first(page, "image", "blue.png")
    assert page.locator("h2").first.inner_text().lower() == "image"  # its own kind stands first
    page.locator("#kinds button", has_text="audio").click()
    sync_api.expect(page.locator("h2")).to_have_text(["audio"])
    assert page.locator("#kinds button", has_text="audio").get_attribute("aria-pressed") == "true"


@pytest.mark.thorough
def test_what_goes_wrong_is_said_where_it_is_read(page: Any) -> None:
    page.fill("#where", "colour = red")
    ask_for = page.locator("#words")
    ask_for.fill("red")
    page.keyboard.press("Enter")
    page.wait_for_selector("#told.error")
    assert "colour" in page.inner_text("#told")
    page.fill("#where", "name = nothing.at.all")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#told")).to_contain_text("passes the filter")


@pytest.mark.thorough
def test_what_is_typed_is_never_lost(page: Any) -> None:
    page.fill("#words", "green")
    page.fill("#where", "type = png")
    page.locator("#merge").click()
    page.wait_for_selector("article")
    assert page.input_value("#words") == "green"
    assert "words=green" in page.url


@pytest.mark.thorough
def test_everything_that_can_be_used_has_a_name(page: Any) -> None:
    ask(page, "green")
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input:not([hidden]), audio, canvas, img, a')]
        .filter(one => !(one.textContent.trim() || one.ariaLabel || one.alt || one.title || one.placeholder))
        .map(one => one.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.thorough
def test_a_phone_shows_it_without_scrolling_sideways(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    ask(page, "green")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.fixture
def many(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A folder with 10,500 short notes, indexed."""
    folder = tmp_path / "many"
    for i in range(10_500):
        note = folder / f"{i % 100}" / f"note-{i}.txt"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"Note {i}: {i % 7} birds over house number {i % 131}.")
    subprocess.run([str(ANYSEEK), "index", "--quiet", str(folder)], env=environment, check=True)
    return folder


MOST = 9_980
"""Near equals that a longer list ranks otherwise are shown once, so a few of the 10,000 places stay empty."""


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_ten_thousand_results_scroll_by(browser: Any, many: Path, environment: dict[str, str]) -> None:
    with served(many, environment) as address, new_page(browser) as page:
        page.goto(address + "?words=birds")
        page.wait_for_selector("article")
        marked = page.evaluate("document.querySelector('article').marked = true")
        while (now := page.locator("article").count()) < MOST:
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
            page.wait_for_function("n => document.querySelectorAll('article').length > n", arg=now)
        ids = page.evaluate("new Set([...document.querySelectorAll('article')].map(a => a.dataset.id)).size")
        assert MOST <= now == ids <= 10_000
        assert page.evaluate("document.querySelector('article').marked") is marked  # not made again
