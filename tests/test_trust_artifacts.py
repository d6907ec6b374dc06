"""Artifacts and results whose parts are of other types than gantk writes: one sentence, and nothing large is built."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from higan_cases import save_tiny

from gantk.cli.settings import read_config
from gantk.codes.directions import Direction
from gantk.codes.kept_directions import load_direction, save_direction
from gantk.errors import GantkError
from gantk.generators.registry import build
from gantk.generators.spec import is_of
from gantk.ghfeat.codes import is_codes
from gantk.ghfeat.judges import load_discriminator
from gantk.lse.replay import read_session
from gantk.navigan.kept import read_kept
from gantk.pictures import opening
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.head_info import info_of
from gantk.runs.structure import Source, from_plain
from gantk.store.bounded import parse_json
from gantk.store.json_values import number

Call = Callable[..., tuple[int, str, str]]


def write(path: Path, header: dict[str, Any], key: str = "gantk", dtype: str = "F32", size: int = 32) -> Path:
    """A safetensors file with one tensor, `vectors`, and a header of gantk (or under another key)."""
    entry = {"dtype": dtype, "shape": [1, size // 4], "data_offsets": [0, size]}
    text = json.dumps({"__metadata__": {key: json.dumps(header)}, "vectors": entry}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + np.ones(size // 4, np.float32).tobytes())
    return path


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[1, -1e400]"])
def test_a_number_of_json_is_finite(text: str) -> None:
    with pytest.raises(ValueError, match="no finite number"):
        parse_json(text)
    assert parse_json("[1e308, -0.0, 7]") == [1e308, 0.0, 7]


@pytest.mark.parametrize("value", [10**400, float("nan"), True, "1", None])
def test_a_number_is_one_that_a_float_holds(value: Any) -> None:
    with pytest.raises(GantkError, match="where a number was expected"):
        number(value, "it")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("layers", -1), ("layers", [None]), ("scale", "x"), ("scale", None), ("intercept", "1"), ("intercept", [None]),
        ("name", 5), ("meta", [1]), ("probe", "x"), ("scales", [[1]]),
    ],
)  # fmt: skip
def test_a_direction_with_a_field_of_another_type_is_named(field: str, value: object, tmp_path: Path) -> None:
    direction = Direction("light", "boundary", "w", np.ones((1, 8), np.float32))
    path = save_direction(tmp_path / "light.safetensors", direction)
    data = path.read_bytes()
    header = json.loads(json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]["gantk"])
    with pytest.raises(GantkError, match=rf"light.safetensors is no readable direction file: {field}"):
        load_direction(write(path, {**header, field: value}))


def test_a_type_that_numpy_has_not_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"format": "gantk-direction", "version": 1}, dtype="F8_E4M3", size=32)
    with pytest.raises(GantkError, match=r"a\.safetensors is no readable"):
        load_direction(path)
    with pytest.raises(GantkError, match=r"b\.safetensors is no readable"):
        load_direction(write(tmp_path / "b.safetensors", {}, key="other", dtype="F4", size=32))


HEAD: dict[str, Any] = {
    "kind": "LSE", "class_names": ["a", "b"], "class_colours": [[0, 0, 0], [9, 9, 9]], "taps": ["4x4/conv"],
    "channels": [8], "size": 16, "align_corners": True, "name": "LSE", "probe": None, "meta": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"size": "64"}, {"size": 2.5}, {"channels": [8.5]}, {"channels": 8}, {"class_names": "ab"}, {"taps": [4]},
        {"class_colours": [[0, 0, 256], [9, 9, 9]]}, {"class_colours": [[0, 0], [9, 9]]}, {"align_corners": "yes"},
        {"name": None}, {"probe": 3}, {"meta": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_head_with_a_field_of_another_type_is_damaged(change: dict[str, Any]) -> None:
    assert info_of(HEAD, Path("head.safetensors")).channels == (8,)
    with pytest.raises(GantkError, match=r"header of head\.safetensors is damaged"):
        info_of({**HEAD, **change}, Path("head.safetensors"))


@pytest.mark.parametrize("change", [{"scales": "123"}, {"scales": [None]}, {"name": 1}, {"meta": []}, {"kernel": "33"}])
def test_weight_directions_with_a_field_of_another_type_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    header = {
        "format": "gantk-weight-directions", "version": 1, "name": "a", "kind": "hessian", "layer": "4x4/conv",
        "scales": None, "identity": {}, "meta": {}, **change,
    }  # fmt: skip
    with pytest.raises(GantkError, match=r"a\.safetensors is"):
        read_kept(write(tmp_path / "a.safetensors", header))


@pytest.mark.parametrize(
    "change",
    [
        {"resample_filter": "stylegan3"}, {"resample_filter": [0.5, "x"]}, {"truncation_psi": ""}, {"channels": [8.5]},
        {"normalize_z": 1}, {"w_dim": True}, {"conv_clamp": float("inf")}, {"base": [4]},
    ],
    ids=str,
)  # fmt: skip
def test_a_configuration_of_other_types_builds_no_network(change: dict[str, Any]) -> None:
    config = {"resolution": 8, "channels": [4, 4], "z_dim": 4, "w_dim": 4, "mapping_layers": 1, "mapping_width": 4}
    assert build("stylegan2", config).spec.resolution == 8
    with pytest.raises(GantkError, match=rf"configuration of this stylegan2 does not fit: {next(iter(change))} is"):
        build("stylegan2", {**config, **change})


def test_values_are_told_by_the_types_that_are_declared() -> None:
    assert is_of(tuple[float, ...], (1, 0.5)) and is_of(tuple[int, int], (4, 4)) and is_of(float | None, None)
    assert not is_of(tuple[int, int], (4,)) and not is_of(int, True) and not is_of(float, float("nan"))


def test_networks_beside_the_generator_are_not_built_as_large_as_a_header_claims(tmp_path: Path) -> None:
    claims = {"resolution": 8, "channels": [65536, 65536], "image_channels": 3}
    judge = write(tmp_path / "judge.safetensors", claims, key="config")
    generator = build("stylegan2", {"resolution": 8, "channels": [4, 4], "z_dim": 4, "w_dim": 4})
    with pytest.raises(GantkError, match="asks for more numbers than its file can fill"):
        load_discriminator(str(judge), generator)
    header = {"format": 1, "kind": "segmenter", "names": ["a"], "config": {"channels": [40000] * 4, "outputs": 2}}
    with pytest.raises(GantkError, match=r"p\.safetensors|more numbers than its file"):
        DemoPredictor.from_path(write(tmp_path / "p.safetensors", header))


@pytest.mark.parametrize("dtype", ["M8[s]", "U4", "c8", "V8"])
def test_an_array_of_a_result_holds_numbers(dtype: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3, dtype))
    for kind in (npt.NDArray[np.float64], npt.NDArray[Any]):
        with pytest.raises(GantkError, match="a file of numbers is expected"):
            from_plain(kind, {"file": "a.npy"}, Source(tmp_path, "the result"), "x")


def test_scores_may_have_a_field_for_each_attribute_and_nothing_else_may(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3, [("sun", "f4"), ("tree", "f4")]))
    where = Source(tmp_path, "the result")
    assert from_plain(npt.NDArray[Any], {"file": "a.npy"}, where, "x").dtype.names == ("sun", "tree")
    with pytest.raises(GantkError, match="a file of numbers is expected"):
        from_plain(npt.NDArray[np.float32], {"file": "a.npy"}, where, "x")


def test_a_result_whose_parts_do_not_fit_is_one_sentence_of_every_command(tmp_path: Path, gantk_command: Call) -> None:
    model, good, bad = save_tiny(tmp_path / "tiny.safetensors"), tmp_path / "good", tmp_path / "bad"
    assert gantk_command("sefa", model, "-K", 3, "--shown", 0, "-o", good)[0] == 0
    shutil.copytree(good, bad)
    path = bad / "sefa.result.json"
    plain = json.loads(path.read_text())
    plain["fields"]["eigenvalues"] = {"dtype": "<f8", "shape": [1, 3], "data": [3.0, 2.0, 1.0]}
    path.write_text(json.dumps(plain))
    for words in (["compare", good, bad, "-o", tmp_path / "c"], ["report", bad, "--figures", tmp_path / "f"]):
        code, _, err = gantk_command(*words)
        assert code == 1 and "bad does not hold together" in err and err.count("\n") == 1, err
    assert not (tmp_path / "c").exists() and not (tmp_path / "f").exists()


def test_a_picture_of_very_many_parts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.ppm"
    path.write_bytes(b"P6\n#" + b"c" * 5000 + b"\n2 2 255\n" + bytes(12))
    assert opening.open_picture(path).size == (2, 2)
    monkeypatch.setattr(opening, "MOST_READINGS", 1000)
    for read in (opening.open_picture, opening.open_values, opening.picture_sides):
        with pytest.raises(GantkError, match="consists of more than 1000 parts"):
            read(path)


def test_sessions_and_codes_that_are_no_files_are_never_opened(tmp_path: Path) -> None:
    session, codes = tmp_path / "session.zip", tmp_path / "codes.safetensors"
    for path in (session, codes):
        os.mkfifo(path)
    with pytest.raises(GantkError, match="is a named pipe"):
        read_session(session)
    with pytest.raises(GantkError, match="is a named pipe"):
        is_codes(codes)
    assert not is_codes(tmp_path / "absent.safetensors") and not is_codes(write(tmp_path / "a.safetensors", {}))


def test_a_settings_file_with_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nul.toml"
    for text in ('output-dir = "a\\u0000b"', 'a = [{b = "\\u0000"}]'):
        path.write_text(f"[synthesize]\n{text}\n")
        with pytest.raises(GantkError, match="nul.toml cannot be read: a text in it has a NUL"):
            read_config(str(path))


@pytest.mark.parametrize("change", ["empty", "turned", "truths", "nan", "negative"])
def test_directions_of_a_changed_jacobian_are_one_sentence(change: str, tmp_path: Path, gantk_command: Call) -> None:
    model, run = save_tiny(tmp_path / "tiny.safetensors"), tmp_path / "run"
    line = ("resefa", "jacobian", model, "--box", "a=0.2,0.2,0.6,0.6", "-N", 2, "--preview", 1, "-o", run)
    assert gantk_command(*line)[0] == 0
    name = "gram_total" if change == "negative" else "gram_inside"
    array = np.load(run / f"{name}.npy")
    changes = {"empty": array[:0], "turned": array.T, "truths": array > 0, "nan": array * np.nan, "negative": -array}
    (run / f"{name}.npy").unlink()
    np.save(run / f"{name}.npy", changes[change])
    code, _, err = gantk_command("resefa", "directions", run, "-K", 2, "--held-out", 0, "-o", tmp_path / "out")
    said = "Gram matrices have no directions" if change == "negative" else "run does not hold together"
    assert code == 1 and said in err and not (tmp_path / "out").exists(), err
