"""`gantk resefa`, `gantk sefa` and `gantk ganspace` as typed: regions, shards, files, pages, and what is refused."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import tiny
from higan_cases import LAYERS, WIDTH, save_tiny
from PIL import Image

from gantk.codes.kept_directions import load_direction
from gantk.codes.source import CodeSource
from gantk.comparators.components import components
from gantk.comparators.results import ClosedForm
from gantk.errors import GantkError, UsageError
from gantk.pictures.images import to_uint8
from gantk.resefa import verbs
from gantk.resefa.accumulate import check_regions, samples_of, summed
from gantk.resefa.given_regions import build_regions, parse_region
from gantk.resefa.options import JacobianOptions
from gantk.resefa.regions import Labels, Regions
from gantk.resefa.results import DirectionsResult, JacobianResult
from gantk.resefa.rivals import Rivals
from gantk.resefa.tables import published_box
from gantk.runs.inputs import SampleOptions
from gantk.runs.reporting import load_result
from gantk.runs.results import Result, read_result

Call = Callable[..., tuple[int, str, str]]

SEGMENTER = """
def halves(image):
    import torch
    shape = (len(image), 2, image.shape[2], image.shape[3])
    logit = torch.zeros(shape)
    logit[:, 1, :, : image.shape[3] // 2] = 1.0
    logit[:, 0, :, image.shape[3] // 2 :] = 1.0
    return logit

halves.class_names = ("right", "left")
"""


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """GANSpace's components, which directions are compared with, are of 4000 samples otherwise."""
    monkeypatch.setattr(verbs, "Rivals", functools.partial(Rivals, samples=64))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resefa")
    save_tiny(folder / "tiny.safetensors")
    save_tiny(folder / "other.safetensors", seed=1)
    (folder / "seer.py").write_text(SEGMENTER)
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[2:9, 3:12] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    Image.fromarray(mask[:12]).save(folder / "wrong.png")
    np.save(folder / "labels.npy", (mask > 0).astype(np.int64) * 3)
    return folder


def jacobian(
    call: Call, world: Path, out: Path, *words: str, regions: tuple[str, ...] = ("--box", "a=0.1,0.2,0.6,0.7")
) -> str:
    code, _, err = call(
        "resefa", "jacobian", str(world / "tiny.safetensors"), *regions, "-N", "2", *words, "-o", str(out)
    )
    assert code == 0, err
    return err


def differentiated(folder: Path) -> JacobianResult:
    return read_result(JacobianResult, folder)


def found_in(folder: Path) -> DirectionsResult:
    return read_result(DirectionsResult, folder)


def test_from_a_generator_to_directions(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    """Grams, directions with all they need, held-out measures of every method, both pages."""
    regions = ("--box", "a=0.1,0.2,0.6,0.7", "--mask", f"b={world / 'mask.png'}")
    jacobian(gantk_command, world, tmp_path, "--layers", "2-4", regions=regions)
    assert np.load(tmp_path / "gram_inside.npy").shape == (2, WIDTH, WIDTH)
    assert np.load(tmp_path / "gram_codes.npy").shape == (2, LAYERS, WIDTH)
    shown = differentiated(tmp_path).responses
    assert [region.name for region in shown] == ["a", "b"] and len(shown[0].pictures) == 2
    words = ["--held-out", "3", "--shown", "2", "--samples", "1", "--step", "3"]
    code, out, err = gantk_command("resefa", "directions", tmp_path, *words)
    assert code == 0, err
    told = [line for line in out.splitlines() if re.match(r"- [ab]: its directions are .*, with a ROIR of \d", line)]
    assert len(told) == 2 and all(len(line) <= 160 and line.endswith(".") for line in told), out
    found = load_direction(tmp_path / "b.safetensors")
    assert (found.space, found.layers, found.vectors.shape) == ("w", (2, 3, 4), (WIDTH, WIDTH))
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    for key in ("region", "tau", "eigenvalues", "quotients", "scales", "sign", "samples"):
        assert key in found.meta
    assert found.probe is not None
    region = found_in(tmp_path)["a"]
    methods = {score.method for score in region.scores}
    assert {"resefa", "sefa", "ganspace", "random", "lowrankgan"} <= methods
    assert len(region.drawn) == 2 and len(region.drawn[0].strips[0].images) == 3
    for page in ("resefa-jacobian.html", "resefa-directions.html"):
        text = (tmp_path / page).read_text()
        assert "<html" in text and "b" in text
    code, _, err = gantk_command(
        "manipulate", world / "tiny.safetensors", tmp_path / "b.safetensors", "-N", "1", "-o", tmp_path / "m"
    )
    assert code == 0, err


def test_directions_are_those_of_the_pooled_grams(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    from gantk.resefa.solve import solve

    jacobian(gantk_command, world, tmp_path, "--per-sample")
    assert gantk_command("resefa", "directions", tmp_path, "--held-out", "0")[0] == 0
    grams = differentiated(tmp_path).grams
    assert grams is not None and len(samples_of(grams)) == 2
    total = summed(grams)
    np.testing.assert_allclose(total.inside, np.load(tmp_path / "gram_inside.npy").sum(0))
    right = solve(*total.pair(0), bright=total.brightness[0])
    np.testing.assert_allclose(load_direction(tmp_path / "a.safetensors").vectors, right.vectors, atol=1e-6)


def test_shards_add_up(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    """Two shards, merged, are the whole run to the last bit; the merged run has its page."""
    jacobian(gantk_command, world, tmp_path / "whole", "-N", "3", "--margin", "0.07")
    for part in ("0/2", "1/2"):
        jacobian(gantk_command, world, tmp_path / "parts", "-N", "3", "--margin", "0.07", "--shard", part)
    code, _, err = gantk_command("merge", tmp_path / "parts")
    assert code == 0, err
    for name in ("gram_total", "gram_inside", "gram_margin", "gram_rows", "gram_brightness", "gram_codes"):
        assert (tmp_path / "parts" / f"{name}.npy").read_bytes() == (tmp_path / "whole" / f"{name}.npy").read_bytes()
    assert (tmp_path / "parts" / "resefa-jacobian.html").is_file()
    assert gantk_command("resefa", "directions", tmp_path / "parts", "--held-out", "0")[0] == 0


def test_classes_come_from_a_segmenter_or_a_label_map(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    seer = ("--segmenter", f"{world / 'seer.py'}:halves", "--region", "west=left", "--region", "all=0-1")
    code, _, err = gantk_command(
        "resefa", "jacobian", world / "tiny.safetensors", *seer, "-N", "1", "-o", tmp_path / "x"
    )
    assert code == 2 and "'all'" in err and "covers the whole image" in err
    jacobian(gantk_command, world, tmp_path / "seen", "--margin", "0", regions=seer[:4])
    rows = np.load(tmp_path / "seen" / "gram_rows.npy")
    assert rows[1] / rows[0] == 0.5
    labels = ("--label-map", str(world / "labels.npy"), "--region", "spot=3")
    jacobian(gantk_command, world, tmp_path / "mapped", "--margin", "0", regions=labels)
    rows = np.load(tmp_path / "mapped" / "gram_rows.npy")
    assert rows[1] / rows[0] == 63 / 256


def test_rows_are_chosen_later_from_a_gram_of_wp(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    jacobian(gantk_command, world, tmp_path / "wp", "--space", "wp")
    jacobian(gantk_command, world, tmp_path / "w", "--layers", "1-2")
    words = ["--held-out", "0", "--space", "w", "--layers", "1-2", "-o", str(tmp_path / "later")]
    assert gantk_command("resefa", "directions", tmp_path / "wp", *words)[0] == 0
    assert gantk_command("resefa", "directions", tmp_path / "w", "--held-out", "0")[0] == 0
    later, first = (load_direction(tmp_path / name / "a.safetensors") for name in ("later", "w"))
    assert later.layers == first.layers == (1, 2)
    np.testing.assert_allclose(later.vectors[:3], first.vectors[:3], atol=1e-4)
    code, _, err = gantk_command("resefa", "directions", tmp_path / "w", "--layers", "1", "-o", tmp_path / "no")
    assert code == 2 and "--space wp" in err


def test_the_released_scripts_files(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    jacobian(gantk_command, world, tmp_path, "--compat", "--seed", "4")
    made = json.loads((tmp_path / "resefa-jacobian.run.json").read_text())["arguments"]
    facts = differentiated(tmp_path).facts
    assert made["compat"] and (facts.truncation, facts.margin, facts.rows) == ("none", 0.0, tuple(range(LAYERS)))
    codes = np.load(tmp_path / "compat_z.npy")
    other = ("--box", "a=0.1,0.2,0.6,0.7", "-N", "2", "--compat", "--seed", "5", "-o", tmp_path)
    code, _, err = gantk_command("resefa", "jacobian", world / "tiny.safetensors", *other)
    assert code == 2 and "holds a run" in err
    np.testing.assert_array_equal(np.load(tmp_path / "compat_z.npy"), codes)  # those of the run that is there
    code, _, err = gantk_command("resefa", "directions", tmp_path, "--compat", "--full-rank")
    assert code == 0, err
    for sample in range(2):
        rows = np.load(tmp_path / f"image_{sample:02d}_region_a_name_resefa.npy")
        assert rows.shape == (WIDTH, WIDTH) and rows.dtype == np.float64
    assert "released script" in (tmp_path / "resefa-directions.html").read_text()


def test_real_codes_are_accepted(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    codes = np.random.default_rng(0).standard_normal((2, LAYERS, WIDTH)).astype(np.float32)
    np.save(tmp_path / "real.npy", codes)
    jacobian(gantk_command, world, tmp_path / "run", "-i", str(tmp_path / "real.npy"), "--latent-space-type", "wp")
    np.testing.assert_array_equal(np.load(tmp_path / "run" / "gram_codes.npy"), codes)
    words = ["-i", str(tmp_path / "real.npy"), "--latent-space-type", "wp", "--space", "z", "-o", str(tmp_path / "z")]
    code, _, err = gantk_command("resefa", "jacobian", world / "tiny.safetensors", "--box", "0,0,0.5,0.5", *words)
    assert code == 2 and "z is not known" in err


def test_a_margin_of_a_run_that_was_overwritten_does_not_count(
    gantk_command: Call, world: Path, tmp_path: Path
) -> None:
    jacobian(gantk_command, world, tmp_path / "both", "--margin", "0.07")
    jacobian(gantk_command, world, tmp_path / "both", "--margin", "0", "--overwrite")
    jacobian(gantk_command, world, tmp_path / "fresh", "--margin", "0")
    kept = [differentiated(tmp_path / name).grams for name in ("both", "fresh")]
    assert kept[0] is not None and kept[0].margin is None
    both, fresh = (summed(grams) for grams in kept if grams is not None)
    assert np.array_equal(both.pair(0)[1], fresh.pair(0)[1])


def test_ganspace_has_no_more_components_than_samples_span() -> None:
    found = components(tiny("stylegan2-skip"), 4)
    assert len(found.vectors) == 3 and found.deviations.min() > 0


def closed_form(folder: Path) -> ClosedForm:
    found: Result = load_result(folder)
    assert isinstance(found, ClosedForm)
    return found


def test_sefa_and_ganspace_write_directions_and_pages(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    for name, words in (("sefa", ["--layers", "0-1"]), ("ganspace", ["-N", "100"])):
        folder = tmp_path / name
        words = [*words, "-K", "4", "--shown", "2", "--samples", "1", "--step", "3", "-o", str(folder)]
        code, _, err = gantk_command(name, world / "tiny.safetensors", *words)
        assert code == 0, err
        found = load_direction(folder / f"{name}.safetensors")
        assert found.vectors.shape == (4, WIDTH) and found.space == "w"
        assert found.layers == ((0, 1) if name == "sefa" else None)
        assert (folder / f"{name}.html").is_file()
        assert len(closed_form(folder).walks) == 2


TWO = ("--box", "a=0.1,0.2,0.6,0.7", "--box", "b=0.5,0.5,0.9,0.9")


@pytest.mark.parametrize("command", ["directions", "jacobian"])
def test_an_interrupted_run_continues_with_the_region_it_was_at(
    gantk_command: Call, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Regions that were finished are kept; what is left is that of a run that nothing happened to."""
    from gantk.resefa import find, matrix_free

    holder, name = (find.Finder, "held_out") if command == "directions" else (matrix_free, "leading_directions")
    calls: list[Any] = []
    work, stops = getattr(holder, name), [2]

    def watched(*given: Any) -> Any:
        calls.append(given)
        if len(calls) in stops:
            raise KeyboardInterrupt
        return work(*given)

    def run(folder: Path) -> int:
        if command == "directions":
            words = ["--held-out", "2", "--shown", "1", "--samples", "1", "--step", "3", "--against", "none"]
            return gantk_command("resefa", "directions", folder, *words)[0]
        words = ["--leading", "1", "--space", "w", "-N", "1"]
        return gantk_command("resefa", "jacobian", world / "tiny.safetensors", *TWO, *words, "-o", folder)[0]

    if command == "directions":
        jacobian(gantk_command, world, tmp_path / "stopped", regions=TWO)
        jacobian(gantk_command, world, tmp_path / "whole", regions=TWO)
    monkeypatch.setattr(holder, name, watched)
    assert run(tmp_path / "stopped") == 130 and len(calls) == 2
    assert run(tmp_path / "stopped") == 0 and len(calls) == 3
    stops.clear()
    assert run(tmp_path / "whole") == 0 and len(calls) == 5
    stopped, whole = (tmp_path / part / f"resefa-{command}.result.json" for part in ("stopped", "whole"))
    assert stopped.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "whole" / "parts").exists()
    if command == "directions":  # of other Gram matrices nothing is kept: another run, in a folder of its own
        jacobian(gantk_command, world, tmp_path / "whole", "-N", "3", "--overwrite", regions=TWO)
        assert run(tmp_path / "whole") == 0 and len(calls) == 7
        assert (tmp_path / "whole_2" / "resefa-directions.result.json").is_file()


def test_leading_directions_need_no_grams(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    jacobian(gantk_command, world, tmp_path / "lead", "--space", "wp", "--leading", "2")
    jacobian(gantk_command, world, tmp_path / "full", "--space", "wp")
    assert gantk_command("resefa", "directions", tmp_path / "full", "--held-out", "0")[0] == 0
    lead, full = (load_direction(tmp_path / name / "a.safetensors") for name in ("lead", "full"))
    assert lead.vectors.shape == (2, LAYERS, WIDTH) and not (tmp_path / "lead" / "gram_inside.npy").exists()
    assert abs(float((lead.vectors[0] * full.vectors[0]).sum())) > 0.9  # the ridge is an estimate in one of them
    assert "a.safetensors" in (tmp_path / "lead" / "resefa-jacobian.html").read_text()
    code, _, err = gantk_command("resefa", "directions", tmp_path / "lead")
    assert code == 1 and "--leading" in err


def test_published_directions_bring_their_layers(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((1, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows)
    for name, layers in (
        ("lipstick", range(8, 12)),
        ("eyesize", range(4, 8)),
        ("eyes-r", range(4, 8)),
        ("other", None),
    ):
        np.save(tmp_path / f"{name}.npy", rows)
        found = load_direction(tmp_path / f"{name}.npy")
        assert found.layers == (None if layers is None else tuple(layers))
        assert found.space == "w"


# --- regions ----------------------------------------------------------------------------------------------------------


_PLAIN = ("bool", "0 and 1", "255", "16 bits", "soft 16 bits")


@pytest.mark.parametrize(
    "values, form", [*itertools.product(_PLAIN, ("npy", "png")), ("palette", "png"), ("alpha", "png")]
)
def test_masks_in_every_way_that_people_mark_them(values: str, form: str, tmp_path: Path) -> None:
    marked = np.zeros((16, 16), bool)
    marked[2:9, 3:12] = True
    forms: dict[str, Any] = {
        "bool": marked, "0 and 1": marked.astype(np.uint8), "255": marked.astype(np.uint8) * 255,
        "16 bits": marked.astype(np.uint16) * 65535, "soft 16 bits": np.where(marked, 50_000, 1_000).astype(np.uint16),
        "palette": marked.astype(np.uint8), "alpha": np.stack([np.full((16, 16), 255)] * 3 + [marked * 255], -1),
    }  # fmt: skip
    path = tmp_path / f"mask.{form}"
    if form == "npy":
        np.save(path, forms[values])
    else:
        image = Image.fromarray(forms[values].astype(np.uint8) if values == "alpha" else forms[values])
        if values == "palette":
            image = image.convert("P")
            image.putpalette([0, 0, 0, 255, 128, 0])
        image.save(path)
    regions = build_regions([], [], [str(path)], None, 16, 16, 0.0)
    assert np.array_equal(regions.items[0].mask, marked)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_mask_has_numbers_from_0(value: float, tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", np.full((16, 16), value))
    with pytest.raises(UsageError, match="negative or not finite: give 0 and 1"):
        build_regions([], [], [str(tmp_path / "mask.npy")], None, 16, 16, 0.0)


def test_published_boxes_are_their_tables_pixels() -> None:
    regions = build_regions(["eyes", "biggan/left_side"], [], [], None, 1024, 256, 0.0)
    eyes, side = regions.masks(None, torch.zeros(1, 1, 1))[0]  # type: ignore[arg-type]
    assert eyes.sum() == 2300 and eyes[110:130, 71:186].all()
    assert side.sum() == 256 * 128 and side[:, :128].all()
    assert build_regions(["mouth"], [], [], None, 64, 64, 0.0).masks(None, torch.zeros(1, 1, 1)).sum() == 8 * 18  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no published region 'eyez'"):
        published_box("eyez")


def test_a_margin_belongs_to_neither_side() -> None:
    regions = build_regions([], ["a=0.25,0.25,0.5,0.5"], [], None, 16, 16, 0.07)
    assert regions.margin == 1
    inside, ring = regions.sides(regions.masks(None, torch.zeros(1, 1, 1)))  # type: ignore[arg-type]
    assert inside[0, 0].sum() == 16 and ring[0, 0].sum() == 36 - 16
    assert not (inside & ring).any()


def test_regions_that_cannot_be_are_refused(world: Path) -> None:
    seen = Labels(("ground", "sky"))
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: build_regions([], ["a=0,0,1,1"], [], None, 16, 16, 0), "covers the whole image"),
        (lambda: build_regions([], ["a=0.5,0.5,0.51,0.51"], [], None, 16, 16, 0), "is empty at 16 x 16"),
        (lambda: build_regions([], ["a=0.5,0.5,0.2,0.9"], [], None, 16, 16, 0), "top < bottom"),
        (lambda: build_regions([], ["a=1,2"], [], None, 16, 16, 0), "TOP,LEFT,BOTTOM,RIGHT"),
        (
            lambda: build_regions([], [], [f"m={world / 'wrong.png'}"], None, 16, 16, 0),
            "12 x 16 pixels where the images",
        ),
        (lambda: build_regions([], [], ["m=nowhere.png"], None, 16, 16, 0), "does not exist"),
        (lambda: build_regions([], [], [], None, 16, 16, 0), "No region was given"),
        (lambda: build_regions([], ["a=0,0,.5,.5", "a=0,0,.4,.4"], [], None, 16, 16, 0), "called 'a'"),
        (lambda: build_regions([], ["a=0,0,.5,.5"], [], None, 16, 16, 0.6), "margin of 0.6"),
        (lambda: parse_region("a=skyy", seen), "Did you mean .sky"),
        (lambda: parse_region("a=1", None), "give a segmenter"),
        (lambda: parse_region("house", None), "give a segmenter"),
        (lambda: parse_region("a=7", seen), "classes are 0 to 1"),
    ]
    for make, words in cases:
        with pytest.raises(GantkError, match=words):
            found = make()
            assert isinstance(found, Regions)
            found.check(found.seen(found.masks(None, torch.zeros(1, 1, 1))))  # type: ignore[arg-type]


def test_nothing_is_written_for_a_region_that_cannot_be(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    for box, words, *more in (
        ("0.5,0.5,0.51,0.51", "is empty"),
        ("0,0,1,1", "covers the whole image"),
        ("0,0,1,1", "covers the whole image", "--compat"),
    ):
        folder = tmp_path / "none"
        asked = ("resefa", "jacobian", world / "tiny.safetensors", "--box", box, *more)
        code, _, err = gantk_command(*asked, "-o", folder)
        assert code == 2 and words in err and err.strip().count("\n") == 0
        assert not folder.exists()


def test_a_region_is_looked_for_in_every_sample(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    """It may be absent from some; one that none has, and maps that do not suffice, are refused before any work."""
    labels = np.zeros((70, 16, 16), dtype=np.int64)
    labels[:, :8] = 1
    labels[69, :, :4] = 2
    np.save(tmp_path / "maps.npy", labels)
    asked = ("resefa", "jacobian", world / "tiny.safetensors", "--label-map", tmp_path / "maps.npy", "--region")
    for words, message in (
        (("spot=3", "-N", "70"), "'spot' (3) is empty"),
        (("spot=0-2", "-N", "70"), "covers the whole image"),
        (("spot=1", "-N", "71"), "label maps for 70 samples and 71"),
    ):
        code, _, err = gantk_command(*asked, *words, "-o", tmp_path / "none")
        assert code == 2 and message in err, err
        assert not (tmp_path / "none").exists()
    source, maps = CodeSource(tiny("stylegan2-skip"), 70), Labels(maps=labels)
    check_regions(source, build_regions(["late=2", "top=1"], [], [], maps, 16, 16, 0))


def test_another_generator_is_refused(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    jacobian(gantk_command, world, tmp_path)
    other = world / "other.safetensors"
    code, _, err = gantk_command("resefa", "directions", tmp_path, "--model", other, "--held-out", "0")
    assert code == 1 and "another generator" in err
    assert gantk_command("resefa", "directions", tmp_path, "--held-out", "0")[0] == 0
    code, _, err = gantk_command("manipulate", other, tmp_path / "a.safetensors", "-o", tmp_path / "m")
    assert code == 1 and "another generator" in err


def test_what_directions_cannot_do_is_said(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    code, _, err = gantk_command("resefa", "directions", tmp_path / "nowhere")
    assert code == 1 and "holds no run" in err
    jacobian(gantk_command, world, tmp_path / "run", "--layers", "5", "-N", "1")
    cases: list[tuple[list[str], str]] = [
        (["--region", "eye"], "no region 'eye'"),
        (["--compat"], "--per-sample"),
        (["--tau", "0"], "singular"),
        (["--against", "luck"], "no method 'luck'"),
    ]
    for words, message in cases:
        code, _, err = gantk_command("resefa", "directions", tmp_path / "run", *words, "-o", tmp_path / "out")
        assert code == 2 and message in err, err


def test_more_directions_than_there_are_is_said(gantk_command: Call, world: Path, tmp_path: Path) -> None:
    """Before anything is written; what was not asked for takes as many as there are."""
    model, run, shared = world / "tiny.safetensors", tmp_path / "run", ("-o", tmp_path / "none")
    jacobian(gantk_command, world, run, "--space", "wp", "--per-sample")
    lead = ("resefa", "jacobian", model, "--box", "a=0.1,0.2,0.6,0.7", "--space", "w")
    found = ("resefa", "directions", run)
    one = (*found, "--space", "w", "--layers", "0")
    cases: list[tuple[tuple[Any, ...], str, int, int]] = [
        (("sefa", model), "--components", 9999, WIDTH),
        (("sefa", model, "-K", "2"), "--shown", 3, 2),
        (("ganspace", model, "-N", "5"), "--components", 5, 4),
        (lead, "--leading", 9, WIDTH),
        (found, "--components", 9999, LAYERS * WIDTH),
        ((*found, "--compat"), "--components", 9999, LAYERS * WIDTH),
        (one, "--components", 9, WIDTH),
        ((*one, "-K", "2"), "--shown", 3, 2),
    ]
    for words, option, asked, most in cases:
        code, _, err = gantk_command(*words, option, str(asked), *shared)
        assert code == 2 and f"{option} {asked} asks for more directions" in err, err
        assert err.endswith(f"give at most {most}.\n") and err.count("\n") == 1
        assert not (tmp_path / "none").exists()
    few = ("-K", "2", "--samples", "1", "--step", "3", "-o", tmp_path / "few")
    assert gantk_command("sefa", model, *few)[0] == 0
    assert len(closed_form(tmp_path / "few").walks) == 2


def test_from_python_in_one_call() -> None:
    """The example of the documentation on the oracle's predictor: regions by name, rows as text."""
    import gantk

    generator, predictor = gantk.load_generator("demo"), gantk.load_predictor("demo")
    few = gantk.resefa.directions(
        generator, JacobianOptions(num=1, rows="8-9", preview=0), {"house": predictor}, held_out=0, components=2
    )
    house = few[0]
    assert house.name == "house" and few["house"] is house and "house" in repr(few)
    assert house.direction.vectors.shape == (2, 64) and house.direction.layers == (8, 9)
    listed = gantk.resefa.directions(
        generator, JacobianOptions(num=1, rows="8-9", preview=0), {"house": predictor}, held_out=4, components=1,
        against="none", step=3, seeds="0,85",
    )  # fmt: skip
    strips = listed["house"].drawn[0].strips
    assert [strip.label for strip in strips] == ["seed 0", "seed 85"] and "seed 85" in listed.page().text()
    wp_NLD = SampleOptions(seeds="0,85").source(generator).batch(0, 2).wp
    with torch.inference_mode():
        images = to_uint8(generator.synthesize(wp_NLD))
    for strip, image in zip(strips, images, strict=True):
        assert np.abs(strip.images[1].array().astype(int) - image).max() <= 1
    with pytest.raises(UsageError, match="held_out 0 draws no samples, and seeds 85 lists some"):
        gantk.resefa.directions(
            generator, JacobianOptions(num=1, preview=0), {"house": predictor}, held_out=0, seeds="85"
        )
    box = gantk.resefa.jacobian(
        generator, {"a": (0.1, 0.2, 0.6, 0.7), "b": np.tri(64) > 0}, num=1, rows="9", preview=0, size=16
    )
    assert box.facts.names == ("a", "b") and box.table()[0]["region"] == "a"
    with pytest.raises(UsageError, match=r"are \['house'\]: give a table"):
        gantk.resefa.jacobian(generator, ["house"], num=1)
