"""Files that want something else: always one GantkError (or a correct load), never code, a hang or memory to match."""

import contextlib
import io
import os
import pickle
import resource
import struct
import zipfile
import zlib

import foreign_files as foreign
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gantk.checkpoints import load, nvidia, pickle_machine, unpickle
from gantk.checkpoints.audit import audit
from gantk.checkpoints.expansion import check_expansion
from gantk.errors import GantkError


@contextlib.contextmanager
def little_memory(extra: int = 256 << 20):
    """Let this process grow by `extra` bytes of address space at most."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + extra, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused(data: bytes, tmp_path, match: str | None = None) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with little_memory(), pytest.raises(GantkError, match=match):
        load.load_generator(path)
    with little_memory(), contextlib.suppress(GantkError):
        audit(path)


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


# --- code ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("wrapped", ["alone", "inside", "key"])
def test_calls_are_refused_by_name_and_not_run(protocol, wrapped, tmp_path):
    marker = tmp_path / "ran"
    call = Call(os.system, f"touch {marker}")
    value = {"alone": call, "inside": {"G_ema": [call]}, "key": ({"x": 1}, call)}[wrapped]
    match = (
        r"refers to (posix|nt)\.system, which gantk never loads" if protocol >= 2 else "neither a pickle|no checkpoint"
    )
    refused(pickle.dumps(value, protocol=protocol), tmp_path, match)
    assert not marker.exists()


@pytest.mark.parametrize(
    "function, arguments, name",
    [
        (eval, ("1",), r"builtins\.eval"),
        (getattr, (os, "system"), r"builtins\.getattr"),
        (__import__, ("os",), r"builtins\.__import__"),
        (torch.load, ("x",), r"torch\.serialization\.load"),
        (np.load, ("x",), r"numpy.*load"),
        (pickle.loads, (b"",), r"_pickle\.loads"),
        (os.path.exists, ("/",), r"genericpath\.exists"),
    ],
)
def test_other_functions(function, arguments, name, tmp_path):
    if function is getattr:
        data = b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93\x8c\x02os\x8c\x06system\x86R."
    else:
        data = pickle.dumps(Call(function, *arguments), protocol=4)
    refused(data, tmp_path, name)
    for zipped in (True, False):
        refused(
            foreign.torch_file({"x": Call(function, *arguments)}, zipped) if function is not getattr else data, tmp_path
        )


def test_getattr_chains_through_allowed_names(tmp_path):
    # STACK_GLOBAL resolves dotted names in Python's unpickler: "OrderedDict.__init__.__globals__"
    for name in ("OrderedDict.__init__", "OrderedDict.__class__.__base__"):
        data = b"\x80\x04\x8c\x0bcollections\x8c" + bytes([len(name)]) + name.encode() + b"\x93)R."
        refused(data, tmp_path, "refers to collections.OrderedDict.__")


def test_attributes_cannot_be_set_on_what_is_allowed(tmp_path):
    target = b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93"
    refused(target + b"}\x8c\x08__call__\x8c\x01xsb.", tmp_path, "sets the state of collections.OrderedDict")
    refused(b"\x80\x04]}\x8c\x01a\x8c\x01bsb.", tmp_path, "sets the state of a list")
    # state given to a stand-in's object must not become attributes of it
    value = unpickle.decode(memoryview(target + b")R}\x8c\x04call\x8c\x01xsb."), "x").value
    assert value == {} and not hasattr(value, "call")


def test_a_nested_torch_stream_is_held_to_the_same_rules(tmp_path):
    marker = tmp_path / "ran"
    payload = foreign.torch_file(Call(os.system, f"touch {marker}"), zipped=False)
    head = b"\x80\x04\x8c\x0dtorch.storage\x8c\x10_load_from_bytes\x93"
    nested = head + b"B" + struct.pack("<I", len(payload)) + payload + b"\x85R."
    refused(nested, tmp_path, r"(posix|nt)\.system")
    deeper = foreign.torch_file({"w": torch.ones(1)}, zipped=False)
    refused(head + b"B" + struct.pack("<I", len(deeper)) + deeper + b"\x85R.", tmp_path, "_rebuild_tensor_v2")
    refused(head + b"C\x04\x80\x02N.\x85R.", tmp_path, "not a torch stream")
    assert not marker.exists()


def test_forbidden_globals_hide_nowhere_in_a_stream(tmp_path):
    good = foreign.rosinality_file(zipped=False)
    hostile = pickle.dumps(Call(os.system, "true"), protocol=2)
    magic = len(unpickle.STREAM_MAGIC) + 1
    refused(good[:magic] + hostile + good[magic:], tmp_path, r"(posix|nt)\.system")


def test_old_opcodes_and_extension_codes(tmp_path):
    refused(b"\x80\x02(S'id'\nios\nsystem\n.", tmp_path)
    refused(b"\x80\x02(ios\nsystem\n.", tmp_path, r"os\.system")
    refused(b"\x80\x02\x82\x01.", tmp_path, "extension code")
    refused(b"\x80\x02cos\nsystem\n(\x8c\x02idtR.", tmp_path, r"os\.system")
    refused(b"\x80\x02c" + b"a" * 10_000, tmp_path, "a name at byte 3 does not end")


def test_object_arrays(tmp_path):
    refused(pickle.dumps(np.array([1, None], dtype=object), protocol=4), tmp_path)
    refused(foreign.torch_file({"g_ema": {"a": np.array([{}], dtype=object)}}), tmp_path)
    for array in (np.zeros(2, dtype=[("a", "f4")]), np.array(["a"]), np.array(["2020"], "M8[D]")):
        refused(pickle.dumps(array, protocol=4), tmp_path, "no checkpoint of a known format")
        weights = {**foreign.source_state(nvidia.SPELLING, foreign.small_checkpoint()), "synthesis.b4.const": array}
        refused(foreign.torch_file(weights), tmp_path, "numpy array of type .* among weights")


# --- memory and time -------------------------------------------------------------------------------------------------


def rebuilt(size, stride, offset=0, count=4, repeat=1):
    """A torch zip with one storage of `count` floats and `repeat` tensors that claim a shape over it."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" + integer(count) + b"tQ"
    tensor = storage + integer(offset) + integers(size) + integers(stride) + b"\x89}t"
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + tensor + b"R"
    items = b"".join(b"X\x04\0\0\0" + f"{index:04d}".encode() + call + b"s" for index in range(repeat))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}" + items + b".")
        archive.writestr("archive/data/0", np.arange(count, dtype="<f4").tobytes())
    return out.getvalue()


def integer(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def integers(values) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def tensor_of(data: bytes):
    return next(iter(unpickle.decode(memoryview(data), "x").value.values())).tensor()


def test_the_forged_files_are_otherwise_right():
    assert torch.equal(tensor_of(rebuilt((2, 2), (2, 1))), torch.arange(4.0).reshape(2, 2))
    assert torch.equal(tensor_of(rebuilt((2,), (1,), offset=2)), torch.tensor([2.0, 3.0]))


@pytest.mark.parametrize(
    "size, stride, offset",
    [((5,), (1,), 0), ((4,), (1,), 1), ((2, 2), (3, 1), 0), ((1,), (1,), -1), ((1,), (1,), 1 << 40), ((2,), (-1,), 1),
     ((-1,), (1,), 0), ((2,), (1, 1), 0), ((1 << 47,), (1,), 0), ((1 << 62, 4), (0, 0), 0)],
)  # fmt: skip
def test_views_outside_their_storage(size, stride, offset):
    with little_memory(), pytest.raises(GantkError, match="storage|no shape|make no sense"):
        tensor_of(rebuilt(size, stride, offset))


def test_huge_views_of_little_data():
    with little_memory(), pytest.raises(GantkError, match="unfold to more than"):
        tensor_of(rebuilt((1 << 40,), (0,)))
    data = rebuilt((1 << 17,), (0,), repeat=20)  # half a megabyte each
    value = unpickle.decode(memoryview(data), "x").value
    with pytest.raises(GantkError, match="unfold to more than"):
        for stored in value.values():
            stored.tensor()


def test_zip_bombs(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"]" * (64 << 20) + b".")
    refused(path.read_bytes(), tmp_path, "compressed or encrypted")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02N.")
    data = bytearray(path.read_bytes())
    where = data.rindex(b"PK\x01\x02")
    data[where + 20 : where + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)  # sizes in the directory
    refused(bytes(data), tmp_path)
    refused(b"PK\x03\x04" + b"\0" * 100, tmp_path, "zip directory")


def test_zip_members_with_wrong_checksums(tmp_path):
    data = bytearray(foreign.rosinality_file())
    position = data.index(b"data.pkl") + 300
    data[position] ^= 0xFF
    refused(bytes(data), tmp_path, "checksum")


def test_storages_larger_than_the_file(tmp_path):
    data = foreign.torch_file({"w": torch.ones(3)}, zipped=False)
    with little_memory(), pytest.raises(GantkError, match="cannot lie in"):
        unpickle.decode(memoryview(data.replace(b"K\x03Ntq", b"J\xff\xff\xff\x7fNtq")), "x")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02]r\xff\xff\xff\x7f.",  # a memo index of two thousand million
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",  # bytes that are not there
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 50) + b".",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",  # a frame
        b"\x80\x02\x8b" + struct.pack("<i", 1 << 30) + b".",  # a very long integer
        b"\x80\x02\x8a\xff" + b"\x01" * 255 + b".",
        b"\x80\x02" + b"(" * 30_000,  # marks
        b"\x80\x02" + b"]" * 30_000 + b".",  # lists
        b"\x80\x04" + b"\x8f" * 30_000 + b".",  # sets
        b"\x80\x02" + b"]" * 10_000 + b"a" * 9_999 + b".",  # nested deeply
        b"\x80\x02" + b")" * 10 + b"\x85" * 15_000 + b".",
    ],
    ids=range(12),
)
def test_pickles_that_ask_for_memory(data, tmp_path, monkeypatch):
    monkeypatch.setattr(pickle_machine, "MOST_STEPS", 20_000)
    refused(data, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [b"(", b"]", b"}", b"\x8f"])
def test_the_most_that_a_pickle_can_ask_for(opcode, tmp_path, monkeypatch):
    most = 500_000 if opcode == b"\x8f" else 50_000  # a set is the largest of them
    if most < pickle_machine.MOST_STEPS:
        monkeypatch.setattr(pickle_machine, "MOST_STEPS", most)
    refused(b"\x80\x04" + opcode * 2_000_000, tmp_path, f"take more than {most} steps")


def test_keys_that_share_one_hash(tmp_path):
    """Python's hash of a number is its remainder modulo 2^61 - 1, so that n such keys cost n^2 comparisons."""
    for key in (lambda n: n * ((1 << 61) - 1), lambda n: -n * ((1 << 61) - 1), lambda n: float(1 << 60) * n):
        refused(pickle.dumps({key(n + 1): None for n in range(50)}, protocol=4), tmp_path, "is no key for a dictionary")
        refused(pickle.dumps({key(n + 1) for n in range(50)}, protocol=4), tmp_path, "is no key for a dictionary")
    refused(pickle.dumps({(n, n): None for n in range(1200)}, protocol=4), tmp_path, "more than 1000 tuples as keys")


def test_pickles_that_ask_for_time(tmp_path):
    doubling = b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 200  # a tuple of 2^200 leaves
    refused(doubling + b"}h\x00Ns.", tmp_path, "tuple is no key")
    refused(doubling + b"\x8f(h\x00\x90.", tmp_path, "tuple is no key")
    pairs = b"]" + b"(" + b"K\x01K\x01\x86" * 5_000 + b"eq\x01"
    copies = b"ccollections\nOrderedDict\nq\x02" + b"h\x02h\x01\x85R" * 20_000
    refused(b"\x80\x02" + pairs + copies + b".", tmp_path, "unfold to more than")
    text = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"q\x01X\x06\0\0\0latin1q\x03"
    encode = b"c_codecs\nencode\nq\x02" + b"h\x02h\x01h\x03\x86R" * 10_000
    refused(b"\x80\x02" + text + encode + b".", tmp_path, "unfold to more than")


DOUBLING = b")q\x00" + b"h\x00h\x00\x86q\x00" * 200
"""A tuple of 2^200 leaves: it must neither be hashed nor written into a message."""


def doubled():
    value = ()
    for _ in range(200):
        value = (value, value)
    return value


@pytest.mark.parametrize(
    "make",
    [
        lambda value: foreign.tensorflow_file({"nonlinearity": value}),
        lambda value: foreign.tensorflow_file({"truncation_psi": value}),
        lambda value: foreign.tensorflow_file({"resample_kernel": [value]}),
        lambda value: foreign.nvidia_file(attributes={"mapping.fc0": {"bias_gain": value}}),
        lambda value: foreign.nvidia_file(attributes={"synthesis.b8.conv0": {"conv_clamp": value}}),
        lambda value: foreign.nvidia_file(attributes={"synthesis.b8.conv0": {"activation": value}}),
        lambda value: foreign.nvidia_file(attributes={"synthesis.b8.conv0": {"act_gain": value}}),
        lambda value: foreign.nvidia_file(attributes={"synthesis.b8": {"architecture": value}}),
    ],
)
def test_attributes_that_cannot_be_written_out(make, tmp_path):
    refused(make(doubled()), tmp_path, "unfold to far more")


def test_containers_that_unfold_or_contain_themselves():
    source = pickle_machine.Source("x", 1000)
    shared = [1, 2]
    check_expansion(source, {"a": [shared] * 50, "b": (shared, {"c": shared})})
    wide = [list(range(1000))] * 2000
    with pytest.raises(GantkError, match="unfold to far more"):
        check_expansion(source, wide)
    deep = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(GantkError, match="more than 200 deep"):
        check_expansion(source, deep)
    loop = {}
    loop["a"] = (1, [loop])
    with pytest.raises(GantkError, match="contains itself"):
        check_expansion(source, loop)


def test_what_a_file_shares_is_converted_once():
    """Six lists of eight times the one before are a kilobyte, and 262144 arrays to whoever walks them."""
    array = foreign.torch_file(torch.ones(1))
    value = unpickle.decode(memoryview(array), "x").value
    for _ in range(6):
        value = [value] * 8
    made = unpickle.plain(value, pickle_machine.Source("x", len(array)))
    assert made[0] is made[7] and made[0][1] is made[7][6]
    assert made[0][0][0][0][0][0].tolist() == [1.0]


def test_shapes_that_cannot_be_written_out(tmp_path):
    head = b"\x80\x02" + DOUBLING + b"cnumpy.core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\nX\x02\0\0\0f4\x85Rh\x00"
    refused(head + b"X\x01\0\0\0CtR.", tmp_path, "unfold|a tuple is no shape")


def test_networks_that_contain_themselves(tmp_path):
    head = b"\x80\x04\x8c\x17torch_utils.persistence\x8c\x1b_reconstruct_persistent_obj\x93\x94"
    # the modules of G_ema are a dictionary that holds the record itself
    modules = b"}\x94"
    body = head + modules + b"h\x00}\x8c\x05state}\x8c\x08_modulesh\x01ss\x85R\x94"
    data = body + b"0h\x01\x8c\x01ah\x02s" + b"0}\x8c\x05G_emah\x02s."
    refused(data, tmp_path, "contains itself")


# --- damage ----------------------------------------------------------------------------------------------------------


def outcome(data: bytes, path) -> str:
    """Load a file as a user would: "loaded", or "refused"; anything else escapes."""
    path.write_bytes(data)
    try:
        generator = load.load_generator(path)
    except GantkError as error:
        assert "\n" not in str(error) and len(str(error)) < 1500
        return "refused"
    assert all(tensor.isfinite().all() or True for tensor in generator.state_dict().values())
    return "loaded"


def native_file(tmp_path) -> bytes:
    from gantk.checkpoints.native import write_checkpoint

    write_checkpoint(tmp_path / "x.safetensors", foreign.small_checkpoint())
    return (tmp_path / "x.safetensors").read_bytes()


def files(tmp_path) -> dict[str, bytes]:
    return {name: make() for name, make in foreign.CONTAINERS.items()} | {"gantk": native_file(tmp_path)}


@pytest.mark.parametrize("name", [*foreign.CONTAINERS, "gantk"])
def test_truncation_at_every_percent(name, tmp_path):
    data = files(tmp_path)[name]
    assert outcome(data, tmp_path / "file") == "loaded"
    with little_memory():
        for percent in range(100):
            assert outcome(data[: len(data) * percent // 100], tmp_path / "file") == "refused", percent
        assert outcome(data[:-1], tmp_path / "file") == "refused"


@pytest.mark.parametrize("name", [*foreign.CONTAINERS, "gantk"])
def test_flipped_bits(name, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("flips")
    original = files(tmp_path)[name]

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(0, len(original) * 8 - 1), min_size=1, max_size=4))
    def flip(bits):
        data = bytearray(original)
        for bit in bits:
            data[bit // 8] ^= 1 << bit % 8
        outcome(bytes(data), tmp_path / "file")

    with little_memory():
        flip()


@pytest.mark.parametrize("name", [*foreign.CONTAINERS, "gantk"])
def test_spliced_bytes(name, tmp_path_factory):
    """Pieces removed, repeated, or replaced by opcodes and large numbers."""
    tmp_path = tmp_path_factory.mktemp("splices")
    original = files(tmp_path)[name]
    place = st.integers(0, len(original) - 1)
    pieces = st.one_of(st.binary(max_size=8), st.sampled_from([b"R", b"b", b"\x81", b"\x93", b"0", b"2", b"\xff" * 8]))

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(place, st.integers(0, 40), pieces)
    def splice(start, length, piece):
        outcome(original[:start] + piece + original[start + length :], tmp_path / "file")

    with little_memory():
        splice()


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_pickles(data):
    for head in (b"\x80\x04", b"\x80\x02", unpickle.STREAM_MAGIC + b".", b"\x93NUMPY\x01\x00"):
        with contextlib.suppress(GantkError):
            unpickle.decode(memoryview(head + data), "x")


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_legacy_npy(data, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "legacy.npy"
    np.save(path, {"boundary": np.ones((1, 8)), "meta_data": {"type": "attribute"}}, allow_pickle=True)
    original = bytearray(path.read_bytes())
    for bit in data.draw(st.lists(st.integers(0, len(original) * 8 - 1), min_size=1, max_size=3)):
        original[bit // 8] ^= 1 << bit % 8
    path.write_bytes(original)
    with contextlib.suppress(GantkError):
        unpickle.load_legacy_npy(path)


def test_messages_stay_short_and_printable(tmp_path):
    name = "\x1b[31m" + "a" * 5000
    data = b"\x80\x04\x8d" + struct.pack("<Q", len(name)) + name.encode() + b"\x8c\x01b\x93."
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(GantkError) as caught:
        load.load_generator(tmp_path / "x")
    assert "\x1b" not in str(caught.value) and len(str(caught.value)) < 500
    assert zlib.crc32(data)  # the file is as written
