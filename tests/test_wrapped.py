"""Foreign modules hold the Generator contract: the tests of the families, and what only foreign modules do wrong."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import close, codes, differ, labels, random_delta, refuse, weighted
from test_generators import (
    test_a_row_feeds_the_layers_that_name_it as test_a_row_feeds_the_layers_that_name_it,
)
from test_generators import (
    test_an_absent_mean_is_estimated_once_and_said as test_an_absent_mean_is_estimated_once_and_said,
)
from test_generators import test_continuing_from_every_layer as test_continuing_from_every_layer
from test_generators import test_half_precision_is_close_or_refused as test_half_precision_is_close_or_refused
from test_generators import test_images_do_not_depend_on_the_batch as test_images_do_not_depend_on_the_batch
from test_generators import test_near_names_are_offered as test_near_names_are_offered
from test_generators import test_noise as test_noise
from test_generators import test_options_are_honoured_or_refused as test_options_are_honoured_or_refused
from test_generators import test_sample_z_does_not_depend_on_the_batch as test_sample_z_does_not_depend_on_the_batch
from test_generators import test_spec_and_layers_describe_the_network as test_spec_and_layers_describe_the_network
from test_generators import test_styles_in_place_of_rows as test_styles_in_place_of_rows
from test_generators import test_tracing_stops_early as test_tracing_stops_early
from test_generators import test_truncation as test_truncation
from test_generators import test_weight_deltas_equal_edited_weights as test_weight_deltas_equal_edited_weights
from test_generators_derivatives import one_graph_without_breaks
from test_generators_derivatives import test_double_backward as test_double_backward
from test_generators_derivatives import test_every_weight_learns as test_every_weight_learns
from test_generators_derivatives import test_jacobian_products_in_a_batch as test_jacobian_products_in_a_batch
from torch import Tensor, nn
from wrapped_modules import NAMES, Chain, Styled, Wide, seeded, wrapped

import gantk
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.generators.called_steps import CalledSteps
from gantk.generators.graph_steps import GraphSteps
from gantk.higan.restart import first_layer, repeated
from gantk.pictures.images import to_uint8


@pytest.fixture(params=NAMES)
def generator(request: pytest.FixtureRequest) -> Generator:
    return wrapped(request.param)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "branching"])
def test_a_drawn_module_is_one_graph_without_breaks(name: str) -> None:
    one_graph_without_breaks(wrapped(name))


def test_images_are_the_modules_own(generator: Generator) -> None:
    """In the range of the contract, before and after."""
    n = 5
    z_NZ, label = generator.sample_z(n), labels(generator, n)
    image = generator.synthesize(generator.expand(generator.map(z_NZ, label)))
    network = generator.network
    assert isinstance(network, nn.Module)
    raw = network(z_NZ) if label is None else network(z_NZ, label)
    low, high = generator.config.output_range
    close(image, 2 * (raw - low) / (high - low) - 1, 1e-6)
    assert image.shape == (n, generator.spec.image_channels, *generator.spec.size)
    assert -1.0 <= float(image.min()) < float(image.max()) <= 1.0


def test_maps_have_the_declared_shapes_and_come_after_the_activation(generator: Generator) -> None:
    wp = codes(generator)
    mapped = [layer for layer in generator.layers if layer.has_map]
    image, maps = generator.trace(wp, [layer.name for layer in mapped])
    assert image is not None
    for layer in mapped:
        shape = maps[layer.name].shape
        assert shape[:2] == (3, layer.channels) and max(shape[2:]) == layer.resolution, layer.name
    assert torch.equal(maps[generator.layers[-1].name], image)


def test_layers_of_a_chain_are_its_convolutions() -> None:
    for name, kind in (("chain", GraphSteps), ("branching", CalledSteps)):
        made = wrapped(name)
        assert isinstance(made._steps, kind)
        assert [layer.name for layer in made.layers] == ["main.0", "main.3", "main.6"]
        module, z = made.network.main, made.sample_z(2)
        _, maps = made.trace(codes(made, 2), ["main.0", "main.3"])
        close(maps["main.0"], module[:3](z[:, :, None, None]))
        close(maps["main.3"], module[:6](z[:, :, None, None]))


def test_a_wide_image_of_one_channel_with_labels() -> None:
    made = wrapped("wide")
    assert made.spec.size == (12, 20) and made.spec.resolution == 20
    assert made.spec.image_channels == 1 and made.spec.label_dim == 4
    assert made.config.label_form == "ids" and made.config.output_range == (0.0, 1.0)
    assert [layer.name for layer in made.layers] == ["dense", "first", "second", "short", "late", "out"]
    assert made.layer("late").weight == "network.late.weight", "spectral norm is applied, and the weight can be moved"
    z = made.sample_z(3)
    assert differ(made.map(z, torch.tensor([0, 1, 2])), made.map(z, torch.tensor([1, 2, 3])))
    refuse(lambda: made.map(z))
    refuse(lambda: made.map(z, torch.full((3, 4), 0.25)))
    refuse(lambda: made.map(z, torch.tensor([0, 1, 4])))
    # the map of a residual block is its sum, and after its activation
    _, maps = made.trace(codes(made), ["short", "second"])
    assert float(maps["short"].min()) >= 0 > float(maps["second"].min())


def test_a_wide_sample_is_found_again_and_a_mask_of_its_shape_is_a_region() -> None:
    made = wrapped("wide")
    with torch.inference_mode():
        image = made.synthesize(made.expand(made.map(made.sample_z(1, seed=3), torch.tensor([1]))))
    found = gantk.ghfeat.invert(made, list(to_uint8(image)), metric="none", space="z", steps=60, label="1")
    assert found.losses[0, 0] < 1e-3
    mask = np.zeros((12, 20), bool)
    mask[:6] = True
    taken = gantk.resefa.jacobian(made, {"top": mask}, num=1, label="1")
    assert taken.responses[0].share == 0.5
    with pytest.raises(GantkError, match="12"):
        gantk.resefa.jacobian(made, {"top": mask.T}, num=1, label="1")


def test_rows_of_a_module_with_mapping_and_synthesis() -> None:
    made = wrapped("styled")
    assert made.spec.num_layers == 3 and made.spec.w_dim == 5 and made.spec.can_truncate
    assert [layer.row for layer in made.layers] == [0, 1, 2, None]
    assert weighted(made) == ["convs.0", "convs.1", "convs.2", "out"]


def test_an_edit_of_later_rows_goes_on_from_a_state() -> None:
    """Repeated samples too, as `manipulate` renders the steps of an edit."""
    made = wrapped("styled")
    wp_NLD = made.expand(made.map(made.sample_z(2)))
    state = repeated(made.cache(wp_NLD, before=first_layer(made, [1]) or 0), 3, 1, 6)
    moved_NLD = wp_NLD.repeat_interleave(3, 0)[1:6].clone()
    moved_NLD[:, 1] += torch.linspace(-1, 1, 5)[:, None]
    torch.testing.assert_close(made.synthesize(moved_NLD, start=state), made.synthesize(moved_NLD))


def test_a_wrapped_module_stays_in_evaluation_mode(generator: Generator) -> None:
    image = generator.synthesize(codes(generator))
    generator.train()
    assert not any(part.training for part in generator.modules())
    assert torch.equal(generator.synthesize(codes(generator)), image)


def test_a_convolution_of_a_called_module_is_moved_like_a_drawn_one() -> None:
    drawn, called = wrapped("chain"), wrapped("branching")
    for name in weighted(drawn):
        deltas = {name: (random_delta(drawn, name), torch.tensor([0.5, -1.0, 0.0]))}
        close(
            called.synthesize(codes(called), weight_deltas=deltas), drawn.synthesize(codes(drawn), weight_deltas=deltas)
        )
    assert not any(len(part._forward_hooks) for part in called.modules())


# --- what is refused -------------------------------------------------------------------------------------------------


class Noisy(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) + 0.1 * torch.randn(1)


class Together(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z - z.mean(0))


class Broken(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) * torch.nan


class Fewer(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z)[1:]


class Vectors(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).flatten(1)


class Nothing(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z)[..., :0]


class Pairs(Chain):
    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(z), z


class ChannelsLast(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).permute(0, 2, 3, 1)


class WithoutValues(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).to("meta")


class Growing(Chain):
    calls = 0

    def forward(self, z: Tensor) -> Tensor:
        self.calls += 1
        return nn.functional.pad(super().forward(z), (0, self.calls))


class InPlace(Chain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z.mul_(0.5).add_(1))


def test_a_module_that_changes_its_codes_changes_copies() -> None:
    """The codes are kept, and drawn again."""
    generator = gantk.wrap(seeded(InPlace))
    z_ND = generator.sample_z(3)
    kept = z_ND.clone()
    first = generator.synthesize(generator.expand(generator.map(z_ND)))
    again = generator.synthesize(generator.expand(generator.map(z_ND)))
    assert torch.equal(z_ND, kept)
    close(again, first)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (ChannelsLast, r"if channels are last, return image.permute\(0, 3, 1, 2\)"),
        (WithoutValues, "images without values"),
        (Growing, "randomness of its own"),
        (Noisy, "randomness of its own"),
        (Together, "depend on the batch"),
        (Broken, "not finite"),
        (Fewer, "15 images of 16 codes"),
        (Vectors, "images \\[N, C, H, W\\]"),
        (Nothing, "no pixels"),
        (Pairs, "returned tuple"),
    ],
)
def test_modules_that_do_not_fit_are_refused(make: type[nn.Module], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        gantk.wrap(seeded(make))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match=r"given inputs of shape \[16, 7\]"):
        gantk.wrap(seeded(Chain), 7)
    with pytest.raises(UsageError, match="z_dim 10000000000 is larger than any"):
        gantk.wrap(seeded(Chain), 10**10)
    with pytest.raises(UsageError, match="width of the codes is not known"):
        gantk.wrap(seeded(Wide))
    with pytest.raises(UsageError, match="the class Chain"):
        gantk.wrap(Chain)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="mapping and synthesis"):
        gantk.wrap(seeded(Chain), rows=2)
    with pytest.raises(UsageError, match="no range"):
        gantk.wrap(seeded(Chain), output_range=(1, -1))
    loud = seeded(Styled)
    del type(loud).output_range
    try:
        assert gantk.wrap(loud, rows=3).config.output_range == (0.0, 255.0)
    finally:
        Styled.output_range = (0, 255)


# --- by name ---------------------------------------------------------------------------------------------------------

FACTORIES = """
import torch
from torch import nn
import gantk

class Net(nn.Module):
    z_dim = 3
    def __init__(self):
        super().__init__()
        self.conv = nn.ConvTranspose2d(3, 3, 4)
    def forward(self, z):
        return torch.tanh(self.conv(z[:, :, None, None]))

def raising():
    raise RuntimeError("no weights here")

def leaving():
    raise SystemExit(3)

def a_class():
    return Net

def number():
    return 3

def wrapped():
    return gantk.wrap(Net())
"""


@pytest.fixture
def factories(tmp_path: Path) -> str:
    path = tmp_path / "factories.py"
    path.write_text(FACTORIES)
    return str(path)


def test_a_generator_from_own_code(factories: str) -> None:
    for name in ("Net", "wrapped"):
        made = gantk.load_generator(f"{factories}:{name}", code=True)
        assert made.spec.family == "wrapped network" and made.bundled is None
        assert made.synthesize(made.expand(made.map(made.sample_z(2)))).shape == (2, 3, 4, 4)


def test_code_runs_only_where_the_caller_says_so(factories: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    with pytest.raises(UsageError, match="runs no code that a file names"):
        gantk.load_generator(f"{trap}:generator")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raising", "raised RuntimeError: no weights here"),
        ("leaving", "raised SystemExit: 3"),
        ("a_class", "returned the class Net"),
        ("number", "returned a int"),
        ("wraped", "Did you mean 'wrapped'"),
    ],
)
def test_factories_that_do_not_fit_are_refused(factories: str, name: str, words: str) -> None:
    with pytest.raises(GantkError, match=words) as caught:
        gantk.load_generator(f"{factories}:{name}", code=True)
    assert "\n" not in str(caught.value)


def test_older_norms_are_folded_too() -> None:
    module = seeded(Chain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.main[3] = nn.utils.spectral_norm(module.main[3])
        module.main[6] = nn.utils.weight_norm(module.main[6])
    module.eval()
    z = torch.randn(2, 6)
    with torch.no_grad():
        image = module(z)
    made = gantk.wrap(module)
    close(made.synthesize(made.expand(z)), image)
    assert weighted(made) == ["main.0", "main.3", "main.6"]
