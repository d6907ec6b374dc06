"""Readers on files made here: every name is used, sizes are inferred, variants are refused by their flag."""

import io
import json
from pathlib import Path

import foreign_files as foreign
import numpy as np
import pytest
import torch

from gantk.checkpoints import genforce, load, names, native, reading, stylegan2
from gantk.checkpoints.checkpoint import Checkpoint, Raw
from gantk.checkpoints.export import INVERSE, LAYOUTS, export_state
from gantk.checkpoints.golden import Golden, render_golden
from gantk.errors import GantkError, UsageError


def read(tmp_path, data):
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    return reading.read_checkpoint(path)


def assert_same_state(got: Checkpoint, want: Checkpoint):
    assert got.state.keys() == want.state.keys()
    for name, tensor in want.state.items():
        assert torch.allclose(got.state[name], tensor, atol=1e-6), name
    for key in (
        "resolution",
        "channels",
        "z_dim",
        "w_dim",
        "mapping_layers",
        "mapping_width",
        "architecture",
        "label_dim",
    ):
        assert got.config[key] == want.config[key], key


# --- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", LAYOUTS)
@pytest.mark.parametrize("zipped", [True, False])
def test_written_layouts_read_back(program, zipped, tmp_path):
    changes = {"z_dim": 8, "w_dim": 8, "mapping_width": 8} if program == "rosinality" else {}
    want = foreign.small_checkpoint(**changes)
    got = read(tmp_path, foreign.torch_file(export_state(want, program), zipped))
    assert got.source.removesuffix(" state dict") == f"{program}-stylegan2"
    assert_same_state(got, want)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("writer", ["nvidia_file", "tensorflow_file"])
def test_nvidia_pickles_of_every_architecture(writer, architecture, tmp_path):
    want = foreign.small_checkpoint(architecture=architecture)
    got = read(tmp_path, getattr(foreign, writer)(architecture=architecture))
    assert_same_state(got, want)
    load.build_generator(got)


@pytest.mark.parametrize("resolution, channels", [(4, (3,)), (8, (3, 2)), (64, (7, 6, 5, 4, 3))])
def test_sizes_are_inferred_not_assumed(resolution, channels, tmp_path):
    sizes = {"resolution": resolution, "channels": channels, "z_dim": 5, "w_dim": 6, "mapping_width": 11}
    for depth in (1, 3):
        sizes["mapping_layers"] = depth
        if depth == 1:
            sizes["mapping_width"] = sizes["w_dim"]
        want = foreign.small_checkpoint(**sizes)
        assert_same_state(read(tmp_path, foreign.torch_file(export_state(want, "higan"))), want)


def test_label_rules(tmp_path):
    joint = {"label_dim": 3, "label_rule": "joint", "label_width": 8}
    want = foreign.small_checkpoint(**joint)
    for data in (
        foreign.torch_file(export_state(want, "genforce")),
        foreign.torch_file(export_state(want, "higan")),
        foreign.tensorflow_file(**joint),
    ):
        got = read(tmp_path, data)
        assert got.config["label_rule"] == "joint" and got.config["label_width"] == 8
        assert_same_state(got, want)
    separate = {"label_dim": 3, "label_rule": "separate", "label_width": 7}
    want = foreign.small_checkpoint(**separate)
    for data in (foreign.torch_file(export_state(want, "genforce")), foreign.nvidia_file(**separate)):
        got = read(tmp_path, data)
        assert got.config["label_rule"] == "separate"
        assert_same_state(got, want)


def test_every_transformation_has_an_inverse():
    kernel, matrix = torch.randn(2, 3, 4, 4), torch.randn(3, 5)
    examples = {
        stylegan2.same: matrix, stylegan2.scalar: torch.randn(1), stylegan2.square: torch.randn(1, 1, 4, 4),
        stylegan2.first: kernel[:1], stylegan2.flat: torch.randn(1, 3, 1, 1), stylegan2.transposed: matrix,
        stylegan2.plus_one: matrix, stylegan2.flipped: kernel, stylegan2.hwio: kernel, stylegan2.hwio_flipped: kernel,
    }  # fmt: skip
    assert examples.keys() == INVERSE.keys()
    for change, tensor in examples.items():
        assert torch.allclose(INVERSE[change](change(tensor)), tensor, atol=1e-6)


def test_a_network_in_data_parallel_is_read(tmp_path):
    state = export_state(foreign.small_checkpoint(), "higan")
    got = read(tmp_path, foreign.torch_file({f"module.{name}": tensor for name, tensor in state.items()}))
    assert got.source == "higan-stylegan2"


def test_the_moving_average_is_preferred(tmp_path):
    smooth = export_state(foreign.small_checkpoint(), "genforce")["generator_smooth"]
    other = {name: torch.zeros_like(tensor) for name, tensor in smooth.items()}
    file = {"generator": other, "discriminator": {}, "generator_smooth": smooth}
    for value in (file, {"models": file, "running_metadata": {"iter": 3}}):
        assert read(tmp_path, foreign.torch_file(value)).state["synthesis.const"].abs().sum() > 0


def test_a_file_without_mean_code_or_noise_says_so(tmp_path):
    value = export_state(foreign.small_checkpoint(z_dim=8, w_dim=8, mapping_width=8), "rosinality")
    del value["latent_avg"]
    value["g_ema"] = {name: tensor for name, tensor in value["g_ema"].items() if not name.startswith("noises.")}
    got = read(tmp_path, foreign.torch_file(value))
    assert len(got.notes) == 2 and "w_avg" not in got.state
    generator = load.build_generator(got)
    assert generator.w_avg is None
    average = generator.average_w()
    assert average.shape == (8,) and generator.estimated_average


# --- refusals --------------------------------------------------------------------------------------------------------


def test_leftover_and_missing_entries_are_listed(tmp_path):
    state = export_state(foreign.small_checkpoint(), "higan")
    with pytest.raises(GantkError, match=r"has, beside what its architecture uses, synthesis\.extra\.weight"):
        read(tmp_path, foreign.torch_file({**state, "synthesis.extra.weight": torch.ones(1)}))
    del state["synthesis.layer1.bias"]
    with pytest.raises(GantkError, match=r"lacks synthesis\.layer1\.bias"):
        read(tmp_path, foreign.torch_file(state))


def test_wrong_shapes_are_listed_before_anything_is_built(tmp_path):
    state = export_state(foreign.small_checkpoint(), "higan")
    state["synthesis.layer1.style.bias"] = torch.ones(17)
    with pytest.raises(GantkError, match=r"of the wrong shape synthesis\.b8\.conv0\.affine\.bias \[17\] for \[6\]"):
        load.build_generator(read(tmp_path, foreign.torch_file(state)))


@pytest.mark.parametrize(
    "kernel, reason",
    [
        (torch.ones(4, 4) / 4, "unlike its others"),
        (torch.eye(4), "not separable"),
        (torch.ones(4, 4), "sum is not 4"),
        (torch.full((4, 4), float("nan")), "sum is not 4"),
        (torch.ones(2, 2, 2), "shape"),
    ],
)
def test_filters_are_checked(kernel, reason, tmp_path):
    state = export_state(foreign.small_checkpoint(), "higan")
    state["synthesis.upsample.kernel"] = kernel
    with pytest.raises(GantkError, match=reason):
        read(tmp_path, foreign.torch_file(state))


def test_another_separable_filter_is_kept(tmp_path):
    want = foreign.small_checkpoint(resample_filter=(0.25, 0.25, 0.25, 0.25))
    got = read(tmp_path, foreign.torch_file(export_state(want, "higan")))
    assert got.config["resample_filter"] == pytest.approx((0.25,) * 4)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"nonlinearity": "relu"}, "nonlinearity=relu"),
        ({"dtype": "float16"}, "dtype=float16"),
        ({"surprise": 1}, "surprise=1"),
        ({"resample_kernel": "box"}, "resample_kernel=box"),
    ],
)
def test_tensorflow_variants_are_refused_by_their_flag(kwargs, message, tmp_path):
    with pytest.raises(GantkError, match=message):
        read(tmp_path, foreign.tensorflow_file(kwargs))


@pytest.mark.parametrize(
    "kwargs, psi, layers",
    [({}, 0.5, None), ({"truncation_psi": 0.7}, 0.7, None), ({"truncation_psi": None}, None, None),
     ({"truncation_psi": 1}, None, None), ({"truncation_cutoff": 3}, 0.5, 3)],
)  # fmt: skip
def test_tensorflow_default_truncation(kwargs, psi, layers, tmp_path):
    config = read(tmp_path, foreign.tensorflow_file(kwargs)).config
    assert (config["truncation_psi"], config["truncation_layers"]) == (psi, layers)


@pytest.mark.parametrize(
    "attributes, message",
    [
        ({"synthesis.b8.conv0": {"conv_clamp": 3.0}}, "conv_clamp values"),
        ({"synthesis.b8.conv0": {"activation": "relu"}}, r"activation=relu in synthesis\.b8\.conv0"),
        ({"synthesis.b8.conv0": {"act_gain": 1.0}}, "act_gain=1.0"),
        ({"mapping.fc0": {"bias_gain": 1.0}}, "mapping learning rates"),
        ({"synthesis.b8": {"architecture": "resnet"}}, "architecture"),
    ],
)
def test_nvidia_variants_are_refused_by_their_flag(attributes, message, tmp_path):
    with pytest.raises(GantkError, match=message):
        read(tmp_path, foreign.nvidia_file(attributes=attributes))


def test_nvidia_attributes_become_the_configuration(tmp_path):
    config = read(tmp_path, foreign.nvidia_file(conv_clamp=1.5, mapping_lr=0.1)).config
    assert config["conv_clamp"] == 1.5 and config["mapping_lr"] == 0.1 and config["num_half_resolutions"] == 1


def test_hammer_flags(tmp_path):
    assert_same_state(read(tmp_path, foreign.hammer_file()), foreign.small_checkpoint())
    assert read(tmp_path, foreign.hammer_file({"conv_clamp": 2})).config["conv_clamp"] == 2.0
    for kwargs, message in (({"demodulate": False}, "demodulate=False"), ({"unheard_of": 1}, "unheard_of=1")):
        with pytest.raises(GantkError, match=message):
            read(tmp_path, foreign.hammer_file(kwargs))


def test_unknown_files_say_what_was_found_and_what_is_known(tmp_path):
    with pytest.raises(GantkError, match="torch zip file with a network, 1 entries named like w; known formats are"):
        read(tmp_path, foreign.torch_file({"w": torch.ones(1)}))
    torch.save(torch.zeros(1, 10, 8).to_sparse(), tmp_path / "codes.pt")
    single = r"torch zip file with a single array of \[1, 10, 8\], as codes and directions are"
    with pytest.raises(GantkError, match=single):
        reading.read_checkpoint(tmp_path / "codes.pt")
    with pytest.raises(GantkError, match="torch zip file with a list"):
        read(tmp_path, foreign.torch_file([torch.ones(1)]))
    with pytest.raises(GantkError, match="no tensors"):
        read(tmp_path, foreign.torch_file({}))
    with pytest.raises(GantkError, match="it starts with b'GIF89a'"):
        read(tmp_path, b"GIF89a")
    with pytest.raises(GantkError, match="folder of 2 checkpoints"):
        reading.read_checkpoint(tmp_path)


def test_layouts_refuse_what_they_cannot_express():
    for changes, message in (
        ({"architecture": "resnet"}, "architecture=resnet"),
        ({"conv_clamp": 256.0}, "conv_clamp=256"),
        ({"label_dim": 3, "label_rule": "joint", "label_width": 8}, "label_rule=joint"),
        ({"mapping_lr": 0.1}, "mapping_lr=0.1"),
    ):
        with pytest.raises(GantkError, match=message):
            export_state(foreign.small_checkpoint(**changes), "rosinality")
    with pytest.raises(UsageError, match="rosinality, genforce, higan"):
        export_state(foreign.small_checkpoint(), "caffe")


# --- native files ----------------------------------------------------------------------------------------------------


def test_native_files_keep_everything(tmp_path):
    want = foreign.small_checkpoint()
    path = tmp_path / "a" / "x.safetensors"
    digest = native.write_checkpoint(path, want, extra={"k": 1})
    assert len(digest) == 64
    got = reading.read_checkpoint(path)
    assert got.family == "stylegan2" and got.header["extra"] == {"k": 1} and got.source == "test"
    assert all(torch.equal(got.state[name], tensor) for name, tensor in want.state.items())
    generator = load.load_generator(path)
    assert generator.source == "test" and not generator.training
    assert not any(parameter.requires_grad for parameter in generator.parameters())


def test_native_half_files_round_the_weights_only(tmp_path):
    want = foreign.small_checkpoint()
    path = tmp_path / "x.safetensors"
    native.write_checkpoint(path, want, half=True)
    got = reading.read_checkpoint(path)
    assert torch.equal(got.state["synthesis.b4.conv1.bias"], want.state["synthesis.b4.conv1.bias"])
    assert torch.equal(got.state["synthesis.const"], want.state["synthesis.const"].half().float())


def rewrite_header(path, **changes):
    from safetensors.torch import load_file, save_file

    header = {**native.read_header(path), **changes}
    save_file(load_file(path), path, {"gantk": json.dumps(header)})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"version": 2}, "format version 2; this gantk reads up to 1"),
        ({"format": "gantk-direction"}, "kind gantk-direction, not a checkpoint"),
        ({"config": []}, "no family and configuration"),
        ({"config": {"resolution": 1 << 30, "channels": [4]}}, "larger than any gantk builds"),
        ({"config": {"resolution": 16, "channels": [6, 5, 4], "mapping_layers": 10**9}}, "larger than any"),
        ({"config": {"resolution": "16", "channels": [6, 5, 4]}}, "configuration of this stylegan2"),
        ({"config": {"resolution": 16, "channels": [6, 5, 4], "colour": 1}}, "colour"),
        ({"config": {**foreign.SMALL, "channels": [6, 5, 60000]}}, "more numbers than"),
        ({"family": "stylegan9"}, "stylegan9"),
    ],
)
def test_native_headers_are_checked(changes, message, tmp_path):
    path = tmp_path / "x.safetensors"
    native.write_checkpoint(path, foreign.small_checkpoint())
    rewrite_header(path, **changes)
    with pytest.raises(GantkError, match=message):
        load.load_generator(path)


def test_other_safetensors_files_are_told_apart(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(GantkError, match="no checkpoint of a known format: it is a safetensors file with a network"):
        reading.read_checkpoint(path)
    save_file({"w": torch.ones(2, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(GantkError, match="holds w as F8_E4M3, which is not read"):
        reading.read_checkpoint(path)
    path.write_bytes(b"\x20\0\0\0\0\0\0\0{not json at all, but 32 bytes!!}")
    with pytest.raises(GantkError, match="its header is no list of tensors"):
        reading.read_checkpoint(path)


# --- names, golden images --------------------------------------------------------------------------------------------


def test_unknown_names_offer_near_matches(monkeypatch, tmp_path):
    monkeypatch.setattr(names, "weights_folder", lambda: tmp_path)
    monkeypatch.setattr(names, "CONSTRUCTED", {})
    native.write_checkpoint(tmp_path / "demo-stylegan2.safetensors", foreign.small_checkpoint())
    assert load.load_generator("demo").spec.resolution == 16
    assert load.load_generator("demo-stylegan2").spec.resolution == 16
    with pytest.raises(UsageError, match="'dmo' is neither a file nor a network's name. Did you mean 'demo'"):
        load.load_generator("dmo")
    (tmp_path / names.SUMS).write_text("0" * 64 + "  demo-stylegan2.safetensors\n")
    with pytest.raises(GantkError, match="sha256 differs"):
        load.load_generator("demo")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("demo", True),
        ("demo-stylegan2", True),
        ("demo-oracle", True),
        ("demo/mine.pkl", False),
        ("demo-mine.pkl", False),
    ],
)
def test_only_a_bundled_networks_name_means_the_bundled_world(model: str, expected: bool) -> None:
    assert names.is_bundled(model) is expected


def test_golden_images_tell_networks_apart():
    checkpoint = foreign.small_checkpoint()
    checkpoint.state["synthesis.b16.torgb.bias"].zero_()
    golden = render_golden(load.build_generator(checkpoint))
    assert golden.sheet.shape == (16, 64, 3)
    again = Golden.from_dict(json.loads(json.dumps(golden.to_dict())))
    assert np.array_equal(again.sheet, golden.sheet) and golden.difference(again) is None
    checkpoint.state["synthesis.b16.torgb.bias"][0] += 0.1
    assert "pixels by up to" in golden.difference(render_golden(load.build_generator(checkpoint)))
    for broken in ({}, None, {"png": "!", "statistics": {}, "seed": 0}, {**golden.to_dict(), "png": "AAAA"}):
        with pytest.raises(GantkError, match="golden image"):
            Golden.from_dict(broken)


def test_models_commands(gantk_command, tmp_path):
    source, out = tmp_path / "G.pth", tmp_path / "G.safetensors"
    source.write_bytes(foreign.torch_file(export_state(foreign.small_checkpoint(), "higan")))
    assert gantk_command("models", "info", source)[1].splitlines()[1].split() == ["format", "higan-stylegan2"]
    code, text, _ = gantk_command("models", "convert", source, out)
    assert code == 0 and "stylegan2 from higan-stylegan2" in text
    assert gantk_command("models", "convert", source, out)[0] == 1  # it exists
    assert gantk_command("models", "convert", source, tmp_path / "G.xyz")[0] == 2
    assert gantk_command("models", "verify", out)[0] == 0
    header = native.read_header(out)
    assert header["origin"]["name"] == "G.pth" and header["config"]["conv_clamp"] is None
    golden = header["golden"]
    rewrite_header(out, golden={**golden, "statistics": {**golden["statistics"], "w_std": 9.0}})
    code, _, error = gantk_command("models", "verify", out)
    assert code == 1 and "they differ in w_std" in error
    assert gantk_command("models", "verify", source)[0] == 1
    code, text, _ = gantk_command("models", "info", source, "--audit")
    assert code == 0 and "FORBIDDEN" not in text and "torch._utils._rebuild_tensor_v2" in text
    assert gantk_command("models", "convert", source, tmp_path / "G.pt", "--layout", "genforce")[0] == 0
    assert reading.read_checkpoint(tmp_path / "G.pt").source == "genforce-stylegan2"


def test_a_failed_conversion_leaves_nothing(gantk_command, tmp_path):
    source = tmp_path / "G.pth"
    source.write_bytes(foreign.torch_file({"w": torch.ones(1)})[:-40])
    assert gantk_command("models", "convert", source, tmp_path / "out.safetensors")[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["G.pth"]


def test_hammer_settings_survive_nonsense():
    raw = Raw(Path("x"), None, "torch zip", "flat", {}, {"model_kwargs_init": io})
    assert genforce.hammer_settings(raw) == {}


def test_every_network_of_a_tensorflow_pickle_can_be_opened(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(foreign.tensorflow_file())
    assert list(reading.open_networks(path)) == ["G", "D", "Gs"]
    with pytest.raises(GantkError, match="G_main, and only D_paper"):
        reading.read_discriminator(path)
    path.write_bytes(foreign.rosinality_file())
    with pytest.raises(GantkError, match="no TensorFlow pickle"):
        reading.open_networks(path)
