"""Synthesis and rescoring against slow definitions a few lines long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import TINY
from higan_cases import LAYERS, WIDTH, contents, direction, tiny
from PIL import Image

from gantk.codes.entries import Entry
from gantk.codes.given import codes_in
from gantk.codes.source import CodeSource, weights_checksum
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator, Truncation
from gantk.generators.registry import build
from gantk.higan.gains import EFFECT, NULL, gains
from gantk.higan.options import RescoreOptions, SynthesizeOptions
from gantk.higan.rescored import RescoreResult
from gantk.higan.rescoring import attribute_index, rescore, row_names
from gantk.higan.restart import first_layer, repeated
from gantk.higan.synthesis import style_names, synthesize
from gantk.pictures.images import as_saved, to_uint8
from gantk.predictors.base import Predictor
from gantk.runs.run import Run
from gantk.runs.stores import RunStore
from gantk.store.files import load_npy

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
    label = "1" if network.spec.label_dim else None
    latents = CodeSource(network, 3, label=label).spaces
    with begin(tmp_path) as run:
        synthesize(
            network, num=3, label=label, latents=",".join(latents), images=True, batch_size=2, chunk=2,
            generate_style="s" in network.spec.spaces, store=RunStore(run),
        )  # fmt: skip
    assert len(list((tmp_path / "images").glob("*.png"))) == 3
    for name in latents:
        assert len(load_npy(tmp_path / f"{name}.npy")) == 3


def test_what_synthesize_writes(generator: Generator, tmp_path: Path) -> None:
    options = SynthesizeOptions(
        num=18, seed=1, truncation="0.6:4", latents="z,w,wp", images=True, generate_style=True, batch_size=4, chunk=8
    )
    with begin(tmp_path) as run:
        result = synthesize(generator, None, Means(), options=options, store=RunStore(run))
    assert result.spaces == ("z", "w", "wp") and len(result.images) == 18 and len(result.styles) == 8
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
    options = SynthesizeOptions(num=22, images=True, batch_size=4, chunk=4)
    for folder in ("whole", "broken"):
        predictor = Means()
        predictor.fail_at = 4 if folder == "broken" else -1
        if folder == "broken":
            with pytest.raises(KeyboardInterrupt), begin(tmp_path / folder) as run:
                synthesize(generator, None, predictor, options=options, store=RunStore(run))
            assert not (tmp_path / folder / "z.npy").exists()
            predictor = Means()
        with begin(tmp_path / folder) as run:
            synthesize(generator, None, predictor, options=options, store=RunStore(run))
        assert predictor.calls == (6 if folder == "whole" else 4)  # two chunks were kept
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")


def test_raw_images_are_one_array(generator: Generator, tmp_path: Path) -> None:
    source = CodeSource(generator, 9)
    with begin(tmp_path) as run:
        synthesize(
            generator, num=9, truncation="none", latents="w", image_format="npy", batch_size=4, chunk=8,
            store=RunStore(run),
        )  # fmt: skip
    images = load_npy(tmp_path / "image.npy")
    assert images.shape == (9, 16, 16, 3) and images.dtype == np.uint8
    assert np.abs(images.astype(int) - to_uint8(generator.synthesize(source.batch(0, 9).wp))).max() <= 1


def test_given_codes(generator: Generator, tmp_path: Path) -> None:
    w = np.random.default_rng(0).standard_normal((5, WIDTH)).astype(np.float32)
    np.save(tmp_path / "w.npy", w)
    source = CodeSource(generator, None, codes=codes_in(tmp_path / "w.npy", generator, "w"), truncation=PSI)
    assert source.total == 5 and source.spaces == ("w", "wp")
    assert torch.equal(source.batch(0, 5).wp, generator.expand(torch.from_numpy(w), PSI))
    np.save(tmp_path / "z.npy", 3 * w[:, :6])
    z = CodeSource(generator, 2, codes=codes_in(tmp_path / "z.npy", generator)).batch(0, 2).z
    assert z is not None and torch.allclose(z.norm(dim=1), torch.full((2,), 6**0.5))
    with pytest.raises(GantkError, match="does not exist"):
        CodeSource(generator, 10, codes=codes_in(tmp_path / "absent.npy", generator))
    with pytest.raises(GantkError, match=r"\(5, 8\).*z was expected"):
        CodeSource(generator, codes=codes_in(tmp_path / "w.npy", generator, "z"))
    w[3, 2] = np.nan
    np.save(tmp_path / "w.npy", w)
    with pytest.raises(GantkError, match="not finite"):
        CodeSource(generator, None, codes=codes_in(tmp_path / "w.npy", generator, "w")).batch(0, 5)
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


def run_rescore(
    folder: Path, network: Generator, num: int = 11, predictor: Means | None = None, **changes: Any
) -> RescoreResult:
    settings = {"layerwise": True, "random": 2, "batch_size": 4, "chunk": 4, **changes}
    options = RescoreOptions(num=num, seed=2, truncation="0.6:4", **settings)
    with begin(folder, "rescore") as run:
        found: RescoreResult = rescore(network, entries(), predictor or Means(), options=options, store=RunStore(run))
    return found


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
    # base, three boundaries on all rows, what the page shows, then each row for the w- and the wp-boundary
    each_row = [start for row in range(LAYERS) for start in [first_layer(generator, [row])] * 2]
    base, shown = 4, 14
    assert begun == [0] * (base + shown) + each_row
    assert [first_layer(generator, [row]) for row in range(LAYERS)] == [0, 1, 3, 4, 6, 7]


def test_a_row_that_feeds_nothing_is_known(generator: Generator) -> None:
    assert first_layer(generator, [99]) is None
    state = generator.cache(generator.expand(torch.randn(2, WIDTH)), before=3)
    assert torch.equal(repeated(state, 3, 2, 6).x, state.x[[0, 1, 1, 1]])  # type: ignore[index,arg-type]


def test_rows_are_named_by_what_they_feed(generator: Generator) -> None:
    assert row_names(generator) == (
        "4x4/conv1", "8x8/conv0", "8x8/conv1", "16x16/conv0", "16x16/conv1", "16x16/torgb"
    )  # fmt: skip


def test_several_distances_are_responses(generator: Generator, tmp_path: Path) -> None:
    result = run_rescore(tmp_path, generator, num=4, distance=(2.0, -2.0, 0.0), random=0)
    assert [distance for distance, _ in result.boundaries[0].responses] == [-2.0, 0.0, 2.0]
    assert "Change by distance" in result.page().text()
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
    with pytest.raises(UsageError, match="score view=tree"):
        attribute_index("view", names, {"view": "tree"})
