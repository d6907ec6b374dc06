"""`gantk quality` and `gantk.quality.measure`: what is compared, named and shown, and what is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from wrapped_modules import wrapped

import gantk
from gantk.errors import GantkError, UsageError
from gantk.pictures.images import to_uint8
from gantk.predictors.base import Predictor
from gantk.predictors.inception import FILE, Inception
from gantk.predictors.load import load_predictor
from gantk.quality.results import Measured
from gantk.quality.sources import read_folder

Call = Callable[..., tuple[int, str, str]]


class Means(Predictor):
    """Features anybody can count: mean and deviation of each colour."""

    name = "means"

    def features(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        return torch.cat([image_NCHW.mean((2, 3)), image_NCHW.std((2, 3))], 1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 24 samples of `demo` as files, some in a folder below."""
    folder = tmp_path_factory.mktemp("quality") / "samples"
    (folder / "more").mkdir(parents=True)
    generator = gantk.load_generator("demo")
    with torch.inference_mode():
        images = to_uint8(generator.synthesize(generator.expand(generator.map(generator.sample_z(24)))))
    for i, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / ("more" if i > 20 else "") / f"s{i:02d}.png")
    return folder


def test_a_generator_is_at_no_distance_from_its_own_saved_samples(saved: Path) -> None:
    result = gantk.quality.measure(gantk.load_generator("demo"), saved, truncation="none")
    found = result.found
    # files are in the order of their names, folders first or last: every sample finds its own picture at nought
    assert found.frechet.value < 1e-6 and found.coverage.value == found.precision.value == found.recall.value == 1
    assert np.abs(found.nearest_distance_NK[:, 0]).max() < 1e-3 and len(found.unreached) == 0
    names = [str(file.relative_to(saved)) for file in read_folder(saved).files]
    nearest = [names[index] for index in found.nearest_NK[:, 0]]
    assert [Path(name).stem for name in nearest] == [f"s{i:02d}" for i in range(24)]
    assert "Every one of the 24 real images" in result.page().text()


def test_a_folder_without_images_is_no_model(gantk_command: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    code, _, error = gantk_command("quality", "demo", tmp_path)
    assert code == 2 and f"The folder {tmp_path} has no images (" in error and "give a folder of images" in error


def test_a_figure_without_spread_keeps_three_decimals() -> None:
    assert str(Measured(1.0, 1.0, 1.0)) == "1.000 (1.000 to 1.000)"
    assert str(Measured(1.0, 0.92, 1.0)) == "1.000 (0.920 to 1.000)"


def test_truncation_costs_recall_and_the_second_side_is_not_truncated() -> None:
    demo = gantk.load_generator("demo")
    options = {"num": 60, "shown": 2, "subsets": 2}
    full = gantk.quality.measure(demo, demo, truncation="none", **options)
    pulled = gantk.quality.measure(demo, demo, truncation="0.3", **options)
    assert full.found.nearest_distance_NK[:, 0].min() > 0, "another seed: not the same samples"
    assert pulled.found.recall.value < 0.5 * full.found.recall.value
    assert pulled.found.frechet.value > 2 * full.found.frechet.value
    assert pulled.truncation == "0.3" and "truncation 0.3" in pulled.page().text()


def test_shown_are_the_closest_the_furthest_and_the_missed(tmp_path: Path) -> None:
    dark, bright = (torch.rand(12, 3, 8, 8) * 0.2 + shift for shift in (-0.9, 0.5))
    samples = torch.cat([dark, bright[:1]])  # the last sample is far from all dark reals
    result = gantk.quality.measure(samples, torch.cat([dark, bright[1:]]), Means(), neighbours=3, shown=1)
    assert result.closest[0].sample.name != "image 12" and result.closest[0].distances[0] == pytest.approx(0, abs=1e-3)
    assert {shown.name for shown in result.missed} <= {f"image {i}" for i in range(12, 24)} and result.missed
    assert [len(match.nearest) for match in result.furthest] == [5]
    again = gantk.load_result(result.save(tmp_path / "run"))
    assert again.sentence() == result.sentence()
    rows = list(csv.DictReader((tmp_path / "run" / "quality.csv").read_text().splitlines()))
    assert [row["figure"] for row in rows] == [
        "Frechet distance", "kernel distance", "precision", "recall", "density", "coverage"
    ]  # fmt: skip
    assert float(rows[0]["low"]) <= float(rows[0]["value"]) <= float(rows[0]["high"])


def test_only_inceptions_distances_are_called_fid() -> None:
    images = torch.rand(12, 3, 8, 8) * 2 - 1
    reader = Means()
    plain = gantk.quality.measure(images, images, reader, neighbours=2)
    assert "FID" not in plain.sentence() and "no FID" in plain.page().text()
    reader.name = "inception"
    named = gantk.quality.measure(images, images, reader, neighbours=2)
    assert "FID" in named.sentence() and "KID" in named.lines()[1] and "no FID" not in named.page().text()


def test_a_wrapped_network_of_one_channel_is_compared(tmp_path: Path) -> None:
    wide = wrapped("wide")
    result = gantk.quality.measure(wide, wide, Means(), num=12, label="random", neighbours=2)
    assert "--truncation" not in result.page().text(), "what the network cannot do is not advised"
    with pytest.raises(UsageError, match="truncation cannot apply"):
        gantk.quality.measure(wide, wide, Means(), num=12, label="random", neighbours=2, truncation="0.7")
    found = result.found
    assert found.samples == found.reals == 12 and np.isfinite(found.frechet.value)


def test_the_command_is_continued_and_counts_images_by_content(
    saved: Path, tmp_path: Path, gantk_command: Call
) -> None:
    folder = tmp_path / "reals"
    folder.mkdir()
    for file in saved.glob("*.png"):
        (folder / file.name).write_bytes(file.read_bytes())
    words = ("quality", "demo", folder, "--truncation", "0.5", "--shown", 1, "--subsets", 2, "-o", tmp_path / "run")
    code, out, err = gantk_command(*words)
    assert code == 0, err
    assert "Frechet distance: " in out and re.search("real images (has|have) no sample near", out)
    assert np.load(tmp_path / "run" / "real_features.npy").shape[0] == 21
    assert gantk_command(*words)[:2] == (0, out)
    (folder / "s00.png").write_bytes((folder / "s01.png").read_bytes())
    code, _, err = gantk_command(*words)
    assert code == 2 and "reals" in err


def test_the_page_names_the_model_as_it_was_given(saved: Path, tmp_path: Path, gantk_command: Call) -> None:
    code, _, err = gantk_command(
        "quality", "demo-stylegan2", saved, "-N", 8, "-k", 2, "--shown", 1, "-o", tmp_path / "q"
    )
    assert code == 0, err
    found = gantk.load_result(tmp_path / "q")
    assert (found.samples, found.reals) == ("demo-stylegan2", saved.name)
    assert f"demo-stylegan2 against {saved.name}." in (tmp_path / "q" / "quality.html").read_text(encoding="utf-8")
    assert gantk.quality.measure(gantk.load_generator("demo"), saved, num=8, neighbours=2, shown=0).samples.startswith(
        "demo"
    )


def test_copies_are_told(saved: Path) -> None:
    same = gantk.quality.measure(saved, saved, load_predictor("demo"), neighbours=2, shown=0)
    assert same.found.copies == same.found.samples and same.found.kernel.value < 0
    assert "have exactly the features of a real image" in same.page().text()
    pixels = np.random.default_rng(1).normal(size=(30, 4))
    assert gantk.quality.compare(pixels, pixels + 1e-3, "plain", neighbours=2).copies == 0


def test_what_does_not_fit_is_one_sentence(saved: Path, tmp_path: Path, gantk_command: Call) -> None:
    def refused(status: int, *words: object, said: tuple[str, ...]) -> None:
        code, _, err = gantk_command("quality", *words, "-o", tmp_path / "x")
        assert code == status and all(part in err for part in said) and err.count("\n") == 1, err
        assert not (tmp_path / "x").exists()

    refused(2, saved, "demo", "--truncation", "0.5", said=("--truncation 0.5", "set of images"))
    refused(2, saved, saved, "--features", "demo", "--label", "0", said=("--label 0",))
    refused(2, saved, saved, "--features", "demo", "-k", "12", said=("--neighbours 12", "at most 11"))
    refused(2, "demo-biggan", saved, said=("--label",))
    refused(
        1, "demo", saved, "--features", f"{Path(__file__).parent / 'wrapped_modules.py'}:scores", said=("features",)
    )
    (saved / "more" / "bad.png").write_bytes(b"no image")
    refused(1, saved, saved, "--features", "demo", said=("bad.png",))
    (saved / "more" / "bad.png").unlink()


def test_folders_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        gantk.quality.measure(tmp_path / "none", tmp_path)
    with pytest.raises(UsageError, match="has no images"):
        gantk.quality.measure(tmp_path, tmp_path)
    with pytest.raises(GantkError, match="has 1 image: at least 4"):
        gantk.quality.measure(torch.zeros(1, 3, 8, 8), torch.zeros(9, 3, 8, 8), Means(), neighbours=1)
    with pytest.raises(GantkError, match="has 3 images: at least 4"):
        gantk.quality.measure(torch.zeros(3, 3, 8, 8), torch.zeros(9, 3, 8, 8), Means(), neighbours=1)
    with pytest.raises(UsageError, match="images are 3: give a generator, a folder, or images"):
        gantk.quality.measure(3, torch.zeros(9, 3, 8, 8), Means())


def test_inception_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    expected = FILE if find_spec("torch_fidelity") else r"pip install 'gantk\[fid\]'"
    with pytest.raises(GantkError, match=expected):
        load_predictor("inception")


@pytest.mark.skipif(find_spec("torch_fidelity") is None, reason="pip install 'gantk[fid]'")
def test_inception_gives_its_last_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights: they are read, nothing in the file is run, and 8 bits are what is seen."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Bare(FeatureExtractorInceptionV3):
        def load_state_dict(self, state: object, *more: object) -> None:  # type: ignore[override]
            return None

    torch.save({}, tmp_path / "empty.pth")
    state = Bare("bare", ["2048"], tmp_path / "empty.pth").state_dict()
    torch.save(state, tmp_path / FILE)
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    inception = load_predictor("inception")
    image = torch.rand(2, 3, 20, 24) * 2 - 1
    with torch.inference_mode():
        feature = inception.features(image)
        assert feature.shape == (2, 2048) and torch.isfinite(feature).all()
        assert torch.equal(feature, inception.features(image + 1e-6))
    (tmp_path / FILE).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(GantkError, match="does not hold"):
        Inception.from_files()


def test_a_run_may_be_called_as_its_folder_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gantk_command: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = gantk_command("synthesize", "demo", "-N", 2, "--images", "-o", "images")
    assert code == 0, err
    assert (tmp_path / "images" / "images" / "000000.png").is_file()
