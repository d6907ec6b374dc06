"""Networks written for other programs: read, written, read again, they show the same images."""

import json
import math

import foreign_files as foreign
import pytest
import torch
from click.testing import CliRunner

from gantk.checkpoints import nvidia
from gantk.checkpoints.checkpoint import Checkpoint
from gantk.checkpoints.export import LAYOUTS, export, export_state, reaches_clamp
from gantk.checkpoints.load import build_generator, load_generator
from gantk.checkpoints.names import bundled
from gantk.checkpoints.reading import open_raw, read_checkpoint
from gantk.checkpoints.stylegan3_plans import told_plan
from gantk.errors import GantkError

SQUARE = {"z_dim": 8, "w_dim": 8, "mapping_width": 8}


def images(generator, n=2):
    label = generator.sample_label(n)
    return generator.synthesize(generator.expand(generator.map(generator.sample_z(n), label)))


def quiet(**changes) -> Checkpoint:
    """A network whose activations are small."""
    checkpoint = foreign.small_checkpoint(**SQUARE, **changes)
    complete = {**build_generator(checkpoint).config.to_dict()}
    return Checkpoint("stylegan2", complete, checkpoint.state, "test")


@pytest.mark.parametrize("program", LAYOUTS)
def test_round_trips(program, tmp_path):
    checkpoint = quiet()
    notes = export(tmp_path / "out.pt", checkpoint, program)
    assert torch.allclose(images(load_generator(tmp_path / "out.pt", **facts(program, checkpoint))),
                          images(build_generator(checkpoint)), atol=1e-5)  # fmt: skip
    assert (program == "nvidia") == any("out.json" in note for note in notes)


def facts(program, checkpoint):
    return {} if program == "nvidia" or checkpoint.config["conv_clamp"] is None else {"conv_clamp": 256}


@pytest.mark.parametrize("program", ["rosinality", "genforce", "higan"])
def test_a_clamp_that_is_never_reached_is_left_out(program, tmp_path):
    checkpoint = quiet(conv_clamp=1e6)
    assert not reaches_clamp(checkpoint)
    notes = export(tmp_path / "out.pt", checkpoint, program)
    assert "of 64 samples stay below 900000" in notes[0]
    assert torch.allclose(images(load_generator(tmp_path / "out.pt")), images(build_generator(checkpoint)), atol=1e-5)


def test_a_clamp_that_is_reached_is_refused_unless_forced(tmp_path):
    checkpoint = quiet(conv_clamp=0.5)
    assert reaches_clamp(checkpoint)
    with pytest.raises(GantkError, match=r"clamps its activations at 0\.5, rosinality's does not, .* force"):
        export(tmp_path / "out.pt", checkpoint, "rosinality")
    assert not list(tmp_path.iterdir())
    assert "is reached: images differ" in export(tmp_path / "out.pt", checkpoint, "rosinality", force=True)[0]
    assert load_generator(tmp_path / "out.pt").config.conv_clamp is None


def test_widths_that_rosinality_has_one_of_are_said(tmp_path):
    checkpoint = foreign.small_checkpoint()
    complete = Checkpoint("stylegan2", build_generator(checkpoint).config.to_dict(), checkpoint.state, "test")
    assert "z_dim 8, w_dim 7, mapping_width 9" in export(tmp_path / "out.pt", complete, "rosinality")[0]
    assert export(tmp_path / "square.pt", quiet(), "rosinality") == ()


def test_a_clamp_reached_within_a_tenth_counts(tmp_path):
    """The largest activation is found by halving; a clamp just above it is too near, one a fifth above is not."""
    low, high = 1e-3, 1e6
    for _ in range(12):  # to less than a hundredth
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cuts(middle) else (low, middle)
    assert reaches_clamp(quiet(conv_clamp=high * 1.05)) and not reaches_clamp(quiet(conv_clamp=high * 1.2))


def cuts(clamp):
    return not torch.equal(rendered(quiet(conv_clamp=clamp)), rendered(quiet()))


def rendered(checkpoint):
    generator = build_generator(checkpoint)
    wp = generator.expand(generator.map(generator.sample_z(64)))
    return generator.synthesize(wp, noise=list(range(64)))


@pytest.mark.parametrize("program", ["hammer", "nvidia"])
@pytest.mark.parametrize(
    "changes",
    [
        {"conv_clamp": 0.5},
        {"image_channels": 1},
        {"image_channels": 4, "conv_clamp": 2.0},
        {"mapping_lr": 0.1},
        {"label_dim": 3, "label_rule": "separate", "label_width": 8},
        {"resample_filter": (0.25, 0.5, 0.25, 0.0)},
    ],
)
def test_what_these_programs_can_express_comes_back(program, changes, tmp_path):
    checkpoint = quiet(**changes)
    export(tmp_path / "out.pt", checkpoint, program)
    read = load_generator(tmp_path / "out.pt")
    assert torch.allclose(images(read), images(build_generator(checkpoint)), atol=1e-5)
    assert read.config.conv_clamp == checkpoint.config["conv_clamp"]


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_architectures_of_nvidia(architecture, tmp_path):
    checkpoint = quiet(architecture=architecture)
    export(tmp_path / "out.pt", checkpoint, "nvidia")
    assert torch.allclose(images(load_generator(tmp_path / "out.pt")), images(build_generator(checkpoint)), atol=1e-5)
    with pytest.raises(GantkError, match=f"architecture={architecture}, which hammer's"):
        export_state(checkpoint, "hammer")


def test_what_no_layout_has_is_named():
    with pytest.raises(GantkError, match="a constant input of 4 x 8"):
        export_state(quiet(base=(4, 8), resolution=32), "nvidia")
    with pytest.raises(GantkError, match="image_channels=4, which rosinality's"):
        export_state(quiet(image_channels=4), "rosinality")


def test_the_constructor_is_json(tmp_path):
    export(tmp_path / "out.pt", quiet(channels=(8, 8, 4), conv_clamp=256.0), "nvidia")
    said = json.loads((tmp_path / "out.json").read_text())
    arguments = said["arguments"]
    assert said["class"] == "training.networks.Generator"
    assert (arguments["img_resolution"], arguments["c_dim"], arguments["z_dim"]) == (16, 0, 8)
    kwargs = arguments["synthesis_kwargs"]
    channels = [min(kwargs["channel_base"] // side, kwargs["channel_max"]) for side in (4, 8, 16)]
    assert channels == [8, 8, 4] and kwargs["conv_clamp"] == 256 and kwargs["resample_filter"] == [1, 3, 3, 1]
    (tmp_path / "out.json").write_text('{"format": "gantk-nvidia-constructor", "arguments": 3}')
    assert load_generator(tmp_path / "out.pt").config.conv_clamp == 256


def test_a_stylegan3_of_its_own_plan_to_nvidia_and_back(tmp_path):
    """Sizes and cutoffs that are not the published ones are among the constructor's arguments, and read from there."""
    checkpoint = read_checkpoint(bundled()["demo-stylegan3"])
    generator = build_generator(checkpoint)
    complete = Checkpoint(checkpoint.family, generator.config.to_dict(), checkpoint.state, checkpoint.source)
    export(tmp_path / "out.pt", complete, "nvidia")
    arguments = json.loads((tmp_path / "out.json").read_text())["arguments"]
    assert (arguments["margin_size"], arguments["filter_size"], arguments["channel_base"]) == (2, 4, 640)
    again = load_generator(tmp_path / "out.pt")
    assert again.config.steps == generator.config.steps
    assert torch.equal(images(again), images(generator))


def test_an_argument_that_is_no_size_is_not_believed():
    """Two to the power of `num_fp16_res` is computed."""
    assert told_plan({"margin_size": 2, "num_fp16_res": 10**12, "filter_size": float("nan")}) == {"margin": 2}


@pytest.mark.parametrize(
    "name", ["sg2ada_uncond_32.pkl", "sg2ada_cond_32.pkl", "sg2ada_resnet_32.pkl", "sg3t_32.pkl", "sg3r_32.pkl"]
)
def test_reference_networks_to_nvidia_and_back(name, tmp_path, reference_dir):
    path = reference_dir / "torch" / name
    checkpoint = read_checkpoint(path)
    generator = build_generator(checkpoint)
    complete = Checkpoint(checkpoint.family, generator.config.to_dict(), checkpoint.state, checkpoint.source)
    export(tmp_path / "out.pt", complete, "nvidia")
    assert {*open_raw(path).entries} == {*open_raw(tmp_path / "out.pt").entries}
    assert torch.allclose(images(load_generator(tmp_path / "out.pt")), images(generator), atol=1e-5)


def test_names_of_hammer_are_its_own(tmp_path, reference_dir):
    path = reference_dir / "torch" / "hm_stylegan2_32.pth"
    checkpoint = read_checkpoint(path)
    generator = build_generator(checkpoint)
    complete = Checkpoint("stylegan2", generator.config.to_dict(), checkpoint.state, checkpoint.source)
    export(tmp_path / "out.pth", complete, "hammer")
    first, again = open_raw(path), open_raw(tmp_path / "out.pth")
    assert {name: first.shape(name) for name in first.entries} == {name: again.shape(name) for name in again.entries}
    told, tell = (raw.extra["model_kwargs_init"]["generator_smooth"] for raw in (first, again))
    assert {key: tell[key] for key in told} == dict(told)


def test_the_command_writes_and_notes(tmp_path):
    from gantk.cli.models import command

    def run(*words):
        made = CliRunner().invoke(command, list(map(str, words)))
        assert made.exit_code == 0, made.output
        return made.output

    network, out, bare, own = (tmp_path / name for name in ("in.pkl", "out.pt", "state.pt", "own.safetensors"))
    network.write_bytes(foreign.nvidia_file(conv_clamp=1e6, **SQUARE))
    assert "of 64 samples stay below 900000" in run("convert", network, out, "--layout", "rosinality")
    assert torch.allclose(images(load_generator(out)), images(load_generator(network)), atol=1e-5)
    bare.write_bytes(foreign.torch_file(foreign.source_state(nvidia.SPELLING, quiet())))
    shown = run("info", bare, "--set", "conv_clamp=8")
    assert "conv_clamp = 8.0" in shown and "as it was told" in shown
    run("convert", f"{bare}?conv_clamp=8", own)
    assert load_generator(own).config.conv_clamp == 8
