"""The bundled world's renderer: seeded, exact about its factors, differentiable."""

import pytest
import torch

from gantk.world.renderer import (
    CLASS_COLOURS,
    CLASSES,
    FACTOR_NAMES,
    FACTORS,
    NUISANCE_DIM,
    render,
    sample_scene,
)

PLAIN = dict(
    horizon=0.5, house_x=0.5, house_size=0.5, mountain=0.5, trees=2.0, tree_size=0.5,
    clouds=2.0, time_of_day=0.1, season=0.1, material=0.2, window_light=0.3,
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sweep(name, values, resolution=64, **others):
    """One plain scene drawn with `name` at each of `values`."""
    rows = [[{**PLAIN, **others, name: float(value)}[factor] for factor in FACTOR_NAMES] for value in values]
    nuisance_NM = sample_scene(1, seed=3).nuisance_NM.expand(len(rows), -1)
    return render(torch.tensor(rows), nuisance_NM, resolution)


def share(drawn, name):
    """The fraction of each picture that a class covers, `[N]`."""
    return drawn.mask_NKHW[:, CLASSES.index(name)].mean((1, 2))


def colour_of(drawn, name):
    """The mean colour of a class in [-1, 1], `[N, 3]`."""
    weight_NHW = drawn.mask_NKHW[:, CLASSES.index(name)]
    return torch.einsum("nchw,nhw->nc", drawn.image_NCHW, weight_NHW) / weight_NHW.sum((1, 2))[:, None]


def rises(values, by):
    """Whether each value exceeds the one before, and the last the first by at least `by`."""
    return bool((values.diff() > 0).all() and values[-1] - values[0] >= by)


def test_names():
    assert tuple(PLAIN) == FACTOR_NAMES
    assert {factor.group for factor in FACTORS} == {"layout", "objects", "attributes"}
    assert [factor.name for factor in FACTORS if factor.is_count] == ["trees", "clouds"]
    assert len(CLASSES) == len(CLASS_COLOURS) == len(set(CLASS_COLOURS)) == 10


def test_scenes_do_not_depend_on_the_batch():
    factors_NF, nuisance_NM = sample_scene(50, seed=7)
    for start, n in ((0, 1), (13, 5), (49, 1)):
        part = sample_scene(n, seed=7, start=start)
        assert torch.equal(part.factors_NF, factors_NF[start : start + n])
        assert torch.equal(part.nuisance_NM, nuisance_NM[start : start + n])
    assert not torch.equal(sample_scene(50, seed=8).factors_NF, factors_NF)
    assert sample_scene(0).factors_NF.shape == (0, len(FACTORS))


def test_scenes_are_these_for_ever():
    """Whatever is trained on the world names its scenes by seed and index, so they may not change."""
    factors_NF, nuisance_NM = sample_scene(1, seed=7, start=13)
    bits = [14302048, 14083388, 13797000, 12772172, 8452521, 12091616, 15980220, 7989430, 8676694]
    is_count = torch.tensor([factor.is_count for factor in FACTORS])
    assert (factors_NF[0, ~is_count] * 2**24).tolist() == bits
    assert factors_NF[0, is_count].tolist() == [2, 2]
    assert (nuisance_NM[0, :2] * 2**24).tolist() == [16287728, 11369242]


def test_scenes_are_uniform():
    factors_NF, nuisance_NM = sample_scene(20_000, seed=1)
    for column, factor in enumerate(FACTORS):
        values = factors_NF[:, column]
        if factor.is_count:
            frequency = torch.bincount(values.long(), minlength=int(factor.high) + 1) / len(values)
            assert torch.equal(values, values.round()) and len(frequency) == factor.high + 1
            assert torch.allclose(frequency, torch.full_like(frequency, 1 / len(frequency)), atol=0.015)
        else:
            assert values.min() >= 0 and values.max() < 1
            assert abs(values.mean() - 0.5) < 0.01 and abs(values.var() - 1 / 12) < 0.003
    assert nuisance_NM.shape == (20_000, NUISANCE_DIM)
    correlation = torch.corrcoef(torch.cat([factors_NF, nuisance_NM], 1).T) - torch.eye(len(FACTORS) + NUISANCE_DIM)
    assert correlation.abs().max() < 0.04


def test_pictures_do_not_depend_on_the_batch():
    scene = sample_scene(6, seed=2)
    whole = render(*scene)
    for i in range(6):
        alone = render(*sample_scene(1, seed=2, start=i))
        assert torch.allclose(alone.image_NCHW[0], whole.image_NCHW[i], atol=1e-6)
        assert torch.allclose(alone.mask_NKHW[0], whole.mask_NKHW[i], atol=1e-6)


def test_ranges():
    image_NCHW, mask_NKHW = drawn = render(*sample_scene(64, seed=4))
    assert image_NCHW.shape == (64, 3, 64, 64) and mask_NKHW.shape == (64, 10, 64, 64)
    assert image_NCHW.min() >= -1 and image_NCHW.max() <= 1
    assert mask_NKHW.min() >= -1e-6
    assert torch.allclose(mask_NKHW.sum(1), torch.ones(64, 64, 64), atol=1e-6)
    assert torch.equal(drawn.class_map_NHW, mask_NKHW.argmax(1))
    always = ("ground", "sky", "wall", "roof", "window", "door")
    assert all(share(drawn, name).min() > 0.002 for name in always)


def test_layout():
    steps = torch.linspace(0, 1, 6)
    assert rises(-share(sweep("horizon", steps, trees=0), "ground"), by=0.2)
    assert rises(share(sweep("horizon", steps, trees=0), "sky"), by=0.15)

    wall_NW = sweep("house_x", steps, trees=0).mask_NKHW[:, CLASSES.index("wall")].sum(1)
    centroid_N = (wall_NW * torch.arange(64)).sum(1) / wall_NW.sum(1)
    assert rises(centroid_N, by=0.45 * 64)

    house = sweep("house_size", steps, trees=0)
    assert rises(share(house, "wall"), by=0.02)
    assert share(house, "roof")[-1] > 2.5 * share(house, "roof")[0]
    assert rises(share(sweep("mountain", steps, trees=0, house_size=0.0), "mountain"), by=0.1)


def test_objects():
    trees = share(sweep("trees", range(5)), "tree")
    assert trees[0] == 0 and rises(trees, by=0.05)
    clouds = share(sweep("clouds", range(4)), "cloud")
    assert clouds[0] == 0 and rises(clouds, by=0.04)
    assert rises(share(sweep("tree_size", torch.linspace(0, 1, 6)), "tree"), by=0.03)
    # Between two integers an object fades in.
    assert rises(share(sweep("trees", torch.linspace(0, 4, 21)), "tree"), by=0.05)
    assert torch.equal(*sweep("tree_size", (0, 1), trees=0).image_NCHW)


def test_trees_and_clouds_can_be_counted():
    """Nothing ever hides a tree, and no cloud disappears: each one more shows in many pixels."""
    factors_NF, nuisance_NM = sample_scene(64, seed=5)
    for name, class_name, least in (("trees", "tree", 10), ("clouds", "cloud", 15)):
        column = FACTOR_NAMES.index(name)
        before = None
        for count in range(int(FACTORS[column].high) + 1):
            factors_NF[:, column] = count
            area_N = 64 * 64 * share(render(factors_NF, nuisance_NM), class_name)
            assert before is None or (area_N - before).min() > least
            before = area_N


def test_attributes():
    steps = torch.linspace(0, 1, 6)
    assert rises(-sweep("time_of_day", steps).image_NCHW.mean((1, 2, 3)), by=0.6)
    to_snow_N = -(colour_of(sweep("season", (0, 0.5, 1)), "ground") - 1).norm(dim=1)
    assert to_snow_N[2] > to_snow_N[0] + 0.5 and to_snow_N[2] > to_snow_N[1] + 0.5
    for name in ("wall", "roof"):
        colour_NC = colour_of(sweep("material", (0, 0.5, 1)), name)
        assert torch.pdist(colour_NC).min() > 0.2
    assert rises(colour_of(sweep("window_light", steps), "window").mean(1), by=0.3)
    assert rises(colour_of(sweep("window_light", steps, time_of_day=1.0), "window").mean(1), by=0.5)


@pytest.mark.parametrize("name", ["time_of_day", "season", "material", "window_light"])
def test_attributes_leave_the_masks_alone(name):
    mask_NKHW = sweep(name, (0.0, 0.4, 1.0)).mask_NKHW
    assert torch.equal(mask_NKHW[0], mask_NKHW[1]) and torch.equal(mask_NKHW[0], mask_NKHW[2])


@pytest.mark.parametrize(
    "name, untouched",
    [
        ("window_light", ("sky", "ground", "tree", "wall", "roof", "door", "mountain", "cloud", "sun")),
        ("material", ("sky", "ground", "tree", "window", "door", "mountain", "cloud", "sun")),
        ("season", ("sky", "window", "door", "wall", "cloud", "sun")),
        ("mountain", ("ground", "tree", "wall", "roof", "window", "door", "cloud")),
        ("clouds", ("ground", "tree", "wall", "roof", "window", "door")),
        ("trees", ("cloud", "sun")),
    ],
)
def test_a_factor_stays_in_its_region(name, untouched):
    """Where only untouched classes are, before and after, the picture is the same to the bit."""
    drawn = sweep(name, (0, 1))
    kept_NHW = drawn.mask_NKHW[:, [CLASSES.index(other) for other in untouched]].sum(1) >= 1
    kept_HW = kept_NHW.all(0)
    assert kept_HW.any()
    first, second = drawn.image_NCHW
    assert torch.equal(first[:, kept_HW], second[:, kept_HW])
    assert not torch.equal(first, second)


def test_gradients():
    """Every factor and every nuisance number moves the picture, and geometry moves the masks."""
    factors_NF, nuisance_NM = sample_scene(32, seed=6)
    factors_NF[:, FACTOR_NAMES.index("trees")] = 3.5
    factors_NF[:, FACTOR_NAMES.index("clouds")] = 2.5
    factors_NF.requires_grad_()
    nuisance_NM.requires_grad_()
    image_NCHW, mask_NKHW = render(factors_NF, nuisance_NM)
    weight = torch.randn(image_NCHW.shape, generator=torch.Generator().manual_seed(0))
    factor_grad, nuisance_grad = torch.autograd.grad(
        (image_NCHW * weight).sum(), (factors_NF, nuisance_NM), retain_graph=True
    )
    assert factor_grad.isfinite().all() and nuisance_grad.isfinite().all()
    assert (factor_grad != 0).all()
    assert ((nuisance_grad != 0).float().mean(0) > 0.5).all()  # a sun behind the house may have none

    (mask_grad,) = torch.autograd.grad((mask_NKHW**2).sum(), factors_NF)
    moves_masks = (mask_grad != 0).any(0)
    assert moves_masks.tolist() == [factor.group != "attributes" for factor in FACTORS]


@pytest.mark.parametrize(
    "name, values",
    [("trees", range(5)), ("clouds", range(4))]
    + [(name, (0, 0.5, 1)) for name in ("time_of_day", "season", "material", "window_light")],
)
def test_exact_values_have_a_gradient(name, values):
    """Whole counts, and attributes where two colours meet, are where scenes are sampled and where sweeps stop."""
    rows = torch.tensor([[{**PLAIN, name: float(value)}[factor] for factor in FACTOR_NAMES] for value in values])
    rows.requires_grad_()
    image_NCHW = render(rows, sample_scene(len(rows)).nuisance_NM).image_NCHW
    (grad,) = torch.autograd.grad((image_NCHW**2).sum(), rows)
    assert (grad[:, FACTOR_NAMES.index(name)] != 0).all()


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # raised inside torch.func.jvp itself
def test_derivatives_are_right():
    """Forward mode equals central differences, in float64, where no edge crosses a pixel boundary in between."""
    scene = sample_scene(2, seed=9)
    factors_NF, nuisance_NM = scene.factors_NF.double(), scene.nuisance_NM.double()
    direction = torch.rand(factors_NF.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 0.5

    def draw(factors_NF):
        return render(factors_NF, nuisance_NM, resolution=16).image_NCHW

    factors_NF[:, [FACTOR_NAMES.index("trees"), FACTOR_NAMES.index("clouds")]] = 1.5
    _, tangent = torch.func.jvp(draw, (factors_NF,), (direction,))
    step = 1e-6
    difference = (draw(factors_NF + step * direction) - draw(factors_NF - step * direction)) / (2 * step)
    assert tangent.dtype == torch.float64
    assert ((tangent - difference).abs() < 1e-5).double().mean() > 0.999


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_vmap():
    scene = sample_scene(3, seed=11)

    def one(factors_F, nuisance_M):
        return tuple(part[0] for part in render(factors_F[None], nuisance_M[None], 16))

    image_NCHW, mask_NKHW = torch.func.vmap(one)(*scene)
    assert torch.allclose(image_NCHW, render(*scene, 16).image_NCHW, atol=1e-6)
    assert torch.allclose(mask_NKHW, render(*scene, 16).mask_NKHW, atol=1e-6)


def test_float64_agrees():
    scene = sample_scene(4, seed=8)
    single, double = render(*scene), render(scene.factors_NF.double(), scene.nuisance_NM.double())
    assert double.image_NCHW.dtype == double.mask_NKHW.dtype == torch.float64
    assert torch.allclose(single.image_NCHW.double(), double.image_NCHW, atol=1e-3)


@pytest.mark.parametrize("resolution", [32, 128])
def test_other_resolutions_show_the_same(resolution):
    scene = sample_scene(16, seed=10)
    here, at_64 = render(*scene, resolution), render(*scene)
    fine, coarse = (here, at_64) if resolution > 64 else (at_64, here)
    for fine_part, coarse_part in zip(fine, coarse, strict=True):
        error = (torch.nn.functional.avg_pool2d(fine_part, 2) - coarse_part).abs()
        assert error.mean() < 0.006


def test_wrong_shapes_are_named():
    factors_NF, nuisance_NM = sample_scene(2)
    with pytest.raises(ValueError, match=r"factors have shape \(2, 10\), expected \[N, 11\]"):
        render(factors_NF[:, 1:], nuisance_NM)
    with pytest.raises(ValueError, match=r"nuisance has shape \(1, 20\), expected \[2, 20\]"):
        render(factors_NF, nuisance_NM[:1])
