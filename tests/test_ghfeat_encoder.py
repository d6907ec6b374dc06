"""The encoder: against the original's numbers, against the paper's counts, and for generators it never knew."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from generator_cases import TINY, close, refuse, tiny
from ghfeat_cases import images, small_encoder

from gantk.checkpoints.ghfeat import read_encoder
from gantk.errors import GantkError, UsageError
from gantk.ghfeat.calibration import encoder_config, sample_styles
from gantk.ghfeat.codes import tile, untile
from gantk.ghfeat.defaults import encoder_for
from gantk.ghfeat.encoder import Encoder, EncoderConfig, trunk_channels
from gantk.ghfeat.files import encoder_bytes, load_encoder
from gantk.ghfeat.norm import Norm

PAPER_WIDTHS = (1024,) * 8 + (512,) * 2 + (256,) * 2 + (128,) * 2
PARAMETERS = {18: 124_871_872, 34: 134_983_744, 50: 151_766_976, 101: 170_785_216}


def paper(depth: int, **changes: object) -> EncoderConfig:
    values = {"padding": "tf-same", "depth": depth} | changes
    return EncoderConfig(256, PAPER_WIDTHS, tuple(range(14)), trunk_channels(depth, 64, 5), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", PARAMETERS)
def test_as_many_parameters_as_the_original(depth: int) -> None:
    with torch.device("meta"):
        encoder = Encoder(paper(depth))
    assert sum(p.numel() for p in encoder.parameters()) == PARAMETERS[depth]


def test_factorised_heads_are_a_fraction_of_the_dense_ones() -> None:
    with torch.device("meta"):
        dense, factorised = (Encoder(paper(50, rank=rank)).heads for rank in (0, 64))
    counts = [sum(p.numel() for p in heads.parameters()) for heads in (dense, factorised)]
    assert counts[0] == 81_818_880
    assert counts[1] < counts[0] / 8


@pytest.mark.reference
@pytest.mark.parametrize("depth", ["18", "50"])
def test_official_encoders_match_their_fixture(depth: str, reference_dir: Path) -> None:
    path = reference_dir / "tensorflow" / f"ghfeat_r256_depth{depth}.pkl"
    encoder = load_encoder(path).encoder
    want = np.load(path.with_suffix(".npz"), allow_pickle=False)
    image = torch.from_numpy(want["image_u8"]).float() / 255 * 2 - 1
    with torch.inference_mode():
        maps = encoder.trunk(image)
        pyramid = encoder.pyramid(maps)
        aligned = encoder.align(pyramid)
        codes = encoder(image)
    for i in range(3):
        for got, key in ((maps[3 + i], f"res{4 + i}"), (pyramid[i], f"fpn{i}"), (aligned[i], f"sam{i}")):
            close(got, torch.from_numpy(want[key]), 1e-5)
    close(torch.from_numpy(tile([c.numpy() for c in codes])), torch.from_numpy(want["codes"]), 1e-5)


@pytest.mark.reference
def test_torch_padding_is_not_what_converted_weights_need(reference_dir: Path) -> None:
    path = reference_dir / "tensorflow/ghfeat_r256_depth18.pkl"
    checkpoint = read_encoder(path)
    encoder = Encoder(EncoderConfig.from_dict({**checkpoint.config, "padding": "torch"}))
    encoder.load_state_dict(checkpoint.state)
    want = np.load(path.with_suffix(".npz"), allow_pickle=False)
    with torch.inference_mode():
        codes = encoder.eval()(torch.from_numpy(want["image_u8"]).float() / 255 * 2 - 1)
    error = np.abs(tile([c.numpy() for c in codes]) - want["codes"]).max() / np.abs(want["codes"]).max()
    assert error > 0.02


@pytest.mark.reference
def test_the_original_reconstruction(reference_dir: Path) -> None:
    from gantk.checkpoints.load import load_generator

    path = reference_dir / "tensorflow/ghfeat_r256_depth50.pkl"
    generator, want = load_generator(path), np.load(path.with_suffix(".npz"), allow_pickle=False)
    widths = [layer.style_dim for layer in generator.layers if layer.style_dim]
    styles = [torch.from_numpy(s) for s in untile(want["codes"], widths)]
    with torch.inference_mode():
        image = generator.synthesize(styles)
    close(image[:, :, 96:160, 96:160], torch.from_numpy(want["recon_crop"]), 2e-4)


@pytest.mark.reference
def test_a_pickle_without_an_encoder_says_so(reference_dir: Path) -> None:
    refuse(lambda: read_encoder(reference_dir / "tensorflow/stylegan_r32.pkl"), GantkError)


@pytest.mark.parametrize("name", [n for n in TINY if n.startswith(("stylegan", "demo", "biggan"))])
def test_for_any_generator_with_styles(name: str) -> None:
    generator = tiny(name)
    if "s" not in generator.spec.spaces:
        refuse(lambda: encoder_config(generator))
        return
    encoder = small_encoder(generator)
    styles = encoder(torch.rand(2, generator.spec.image_channels, 16, 16))
    assert [s.shape for s in styles] == [s.shape for s in sample_styles(generator, 2)]
    assert generator.synthesize(styles).isfinite().all()


def test_a_family_without_styles_is_refused() -> None:
    refuse(lambda: encoder_config(tiny("pggan")))


@pytest.mark.parametrize("size", [16, 32, 64, 128, 512])
def test_any_resolution(size: int) -> None:
    config = encoder_config(tiny("stylegan2-skip"), depth=50, width=2, resolution=size)
    encoder = Encoder(config).eval()
    assert [x.shape[-1] for x in encoder.align(encoder.pyramid(encoder.trunk(torch.zeros(1, 3, size, size))))] == [
        4
    ] * 3


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
@pytest.mark.parametrize("head_norm", ["batch", "none"])
def test_folded_normalisations_change_nothing(depth: int, head_norm: str) -> None:
    generator = tiny("stylegan")
    encoder = small_encoder(generator, depth=depth, width=2, rank=0, head_norm=head_norm, padding="tf-same", stem=1)
    for module in encoder.modules():
        if isinstance(module, Norm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
    image = torch.rand(2, 3, 16, 16)
    before = copy.deepcopy(encoder.state_dict())
    for got, want in zip(encoder.folded()(image), encoder(image), strict=True):
        close(got, want, 1e-4)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_calibration_starts_at_the_generators_own_styles() -> None:
    generator = tiny("stylegan2-skip")
    encoder = small_encoder(generator, rank=8)
    styles = sample_styles(generator, 64)
    for head, entries in zip(encoder.heads, encoder.config.entries, strict=True):
        for place, entry in enumerate(entries):
            close(head.bases[place].bias, styles[entry].mean(0), 1e-5)
            # eight axes hold all that five numbers of w can do: any style of the generator is within reach
            wanted = (styles[entry][:4] - head.bases[place].bias).t()
            solved = torch.linalg.lstsq(head.bases[place].weight.double(), wanted.double()).solution
            close(head.bases[place].weight.double() @ solved, wanted.double(), 1e-3)


def test_every_style_has_one_head_and_levels_go_by_rows() -> None:
    config = paper(50)
    assert config.entries == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11, 12, 13))
    small = encoder_config(tiny("stylegan2-skip"), depth=18, width=2)
    assert sorted(e for entries in small.entries for e in entries) == list(range(len(small.widths)))
    assert all(small.entries)


@pytest.mark.parametrize(
    "change",
    [{"depth": 20}, {"padding": "same"}, {"stem": 3}, {"head_norm": "layer"}, {"resolution": 96}, {"resolution": 8}],
)
def test_what_cannot_be_built_is_one_sentence(change: dict[str, object]) -> None:
    config = paper(50).to_dict() | change
    refuse(lambda: EncoderConfig.from_dict(config), GantkError)


def test_images_of_another_size_are_refused() -> None:
    encoder = small_encoder(tiny("stylegan2-skip"))
    refuse(lambda: encoder(torch.zeros(1, 3, 32, 32)), GantkError)


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_brings_back_the_same_encoder(tmp_path: Path) -> None:
    generator = tiny("stylegan2-skip")
    encoder = small_encoder(generator)
    (tmp_path / "e.safetensors").write_bytes(encoder_bytes(encoder, generator, {"images": 3}))
    loaded = load_encoder(tmp_path / "e.safetensors", generator)
    assert loaded.meta == {"images": 3} and loaded.encoder.config == encoder.config
    image = images(generator)
    for got, want in zip(loaded.encoder(image), encoder(image), strict=True):
        close(got, want)


def test_an_encoder_of_another_generator_is_refused_unless_forced(tmp_path: Path) -> None:
    generator, other = tiny("stylegan2-skip"), tiny("stylegan2-skip")
    other.mapping.dense0.weight.mul_(-1)
    (tmp_path / "e.safetensors").write_bytes(encoder_bytes(small_encoder(generator), generator, {}))
    refuse(lambda: load_encoder(tmp_path / "e.safetensors", other), GantkError)
    forced = load_encoder(tmp_path / "e.safetensors", other, force=True)
    assert encoder_for(other, forced).encoder is forced.encoder  # every verb asks again
    refuse(lambda: load_encoder(tmp_path / "e.safetensors", tiny("stylegan"), force=True), GantkError)


def test_damaged_files_and_unknown_names(tmp_path: Path) -> None:
    generator = tiny("stylegan2-skip")
    path = tmp_path / "e.safetensors"
    path.write_bytes(encoder_bytes(small_encoder(generator), generator, {}))
    data = path.read_bytes()
    for bad in (data[: len(data) // 2], data[:8] + b"x" * 40, b"", data.replace(b'"depth', b'"dupth')):
        path.write_bytes(bad)
        refuse(lambda: load_encoder(path), GantkError)
    refuse(lambda: load_encoder("no-such-encoder"), UsageError)


def test_the_generator_beside_an_encoder_in_a_pickle_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its probe stays with the encoder, however often the two are compared afterwards."""
    import dataclasses

    import gantk
    import gantk.checkpoints.load as loading
    import gantk.checkpoints.reading as reading
    from gantk.ghfeat.files import SOURCE, check_encoder

    generator = gantk.load_generator("demo")
    loaded = dataclasses.replace(gantk.load_encoder("demo", generator), source=SOURCE, probe=None)
    reads: list[str] = []
    monkeypatch.setattr(reading, "read_checkpoint", lambda name: reads.append(name))
    monkeypatch.setattr(loading, "build_generator", lambda _: generator)
    once = check_encoder(loaded, generator)
    assert once.probe is not None and check_encoder(once, generator) == once
    assert len(reads) == 1
