"""Pictures of a finished run for the README: its report, its model card as a page, its demo by day, by night, by phone.

python benchmarks/screenshots.py RUN

They are made with the machine's own Chromium and written to `benchmarks/screenshots/`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent / "screenshots"
TESTS = Path(__file__).parents[1] / "tests"
STYLE = Path(__file__).parents[1] / "finetune" / "cards" / "templates" / "report.css"
DESKTOP, TALL, PHONE = (1120, 760), (1120, 1240), (390, 844)
LARGEST = 150_000  # bytes of a picture: a README loads all of them
# The report sets its sections apart, Markdown has headings alone.
SPACING = "main h2 { margin: 2.4rem 0 .8rem; } pre code { font-size: 1em; }"
# Debian's own choice for "the system's font" is broader than what people have; this one has Helvetica's widths.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>
<match><test name="family"><string>sans</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit></match>
<match><test name="family"><string>sans-serif</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit></match>
<match><test name="family"><string>system-ui</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Liberation Sans</string></edit></match>
<match><test name="family"><string>ui-monospace</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Liberation Mono</string></edit></match>
</fontconfig>"""


def card_page(text: str) -> str:
    """A model card as a page, the way a site shows it: its metadata as tags, its Markdown rendered, in our colours.

    Args:
        text: Markdown with a YAML head.
    """
    import yaml
    from markdown_it import MarkdownIt

    _, head, body = text.split("---\n", 2)
    facts: dict[str, Any] = yaml.safe_load(head)
    shown = [facts.get("pipeline_tag"), facts.get("library_name"), facts.get("license"), *facts.get("language", [])]
    tags = " ".join(f'<span class="tag">{escape(str(tag))}</span>' for tag in [*shown, *facts.get("tags", [])] if tag)
    html = MarkdownIt("commonmark").enable("table").render(body)
    html = html.replace("<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>')
    html = html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Model card</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE.read_text(encoding='utf-8')}{SPACING}</style></head>"
        f'<body><header><p class="kicker">Model card</p><p>{tags}</p></header><main>{html}</main></body></html>'
    )


def write_picture(pixels: bytes, path: Path) -> None:
    """Write a PNG with as many colours as fit into the size that a README can bear."""
    from io import BytesIO

    from PIL import Image

    image = Image.open(BytesIO(pixels)).convert("RGB")
    for colours in (256, 128, 64):
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.relative_to(FOLDER.parent)}: {image.width} × {image.height}, {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def open_window(browser: Browser, url: str, size: tuple[int, int], *, dark: bool = False) -> Iterator[Page]:
    """A page in a window of that size, drawn finely enough for sharp screens."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
        device_scale_factor=1.5, is_mobile=size == PHONE, has_touch=size == PHONE, reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def take_pages(browser: Browser, run: Path, folder: Path) -> None:
    """The report and the model card, their tops."""
    with open_window(browser, (run / "report.html").as_uri(), TALL) as page:
        write_picture(page.screenshot(), folder / "report.png")
    with tempfile.TemporaryDirectory() as place:
        card = Path(place) / "card.html"
        card.write_text(card_page((run / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
        with open_window(browser, card.as_uri(), TALL) as page:
            write_picture(page.screenshot(), folder / "card.png")


def take_demo(browser: Browser, run: Path, folder: Path) -> None:
    """The demo with an example answered: by day, by night, on a phone; and what a swapped word changes."""
    import finetune
    from finetune.serving import Answerer, DemoSettings, start

    demo = start(Answerer(finetune.load(run), run=finetune.RunFolder.open(run)), DemoSettings())
    try:
        for name, size, dark in (("light", DESKTOP, False), ("dark", DESKTOP, True), ("phone", PHONE, False)):
            with open_window(browser, demo.url, size, dark=dark) as page:
                answer_example(page)
                write_picture(page.screenshot(full_page=size != PHONE), folder / f"demo-{name}.png")
        with open_window(browser, demo.url, TALL) as page:
            if compare_swap(page):
                write_picture(page.screenshot(full_page=True), folder / "demo-what-if.png")
    finally:
        demo.close()


def answer_example(page: Page) -> None:
    """Choose the first example and wait for the answer."""
    page.locator(".gallery-item, tr.tr-body").first.click()
    page.get_by_text("Answered in").wait_for()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def compare_swap(page: Page) -> bool:
    """Compare the two inputs that the tab "What if" begins with; False where the demo has no such tab."""
    page.get_by_role("tab", name="Try it").wait_for()
    tab = page.get_by_role("tab", name="What if")
    if not tab.count():
        return False
    tab.click()
    page.get_by_role("button", name="Compare the answers").click()
    page.locator(".change strong:visible").first.wait_for()
    page.mouse.move(0, 0)
    return True


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("python benchmarks/screenshots.py RUN, where RUN is the folder of a finished run")
    sys.path.insert(0, str(TESTS))
    from browser import missing, open_browser

    if reason := missing():
        raise SystemExit(reason)
    run = Path(sys.argv[1]).resolve()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as fonts:
        fonts.write(FONTS)
        fonts.flush()
        with open_browser(FONTCONFIG_FILE=fonts.name) as browser:
            take_pages(browser, run, FOLDER)
            take_demo(browser, run, FOLDER)


if __name__ == "__main__":
    main()
