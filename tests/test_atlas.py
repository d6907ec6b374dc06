"""`gantk.atlas.chart`: sources, continuation, what the files say; `gantk.stylespace.find`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from higan_cases import save_tiny
from test_results import random_features
from torch import Tensor

import gantk
from gantk.atlas import Settings, Yardstick, judge_of, rows, sources, verbs
from gantk.atlas.found import AtlasResult, Charted, is_steady
from gantk.atlas.moves import draw_samples, moves_of
from gantk.atlas.options import AtlasOptions
from gantk.atlas.plan import Sizes, sizes_of
from gantk.atlas.results import Measured
from gantk.cli.main import run
from gantk.errors import GantkError, StoreError
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.efficientnet_lite import ImageNet

SMALL = {"quick": True, "num": 40, "held_out": 2, "random": 1, "shown": 1}
WORDS = ["--quick", "-N", "40", "--held-out", "2", "--random", "1", "--shown", "1"]
WORDS += ["--predictor", "demo", "--metric", "demo"]


class Few(DemoPredictor):
    """The bundled predictor with a few of its attributes: each costs a direction of three systems."""

    attribute_names = ("time_of_day", "season", "trees")
    name = "demo"

    def __init__(self, *networks: Any, **named: Any) -> None:
        super().__init__(*networks, **named)
        own = DemoPredictor.bundled().attribute_names
        self.attribute_names = Few.attribute_names
        self.chosen = [own.index(name) for name in self.attribute_names]

    def read(self, image_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        score_NA, feature_NF = super().read(image_NCHW)
        return score_NA[:, self.chosen], feature_NF

    def maps_and_attributes(self, image_NCHW: Tensor) -> tuple[list[Tensor], Tensor]:
        maps, score_NA = super().maps_and_attributes(image_NCHW)
        return maps, score_NA[:, self.chosen]


def smaller(options: AtlasOptions) -> Sizes:
    """A quick atlas's sizes, with few rows and neighbours."""
    return dataclasses.replace(sizes_of(options), rows=1, others=8)


@pytest.fixture(scope="module", autouse=True)
def _smaller() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "sizes_of", smaller)
        patch.setattr(ImageNet, "from_file", random_features)  # the features that say how far edits may go
        yield


@pytest.fixture(scope="module")
def chart(_smaller: None) -> AtlasResult:
    generator = gantk.load_generator("demo")
    given = gantk.Direction("mine", "direction", "w", np.eye(64, dtype=np.float32)[:1])
    words = {"directions": given, "seeds": "85,3,4", **SMALL}
    with pytest.MonkeyPatch.context() as patch:  # single rows are tried in the runs below
        patch.setattr(verbs, "sizes_of", lambda options: dataclasses.replace(smaller(options), rows=0))
        found: AtlasResult = gantk.atlas(generator, Few.bundled(), **words)
    return found


def test_every_system_has_its_directions(chart: AtlasResult) -> None:
    count = {source.system: source.directions for source in chart.sources}
    assert count["higan"] == 3 and count["sefa"] == count["ganspace"] == 3 and count["given"] == 1
    assert count["resefa"] >= 4 and count["stylespace"] >= 3 and count["encoder"] == 3
    assert count["navigan"] == 3 and sum(part is not None for part in chart.weights) <= 3
    assert sum(count.values()) == len(chart.charted)
    assert not any(source.note for source in chart.sources)
    walks = [group.walk for group in chart.groups if group.walk is not None]
    assert walks and all([strip.label for strip in walk.strips] == ["seed 85", "seed 3", "seed 4"] for walk in walks)
    members = sorted(m for group in chart.groups for m in group.members)
    assert members == list(range(len(chart.charted)))


def test_how_far_edits_may_go_is_said_and_by_whose_features(chart: AtlasResult) -> None:
    assert chart.reader == "demo" and all(part.limit is not None for part in chart.charted)
    assert "by the features of the predictor demo, as" in chart.page().text()
    blind = dataclasses.replace(chart, reader="")
    assert "nothing here has features of images" in blind.page().text()


def test_files_move_towards_their_attribute(chart: AtlasResult) -> None:
    """A file, measured again from scratch on other samples, makes the attribute that names it grow."""
    generator = gantk.load_generator("demo")
    judge = judge_of(generator, Few.bundled())
    yardstick = Yardstick(draw_samples(generator, 4, seed=77), judge, Settings(search=4, rows=0, others=0))
    pairs = [pair for pair in zip(chart.groups, chart.directions, strict=True) if pair[1] is not None]
    named = [(chart.head(group), direction) for group, direction in pairs if chart.head(group).selectivity > 4]
    chosen = [next(pair for pair in named if pair[0].turn == turn) for turn in (1, -1)]
    for head, direction in chosen:
        measured = yardstick.measure(next(moves_of(generator, direction, "again")))
        assert measured.what.change_A[head.attribute] > 0.1
    changes = chart.matrix("attributes")
    for row, group in enumerate(chart.groups):
        head = chart.head(group)
        assert head.attribute < 0 or changes[row, head.attribute] > 0


def test_a_family_without_styles_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "_reader", lambda generator, metric: None)  # the others have one, and its range
    monkeypatch.setattr(verbs, "SYSTEMS", ("higan", "stylespace"))
    found = gantk.atlas.chart(gantk.load_generator("demo-pggan"), **SMALL)
    notes = {source.system: source.note for source in found.sources}
    assert "no space s" in notes["stylespace"] and not notes["higan"]
    assert notes["stylespace"] in found.page().text()


PARTS = ("sefa", "stylespace", "navigan")


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("tiny") / "tiny.safetensors"))


@pytest.fixture(scope="module")
def whole(_smaller: None, tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of an atlas that was not interrupted and not divided."""
    folder = tmp_path_factory.mktemp("whole") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "SYSTEMS", PARTS)
        assert run(["atlas", tiny_model, *WORDS, "-o", str(folder)]) == 0
    return folder


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def differing(whole: Path, other: Path) -> set[str]:
    """The files of a run that another has otherwise, but for those that say when and how long."""
    differ = {name for name in files_of(whole) if (whole / name).read_bytes() != (other / name).read_bytes()}
    return {name for name in differ if not name.endswith((".run.json", ".html"))}


def test_a_killed_run_continues_to_the_same_bytes(
    whole: Path, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "killed"
    monkeypatch.setattr(verbs, "SYSTEMS", PARTS)
    measure, calls, after = Yardstick.measure, [], []

    def killed(self: Yardstick, *arguments: object) -> Measured:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return measure(self, *arguments)

    def counted(self: Yardstick, *arguments: object) -> Measured:
        after.append(1)
        return measure(self, *arguments)

    def refuse(name: str, ground: object) -> None:
        raise AssertionError(f"{name} was searched again")

    monkeypatch.setattr(Yardstick, "measure", killed)
    assert run(["atlas", tiny_model, *WORDS, "-o", str(other)]) != 0
    monkeypatch.setattr(Yardstick, "measure", counted)
    monkeypatch.setattr(verbs, "find_source", refuse)
    assert run(["atlas", tiny_model, *WORDS, "-o", str(other)]) == 0
    assert files_of(whole) == files_of(other) and not differing(whole, other)
    table = json.loads((whole / "atlas.json").read_text())
    assert len(after) == sum(len(row["members"]) for row in table) - 5
    for row in table:
        if row["file"].startswith("weights/"):
            continue  # the shards' test renders one
        assert gantk.load_direction(whole / row["file"]).meta["group"] == row["name"]


def test_shards_end_with_the_bytes_of_the_whole(
    whole: Path, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, model = tmp_path / "parts", tiny_model
    monkeypatch.setattr(verbs, "SYSTEMS", PARTS)
    assert run(["atlas", model, *WORDS, "-o", str(parts), "--prepare"]) == 0
    assert not (parts / "atlas.result.json").exists()
    assert run(["atlas", model, *WORDS, "-o", str(tmp_path / "neither"), "--prepare", "--shard", "0/2"]) == 2
    assert not (tmp_path / "neither").exists()
    for index in range(2):
        assert run(["atlas", model, *WORDS, "-o", str(parts), "--shard", f"{index}/2"]) == 0
    assert run(["merge", str(parts)]) == 0
    assert not differing(whole, parts)
    assert (parts / "sources" / "samples" / "synthesize.html").is_file()
    weights = [row for row in json.loads((whole / "atlas.json").read_text()) if row["file"].startswith("weights/")]
    assert weights, "the leading weight directions do nothing that SeFa does"
    generator = gantk.load_generator(model)
    moved = gantk.navigan.load_weights(whole / weights[0]["file"])
    assert moved.scale(0) == pytest.approx(2 * weights[0]["strength"])
    assert moved.render(generator, gantk.GivenCodes(generator.sample_z(1), "z")) is not None


def test_where_nothing_is_steady_nothing_is_named(chart: AtlasResult) -> None:
    def heads(cosines: list[float], space: str = "w", attribute: int = -1) -> list[Charted]:
        base = chart.charted[0]
        change, error = np.zeros_like(base.change_A), np.full_like(base.error_A, 0.2)
        change[0] = 0.3 if attribute == 0 else 0.1
        return [
            dataclasses.replace(
                base, space=space, across=cosine, attribute=attribute and min(attribute, 0), change_A=change,
                error_A=error,
            )
            for cosine in cosines
        ]  # fmt: skip

    random = [0.1, 0.2, 0.3]

    def steady(charted: list[Charted]) -> bool:
        return is_steady(charted, charted, random)

    assert steady(heads([0.5] * 10))
    assert not steady(heads([0.25] * 10))
    assert not steady(heads([0.29] * 12)), "surely more than random ones, but by less than half"
    small = heads([0.05] * 10)
    assert not is_steady(small, small, [0.02, 0.01, 0.03]), "twice as much as next to nothing"
    assert not steady(heads([0.5] * 3 + [0.1] * 9))
    assert not steady(heads([0.1] * 10) + heads([0.9] * 10, "s")), "a channel is no match for random codes"
    assert is_steady(heads([0.9], "s"), heads([0.5] * 10), random), "directions that no group shows count as well"
    assert steady(heads([0.0] * 4, attribute=0)), "an attribute changes beyond its interval"
    unsteady = [dataclasses.replace(head, attribute=1) for head in heads([0.9] * 4)]
    assert not steady(unsteady), "an attribute changes here and there"
    groups = chart.groups[:3]
    found = dataclasses.replace(chart, groups=groups, charted=tuple(unsteady) * 40)
    assert not found.found() and "Nothing here is steady" in found.page().text()


def test_a_source_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["atlas", "demo", "--systems", "sefa,sofa", "-o", str(tmp_path / "a")]) == 2
    assert "--systems names 'sofa'" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "noted"), [(GantkError("no convolution"), True), (StoreError("a full disk"), False)])
def test_a_source_is_left_out_for_what_the_generator_lacks_and_not_for_a_full_disk(
    error: GantkError, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(ground: object) -> None:
        raise error

    monkeypatch.setitem(sources._SOURCES, "sefa", fail)
    if noted:
        assert sources.find_source("sefa", cast(sources.Ground, None)).note == str(error)
    else:
        with pytest.raises(StoreError, match="a full disk"):
            sources.find_source("sefa", cast(sources.Ground, None))


def test_thirds_hold_every_row_once() -> None:
    for count in (1, 2, 3, 10, 18):
        assert [row for part in rows.thirds(count).values() for row in part] == list(range(count))


def test_the_strongest_rows_keep_nine_tenths() -> None:
    assert rows.strongest(np.array([0.1, 5.0, -3.0, 4.0, 0.9])) == (1, 3)
    assert rows.strongest(np.array([0.0, 4.0, 3.0, 3.0])) == (1, 2, 3)
    assert rows.strongest(np.array([-1.0, 0.0])) == (0, 1), "nothing carries it: all rows stay"


def test_channels_without_a_predictor_have_regions_without_labels() -> None:
    generator = gantk.load_generator("demo")
    found = gantk.stylespace.find(generator, num=24, looked=1, components=1, samples=1, step=3)
    assert not found.by_attribute and found.by_region and sum(found.belonging) > 0
    assert all(direction.space == "s" for direction in found.directions)
    with pytest.raises(gantk.UsageError, match="no space s"):
        gantk.stylespace.find(gantk.load_generator("demo-pggan"))
