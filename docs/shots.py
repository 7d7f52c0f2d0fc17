"""The pictures of the page in the docs: `python docs/shots.py URL SAMPLES`, by Playwright and a Chromium.

SAMPLES: the folder demo/samples, whose index the server at URL shows.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

SHOTS = Path(__file__).parent / "images"


def main(url: str, samples: Path) -> None:
    """Asks by words, picture, sound and depth map, for nothing, for nonsense, and on a phone."""
    from playwright.sync_api import sync_playwright

    browser_at = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_at, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.goto(url)
        page.wait_for_selector("#kinds button")
        page.screenshot(path=SHOTS / "page-empty.png")
        ask(page, "a dog barking")
        page.screenshot(path=SHOTS / "page-words.png")
        for name, path in (
            ("picture", "pictures/sea/beach.jpg"),
            ("sound", "recordings/outdoors/waves.wav"),
            ("depth", "scans/kitchen_depth.tif"),
        ):
            page.goto(url)
            page.set_input_files("input[type=file]", samples / path)
            page.wait_for_selector("article")
            page.wait_for_timeout(1500)
            page.screenshot(path=SHOTS / f"page-{name}.png")
        page.goto(f"{url}?words=knitting+pattern&merge=1")
        page.wait_for_selector("article")
        page.screenshot(path=SHOTS / "page-nothing.png")
        page.goto(f"{url}?words=a+dog&where=colour+%3D+red")
        page.wait_for_selector("#told.error")
        page.screenshot(path=SHOTS / "page-error.png")
        phone = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        phone.goto(f"{url}?words=the+sea&merge=1")
        phone.wait_for_selector("article")
        phone.wait_for_timeout(800)
        phone.screenshot(path=SHOTS / "page-phone.png")
        browser.close()
    for path in SHOTS.glob("page-*.png"):  # photographs in full colour would be five times as large
        with Image.open(path) as shot:
            small = shot.convert("RGB").quantize(256)
        small.save(path, optimize=True)


def ask(page: Any, words: str) -> None:
    """Types, and waits for the pictures."""
    page.fill("#words", words)
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
