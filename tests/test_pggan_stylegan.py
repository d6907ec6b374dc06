"""PGGAN and StyleGAN: levels of detail and convolutions beside their definitions, and readers of every program.

Shape legend: N samples, I/O/C channels, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import grown_files as grown
import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from foreign_files import torch_file
from generator_cases import close, codes, refuse, tiny, uneven
from torch import Tensor
from torch.func import jvp, vmap

from gantk.checkpoints.load import build_generator, load_generator
from gantk.checkpoints.reading import read_checkpoint
from gantk.errors import GantkError
from gantk.generators import registry
from gantk.generators.base import Generator, Truncation
from gantk.generators.progressive import PIXELS_WORTH_A_KERNEL, Growth, conv, up_conv
from gantk.generators.progressive_discriminator import ProgressiveDiscriminator, ProgressiveDiscriminatorConfig
from gantk.generators.spec import Layer

# --- definitions -----------------------------------------------------------------------------------------------------


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("height, width", [(1, 1), (4, 4), (5, 3), (32, 32)])
def test_up_convolution_is_nearest_then_convolution(height: int, width: int) -> None:
    x, weight, bias = noise(2, 3, height, width), noise(5, 3, 3, 3, seed=1), noise(5, seed=2)
    slow = F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, bias, padding=1)
    close(up_conv(x, weight, bias), slow, 1e-12)
    close(conv(x, weight, 1.0, bias, up=True), slow, 1e-12)
    strength, delta = torch.tensor([0.3, -2.0], dtype=torch.float64), noise(5, 3, 3, 3, seed=3)
    edited = [conv(x[i : i + 1], weight + t * delta, 0.5, bias, up=True) for i, t in enumerate(strength)]
    close(conv(x, weight, 0.5, bias, up=True, delta=(delta, strength)), torch.cat(edited), 1e-12)


def test_both_ways_of_the_up_convolution_were_taken() -> None:
    """And the joined one, too large for the networks of the contract, is differentiated like any other."""
    assert 2 * 5 * 3 < PIXELS_WORTH_A_KERNEL <= 32 * 32
    x, weight, tangents = noise(1, 2, 32, 32), noise(3, 2, 3, 3, seed=1), noise(4, 1, 2, 32, 32, seed=2)
    moved = vmap(lambda tangent: jvp(lambda at: conv(at, weight, 1.0, up=True), (x,), (tangent,))[1])(tangents)
    close(moved, torch.stack([conv(tangent, weight, 1.0, up=True) for tangent in tangents]), 1e-12)
    leaf = weight.clone().requires_grad_()
    (first,) = torch.autograd.grad(conv(x, leaf, 1.0, up=True).square().sum(), leaf, create_graph=True)
    (second,) = torch.autograd.grad((first * leaf.detach()).sum(), leaf)  # of a quadratic form the gradient again
    close(second, first.detach(), 1e-12)


def rgb(level: int) -> Tensor:
    return noise(1, 3, 4 << level, 4 << level, seed=level)


def grown_image(lod: float, top: int) -> Tensor:
    """Figure 2 of Karras et al. 2018: one resolution, upscaled, or a blend of it with the next lower."""
    whole = math.floor(lod)
    level, share = top - whole, lod - whole
    image = rgb(level)
    if share:
        image = (1 - share) * image + share * rgb(level - 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    return image.repeat_interleave(1 << whole, 2).repeat_interleave(1 << whole, 3)


@pytest.mark.parametrize("lod", [0, 0.25, 1, 1.3, 2, 2.9, 3])
def test_blending_is_what_the_paper_draws(lod: float) -> None:
    top, image = 3, None
    blending = Growth(lod, top)
    computed = 0
    for level in range(top + 1):
        layer = Layer(level, "", 4 << level, 3, is_rgb=True)
        wanted = blending.wants_rgb(layer)
        computed += wanted
        image = blending.blend(layer, rgb(level) if wanted else None, image)
    assert image is not None
    close(image, grown_image(lod, top), 1e-12)
    assert computed == (1 if lod == int(lod) else 2), "a ToRGB that does not show was computed"
    everything = None
    for level in range(top + 1):  # a tapped ToRGB is computed although it does not show
        everything = blending.blend(Layer(level, "", 4 << level, 3, is_rgb=True), rgb(level), everything)
    assert everything is not None
    assert torch.equal(everything, image)


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The benchmark, which holds the plain formulation of whole networks."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import importlib

    return importlib.import_module("benchmarks.families")


@pytest.mark.parametrize("case", ["pggan", "stylegan"])
def test_networks_are_their_plain_formulation(case: str, families: ModuleType) -> None:
    generator = tiny(case)
    if case == "stylegan":
        generator.synthesis.const.normal_()
    wp_NLD = uneven(generator)
    with torch.no_grad():
        close(generator.synthesize(wp_NLD).double(), families.PLAIN[case](generator.double(), wp_NLD.double()), 2e-5)


@pytest.mark.parametrize("family", ["pggan", "stylegan", "biggan"])
def test_the_benchmark_compares_equals(family: str, families: ModuleType) -> None:
    config = families.CONFIGS[family]["small"]
    small = {"channels": (8,) * len(config["channels"]), "z_dim": 40 if family == "biggan" else 8}
    assert families.error(family, {**config, **small}) < 2e-5


# --- discriminators --------------------------------------------------------------------------------------------------

CRITIC: dict[str, Any] = {"resolution": 16, "channels": (6, 5, 4), "hidden": 7}


def critic(**changes: Any) -> ProgressiveDiscriminator:
    torch.manual_seed(5)
    network = ProgressiveDiscriminator(ProgressiveDiscriminatorConfig(**CRITIC | changes)).double()
    for parameter in network.parameters():
        parameter.data.normal_()
    return network


def plain_scores(network: ProgressiveDiscriminator, image: Tensor, lod: float) -> Tensor:
    """Karras et al. 2018, table 2 upside down: everything computed, level by level, at its full size."""
    config = network.config

    def layer(x: Tensor, part: Any, activate: bool = True) -> Tensor:
        y = F.conv2d(x, part.weight * part.scale, padding=part.weight.shape[-1] // 2 % 2)
        y = F.avg_pool2d(y, 2) if part.halves else y
        y = y + part.bias[:, None, None]
        return F.leaky_relu(y, 0.2) if activate else y

    for module in network.modules():
        module.halves = False
    x = layer(image, network.b16.fromrgb)
    for k, block in enumerate((network.b16, network.b8)):
        x = layer(x, block.conv0)
        if config.blur_filter is not None:
            line = x.new_tensor(config.blur_filter)
            x = F.conv2d(x, torch.outer(line, line).expand(x.shape[1], 1, 3, 3), padding=1, groups=x.shape[1])
        block.conv1.halves = not config.averages_last
        x = layer(x, block.conv1)
        x = F.avg_pool2d(x, 2) if config.averages_last else x
        image = F.avg_pool2d(image, 2)
        t = min(max(lod - k, 0.0), 1.0)
        x = (1 - t) * x + t * layer(image, (network.b8, network.b4)[k].fromrgb)
    size = min(config.group, len(x))
    groups = x.reshape(size, -1, *x.shape[1:])
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    x = torch.cat([x, deviation.repeat(size)[:, None, None, None].expand(-1, 1, 4, 4)], 1)
    x = layer(layer(x, network.b4.conv), network.b4.dense)
    return layer(x, network.out, activate=False)[:, :, 0, 0]


@pytest.mark.parametrize("lod", [0.0, 0.4, 1.0, 1.7, 2.0])
@pytest.mark.parametrize("kind", [{}, {"averages_last": True, "label_dim": 2}, {"blur_filter": (0.25, 0.5, 0.25)}])
def test_scores_are_their_plain_formulation(kind: dict[str, Any], lod: float) -> None:
    network, image = critic(**kind), noise(4, 3, 16, 16)
    close(network.outputs(image, lod), plain_scores(network, image, lod), 1e-10)
    close(network(image, lod=lod), plain_scores(network, image, lod)[:, 0], 1e-10)


def test_labels_choose_the_score() -> None:
    image, label = noise(2, 3, 16, 16), torch.eye(3, dtype=torch.float64)[[2, 0]]
    product, auxiliary = critic(label_dim=3, label_rule="product"), critic(label_dim=3)
    outputs = product.outputs(image)
    assert outputs.shape == (2, 3)
    close(product(image, label), outputs[[0, 1], [2, 0]], 1e-12)
    assert auxiliary.outputs(image).shape == (2, 4)
    assert torch.equal(auxiliary(image, label), auxiliary.outputs(image)[:, 0])


def test_images_and_batches_that_do_not_fit_are_refused() -> None:
    refuse(lambda: critic()(noise(1, 3, 8, 8)), GantkError)
    refuse(lambda: critic()(noise(6, 3, 16, 16)), GantkError)
    refuse(lambda: critic(label_rule="some"), GantkError)
    refuse(lambda: critic(channels=(4, 4)), GantkError)


# --- files that every program would write ----------------------------------------------------------------------------

PGGAN: dict[str, Any] = {"resolution": 16, "channels": (6, 5, 4), "z_dim": 7}
# reaches the resolution from which up-convolutions are fused
STYLEGAN: dict[str, Any] = {
    "resolution": 128, "channels": (4, 4, 3, 3, 2, 2), "z_dim": 6, "w_dim": 5, "mapping_layers": 2, "mapping_width": 7,
}  # fmt: skip
NEVER, ALWAYS = 1 << 30, 0


def random_network(family: str, **config: Any) -> Generator:
    torch.manual_seed(3)
    generator = registry.build(family, config).eval().requires_grad_(False)
    for tensor in generator.state_dict().values():
        tensor.normal_()
    return generator


def read_back(data: bytes, tmp_path: Path) -> Generator:
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    # laid out as networks built in memory are: another order of sums would hide small faults of the conversion
    return load_generator(path).to(memory_format=torch.contiguous_format)


def assert_same_network(got: Generator, want: Generator, **different: Any) -> None:
    assert got.config.to_dict() == {**want.config.to_dict(), **different}
    state = got.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        name: tuple(tensor.shape) for name, tensor in want.state_dict().items()
    }
    for name, tensor in want.state_dict().items():
        assert torch.equal(state[name], tensor), name


def hammer(state: dict[str, Tensor], **kwargs: Any) -> bytes:
    return torch_file({"models": {"generator_smooth": state}, "model_kwargs_init": {"generator_smooth": kwargs}})


def tf_pggan(fused: bool, own: bool, **kwargs: Any) -> Callable[[grown.State], bytes]:
    return lambda state: grown.tensorflow_pickle(
        grown.tensorflow_pggan(state, fused, own), "G_paper", {"label_size": 0, **kwargs}, own
    )


PGGAN_FILES: dict[str, tuple[Callable[[grown.State], bytes], dict[str, Any]]] = {
    "genforce": (lambda s: torch_file({"generator_smooth": grown.genforce_pggan(s)}), {}),
    "hammer": (lambda s: hammer(grown.genforce_pggan(s), resolution=16), {}),
    "hammer fused": (lambda s: hammer(grown.genforce_pggan(s, fused=True), fused_scale=True), {}),
    "higan": (lambda s: torch_file(grown.higan_pggan(s)), {"blends": False}),
    "higan fused": (lambda s: torch_file(grown.higan_pggan(s, fused=True)), {"blends": False}),
    "tensorflow": (tf_pggan(False, own=True), {}),
    "tensorflow fused, own repository": (tf_pggan(True, own=True), {}),
    "tensorflow fused, StyleGAN's repository": (tf_pggan(True, own=False), {}),
    "tensorflow flags": (
        tf_pggan(True, True, pixelnorm_epsilon=1e-4, normalize_latents=False, use_pixelnorm=False, use_wscale=False),
        {"epsilon": 1e-4, "normalize_z": False, "pixel_norm": False, "layer_scales": (1.0,) * 9},
    ),
}


@pytest.mark.parametrize("program", PGGAN_FILES)
def test_pggan_as_every_program_writes_it(program: str, tmp_path: Path) -> None:
    write, different = PGGAN_FILES[program]
    want = random_network("pggan", **PGGAN)
    got = read_back(write(want.state_dict()), tmp_path)
    assert_same_network(got, want, **different)
    assert got.source == f"{program.split()[0].rstrip(',')}-pggan"
    assert ("fused" in str(read_checkpoint(tmp_path / "file.bin").notes)) == (program == "genforce")


@pytest.mark.parametrize("own", [True, False])
def test_layout_of_fused_kernels_whose_channels_never_change(own: bool, tmp_path: Path) -> None:
    want = random_network("pggan", **PGGAN | {"channels": (5, 5, 5)})
    assert_same_network(read_back(tf_pggan(True, own)(want.state_dict()), tmp_path), want)


def test_navigan_stores_its_scales(tmp_path: Path) -> None:
    scales = tuple(0.1 * (i + 1) for i in range(7))
    want = random_network("pggan", **PGGAN, rgb="last", layer_scales=scales)
    got = read_back(torch_file(grown.navigan_pggan(want.state_dict(), scales)), tmp_path)
    close(got.synthesize(codes(want)), want.synthesize(codes(want)), 1e-6)
    assert got.source == "navigan-pggan"
    assert not got.spec.has_lod
    refuse(lambda: got.synthesize(codes(got), lod=1.0))


@pytest.mark.parametrize("program, rule", [("tensorflow", "joint"), ("hammer", "separate")])
def test_labels_of_pggan(program: str, rule: str, tmp_path: Path) -> None:
    want = random_network("pggan", **PGGAN, label_dim=3, label_rule=rule)
    write = {
        "tensorflow": tf_pggan(False, own=True, label_size=3),
        "hammer": lambda state: hammer(grown.genforce_pggan(state), label_dim=3),
    }[program]
    assert_same_network(read_back(write(want.state_dict()), tmp_path), want)


STYLEGAN_FILES: dict[str, tuple[Callable[[grown.State], bytes], dict[str, Any]]] = {
    "genforce": (lambda s: torch_file({"generator": grown.plain_stylegan(s, False, 128)}), {}),
    "hammer": (lambda s: hammer(grown.plain_stylegan(s, True, 128), mapping_lr_mul=0.02), {"mapping_lr": 0.02}),
    "hammer fused": (lambda s: hammer(grown.plain_stylegan(s, True, ALWAYS), fused_scale=True), {}),
    "hammer unfused": (lambda s: hammer(grown.plain_stylegan(s, True, NEVER), fused_scale=False), {}),
    "higan": (
        lambda s: torch_file(grown.higan_stylegan(s, 128)),
        {"blends": False, "truncation_psi": 0.7, "truncation_layers": 8},
    ),
    "higan fused early": (
        lambda s: torch_file(grown.higan_stylegan(s, 32)),
        {"blends": False, "truncation_psi": 0.7, "truncation_layers": 8},
    ),
}


def tf_stylegan(fused_from: int, lod: float = 0.0, **kwargs: Any) -> Callable[[grown.State], bytes]:
    return lambda state: grown.tensorflow_pickle(grown.tensorflow_stylegan(state, fused_from, lod), "G_style", kwargs)


STYLEGAN_FILES |= {
    "tensorflow": (tf_stylegan(128), {"truncation_psi": 0.7, "truncation_layers": 8}),
    "tensorflow fused": (tf_stylegan(ALWAYS, fused_scale=True, truncation_psi=None), {}),
    "tensorflow unfused": (tf_stylegan(NEVER, fused_scale=False, truncation_psi=1), {}),
    "tensorflow flags": (
        tf_stylegan(
            128, 0.5, truncation_cutoff=-1, mapping_lrmul=0.1, normalize_latents=False, blur_filter=[0, 1, 3],
            structure="linear", dlatent_avg_beta=0.9,
        ),
        {"lod": 0.5, "mapping_lr": 0.1, "normalize_z": False, "blur_filter": (0.75, 0.25, 0.0)},
    ),
    "tensorflow without blur": (tf_stylegan(128, truncation_cutoff=0, blur_filter=None), {"blur_filter": (1.0,)}),
}  # fmt: skip


@pytest.mark.parametrize("labels", [0, 3])
@pytest.mark.parametrize("program", STYLEGAN_FILES)
def test_stylegan_as_every_program_writes_it(program: str, labels: int, tmp_path: Path) -> None:
    write, different = STYLEGAN_FILES[program]
    want = random_network("stylegan", **STYLEGAN, label_dim=labels, label_width=6 if labels else 0)
    got = read_back(write(want.state_dict()), tmp_path)
    assert_same_network(got, want, **different)
    assert got.source == f"{program.split()[0]}-stylegan"


@pytest.mark.parametrize("resolution, channels", [(4, (3,)), (8, (3, 2)), (64, (7, 6, 5, 4, 3))])
def test_sizes_are_inferred_not_assumed(resolution: int, channels: tuple[int, ...], tmp_path: Path) -> None:
    sizes = {"resolution": resolution, "channels": channels}
    for want, data in (
        (pggan := random_network("pggan", **PGGAN | sizes), torch_file(grown.genforce_pggan(pggan.state_dict()))),
        (
            stylegan := random_network("stylegan", **STYLEGAN | sizes | {"mapping_layers": 1, "mapping_width": 5}),
            torch_file(grown.plain_stylegan(stylegan.state_dict(), False, 128)),
        ),
    ):
        assert_same_network(read_back(data, tmp_path), want)


def test_a_stylegan_without_noise_or_mean(tmp_path: Path) -> None:
    want = random_network("stylegan", **STYLEGAN)
    state = grown.plain_stylegan(want.state_dict(), True, 128)
    quiet = {name: tensor for name, tensor in state.items() if "noise" not in name}
    got = read_back(hammer(quiet), tmp_path)
    assert not got.spec.has_noise
    close(got.synthesize(codes(got)), want.synthesize(codes(want), noise="none"), 1e-6)
    data = grown.tensorflow_stylegan(want.state_dict(), 128)
    del data["dlatent_avg"]
    path = tmp_path / "without"
    path.write_bytes(grown.tensorflow_pickle(data, "G_style", {}))
    checkpoint = read_checkpoint(path)
    assert "no mean code" in str(checkpoint.notes)
    assert build_generator(checkpoint).expand(got.map(got.sample_z(1)), Truncation(0.5)).isfinite().all()


def test_fixed_structure_has_one_image(tmp_path: Path) -> None:
    want = random_network("stylegan", **STYLEGAN, rgb="last")
    every = random_network("stylegan", **STYLEGAN)
    every.load_state_dict(want.state_dict(), strict=False)
    data = grown.tensorflow_stylegan(every.state_dict(), 128, lod=2.0)
    kept = {name: value for name, value in data.items() if "ToRGB" not in name or "ToRGB_lod0" in name}
    got = read_back(grown.tensorflow_pickle(kept, "G_style", {"structure": "fixed", "truncation_psi": 1}), tmp_path)
    assert_same_network(got, want)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "family, kwargs, message",
    [
        ("pggan", {"use_leakyrelu": False}, "use_leakyrelu=False"),
        ("pggan", {"dtype": "float16"}, "dtype=float16"),
        ("pggan", {"tanh_at_end": True}, "tanh_at_end=True"),
        ("pggan", {"label_size": 7}, "7 label inputs"),
        ("stylegan", {"use_wscale": False}, "use_wscale=False"),
        ("stylegan", {"use_styles": False}, "use_styles=False"),
        ("stylegan", {"const_input_layer": False}, "const_input_layer=False"),
        ("stylegan", {"use_pixel_norm": True}, "use_pixel_norm=True"),
        ("stylegan", {"use_instance_norm": False}, "use_instance_norm=False"),
        ("stylegan", {"nonlinearity": "relu"}, "nonlinearity=relu"),
        ("stylegan", {"fused_scale": "sometimes"}, "fused_scale=sometimes"),
        ("stylegan", {"blur_filter": [1, 1]}, "odd number of taps"),
        ("stylegan", {"blur_filter": "box"}, "odd number of taps"),
        ("stylegan", {"truncation_psi": "much"}, "truncation_psi=much is no number"),
    ],
)
def test_tensorflow_variants_are_refused_by_their_flag(
    family: str, kwargs: dict[str, Any], message: str, tmp_path: Path
) -> None:
    network = random_network(family, **(PGGAN if family == "pggan" else STYLEGAN))
    write = tf_pggan(False, True, **kwargs) if family == "pggan" else tf_stylegan(128, **kwargs)
    with pytest.raises(GantkError, match=message):
        read_back(write(network.state_dict()), tmp_path)


@pytest.mark.parametrize(
    "family, kwargs, message",
    [
        ("pggan", {"final_tanh": True}, "final_tanh=True"),
        ("pggan", {"wscale_gain": 1.0}, "wscale_gain=1.0"),
        ("pggan", {"label_dim": "three"}, "label_dim=three is no number"),
        ("stylegan", {"normalize_z": False}, "normalize_z=False"),
        ("stylegan", {"const_input": False}, "const_input=False"),
        ("stylegan", {"noise_type": "channel"}, "noise_type=channel"),
        ("stylegan", {"mapping_lr_mul": "slow"}, "mapping_lr_mul is no number"),
        ("stylegan", {"unheard_of": 1}, "unheard_of=1"),
    ],
)
def test_hammer_variants_are_refused_by_their_flag(
    family: str, kwargs: dict[str, Any], message: str, tmp_path: Path
) -> None:
    network = random_network(family, **(PGGAN if family == "pggan" else STYLEGAN))
    state = network.state_dict()
    written = grown.genforce_pggan(state) if family == "pggan" else grown.plain_stylegan(state, True, 128)
    with pytest.raises(GantkError, match=message):
        read_back(hammer(written, **kwargs), tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("output1.weight"), r"lacks output1\.weight"),
        (lambda s: s.pop("layer3.bias"), r"lacks layer3\.bias"),
        (lambda s: s.update({"layer9.weight": torch.zeros(1)}), r"has, beside what .* uses, layer9\.weight"),
        (lambda s: s.update({"lod": torch.tensor(math.nan)}), "level of detail is no number"),
        (lambda s: s.update({"lod": torch.tensor(9.0)}), "lod=9.0 is not between 0"),
        (lambda s: s.update({"layer0.weight": torch.zeros(6, 7)}), "unexpected shape"),
        (lambda s: s.update({"layer2.weight": torch.zeros(5, 5, 3, 3)}), "of the wrong shape"),
    ],
)
def test_damaged_files_are_named(change: Callable[[dict[str, Tensor]], object], message: str, tmp_path: Path) -> None:
    state = grown.genforce_pggan(random_network("pggan", **PGGAN).state_dict())
    change(state)
    with pytest.raises(GantkError, match=message):
        read_back(torch_file(state), tmp_path)


@pytest.mark.parametrize("kernel", [torch.ones(3, 1, 3, 3), torch.eye(3)[None, None] / 3, torch.rand(3, 1, 3, 3)])
def test_other_blurs_are_refused(kernel: Tensor, tmp_path: Path) -> None:
    state = grown.plain_stylegan(random_network("stylegan", **STYLEGAN).state_dict(), False, 128)
    state["synthesis.layer4.blur.kernel"] = kernel
    with pytest.raises(GantkError, match="filter"):
        read_back(torch_file(state), tmp_path)


def test_higan_shows_whole_levels_only(tmp_path: Path) -> None:
    want = random_network("pggan", **PGGAN)
    got = read_back(torch_file(grown.higan_pggan(want.state_dict())), tmp_path)
    assert torch.equal(got.synthesize(codes(got), lod=1), want.synthesize(codes(want), lod=1))
    refuse(lambda: got.synthesize(codes(got), lod=0.5))


def test_configurations_that_do_not_fit_are_refused() -> None:
    for family, config in (("pggan", PGGAN), ("stylegan", STYLEGAN)):
        for change in ({"resolution": 24}, {"channels": ()}, {"rgb": "some"}, {"lod": 99.0}, {"lod": -1.0}):
            refuse(lambda f=family, c=config, d=change: registry.build(f, {**c, **d}), GantkError)
    refuse(lambda: registry.build("pggan", {**PGGAN, "layer_scales": (1.0,)}), GantkError)
    refuse(lambda: registry.build("pggan", {**PGGAN, "label_rule": "both"}), GantkError)
