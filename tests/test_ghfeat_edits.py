"""What codes can do: mixing, pushing directions forward, local edits that reach no further, harmonising, projecting."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator_cases import close, codes, differ, labels, refuse, tiny, uneven
from ghfeat_cases import images, small_encoder

from gantk.codes.directions import Direction
from gantk.errors import GantkError, UsageError
from gantk.generators.probe import probe
from gantk.ghfeat.bridge import affines, move, principal_step, push_forward, styles_to_wp
from gantk.ghfeat.calibration import style_layout
from gantk.ghfeat.codes import Codes, choose_rows, load_codes, save_codes, tile, untile
from gantk.ghfeat.local import edit_locally
from gantk.ghfeat.mixing import box_mask, feather, mix, pairs_of_rows
from gantk.ghfeat.mixtures import harmonize
from gantk.ghfeat.projection import ProjectionPlan, project
from gantk.pictures.images import as_saved, to_uint8

STYLED = ["stylegan2-skip", "stylegan2-resnet", "stylegan", "stylegan3-t", "demo-oracle"]


@pytest.mark.parametrize("name", STYLED)
def test_styles_are_affine_and_found_again(name: str) -> None:
    generator = tiny(name)
    wp = uneven(generator)
    styles = generator.styles(wp)
    _, rows = style_layout(generator)
    for style, (a, b), row in zip(styles, affines(generator), rows, strict=True):
        close(wp[:, row] @ a.t() + b, style, 1e-4)
    found, off = styles_to_wp(generator, styles)
    for got, want in zip(generator.styles(found), styles, strict=True):
        close(got, want, 1e-3)
    assert off.max() < 1e-2
    if name in ("stylegan3-t", "demo-oracle"):
        return  # their styles are no wider than their codes, so that every style has a code
    random = [torch.randn_like(style) for style in styles]
    assert styles_to_wp(generator, random)[1].max() > 0.3


@pytest.mark.parametrize("name", STYLED)
def test_pushing_a_direction_forward_is_moving_the_code(name: str) -> None:
    generator = tiny(name)
    wp = codes(generator)
    vector = np.random.default_rng(0).normal(size=(1, generator.spec.w_dim))
    direction = Direction("d", "direction", "w", vector)
    step = push_forward(generator, direction, [1, 2])
    want = generator.styles(direction.apply(wp, 1.5, [1, 2]))
    for got, expected in zip(move(generator.styles(wp), step, 1.5), want, strict=True):
        assert torch.allclose(got, expected, atol=1e-4)
    with pytest.raises(GantkError, match="z-direction"):
        push_forward(generator, Direction("d", "direction", "z", np.ones((1, generator.spec.z_dim))))


def test_an_s_direction_is_already_a_step() -> None:
    generator = tiny("stylegan2-skip")
    widths, _ = style_layout(generator)
    vector = np.random.default_rng(0).normal(size=(1, sum(widths))).astype(np.float32)
    step = push_forward(generator, Direction("d", "direction", "s", vector))
    assert torch.allclose(torch.cat(step), torch.from_numpy(vector[0]), atol=1e-5)


def test_principal_axes_are_orthogonal_and_stay_in_their_rows() -> None:
    generator = tiny("stylegan2-skip")
    styles, (_, rows) = generator.styles(codes(generator, 20)), style_layout(generator)
    steps = [principal_step(styles, [1, 2], rows, number) for number in range(3)]
    flat = torch.stack([torch.cat(step) for step in steps])
    assert torch.allclose(flat[0] @ flat[1], torch.zeros(()), atol=1e-4) and flat[0].norm() >= flat[1].norm()
    assert all((part != 0).any() == (row in (1, 2)) for part, row in zip(steps[0], rows, strict=True))
    refuse(lambda: principal_step([s[:2] for s in styles], [1], rows, 2))


# --- mixing ----------------------------------------------------------------------------------------------------------


def test_all_rows_are_the_style_and_none_the_content() -> None:
    generator = tiny("stylegan2-skip")
    _, rows = style_layout(generator)
    a, b = generator.styles(codes(generator, 2)), generator.styles(codes(generator, 2, seed=5))
    every = list(range(generator.spec.num_layers))
    assert all(torch.equal(x, y) for x, y in zip(mix(a, b, every, rows), b, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(mix(a, b, [], rows), a, strict=True))
    one = mix(a, b, [2], rows)
    assert [torch.equal(x, y) for x, y in zip(one, b, strict=True)] == [row == 2 for row in rows]


def test_levels_count_from_the_image() -> None:
    assert pairs_of_rows(14)[0] == [12, 13] and pairs_of_rows(14)[-1] == [0, 1]
    assert choose_rows(None, "0-1,13", 14) == ([0, 12, 13], "rows 0,12-13 (levels 0-1,13 of GH-Feat)")
    assert choose_rows("0-1", None, 14)[0] == [0, 1]
    refuse(lambda: choose_rows("1", "1", 14))
    refuse(lambda: choose_rows(None, "14", 14))


def test_boxes_and_soft_edges() -> None:
    assert box_mask("0.25,0.5,0.75,1", 8).sum() == 4 * 4
    assert torch.equal(box_mask("2,4,6,8", 8), box_mask("0.25,0.5,0.75,1", 8))
    assert box_mask("2,4,6,8", 8)[2:6, 4:8].all()  # top, left, bottom, right
    wide = box_mask("0,0.5,0.5,1", (4, 8))
    assert wide.shape == (4, 8) and torch.equal(wide, box_mask("0,4,2,8", (4, 8))) and wide.sum() == 8
    refuse(lambda: box_mask("0,0,5,2", (4, 8)))
    with pytest.raises(UsageError, match="mixes pixels and shares"):
        box_mask("0.4,0.3,6,0.7", 8)
    for bad in ("1,2,3", "a,b,c,d", "5,5,5,9", "0,0,9,9", "-1,0,4,4"):
        refuse(lambda box=bad: box_mask(box, 8))
    soft = feather(box_mask("2,2,6,6", 8), 1.0)
    assert 0 < soft[2, 1] < soft[2, 2] < 1 and torch.equal(feather(soft, 0), soft)


def test_an_empty_patch_harmonises_to_the_reconstruction() -> None:
    generator = tiny("stylegan2-skip")
    encoder, image = small_encoder(generator), as_saved(images(generator, 2))
    nothing = torch.zeros(16, 16)

    def shown(mask: torch.Tensor, which: str = "harmonized", **options: Any) -> np.ndarray:
        found = harmonize(generator, image, -image, mask, encoder, **options)
        return np.stack([getattr(each, which).array() for each in found.images])

    assert np.array_equal(shown(nothing, "pasted"), to_uint8(image))
    made = to_uint8(generator.synthesize(encoder(image)))
    assert np.abs(shown(nothing).astype(int) - made).max() <= 1
    full = shown(nothing + 1, keep_fine=generator.spec.num_layers)
    assert np.abs(full.astype(int) - made).max() <= 1  # every row from the base's own code
    blended = shown(box_mask("4,4,8,8", 16), blend_back=True)
    assert np.array_equal(blended[:, :4], to_uint8(image)[:, :4])


# --- local edits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["features", "styles"])
@pytest.mark.parametrize("name", ["stylegan2-skip", "stylegan2-resnet", "stylegan2-orig", "stylegan", "stylegan-label"])
def test_a_local_edit_changes_nothing_beyond_its_reach(name: str, way: str) -> None:
    generator = tiny(name)
    a, b = generator.styles(codes(generator, 2)), generator.styles(codes(generator, 2, seed=9))
    rows = [generator.spec.num_layers - 1] if name.startswith("stylegan-") or name == "stylegan" else [3, 4]
    edit = edit_locally(generator, a, b, box_mask("0,0,3,3", 16), rows, way)
    close(edit.base_NCHW, generator.synthesize(a))
    changes = edit.changes()
    assert changes["beyond_reach"] == 0.0 and changes["inside"] > 0
    assert 0 < changes["reach"] < 0.9  # the claim says something
    outside = ~edit.reach_N1HW.expand_as(edit.base_NCHW)
    assert torch.equal(edit.edited_NCHW[outside], edit.base_NCHW[outside])


def test_without_frozen_statistics_a_stylegan_leaks() -> None:
    generator = tiny("stylegan")
    a, b = generator.styles(codes(generator, 1)), generator.styles(codes(generator, 1, seed=9))
    layer = generator.layer("16x16/conv0")
    state = generator.cache(a, before=layer.index + 1)
    assert state.x is not None
    x = state.x.clone()
    x[:, :, :3, :3] = generator.cache(b, before=layer.index + 1).x[:, :, :3, :3]  # type: ignore[index]
    leaking = generator.synthesize(a, start=dataclasses.replace(state, x=x))
    edit = edit_locally(generator, a, b, box_mask("0,0,3,3", 16), [layer.row or 0])
    outside = ~edit.reach_N1HW.expand_as(edit.base_NCHW)
    assert (leaking - edit.base_NCHW)[outside].abs().max() > 1e-4
    assert (edit.edited_NCHW - edit.base_NCHW)[outside].abs().max() == 0


def test_the_whole_mask_at_the_first_layer_is_the_other_image_up_to_its_styles() -> None:
    generator = tiny("stylegan2-skip")
    a, b = generator.styles(codes(generator, 1)), generator.styles(codes(generator, 1, seed=9))
    _, rows = style_layout(generator)
    edit = edit_locally(generator, a, b, torch.ones(16, 16), [0], "styles")
    first = [i for i, row in enumerate(rows) if row == 0]
    close(edit.edited_NCHW, generator.synthesize([b[i] if i in first else s for i, s in enumerate(a)]))
    refuse(lambda: edit_locally(generator, a, b, torch.ones(8, 8), [0]))
    refuse(lambda: edit_locally(generator, a, b, torch.ones(16, 16), [0], "pixels"))


def test_statistics_of_a_state_are_those_of_its_own_maps() -> None:
    generator = tiny("stylegan")
    a = generator.styles(codes(generator, 2))
    whole = generator.cache(a, before=len(generator.layers) - 1).statistics
    assert sorted(whole) == [layer.index for layer in generator.layers if layer.affine is not None]
    frozen = dataclasses.replace(generator.cache(a, before=0), statistics=whole)
    assert torch.equal(generator.synthesize(a, start=frozen), generator.synthesize(a))


# --- codes -----------------------------------------------------------------------------------------------------------


def test_codes_survive_a_file_and_belong_to_a_generator(tmp_path: Path) -> None:
    generator = tiny("stylegan2-skip")
    _, rows = style_layout(generator)
    styles = tuple(s.numpy() for s in generator.styles(codes(generator, 3)))
    save_codes(tmp_path / "c.safetensors", Codes(styles, rows, ("a", "b", "c"), probe(generator), {"k": 1}))
    loaded = load_codes(tmp_path / "c.safetensors", generator)
    assert loaded.names == ("a", "b", "c") and np.array_equal(loaded.packed, np.concatenate(styles, 1))
    np.save(tmp_path / "wp.npy", codes(generator, 3).numpy())
    np.save(tmp_path / "packed.npy", loaded.packed)
    for name in ("wp", "packed"):
        assert np.allclose(load_codes(tmp_path / f"{name}.npy", generator).packed, loaded.packed, atol=1e-5)
    other = tiny("stylegan2-skip")
    other.mapping.dense0.weight.mul_(-1)
    refuse(lambda: load_codes(tmp_path / "c.safetensors", other), GantkError)
    refuse(lambda: load_codes(tmp_path / "c.safetensors", tiny("stylegan")), GantkError)
    np.save(tmp_path / "odd.npy", np.zeros((3, 7)))
    refuse(lambda: load_codes(tmp_path / "odd.npy", generator), GantkError)


def test_the_originals_layout_repeats_narrow_layers() -> None:
    styles = (np.arange(8.0).reshape(2, 4), np.arange(4.0).reshape(2, 2))
    tiled = tile(styles)  # type: ignore[arg-type]
    assert tiled.shape == (2, 2, 4) and tiled[0, 1].tolist() == [0, 1, 0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(untile(tiled, (4, 2)), styles, strict=True))  # type: ignore[arg-type]
    refuse(lambda: tile((np.zeros((1, 4)), np.zeros((1, 3)))))  # type: ignore[arg-type]


# --- projection ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "space"),
    [("stylegan2-skip", "wp"), ("stylegan2-skip", "s"), ("stylegan", "w"), ("pggan", "z"), ("biggan-deep", "z"),
     ("stylegan3-t", "wp"), ("demo-oracle", "s")],
)  # fmt: skip
def test_optimisation_comes_nearer_in_every_family(name: str, space: str) -> None:
    generator = tiny(name)
    label = labels(generator, 2)
    with torch.no_grad():
        target = generator.synthesize(generator.expand(generator.map(generator.sample_z(2, seed=4), label))).clamp(
            -1, 1
        )
    plan = ProjectionPlan(space, 15, prior=0.0, frames=3)
    found = project(generator, target, plan, label=label)
    assert found.losses.shape == (16, 2) and (found.losses.min(0).values < found.losses[0]).all()
    assert plan.kept == (0, 8, 15) and len(found.frames) == 3


def test_a_projection_does_not_depend_on_the_batch() -> None:
    generator = tiny("stylegan2-skip")
    target = images(generator, 3)
    plan = ProjectionPlan("wp", 5)
    together = project(generator, target, plan)
    alone = project(generator, target[1:2], plan)
    assert isinstance(together.codes, torch.Tensor) and isinstance(alone.codes, torch.Tensor)
    close(alone.codes, together.codes[1:2], 1e-3)


def test_a_projection_starts_where_it_is_told() -> None:
    generator = tiny("stylegan2-skip")
    wp = codes(generator, 2, seed=99)  # not among the samples it would start from
    target = generator.synthesize(wp)
    found = project(generator, target, ProjectionPlan("wp", 0, prior=0.0), start=wp)
    assert found.losses.max() < 1e-9
    assert differ(project(generator, target, ProjectionPlan("wp", 0)).image_NCHW, target)
    refuse(lambda: project(generator, target, ProjectionPlan("wp", 1), start=wp[:1]))
    refuse(lambda: project(tiny("pggan"), target, ProjectionPlan("s", 1)))
    refuse(lambda: ProjectionPlan("x"))
