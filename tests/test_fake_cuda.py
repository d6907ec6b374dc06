"""The numeric cores of the verbs on a GPU that is not there: any mixing of devices fails."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import fake_cuda, moved
from generator_cases import tiny as tiny_of
from ghfeat_cases import SMALL
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gantk import between, comparators, ghfeat, higan, lse, navigan, quality, resefa, stylespace
from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.generators import probe
from gantk.generators.base import Generator
from gantk.ghfeat import candidates, edits
from gantk.ghfeat.calibration import encoder_config
from gantk.lse import editing
from gantk.lse.descent import descend
from gantk.predictors.base import Predictor
from gantk.resefa.derivative import LocalJacobian, Output
from gantk.resefa.leading import Products
from gantk.resefa.variables import CodeMap, choose

FAMILIES = ("stylegan2-skip", "biggan-deep")

# Each operation costs the same whatever its size: one doubling block has every operation that two have.
_ONE_BLOCK: dict[str, Any] = {"resolution": 8, "channels": [8, 6]}
ONE_BLOCK: dict[str, dict[str, Any]] = {
    "stylegan2-skip": _ONE_BLOCK,
    "stylegan2-resnet": _ONE_BLOCK,
    "stylegan": _ONE_BLOCK,
    "pggan": _ONE_BLOCK,
    "biggan-deep": {"resolution": 8, "channels": [16, 16, 12], "up": [False, True], "hidden": [6, 7]},
}


@pytest.fixture(autouse=True)
def _few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few samples where a verb itself chooses how many: each takes the same operations."""
    monkeypatch.setattr(probe, "SAMPLES", 1)
    monkeypatch.setattr(edits, "SAMPLES", 2)
    monkeypatch.setattr(candidates, "COUNT", 3)


def tiny(family: str) -> Generator:
    """The tiny network of a family with one doubling block."""
    return tiny_of(family, **ONE_BLOCK.get(family, {}))


class Halves(Predictor):
    """Two classes and an attribute, from the brightness of a pixel and a weight."""

    name = "halves"
    attribute_names = ("light",)
    class_names = ("dark", "bright")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 1, 1), False)

    def segment(self, image_NCHW: Tensor) -> Tensor:
        light = image_NCHW.mean(1, keepdim=True)
        return torch.cat([-light, light], 1) * self.weight

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        return image_NCHW.mean((1, 2, 3))[:, None] * self.weight[0, 0]


def on(device: torch.device, family: str) -> tuple[Any, Any]:
    """A generator and a teacher on a device."""
    return moved(tiny(family), device), moved(Halves(), device)


def test_a_mixing_of_devices_is_noticed() -> None:
    with fake_cuda() as device:
        there = torch.zeros(3, device=device)
        assert float(there.sum()) == 0.0 and there.cpu().numpy().shape == (3,)
        with pytest.raises(Exception, match="device"):
            there + torch.ones(3)
        with pytest.raises(AssertionError, match="call cpu"):
            there.numpy()
        with pytest.raises(Exception, match="device"):
            there * torch.from_numpy(np.ones(3, np.float32))


# --- how images are drawn ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["stylegan2-skip", "stylegan2-resnet", "stylegan3-t", "stylegan3-r"])
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_with_weights_in_channels_last(family: str, precision: str) -> None:
    """Layers take half precision on the device, the image is whole, and a state continues."""
    with fake_cuda() as device, torch.inference_mode():
        generator = moved(tiny(family).to(memory_format=torch.channels_last), device).set_precision(precision)
        label = generator.sample_label(2)
        wp_NLD = generator.expand(generator.map(generator.sample_z(2), label))
        maps: dict[str, Tensor]
        image, maps = generator.trace(wp_NLD, [layer.name for layer in generator.layers if layer.has_map])
        assert image.device.type == "cuda" and image.dtype == torch.float32
        assert {found.dtype for found in maps.values()} >= {getattr(torch, precision)}
        state = generator.cache(wp_NLD, 2)
        assert generator.synthesize(wp_NLD, start=state, noise="none").shape == image.shape


class Waits(TorchFunctionMode):
    """Notes what a GPU would wait for: numbers that come from the host, and numbers that go there."""

    FROM_HOST = (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor)
    TO_HOST = (Tensor.item, Tensor.tolist, Tensor.numpy, Tensor.cpu, Tensor.__float__, Tensor.__int__, Tensor.__bool__)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self.FROM_HOST or (func in self.TO_HOST and args[0].device.type != "cpu"):
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("family", ["stylegan2-skip", "stylegan2-resnet", "stylegan3-t", "stylegan3-r", "stylegan",
                                    "pggan", "biggan-deep"])  # fmt: skip
def test_a_pass_waits_for_nothing(family: str) -> None:
    """So that passes queue up, and a CUDA graph can hold one."""
    with fake_cuda() as device, torch.inference_mode():
        generator = moved(tiny(family), device)
        wp_NLD = generator.expand(generator.map(generator.sample_z(2), generator.sample_label(2)))
        with Waits() as seen:
            generator.synthesize(wp_NLD)
        assert seen.found == []
        with Waits() as seen:
            float(generator.synthesize(wp_NLD).sum())
        assert seen.found == ["__float__"]


# --- lse -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "solver"),
    [("stylegan2-skip", "lbfgs"), ("biggan-deep", "lbfgs"), ("stylegan2-skip", "ridge"), ("biggan-deep", "adam")],
)
def test_lse_train(family: str, solver: str) -> None:
    heads = ("LSE",) if solver == "ridge" else ("LSE", "NSE-1", "NSE-2")
    with fake_cuda() as device:
        generator, teacher = on(device, family)
        found = lse.train(
            generator, teacher, head=heads, solver=solver, num=2, held_out=1, steps=2, epochs=1, epoch_images=2, size=8,
            batch_size=2, label="random" if generator.spec.label_dim else None,
        )  # fmt: skip
        assert [head.info.name for head in found.heads] == list(heads) and found.labels.shape == (3, 8, 8)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_lse_fewshot_evaluate(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.lse import adam

    monkeypatch.setattr(adam, "paper_fewshot", lambda n: adam.Schedule(1, 4, 1, ((0, n),), layer_weights="none"))
    with fake_cuda() as device:
        generator, teacher = on(device, "stylegan2-skip")
        found = lse.fewshot(generator, teacher, shots=(1, 2), held_out=2, size=8, solver=solver)
        assert found.segment(generator.expand(generator.map(generator.sample_z(2)))).device.type == "cuda"
        scored = lse.evaluate(generator, found, teacher, num=2)
        assert len(scored.scores) == 2


@pytest.mark.parametrize("space", ["z", "mixed", "w"])
def test_lse_sample_edit(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def shortly(start: Tensor, objective: Any, steps: int, *more: Any, **rest: Any) -> Any:
        return descend(start, objective, min(steps, 2), *more, **rest)  # the published edit takes 50, all alike

    monkeypatch.setattr(editing, "descend", shortly)
    with fake_cuda() as device:
        generator, teacher = on(device, "stylegan2-skip")
        head = lse.fewshot(generator, teacher, shots=1, held_out=0, size=8)
        through = "teacher" if space == "z" else "head"
        found = lse.sample(generator, head, None, teacher, space=space, per_target=2, bank=4, steps=2, num_targets=1,
                           through=through)  # fmt: skip
        assert found.codes.shape[0] == 2
        for paper in (False, True) if space == "z" else (False,):
            strokes = {"shape": ("bright:0,0,4,4",), "colour": ("#204080:0,0,4,4",)}
            edited = lse.edit(generator, head, **strokes, steps=1 if paper else 2, frames=2, compat=paper)
            assert edited.wp.shape[0] == 2


# --- higan -----------------------------------------------------------------------------------------------------------


LABELS = {"stylegan2-skip": {}, "biggan-deep": {"label": "1"}}


def direction(generator: Any, space: str) -> Direction:
    """A direction of a generator in a space."""
    spec = generator.spec
    shape = {"z": (1, spec.z_dim), "w": (1, spec.w_dim), "wp": (1, spec.num_layers, spec.wp_dim)}[space]
    vectors = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return Direction("light", "boundary", space, vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_higan_sample(family: str) -> None:
    with fake_cuda() as device:
        generator, judge = on(device, family)
        samples = higan.sample(generator, 3, judge, batch_size=2, **LABELS[family])
        assert len(samples.codes) == 3 and samples.scores is not None and samples.scores["light"].shape == (3,)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("space", ["z", "w", "wp"])
def test_higan_rescore_manipulate(family: str, space: str) -> None:
    with fake_cuda() as device:
        generator, judge = on(device, family)
        moved = direction(generator, space)
        layerwise = space == "wp"
        found = higan.rescore(
            generator, moved, judge, num=2, random=1, layerwise=layerwise, batch_size=2, **LABELS[family]
        )
        assert len(found.table()) > 0
        edits = higan.manipulate(generator, moved, num=2, step=3, batch_size=2, **LABELS[family])
        assert len(edits.walks[0].strips) == 2


# --- comparators and resefa -------------------------------------------------------------------------------------------

# `resefa directions` solves on the CPU, and the zeros that leave the device have no solution.


@pytest.mark.parametrize("family", FAMILIES)
def test_closed_forms(family: str) -> None:
    with fake_cuda() as device:
        generator, _ = on(device, family)
        assert len(comparators.sefa(generator, components=2, samples=1, step=3).direction) == 2
        if family != "biggan-deep":  # a BigGAN's maps are zeros here, and span nothing
            assert len(comparators.ganspace(generator, num=8, components=2, samples=1, step=3).direction) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_resefa_jacobian(family: str) -> None:
    where: dict[str, object] = {"corner": (0.1, 0.2, 0.6, 0.7)}
    with fake_cuda() as device:
        generator, judge = on(device, family)
        summed = resefa.jacobian(generator, where, num=2, rows="1-2", space="w", size=8, preview=1, **LABELS[family])
        assert summed.facts.names == ("corner",)
        with pytest.raises(UsageError, match="'bright' is empty"):  # the maps that the judge gives here are zeros
            resefa.jacobian(generator, {"bright": judge}, num=1, rows="2", space="w", size=8, **LABELS[family])


@pytest.mark.parametrize("family", ["stylegan2-skip", "stylegan3-t", "stylegan", "biggan-deep"])
def test_resefa_products(family: str) -> None:
    """Forward and back, by a family's rules and without them; what they lead to has no solution in zeros."""
    where = np.zeros((8, 8), np.bool_)
    where[2:5, 3:6] = True
    with fake_cuda() as device:
        generator, _ = on(device, family)
        label = torch.ones(1, dtype=torch.int64, device=device) if generator.spec.label_dim else None
        z_1Z = generator.sample_z(1)
        wp_1LD = generator.expand(generator.map(z_1Z, label))
        code_map = CodeMap(
            generator, choose(generator, layers=(2, 3) if family != "biggan-deep" else None), None, z_1Z, label
        )
        jacobian = LocalJacobian(generator, wp_1LD, code_map, Output(8), chunk=2)
        products = Products([jacobian], [where], [~where])
        vectors = np.ones((products.dim, 2))
        for found in products(vectors):
            assert found.shape == vectors.shape
        assert [found.shape for found in products.quadratic(vectors)] == [(2,), (2,)]


# --- mixing, walks, quality, stylespace ------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_mix_walk(family: str) -> None:
    with fake_cuda() as device:
        generator, _ = on(device, family)
        assert len(between.mix(generator, rows=("0-1",), **LABELS[family]).grids) == 1
        for space in ("z", "w", "wp"):
            found = between.walk(generator, num=2, frames=2, space=space, **LABELS[family])
            assert len(found.frames) == 4


class Seer(Halves):
    """Features and maps too."""

    def features(self, image_NCHW: Tensor) -> Tensor:
        return image_NCHW.mean((2, 3)) * self.weight[0, 0]

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        return [image_NCHW * self.weight[0]]


def test_quality() -> None:
    with fake_cuda() as device:
        found = quality.measure(
            moved(tiny("stylegan2-skip"), device), torch.zeros(12, 3, 8, 8), moved(Seer(), device), neighbours=2,
            shown=1, subsets=2,
        )  # fmt: skip
        assert len(found.closest) == 1


def test_stylespace() -> None:
    with fake_cuda() as device:
        generator, judge = on(device, "stylegan2-skip")
        wp_NLD = generator.expand(generator.map(generator.sample_z(8)))
        scored = stylespace.attribute_channels(generator, wp_NLD, np.zeros((8, 1)), ("a",), 0.5)
        assert scored.attributes == ("a",)
        with pytest.raises(UsageError, match="sees 0 of its classes"):  # the maps that the judge gives here are zeros
            stylespace.find(generator, judge, judge, num=40, looked=1)


# --- what needs distances between samples: all are zero here ---------------------------------------------------------


def test_atlas(monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk import atlas
    from gantk.atlas import verbs
    from gantk.atlas.plan import sizes_of

    monkeypatch.setattr(verbs, "sizes_of", lambda options: dataclasses.replace(sizes_of(options), rows=1, others=6))
    monkeypatch.setattr(atlas.Yardstick, "_distance_between", lambda self: (0.5, 1.0))
    with fake_cuda() as device:
        generator, seer = moved(tiny("stylegan2-skip"), device), moved(Seer(), device)
        with pytest.raises(GantkError, match="None of the directions changes"):  # said when all were measured
            atlas.chart(generator, seer, seer, seer, quick=True, num=40, held_out=2, random=1, systems="sefa")


def test_navigan(monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.navigan import measuring
    from gantk.navigan.strength import Ruler, embedded_in_parts

    def ruler(target: Any, metric: Any, codes: Tensor, at_once: int) -> Ruler:
        prefix = target.prefix(codes)
        return Ruler(
            prefix, embedded_in_parts(metric, prefix, at_once, lambda part, _: target.images(part)), 1, at_once
        )

    monkeypatch.setattr(measuring, "ruler", ruler)
    with fake_cuda() as device:
        generator, seer = moved(tiny("stylegan2-skip"), device), moved(Seer(), device)
        few: dict[str, Any] = {"num": 2, "shown": 1}
        found = navigan.svd(generator, "8x8/conv1", seer, **few)
        assert len(navigan.apply(generator, found, metric=seer, num=1, step=2).edited) == len(found.directions)
        with pytest.raises(GantkError, match="The Hessian is zero"):  # said of the first products
            navigan.hessian(generator, "8x8/conv1", seer, k=2, max_products=2, **few)
        with pytest.raises(GantkError, match="collapsed"):  # likewise
            navigan.hessian(generator, "8x8/conv1", seer, k=1, compat=True, **few)
        trained = navigan.train(generator, found, seer, components=2, steps=2, reconstructor="lenet", shift_scale=2.0,
                                min_shift=0.5, batch_size=2, reconstructor_size=32, **few)  # fmt: skip
        assert len(trained.directions) == 2


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # in what features that are all zero are divided by
def test_train_predictor(tmp_path: Any) -> None:
    from PIL import Image
    from test_imagenet import published_state

    from gantk import train_predictor
    from gantk.predictors.efficientnet_lite import ImageNet

    for number in range(12):
        Image.fromarray(np.full((8, 8, 3), number * 9, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "labels.csv").write_text("image,odd\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(12)))
    with fake_cuda() as device:
        found = train_predictor(tmp_path / "labels.csv", network=moved(ImageNet(published_state()), device))
        assert found.labelled == 12


# --- ghfeat ----------------------------------------------------------------------------------------------------------


class Hues(Predictor):
    """Attributes and maps of an image, from its means and a weight."""

    name = "hues"
    attribute_names = ("red", "green", "blue")

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3), False)

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        return image_NCHW.mean((2, 3)) * self.weight

    def feature_maps(self, image_NCHW: Tensor) -> list[Tensor]:
        return [image_NCHW * self.weight[:, None, None]]


def photographed(device: torch.device, family: str) -> tuple[Any, Any, Any]:
    """A generator, an encoder and a predictor on a device."""
    from gantk.ghfeat.encoder import Encoder
    from gantk.ghfeat.files import EncoderFile

    generator = tiny_of(family)  # an encoder takes no fewer than 16 pixels
    encoder = Encoder(encoder_config(generator, **SMALL)).eval().requires_grad_(False)
    loaded = EncoderFile(moved(encoder, device), "small", "constructed")
    return moved(generator, device), loaded, moved(Hues(), device)


PHOTOS = np.zeros((3, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("family", ["stylegan2-skip", "stylegan"])
def test_ghfeat_extract_edit(family: str) -> None:
    with fake_cuda() as device:
        generator, encoder, hues = photographed(device, family)
        found = ghfeat.extract(generator, PHOTOS, encoder, hues, steps=1, wp=True, batch_size=2)
        assert found.figures is not None and found.figures.shape == (3, 3) and found.wp is not None
        vector = np.ones((1, generator.spec.w_dim), np.float32)
        direction = Direction("tilt", "direction", "w", vector)
        for images in (PHOTOS, found):
            edited = ghfeat.edit(generator, images, direction, encoder=encoder, predictor=hues, step=2)
            assert edited.moved is not None and edited.moved.attributes == hues.attribute_names
        axis = ghfeat.edit(generator, PHOTOS, of=found, component=0, encoder=encoder, step=2)
        assert len(axis.edited) == 3


@pytest.mark.parametrize(("family", "way"), [("stylegan2-skip", "features"), ("stylegan", "styles")])
def test_ghfeat_regions(family: str, way: str) -> None:
    with fake_cuda() as device:
        generator, encoder, _ = photographed(device, family)
        region = ghfeat.edit(generator, PHOTOS, reference=PHOTOS[:1], box=(0, 0, 4, 4), way=way, encoder=encoder)
        assert region.exchanged is not None
        made = ghfeat.harmonize(generator, PHOTOS, PHOTOS[:1], encoder=encoder, box=(0, 0, 4, 4), feather=1.0,
                                keep_fine=1, blend_back=True)  # fmt: skip
        assert len(made.images) == 3
        assert len(ghfeat.mix(generator, PHOTOS, PHOTOS[:1], encoder).grids) >= 3


@pytest.mark.parametrize(("space", "encoded"), [("z", False), ("w", False), ("wp", True), ("s", True)])
def test_ghfeat_invert(space: str, encoded: bool) -> None:
    with fake_cuda() as device:
        generator, encoder, hues = photographed(device, "stylegan2-skip")
        found = ghfeat.invert(generator, PHOTOS, encoder if encoded else "none", hues, space=space, steps=2)
        assert found.space == space and found.losses.shape == (3, 5)


def test_ghfeat_evaluate_train(monkeypatch: pytest.MonkeyPatch) -> None:
    from gantk.ghfeat import train_run
    from gantk.ghfeat.training import Training

    update = Training._update

    def with_gradients(self: Training, optimizer: torch.optim.Adam, module: torch.nn.Module) -> None:
        for parameter in module.parameters():
            parameter.grad = torch.zeros_like(parameter)
        update(self, optimizer, module)

    monkeypatch.setattr(Training, "_update", with_gradients)
    monkeypatch.setattr(train_run, "encoder_bytes", lambda *more: b"a file")  # which reads memory that is not there
    with fake_cuda() as device:
        generator, encoder, hues = photographed(device, "stylegan2-skip")
        labels = {"red": range(20)}
        photos = np.zeros((20, 16, 16, 3), np.uint8)
        probed = ghfeat.evaluate(generator, photos, labels, encoder=encoder, predictor=hues, folds=2, baselines=False)
        assert probed.probes.regression is not None
        found = ghfeat.train(
            generator, ("generator", photos), metric=hues, predictor=hues, discriminator="new", depth="18", width=4,
            pyramid=8, rank=4, images=8, batch_size=4, warm_up=4, style=0.1, mirror=0.5, recognition=1.0,
            held_out=2,
        )  # fmt: skip
        assert found.done and found.held_out == 2
