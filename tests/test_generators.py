"""The Generator contract, held by every family. A new family is one line in TINY (generator_cases.py).

Shape legend: N samples, Z/D widths of z and w, L rows of wp, K directions at once.
"""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from generator_cases import TINY, close, codes, differ, labels, random_delta, refuse, shown, tiny, uneven, weighted
from torch import Tensor
from torch.func import vmap

from gantk.errors import GantkError, UsageError
from gantk.generators import registry
from gantk.generators.base import Generator, Truncation


@pytest.fixture(params=list(TINY))
def generator(request: pytest.FixtureRequest) -> Generator:
    return tiny(request.param)


# --- what a network says about itself -------------------------------------------------------------------------------


def test_spec_and_layers_describe_the_network(generator: Generator) -> None:
    spec = generator.spec
    assert generator.config.to_dict() == type(generator.config).from_dict(generator.config.to_dict()).to_dict()
    assert [layer.index for layer in generator.layers] == list(range(len(generator.layers)))
    assert len({layer.name for layer in generator.layers}) == len(generator.layers)
    state = generator.state_dict()
    for layer in generator.layers:
        assert layer.row is None or 0 <= layer.row < spec.num_layers
        assert layer.weight is None or layer.weight in state
        assert layer.affine is None or any(key.startswith(layer.affine + ".") for key in state)
        assert (layer.row is None) == (layer.style_dim == 0) or "s" not in spec.spaces
        assert generator.layer(layer.name) is layer
        assert generator.layer(layer.index) is layer
    assert {layer.row for layer in generator.layers} - {None} == set(range(spec.num_layers)), "every row feeds a layer"
    assert any(layer.is_rgb for layer in generator.layers)
    assert {"z", "w"} <= set(spec.spaces) <= {"z", "w", "wp", "s"}


def test_shapes_are_those_declared(generator: Generator) -> None:
    spec, n = generator.spec, 2
    z_ND = generator.sample_z(n)
    assert z_ND.shape == (n, spec.z_dim)
    w_ND = generator.map(z_ND, labels(generator, n))
    assert w_ND.shape == (n, spec.w_dim)
    wp_NLD = generator.expand(w_ND)
    assert wp_NLD.shape == (n, spec.num_layers, spec.wp_dim)
    mapped = [layer for layer in generator.layers if layer.has_map]
    image, maps = generator.trace(wp_NLD, [layer.name for layer in mapped])
    assert image is not None
    assert image.shape == (n, spec.image_channels, spec.resolution, spec.resolution)
    assert torch.equal(image, generator.synthesize(wp_NLD))
    assert list(maps) == [layer.name for layer in mapped]
    for layer in mapped:
        assert maps[layer.name].shape == (n, layer.channels, layer.resolution, layer.resolution), layer.name
    if "s" in spec.spaces:
        styled = [layer for layer in generator.layers if layer.style_dim]
        styles = generator.styles(wp_NLD)
        assert [tuple(style.shape) for style in styles] == [(n, layer.style_dim) for layer in styled]


# --- codes ----------------------------------------------------------------------------------------------------------


def test_sample_z_does_not_depend_on_the_batch(generator: Generator) -> None:
    whole = generator.sample_z(7, seed=3)
    parts = [generator.sample_z(2, seed=3), generator.sample_z(5, seed=3, start=2)]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, generator.sample_z(7, seed=4))
    assert torch.equal(whole, generator.sample_z(7, seed=3))


def test_truncation(generator: Generator) -> None:
    spec = generator.spec
    w_ND = generator.map(generator.sample_z(3), labels(generator, 3))
    plain = generator.expand(w_ND)
    if not spec.can_truncate:
        refuse(lambda: generator.expand(w_ND, Truncation(0.7)))
        return
    assert torch.equal(generator.expand(w_ND, Truncation(1.0)), plain)
    assert torch.equal(generator.expand(w_ND, Truncation(0.5, 0)), plain)
    everything = generator.expand(w_ND, Truncation(0.5))
    assert torch.equal(generator.expand(w_ND, Truncation(0.5, spec.num_layers + 9)), everything)
    first = generator.expand(w_ND, Truncation(0.5, 1))
    assert torch.equal(first[:, 1:], plain[:, 1:])
    assert torch.equal(first[:, :1], everything[:, :1])
    middle = generator.expand(w_ND, Truncation(0.0))
    close(middle, middle[:1].expand_as(middle))
    close(everything, (plain + middle) / 2)
    if generator.w_avg is not None:
        close(middle[0, 0], generator.average_w())


def test_an_absent_mean_is_estimated_once_and_said(generator: Generator) -> None:
    if not generator.spec.can_truncate:
        return
    generator.w_avg = None
    assert not generator.estimated_average
    keys = list(generator.state_dict())
    average = generator.average_w()
    assert generator.estimated_average
    assert generator.average_w() is average
    assert list(generator.state_dict()) == keys, "an estimate is not part of the weights"
    half = generator.map(generator.sample_z(512), generator.sample_label(512))
    assert (average - half.mean(0)).abs().max() < 6 * half.std(0).max() / 512**0.5


def test_labels(generator: Generator) -> None:
    spec, z_ND = generator.spec, generator.sample_z(3)
    if not spec.label_dim:
        refuse(lambda: generator.map(z_ND, torch.zeros(3, dtype=torch.int64)))
        return
    label_N = torch.tensor([0, 1, spec.label_dim - 1])
    by_id = generator.map(z_ND, label_N)
    close(by_id, generator.map(z_ND, torch.nn.functional.one_hot(label_N, spec.label_dim).float()), 1e-6)
    assert differ(by_id, generator.map(z_ND, label_N.flip(0)))
    soft = torch.full((3, spec.label_dim), 1.0 / spec.label_dim)
    assert torch.isfinite(generator.map(z_ND, soft)).all()
    if spec.label_required:
        refuse(lambda: generator.map(z_ND))
    else:
        assert torch.equal(generator.map(z_ND), generator.map(z_ND, torch.zeros(3, spec.label_dim)))
    refuse(lambda: generator.map(z_ND, torch.zeros(2, dtype=torch.int64)))
    refuse(lambda: generator.map(z_ND, torch.full((3,), spec.label_dim)))
    refuse(lambda: generator.map(z_ND, torch.zeros(3, spec.label_dim + 1)))


def test_a_row_feeds_the_layers_that_name_it(generator: Generator) -> None:
    wp_NLD = uneven(generator, 2)
    taps = [layer.name for layer in generator.layers if layer.has_map]
    image, maps = generator.trace(wp_NLD, taps)
    for row in range(generator.spec.num_layers):
        moved = wp_NLD.clone()
        moved[:, row] = codes(generator, 2, seed=50)[:, row]
        moved_image, moved_maps = generator.trace(moved, taps)
        first = min(layer.index for layer in generator.layers if layer.row == row)
        for layer in generator.layers[:first]:
            assert not layer.has_map or torch.equal(maps[layer.name], moved_maps[layer.name]), (row, layer.name)
        tap = next(layer.name for layer in generator.layers[first:] if layer.has_map)
        assert differ(moved_maps[tap], maps[tap]), (row, tap)
        assert image is not None and moved_image is not None
        assert differ(moved_image, image), row


def test_styles_in_place_of_rows(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    if "s" not in generator.spec.spaces:
        refuse(lambda: generator.styles(wp_NLD))
        refuse(lambda: generator.synthesize((wp_NLD[:, 0],)))
        return
    styles = generator.styles(wp_NLD)
    image = generator.synthesize(wp_NLD)
    assert torch.equal(generator.synthesize(styles), image)
    assert torch.equal(generator.synthesize(list(styles)), image)
    styled = [layer.name for layer in generator.layers if layer.style_dim]
    for position, name in enumerate(styled):
        changed, view = list(styles), shown(generator, name)
        changed[position] = changed[position] + 1.0
        assert differ(generator.synthesize(changed, **view), generator.synthesize(styles, **view)), name
    refuse(lambda: generator.synthesize(styles[1:]))
    refuse(lambda: generator.synthesize([style[:, 1:] for style in styles]))


# --- images ---------------------------------------------------------------------------------------------------------


def test_images_do_not_depend_on_the_batch(generator: Generator) -> None:
    together = generator.synthesize(codes(generator, 5))
    alone = [generator.synthesize(codes(generator, 1, start=i)) for i in range(5)]
    close(together, torch.cat(alone))
    assert torch.equal(together, generator.synthesize(codes(generator, 5)))
    shuffled = generator.synthesize(codes(generator, 5).flip(0)).flip(0)
    close(together, shuffled)


@pytest.mark.parametrize("n", [1, 3])
def test_inference_mode_changes_nothing_but_the_cost(generator: Generator, n: int) -> None:
    """There a family may overwrite what it made itself, but not what it gave away."""
    wp_NLD = uneven(generator, n)
    taps = [layer.name for layer in generator.layers if layer.has_map]
    image, maps = generator.trace(wp_NLD, taps)
    assert image is not None
    generator.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        fast, fast_maps = generator.trace(wp_NLD, taps)
        assert fast is not None
        close(fast, image)
        for tap in taps:
            close(fast_maps[tap], maps[tap])
        for layer in generator.layers:
            state = generator.cache(wp_NLD, layer.index)
            close(generator.synthesize(wp_NLD, start=state), image)
            close(generator.synthesize(wp_NLD, start=state), image)
        shifts = torch.stack([torch.zeros_like(wp_NLD), 0.1 * wp_NLD])
        moved = vmap(lambda shift: generator.synthesize(wp_NLD + shift))(shifts)
        close(moved[0], image)
        close(moved[1], generator.synthesize(1.1 * wp_NLD))


def test_tracing_stops_early(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    taps = [layer for layer in generator.layers if layer.has_map]
    _, maps = generator.trace(wp_NLD, [layer.index for layer in taps])
    for layer in taps:
        broken = copy.deepcopy(generator)
        for later in broken.layers[layer.index + 1 :]:
            if later.weight is not None:
                broken.get_parameter(later.weight).fill_(torch.nan)
        image, one = broken.trace(wp_NLD, [layer.name], image=False)
        assert image is None
        assert torch.equal(one[layer.name], maps[layer.name]), f"{layer.name} ran layers beyond it"


def test_continuing_from_every_layer(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    image = generator.synthesize(wp_NLD)
    other = codes(generator, seed=60)
    for layer in generator.layers:
        state = generator.cache(wp_NLD, layer.name)
        assert state.index == layer.index
        close(generator.synthesize(wp_NLD, start=state), image, 1e-6)
        # rows that only feed earlier layers no longer matter
        spent = [r for r in range(wp_NLD.shape[1]) if all(x.row != r for x in generator.layers[layer.index :])]
        mixed = wp_NLD.clone()
        mixed[:, spent] = other[:, spent]
        close(generator.synthesize(mixed, start=state), image, 1e-6)
        if layer.has_map:
            _, maps = generator.trace(wp_NLD, [layer.name], start=state, image=False)
            close(maps[layer.name], generator.trace(wp_NLD, [layer.name])[1][layer.name], 1e-6)
    last = generator.cache(wp_NLD, len(generator.layers) - 1)
    half = generator.cache(wp_NLD, len(generator.layers) // 2)
    close(generator.synthesize(wp_NLD, start=generator.cache(wp_NLD, last.index, start=half)), image, 1e-6)
    refuse(lambda: generator.cache(wp_NLD, half.index, start=last))
    refuse(lambda: generator.synthesize(wp_NLD[:2], start=last))
    early = next(layer.name for layer in generator.layers if layer.has_map)
    refuse(lambda: generator.trace(wp_NLD, [early], start=last))


def test_weight_deltas_equal_edited_weights(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    names = weighted(generator)
    if not names:
        refuse(lambda: generator.synthesize(wp_NLD, weight_deltas={0: (torch.zeros(1), 1.0)}))
        return
    strength_N = torch.tensor([-0.7, 0.0, 1.3])

    def edited(deltas: dict[str, Tensor], strength: float, sample: int, **view: float) -> Tensor:
        network = copy.deepcopy(generator)
        for name, delta in deltas.items():
            network.get_parameter(network.layer(name).weight or "").add_(strength * delta)
        return network.synthesize(wp_NLD[sample : sample + 1], **view)

    for name in names:
        delta, view = random_delta(generator, name), shown(generator, name)
        fast = generator.synthesize(wp_NLD, weight_deltas={name: (delta, strength_N)}, **view)
        slow = torch.cat([edited({name: delta}, float(t), i, **view) for i, t in enumerate(strength_N)])
        close(fast, slow, 5e-5)  # two convolutions round differently than one of their sum
        assert differ(fast, generator.synthesize(wp_NLD, **view)), name
    deltas = {name: random_delta(generator, name, seed=i) for i, name in enumerate(names)}
    fast = generator.synthesize(wp_NLD, weight_deltas={name: (delta, 0.4) for name, delta in deltas.items()})
    close(fast, torch.cat([edited(deltas, 0.4, i) for i in range(3)]), 5e-5)
    state = generator.cache(wp_NLD, names[-1])
    last = {names[-1]: (deltas[names[-1]], strength_N)}
    close(
        generator.synthesize(wp_NLD, start=state, weight_deltas=last), generator.synthesize(wp_NLD, weight_deltas=last)
    )
    first = {names[0]: (deltas[names[0]], strength_N)}  # an edit before a state is in what goes on from it
    state = generator.cache(wp_NLD, names[-1], weight_deltas=first)
    close(
        generator.synthesize(wp_NLD, start=state, weight_deltas=first),
        generator.synthesize(wp_NLD, weight_deltas=first),
    )
    refuse(lambda: generator.synthesize(wp_NLD, weight_deltas={names[0]: (deltas[names[0]][1:], 1.0)}))
    refuse(lambda: generator.synthesize(wp_NLD, weight_deltas={names[0]: (deltas[names[0]], torch.ones(2))}))
    without = [layer.name for layer in generator.layers if layer.weight is None]
    for name in without:
        refuse(lambda name=name: generator.synthesize(wp_NLD, weight_deltas={name: (torch.zeros(1), 1.0)}))


def test_noise(generator: Generator) -> None:
    wp_NLD = codes(generator, 1).expand(3, -1, -1)
    const, none = generator.synthesize(wp_NLD), generator.synthesize(wp_NLD, noise="none")
    assert torch.equal(const, generator.synthesize(wp_NLD, noise="const"))
    if not generator.spec.has_noise:
        assert torch.equal(const, none)
        refuse(lambda: generator.synthesize(wp_NLD, noise=3))
        return
    assert differ(const, none)
    seeded = generator.synthesize(wp_NLD, noise=[3, 5, 3])
    assert torch.equal(seeded, generator.synthesize(wp_NLD, noise=torch.tensor([3, 5, 3])))
    close(seeded[0], seeded[2])
    assert differ(seeded[0], seeded[1])
    close(seeded[1:2], generator.synthesize(wp_NLD[:1], noise=[5]))
    close(seeded[:1].expand(3, -1, -1, -1), generator.synthesize(wp_NLD, noise=3))
    assert differ(seeded, const)
    refuse(lambda: generator.synthesize(wp_NLD, noise=[1, 2]))
    refuse(lambda: generator.synthesize(wp_NLD, noise=0.5))


def test_options_are_honoured_or_refused(generator: Generator) -> None:
    spec, wp_NLD = generator.spec, uneven(generator, 2)
    image = generator.synthesize(wp_NLD)
    if spec.has_lod:
        coarse = generator.synthesize(wp_NLD, lod=1.0)
        assert coarse.shape == image.shape
        assert differ(coarse, generator.synthesize(wp_NLD, lod=0.0))
        between = generator.synthesize(wp_NLD, lod=0.5)
        assert differ(between, coarse) and differ(between, generator.synthesize(wp_NLD, lod=0.0))
        for lod in (-1.0, math.log2(spec.resolution), math.nan):
            refuse(lambda lod=lod: generator.synthesize(wp_NLD, lod=lod))
    else:
        refuse(lambda: generator.synthesize(wp_NLD, lod=0.0))
    if spec.has_bn_truncation:
        assert differ(generator.synthesize(wp_NLD, bn_truncation=0.3), generator.synthesize(wp_NLD, bn_truncation=0.9))
        refuse(lambda: generator.synthesize(wp_NLD, bn_truncation=0.0))
    else:
        refuse(lambda: generator.synthesize(wp_NLD, bn_truncation=0.5))
    turn = torch.tensor([[0.8, -0.6, 0.1], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    if spec.has_transform:
        both = generator.synthesize(wp_NLD, transform=torch.stack([turn, torch.eye(3)]))
        assert differ(both[0], image[0])
        close(both[:1], generator.synthesize(wp_NLD[:1], transform=turn))
        close(both[1:], generator.synthesize(wp_NLD[1:], transform=torch.eye(3)))
        refuse(lambda: generator.synthesize(wp_NLD, transform=torch.eye(2)))
        refuse(lambda: generator.synthesize(wp_NLD, transform=torch.eye(3).expand(5, 3, 3)))
    else:
        refuse(lambda: generator.synthesize(wp_NLD, transform=turn))


def test_half_precision_is_close_or_refused(generator: Generator) -> None:
    wp_NLD = uneven(generator)
    image = generator.synthesize(wp_NLD)
    refuse(lambda: generator.set_precision("int8"))
    if not generator.spec.half_precision:
        refuse(lambda: generator.set_precision("bfloat16"))
        return
    for precision, bound in (("bfloat16", 0.04), ("float16", 0.006)):
        assert generator.set_precision(precision) is generator
        half = generator.synthesize(wp_NLD)
        assert half.dtype == torch.float32, "images come in full precision"
        error = ((half - image).square().mean() / image.square().mean()).sqrt().item()
        assert 0 < error < bound, (precision, error)
    generator.set_precision("float32")
    assert torch.equal(generator.synthesize(wp_NLD), image)


# --- names and files ------------------------------------------------------------------------------------------------


def test_weights_and_configuration_are_the_whole_network(generator: Generator) -> None:
    text = json.dumps(generator.config.to_dict())
    again = registry.build(generator.spec.family, json.loads(text)).eval()
    again.load_state_dict(generator.state_dict(), strict=True)
    assert again.spec == generator.spec
    assert again.layers == generator.layers
    assert torch.equal(again.synthesize(uneven(generator)), generator.synthesize(uneven(generator)))


def test_near_names_are_offered(generator: Generator) -> None:
    name = generator.layers[0].name
    with pytest.raises(UsageError, match=name):
        generator.layer(name[:-1])
    refuse(lambda: generator.layer(-1))
    refuse(lambda: generator.layer(len(generator.layers)))


def test_unknown_families_and_settings_are_refused() -> None:
    refuse(lambda: registry.build("stylegan9", {}), GantkError)
    family, config = TINY["stylegan2-skip"]
    refuse(lambda: registry.build(family, {**config, "colour": "blue"}), GantkError)
    refuse(lambda: registry.build(family, {**config, "resolution": 24}), GantkError)
    refuse(lambda: registry.build(family, {"resolution": 16}), GantkError)
