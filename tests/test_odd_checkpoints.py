"""Checkpoints in the shapes that people have them in: each kind made here, and the collected cases where they are."""

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import sys
import types
import zipfile

import foreign_files as foreign
import numpy as np
import pytest
import torch
from conftest import REFERENCE

import gantk
from gantk.checkpoints import nvidia
from gantk.checkpoints.export import export_state
from gantk.checkpoints.load import build_generator, find_model, load_generator
from gantk.checkpoints.native import write_checkpoint
from gantk.checkpoints.reading import read_checkpoint
from gantk.cli.main import run
from gantk.errors import GantkError, UsageError
from gantk.generators.labels import parse_label

CASES = REFERENCE.parent / "cases" / "checkpoints"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not there ({CASES})")
SQUARE = {"z_dim": 8, "w_dim": 8, "mapping_width": 8}


def image(generator, truncation=None):
    return generator.synthesize(generator.expand(generator.map(generator.sample_z(2)), truncation))


def written(tmp_path, value, name="file.pt"):
    path = tmp_path / name
    path.write_bytes(value if isinstance(value, bytes) else foreign.torch_file(value))
    return path


def rosinality(**changes):
    return export_state(foreign.small_checkpoint(**SQUARE, **changes), "rosinality")


def same_images(tmp_path, value, expected=None, name="file.pt"):
    """A file shows the images of the plain rosinality one; its notes."""
    expected = image(build_generator(foreign.small_checkpoint(**SQUARE))) if expected is None else expected
    path = written(tmp_path, value, name)
    assert torch.allclose(image(load_generator(path)), expected, atol=1e-6)
    return read_checkpoint(path).notes


# --- which network, under which names --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["g_ema", "params_ema", "G_ema", "generator_smooth", "ema", "netG_ema"])
def test_moving_averages_under_their_names(key, tmp_path):
    file = rosinality()
    other = {name: tensor + 1 for name, tensor in file["g_ema"].items()}
    notes = same_images(tmp_path, {"g": other, key: file["g_ema"], "latent_avg": file["latent_avg"]})
    assert not any("moving average" in note for note in notes)


@pytest.mark.parametrize("key", ["g", "G", "generator", "netG"])
def test_a_trained_copy_alone_is_read_and_named(key, tmp_path):
    file = rosinality()
    notes = same_images(tmp_path, {key: file["g_ema"], "d": {"0.weight": torch.ones(2)}})
    assert any("no moving average" in note and repr(key) in note for note in notes)


@pytest.mark.parametrize("prefix", ["decoder.", "G_ema.", "g_ema.", "generator.", "_orig_mod.", "model.generator."])
@pytest.mark.parametrize("wrapper", ["state_dict", None, "params"])
def test_known_prefixes_are_taken_off_and_said(prefix, wrapper, tmp_path):
    file = rosinality()
    state = {f"{prefix}{name}": tensor for name, tensor in file["g_ema"].items()}
    state |= {"encoder.body.weight": torch.ones(3)}
    value = (
        {wrapper: state, "latent_avg": file["latent_avg"]} if wrapper else {**state, "latent_avg": file["latent_avg"]}
    )
    notes = same_images(tmp_path, value)
    assert any(repr(prefix.split(".")[0] + ".") in note for note in notes)
    assert any("encoder.body.weight" in note for note in notes)
    assert load_generator(tmp_path / "file.pt").w_avg is not None


def test_an_average_wins_over_the_trained_copy_among_prefixes(tmp_path):
    file = rosinality()
    state = {f"G.{name}": tensor + 1 for name, tensor in file["g_ema"].items()}
    state |= {f"G_ema.{name}": tensor for name, tensor in file["g_ema"].items()}
    same_images(tmp_path, {"state_dict": state, "epoch": 3})


def test_networks_side_by_side(tmp_path):
    file = rosinality()
    other = {name: tensor + 1 for name, tensor in file["g_ema"].items()}
    notes = same_images(tmp_path, [other, {"0.weight": torch.ones(2)}, file["g_ema"]])
    assert "of which number 3 is used" in notes[0]
    notes = same_images(tmp_path, (file["g_ema"], {"0.weight": torch.ones(2)}))
    assert "of which number 1 is used" in notes[0]


def test_an_average_wins_wherever_in_the_file_it_lies(tmp_path):
    """A callback of Lightning keeps it beside the weights, not among them."""
    file = rosinality()["g_ema"]
    inner = {f"generator.{name}": tensor for name, tensor in file.items()}
    other = {f"generator.{name}": tensor + 1 for name, tensor in file.items()}
    callbacks = {"Checkpoint{'every': 1}": {"best": "x"}, "EMA": {"decay": 0.9, "ema_state_dict": inner}}
    notes = same_images(tmp_path, {"epoch": 3, "state_dict": other, "callbacks": callbacks})
    assert not any("moving average" in note for note in notes)


@pytest.mark.parametrize("average", [{"shadow_params": [torch.ones(3)], "decay": 0.9}, {"decay": 0.9}])
@pytest.mark.parametrize(
    "trained, said", [("netG", "'netG', the trained copy, is used"), ("model", "this may be another copy")]
)
def test_an_average_that_cannot_be_read_is_said(trained, said, average, tmp_path):
    """A list of tensors without names, as torch_ema and diffusers keep the average."""
    notes = same_images(tmp_path, {trained: rosinality()["g_ema"], "ema": average})
    assert any("no network that gantk reads is under 'ema'" in note and said in note for note in notes)


def test_networks_side_by_side_under_a_key(tmp_path):
    file = rosinality()
    notes = same_images(tmp_path, {"g_ema": (file["g_ema"], {"steps": 3}), "args": [1, 2]})
    assert "'g_ema' holds 2 objects, of which number 1 is used" in notes


def test_parts_of_a_network_under_keys_of_their_own(tmp_path):
    checkpoint = foreign.small_checkpoint(conv_clamp=256.0)
    parts = {"synthesis": {}, "mapping": {}}
    for name, tensor in foreign.source_state(nvidia.SPELLING, checkpoint).items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    notes = same_images(tmp_path, {"G": parts, "step": 3}, image(build_generator(checkpoint)))
    assert "the tensors under synthesis, mapping are read as one network" in notes


@pytest.mark.parametrize("keep", [lambda t: (None, None, t[2]), lambda t: (*t, {"step": 3}), lambda t: [t[2], None]])
def test_networks_of_tensorflow_among_other_things(keep, tmp_path):
    """D or all but Gs are often taken out of a file to make it smaller."""
    whole = foreign.tensorflow_file()

    class Network:
        pass

    with foreign._Modules(dnnlib__tflib__network__Network=Network):
        data = pickle.dumps(keep(pickle.loads(whole)))
    expected = image(load_generator(written(tmp_path, whole, "whole.pkl")))
    same_images(tmp_path, data, expected, "part.pkl")


SAID_NOTHING = "does not say whether it is a moving average"


@pytest.mark.parametrize(
    "wrap, said",
    [
        (lambda g, other: {"G": other, "G_EMA": g}, ""),
        (lambda g, other: {"generator": other, "ema_generator": g}, ""),
        (lambda g, other: {"g": other, "g_ema_state_dict": g}, ""),
        (lambda g, other: {"generator_state_dict": g, "discriminator_state_dict": {"a": other}}, SAID_NOTHING),
        (lambda g, other: {"results": {"best": {"generator": g}}}, "found under 'best'"),
        (lambda g, other: {"ema_model.": g, "online_model.": other}, "'ema_model.', which is taken off"),
        (lambda g, other: {"generator.": other, "generator_EMA.": g}, "'generator_EMA.', which is taken off"),
        (lambda g, other: {"student.module.": g}, "'student.', which is taken off"),
        (lambda g, other: (100, g), "of which number 2 is used"),
        (lambda g, other: [g], ""),
    ],
)
def test_places_that_no_list_names(wrap, said, tmp_path):
    """An average wins over the other copy, however it is spelt; a place that says nothing is said."""
    file = rosinality()["g_ema"]
    value = wrap(file, {name: tensor + 1 for name, tensor in file.items()})
    if isinstance(value, dict) and any(key.endswith(".") for key in value):
        value = {f"{prefix}{name}": tensor for prefix, state in value.items() for name, tensor in state.items()}
    notes = same_images(tmp_path, value)
    assert any(said in note for note in notes) if said else len(notes) == 1


def test_safetensors_of_other_programs(tmp_path, capsys):
    """A state dict as Accelerate and Hugging Face save it, alone or in a folder; loading says what was assumed."""
    from safetensors.torch import save

    file = {name: tensor.contiguous() for name, tensor in rosinality()["g_ema"].items()}
    same_images(tmp_path, save({f"module.{name}": tensor for name, tensor in file.items()}), name="model.safetensors")
    assert "model.safetensors: the file has no mean code" in capsys.readouterr().err
    assert load_generator(tmp_path).spec.resolution == 16
    with pytest.raises(GantkError, match="damaged or not a checkpoint: .*do not lie where its header says"):
        load_generator(written(tmp_path, save(file)[:-40], "cut.safetensors"))


@pytest.mark.parametrize(
    "data, said",
    [
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS's pointer to the file"),
        (b"\x1f\x8b\x08\x08....", "it is compressed: unpack it first"),
        (b"x\x9c\xdd|y", "it is compressed .zlib, as joblib writes"),
        (b"network.pt".ljust(257, b"\0") + b"ustar\0", "it is an archive: unpack it first"),
        (pickle.dumps({"a": 1}, 0), "it is a pickle of protocol 0 or 1"),
        (pickle.dumps([1], 1), "it is a pickle of protocol 0 or 1"),
        (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0", "it is an ONNX graph"),
        (b"\x89PNG\r\n\x1a\n....", "it is a picture"),
        (b"hello world", "it starts with b'hello wo'"),
    ],
)
def test_files_that_are_no_checkpoint(data, said, tmp_path):
    with pytest.raises(GantkError, match=said):
        load_generator(written(tmp_path, data, "net.pkl"))
    with zipfile.ZipFile(tmp_path / "net.zip", "w") as archive:
        archive.writestr("inside/net.pkl", data)
    with pytest.raises(GantkError, match="is a zip archive of inside/net.pkl and no checkpoint: unpack it"):
        load_generator(tmp_path / "net.zip")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_weights_as_arrays_of_numpy(save, tmp_path):
    arrays = {name: tensor.numpy() for name, tensor in rosinality()["g_ema"].items()}
    file = io.BytesIO()
    save(file, **arrays)
    same_images(tmp_path, file.getvalue(), name="net.npz")
    file = io.BytesIO()
    np.save(file, arrays, allow_pickle=True)
    same_images(tmp_path, file.getvalue(), name="net.npy")


def test_arrays_that_unfold_far_are_refused(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, **{"input.input": np.zeros(1 << 21, np.float32)})
    with pytest.raises(GantkError, match="unfold to more than 4 times their size"):
        load_generator(written(tmp_path, file.getvalue(), "net.npz"))


# --- network objects -------------------------------------------------------------------------------------------------


class Layer(torch.nn.Module):
    pass


def module_of(state):
    """A tree of modules whose state dict is `state`, of a class that is gone when it is read."""
    root = Layer()
    for name, tensor in state.items():
        *parents, last = name.split(".")
        at = root
        for part in parents:
            if part not in at._modules:
                at.add_module(part, Layer())
            at = at._modules[part]
        at.register_buffer(last, tensor)
    return root


@pytest.fixture
def strangers():
    """Makes values of another library's classes, which are gone when the file is read."""
    module = types.ModuleType("strange.library")

    class Thing:
        def __init__(self, **values):
            self.__dict__.update(values)

    def launch(*_):
        raise AssertionError("a function in a file was called")

    Thing.__module__, Thing.__qualname__ = "strange.library", "Thing"
    launch.__module__, launch.__qualname__ = "strange.library", "launch"
    Layer.__module__, Layer.__qualname__ = "strange.library", "Layer"
    module.Thing, module.launch, module.Layer = Thing, launch, Layer
    sys.modules.update({"strange": types.ModuleType("strange"), "strange.library": module})
    yield module
    for name in ("strange", "strange.library"):
        sys.modules.pop(name, None)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
@pytest.mark.parametrize("zipped", [True, False, None])
def test_a_network_object_of_another_program(zipped, tmp_path, strangers):
    root = module_of(rosinality()["g_ema"])
    root.helper = module_of({})
    data = pickle.dumps(root) if zipped is None else foreign.torch_file(root, zipped)
    del sys.modules["strange.library"]
    notes = same_images(tmp_path, data)
    assert "network object itself (strange.library.Layer)" in notes[0]


def test_an_average_that_is_an_object(tmp_path, strangers):
    file = rosinality()
    notes = same_images(tmp_path, {"g_ema": module_of(file["g_ema"]), "d": strangers.Thing(a=[1], b={"c": 2})})
    assert any("strange.library.Thing" in note for note in notes)


def optimizer():
    """One that was saved itself and not its state: a table whose keys are parameters."""
    made = torch.optim.Adam([torch.nn.Parameter(torch.ones(3))])
    made.param_groups[0]["params"][0].sum().backward()
    made.step()
    return made


def test_foreign_objects_beside_the_network(tmp_path, strangers):
    file = rosinality()
    beside = {
        "args": argparse.Namespace(
            path=pathlib.PurePosixPath("/data"), when=datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
            device=torch.device("cpu"), dtype=torch.float16, table=collections.defaultdict(list, {"a": [1]}),
            counts=collections.Counter("abca"), last=collections.deque([1, 2], maxlen=2), day=datetime.date(2020, 1, 2),
            blocks=range(3), kinds=[int, str], rest=..., names=np.array(["a", "b"]), since=np.datetime64("2020-01-02"),
            table_of=np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), complex=np.array([1j]),
        ),
        "optimizer": optimizer(),
        "d": strangers.Thing(inner=strangers.Thing(x=1), function=strangers.launch),
        "by thing": {torch.float32: 1},
    }  # fmt: skip
    notes = same_images(tmp_path, {**file, **beside})
    assert "__builtin__.long" in notes[0] and "nothing of them was built" in notes[0]


@pytest.mark.parametrize("form", ["attributes", "slots", "arguments", "entries"])
def test_a_training_programs_object_around_the_network(form, tmp_path, strangers):
    """A dataclass, one with slots, a named tuple, a dictionary of another class: what they hold is looked through."""
    file = rosinality()
    held = {"g": {"x": torch.ones(1)}, "g_ema": file["g_ema"], "step": 3}

    class Held:
        def __reduce__(self):
            if form == "arguments":
                return strangers.Thing, tuple(held.values())
            if form == "entries":
                return strangers.Thing, (), None, None, iter(held.items())
            return strangers.Thing, (), held if form == "attributes" else (None, held)

    path = written(tmp_path, Held())
    del sys.modules["strange.library"]
    notes = same_images(tmp_path, path.read_bytes())
    assert any("strange.library.Thing" in note for note in notes)


def test_foreign_objects_inside_the_network_and_calls_are_refused(tmp_path, strangers):
    file = rosinality()
    inside = {**file["g_ema"], "conv1.noise": strangers.Thing()}
    with pytest.raises(GantkError, match=r"refers to strange\.library\.Thing"):
        load_generator(written(tmp_path, {"g_ema": inside}))

    class Call:
        def __reduce__(self):
            return strangers.launch, (1,)

    with pytest.raises(GantkError, match=r"refers to strange\.library\.launch"):
        load_generator(written(tmp_path, {**file, "x": Call()}))


# --- state dicts of NVIDIA's -----------------------------------------------------------------------------------------


def test_a_bare_state_dict_of_stylegan2_ada(tmp_path):
    checkpoint = foreign.small_checkpoint(conv_clamp=256.0)
    state = foreign.source_state(nvidia.SPELLING, checkpoint)
    path = written(tmp_path, state)
    assert torch.allclose(image(load_generator(path)), image(build_generator(checkpoint)), atol=1e-6)
    read = read_checkpoint(path)
    assert read.config["conv_clamp"] == 256 and any("conv_clamp (256)" in note for note in read.notes)
    for clamp in (0.5, "none"):
        told = load_generator(path, conv_clamp=clamp)
        expected = foreign.small_checkpoint(conv_clamp=None if clamp == "none" else clamp)
        assert torch.allclose(image(told), image(build_generator(expected)), atol=1e-6)


@pytest.mark.parametrize("name", ["sg3t_32.pkl", "sg3r_32.pkl", "sg2ada_uncond_32.pkl", "sg2ada_cond_32.pkl"])
def test_state_dicts_of_the_reference_networks(name, tmp_path, reference_dir):
    from gantk.checkpoints.reading import open_raw

    path = reference_dir / "torch" / name
    raw, whole = open_raw(path), load_generator(path)
    state = {key: raw.tensor(key) for key in raw.entries}
    config = whole.config
    clamp = config.steps[0].conv_clamp if whole.spec.family == "stylegan3" else config.conv_clamp
    facts = {"conv_clamp": "none" if clamp is None else clamp, "mapping_lr": config.mapping_lr}
    if whole.spec.family == "stylegan3":
        facts["output_scale"] = config.output_scale
    bare = load_generator(written(tmp_path, state), **facts)
    assert bare.source.endswith("state dict")
    label = torch.tensor([0, 1]) if whole.spec.label_dim else None
    z = whole.sample_z(2)
    for generator in (bare, whole):
        generator.wp = generator.expand(generator.map(z, label))
    assert torch.allclose(bare.synthesize(bare.wp), whole.synthesize(whole.wp), atol=1e-5)


@pytest.mark.parametrize(
    "entries, message",
    [
        ({"mapping.embed_proj.weight": torch.ones(2, 2)}, "class embedding of a StyleGAN-XL .* pretrained classifier"),
        ({"mapping.mlp.0.weight": torch.ones(2, 2), "synthesis.b": torch.ones(1)}, "StyleGAN-T .* text encoder"),
    ],
)
def test_networks_that_are_refused_by_name(entries, message, tmp_path):
    """As a state dict; each sentence says what can be done."""
    more = {"synthesis.input.freqs": torch.ones(2, 2), "synthesis.input.affine.weight": torch.ones(4, 2)}
    with pytest.raises(GantkError, match=message):
        load_generator(written(tmp_path, {**entries, **more}))


@pytest.mark.parametrize(
    "name, entries, alien, message",
    [
        ("Generator", ["mapping.embed_proj.weight"], None, "class embedding of a StyleGAN-XL"),
        ("SuperresGenerator", ["mapping.embed_proj.weight"], "synthesis.head", "class embedding of a StyleGAN-XL"),
        ("SuperresGenerator", ["mapping.fc0.weight"], None, "layers of a StyleGAN-XL .SuperresGenerator."),
        ("Generator", ["mapping.mlp.fc0.weight"], "mapping.clip", "StyleGAN-T .* text encoder"),
        ("Generator", ["mapping.mlp.fc0.weight", "synthesis.b4.const"], None, "StyleGAN-T .* text encoder"),
    ],
)
def test_pickles_that_are_refused_by_name(name, entries, alien, message, tmp_path, strangers, capsys):
    """As the programs pickle their objects, with a discriminator of other libraries and a text encoder inside."""
    tensors = {key: torch.ones(4, 2) for key in (*entries, "synthesis.input.freqs", "synthesis.input.affine.weight")}
    pickled = foreign.persistent_file(tensors, name, strangers.Thing, alien)
    path = written(tmp_path, pickled, "network.pkl")
    del sys.modules["strange.library"]
    with pytest.raises(GantkError, match=rf"{message}.*file\.py:function"):
        load_generator(path)
    assert run(["models", "info", str(path)]) == 1 and "StyleGAN-" in capsys.readouterr().err


# --- mean codes, canvases, channels ----------------------------------------------------------------------------------


def test_mean_codes_of_other_shapes(tmp_path):
    file = rosinality()
    mean, truncation = file["latent_avg"], gantk.Truncation(0.5, 4)
    plain = build_generator(foreign.small_checkpoint(**SQUARE))
    for shape in ((1, 8), (6, 8), (1, 6, 8)):
        path = written(tmp_path, {**file, "latent_avg": mean.expand(shape).clone()})
        generator = load_generator(path)
        assert generator.w_avg.shape == (8,)
        assert torch.allclose(image(generator, truncation), image(plain, truncation), atol=1e-6)
        assert any(str(list(shape)) in note for note in read_checkpoint(path).notes)
    rows = mean + torch.arange(6.0)[:, None]
    generator = load_generator(written(tmp_path, {**file, "latent_avg": rows}))
    w = generator.map(generator.sample_z(2))
    expected = w[:, None].repeat(1, 6, 1)
    expected[:, :4] = rows[:4] + 0.5 * (expected[:, :4] - rows[:4])
    assert torch.allclose(generator.expand(w, truncation), expected, atol=1e-6)
    assert generator.average_w().shape == (8,)
    again = written(tmp_path, {**file, "latent_avg": torch.ones(6, 5)})
    assert any("another network's" in note for note in read_checkpoint(again).notes)
    assert load_generator(again).w_avg is None


@pytest.mark.parametrize("base", [(4, 8), (4, 2), (5, 3), (3, 3)])
def test_canvases_that_are_not_square(base, tmp_path):
    side = max(base) << 2
    checkpoint = foreign.small_checkpoint(base=base, resolution=side)
    generator = build_generator(checkpoint)
    assert generator.spec.size == (base[0] << 2, base[1] << 2) and generator.spec.resolution == side
    picture, maps = generator.trace(
        generator.expand(generator.map(generator.sample_z(2))), [layer.name for layer in generator.layers]
    )
    assert picture.shape[2:] == generator.spec.size
    for layer in generator.layers:
        assert maps[layer.name].shape[2:] == (layer.height, layer.width), layer.name
        assert layer.name.startswith(f"{layer.height}x{layer.width}/")
    state = foreign.source_state(nvidia.SPELLING, checkpoint)
    read = load_generator(written(tmp_path, state), conv_clamp="none")
    assert torch.allclose(image(read), image(generator), atol=1e-6)
    write_checkpoint(tmp_path / "own.safetensors", checkpoint)
    # equal to the bit in one layout only: sums in channels_last have another order
    own = load_generator(tmp_path / "own.safetensors").to(memory_format=torch.contiguous_format)
    wp = own.expand(own.map(own.sample_z(2)))
    for noise in ("const", "none", 3):
        assert torch.equal(own.synthesize(wp, noise=noise), generator.synthesize(wp, noise=noise))
    styles = own.styles(wp[:1])
    step = [torch.randn(2, *style.shape[1:]) for style in styles[1:3]]
    pushed = own.tangent_map(styles, [1, 2])(step)

    def rendered(one, two):
        return own.synthesize((styles[0], one, two, *styles[3:]))

    for number in range(2):
        along = tuple(part[number : number + 1] for part in step)
        expected = torch.func.jvp(rendered, tuple(styles[1:3]), along)[1]
        assert torch.allclose(pushed[number : number + 1], expected, rtol=1e-4, atol=1e-4)


# --- weights that are no numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("entry", ["conv1.conv.weight", "latent_avg"])
def test_weights_that_are_no_numbers(value, entry, tmp_path):
    file = rosinality()
    (file if entry == "latent_avg" else file["g_ema"])[entry].flatten()[0] = value
    path = written(tmp_path, file)
    with pytest.raises(GantkError, match=f"1 of .* values of {entry} that are not finite"):
        load_generator(path)
    assert not bool(image(load_generator(path, force=True), gantk.Truncation(0.5)).isfinite().all())
    assert any("not finite" in note for note in read_checkpoint(path, force=True).notes)
    write_checkpoint(tmp_path / "own.safetensors", read_checkpoint(path, force=True))
    with pytest.raises(GantkError, match="not finite"):
        load_generator(tmp_path / "own.safetensors")


# --- facts -----------------------------------------------------------------------------------------------------------


def conditional_pggan(fused):
    """A GenForce PGGAN of 3 labels, whose file says neither that nor whether it is fused, and what it should show."""
    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.generators.pggan import PGGAN, PGGANConfig

    torch.manual_seed(1)
    config = PGGANConfig(resolution=8, channels=(6, 5), z_dim=7, label_dim=3, label_rule="separate")
    network = PGGAN(config)
    state = {name: torch.randn_like(tensor) for name, tensor in network.state_dict().items()}
    file = {}
    for level, (first, second) in enumerate((("layer0", "layer1"), ("layer2", "layer3"))):
        block = f"synthesis.b{4 << level}."
        turned = level == 0 or fused
        kernel = state[f"{block}conv0.weight"]
        file |= {
            f"{first}.weight": kernel.flip(2, 3) if turned else kernel,
            f"{first}.bias": state[f"{block}conv0.bias"],
        }
        file |= {f"{second}.{part}": state[f"{block}conv1.{part}"] for part in ("weight", "bias")}
        file |= {f"output{level}.{part}": state[f"{block}torgb.{part}"] for part in ("weight", "bias")}
    file["lod"] = torch.zeros(())
    return {"generator_smooth": file}, build_generator(Checkpoint("pggan", config.to_dict(), state, "test"))


@pytest.mark.parametrize("fused", [True, False])
def test_facts_of_a_conditional_pggan(fused, tmp_path):
    file, expected = conditional_pggan(fused)
    path = written(tmp_path, file)
    assert load_generator(path).spec.label_dim == 0
    z, label = expected.sample_z(2), torch.tensor([0, 2])
    wanted = expected.synthesize(expected.expand(expected.map(z, label)))
    for told in (
        load_generator(path, label_dim=3, fused=fused),
        load_generator(f"{path}?label_dim=3&fused={str(fused).lower()}"),
        load_generator(f"{path}?z_dim=7", fused=fused),
    ):
        assert torch.allclose(told.synthesize(told.expand(told.map(z, label))), wanted, atol=1e-5)
    named = load_generator(path, label_dim=3, class_names="day,dusk,night")
    assert named.spec.class_names == ("day", "dusk", "night")
    assert [parse_label(text, named.spec) for text in ("dusk", "Night", "0")] == [1, 2, 0]
    with pytest.raises(UsageError, match="'duks' is no class of this network. Did you mean 'dusk'"):
        parse_label("duks", named.spec)
    checkpoint = read_checkpoint(path, {"label_dim": 3, "class_names": "day,dusk,night", "fused": fused})
    write_checkpoint(tmp_path / "own.safetensors", checkpoint)
    again = load_generator(tmp_path / "own.safetensors")
    assert again.spec.class_names == ("day", "dusk", "night") and again.spec.label_dim == 3
    with pytest.raises(UsageError, match="label_dim=2 contradicts the file, which says 3"):
        load_generator(tmp_path / "own.safetensors", label_dim=2)


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"lable_dim": 3}, "'lable_dim' is no fact that can be set. Did you mean 'label_dim'"),
        ({"label_dim": "many"}, "label_dim='many' does not fit"),
        ({"label_dim": 10}, "label_dim=10 does not fit .* has 10 inputs"),
        ({"conv_clamp": 256}, "does not apply to a pggan: those that do are label_dim, z_dim, fused"),
        ({"label_dim": 3, "class_names": "a,b"}, "2 class names were given for 3 classes"),
        ({"fused": "perhaps"}, "true or false"),
        ({"label_dim": 3, "z_dim": 5}, "z_dim=5 contradicts the file, which says 7"),
    ],
)
def test_facts_that_do_not_fit(facts, message, tmp_path):
    path = written(tmp_path, conditional_pggan(False)[0])
    with pytest.raises(UsageError, match=message):
        load_generator(path, **facts)


def test_facts_of_files_that_say_them(tmp_path):
    path = written(tmp_path, foreign.nvidia_file(conv_clamp=256.0))
    assert load_generator(path, conv_clamp=256).config.conv_clamp == 256
    with pytest.raises(UsageError, match="conv_clamp=none contradicts the file, which says 256|conv_clamp=None"):
        load_generator(path, conv_clamp="none")
    with pytest.raises(UsageError, match="set twice"):
        load_generator(f"{path}?conv_clamp=256", conv_clamp=128)


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_known_name_wins_over_a_folder(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_generator("demo").spec.family == "stylegan2"
    with pytest.raises(GantkError, match=r"demo is a folder without .*'demo' without a path"):
        load_generator(pathlib.Path("demo"))
    with pytest.raises(GantkError, match="is a folder without"):
        load_generator("./demo")


@pytest.mark.parametrize("name", ["", " "])
def test_a_model_without_a_name_is_not_the_current_folder(name, tmp_path, monkeypatch):
    written(tmp_path, rosinality(), "only.pt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="No model is named"):
        load_generator(name)
    assert load_generator(".").spec.resolution == 16


def test_file_names_with_question_marks_and_without_utf8(tmp_path):
    data = foreign.rosinality_file()
    for name in (b"what?label_dim=3.pt", b"r\xe9seau.pt"):
        path = pathlib.Path(str(tmp_path)) / name.decode("utf-8", "surrogateescape")
        path.write_bytes(data)
        assert load_generator(str(path)).spec.resolution == 16
        assert find_model(str(path)) == (path, {})


# --- parts of a network, and numbers that are no weights -------------------------------------------------------------


def test_wrappers_around_parts_are_taken_out_of_names(tmp_path):
    file = rosinality()
    for wrapper in ("_orig_mod", "module", "_fsdp_wrapped_module"):
        inner = {
            name.replace("style.", f"style.{wrapper}.", 1) if name.startswith("style.") else name: tensor
            for name, tensor in file["g_ema"].items()
        }
        notes = same_images(tmp_path, {**file, "g_ema": inner})
        assert "the names of wrappers around its parts are taken out" in notes


def test_another_network_beside_is_named(tmp_path):
    file = rosinality()["g_ema"]
    other = {name: tensor + 1 for name, tensor in file.items()}
    notes = same_images(tmp_path, {"netG_A": file, "netG_B": other, "config": {"lr": 0.1}})
    assert any("and netG_B beside it is not read" in note for note in notes)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda file: {n: t for n, t in file.items() if n.startswith("style.")}, "a mapping network alone"),
        (
            lambda file: {"final_conv.0.weight": torch.ones(2, 3), "final_linear.0.weight": torch.ones(2)},
            "discriminator",
        ),
        (
            lambda file: {"state": {0: {"step": torch.ones(()), "exp_avg": torch.ones(2)}}, "param_groups": []},
            "the state of an optimizer",
        ),
        (
            lambda file: {"b4.const": torch.ones(2, 4, 4), "b4.torgb.weight": torch.ones(3, 2, 1, 1)},
            "a synthesis network",
        ),
        (
            lambda file: {n: t for n, t in file.items() if not n.startswith("style.")},
            "holds the synthesis network alone",
        ),
    ],
    ids=["mapping", "discriminator", "optimizer", "synthesis", "without its mapping"],
)
def test_a_part_of_a_network_is_called_so(part, said, tmp_path):
    with pytest.raises(GantkError, match=said):
        read_checkpoint(written(tmp_path, part(rosinality()["g_ema"])))


def test_a_network_without_its_mapping_is_taken_by_force(tmp_path):
    state = {name: tensor for name, tensor in rosinality()["g_ema"].items() if not name.startswith("style.")}
    path = written(tmp_path, {"g_ema": state})
    assert run(["models", "convert", str(path), str(tmp_path / "synthesis.safetensors"), "--force"]) == 0
    whole = build_generator(foreign.small_checkpoint(**SQUARE))
    w = whole.map(whole.sample_z(2))
    made = load_generator(tmp_path / "synthesis.safetensors")
    assert torch.allclose(made.synthesize(made.expand(w)), whole.synthesize(whole.expand(w)), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int8, torch.uint8])
def test_numbers_that_are_no_weights_are_refused(dtype, tmp_path):
    state = rosinality()["g_ema"]
    state["conv1.conv.weight"] = state["conv1.conv.weight"].real.to(dtype)
    with pytest.raises(GantkError, match=r"numbers in conv1\.conv\.weight, where weights are real numbers"):
        read_checkpoint(written(tmp_path, {"g_ema": state}))


# --- the collected cases ---------------------------------------------------------------------------------------------

RIGHT = {
    "ch1.pkl": ((32, 32), 1, ""), "ch4.pkl": ((32, 32), 4, ""), "torchsave_module.pt": ((32, 32), 3, "object itself"),
    "bare_module.pkl": ((32, 32), 3, "object itself"), "g_and_d.pkl": ((32, 32), 3, "trained copy"),
    "gema_only.pkl": ((32, 32), 3, ""), "gs_only.pkl": ((32, 32), 3, "'Gs' is used"),
    "ros_no_ema.pt": ((32, 32), 3, "'g', the trained copy"), "sg2ada_state_dict.pt": ((32, 32), 3, "conv_clamp"),
    "resolution_wh.pkl": ((32, 32), 3, ""), "nonsquare.pkl": ((32, 64), 3, ""), "D_has_timm.pkl": ((32, 32), 3, "timm"),
    "ros_pathlib_args.pt": ((32, 32), 3, "pathlib"), "ros_datetime.pt": ((32, 32), 3, "datetime"),
    "avg_1D.pt": ((32, 32), 3, "[1, 24]"), "psp.pt": ((32, 32), 3, "'decoder.'"),
    "lightning_gema_prefix.ckpt": ((32, 32), 3, "'G_ema.'"), "interfacegan_linear.pth": ((128, 128), 3, ""),
}  # fmt: skip


@needs_cases
@pytest.mark.parametrize("name", RIGHT)
def test_cases(name):
    size, channels, note = RIGHT[name]
    checkpoint = read_checkpoint(CASES / name)
    generator = build_generator(checkpoint)
    picture = image(generator, gantk.Truncation(0.7))
    assert picture.shape == (2, channels, *size) and bool(picture.isfinite().all())
    assert note in " ".join(checkpoint.notes)


@needs_cases
@pytest.mark.parametrize("name, entry", [("nan.pt", "conv1.conv.weight"), ("nan_wavg.pkl", "mapping.w_avg")])
def test_cases_that_are_no_numbers(name, entry):
    with pytest.raises(GantkError, match=entry):
        load_generator(CASES / name)
    load_generator(CASES / name, force=True)
