"""EfficientNet-Lite0 as a predictor; the real weights are looked at where they are installed.

Shape legend: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import jvp

from gantk.errors import GantkError
from gantk.generators import imagenet
from gantk.predictors import efficientnet_lite as lite
from gantk.predictors.defaults import metric_name
from gantk.predictors.distance import perceptual_distance
from gantk.predictors.load import load_predictor

installed = pytest.mark.skipif(lite.located() is None, reason="pip install 'gantk[features]' brings the weights")


def published_state(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the published names, as small as He's initialisation."""
    source = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def conv(name: str, outputs: int, inputs: int, kernel: int, norm: str) -> None:
        fan = inputs * kernel * kernel
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=source) * (2 / fan) ** 0.5
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.5, 0.5), ("running_mean", -0.5, 0.5)):
            state[f"{norm}.{part}"] = low + (high - low) * torch.rand(outputs, generator=source)
        state[f"{norm}.running_var"] = 0.5 + torch.rand(outputs, generator=source)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    conv("_conv_stem", lite.STEM, 3, 3, "_bn0")
    index, inputs = 0, lite.STEM
    for expansion, kernel, _, outputs, repeats in lite.TABLE:
        for _ in range(repeats):
            wide, name = inputs * expansion, f"_blocks.{index}."
            if index:
                conv(f"{name}_expand_conv", wide, inputs, 1, f"{name}_bn0")
            conv(f"{name}_depthwise_conv", wide, 1, kernel, f"{name}_bn1")
            conv(f"{name}_project_conv", outputs, wide, 1, f"{name}_bn2")
            index, inputs = index + 1, outputs
    conv("_conv_head", lite.FEATURES, inputs, 1, "_bn1")
    state["_fc.weight"] = torch.randn(lite.CLASSES, lite.FEATURES, generator=source) * 0.02
    state["_fc.bias"] = torch.zeros(lite.CLASSES)
    return state


class Coarse(lite.ImageNet):
    """Looks at a twelfth of the pixels: random weights know nothing of more either."""

    def read(self, image_NCHW: Tensor, side: int | None = 64, head: bool = True) -> lite.Reading:
        return super().read(image_NCHW, side and 64, head)


@pytest.fixture(scope="module")
def random_network() -> lite.ImageNet:
    return lite.ImageNet(published_state())


def images(n: int = 2, side: int = 64) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def reference(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Logits by the published recipe, norms apart and padded in front and behind by hand."""

    def conv(x: Tensor, name: str, norm: str, stride: int = 1, groups: int = 1, active: bool = True) -> Tensor:
        weight = state[f"{name}.weight"]
        k = weight.shape[-1]
        total = [max((-(-size // stride) - 1) * stride + k - size, 0) for size in x.shape[2:]]
        x = F.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
        x = F.conv2d(x, weight, None, stride, 0, 1, groups)
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = F.batch_norm(x, *parts, False, 0.0, 1e-3)
        return F.relu6(x) if active else x

    x, index, inputs = conv(x, "_conv_stem", "_bn0", 2), 0, lite.STEM
    for expansion, _, stride, outputs, repeats in lite.TABLE:
        for i in range(repeats):
            name = f"_blocks.{index}."
            y = conv(x, f"{name}_expand_conv", f"{name}_bn0") if expansion > 1 else x
            y = conv(y, f"{name}_depthwise_conv", f"{name}_bn1", stride if i == 0 else 1, y.shape[1])
            y = conv(y, f"{name}_project_conv", f"{name}_bn2", active=False)
            x = x + y if i or (stride == 1 and inputs == outputs) else y
            index, inputs = index + 1, outputs
    x = conv(x, "_conv_head", "_bn1").mean((2, 3))
    return x @ state["_fc.weight"].T + state["_fc.bias"]


def test_folded_network_is_the_published_recipe(random_network: lite.ImageNet) -> None:
    state = published_state()
    for side in (224, 75):  # an odd size pads as many pixels in front as behind
        x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
        reading = random_network.network(x)
        found = random_network.network.classifier(reading.head.mean((2, 3)))
        expected = reference(state, x)
        assert (found - expected).abs().max() <= 1e-3 * expected.abs().max()
        assert [m.shape[1] for m in reading.maps] == list(lite.WIDTHS)


def test_contract(random_network: lite.ImageNet) -> None:
    x = images()
    p = random_network.categories(x)
    assert p.shape == (2, 1000) and torch.allclose(p.sum(1), torch.ones(2))
    assert len(random_network.category_names) == 1000
    assert random_network.features(x).shape == (2, lite.FEATURES)
    maps = random_network.feature_maps(x)
    assert [tuple(m.shape[2:]) for m in maps] == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]
    for m in maps:
        assert torch.allclose(m.square().sum(1), torch.ones(()), atol=1e-3)
    with pytest.raises(GantkError, match="no attributes"):
        random_network.attributes(x)
    grey = x[:, :1]
    assert torch.equal(random_network.features(grey), random_network.features(grey.expand(-1, 3, -1, -1)))
    wide = random_network.feature_maps(images(1, 96)[:, :, :48])
    assert tuple(wide[0].shape[2:]) == (32, 64), "enlarged in proportion, so that the short side has 64 pixels"


def test_distance_is_a_distance_and_can_be_differentiated(random_network: lite.ImageNet) -> None:
    a, b = images(3), images(3).flip(0)
    assert torch.equal(perceptual_distance(a, a, random_network), torch.zeros(3))
    far = perceptual_distance(a, b, random_network)
    assert torch.allclose(far, perceptual_distance(b, a, random_network)) and float(far[0]) > 0.01
    x = a.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(perceptual_distance(x, b, random_network).sum(), x)
    step = torch.randn(a.shape, generator=torch.Generator().manual_seed(4))
    _, along = jvp(lambda y: perceptual_distance(y, b, random_network).sum(), (a,), (step,))
    assert torch.allclose(along, (gradient * step).sum(), rtol=1e-3)


def test_damaged_files_and_absent_ones_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="left over"):
        lite.folded({**published_state(), "more": torch.zeros(1)})
    short = published_state()
    del short["_blocks.3._bn1.bias"]
    torch.save(short, tmp_path / "short.pth")
    (tmp_path / "text.pth").write_text("no pickle")
    for name in ("short.pth", "text.pth", "absent.pth"):
        with pytest.raises(GantkError, match="EfficientNet-Lite0"):
            lite.ImageNet.from_file(tmp_path / name)
    monkeypatch.setattr(lite, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(GantkError, match="pip install 'gantk\\[features\\]'"):
        load_predictor("imagenet")


def test_default_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    from generator_cases import tiny

    generator = tiny("pggan")
    monkeypatch.setattr(lite, "located", lambda: Path("weights.pth"))
    assert metric_name(generator) == "imagenet"
    monkeypatch.setattr(lite, "located", lambda: None)
    with pytest.raises(GantkError, match="pip install 'gantk\\[features\\]'"):
        metric_name(generator)
    generator.bundled = "demo-pggan"
    assert metric_name(generator) == "demo"


@installed
def test_photographs_are_recognised() -> None:
    from sklearn.datasets import load_sample_image

    predictor = load_predictor("imagenet")
    for name, wanted in (("china.jpg", 698), ("flower.jpg", 985)):
        image = torch.tensor(load_sample_image(name)).permute(2, 0, 1)[None] / 127.5 - 1
        left = (image.shape[3] - image.shape[2]) // 2
        p = predictor.categories(image[..., left : left + image.shape[2]])[0]
        assert int(p.argmax()) == wanted
    assert predictor.category_names[698] == "palace" and predictor.category_names[985] == "daisy"


def test_names_of_classes_are_those_that_torchvision_publishes() -> None:
    assert imagenet._table() == imagenet._published()


@pytest.mark.parametrize("text", ["names = 3\n", "_IMAGENET_CATEGORIES = [x]\n", "def (", None])
def test_names_of_classes_come_from_the_published_list_where_the_table_changed(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(imagenet.importlib.util, "find_spec", lambda name: found)
    if text is not None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "_meta.py").write_text(text)
    assert imagenet._table() == ()
    monkeypatch.undo()
    monkeypatch.setattr(imagenet, "_table", tuple)
    assert imagenet.class_names.__wrapped__()[207] == "golden retriever"
