"""The reader of foreign pickles: what plain data give, and that everything else is refused by name and never run."""

import argparse
import collections
import io
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from gantk.checkpoints import unpickle
from gantk.checkpoints.audit import audit
from gantk.checkpoints.stand_ins import Record
from gantk.checkpoints.stored_tensors import Stored
from gantk.errors import GantkError


def torch_bytes(value, zipped=True):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def read(data):
    return unpickle.decode(memoryview(data), "file.pkl").value


def tensors():
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    return {
        "plain": base.clone(),
        "transposed": base.permute(2, 0, 1),
        "slice": base[1, :, 1:3],
        "expanded": torch.ones(1, 3).expand(5, 3),
        "scalar": torch.tensor(0.25),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(base[0].clone()),
        "half": base.half(),
        "bfloat16": base.bfloat16(),
        "int64": torch.arange(5),
        "bool": torch.tensor([True, False, True]),
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_give_the_tensors_that_were_saved(zipped):
    want = tensors()
    got = read(torch_bytes(want, zipped))
    assert list(got) == list(want)
    for name, tensor in want.items():
        assert torch.equal(got[name].tensor(), tensor.detach()), name
        assert got[name].tensor().dtype == tensor.dtype
        assert got[name].tensor().is_contiguous()


def test_a_plain_pickle_holds_tensors_as_nested_streams():
    got = read(pickle.dumps({"w": torch.arange(6.0).reshape(2, 3).t()}, protocol=4))
    assert torch.equal(got["w"].tensor(), torch.arange(6.0).reshape(2, 3).t())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_and_numpy_scalars_of_every_protocol(protocol):
    want = {
        "f4": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "bool": np.array([True, False]),
    }
    got = read(pickle.dumps({**want, "scalar": np.float32(0.1), "number": np.int64(7)}, protocol=protocol))
    for name, array in want.items():
        assert np.array_equal(got[name].array(), array), name
        assert got[name].array().dtype == array.dtype.newbyteorder("=")
    assert got["scalar"] == float(np.float32(0.1)) and got["number"] == 7


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_containers_and_plain_values(protocol):
    want = {
        "list": [1, -2, 3.5, None, True, 1 << 40],
        "text": "ä" * 300,
        "tuple": (1, (2, 3), ()),
        3: {"x": {"a", "b"}},
        "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    }
    got = read(pickle.dumps(want, protocol=protocol))
    assert got == want
    shared = [[1]]
    got = read(pickle.dumps([shared, shared], protocol=protocol))
    assert got[0] is got[1]


def test_namespaces_become_dictionaries_and_networks_records():
    got = read(pickle.dumps(argparse.Namespace(size=32, path="x"), protocol=4))
    assert got == {"size": 32, "path": "x"}
    network = b"\x80\x04\x8c\x0fdnnlib.tflib.network\x8c\x07Network\x93".replace(b"\x0fdnnlib", b"\x14dnnlib")
    got = read(network + b")\x81}\x8c\x04name\x8c\x02Gssb.")
    assert isinstance(got, Record) and got.state == {"name": "Gs"}


def test_the_source_text_of_an_nvidia_object_is_never_looked_at():
    meta = {
        "type": "class",
        "version": 6,
        "module_src": "import os; os.abort()",
        "class_name": "G",
        "state": {"z_dim": 4},
    }
    head = b"\x80\x04\x8c\x17torch_utils.persistence\x8c\x1b_reconstruct_persistent_obj\x93"
    got = read(head + pickle.dumps(meta, protocol=4)[2:-1] + b"\x85R.")
    assert isinstance(got, Record) and got.class_name == "G" and got.state == {"z_dim": 4}


def test_files_are_recognised_by_content_only(tmp_path):
    path = tmp_path / "weights.txt"
    path.write_bytes(torch_bytes({"w": torch.ones(2)}))
    assert unpickle.read_pickle(path).kind == "torch zip"
    path.write_bytes(b"hello world, not a checkpoint")
    with pytest.raises(GantkError, match="is no pickle, no file of torch.save"):
        unpickle.read_pickle(path)
    path.write_bytes(b"")
    with pytest.raises(GantkError, match="is empty"):
        unpickle.read_pickle(path)
    with pytest.raises(GantkError, match="cannot be read: No such file"):
        unpickle.read_pickle(tmp_path / "absent.pkl")


# --- old .npy files --------------------------------------------------------------------------------------------------


def test_legacy_npy_files(tmp_path):
    path = tmp_path / "boundary.npy"
    boundary = np.random.default_rng(0).normal(size=(1, 8))
    np.save(path, boundary)
    assert np.array_equal(unpickle.load_legacy_npy(path), boundary)

    published = {"boundary": boundary, "meta_data": {"type": "attribute", "manipulate_layers": "6-11"}}
    np.save(path, published, allow_pickle=True)
    got = unpickle.load_legacy_npy(path)
    assert np.array_equal(got["boundary"], boundary) and got["meta_data"] == published["meta_data"]

    scores = {"score": boundary.astype(np.float32), "name_to_idx": {"wood": 0}, "idx_to_name": {0: "wood"}}
    np.save(path, scores, allow_pickle=True)
    got = unpickle.load_legacy_npy(path)
    assert got["score"].dtype == np.float32 and got["name_to_idx"] == {"wood": 0} and got["idx_to_name"] == {0: "wood"}


def test_legacy_npy_reads_structured_and_fortran_arrays(tmp_path):
    path = tmp_path / "scores.npy"
    table = np.array([(1.0, 2), (3.0, 4)], dtype=[("a", "<f4"), ("b", "<i8")])
    np.save(path, table)
    assert np.array_equal(unpickle.load_legacy_npy(path), table)
    np.save(path, np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert np.array_equal(unpickle.load_legacy_npy(path), np.arange(6.0).reshape(2, 3))


def test_legacy_npy_refuses_object_arrays_and_foreign_objects(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{"a": 1}, {"b": 2}], dtype=object), allow_pickle=True)
    with pytest.raises(GantkError, match="array of objects"):
        unpickle.load_legacy_npy(path)
    np.save(path, np.array({"a": argparse.Namespace(b=1)}, dtype=object), allow_pickle=True)
    with pytest.raises(GantkError, match=r"argparse\.Namespace"):
        unpickle.load_legacy_npy(path)
    np.save(path, np.array({"inner": np.array([1, None], dtype=object)}, dtype=object), allow_pickle=True)
    with pytest.raises(GantkError, match="array of objects"):
        unpickle.load_legacy_npy(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    path.write_bytes(header.getvalue() + b"\0" * 16)
    with pytest.raises(GantkError, match="announces shape"):
        unpickle.load_legacy_npy(path)


# --- audit -----------------------------------------------------------------------------------------------------------


def test_audit_lists_globals_without_loading(tmp_path):
    path = tmp_path / "x.pkl"
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    path.write_bytes(pickle.dumps({"w": torch.ones(2), "x": Hostile()}, protocol=4))
    report = audit(path)
    assert [reference.name for reference in report.forbidden] == [f"{os.system.__module__}.system"]
    assert "torch.FloatStorage" in {reference.name for reference in report.references}
    assert report.nested == 1 and report.damage is None and not marker.exists()
    path.write_bytes(path.read_bytes()[:-20])
    assert "stopped at byte" in audit(path).damage


def test_audit_of_zip_stream_and_npy(tmp_path):
    path = tmp_path / "x"
    for zipped in (True, False):
        path.write_bytes(torch_bytes(tensors(), zipped))
        report = audit(path)
        assert not report.forbidden and report.damage is None
        assert "torch._utils._rebuild_tensor_v2" in {reference.name for reference in report.references}
    with open(path, "wb") as file:
        np.save(file, {"a": argparse.Namespace(b=1)}, allow_pickle=True)
    assert [reference.name for reference in audit(path).forbidden] == ["argparse.Namespace"]
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    assert audit(path).references == ()


def test_audit_counts_a_computed_name_as_forbidden(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04\x8c\x02osN0\x8c\x06system\x93.")
    assert [reference.name for reference in audit(path).forbidden] == ["(computed name)"]
    with pytest.raises(GantkError, match=r"refers to os\.system"):
        unpickle.read_pickle(path)


# --- laziness --------------------------------------------------------------------------------------------------------


def test_tensors_that_are_not_asked_for_cost_nothing(tmp_path):
    path = tmp_path / "big.pth"
    path.write_bytes(torch_bytes({"used": torch.ones(4), "unused": torch.ones(1 << 22)}))
    tracemalloc.start()
    got = unpickle.read_pickle(path).value
    assert isinstance(got["unused"], Stored)
    assert torch.equal(got["used"].tensor(), torch.ones(4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_torch_zip_with_compressed_members_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    original = zipfile.ZipFile(io.BytesIO(torch_bytes({"w": torch.zeros(1 << 20)})))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in original.namelist():
            archive.writestr(name, original.read(name))
    with pytest.raises(GantkError, match="compressed"):
        unpickle.read_pickle(path)
