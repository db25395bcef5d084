"""A run's own pages in a real browser: the report, the look at the data, and the model card as a site renders it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import PHONE, Trouble, barriers, brightness, open_browser, open_page, overflow
from conftest import review_rows, write_csv
from test_benchmarks import FOLDER, load

import finetune
from finetune.models import tiny_text_encoder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = ("report", "audit", "card")


@dataclass(frozen=True)
class Shown:
    """A page that is open."""

    page: Page
    trouble: Trouble


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of a short run of the whole pipeline, by name. The browser is asked for first: without it nothing is
    trained."""
    folder = tmp_path_factory.mktemp("pages")
    tiny_text_encoder(str(folder / "base"), [row["text"] for row in review_rows(400)])
    write_csv(folder / "reviews.csv", review_rows())
    finetune.run(finetune.Recipe.from_dict({
        "task": "text-classification", "name": "reviews", "model": {"name": str(folder / "base")},
        "data": {"name": str(folder / "reviews.csv"), "columns": {"text": "text", "label": "label"}},
        "adapter": {"r": 4}, "evaluation": {"resamples": 100}, "bias": {"groups": ["site"], "min_rows": 2},
        "training": {"learning_rate": 1e-2, "max_steps": 4, "train_batch_size": 16, "bf16": False,
                     "report_to": ["none"]},
        "output": {"folder": str(folder), "run": "run"},
    }))  # fmt: skip
    run = folder / "run"
    card = load(FOLDER / "screenshots.py").card_page((run / "README.md").read_text(encoding="utf-8"))
    (run / "card.html").write_text(card, encoding="utf-8")
    return {"report": run / "report.html", "audit": run / "data" / "audit.html", "card": run / "card.html"}


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest, browser: Browser, pages: dict[str, Path]) -> Iterator[Shown]:
    with open_page(browser, pages[request.param].as_uri()) as (page, trouble):
        page.get_by_role("heading", level=1).first.wait_for()
        yield Shown(page, trouble)


def test_nothing_goes_wrong_and_nothing_is_fetched(shown: Shown) -> None:
    shown.trouble.check()
    assert shown.trouble.hosts == set()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_is_kept_out_by_day_or_by_night(shown: Shown, dark: bool) -> None:
    shown.page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    shown.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert barriers(shown.page) == []
    assert (brightness(shown.page) < 0.2) if dark else (brightness(shown.page) > 0.9)


def test_it_fits_a_phone(shown: Shown) -> None:
    window: Any = shown.page.viewport_size
    shown.page.set_viewport_size(PHONE)
    assert overflow(shown.page) == 0
    assert barriers(shown.page) == []
    shown.page.set_viewport_size(window)


def test_the_report_leads_to_its_parts(browser: Browser, pages: dict[str, Path]) -> None:
    with open_page(browser, pages["report"].as_uri()) as (page, _):
        links = page.get_by_role("navigation").get_by_role("link").all()
        assert len(links) > 4
        for link in links:
            link.click()
            place = page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
            assert 0 <= place < page.viewport_size["height"], link.inner_text()  # type: ignore[index]
