"""Pages: self-contained, escaped, told in text, the same bytes every time, small or with a folder beside them."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_gallery import gallery, scene
from report_runs import (
    MAKERS,
    boundaries,
    demo,
    gain,
    manipulate,
    manipulation,
    rescore,
    rescoring,
    save_scene,
    synthesis,
    synthesize,
    write_result_run,
    write_run,
)

from gantk.errors import GantkError
from gantk.reports import (
    BarPlot,
    Bins,
    Cell,
    HeatMap,
    Histogram,
    Link,
    Links,
    Page,
    Picture,
    Prose,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
    render,
    render_index,
)
from gantk.reports.render import page_for
from gantk.runs.results import Result
from gantk.tour.results import Figure, TourResult

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{7*7}}"
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Reader(HTMLParser):
    """Reads a page as a browser would, and refuses unbalanced tags."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def gallery_html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return gallery().write(tmp_path_factory.mktemp("gallery") / "gallery.html").read_text(encoding="utf-8")


def test_page_is_self_contained_and_balanced(gallery_html: str) -> None:
    page = Reader(gallery_html)
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "poster", "action", "srcset"):
            address = attributes.get(name) or ""
            assert not re.match(r"(?i)(https?:)?//", address), (tag, name, address[:80])
    assert "@import" not in gallery_html and not re.search(r"url\(\s*['\"]?(https?:)?//", gallery_html)
    assert [a for a in page.all("script") if a.get("src")] == [] and page.all("iframe") == []


def test_every_image_has_a_text(gallery_html: str) -> None:
    page = Reader(gallery_html)
    shown = [attributes for attributes in page.all("img") if attributes.get("data-name")]
    assert len(shown) == 48 + 4 * 9 + 5
    assert all(attributes["alt"] for attributes in shown)
    drawings = [attributes for attributes in page.all("svg") if "plot" in (attributes.get("class") or "")]
    assert drawings and all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)


def test_anchors_are_unique_and_the_contents_lead_to_them(gallery_html: str) -> None:
    page = Reader(gallery_html)
    anchors = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(anchors) == len(set(anchors))
    wanted = [a["href"][1:] for a in page.all("a") if (a.get("href") or "").startswith("#")]
    assert len(wanted) > 12 and set(wanted) <= set(anchors)
    used = {attributes["href"][1:] for attributes in page.all("use")}
    assert used <= set(anchors)


def test_figures_and_tables_are_numbered_in_order(gallery_html: str) -> None:
    numbers = re.findall(r'<span class="number">(Figure|Table) (\d+)</span>', gallery_html)
    for kind in ("Figure", "Table"):
        found = [int(number) for name, number in numbers if name == kind]
        assert found == list(range(1, len(found) + 1)) and found


def test_equal_runs_give_equal_bytes(tmp_path: Path) -> None:
    for command, make in MAKERS.items():
        one, other = make(tmp_path / command / "a" / "run"), make(tmp_path / command / "b" / "run")
        first = render(one, command).read_bytes()
        assert first == render(other, command).read_bytes()
        assert first == render(one, command).read_bytes()


def test_pages_come_without_torch(tmp_path: Path) -> None:
    manipulate(tmp_path)
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'torchvision', 'scipy', 'sklearn'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from gantk.reports import render\n"
        "print(render(sys.argv[1], 'manipulate'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "manipulate.html").is_file()


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    save_scene(tmp_path, "images/a&b.png", 1)
    about = {"argv": f"gantk {HOSTILE}", "state": HOSTILE, "arguments": {"model": HOSTILE, HOSTILE: HOSTILE}}
    typed = [
        TourResult(findings=(HOSTILE,), figures=(Figure(value=HOSTILE, name=HOSTILE, note=HOSTILE),)),
        synthesis(tmp_path, 1, truncation=HOSTILE, predictor=HOSTILE, classes={HOSTILE: 1}),
        boundaries((HOSTILE, HOSTILE + "2")),
        rescoring((HOSTILE, HOSTILE + "2")),
        manipulation(tmp_path, name=HOSTILE),
    ]
    for result in typed:
        write_result_run(tmp_path, result, **about)
    for command in [result.TASK for result in typed]:
        page = Reader(render(tmp_path, command).read_text(encoding="utf-8"))
        assert len(page.all("script")) == 3, command
        assert all("onerror" not in attributes for _, attributes in page.tags), command
        assert not [a for a in page.all("img") if a.get("src") == "x"], command
        assert HOSTILE in "".join(page.words), command


def test_scripts_are_the_ones_the_policy_names(gallery_html: str) -> None:
    import hashlib

    policy = next(
        a["content"] for a in Reader(gallery_html).all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = re.findall(r"<script>(.*?)</script>", gallery_html, re.S)
    assert len(scripts) == 3
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_small_images_come_back_exactly(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    text = Page("t", sections=[Sheet([Picture(image, "noise")])]).write(tmp_path / "p.html").read_text()
    data = base64.b64decode(re.search(r"data:image/webp;base64,([A-Za-z0-9+/=]+)", text)[1])  # type: ignore[index]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), image)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
def test_pictures_of_every_colour_kind(tmp_path: Path, shape: tuple[int, ...]) -> None:
    page = Page("t", sections=[Sheet([Picture(np.full(shape, 7, np.uint8), "a")])]).write(tmp_path / "p.html")
    assert page.read_text().count("data:image/webp") == 1


def test_pictures_move_beside_the_page_when_it_grows(tmp_path: Path) -> None:
    path, folder = tmp_path / "run.html", tmp_path / "run_files"
    noise = np.random.default_rng(0).integers(0, 256, (12, 100, 100, 3), dtype=np.uint8)
    sections = [
        Sheet([Picture(image, f"noise {i}", name=f"n{i}", lossless=True) for i, image in enumerate(noise)], "S")
    ]
    page = Page("t", sections=sections)

    page.write(path)
    assert not folder.exists() and path.stat().st_size > 400_000

    page.write(path, limit=200_000)
    text = path.read_text()
    assert "data:image/webp" not in text and len(text) < 200_000
    used = set(re.findall(r'src="(run_files/[^"]+)"', text))
    assert len(used) == 12 and used == {f"run_files/{file.name}" for file in folder.iterdir()}
    assert np.array_equal(np.asarray(Image.open(tmp_path / sorted(used)[0])).shape, (100, 100, 3))

    kept = folder / "notes.txt"
    kept.write_text("mine")
    Page("t", sections=[Sheet(sections[0].pictures[:6])]).write(path, limit=200_000)
    assert len(list(folder.glob("*.webp"))) == 6 and kept.exists()
    kept.unlink()
    Page("t", sections=[Sheet(sections[0].pictures[:1])]).write(path)
    assert not folder.exists() and "data:image/webp" in path.read_text()


def test_ten_megabytes_is_the_limit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 700, 700, 3), dtype=np.uint8)  # 1.5 MB each, 2 as a data URI
    for i, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / f"{i}.webp", lossless=True, quality=0, method=0)
    pictures = [Picture(tmp_path / f"{i}.webp", f"noise {i}") for i in range(8)]
    small = Page("t", sections=[Sheet(pictures[:4])]).write(tmp_path / "small.html")
    assert 5_000_000 < small.stat().st_size < 10_000_000 and not (tmp_path / "small_files").exists()
    large = Page("t", sections=[Sheet(pictures)]).write(tmp_path / "large.html")
    assert large.stat().st_size < 200_000 and len(list((tmp_path / "large_files").iterdir())) == 8


def test_rebuilt_from_the_directory_alone_wherever_it_lies(tmp_path: Path) -> None:
    before = render(manipulate(tmp_path / "one"), "manipulate").read_bytes()
    (tmp_path / "one" / "manipulate.html").unlink()
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    assert render(tmp_path / "elsewhere", "manipulate").read_bytes() == before


def test_a_tour_that_has_found_nothing_has_a_page(tmp_path: Path) -> None:
    write_run(tmp_path, "demo", {}, argv="", arguments={}, versions=None, timings={}, started=None, ended=None)
    Reader(render(tmp_path, "demo").read_text(encoding="utf-8"))


@pytest.mark.parametrize("told", [{"samples": None}, {"distances": ["x", 0, 1]}, {"frames": []}])
def test_a_tour_of_the_released_version_that_is_damaged_is_one_sentence(
    tmp_path: Path, told: dict[str, object]
) -> None:
    best = {"name": "a", "space": "w", "distances": [-1, 0, 1], "frames": [["a", "b", "c"]], "samples": ["s"]}
    write_run(tmp_path, "demo", {"best": [{**best, "start": 1, "measured": 1.0, "selectivity": 2.0, **told}]})
    for make in (render, page_for):
        with pytest.raises(GantkError, match="The run of `gantk demo` in .* was made by an earlier gantk and cannot"):
            make(tmp_path, "demo")


def test_missing_numbers_are_no_error(tmp_path: Path) -> None:
    """An attribute that never varies has no number in standard deviations: it comes last, with a gap."""
    result = rescoring(("flat", "season"), deviations=(0.0, 0.2))
    text = render(write_result_run(tmp_path, result), "rescore").read_text(encoding="utf-8")
    Reader(text)
    assert "nan" not in re.sub(r"data:[^\"]*", "", text).lower().replace("semantic", "")
    assert [each.name for each in result.ranked()] == ["season", "flat"] and result.table()[1]["in_std"] is None


def test_deviations_decide_the_order(tmp_path: Path) -> None:
    """Attributes in units of their own: the sentence, the table and the picture name the same boundary first."""
    result = rescoring(("trees", "season"), deviations=(4.0, 0.2))
    assert result.boundaries[0].whole.gain > result.boundaries[1].whole.gain
    assert [each.name for each in result.ranked()] == ["season", "trees"]
    assert "`season` raises its attribute most" in result.said("found")[0] and "season" in result.lines()[1]
    page = result.page()
    table, bars = (next(part for part in page.sections if type(part).__name__ == name) for name in ("Table", "BarPlot"))
    assert table.rows[0][1] == "season" and bars.labels[0] == "season"
    assert bars.values[0] == pytest.approx(result.boundaries[1].whole.gain / 0.2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "Every boundary raises its attribute more than each of 8 random directions"),
        ({"random": 1}, "more than the random direction of the same length"),
        ({"names": ("season",)}, "It raises its attribute more than each of 8 random directions"),
        ({"names": ("season",), "deviations": (0.0,)}, "never vary over 500 samples"),
    ],
)
def test_findings_say_what_the_result_holds(change: dict[str, Any], says: str) -> None:
    result = rescoring(**change)
    assert any(says in text for text in result.said("found"))
    assert "95 % of random" not in " ".join(result.said("found"))
    assert not any("random direction" in text for text in rescoring(random=0).said("found"))


def test_noise_is_named() -> None:
    result = rescoring(("season", "trees"))
    weak = dataclasses.replace(result.boundaries[1], random=np.array([0.0, 9.0]))
    result = dataclasses.replace(result, boundaries=(result.boundaries[0], weak))
    text = " ".join((*result.said("found"), *result.said("doubt")))
    assert "`trees` raises its attribute no more than the best of 8" in text and "Every boundary" not in text
    nothing = dataclasses.replace(weak, whole=gain(0.0, 0.0), rows=())
    alone = dataclasses.replace(result, boundaries=(nothing,), change=result.change[1:])
    assert "No boundary raises its attribute" in alone.sentence() and nothing.strongest_row is None
    Reader(alone.page().text())


def test_files_outside_the_run_are_never_shown(tmp_path: Path) -> None:
    save_scene(tmp_path, "secret.png", 1)
    for name in ("../secret.png", str(tmp_path / "secret.png"), "images/../../secret.png"):
        run = synthesize(tmp_path / "run", 1)
        path = run / "synthesize.result.json"
        plain = json.loads(path.read_text())
        plain["fields"]["images"] = [name]
        path.write_text(json.dumps(plain))
        with pytest.raises(GantkError, match="no name of a file in a run"):
            render(run, "synthesize")


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "../up.html", "/etc/passwd", "data:text/html,x", "\\\\host\\x"]
)
def test_links_that_lead_out_are_refused(tmp_path: Path, href: str) -> None:
    with pytest.raises(GantkError, match="leads out of the run directory"):
        Page("t", sections=[Links([Link(href, "x")])]).write(tmp_path / "p.html")
    assert list(tmp_path.iterdir()) == []


def test_states_other_than_complete_are_said(tmp_path: Path) -> None:
    assert "interrupted" not in Reader(render(synthesize(tmp_path), "synthesize").read_text()).text
    write_run(tmp_path, "demo", {}, state="interrupted")
    assert "This run is interrupted" in Reader(render(tmp_path, "demo").read_text()).text
    write_run(tmp_path / "none", "synthesize", {}, state="interrupted", identity={})
    with pytest.raises(GantkError, match="it is interrupted"):
        render(tmp_path / "none", "synthesize")


def test_command_and_versions_are_on_the_page(tmp_path: Path) -> None:
    page = Reader(render(synthesize(tmp_path), "synthesize").read_text())
    for expected in ("gantk synthesize demo --num 4", "torch 2.9.0", "2026-01-02 03:05", "72.4 s", "seed 0"):
        assert expected in page.text


def test_a_run_of_an_unknown_command_has_no_page(tmp_path: Path) -> None:
    write_run(tmp_path, "synthesise", {"mean_iou": 0.7})
    with pytest.raises(GantkError, match="'synthesise' in .*, which is no command with a page. Did you mean 'synth"):
        render(tmp_path, "synthesise")


def test_tour_links_every_page_with_a_thumbnail(tmp_path: Path) -> None:
    demo(tmp_path)
    for folder, command in (
        ("samples", "synthesize"),
        ("boundaries", "train-boundary"),
        ("layers", "rescore"),
        ("edits", "manipulate"),
    ):
        render(tmp_path / folder, command)
    text = render(tmp_path, "demo").read_text()
    cards = re.findall(r'<li><a href="([^"]+)">(<img)?', text[text.index("Pages of the tour</h2>") :])
    assert [href for href, _ in cards] == [
        "samples/synthesize.html",
        "boundaries/train-boundary.html",
        "layers/rescore.html",
    ]
    assert all(picture for _, picture in cards)
    assert 'href="edits/manipulate.html"' in text[text.index("Other pages</h2>") :]  # what no chapter names
    assert all((tmp_path / href).is_file() for href, _ in cards)


def test_several_runs_have_an_index(tmp_path: Path) -> None:
    synthesize(tmp_path)
    assert render_index(tmp_path) is None
    rescore(tmp_path)
    assert render_index(tmp_path) == tmp_path / "index.html"
    write_run(tmp_path, "rescore", {}).joinpath("rescore.run.json").rename(tmp_path / "rescore.0-of-2.run.json")
    assert render_index(tmp_path) is None, "shards count once they are merged"


def test_a_result_without_the_parts_of_its_picture_has_a_card_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesize(tmp_path)
    rescore(tmp_path)

    def front(result: Result) -> None:
        raise IndexError("tuple index out of range")

    monkeypatch.setattr(Result, "front", front)
    assert render_index(tmp_path) == tmp_path / "index.html"


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    synthesize(tmp_path)
    with pytest.raises(GantkError, match="'synthesise'.*Did you mean 'synthesize'"):
        render(tmp_path, "synthesise")
    (tmp_path / "synthesize.run.json").write_text("[]")
    with pytest.raises(GantkError, match="no run manifest"):
        render(tmp_path, "synthesize")
    (tmp_path / "synthesize.run.json").write_text("{")
    with pytest.raises(GantkError, match="no readable JSON"):
        render(tmp_path, "synthesize")
    synthesize(tmp_path, 1)
    (tmp_path / "images" / "000000.png").write_bytes(b"no image")
    with pytest.raises(GantkError, match="000000.png cannot be read"):
        render(tmp_path, "synthesize")
    assert not list(tmp_path.glob("*.html"))


def test_sections_refuse_shapes_that_do_not_fit() -> None:
    picture = Picture(scene(0), "a")
    attempts = {
        "values; it needs": lambda: SliderStrip([picture], [0.0, 1.0]),
        "cannot start at 3": lambda: SliderStrip([picture], [0.0], start=3),
        "cannot start at 4": lambda: SliderStrip([picture], [0.0], first=4),
        "share their values": lambda: SliderGrid([SliderStrip([picture], [0.0]), SliderStrip([picture], [1.0])]),
        "has no strips": lambda: SliderGrid([]),
        "the two must agree": lambda: HeatMap(np.zeros((2, 3)), ["a", "b"], ["c"]),
        "columns need as many": lambda: Table(["a", "b"], [[1]]),
        "all of one length": lambda: Series("s", [1, 2], [1]),
        "need labels, values": lambda: BarPlot(["a"], [1.0], low=[0.0]),
        "one edge more": lambda: Bins("b", [1, 2], [0, 1]),
        "alternative text": lambda: Picture(scene(0), " "),
        "uint8": lambda: Picture(np.zeros((4, 4, 3)), "a"),
        "cannot hold a int": lambda: Page("t", sections=[3]).html(None),  # type: ignore[list-item, arg-type]
    }
    for message, attempt in attempts.items():
        with pytest.raises(GantkError, match=message):
            attempt()


def test_prose_knows_three_conveniences_and_escapes_the_rest(tmp_path: Path) -> None:
    text = "one `a<b` **bold**\nstill one\n\n- x & y\n- z"
    html = Page("t", sections=[Prose(text)]).write(tmp_path / "p.html").read_text()
    assert '<p>one <code class="whole">a&lt;b</code> <strong>bold</strong> still one</p>' in html
    assert "<ul><li>x &amp; y</li><li>z</li></ul>" in html


def test_empty_plots_and_tables_are_drawn(tmp_path: Path) -> None:
    nan = float("nan")
    sections = [
        Table(["a"], []),
        BarPlot([], []),
        BarPlot(["a"], [nan], [nan], [nan]),
        Histogram([Bins("n", [0], [0.0, 1.0])]),
        HeatMap(np.full((1, 1), nan), ["a"], ["b"]),
        Sheet([]),
        Links([]),
    ]
    text = Page("t", sections=sections).write(tmp_path / "p.html").read_text()
    Reader(text)
    assert "NaN" not in text and ">nan" not in text


def test_bars_and_sort_keys_of_cells(tmp_path: Path) -> None:
    rows = [["a", Cell(0.5, "half", bar=0.5)], ["b", Cell(None)], ["c", 1.25]]
    text = Page("t", sections=[Table(["name", "value"], rows)]).write(tmp_path / "p.html").read_text()
    assert re.findall(r'<td data-sort="([^"]*)" class="numeric">', text) == ["0.5", "", "1.25"]
    assert "--part:50.0%" in text
