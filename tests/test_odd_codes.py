"""Codes and directions in the files that people have them in: each kind made here, and the collected cases."""

from __future__ import annotations

import io
import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import REFERENCE

from gantk.codes.arrays import LeftOut, read_arrays
from gantk.codes.code_files import read_codes
from gantk.codes.entries import gather
from gantk.codes.given import GivenCodes, codes_in
from gantk.codes.kept_directions import load_direction, save_direction
from gantk.codes.source import CodeSource
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Truncation
from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from gantk.store.files import load_npy

CASES = REFERENCE.parent / "cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not there ({CASES})")
L, D = 6, 8


@pytest.fixture(scope="module")
def generator() -> StyleGAN2:
    torch.manual_seed(0)
    made = StyleGAN2(StyleGAN2Config(resolution=16, channels=(4, 4, 4), z_dim=D, w_dim=D, mapping_layers=2))
    return made.eval().requires_grad_(False)


def numbers(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def unit(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    vector = numbers(*shape, seed=seed)
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def torch_bytes(value: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def npz_bytes(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy_bytes(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def text(array: Any, delimiter: str = " ") -> bytes:
    file = io.BytesIO()
    np.savetxt(file, array, delimiter=delimiter)
    return file.getvalue()


def sparse(array: np.ndarray[Any, Any], layout: str, *blocks: Any) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that the layout is new
        made: torch.Tensor = getattr(torch.from_numpy(array), f"to_sparse_{layout}")(*blocks)
    return made


def wide(rows: int, columns: int, at: int = 1) -> torch.Tensor:
    """One number, in a sparse tensor of any size."""
    place = torch.tensor([[0], [at]])
    return torch.sparse_coo_tensor(place, torch.ones(1), (rows, columns), check_invariants=False)


ONE_WP = numbers(L, D)
MANY_Z = numbers(5, D)
CODES = {
    "plain": (npy_bytes(MANY_Z), "z", MANY_Z),
    "double": (npy_bytes(MANY_Z.astype(np.float64)), "z", MANY_Z),
    "one code": (npy_bytes(MANY_Z[0]), "z", MANY_Z[:1]),
    "one wp": (npy_bytes(ONE_WP), "wp", ONE_WP[None]),
    "wrapped wp": (npy_bytes(ONE_WP[None, None]), "wp", ONE_WP[None]),
    "codes one by one": (npy_bytes(MANY_Z[:, None]), "wp-less", MANY_Z),
    "projector": (npz_bytes(w=ONE_WP[None]), "wp", ONE_WP[None]),
    "npz of w": (npz_bytes(w=MANY_Z), "w", MANY_Z),
    "npz of all": (npz_bytes(z=MANY_Z, w=MANY_Z + 1, wp=np.stack([ONE_WP] * 5)), "wp", np.stack([ONE_WP] * 5)),
    "tensor": (torch_bytes(torch.from_numpy(ONE_WP[None])), "wp", ONE_WP[None]),
    "old tensor": (torch_bytes(torch.from_numpy(MANY_Z), False), "z", MANY_Z),
    "pickled array": (pickle.dumps(MANY_Z), "z", MANY_Z),
    "text": (text(MANY_Z), "z", MANY_Z),
    "csv": (text(MANY_Z, ","), "z", MANY_Z),
    "text of wp": (b"\xef\xbb\xbf# a comment\r\n" + text(ONE_WP), "wp", ONE_WP[None]),
    "by name": (npy_bytes({"a.jpg": ONE_WP, "b.jpg": ONE_WP + 1}), "wp", np.stack([ONE_WP, ONE_WP + 1])),
    "torch by name": (torch_bytes({"a": torch.from_numpy(ONE_WP[None]), "b": torch.from_numpy(ONE_WP)}), "wp",
                      np.stack([ONE_WP, ONE_WP])),
    "projector of rosinality": (
        torch_bytes({"a.png": {"img": torch.zeros(1, 3, 4, 4), "latent": torch.from_numpy(ONE_WP)}}), "wp", ONE_WP[None]
    ),
    "steps by name": (npy_bytes({"a.jpg": [ONE_WP, ONE_WP + 1]}), "wp", np.stack([ONE_WP, ONE_WP + 1])),
    "codes beside pictures": (npz_bytes(dlatents=ONE_WP[None], images=np.zeros((1, 4, 4, 3))), "wp", ONE_WP[None]),
    "a mapped array": (pickle.dumps(MANY_Z.view(np.memmap)), "z", MANY_Z),
    "names beside": (npz_bytes(w=MANY_Z, names=np.array(["a"] * 5)), "w", MANY_Z),
    "names in a pickle": (pickle.dumps({"w": MANY_Z, "names": np.array(["a"] * 5)}), "w", MANY_Z),
    "json of tables": (json.dumps([{"seed": 1, "w": ONE_WP.tolist()}]).encode(), "wp", ONE_WP[None]),
    "list": (pickle.dumps([ONE_WP, ONE_WP]), "wp", np.stack([ONE_WP, ONE_WP])),
    "wp one by one": (npy_bytes(np.stack([ONE_WP] * 3)[:, None]), "wp", np.stack([ONE_WP] * 3)),
    "a column": (npy_bytes(MANY_Z[:1].T), "z", MANY_Z[:1]),
    "other orders": (npy_bytes(np.asfortranarray(np.stack([ONE_WP] * 3)).astype(">f2")), "wp",
                     np.stack([ONE_WP] * 3).astype(np.float16)),
    "objects": (npy_bytes(np.array([*ONE_WP[None], None], dtype=object)[:1]), "wp", ONE_WP[None]),
    "numbers as objects": (npy_bytes(MANY_Z.astype(object)), "z", MANY_Z),
    "header": (b"a,b,c,d,e,f,g,h\n" + text(MANY_Z, ","), "z", MANY_Z),
    "counted header": (b"0,1,2,3,4,5,6,7\n" + text(MANY_Z, ","), "z", MANY_Z),
    "decimal commas": (b"\xef\xbb\xbf" + text(MANY_Z, ";").replace(b".", b","), "z", MANY_Z),
    "sparse": (torch_bytes(torch.from_numpy(MANY_Z).to_sparse()), "z", MANY_Z),
    "sparse by rows": (torch_bytes(sparse(MANY_Z, "csr")), "z", MANY_Z),
    "sparse by blocks": (torch_bytes({"w": sparse(MANY_Z[:4], "bsc", (2, 2))}), "w", MANY_Z[:4]),
    "sparse bfloat": (torch_bytes(torch.from_numpy(np.sign(MANY_Z)).bfloat16().to_sparse()), "z", np.sign(MANY_Z)),
    "a negated view": (torch_bytes(torch.from_numpy(MANY_Z)._neg_view()), "z", -MANY_Z),
    "eight bits": (torch_bytes(torch.from_numpy(np.sign(MANY_Z)).to(torch.float8_e4m3fn)), "z", np.sign(MANY_Z)),
    "bfloat": (torch_bytes(torch.from_numpy(np.sign(MANY_Z)).bfloat16()), "z", np.sign(MANY_Z)),
    "a network's parameter": (torch_bytes(torch.nn.Parameter(torch.from_numpy(MANY_Z))), "z", MANY_Z),
    "z as convolutions take it": (npy_bytes(MANY_Z[:, :, None, None]), "z", MANY_Z),
    "utf-16 text": (b"\xff\xfe" + text(MANY_Z).decode().encode("utf-16-le"), "z", MANY_Z),
    "json": (json.dumps({"w": MANY_Z.tolist()}).encode(), "w", MANY_Z),
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_codes_of_every_kind(name: str, generator: StyleGAN2, tmp_path: Path) -> None:
    data, space, expected = CODES[name]
    (tmp_path / "file.any").write_bytes(data)
    found = read_codes(tmp_path / "file.any", generator.spec)
    assert found.space == ("z" if space == "wp-less" else space) or space == "wp-less"
    np.testing.assert_allclose(np.asarray(found.codes).reshape(expected.shape), expected, rtol=1e-6)
    source = CodeSource(generator, codes=codes_in(tmp_path / "file.any", generator))
    assert source.total == len(expected) and source.first_space == found.space
    assert source.batch(0, 1).wp.shape == (1, L, D)


@pytest.mark.parametrize("header", ["", "file,a,b,c,d,e,f,g,h\n", ",0,1,2,3,4,5,6,7\n"])
def test_names_beside_the_numbers(header: str, generator: StyleGAN2, tmp_path: Path) -> None:
    names = ["0", "1", "2"] if header.startswith(",") else ["a.png", "b.png", "c.png"]
    lines = [",".join([f'"{name}"', *map(str, row)]) for name, row in zip(names, MANY_Z[:3], strict=True)]
    (tmp_path / "named.csv").write_text(header + "\n".join(lines))
    found = read_codes(tmp_path / "named.csv", generator.spec)
    assert found.names == tuple(names)
    np.testing.assert_allclose(found.codes, MANY_Z[:3], rtol=1e-6)


def test_the_one_array_of_codes_among_others_is_read_and_said(generator: StyleGAN2, tmp_path: Path) -> None:
    (tmp_path / "found.pt").write_bytes(torch_bytes({"best": torch.from_numpy(ONE_WP), "losses": torch.ones(3)}))
    with pytest.warns(LeftOut, match=r"its codes are 'best', and losses \[3\] beside them is not read"):
        found = read_codes(tmp_path / "found.pt", generator.spec)
    np.testing.assert_array_equal(found.codes, ONE_WP[None])
    code = torch.from_numpy(ONE_WP)
    (tmp_path / "many.pt").write_bytes(torch_bytes({"a": code, "b": code, "c": torch.ones(5, 7)}))
    with pytest.raises(GantkError, match=r"many.pt, c, holds float32 \(5, 7\)"):
        read_codes(tmp_path / "many.pt", generator.spec)


def test_as_many_codes_as_rows(generator: StyleGAN2, tmp_path: Path) -> None:
    """What synthesize writes is read as what it is, though L codes of z have the shape of one wp code."""
    for name, space in (("z", "z"), ("w", "w"), ("wp", "wp"), ("z_nv_seeds", "z"), ("projected_w", "wp")):
        np.save(tmp_path / f"{name}.npy", ONE_WP)
        assert read_codes(tmp_path / f"{name}.npy", generator.spec).space == space, name


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("column.npy", npy_bytes(unit(1, D).T)),
        ("one.npz", npz_bytes(smile=unit(D))),
        ("numbers.txt", text(unit(1, D))),
        ("commented.txt", b"# of one kind\n# and another\n" + text(unit(1, D))),
        ("utf-16.txt", b"\xff\xfe" + text(unit(1, D)).decode().encode("utf-16-le")),
        ("semicolons.csv", text(unit(1, D), ";")),
        ("list.txt", json.dumps(unit(D).tolist()).encode()),
        ("half.pt", torch_bytes(torch.from_numpy(unit(1, D)).half())),
    ],
)
def test_single_directions_of_every_kind(name: str, data: bytes, generator: StyleGAN2, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    (entry,) = gather([str(tmp_path / name)], generator)
    assert entry.direction.space == "w"
    np.testing.assert_allclose(entry.direction.vectors, unit(1, D), atol=1e-3)


def test_a_direction_of_a_very_long_name_has_files(generator: StyleGAN2, tmp_path: Path) -> None:
    np.save(tmp_path / f"{'n' * 240}.npy", unit(1, D))
    (entry,) = gather([str(tmp_path / f"{'n' * 240}.npy")], generator)
    assert entry.prefix == "n" * 120 + "_w" and entry.name == "n" * 240


def test_a_folder_called_like_a_shipped_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gantk

    monkeypatch.chdir(tmp_path)
    (tmp_path / "season").mkdir()
    (entry,) = gather(["season"], gantk.load_generator("demo"))
    assert entry.direction.name == "season"
    with pytest.raises(GantkError, match="The folder season holds no direction file"):
        gather(["./season"], gantk.load_generator("demo"))


def test_names_come_along_and_the_space_can_be_said(generator: StyleGAN2, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(CODES["by name"][0])
    assert CodeSource(generator, codes=codes_in(tmp_path / "a.npy", generator)).names == ("a.jpg", "b.jpg")
    np.save(tmp_path / "six.npy", ONE_WP)
    assert CodeSource(generator, codes=codes_in(tmp_path / "six.npy", generator, "w")).total == 6
    assert CodeSource(generator, codes=codes_in(tmp_path / "six.npy", generator, "wp")).total == 1
    np.save(tmp_path / "w.npy", MANY_Z)
    assert read_codes(tmp_path / "w.npy", generator.spec).space == "w"
    (tmp_path / "all.npz").write_bytes(CODES["npz of all"][0])
    assert CodeSource(generator, codes=codes_in(tmp_path / "all.npz", generator, "w")).total == 5


def test_a_folder_of_codes_or_none(generator: StyleGAN2, tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    for index in range(3):
        torch.save(torch.from_numpy(ONE_WP[None] + index), tmp_path / "codes" / f"{index}.pt")
    source = CodeSource(generator, codes=codes_in(tmp_path / "codes", generator))
    assert source.names == ("0", "1", "2") and source.total == 3
    assert CodeSource(generator, codes=codes_in(tmp_path, generator)).names == ("codes/0", "codes/1", "codes/2")
    np.save(tmp_path / "codes" / "1.npy", ONE_WP)
    found = read_codes(tmp_path / "codes", generator.spec)  # none is lost
    assert found.names == ("0", "1", "1.pt", "2") and np.array_equal(found.codes[1:3], [ONE_WP, ONE_WP + 1])
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(GantkError, match="is a folder without a file of codes"):
        CodeSource(generator, codes=codes_in(tmp_path / "empty", generator))


@pytest.mark.parametrize("form", ["{}", "{}/out"])
def test_a_folder_for_each_code(form: str, generator: StyleGAN2, tmp_path: Path) -> None:
    for index in (0, 2, 10):
        inner = tmp_path / "runs" / form.format(index)
        inner.mkdir(parents=True)
        np.savez(inner / "projected_w.npz", w=ONE_WP[None] + index)
        (inner / "target.png").write_bytes(b"no code")
        (inner / "._projected_w.npz").write_bytes(b"what a Mac leaves")
    found = read_codes(tmp_path / "runs", generator.spec)
    assert found.names == ("0", "2", "10") and found.space == "wp"
    np.testing.assert_array_equal(found.codes, [ONE_WP + index for index in (0, 2, 10)])
    assert len(read_codes(tmp_path / "runs" / "2", generator.spec).codes) == 1
    np.save(tmp_path / "runs" / form.format(2) / "second.npy", ONE_WP)
    names = read_codes(tmp_path / "runs", generator.spec).names
    assert names == ("0", f"{form.format(2)}/projected_w", f"{form.format(2)}/second", "10")
    np.savez(tmp_path / "runs" / form.format(10) / "projected_w.npz", w=ONE_WP[:, :3])
    with pytest.raises(GantkError, match=r"runs, 10, holds float32 \(6, 3\)"):
        read_codes(tmp_path / "runs", generator.spec)


def test_files_of_a_folder_say_their_space_and_stand_in_order(generator: StyleGAN2, tmp_path: Path) -> None:
    for index in (1, 2, 10):
        np.savez(tmp_path / f"seed{index}.npz", z=MANY_Z[:1], w=MANY_Z[:1] + index, loss=np.float32(3))
    found = read_codes(tmp_path, generator.spec)
    assert found.space == "w" and found.names == ("seed1", "seed2", "seed10")
    np.testing.assert_array_equal(found.codes, np.concatenate([MANY_Z[:1] + index for index in (1, 2, 10)]))


@pytest.mark.parametrize("factor", [1e21, 1e-21])
def test_a_length_that_shows_nothing_is_said(factor: float, generator: StyleGAN2, tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", unit(1, D).astype(np.float64) * factor)
    with pytest.raises(
        UsageError, match=f"has the length {factor:.3g}".replace("+", r"\+") + ".*divide it by its length"
    ):
        gather([str(tmp_path / "d.npy")], generator)


def test_codes_far_beyond_all_codes(generator: StyleGAN2, tmp_path: Path) -> None:
    """The length of z counts for nothing where the network takes it off; w of 1e21 shows nothing."""
    np.save(tmp_path / "z.npy", MANY_Z.astype(np.float64) * 1e21)
    np.save(tmp_path / "w.npy", MANY_Z.astype(np.float64) * 1e21)
    near = CodeSource(generator, codes=codes_in(tmp_path / "z.npy", generator)).batch(0, 5).wp
    torch.testing.assert_close(
        near, CodeSource(generator, codes=GivenCodes(MANY_Z, "z")).batch(0, 5).wp, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(GantkError, match=r"holds codes as large as .*e\+21 between rows 0 and 4, and w of a generator"):
        CodeSource(generator, codes=codes_in(tmp_path / "w.npy", generator)).batch(0, 5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy_bytes(numbers(4, 7)), r"\(4, 7\), and codes of this generator are z \[N, 8\], w \[N, 8\], wp \[N, 6, 8\]"),
        (npy_bytes(np.array([{"a": 1}, 2], dtype=object)), "an array of objects|array of objects"),
        (npz_bytes(a=np.array([None])), "it holds Python objects"),
        (b"0.1 0.2\n0.3 x\n", "line 2: '0.3 x' is no row of numbers"),
        (b"[1" + b"0" * 400 + b", 2]", "holds no numbers"),
        (b"0.1 0.2\n0.3\n", "line 2: 1 numbers where the lines before have 2"),
        (b"\xff\xfe\x00", "neither .npy, .npz"),
        (b"MATLAB 5.0 MAT-file" + b" " * 100, "is no array: it is a MATLAB file: save the arrays as .npy"),
        (pickle.dumps(MANY_Z, 0), "is no array: it is a pickle of protocol 0 or 1"),
        (npy_bytes(np.array(["a"])), "<U1"),
        (
            npy_bytes(np.zeros(4, [(name, "<f4") for name in "abcde"])),
            r"a table of a, b, c, d, \.\.\., as scores are, ",
        ),
        (torch_bytes({"epoch": 3}), "no array where an array of numbers"),
        (torch_bytes(torch.from_numpy(MANY_Z).to(torch.complex64)), "holds complex64"),
        (
            torch_bytes(wide(100_000, 1_000_000)),
            r"a sparse tensor of \[100000, 1000000\], which takes 400000000000 bytes",
        ),
        (torch_bytes(wide(5, D, at=99)), "a sparse tensor makes no sense"),
    ],
)
def test_what_is_no_code_is_said_without_advice(
    data: bytes, message: str, generator: StyleGAN2, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(GantkError, match=message) as caught:
        CodeSource(generator, codes=codes_in(tmp_path / "file", generator))
    assert "allow_pickle" not in str(caught.value) and "pickled data" not in str(caught.value)


def test_styles_and_directions_say_what_takes_them(generator: StyleGAN2, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    header = {"gantk": '{"format": "gantk-codes", "version": 1}'}
    save_file({"styles.00": MANY_Z}, tmp_path / "codes.safetensors", metadata=header)
    with pytest.raises(GantkError, match=r"holds styles \(space s\), which `gantk ghfeat edit`"):
        CodeSource(generator, codes=codes_in(tmp_path / "codes.safetensors", generator))
    np.save(tmp_path / "d.npy", unit(1, D))
    path = save_direction(tmp_path / "d.safetensors", load_direction(tmp_path / "d.npy"))
    with pytest.raises(GantkError, match="holds a direction, not codes"):
        CodeSource(generator, codes=codes_in(path, generator))
    save_file({"w": ONE_WP}, tmp_path / "theirs.safetensors")
    assert CodeSource(generator, codes=codes_in(tmp_path / "theirs.safetensors", generator)).first_space == "wp"


# --- directions ------------------------------------------------------------------------------------------------------


def moved(direction: Any, generator: StyleGAN2, layers: Any = None) -> torch.Tensor:
    wp = generator.expand(generator.map(generator.sample_z(2)), Truncation(0.7))
    result: torch.Tensor = direction.apply(wp, 2.0, layers=layers, truncation=Truncation(0.7))
    return result


def test_one_direction_of_wp_without_its_first_dimension(generator: StyleGAN2, tmp_path: Path) -> None:
    for name, array in {"differ": numbers(L, D) * 0.1, "equal": np.repeat(numbers(1, D), L, 0)}.items():
        np.save(tmp_path / f"{name}.npy", array)
        np.save(tmp_path / f"{name}_1LD.npy", array[None])
        torch.save(torch.from_numpy(array[None]), tmp_path / f"{name}.pt")
        plain, whole = (
            load_direction(tmp_path / f"{name}.npy", generator),
            load_direction(tmp_path / f"{name}_1LD.npy", generator),
        )
        for found in (plain, load_direction(tmp_path / f"{name}.pt", generator)):
            assert (found.space, found.vectors.shape) == ("wp", (1, L, D))
            assert torch.equal(moved(found, generator), moved(whole, generator))
        assert [entry.title for entry in gather([str(tmp_path / f"{name}.npy")], generator, pick="all")] == [name]


def test_rows_that_could_be_either_are_asked_about(generator: StyleGAN2, tmp_path: Path) -> None:
    np.save(tmp_path / "unit.npy", unit(L, D))
    with pytest.raises(UsageError, match="one wp direction of this generator's 6 rows or 6 directions of w: say"):
        load_direction(tmp_path / "unit.npy", generator)
    assert load_direction(tmp_path / "unit.npy", generator, space="wp").vectors.shape == (1, L, D)
    assert load_direction(tmp_path / "unit.npy", generator, space="w").vectors.shape == (L, D)
    np.save(tmp_path / "five.npy", unit(5, D))
    assert len(load_direction(tmp_path / "five.npy", generator)) == 5
    with pytest.raises(UsageError, match="has 5 rows, and a wp direction of this generator has 6"):
        load_direction(tmp_path / "five.npy", generator, space="wp")


def test_tensors_and_bases_and_components(generator: StyleGAN2, tmp_path: Path) -> None:
    torch.save(torch.from_numpy(unit(1, D)), tmp_path / "pose.pt")
    pose = load_direction(tmp_path / "pose.pt", generator)
    assert (pose.name, pose.space, len(pose)) == ("pose", "w", 1)
    comp, std = unit(3, 1, D), np.array([3.0, 2.0, 0.5], np.float32)
    torch.save(
        {"mean": torch.zeros(1, D), "std": torch.from_numpy(std), "comp": torch.from_numpy(comp)}, tmp_path / "pca.pt"
    )
    basis = load_direction(tmp_path / "pca.pt", generator)
    assert (basis.space, basis.vectors.shape, basis.scales) == ("w", (3, D), (3.0, 2.0, 0.5))
    np.testing.assert_array_equal(basis.vectors, comp[:, 0])
    entries = gather([str(tmp_path / "pca.pt")], generator, pick="all")
    assert [entry.direction.scale_of(entry.number) for entry in entries] == [3.0, 2.0, 0.5]
    assert entries[1].alone().scale == 2.0 and entries[1].alone().scales is None
    again = load_direction(save_direction(tmp_path / "own.safetensors", basis), generator)
    assert again.scales == basis.scales
    component = {"name": "hair", "component_index": 3, "edit_start": 1, "edit_end": 3, "lat_comp": unit(1, D),
                 "lat_mean": numbers(1, D), "lat_stdev": 1.7}  # fmt: skip
    (tmp_path / "component.pkl").write_bytes(pickle.dumps(component))
    hair = load_direction(tmp_path / "component.pkl", generator)
    assert (hair.name, hair.space, hair.layers, hair.scale) == ("hair", "w", (1, 2, 3), 1.7)


@pytest.mark.parametrize("name, space", [("_w", "w"), ("", "z"), ("_w_seed3", "w")])
def test_the_components_that_ganspace_keeps(name: str, space: str, generator: StyleGAN2, tmp_path: Path) -> None:
    """Its cache of a layer: as many directions as components, of the space that its name says."""
    comp, std = unit(3, 1, D), np.array([3.0, 2.0, 0.5], np.float32)
    beside = {"act_comp": numbers(3, 1, 7), "act_mean": numbers(1, 7), "act_stdev": std, "lat_mean": numbers(1, D)}
    path = tmp_path / f"stylegan2-ffhq_style_ipca_c80_n1000000{name}.npz"
    path.write_bytes(npz_bytes(lat_comp=comp, lat_stdev=std, var_ratio=std, random_stdevs=std, **beside))
    basis = load_direction(path, generator)
    assert (basis.space, basis.vectors.shape, basis.scales) == (space, (3, D), (3.0, 2.0, 0.5))
    np.testing.assert_array_equal(basis.vectors, comp[:, 0])
    path.write_bytes(npz_bytes(lat_comp=comp, lat_stdev=std[:2]))
    with pytest.raises(GantkError, match="has 2 deviations for 3 components"):
        load_direction(path, generator)


def test_a_direction_as_json(generator: StyleGAN2, tmp_path: Path) -> None:
    vector = unit(1, D)
    for value in (vector[0].tolist(), {"direction": vector.tolist()}):
        (tmp_path / "age.json").write_text(json.dumps(value))
        (entry,) = gather([str(tmp_path / "age.json")], generator)
        assert (entry.name, entry.space) == ("age", "w")
        np.testing.assert_allclose(entry.direction.vectors, vector, rtol=1e-6)


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    vector = unit(1, 512)
    np.save(tmp_path / "mouth.npy", vector)
    found = load_direction(tmp_path / "mouth.npy")
    assert (found.layers, found.scale) == ((4, 5, 6, 7), 10.0)
    for name in ("mouth", "eyes"):
        exact = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
        np.save(tmp_path / f"{name}.npy", exact)
        found = load_direction(tmp_path / f"{name}.npy")
        assert (found.layers, found.scale, found.space) == ((4, 5, 6, 7), 4.0, "w")
        assert "LowRankGAN" in found.meta["taken_for"]
    np.save(tmp_path / "mouth.npy", unit(1, D))
    assert (load_direction(tmp_path / "mouth.npy").layers, load_direction(tmp_path / "mouth.npy").scale) == (None, 3.0)
    np.save(tmp_path / "mouth.npy", vector * 3)
    assert load_direction(tmp_path / "mouth.npy").layers is None


def test_codes_given_as_a_direction_are_asked_about(generator: StyleGAN2, tmp_path: Path) -> None:
    np.save(tmp_path / "some.npy", numbers(20, D))
    with pytest.raises(UsageError, match=r"holds \[20, 8\], whose vectors have lengths from .* give codes with -i"):
        load_direction(tmp_path / "some.npy", generator)
    assert len(load_direction(tmp_path / "some.npy", generator, space="w")) == 20
    (tmp_path / "projected_w.npz").write_bytes(npz_bytes(w=ONE_WP[None]))
    with pytest.raises(UsageError, match="under a name that codes have"):
        load_direction(tmp_path / "projected_w.npz", generator)
    (tmp_path / "names.npy").write_bytes(CODES["by name"][0])
    with pytest.raises(GantkError, match="are these codes, which -i takes"):
        load_direction(tmp_path / "names.npy", generator)


def test_folders_of_directions_that_are_not_called_boundary(generator: StyleGAN2, tmp_path: Path) -> None:
    np.save(tmp_path / "eyes.npy", unit(1, D))
    torch.save(torch.from_numpy(unit(1, D, seed=1)), tmp_path / "mouth.pt")
    (tmp_path / ".hidden.npy").write_bytes(b"x")
    (tmp_path / "card.md").write_text("about them")
    np.save(tmp_path / "wp.npy", np.stack([ONE_WP] * 3))
    assert [entry.name for entry in gather([str(tmp_path)], generator)] == ["eyes", "mouth"]
    np.save(tmp_path / "age_boundary.npy", unit(1, D))
    assert [entry.name for entry in gather([str(tmp_path)], generator)] == ["age"]


# --- the collected cases ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Any:
    from gantk.checkpoints.load import load_generator

    return load_generator("demo")


@needs_cases
@pytest.mark.parametrize(
    ("name", "space", "count"),
    [
        ("codes/projected_w.npz", "wp", 1), ("codes/latents.pt", "wp", 4), ("codes/w.npy", "w", 300),
        ("codes/z_nv_seeds.npy", "z", 4), ("published/latents_by_name.npy", "wp", 2), ("published/0000.txt", "wp", 1),
        ("published/w_11LD.npy", "wp", 1),
    ],
)  # fmt: skip
def test_case_codes(name: str, space: str, count: int, demo: Any) -> None:
    source = CodeSource(demo, codes=codes_in(CASES / name, demo))
    assert (source.first_space, source.total) == (space, count)
    assert bool(demo.synthesize(source.batch(0, 1).wp).isfinite().all())


@needs_cases
def test_case_directions(demo: Any) -> None:
    smile, whole = (load_direction(CASES / "published" / f"smile_{form}.npy", demo) for form in ("LD", "1LD"))
    np.testing.assert_array_equal(smile.vectors, whole.vectors)
    assert smile.space == "wp"
    with pytest.raises(UsageError, match="say space wp or space w"):
        load_direction(CASES / "codes" / "wp_direction_LD.npy", demo)
    one = load_direction(CASES / "codes" / "wp_direction_LD.npy", demo, space="wp")
    np.testing.assert_array_equal(one.vectors, load_direction(CASES / "codes" / "wp_direction_1LD.npy", demo).vectors)
    for name in ("codes/dir.pt", "published/pose_1D.pt"):
        assert load_direction(CASES / name, demo).space == "w"
    assert len(load_direction(CASES / "published" / "pca.pt", demo).scales or ()) == 8
    component = load_direction(CASES / "published" / "component.pkl", demo)
    assert (component.name, component.layers, component.scale) == ("hair", (2, 3, 4), 1.7)
    assert [entry.name for entry in gather([str(CASES / "published" / "walks")], demo)] == ["eyes", "mouth"]
    assert load_direction(CASES / "published" / "walks" / "mouth.npy", demo).layers is None
    with pytest.raises(UsageError):
        load_direction(CASES / "codes" / "w.npy", demo)
    assert read_arrays(CASES / "codes" / "latents.pt").only("").shape == (4, 10, 64)


def test_a_csv_with_a_column_of_file_names(tmp_path: Path) -> None:
    from gantk.higan.scores import read_scores

    path = tmp_path / "scores.csv"
    path.write_text("file,age,smile,remark\na.png,1,2,\nb.png,3,x,bad\n")
    assert list(read_scores(path, ["age"]).columns) == ["age"]
    for names in (["smile"], ["file"], []):
        with pytest.raises(GantkError, match="is no number"):
            read_scores(path, names)
    path.write_text("file,age,smile\na.png,1,2\nb.png,3,4\n")
    assert list(read_scores(path).columns) == ["age", "smile"]
    path.write_text("file,other\na.png,b\n")
    with pytest.raises(GantkError, match="no column of numbers"):
        read_scores(path)
    if CASES.is_dir():
        assert list(read_scores(CASES / "codes" / "s_names.csv").columns) == ["age", "smile"]


# --- what is left out, empty or turned ------------------------------------------------------------------------------


def test_folders_beside_files_are_named_as_left_out(tmp_path: Path, generator: StyleGAN2) -> None:
    np.save(tmp_path / "one.npy", numbers(1, D))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "two.npy", numbers(1, D))
    (tmp_path / "pictures").mkdir()
    with pytest.warns(
        UserWarning, match=r"the files of codes in it are read, and those in its folders are not \(a, b\)"
    ):
        assert read_codes(tmp_path, generator.spec).codes.shape == (1, D)
    with pytest.warns(UserWarning, match=r"the files of directions in it .* are not \(a, b\)\."):
        assert len(gather([str(tmp_path)], generator, space="w")) == 1
    (tmp_path / "invert.run.json").write_text("{}")  # a run, whose folders are its own
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_codes(tmp_path, generator.spec).codes.shape == (1, D)


@pytest.mark.parametrize("name", ["empty.npz", "empty.npy"])
def test_an_archive_without_arrays_says_so(name: str, tmp_path: Path, generator: StyleGAN2) -> None:
    (tmp_path / name).write_bytes(npz_bytes())
    with pytest.raises(GantkError, match="holds no array"):
        read_codes(tmp_path / name, generator.spec)
    with pytest.raises(GantkError, match="holds no array"):
        gather([str(tmp_path / name)], generator)
    with pytest.raises(GantkError, match="holds no array"):
        load_npy(tmp_path / name)


@pytest.mark.parametrize(("shape", "space"), [((D, 5), None), ((D, 5), "w"), ((3, D, L), None), ((3, D, L), "wp")])
def test_codes_that_are_turned_are_named_so(
    shape: tuple[int, ...], space: str | None, tmp_path: Path, generator: StyleGAN2
) -> None:
    np.save(tmp_path / "turned.npy", numbers(*shape))
    with pytest.raises(GantkError, match="looks transposed.*save the array with its last two axes swapped"):
        read_codes(tmp_path / "turned.npy", generator.spec, space)
    np.save(tmp_path / "other.npy", numbers(D + 1, 5))
    with pytest.raises(GantkError, match="is it another network's"):
        read_codes(tmp_path / "other.npy", generator.spec)
