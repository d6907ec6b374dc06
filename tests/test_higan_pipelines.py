"""Synthesis, rescoring and manipulation against slow definitions a few lines long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import TINY
from higan_cases import LAYERS, WIDTH, contents, direction, tiny
from PIL import Image

from gantk.errors import GantkError, UsageError
from gantk.files import load_npy
from gantk.generators.base import Generator, Truncation
from gantk.generators.registry import build
from gantk.generators.stylegan3 import StyleGAN3, StyleGAN3Config
from gantk.higan.codes import CodeSource, weights_checksum
from gantk.higan.entries import Entry
from gantk.higan.gains import gains
from gantk.higan.manipulate import (
    ManipulationPlan,
    check_edits,
    choose_rows,
    condition,
    manipulate,
    motion,
    move,
    plan_edit,
    steps,
)
from gantk.higan.rescore import EFFECT, NULL, RescorePlan, attribute_index, rescore, row_names
from gantk.higan.restart import first_layer, repeat
from gantk.higan.synthesize import SynthesisPlan, style_names, synthesize
from gantk.images import as_saved, to_uint8
from gantk.predictors.base import Predictor
from gantk.runs import Run

PSI = Truncation(0.6, 4)


class Means(Predictor):
    """Channel means and the contrast; can be told to fail on its n-th call."""

    name = "means"
    attribute_names = ("red", "green", "blue", "contrast")
    category_names = ("dark", "bright")
    calls, fail_at = 0, -1

    def attributes(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.fail_at:
            raise KeyboardInterrupt
        mean = image_NCHW.mean((2, 3))
        return torch.cat([mean, image_NCHW.std((1, 2, 3))[:, None]], 1)

    def categories(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        bright = image_NCHW.mean((1, 2, 3)).sigmoid()
        return torch.stack([1 - bright, bright], 1)


def begin(folder: Path, command: str = "synthesize", **arguments: Any) -> Any:
    return Run.begin(folder, command, arguments)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny()


# --- codes and synthesis ---------------------------------------------------------------------------------------------


def test_codes_are_on_the_sphere_before_and_after_truncation(generator: Generator) -> None:
    source = CodeSource(generator, 20, seed=3, truncation=PSI)
    codes = source.batch(5, 9)
    assert codes.z is not None and codes.w is not None
    assert torch.allclose(codes.z.norm(dim=1), torch.full((4,), 6**0.5))
    assert torch.equal(codes.w, generator.map(codes.z))
    assert torch.equal(codes.wp, generator.expand(codes.w, PSI))
    assert torch.equal(codes.z, source.batch(0, 20).z[5:9])  # type: ignore[index]


@pytest.mark.parametrize("case", sorted(TINY))
def test_every_family_can_be_synthesized(case: str, tmp_path: Path) -> None:
    family, config = TINY[case]
    network = build(family, config).eval()
    label = "1" if network.spec.label_required else None
    source = CodeSource(network, 3, label=label)
    latents = tuple(name for name in source.spaces)
    with begin(tmp_path) as run:
        synthesize(
            run, source, SynthesisPlan(latents, images=None, styles="s" in network.spec.spaces, batch_size=2, chunk=2)
        )
    assert len(list((tmp_path / "images").glob("*.png"))) == 3
    for name in latents:
        assert len(load_npy(tmp_path / f"{name}.npy")) == 3


def test_what_synthesize_writes(generator: Generator, tmp_path: Path) -> None:
    plan = SynthesisPlan(("z", "w", "wp"), images=None, styles=True, predict=True, batch_size=4, chunk=8)
    source, predictor = CodeSource(generator, 18, seed=1, truncation=PSI), Means()
    with begin(tmp_path) as run:
        synthesize(run, source, plan, predictor)
    wp = torch.from_numpy(load_npy(tmp_path / "wp.npy"))
    w = torch.from_numpy(load_npy(tmp_path / "w.npy"))
    assert torch.allclose(generator.expand(w, PSI), wp, atol=1e-6)
    image = generator.synthesize(wp)
    expected = to_uint8(image)
    for index in range(18):
        with Image.open(tmp_path / "images" / f"{index:06d}.png") as opened:
            assert np.abs(np.asarray(opened).astype(int) - expected[index]).max() <= 1  # batches round differently
    table = load_npy(tmp_path / "attribute.npy")
    assert table.dtype.names == Means.attribute_names and len(table) == 18
    seen = Means().attributes(as_saved(image))
    assert np.allclose(np.stack([table[name] for name in table.dtype.names], 1), seen.numpy(), atol=1e-2)
    assert load_npy(tmp_path / "category.npy").dtype.names == ("dark", "bright")
    for name, style in zip(style_names(generator), generator.styles(wp), strict=True):
        assert np.allclose(load_npy(tmp_path / f"{name}.npy"), style.numpy(), atol=1e-5)
    assert not (tmp_path / "chunks").exists()


def test_styles_are_named_by_row(generator: Generator) -> None:
    names = style_names(generator)
    assert names == (
        "style00", "style01_torgb", "style01", "style02", "style03_torgb", "style03", "style04", "style05"
    )  # fmt: skip


def test_an_interrupted_synthesis_ends_with_the_same_bytes(generator: Generator, tmp_path: Path) -> None:
    plan = SynthesisPlan(("z", "w"), images=None, predict=True, batch_size=4, chunk=4)
    for folder in ("whole", "broken"):
        predictor = Means()
        predictor.fail_at = 4 if folder == "broken" else -1
        if folder == "broken":
            with pytest.raises(KeyboardInterrupt), begin(tmp_path / folder) as run:
                synthesize(run, CodeSource(generator, 22), plan, predictor)
            assert not (tmp_path / folder / "z.npy").exists()
            predictor = Means()
        with begin(tmp_path / folder) as run:
            synthesize(run, CodeSource(generator, 22), plan, predictor)
        assert predictor.calls == (6 if folder == "whole" else 4)  # two chunks were kept
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")


def test_raw_images_are_one_array(generator: Generator, tmp_path: Path) -> None:
    plan = SynthesisPlan(("w",), images=None, image_form="npy", batch_size=4, chunk=8)
    source = CodeSource(generator, 9)
    with begin(tmp_path) as run:
        synthesize(run, source, plan)
    images = load_npy(tmp_path / "image.npy")
    assert images.shape == (9, 16, 16, 3) and images.dtype == np.uint8
    assert np.abs(images.astype(int) - to_uint8(generator.synthesize(source.batch(0, 9).wp))).max() <= 1


def test_given_codes(generator: Generator, tmp_path: Path) -> None:
    w = np.random.default_rng(0).standard_normal((5, WIDTH)).astype(np.float32)
    np.save(tmp_path / "w.npy", w)
    source = CodeSource(generator, None, path=tmp_path / "w.npy", space="w", truncation=PSI)
    assert source.total == 5 and source.spaces == ("w", "wp")
    assert torch.equal(source.batch(0, 5).wp, generator.expand(torch.from_numpy(w), PSI))
    np.save(tmp_path / "z.npy", 3 * w[:, :6])
    z = CodeSource(generator, 2, path=tmp_path / "z.npy").batch(0, 2).z
    assert z is not None and torch.allclose(z.norm(dim=1), torch.full((2,), 6**0.5))
    with pytest.raises(GantkError, match="does not exist"):
        CodeSource(generator, 10, path=tmp_path / "absent.npy")
    with pytest.raises(GantkError, match=r"\(5, 8\).*z of this generator is \[N, 6\]"):
        CodeSource(generator, path=tmp_path / "w.npy")
    w[3, 2] = np.nan
    np.save(tmp_path / "w.npy", w)
    with pytest.raises(GantkError, match="not finite"):
        CodeSource(generator, None, path=tmp_path / "w.npy", space="w").batch(0, 5)
    with pytest.raises(UsageError, match="nothing to draw"):
        CodeSource(generator, 0)
    with pytest.raises(UsageError, match="not conditional"):
        CodeSource(generator, 1, label="3")


def test_the_checksum_sees_one_weight(generator: Generator) -> None:
    other = tiny()
    assert weights_checksum(other) == weights_checksum(generator)
    next(other.parameters()).data.view(-1)[0] += 1e-3
    assert weights_checksum(other) != weights_checksum(generator)


# --- rescoring -------------------------------------------------------------------------------------------------------


def entries() -> list[Entry]:
    chosen = [("red", "w", 0), ("green", "wp", 1), ("blue", "z", 2)]
    return [Entry(name, direction(name, space, seed)) for name, space, seed in chosen]


def run_rescore(folder: Path, network: Generator, num: int = 11, predictor: Means | None = None, **plan: Any) -> None:
    settings = {"layerwise": True, "random": 2, "batch_size": 4, "chunk": 4, **plan}
    source = CodeSource(network, num, seed=2, truncation=PSI)
    with begin(folder, "rescore") as run:
        rescore(run, source, entries(), [0, 1, 2], predictor or Means(), RescorePlan(**settings))


def slow_scores(network: Generator, num: int, entry: Entry, column: int, distance: float = 2.0) -> np.ndarray:
    """The formula, one render after another, nothing shared."""
    codes = CodeSource(network, num, seed=2, truncation=PSI).batch(0, num)
    assert codes.z is not None

    def score(wp: torch.Tensor) -> np.ndarray:
        return Means().attributes(as_saved(network.synthesize(wp)))[:, column].numpy()

    b = torch.from_numpy(entry.direction.vectors[0])
    columns = [score(codes.wp)]
    if entry.space == "z":
        return np.stack([*columns, score(network.expand(network.map(codes.z + distance * b), PSI))], 1)
    step = torch.zeros(LAYERS, WIDTH) + b
    if entry.space == "w":
        step = step * torch.tensor([0.6] * 4 + [1.0] * 2)[:, None]
    columns.append(score(codes.wp + distance * step))
    for row in range(LAYERS):
        only = torch.zeros(LAYERS, 1)
        only[row] = 1
        columns.append(score(codes.wp + distance * step * only))
    return np.stack(columns, 1)


def test_rescoring_is_the_formula(generator: Generator, tmp_path: Path) -> None:
    run_rescore(tmp_path, generator)
    effect = load_npy(tmp_path / f"{EFFECT}.npy")
    assert effect.shape == (1, 3, 3, 1 + LAYERS, 4)
    for e, entry in enumerate(entries()):
        expected = slow_scores(generator, 11, entry, e)
        scores = load_npy(tmp_path / f"{entry.prefix}_scores.npy")
        assert scores.shape == expected.shape and scores.dtype == np.float32
        # images are rounded to 1/255 before they are scored; a mean over 256 pixels hardly moves
        assert np.abs(scores - expected).max() < 2e-3
        change = (scores[:, 1:] - scores[:, :1]).astype(np.float64)
        places = change.shape[1]
        assert np.allclose(effect[0, 0, e, :places, e], change.sum(0), atol=1e-4)
        assert np.allclose(effect[0, 2, e, :places, e], np.maximum(change, 0).sum(0), atol=1e-4)
        found = gains(scores)
        assert np.allclose([place.gain for place in found], np.maximum(change, 0).mean(0))
        assert all(place.low <= place.gain <= place.high for place in found)
    assert load_npy(tmp_path / f"{NULL}.npy").shape == (2, 3, 2, 4)


def test_rescoring_continues_with_the_same_bytes(generator: Generator, tmp_path: Path) -> None:
    run_rescore(tmp_path / "whole", generator)
    predictor = Means()
    predictor.fail_at = 40
    with pytest.raises(KeyboardInterrupt):
        run_rescore(tmp_path / "broken", generator, predictor=predictor)
    run_rescore(tmp_path / "broken", generator)
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")


def test_layers_start_from_cached_states(generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    original = type(generator).synthesize

    def spy(self: Any, wp: Any, **options: Any) -> Any:
        begun.append(options["start"].index if options.get("start") is not None else 0)
        return original(self, wp, **options)

    monkeypatch.setattr(type(generator), "synthesize", spy)
    run_rescore(tmp_path, generator, num=4, random=0)
    # base, three boundaries on all rows, then each row for the w- and the wp-boundary
    assert begun == [0, 0, 0, 0] + [start for row in range(LAYERS) for start in [first_layer(generator, [row])] * 2]
    assert [first_layer(generator, [row]) for row in range(LAYERS)] == [0, 1, 3, 4, 6, 7]


def test_a_row_that_feeds_nothing_is_known(generator: Generator) -> None:
    assert first_layer(generator, [99]) is None
    state = generator.cache(generator.expand(torch.randn(2, WIDTH)), before=3)
    assert torch.equal(repeat(state, 3).x[4], state.x[1])  # type: ignore[index]


def test_rows_are_named_by_what_they_feed(generator: Generator) -> None:
    assert row_names(generator) == [
        "4x4/conv1", "8x8/conv0", "8x8/conv1", "16x16/conv0", "16x16/conv1", "16x16/torgb"
    ]  # fmt: skip


def test_several_distances_are_responses(generator: Generator, tmp_path: Path) -> None:
    run_rescore(tmp_path, generator, num=4, distances=(2.0, -2.0, 0.0), random=0)
    effect = load_npy(tmp_path / f"{EFFECT}.npy")
    assert effect.shape[0] == 3
    assert np.abs(effect[2, 0, :2]).max() < 1e-3  # distance 0 changes nothing
    assert not (tmp_path / f"{NULL}.npy").exists()


def test_bootstrap_intervals_cover(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        scores = np.stack([np.zeros(80), random.normal(0.3, 1.0, 80)], 1)
        found = gains(scores, 400, seed)[0]
        covered += found.signed_low <= 0.3 <= found.signed_high
    assert 50 <= covered <= 60


def test_an_unknown_attribute_offers_near_matches() -> None:
    names = ("clouds", "trees", "indoor_lighting")
    assert attribute_index("view", names, {"view": "trees"}) == 1
    with pytest.raises(UsageError, match="'clouds'"):
        attribute_index("cloud", names, {})
    with pytest.raises(UsageError, match="--score view=tree"):
        attribute_index("view", names, {"view": "tree"})


# --- manipulation ----------------------------------------------------------------------------------------------------


def moved(generator: Generator, entry: Entry, **settings: Any) -> tuple[Any, torch.Tensor]:
    source = CodeSource(generator, 3, seed=5, truncation=PSI)
    edit = plan_edit(entry, source, steps(-2, 2, 4), **settings)
    return edit, move(source.batch(0, 3), source, edit)


def test_moving_w_is_moving_every_truncated_row_by_psi(generator: Generator) -> None:
    entry = Entry("red", direction("red"))
    plain, w = moved(generator, entry)
    layered, wp = moved(generator, entry, layerwise=True)
    assert plain.space == "w" and layered.space == "wp"
    expanded = generator.expand(w.flatten(0, 1), PSI).reshape(wp.shape)
    assert torch.allclose(expanded, wp, atol=1e-6)
    _, bare = moved(generator, entry, layerwise=True, compensate=False)
    assert (bare - wp).abs()[:, 0, :4].max() > 0.1


def test_only_the_chosen_rows_move(generator: Generator) -> None:
    for space in ("w", "wp"):
        edit, wp = moved(generator, Entry("red", direction("red", space)), layers="1,8x8/conv1")
        base = CodeSource(generator, 3, seed=5, truncation=PSI).batch(0, 3).wp
        change = (wp - base[:, None]).abs().amax(dim=(0, 1, 3))
        assert edit.layers == (1, 2) and [bool(c > 0) for c in change] == [False, True, True, False, False, False]
    assert choose_rows(None, (2, 3), generator) == (2, 3)  # the direction's own
    assert choose_rows("0", (2, 3), generator) == (0,)  # the caller wins
    assert choose_rows("all", (2, 3), generator) == tuple(range(LAYERS))
    with pytest.raises(UsageError, match="out of range"):
        choose_rows("2-9", None, generator)
    with pytest.raises(UsageError, match="feeds every layer"):
        moved(generator, Entry("blue", direction("blue", "z")), layers="1")


def test_steps_are_what_was_asked_for() -> None:
    assert steps(-3, 3, 7) == (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
    assert steps(-1, 1, 4) == pytest.approx((-1, -1 / 3, 1 / 3, 1))  # even counts are kept
    assert steps(-8, 2, 1) == (-8.0,)
    assert 0.0 in steps(-0.3, 0.3, 7)
    with pytest.raises(UsageError, match="finite"):
        steps(-1, float("nan"), 3)


def test_images_are_those_of_the_moved_codes(generator: Generator, tmp_path: Path) -> None:
    source = CodeSource(generator, 5, seed=5, truncation=PSI)
    chosen = [entry for entry in entries()]
    layers = {"red": "2-3", "green": None, "blue": None}
    edits = [plan_edit(entry, source, steps(-2, 2, 3), layers[entry.name]) for entry in chosen]
    check_edits(source, edits)
    with begin(tmp_path, "manipulate") as run:
        manipulate(run, source, edits, ManipulationPlan(batch_size=4, chunk=2))
    for edit in edits:
        codes = torch.from_numpy(load_npy(tmp_path / f"{edit.array}.npy"))
        assert codes.shape[:2] == (5, 3)
        for n in range(5):
            wp = codes[n]
            if edit.space == "z":
                wp = generator.expand(generator.map(wp), PSI)
            elif edit.space == "w":
                wp = generator.expand(wp, PSI)
            expected = to_uint8(generator.synthesize(wp))
            for step in range(3):
                with Image.open(tmp_path / "images" / f"{edit.entry.prefix}_{n:05d}_{step:03d}.png") as opened:
                    assert np.abs(np.asarray(opened).astype(int) - expected[step]).max() <= 1
    z = torch.from_numpy(load_npy(tmp_path / "manipulate_z.npy"))
    middle = torch.from_numpy(load_npy(tmp_path / "blue_z_manipulated_z.npy"))[:, 1]
    assert torch.equal(z, middle)  # distance 0 is the sample as drawn, exactly


def test_an_absolute_distance_is_one_from_the_boundary(generator: Generator) -> None:
    entry = Entry("red", direction("red", intercept=0.25))
    _, w = moved(generator, entry, absolute=True)
    signed = w @ torch.from_numpy(entry.direction.vectors[0]) + 0.25
    assert torch.allclose(signed, torch.tensor([-2, -2 / 3, 2 / 3, 2]).expand(3, 4), atol=1e-5)
    source = CodeSource(generator, 1, truncation=PSI)
    with pytest.raises(UsageError, match="absolute"):
        check_edits(source, [plan_edit(entry, source, (1.0,), "0-2", absolute=True)])


def test_conditions_keep_others_still() -> None:
    entry = condition(
        Entry("red", direction("red")), [Entry("a", direction("a", seed=7)), Entry("b", direction("b", seed=8))]
    )
    for seed in (7, 8):
        assert abs(float(entry.direction.vectors[0] @ direction("x", seed=seed).vectors[0])) < 1e-6
    with pytest.raises(UsageError, match="same space"):
        condition(Entry("red", direction("red")), [Entry("blue", direction("blue", "z"))])


def test_styles_can_be_moved(generator: Generator, tmp_path: Path) -> None:
    source = CodeSource(generator, 2, truncation=PSI)
    styles = generator.styles(source.batch(0, 2).wp)
    width = sum(style.shape[1] for style in styles)
    vectors = np.random.default_rng(0).standard_normal((1, width)).astype(np.float32)
    entry = Entry("s", direction("s").replace(space="s", vectors=vectors))
    edit = plan_edit(entry, source, steps(-1, 1, 3))
    with begin(tmp_path, "manipulate") as run:
        manipulate(run, source, [edit], ManipulationPlan(batch_size=2, chunk=1))
    expected = to_uint8(generator.synthesize(styles))
    for n in range(2):
        with Image.open(tmp_path / "images" / f"s_s_{n:05d}_001.png") as opened:
            assert np.abs(np.asarray(opened).astype(int) - expected[n]).max() <= 1


def test_motion_is_for_stylegan3(generator: Generator, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="StyleGAN3"):
        motion(15, (0.0, 0.0), generator)
    assert motion(0, (0.0, 0.0), generator) is None
    config = StyleGAN3Config.designed(
        16, "t", num_layers=4, num_critical=1, channel_base=64, channel_max=4, z_dim=4, w_dim=4
    )
    network = StyleGAN3(config).eval()
    matrix = motion(90, (0.25, -0.5), network)
    assert matrix == pytest.approx(np.array([[0, 1, 0.25], [-1, 0, -0.5], [0, 0, 1]]))
    source = CodeSource(network, 1)
    entry = Entry("a", direction("a").replace(vectors=np.eye(4, dtype=np.float32)[:1]))
    edit = plan_edit(entry, source, (-1.0, 0.0), "2-3")
    with begin(tmp_path, "manipulate") as run:
        manipulate(run, source, [edit], ManipulationPlan(transform=matrix))
    still = to_uint8(network.synthesize(source.batch(0, 1).wp))[0].astype(int)
    turned = to_uint8(network.synthesize(source.batch(0, 1).wp, transform=torch.tensor(matrix, dtype=torch.float32)))[0]
    with Image.open(tmp_path / "images" / "a_w_00000_001.png") as opened:
        assert np.abs(np.asarray(opened).astype(int) - turned).max() <= 1
    assert np.abs(still - turned).max() > 5
