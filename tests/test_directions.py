"""Directions: what moves, by how much, where it is refused, and the files they come in.

Legend: N samples, L rows of wp, D the width of a code.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gantk.codes.directions import Direction
from gantk.codes.kept_directions import check_generator, load_direction, save_direction
from gantk.codes.projection import project
from gantk.errors import GantkError, StoreError, UsageError
from gantk.generators.base import GeneratorSpec, Truncation
from gantk.navigan.kept import read_kept

N, L, D = 5, 6, 8
RANDOM = np.random.default_rng(0)


def unit(*shape: int) -> np.ndarray[Any, Any]:
    vector = np.random.default_rng(sum(shape)).normal(size=shape)
    return (vector / np.linalg.norm(vector, axis=-1, keepdims=True)).astype(np.float32)


def boundary(space: str = "w", **fields: Any) -> Direction:
    vectors = unit(1, L, D) if space == "wp" else unit(1, D)
    return Direction(**{"name": "light", "kind": "boundary", "space": space, "vectors": vectors, **fields})


def codes(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(7).normal(size=shape))


def expand(w_ND: torch.Tensor, truncation: Truncation | None) -> torch.Tensor:
    average = torch.linspace(-1, 1, D, dtype=torch.float64)
    wp_NLD = w_ND[:, None].repeat(1, L, 1)
    if truncation is not None:
        rows = L if truncation.layers is None else min(truncation.layers, L)
        wp_NLD[:, :rows] = average + truncation.psi * (wp_NLD[:, :rows] - average)
    return wp_NLD


# --- apply ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [None, 0, 2, 6, 18])
@pytest.mark.parametrize("psi", [0.5, 0.7, 1.0, 0.0])
def test_moving_truncated_wp_is_moving_w(psi: float, layers: int | None) -> None:
    """truncate(w + d b) = the edit of truncate(w) with psi on the truncated rows, T > L included."""
    w_ND, direction, truncation = codes(N, D), boundary(), Truncation(psi, layers)
    distance_N = torch.linspace(-3, 3, N, dtype=torch.float64)
    before = expand(direction.apply(w_ND, distance_N), truncation)
    after = direction.apply(expand(w_ND, truncation), distance_N, truncation=truncation)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


def test_only_the_chosen_rows_move() -> None:
    direction, truncation, wp_NLD = boundary(), Truncation(0.5, 3), codes(N, L, D)
    moved = direction.apply(wp_NLD, 2.0, layers="1-2,4", truncation=truncation)
    b = torch.from_numpy(direction.vectors[0]).double()
    for layer, strength in enumerate([0, 0.5, 0.5, 0, 1, 0]):
        torch.testing.assert_close(moved[:, layer], wp_NLD[:, layer] + 2.0 * strength * b)
        assert strength or torch.equal(moved[:, layer], wp_NLD[:, layer])


def test_layers_asked_for_win_over_those_of_the_file() -> None:
    direction, wp_NLD = boundary(layers=(1, 2)), codes(N, L, D)
    for layers, moving in ((None, {1, 2}), ("4", {4}), ([0, 5], {0, 5})):
        moved = (direction.apply(wp_NLD, 1.0, layers=layers) != wp_NLD).any(dim=(0, 2))
        assert set(torch.nonzero(moved).ravel().tolist()) == moving


def test_a_wp_boundary_is_not_compensated() -> None:
    direction, wp_NLD = boundary("wp"), codes(N, L, D)
    moved = direction.apply(wp_NLD, 2.0, truncation=Truncation(0.5, 3))
    torch.testing.assert_close(moved, wp_NLD + 2.0 * torch.from_numpy(direction.vectors[0]).double())


@pytest.mark.parametrize("space", ["z", "w"])
def test_relative_and_absolute_distance(space: str) -> None:
    direction, codes_ND = boundary(space, intercept=0.7), codes(N, D)
    b = torch.from_numpy(direction.vectors[0]).double()
    torch.testing.assert_close(direction.apply(codes_ND, -1.5), codes_ND - 1.5 * b)
    distance_N = torch.linspace(-2, 2, N, dtype=torch.float64)
    moved = direction.apply(codes_ND, distance_N, absolute=True)
    torch.testing.assert_close(moved @ b + 0.7, distance_N, rtol=1e-6, atol=1e-6)
    # nothing moves across the direction
    torch.testing.assert_close(moved - (moved @ b)[:, None] * b, codes_ND - (codes_ND @ b)[:, None] * b)
    origin = boundary(space).apply(codes_ND, 1.0, absolute=True)  # without an intercept: InterFaceGAN's plane
    torch.testing.assert_close(origin @ b, torch.ones(N, dtype=torch.float64), rtol=1e-6, atol=1e-6)


def test_absolute_distance_in_wp() -> None:
    intercepts = tuple(float(value) for value in range(L))
    direction, wp_NLD = boundary("wp", intercept=intercepts), codes(N, L, D)
    moved = direction.apply(wp_NLD, 1.5, absolute=True, layers="0-3")
    signed = (moved * torch.from_numpy(direction.vectors[0])).sum(-1) + torch.tensor(intercepts)
    torch.testing.assert_close(signed[:, :4], torch.full((N, 4), 1.5, dtype=torch.float64), rtol=1e-5, atol=1e-5)
    assert torch.equal(moved[:, 4:], wp_NLD[:, 4:])
    shared = boundary(intercept=0.2)
    untouched_rows = shared.apply(wp_NLD, 1.0, layers="4-5", truncation=Truncation(0.5, 3), absolute=True)
    signed = untouched_rows[:, 4:] @ torch.from_numpy(shared.vectors[0]).double() + 0.2
    torch.testing.assert_close(signed, torch.ones_like(signed), rtol=1e-5, atol=1e-5)
    with pytest.raises(UsageError, match="absolute distance .* move w before it is expanded"):
        shared.apply(wp_NLD, 1.0, truncation=Truncation(0.5, 3), absolute=True)


def test_styles_move_together() -> None:
    styles = (codes(N, 3), codes(N, 5))
    direction = Direction("light", "direction", "s", unit(2, 8))
    moved = direction.apply(styles, 2.0, pick=1)
    vector = torch.from_numpy(direction.vectors[1]).double()
    torch.testing.assert_close(moved[0], styles[0] + 2 * vector[:3])
    torch.testing.assert_close(moved[1], styles[1] + 2 * vector[3:])
    partly = direction.apply(styles, 2.0, layers="1")
    assert torch.equal(partly[0], styles[0]) and not torch.equal(partly[1], styles[1])


def test_one_code_with_many_distances_is_a_strip() -> None:
    direction = boundary()
    for single in (codes(1, D), codes(1, L, D)):
        strip = direction.apply(single, [-1.0, 0.0, 1.0])
        assert strip.shape == (3, *single.shape[1:])
        torch.testing.assert_close(strip[1], single[0])
        torch.testing.assert_close(strip[2], direction.apply(single, 1.0)[0])


def test_rows_of_a_file_and_dtypes() -> None:
    direction = Direction("several", "direction", "w", unit(3, D))
    w_ND = codes(N, D).float()
    moved = direction.apply(w_ND, 1.0, pick=2)
    assert moved.dtype == torch.float32
    torch.testing.assert_close(moved, w_ND + torch.from_numpy(direction.vectors[2]))
    with pytest.raises(UsageError, match="has 3 vectors, so pick 3"):
        direction.apply(w_ND, 1.0, pick=3)


def test_differentiable_and_traceable() -> None:
    direction, truncation = boundary(), Truncation(0.5, 3)
    wp_NLD = codes(2, L, D).requires_grad_()
    distance_N = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)

    def move(wp: torch.Tensor, distance: torch.Tensor) -> torch.Tensor:
        return direction.apply(wp, distance, truncation=truncation)

    assert torch.autograd.gradcheck(move, (wp_NLD, distance_N))
    tangent = torch.func.jvp(lambda d: move(wp_NLD.detach(), d), (distance_N.detach(),), (torch.ones(2).double(),))[1]
    unmoved = move(wp_NLD.detach(), torch.zeros(2).double())
    torch.testing.assert_close(tangent, move(wp_NLD.detach(), torch.ones(2).double()) - unmoved)


@given(distance=st.floats(-50, 50), rows=st.sets(st.integers(0, L - 1), min_size=1))
def test_there_and_back(distance: float, rows: set[int]) -> None:
    direction, wp_NLD, truncation = boundary(), codes(N, L, D), Truncation(0.3, 2)
    moved = direction.apply(wp_NLD, distance, layers=rows, truncation=truncation)
    torch.testing.assert_close(direction.apply(moved, -distance, layers=rows, truncation=truncation), wp_NLD)


@pytest.mark.parametrize(
    ("space", "shape", "message"),
    [
        ("z", (N, L, D), r"z-boundary 'light' does not apply .* \(5, 6, 8\): apply it to z \[N, D\] and map"),
        ("wp", (N, D), r"does not apply .*: apply it to wp \[N, L, D\], which `expand` makes"),
        ("w", (N, L, 2, D), r"apply it to w \[N, D\] or to wp"),
        ("w", (N, D + 1), "8 wide and the codes 9"),
        ("wp", (N, L + 2, D), "6 layers and the codes 8"),
    ],
)
def test_elsewhere_it_is_refused_with_the_way_that_works(space: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        boundary(space).apply(codes(*shape), 1.0)


def test_other_refusals() -> None:
    with pytest.raises(UsageError, match="z feeds every layer"):
        boundary("z").apply(codes(N, D), 1.0, layers="1")
    with pytest.raises(UsageError, match="move wp instead"):
        boundary("w").apply(codes(N, D), 1.0, layers="1")
    with pytest.raises(UsageError, match="has rows 0 to 5"):
        boundary("w").apply(codes(N, L, D), 1.0, layers="6")
    with pytest.raises(UsageError, match=r"\(3,\) do not fit 5 codes"):
        boundary("w").apply(codes(N, D), [1.0, 2.0, 3.0])
    styled = Direction("light", "direction", "s", unit(1, 8))
    with pytest.raises(UsageError, match=r"generator\.styles"):
        styled.apply(codes(N, D), 1.0)
    with pytest.raises(UsageError, match="8 wide and these styles 7"):
        styled.apply((codes(N, 3), codes(N, 4)), 1.0)
    with pytest.raises(UsageError, match="no absolute distance"):
        styled.apply((codes(N, 8),), 1.0, absolute=True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "plane"}, "'plane'"),
        ({"space": "x"}, "'x'"),
        ({"space": "wp", "vectors": unit(1, D)}, r"one of wp has \[K, L, D\]"),
        ({"vectors": unit(1, L, D)}, r"one of w has \[K, D\]"),
        ({"vectors": np.zeros((1, D))}, "zero or not finite"),
        ({"vectors": np.full((1, D), np.nan)}, "zero or not finite"),
        ({"vectors": np.empty((0, D))}, r"\(0, 8\)"),
        ({"intercept": (0.0, 1.0)}, "2 intercepts"),
    ],
)
def test_a_direction_that_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Direction(**{"name": "light", "kind": "boundary", "space": "w", "vectors": unit(1, D), **fields})


# --- projection ----------------------------------------------------------------------------------------------------


def test_projection_equals_the_published_formulas() -> None:
    n, c1, c2 = unit(1, 64)[0], unit(2, 64)[0], unit(2, 64)[1]
    n, c1, c2 = (vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64)) for vector in (n, c1, c2))
    one = n - (n @ c1) * c1
    np.testing.assert_allclose(project(n, [c1]), one / np.linalg.norm(one), atol=1e-12)
    alpha = (n @ c1 - (n @ c2) * (c1 @ c2)) / (1 - (c1 @ c2) ** 2 + 1e-8)
    beta = (n @ c2 - (n @ c1) * (c1 @ c2)) / (1 - (c1 @ c2) ** 2 + 1e-8)
    two = n - alpha * c1 - beta * c2
    np.testing.assert_allclose(project(n, [c1, c2]), two / np.linalg.norm(two), atol=1e-7)


def test_projection_is_exact_for_any_number_of_conditions() -> None:
    random = np.random.default_rng(1)
    n, conditions = random.normal(size=64), [random.normal(size=64) * 10.0**k for k in range(-2, 3)]
    left = project(n, conditions)
    assert np.linalg.norm(left) == pytest.approx(1.0)
    assert max(abs(left @ c) / np.linalg.norm(c) for c in conditions) < 1e-14
    np.testing.assert_allclose(
        project(n, [*conditions, conditions[0], conditions[1] + conditions[2]]), left, atol=1e-12
    )
    np.testing.assert_allclose(project(n, []), n / np.linalg.norm(n))
    nearly = [conditions[0], conditions[0] + 1e-4 * np.linalg.norm(conditions[0]) * unit(1, 64)[0]]
    assert max(abs(project(n, nearly) @ c) / np.linalg.norm(c) for c in nearly) < 1e-10


def test_projection_of_wp_is_by_row() -> None:
    vector, condition = unit(1, L, D), unit(2, L, D)[:1]
    left = project(vector, [condition])
    assert left.shape == (1, L, D)
    for layer in range(L):
        np.testing.assert_allclose(left[0, layer], project(vector[0, layer], [condition[0, layer]]))
    shared = unit(1, D)
    np.testing.assert_allclose((project(vector, [shared]) * shared).sum(-1), 0, atol=1e-12)


def test_nothing_left_is_said() -> None:
    vectors = unit(3, D)
    with pytest.raises(UsageError, match="span of its conditions"):
        project(vectors[0] + vectors[1], [vectors[0], vectors[1], vectors[2]])
    with pytest.raises(UsageError, match="9 wide and the direction 8"):
        project(vectors[0], [np.ones(9)])
    with pytest.raises(UsageError, match="does not fit"):
        project(vectors[0], [unit(1, L, D)])


# --- files ---------------------------------------------------------------------------------------------------------


def generator(**spec: Any) -> Any:
    fields: dict[str, Any] = {"z_dim": D, "w_dim": D, "wp_dim": D, "num_layers": L, "label_dim": 0, **spec}
    return SimpleNamespace(spec=GeneratorSpec("stylegan2", 16, 3, **fields))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    direction = boundary("wp", intercept=tuple(range(L)), layers=(1, 2), scale=4.5, meta={"accuracy": 0.9, "seed": 3})
    path = save_direction(tmp_path / "light.safetensors", direction)
    loaded = load_direction(path)
    np.testing.assert_array_equal(loaded.vectors, direction.vectors)
    for name in ("name", "kind", "space", "intercept", "layers", "scale", "probe", "meta"):
        assert getattr(loaded, name) == getattr(direction, name), name
    again = save_direction(tmp_path / "again.safetensors", loaded)
    assert again.read_bytes() == path.read_bytes()


def test_the_original_programs_files(tmp_path: Path) -> None:
    direction = boundary()
    path = save_direction(tmp_path / "wood_boundary.npy", direction)
    written = np.load(path, allow_pickle=False)
    assert written.shape == (1, D) and written.dtype == np.float32
    loaded = load_direction(path)
    assert (loaded.name, loaded.kind, loaded.space, loaded.layers) == ("wood", "boundary", "w", None)
    assert load_direction(path, space="z").space == "z"
    assert load_direction(path, generator(spaces=("z",))).space == "z"
    np.save(tmp_path / "wp.npy", unit(1, L, D))
    assert load_direction(tmp_path / "wp.npy").space == "wp"
    np.save(tmp_path / "flat.npy", unit(1, D)[0])
    assert load_direction(tmp_path / "flat.npy").vectors.shape == (1, D)
    np.save(tmp_path / "image_00_region_eyes.npy", unit(20, D))
    many = load_direction(tmp_path / "image_00_region_eyes.npy")
    assert (len(many), many.kind) == (20, "direction")


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("stylegan_ffhq_age_w_boundary.npy", "w"),
        ("stylegan_ffhq_age_c_gender_boundary.npy", "z"),
        ("pggan_celebahq_smile_boundary.npy", "z"),
    ],
)
def test_interfacegan_names_say_the_space(tmp_path: Path, name: str, space: str) -> None:
    np.save(tmp_path / name, unit(1, D).astype(np.float64))
    loaded = load_direction(tmp_path / name)
    assert loaded.space == space and loaded.vectors.dtype == np.float32


def test_higans_dictionaries(tmp_path: Path) -> None:
    path = tmp_path / "carpet_boundary.npy"
    content = {
        "boundary": unit(1, D).astype(np.float64),
        "meta_data": {"type": "attribute", "manipulate_layers": "6-11"},
    }
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    loaded = load_direction(path)
    assert (loaded.name, loaded.space, loaded.layers) == ("carpet", "w", (6, 7, 8, 9, 10, 11))
    assert loaded.meta["type"] == "attribute"
    np.testing.assert_array_equal(loaded.vectors, unit(1, D))
    np.save(path, np.array({"score": unit(1, D)}, dtype=object), allow_pickle=True)
    with pytest.raises(GantkError, match="without a 'boundary'"):
        load_direction(path)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    whole = save_direction(tmp_path / "whole.safetensors", boundary())
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:-9])
    save_file({"a": unit(1, D)}, tmp_path / "model.safetensors", metadata={"gantk": '{"format": "gantk-checkpoint"}'})
    header = '{"format": "gantk-direction", "version": 99}'
    save_file({"vectors": unit(1, D)}, tmp_path / "newer.safetensors", metadata={"gantk": header})
    (tmp_path / "text.npy").write_text("hello")
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    np.save(tmp_path / "four.npy", np.ones((1, 1, 1, 4)))
    for name, message in {
        "cut.safetensors": "no readable direction",
        "model.safetensors": "a gantk-checkpoint file, where a direction",
        "newer.safetensors": "version 99",
        "text.npy": "no readable .npy",
        "words.npy": "holds <U1",
        "four.npy": r"\(1, 1, 1, 4\)",
        "absent.npy": "does not exist",
    }.items():
        with pytest.raises(GantkError, match=message) as caught:
            load_direction(tmp_path / name)
        assert name in str(caught.value)
        assert isinstance(caught.value, StoreError) or name != "cut.safetensors"  # nothing goes on without it


def test_damaged_weight_directions_are_no_reason_to_go_on_without_them(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    with pytest.raises(StoreError, match="cut.safetensors is no readable file of weight directions"):
        read_kept(tmp_path / "cut.safetensors")


# --- names and generators ------------------------------------------------------------------------------------------


@pytest.fixture
def pulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("GANTK_HOME", str(home))
    for model, width in (("bedroom", D), ("church", D + 2)):
        vectors = unit(1, width)
        save_direction(home / "boundaries" / model / "zzz_light_boundary.npy", boundary(vectors=vectors))
    save_direction(home / "directions" / "bedroom" / "zzz_wood.safetensors", boundary(name="zzz_wood"))
    return home


def test_directions_are_found_by_name(pulled: Path) -> None:
    assert load_direction("zzz_wood").name == "zzz_wood"
    assert load_direction("bedroom/zzz_light").width == D
    assert load_direction("church/zzz_light_boundary").width == D + 2
    with pytest.raises(UsageError, match="several directions: give one of bedroom/.*, church/"):
        load_direction("zzz_light")
    assert load_direction("zzz_light", generator(w_dim=D + 2)).width == D + 2
    with pytest.raises(UsageError, match="None of the directions named 'zzz_light'"):
        load_direction("zzz_light", generator(w_dim=3))
    with pytest.raises(UsageError, match="Did you mean 'zzz_wood'"):
        load_direction("zzz_wod")
    with pytest.raises(UsageError, match="no file and no shipped direction"):
        load_direction("../boundaries/bedroom/zzz_light")


def test_a_published_direction_that_is_not_here_says_how_to_fetch_it() -> None:
    with pytest.raises(UsageError, match="`gantk models pull stylegan_bedroom/wood`.$"):
        load_direction("stylegan_bedroom/wood")
    with pytest.raises(UsageError, match="pull stylegan_bedroom/wood` .or stylegan_kitchen/wood, "):
        load_direction("wood")


@pytest.mark.parametrize(
    ("direction", "spec", "message"),
    [
        (boundary(), {"w_dim": 4}, r"shape \(8,\) where this generator takes \(4,\)"),
        (boundary("z"), {"z_dim": 4}, r"takes \(4,\)"),
        (boundary("wp"), {"num_layers": 4}, r"\(6, 8\) where this generator takes \(4, 8\)"),
        (boundary(layers=(6, 11)), {}, "for layer 11, and this generator has layers 0 to 5"),
        (boundary(), {"spaces": ("z",)}, "has no w"),
    ],
)
def test_another_networks_direction_is_refused(direction: Direction, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(GantkError, match=message):
        check_generator(direction, generator(**spec), force=True)  # widths must fit even then


def test_a_direction_of_another_generator_is_refused_unless_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generator_cases import tiny

    from gantk.generators import probe as probes

    network = tiny("stylegan2-skip")
    made = Direction("light", "boundary", "w", np.ones((1, network.spec.w_dim)), probe=probes.probe(network))
    path = save_direction(tmp_path / "light.safetensors", made)
    asked = []
    real = probes.probe
    monkeypatch.setattr(probes, "probe", lambda generator: asked.append(1) or real(generator))
    for _ in range(2):
        assert load_direction(path, network).name == "light"
    assert len(asked) == 1  # remembered
    with torch.no_grad():
        network.get_parameter("synthesis.const").mul_(-2.0)
    with pytest.raises(GantkError, match=r"w-boundary 'light' was made for another generator \(.*force it"):
        load_direction(path, network)
    assert load_direction(path, network, force=True).name == "light"
    assert len(asked) == 2
