"""Generators as ONNX files: what onnxruntime makes of them is what gantk draws, and a file that differs is not left."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import foreign_files as foreign
import numpy as np
import pytest
import torch

import gantk
from gantk.checkpoints import onnx_files
from gantk.checkpoints.load import build_generator
from gantk.checkpoints.onnx_files import OPSET, file_names, write_onnx
from gantk.cli.main import run as run_command
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.generators.pggan import PGGAN, PGGANConfig

needs_onnx = pytest.mark.skipif(
    not all(find_spec(name) for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="the extra onnx is not installed: pip install 'gantk[onnx]'",
)


def network(family: str) -> Generator:
    if family == "stylegan2":
        labels: dict[str, Any] = {"label_rule": "separate", "label_dim": 3, "label_width": 8}
        return build_generator(foreign.small_checkpoint(**labels, conv_clamp=2.0))
    torch.manual_seed(0)
    return PGGAN(PGGANConfig(resolution=16, channels=(6, 5, 4), z_dim=8, label_dim=0)).eval()


def run(path: Path, **inputs: Any) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {each.name for each in session.get_inputs()} == set(inputs)
    [found] = session.run(None, {name: np.asarray(value, np.float32) for name, value in inputs.items()})
    return np.asarray(found)


@needs_onnx
@pytest.mark.parametrize("family", ["stylegan2", "pggan"])
def test_one_after_the_other_they_draw_what_gantk_draws(family: str, tmp_path: Path) -> None:
    import onnx

    generator = network(family)
    written = write_onnx(generator, tmp_path / "net.onnx", {"file": "net.pkl"})
    mapping, synthesis = tmp_path / "net-mapping.onnx", tmp_path / "net-synthesis.onnx"
    assert [each.path for each in written] == [mapping, synthesis]
    assert sorted(path.name for path in tmp_path.iterdir()) == [mapping.name, synthesis.name]
    assert all(each.error <= each.limit and each.limit >= 1e-4 for each in written)
    for path in (mapping, synthesis):
        model = onnx.load(str(path))
        assert [each.version for each in model.opset_import if each.domain == ""] == [OPSET]
        facts = {each.key: each.value for each in model.metadata_props}
        assert facts["family"] == family and facts["file"] == "net.pkl" and facts["resolution"] == "16 x 16"
        assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param  # any number of samples
    rows = generator.spec.num_layers
    for count in (1, 7):
        z_NZ = generator.sample_z(count, seed=5)
        given: dict[str, Any] = {"z": z_NZ}
        truncation = label = None
        if family == "stylegan2":
            truncation, label = gantk.Truncation(psi=0.6, layers=4), torch.eye(3)[[0] * count] * 0.5
            given |= {"label": label, "truncation": [0.6] * 4 + [1.0] * (rows - 4)}
        with torch.no_grad():
            wp_NLD = generator.expand(generator.map(z_NZ, label), truncation)
            image_NCHW = generator.synthesize(wp_NLD).numpy()
        wp = run(mapping, **given)
        np.testing.assert_allclose(wp, wp_NLD, atol=1e-4)
        np.testing.assert_allclose(run(synthesis, wp=wp), image_NCHW, atol=1e-4 * max(1, np.abs(image_NCHW).max()))


@needs_onnx
def test_what_differs_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of another shape, and a little beside what gantk computes."""
    from onnx import TensorProto, helper

    def graph(module: Any, inputs: dict[str, Any], output: str, facts: Any) -> bytes:
        """A graph that gives its input back."""
        [name] = inputs
        sides = [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in (name, output)]
        whole = helper.make_graph([helper.make_node("Identity", [name], [output])], "same", sides[:1], sides[1:])
        model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        return bytes(model.SerializeToString())

    monkeypatch.setattr(onnx_files, "_graph", graph)
    with pytest.raises(GantkError, match=r"onnxruntime gives \(1, 8\) for net-mapping.onnx where \(1, 1, 8\) was"):
        write_onnx(network("pggan"), tmp_path / "net.onnx")
    monkeypatch.setattr(onnx_files.MappingGraph, "forward", lambda self, z: z + 1e-3)
    with pytest.raises(
        GantkError, match=r"net-mapping.onnx in onnxruntime differs by 0.001 from gantk, more than 0.00018: noth"
    ):
        write_onnx(network("pggan"), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_bad_names_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("net.pb", "net", ".onnx", "net.onnx.gz"):
        with pytest.raises(UsageError, match=r"OUT must end with \.onnx"):
            file_names(tmp_path / name)
    assert run_command(["models", "convert", "demo", str(tmp_path / "net.safetensors"), "--layout", "onnx"]) == 2
    assert "OUT must end with .onnx" in capsys.readouterr().err


def test_without_the_extra_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"pip install 'gantk\[onnx\]'"):
        write_onnx(network("pggan"), tmp_path / "net.onnx")


@needs_onnx
def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "net-synthesis.onnx"
    there.write_text("mine")
    assert run_command(["models", "convert", "demo", str(tmp_path / "net.onnx"), "--layout", "onnx"]) == 1
    assert f"{there} exists; give --force" in capsys.readouterr().err
    assert run_command(["models", "convert", "demo-oracle", str(tmp_path / "o.onnx"), "--layout", "onnx"]) == 1
    assert "is made without a file" in capsys.readouterr().err
    assert there.read_text() == "mine" and len(list(tmp_path.iterdir())) == 1
