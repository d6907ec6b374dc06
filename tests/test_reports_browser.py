"""Pages in headless Chromium: sliders, keys, sorting, zoom, themes, widths. Skipped, saying so, where there is none."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from report_gallery import gallery
from report_runs import MAKERS, demo, manipulate

from gantk.reports import Link, Links, Page, Picture, Sheet, SliderGrid, SliderStrip, render

pytestmark = pytest.mark.browser

SHOWN = ".many .strip .frame.current img"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gallery().write(tmp_path_factory.mktemp("page") / "gallery.html")


def pixels(browser: Browser, selector: str = SHOWN) -> str:
    """A digest of what the first visible match shows, drawn by the browser itself."""
    browser.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center', behavior: 'instant'}})")
    data = browser.run(
        f"(async () => {{ const i = document.querySelector('{selector}'); await i.decode();"
        "const c = document.createElement('canvas'); c.width = i.naturalWidth; c.height = i.naturalHeight;"
        "c.getContext('2d').drawImage(i, 0, 0); return c.toDataURL(); })()"
    )
    return hashlib.sha256(data.encode()).hexdigest()


def visible(browser: Browser, selector: str) -> bool:
    found = browser.run(f"getComputedStyle(document.querySelector('{selector}')).visibility")
    return bool(found == "visible")


@pytest.mark.parametrize("command", [*MAKERS, "gallery"])
def test_pages_fit_the_screen_and_complain_about_nothing(
    browser: Browser, tmp_path: Path, page: Path, command: str
) -> None:
    path = page if command == "gallery" else render(MAKERS[command](tmp_path), command)
    for width, phone in ((1280, False), (360, True)):
        browser.screen(width, phone=phone)
        browser.open(path)
        assert browser.console == []
        assert browser.run("document.documentElement.scrollWidth") <= width
        wide = browser.run(
            "[...document.querySelectorAll('main *, .intro *, footer *')]"
            ".filter(e => !e.closest('.scroll, .frames, svg'))"
            ".filter(e => e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 80))"
        )
        assert wide == [], width


def test_long_names_of_files_stay_on_the_screen(browser: Browser, tmp_path: Path) -> None:
    names = [f"{'x' * 80}_w_{what}.npy" for what in ("boundary", "manipulated_wp")]
    page = Page("Files", sections=[Links([Link(name, name) for name in names], "Files")])
    browser.screen(390, phone=True)
    browser.open(page.write(tmp_path / "files.html"))
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_text_of_a_card_runs_on_around_what_is_not_divided(browser: Browser, tmp_path: Path) -> None:
    """Ranges and options are spans of their own, as the card's text is."""
    link = Link("a.npy", "a.npy", text="codes, on rows 5-9, for `gantk x -i`")
    page = Page("Files", sections=[Links([link], "Files")])
    browser.screen(1440)
    browser.open(page.write(tmp_path / "files.html"))
    inner = "[...document.querySelectorAll('.cards small span')].map(s => getComputedStyle(s).display)"
    assert browser.run(inner) == ["inline", "inline"]


def test_a_slider_changes_the_picture(browser: Browser, tmp_path: Path) -> None:
    browser.screen(1280)
    browser.open(render(manipulate(tmp_path), "manipulate"))
    opened = pixels(browser)
    outputs = "[...document.querySelectorAll('output')].map(o => o.textContent)"
    assert browser.run(outputs) == ["0"] * 5  # sliders open on the original
    assert "Arrow keys move the sliders, the key 0" in browser.run(
        "document.querySelector('.many figcaption').textContent"
    )

    browser.click(".strip .slider input")
    browser.press("ArrowRight")
    browser.press("0")
    before, screen = pixels(browser), browser.screenshot()
    assert before == opened
    assert browser.run("document.querySelector('.strip output').textContent") == "0"
    browser.press("ArrowRight")
    browser.press("ArrowRight")

    assert browser.run("document.querySelector('.strip output').textContent") == "+2"
    assert browser.run("document.querySelector('.strip .slider input').getAttribute('aria-valuetext')") == "+2"
    assert pixels(browser) != opened
    assert browser.screenshot() != screen
    assert browser.run("document.querySelectorAll('.strip')[0].querySelectorAll('.frame.current').length") == 1
    assert visible(browser, ".strip .frame.current") and not visible(browser, ".strip .frame:not(.current)")

    browser.press("0")
    assert pixels(browser) == before


def test_the_master_moves_every_sample(browser: Browser, tmp_path: Path) -> None:
    browser.screen(360, phone=True)
    browser.open(render(manipulate(tmp_path), "manipulate"))
    before = pixels(browser)
    browser.run("document.querySelector('.all input').focus()")
    browser.press("End")
    texts = browser.run("[...document.querySelectorAll('output')].map(o => o.textContent)")
    assert texts == ["+3"] * 5
    assert pixels(browser) != before
    shown = browser.run("[...document.querySelectorAll('.strip .current img')].map(i => i.alt)")
    assert shown == [f"sample {i}, time_of_day, distance +3" for i in range(4)]


def test_every_step_at_once(browser: Browser, page: Path) -> None:
    browser.screen(1280)
    browser.open(page)
    browser.click(".many .spread")
    assert browser.run("document.querySelector('.many .spread').getAttribute('aria-pressed')") == "true"
    assert browser.run(
        "[...document.querySelectorAll('.many .frame')].every(f => getComputedStyle(f).visibility === 'visible')"
    )
    stops = "[...document.querySelectorAll('.many .zoom')].map(z => z.tabIndex).filter(i => i === 0).length"
    assert browser.run(stops) == 1  # of all that are shown
    browser.run("document.querySelector('.many .current .zoom').focus()")
    before = browser.run("document.activeElement.querySelector('img').alt")
    browser.press("ArrowRight")
    assert browser.run("document.activeElement.querySelector('img').alt") != before and browser.run(stops) == 1
    assert browser.run("document.querySelectorAll('.many .frame').length") == 36


def column(browser: Browser, number: int) -> list[str]:
    rows = "[...document.querySelectorAll('#most-relevant-semantics tbody tr')]"
    found: list[str] = browser.run(f"{rows}.map(r => r.cells[{number}].textContent.trim())")
    return found


def test_tables_sort_as_numbers_first_down_then_up_and_ties_stay(browser: Browser, page: Path) -> None:
    browser.screen(1280)
    browser.open(page)
    head = "#most-relevant-semantics th:nth-child({}) button"
    state = "document.querySelector('#most-relevant-semantics th:nth-child({})').getAttribute('aria-sort')"

    browser.click(head.format(5))  # 100, 99, ... : as text "99" would come before "100"
    assert browser.run(state.format(5)) == "descending"
    assert column(browser, 4) == [str(n) for n in range(100, 91, -1)]

    browser.click(head.format(4))  # one value is missing: last, downwards
    assert column(browser, 3)[-1] == "\u2013"
    browser.run(f"document.querySelector('{head.format(4)}').focus()")
    browser.press("Enter")  # and upwards, by the keyboard
    assert browser.run(state.format(4)) == "ascending" and browser.run(state.format(5)) is None
    assert column(browser, 3)[-1] == "\u2013"

    browser.click(head.format(6))  # yes and no, in text: equal ones keep the order they came in
    assert column(browser, 5) == ["yes"] * 3 + ["no"] * 6
    assert column(browser, 0) == ["1", "4", "7", "2", "3", "5", "6", "8", "9"]


def test_heat_maps_sort_too(browser: Browser, page: Path) -> None:
    browser.screen(1280)
    browser.open(page)
    browser.click("#where-each-attribute-is-stored thead tr:last-child th:nth-child(3) button")
    cells = browser.run(
        "[...document.querySelectorAll('#where-each-attribute-is-stored tbody tr')]"
        ".map(r => Number(r.cells[2].dataset.sort))"
    )
    assert cells == sorted(cells, reverse=True) and len(set(cells)) > 2


def test_zoom_by_mouse_and_keys(browser: Browser, page: Path) -> None:
    browser.screen(1280)
    browser.open(page)
    browser.click("#samples .zoom")
    viewer = "document.querySelector('.viewer')"
    assert browser.run(f"{viewer}.open")
    assert browser.run(f"{viewer}.querySelector('img').alt") == "Sample 0"
    browser.press("ArrowRight")
    assert browser.run(f"{viewer}.querySelector('img').alt") == "Sample 1"
    browser.press("ArrowLeft")
    browser.press("ArrowLeft")
    assert browser.run(f"{viewer}.querySelector('img').alt") == "Sample 47"
    assert browser.run(f"{viewer}.querySelector('.viewer-count').textContent") == "48 / 48"
    assert browser.run(f"{viewer}.querySelector('img').getBoundingClientRect().height") > 500
    browser.press("Escape")
    assert not browser.run(f"{viewer}.open")
    assert browser.run("document.activeElement.closest('.picture').querySelector('img').alt") == "Sample 0"


def test_zoomed_frames_walk_along_the_direction(browser: Browser, page: Path) -> None:
    browser.screen(360, phone=True)
    browser.open(page)
    browser.click(".many .strip .frame.current .zoom")
    browser.press("ArrowRight")
    browser.press("Escape")
    assert browser.run("document.querySelector('.many .strip output').textContent") == "+0.75"


def test_save_offers_the_bytes_under_a_telling_name(browser: Browser, page: Path) -> None:
    browser.screen(1280)
    browser.open(page)
    browser.run(
        "window.saved = [];"
        "HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, this.href]); }"
    )
    browser.click(".many .strip .frame.current .save")
    name, address = browser.run("window.saved[0]")
    assert name == "time_0_+0.00.webp" and address.startswith("data:image/webp;base64,")
    buttons = browser.run(
        "[...document.querySelectorAll('main .zoom')].filter(z => !z.parentNode.querySelector('.save')).length"
    )
    assert buttons == 0


def test_theme_follows_the_system_until_the_reader_chooses(browser: Browser, page: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    cell = "getComputedStyle(document.querySelector('.heat td[style]')).backgroundColor"
    browser.screen(1280, dark=False)
    browser.open(page)
    light = browser.run(ground), browser.run(cell)
    browser.screen(1280, dark=True)
    dark = browser.run(ground), browser.run(cell)
    assert light[0] != dark[0] and light[1] != dark[1]
    browser.click(".theme")
    assert (browser.run(ground), browser.run(cell)) == light
    browser.open(page)
    assert browser.run(ground) == light[0]  # remembered
    browser.click(".theme")
    assert (browser.run(ground), browser.run(cell)) == dark
    browser.run("localStorage.clear()")


CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => .2126 * linear(c[0] / 255) + .7152 * linear(c[1] / 255) + .0722 * linear(c[2] / 255);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgb('white');
  };
  const poor = [];
  let count = 0;
  for (const node of document.querySelectorAll('.masthead *, .page *, footer *')) {
    const words = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (!words || !node.getClientRects().length || node.closest('title, desc')) continue;
    const style = getComputedStyle(node);
    const text = rgb(node.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(text), light(ground(node))].sort((x, y) => y - x);
    count += 1;
    if ((a + .05) / (b + .05) < 4.5) poor.push(node.outerHTML.slice(0, 90) + ' ' + (a + .05) / (b + .05));
  }
  return [count, poor];
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_has_contrast(browser: Browser, page: Path, dark: bool) -> None:
    browser.screen(1280, dark=dark)
    browser.open(page)
    count, poor = browser.run(CONTRAST)
    assert count > 300 and poor == []


def test_fingers_find_the_controls(browser: Browser, page: Path) -> None:
    """On a phone whatever is pressed measures at least 24 CSS pixels each way (WCAG 2.2, 2.5.8)."""
    browser.screen(360, phone=True)
    browser.open(page)
    small = browser.run(
        "[...document.querySelectorAll('button, summary, input, .contents a')].filter(e => e.getClientRects().length)"
        ".map(e => [e.getBoundingClientRect(), e.outerHTML.slice(0, 80)])"
        ".filter(([r]) => Math.min(r.width, r.height) < 24).map(([r, t]) => [r.width, r.height, t])"
    )
    assert small == []


def test_the_page_with_pictures_beside_it_works_from_a_file(browser: Browser, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = [-1.0, 0.0, 1.0]
    frames = [Picture(random.integers(0, 256, (40, 40, 3), dtype=np.uint8), f"frame {v}") for v in values]
    sections = [SliderGrid([SliderStrip(frames, values)], "Sliders"), Sheet(frames, "Sheet")]
    path = Page("t", sections=sections).write(tmp_path / "run #1.html", limit=1000)
    assert (tmp_path / "run #1_files").is_dir()
    browser.screen(1280)
    browser.open(path)
    assert browser.console == []
    assert browser.run("document.querySelector('.spread').getAttribute('aria-pressed')") == "true"  # few and first
    browser.click(".spread")
    browser.run("document.querySelector('.strip').scrollIntoView()")
    assert browser.run(f"document.querySelector('{SHOWN}').decode().then(() => true)")
    assert browser.run(f"document.querySelector('{SHOWN}').naturalWidth") == 40
    browser.click(".strip .slider input")
    browser.press("ArrowRight")
    assert browser.run(f"document.querySelector('{SHOWN}').alt") == "frame 1.0"


def test_the_tour_leads_to_its_pages(browser: Browser, tmp_path: Path) -> None:
    demo(tmp_path)
    for folder, command in (("samples", "synthesize"), ("edits", "manipulate")):
        render(tmp_path / folder, command)
    browser.screen(360, phone=True)
    browser.open(render(tmp_path, "demo"))
    targets = browser.run("[...document.querySelectorAll('.cards a')].map(a => a.href)")
    assert any(target.endswith("samples/synthesize.html") for target in targets)
    browser.open(tmp_path / "samples" / "synthesize.html")
    assert browser.run("document.querySelector('h1').textContent") == "Samples and their latents"


def test_without_scripts_everything_can_still_be_seen(browser: Browser, tmp_path: Path, page: Path) -> None:
    text = re.sub(r"<script>.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.S)
    bare = tmp_path / "bare.html"
    bare.write_text(text, encoding="utf-8")
    browser.screen(1280)
    browser.open(bare)
    assert not browser.run("document.documentElement.classList.contains('js')")
    assert browser.run(
        "[...document.querySelectorAll('.frame')].every(f => getComputedStyle(f).visibility === 'visible')"
    )
