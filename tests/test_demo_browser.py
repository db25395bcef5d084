"""The demo of every task in a real browser: typing, asking by keyboard, the right answer, errors, a phone, the dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest
from browser import PHONE, Trouble, barriers, brightness, open_browser, open_page, overflow
from test_task_contract import FIRST, example, tiny_recipe

import finetune
from finetune.recipe import task_names
from finetune.serving import Answerer, DemoSettings
from finetune.serving.changes import compare
from finetune.views import Bars, Marked, Quantity, Ranked, View

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page


# What is asked where a test row would show less than the task can do.
ASKED = {"fill-mask": {"text": "the film was [MASK] and the film was long"}}


@dataclass(frozen=True)
class Demo:
    """A page with the demo of a model that was trained for three steps."""

    page: Page
    trouble: Trouble
    answerer: Answerer

    def values(self) -> dict[str, Any]:
        """An input, by the names of the fields."""
        return ASKED.get(self.answerer.model.task.name) or self.answerer.examples()[0]

    def views(self, values: Mapping[str, Any]) -> tuple[View, ...]:
        """What the model says to it, without the demo in between."""
        model = self.answerer.model
        answer = model.predict([dict(values)])[0]
        return model.task.views(model.task.rows_from([dict(values)])[0], answer)

    def wait(self, state: Literal["visible", "hidden"] = "visible") -> None:
        """Until there is an answer on the tab that is open, or none."""
        self.page.get_by_text("Answered in").filter(visible=True).first.wait_for(state=state)

    def example(self) -> Locator:
        """The examples of the tab that is open: buttons where there is one field, rows of a table where more."""
        return self.page.locator(".gallery-item, tr.tr-body").filter(visible=True)

    def tabs(self) -> list[str]:
        """All of them, also those that a narrow window puts into a menu."""
        return [button.inner_text() for button in self.page.locator(".tab-container.visually-hidden button").all()]

    def open(self, name: str) -> None:
        tab = self.page.get_by_role("tab", name=name, exact=True)
        if tab.count():
            tab.click()
        else:
            self.page.get_by_role("button", name="More tabs").click()
            self.page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True).click()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module", params=task_names())
def demo(request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    from finetune.serving.launching import start

    name, folder = request.param, tmp_path_factory.mktemp("demo")
    recipe = tiny_recipe(name, example(name, FIRST[name]), folder, training={"max_steps": 3})
    model = finetune.fit(recipe, finetune.prepare(recipe))
    run = finetune.RunFolder.open(folder / "run")
    finetune.evaluate(model).save(run)
    finetune.report(run)
    answerer = Answerer(model, run=run)
    running = start(answerer, DemoSettings())
    with open_page(browser, running.url) as (page, trouble):
        page.get_by_role("tab", name="Try it").wait_for()
        yield Demo(page, trouble, answerer)
    running.close()


def as_typed(value: Any) -> str:
    """A field's value as it is typed: lists one per line."""
    return "\n".join(value) if isinstance(value, list) else str(value)


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.innerText || '').trim()"))


def press_until(page: Page, key: str, there: Callable[[], bool]) -> None:
    """Press a key until something is so; after twenty times it is not to be reached."""
    for _ in range(20):
        if there():
            return
        page.keyboard.press(key)
    raise AssertionError(f"not reached with {key}")


def ask_by_keyboard(demo: Demo, values: Mapping[str, Any]) -> None:
    """Fill every field in and press the button, from the first field on with keys alone."""
    page = demo.page
    page.get_by_label(demo.answerer.fields[0].label).first.focus()
    for field in demo.answerer.fields:
        press_until(page, "Tab", partial(is_field, page, field.label))
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.press("Delete")
        page.keyboard.type(as_typed(values.get(field.name) or ""))
    press_until(page, "Tab", lambda: focused(page) in ("Ask", "Classify"))
    page.keyboard.press("Enter")


def is_field(page: Page, label: str) -> bool:
    """Whether what has the focus is the field with that label."""
    return bool(page.evaluate(
        "label => ['TEXTAREA', 'INPUT'].includes(document.activeElement.tagName)"
        " && document.activeElement.closest('label, .block').innerText.trim().startsWith(label)", label,
    ))  # fmt: skip


def shown(page: Page, view: View) -> Any:
    """What a person reads of a view."""
    if isinstance(view, Bars):
        bars = page.get_by_test_id("label-output-value").first
        return (bars.inner_text(), page.locator(".confidence").first.inner_text()) if bars.is_visible() else None
    if isinstance(view, Marked):
        return page.get_by_test_id("highlighted-text").locator(".highlighted > .text").all_inner_texts()
    if isinstance(view, Ranked):
        return page.locator(".ranked li .text").all_inner_texts()
    if isinstance(view, Quantity):
        return float(page.locator("input[type=number]").first.input_value())
    return page.get_by_label("Answer").first.input_value()


def wanted(view: View) -> Any:
    """What a person should read of it."""
    if isinstance(view, Bars):
        first = next(iter(view.chosen), None)
        return None if first is None else (first, f"{view.scores[first]:.0%}")
    if isinstance(view, Marked):
        return [view.text[start:end] for start, end, _ in view.spans]
    if isinstance(view, Ranked):
        return list(view.texts)
    return float(f"{view.value:.4g}") if isinstance(view, Quantity) else view.text


def check_answer(demo: Demo, values: Mapping[str, Any]) -> None:
    demo.wait()
    views = demo.views(values)
    assert views
    for view in views:
        assert shown(demo.page, view) == wanted(view), type(view).__name__


def test_typed_and_asked_by_keyboard_it_answers_as_the_model_does(demo: Demo) -> None:
    values = demo.values()
    ask_by_keyboard(demo, values)
    check_answer(demo, values)
    demo.trouble.check()


@pytest.mark.parametrize("by", ["click", "keyboard"])
def test_an_example_is_answered_at_once(demo: Demo, by: str) -> None:
    demo.page.get_by_role("button", name="Clear").click()
    demo.wait("hidden")
    if by == "click":
        demo.example().last.click()
    else:
        demo.example().last.focus()
        demo.page.keyboard.press("Enter")
    check_answer(demo, demo.answerer.examples()[-1])
    demo.trouble.check()


def test_nothing_typed_is_a_sentence(demo: Demo) -> None:
    page = demo.page
    page.get_by_role("button", name="Clear").click()
    demo.wait("hidden")
    page.get_by_role("button", name="Ask").or_(page.get_by_role("button", name="Classify")).first.click()
    alert = page.get_by_role("alert").first
    alert.wait_for()
    assert demo.answerer.fields[0].label in alert.inner_text()
    assert "Traceback" not in page.content()
    assert barriers(page) == []
    demo.trouble.check()


def test_what_if_compares_two_answers_and_says_what_changed(demo: Demo) -> None:
    page = demo.page
    if not any(field.kind == "text" for field in demo.answerer.fields):
        assert "What if" not in demo.tabs()
        return
    demo.open("What if")
    first = demo.values()
    changed = next(field.name for field in demo.answerer.fields if field.kind == "text")
    second = first | {changed: " ".join(reversed(first[changed].split()))}
    for which, values in (("First", first), ("Second", second)):
        for field in demo.answerer.fields:
            value = as_typed(values.get(field.name) or "")
            page.get_by_label(f"{which} input: {field.label}").first.fill(value)
    page.get_by_role("button", name="Compare the answers").click()
    said = page.locator(".change strong:visible").first
    said.wait_for()
    assert said.inner_text() == compare(demo.answerer.answer(first), demo.answerer.answer(second)).headline
    demo.open("Try it")
    demo.trouble.check()


def test_before_and_after_asks_both_models(demo: Demo) -> None:
    page, untouched = demo.page, demo.answerer.untouched()
    if untouched is None:
        assert "Before and after" not in demo.tabs()
        return
    demo.open("Before and after")
    demo.example().first.click()
    first = demo.answerer.examples()[0]
    page.wait_for_function("[...document.querySelectorAll('textarea')].some(e => e.offsetParent && e.value)")
    page.get_by_role("button", name="Ask both").click()
    said = page.locator(".change strong:visible").first
    said.wait_for()
    assert said.inner_text() == compare(untouched.answer(first), demo.answerer.answer(first)).headline
    demo.open("Try it")
    demo.trouble.check()


def test_it_goes_by_keyboard_from_tab_to_tab(demo: Demo) -> None:
    page = demo.page
    demo.open("Try it")
    assert {"Try it", "Model card"} <= set(demo.tabs())
    for name in demo.tabs():
        press_until(page, "Tab", lambda name=name: focused(page) == name)
        page.keyboard.press("Enter")
        assert page.get_by_role("tab", name=name, exact=True).get_attribute("aria-selected") == "true"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "nobody sees where the keyboard is"
    heading = page.locator(".card h2").first
    heading.wait_for()
    assert f"## {heading.inner_text()}" in demo.answerer.card
    demo.trouble.check()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_is_kept_out_by_day_or_by_night(demo: Demo, dark: bool) -> None:
    page = demo.page
    page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    demo.open("Try it")
    demo.example().first.click()
    demo.wait()
    for name in demo.tabs():
        demo.open(name)
        assert barriers(page) == [], name
    assert (brightness(page) < 0.2) if dark else (brightness(page) > 0.9)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    demo.trouble.check()


def test_it_fits_a_phone(demo: Demo) -> None:
    page = demo.page
    window = page.viewport_size
    page.set_viewport_size(PHONE)
    for name in demo.tabs():
        demo.open(name)
        assert overflow(page) == 0, name
        small = page.evaluate(
            "[...document.querySelectorAll('.tab-container [role=tab], button.lg, button.md, .gallery-item, .tr-body')]"
            ".filter(e => e.offsetParent && Math.round(e.getBoundingClientRect().height) < 44).map(e => e.innerText)"
        )
        assert small == [], f"{name}: too small for a thumb"
    page.set_viewport_size(window)
    demo.trouble.check()
