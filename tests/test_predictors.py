"""Predictors: what is read from images, by the bundled networks, by Places365's and by functions of the user."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor

from gantk.errors import GantkError, UsageError
from gantk.predictors import weights as weights_module
from gantk.predictors.base import Predictor
from gantk.predictors.demo import DemoPredictor
from gantk.predictors.distance import frechet_distance, perceptual_distance
from gantk.predictors.load import load_predictor
from gantk.predictors.networks import AttributeNetwork, Convolution, NetworkConfig, Segmenter, fold
from gantk.predictors.places365 import MEAN, Places365, preprocess
from gantk.predictors.places365_labels import SCENE_ATTRIBUTES
from gantk.predictors.resampling import resize
from gantk.predictors.weights import BUNDLED, FOLDER, read_weights, write_weights
from gantk.store.files import sha256_of
from gantk.world.renderer import CLASSES, FACTOR_NAMES, FACTORS, render, sample_scene


def images(n: int, seed: int = 0, size: int = 64) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def demo() -> DemoPredictor:
    predictor = load_predictor("demo")
    assert isinstance(predictor, DemoPredictor)
    return predictor


# --- the bundled predictor --------------------------------------------------------------------------------------------


def test_bundled_names_are_the_renderers(demo: DemoPredictor) -> None:
    assert demo.attribute_names == FACTOR_NAMES
    assert demo.class_names == CLASSES
    assert demo.low_A.tolist() == [factor.low for factor in FACTORS]
    assert (demo.low_A + demo.span_A).tolist() == [factor.high for factor in FACTORS]


def test_bundled_weights_are_the_listed_bytes_and_small() -> None:
    for name, digest in BUNDLED.values():
        assert sha256_of(FOLDER / name) == digest
    assert sum((FOLDER / name).stat().st_size for name, _ in BUNDLED.values()) <= 2_200_000


def test_bundled_predictor_reads_renders_that_no_training_saw(demo: DemoPredictor) -> None:
    factors, nuisance = sample_scene(200, seed=34_000)
    drawn = render(factors, nuisance)
    guess, truth = demo.attributes(drawn.image_NCHW), factors
    for i, factor in enumerate(FACTORS):
        rows = truth[:, FACTOR_NAMES.index("trees")] > 0 if factor.name == "tree_size" else torch.ones(200).bool()
        error = (guess - truth)[rows, i]
        r2 = 1 - error.square().mean() / truth[rows, i].var(correction=0)
        assert r2 > 0.96, f"{factor.name}: R2 {r2:.3f}"
        assert error.mean().abs() < 0.02 * (factor.high - factor.low), f"{factor.name}: biased"
    picked, known = demo.segment(drawn.image_NCHW).argmax(1), drawn.class_map_NHW
    for i, name in enumerate(CLASSES):
        iou = ((picked == i) & (known == i)).sum() / ((picked == i) | (known == i)).sum()
        assert iou > 0.8, f"{name}: IoU {iou:.3f}"


def test_a_render_at_twice_the_size_is_read_alike(demo: DemoPredictor) -> None:
    scene = sample_scene(8, seed=34_001)
    small, large = render(*scene).image_NCHW, render(*scene, resolution=128).image_NCHW
    error = (demo.attributes(small) - demo.attributes(large)) / demo.span_A
    assert error.abs().mean() < 0.02
    assert demo.segment(large).shape == (8, len(CLASSES), 128, 128)
    agree = demo.segment(large).argmax(1) == render(*scene, resolution=128).class_map_NHW
    assert agree.float().mean() > 0.95


def test_an_image_is_judged_alone(demo: DemoPredictor) -> None:
    batch = images(5)
    for method in (demo.attributes, demo.features, demo.segment):
        torch.testing.assert_close(method(batch)[3:4], method(batch[3:4]), rtol=1e-4, atol=1e-4)


def test_features_know_a_blurred_picture(demo: DemoPredictor) -> None:
    one, two = (render(*sample_scene(100, seed=seed)).image_NCHW for seed in (34_002, 34_003))
    blurred = F.avg_pool2d(F.pad(one, (1, 1, 1, 1), mode="replicate"), 3, 1)
    same = frechet_distance(demo.features(one), demo.features(two))
    assert frechet_distance(demo.features(blurred), demo.features(two)) > 1.5 * same


def test_what_a_predictor_lacks_is_said() -> None:
    class Bare(Predictor):
        name = "bare"

    for method in ("attributes", "categories", "segment", "features", "feature_maps"):
        with pytest.raises(GantkError, match="'bare' has no"):
            getattr(Bare(), method)(images(1))


def test_bytes_are_no_images(demo: DemoPredictor) -> None:
    with pytest.raises(GantkError, match=r"\(1, 64, 64, 3\)"):
        demo.attributes(torch.zeros(1, 64, 64, 3))
    with pytest.raises(GantkError, match="uint8"):
        demo.segment(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))


# --- networks and their files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [AttributeNetwork, Segmenter])
def test_folding_batch_normalisation_changes_nothing(network: type) -> None:
    torch.manual_seed(0)
    config = NetworkConfig((4, 6, 8, 10), 3, squeeze=2, features=5)
    trained = network(config, norm=True)
    with torch.no_grad():
        for module in trained.modules():
            if isinstance(module, Convolution):
                module.norm.running_mean.uniform_(-1, 1)
                module.norm.running_var.uniform_(0.5, 2)
                module.norm.weight.uniform_(0.5, 2)
                module.norm.bias.uniform_(-1, 1)
    shipped = network(config)
    shipped.load_state_dict(fold(trained.state_dict()))
    for ours, theirs in zip(_tensors(shipped(images(2))), _tensors(trained.eval()(images(2))), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def _tensors(output: object) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    assert isinstance(output, tuple)
    return [tensor for part in output for tensor in _tensors(part)]


@pytest.fixture
def weight_file(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    config = NetworkConfig((4, 6, 8, 10), 2, squeeze=2, features=5)
    header = {"names": ["a", "b"], "low": [0.0, -1.0], "high": [1.0, 3.0]}
    write_weights(
        tmp_path / "attributes.safetensors", "attributes", config, AttributeNetwork(config).state_dict(), header
    )
    return tmp_path / "attributes.safetensors"


def test_a_weight_file_and_its_folder_are_predictors(weight_file: Path) -> None:
    for path in (weight_file, weight_file.parent):
        predictor = load_predictor(path)
        assert predictor.attribute_names == ("a", "b")
        assert predictor.attributes(images(3)).shape == (3, 2)
        with pytest.raises(GantkError, match="has no segmentation"):
            predictor.segment(images(1))
    with pytest.raises(GantkError, match="neither"):
        (weight_file.parent / "empty").mkdir()
        load_predictor(weight_file.parent / "empty")


def test_damaged_and_foreign_weight_files_are_refused(weight_file: Path, tmp_path: Path) -> None:
    data = weight_file.read_bytes()
    for name, content in {
        "truncated": data[:-100], "header": data[:60], "empty": b"", "noise": b"\xff" * 500,
        "kind": data.replace(b'"attributes', b'"attribXtes'), "plain": _plain_safetensors(),
    }.items():  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(GantkError, match=name):
            read_weights(path)
    with pytest.raises(GantkError, match="absent"):
        read_weights(tmp_path / "absent")


def _plain_safetensors() -> bytes:
    from safetensors.torch import save

    return save({"x": torch.zeros(2)}, {"other": json.dumps({})})


def test_changed_bundled_weights_are_refused(
    weight_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_module, "FOLDER", tmp_path)
    with pytest.raises(GantkError, match="sha256"):
        weights_module.read_bundled("attributes")


# --- resampling and distances -----------------------------------------------------------------------------------------


def test_shrinking_by_a_whole_factor_is_the_mean_and_enlarging_is_bilinear() -> None:
    x = images(2, size=24)
    torch.testing.assert_close(resize(x, 8, 12), F.avg_pool2d(x, (3, 2)))
    torch.testing.assert_close(
        resize(x, 40, 31), F.interpolate(x, (40, 31), mode="bilinear", align_corners=False), rtol=1e-4, atol=1e-5
    )
    assert resize(x, 24, 24) is x


def test_shrinking_by_any_factor_weighs_pixels_by_area() -> None:
    row = torch.tensor([1.0, 2.0, 4.0]).expand(1, 1, 1, 3)
    torch.testing.assert_close(resize(row, 1, 2)[0, 0, 0], torch.tensor([(1 + 0.5 * 2) / 1.5, (0.5 * 2 + 4) / 1.5]))


def test_perceptual_distance_is_a_distance(demo: DemoPredictor) -> None:
    a, b = (render(*sample_scene(4, seed=seed)).image_NCHW for seed in (1, 2))
    assert torch.equal(perceptual_distance(a, a, demo), torch.zeros(4))
    torch.testing.assert_close(perceptual_distance(a, b, demo), perceptual_distance(b, a, demo))
    near = perceptual_distance(a, a + 0.02 * images(4), demo)
    assert (near > 0).all() and (near < perceptual_distance(a, b, demo)).all()
    with pytest.raises(GantkError, match=r"\(3, 3, 64, 64\)"):
        perceptual_distance(a, a[:3], demo)


@pytest.mark.parametrize("size", [64, 128, 50])
def test_perceptual_distance_has_second_derivatives_in_both_modes(demo: DemoPredictor, size: int) -> None:
    image, u, v = (images(1, seed=seed, size=size) for seed in range(3))

    def distance(x: Tensor) -> Tensor:
        return perceptual_distance(x, image, demo).sum()

    def along(direction: Tensor) -> Tensor:  # the Hessian at zero distance times a direction, forward over reverse
        return torch.func.jvp(torch.func.grad(distance), (image,), (direction,))[1]

    torch.testing.assert_close((u * along(v)).sum(), (v * along(u)).sum(), rtol=1e-3, atol=1e-6)
    curvature = (u * along(u)).sum()
    step = 1e-2
    finite = 2 * distance(image + step * u * 0.1) / (step * 0.1) ** 2
    torch.testing.assert_close(curvature, finite, rtol=0.15, atol=0.0)
    reverse = torch.autograd.functional.hvp(distance, image, u)[1]
    torch.testing.assert_close(reverse, along(u), rtol=1e-3, atol=1e-6)
    both = torch.vmap(along)(torch.stack([u, v]))
    torch.testing.assert_close(both[1], along(v), rtol=1e-3, atol=1e-6)


def test_frechet_distance_of_known_gaussians() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(300, 6)) @ random.normal(size=(6, 6)), random.normal(size=(200, 6)) + 1
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    slow = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * scipy.linalg.sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(slow, rel=1e-9)
    assert frechet_distance(torch.from_numpy(b), torch.from_numpy(a)) == pytest.approx(slow, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 3) == pytest.approx(6 * 9, rel=1e-9)


def test_frechet_distance_of_fewer_images_than_features_is_the_same() -> None:
    draw = np.random.default_rng(3)
    a, b = draw.standard_normal((9, 12)), 2 * draw.standard_normal((14, 12)) + 0.5
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b + 1e-14 * np.eye(12)).real
    slow = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(slow, rel=1e-4)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_with_dead_features_and_few_samples() -> None:
    a = np.random.default_rng(0).normal(size=(8, 40))
    a[:, :5] = 0
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    with pytest.raises(GantkError, match="not finite"):
        frechet_distance(a, np.full((3, 40), np.nan))
    with pytest.raises(GantkError, match=r"\(8, 40\) and \(8, 39\)"):
        frechet_distance(a, a[:, 1:])


# --- Places365 --------------------------------------------------------------------------------------------------------


def _places_files(folder: Path, *, sub: bool = True, names: bool = True) -> tuple[dict[str, Tensor], np.ndarray]:
    """Random weights laid out as the Places365 authors': without batch counters, keys below "module."."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    state = {key: value for key, value in resnet18(num_classes=365).state_dict().items() if "num_batches" not in key}
    for key in state:
        if key.endswith("running_mean"):
            state[key] = torch.randn_like(state[key]) * 0.1
    weight = np.random.default_rng(0).normal(size=(102, 512))
    pretrain, annotations = (folder / "pretrain", folder / "annotations") if sub else (folder, folder)
    pretrain.mkdir(parents=True, exist_ok=True)
    annotations.mkdir(parents=True, exist_ok=True)
    saved = {"epoch": 90, "arch": "resnet18", "state_dict": {f"module.{key}": value for key, value in state.items()}}
    torch.save(saved, pretrain / "wideresnet18_places365.pth.tar", _use_new_zipfile_serialization=False)
    np.save(pretrain / "W_sceneattribute_wideresnet18.npy", weight)
    if names:
        lines = [f"/a/place/{i} {i}" for i in range(365)]
        (annotations / "categories_places365.txt").write_text("\n".join(lines) + "\n")
    return state, weight


def test_places365_equals_a_plain_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image
    from torchvision import transforms
    from torchvision.models import resnet18

    state, weight = _places_files(tmp_path)
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    predictor = load_predictor("places365")
    image = images(2, size=90)[:, :, :70]

    network = resnet18(num_classes=365)
    network.maxpool = torch.nn.Identity()
    network.load_state_dict(state, strict=False)
    level = ((image + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    steps = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    taken = torch.stack([steps(Image.fromarray(picture)) for picture in level])
    kept = []
    handle = network.avgpool.register_forward_hook(lambda *call: kept.append(call[2].flatten(1)))
    network.fc.weight.data[network.fc.weight.data < 0] = 0
    with torch.no_grad():
        logit = network.eval()(taken)
    handle.remove()

    torch.testing.assert_close(preprocess(image), taken, rtol=0, atol=1e-6)
    torch.testing.assert_close(predictor.features(image), kept[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(predictor.categories(image), logit.softmax(1), rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(
        predictor.attributes(image), kept[0] @ torch.from_numpy(weight).float().T, rtol=1e-3, atol=1e-3
    )
    assert predictor.attribute_names == SCENE_ATTRIBUTES and len(set(SCENE_ATTRIBUTES)) == 102
    assert predictor.category_names[364] == "place__364"


def test_places365_in_one_folder_without_clipping_and_names(tmp_path: Path) -> None:
    state, _ = _places_files(tmp_path, sub=False, names=False)
    plain, clipped = Places365.from_folder(tmp_path, clip=False), Places365.from_folder(tmp_path)
    assert torch.equal(plain.network.fc.weight, state["fc.weight"])
    assert torch.equal(clipped.network.fc.weight, state["fc.weight"].clamp(min=0))
    assert plain.category_names[7] == "category_007"


def test_places365_says_where_its_files_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTK_PREDICTORS", str(tmp_path))
    with pytest.raises(GantkError, match=r"wideresnet18_places365\.pth\.tar and W_scene.*GANTK_PREDICTORS"):
        load_predictor("places365")
    state, _ = _places_files(tmp_path)
    np.save(tmp_path / "pretrain" / "W_sceneattribute_wideresnet18.npy", np.zeros((102, 511), np.float32))
    with pytest.raises(GantkError, match=r"\(102, 511\)"):
        load_predictor("places365")
    np.save(tmp_path / "pretrain" / "W_sceneattribute_wideresnet18.npy", np.array([{"a": 1}], object))
    with pytest.raises(GantkError, match="not a plain .npy array"):
        load_predictor("places365")
    np.save(tmp_path / "pretrain" / "W_sceneattribute_wideresnet18.npy", np.zeros((102, 512), np.float32))
    del state["layer3.0.conv1.weight"]
    torch.save({"state_dict": state}, tmp_path / "pretrain" / "wideresnet18_places365.pth.tar")
    with pytest.raises(GantkError, match=r"not the wide ResNet18.*layer3\.0\.conv1\.weight"):
        load_predictor("places365")
    (tmp_path / "annotations" / "categories_places365.txt").write_text("/a/airfield 0\n")
    with pytest.raises(GantkError, match="names 1 categories"):
        load_predictor("places365")


def test_places365_gradients_pass_a_float_filter_that_agrees() -> None:
    image = images(1, size=64)
    smooth = preprocess(image.clone().requires_grad_())
    assert smooth.requires_grad
    assert (smooth.detach() - preprocess(image)).abs().max() * 0.229 < 1.6 / 255
    assert preprocess(-torch.ones(1, 3, 8, 8))[0, 0].mean() == pytest.approx(-MEAN[0] / 0.229)


# --- the user's own ---------------------------------------------------------------------------------------------------

OWN = """
import torch
from gantk.predictors.base import Predictor

def brightness(image_NCHW):
    return image_NCHW.mean((1, 2, 3))

def named(image_NCHW):
    return {"red": image_NCHW[:, 0].mean((1, 2)), "blue": image_NCHW[:, 2].mean((1, 2))}

def two(image_NCHW):
    return image_NCHW.mean((2, 3))[:, :2]
two.attribute_names = ("r", "g")

class Own(Predictor):
    name = "own"
    attribute_names = ("one",)
    def attributes(self, image_NCHW):
        return torch.ones(len(image_NCHW), 1)

def ragged(image_NCHW):
    return torch.zeros(7, 2)

def factory():
    return named

number = 3
def nothing():
    return 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own_predictors.py"
    path.write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_predictors", raising=False)
    return path


def test_functions_classes_and_factories_are_predictors(own_module: Path) -> None:
    batch = images(3)
    for name, names in {
        "brightness": ("score_0",), "named": ("red", "blue"), "two": ("r", "g"), "Own": ("one",),
        "factory": ("red", "blue"),
    }.items():  # fmt: skip
        for module in ("own_predictors", str(own_module)):
            predictor = load_predictor(f"{module}:{name}", code=True)
            assert predictor.attribute_names == names
            assert predictor.attributes(batch).shape == (3, len(names))
    scores = load_predictor("own_predictors:named", code=True).attributes(batch)
    torch.testing.assert_close(scores[:, 1], batch[:, 2].mean((1, 2)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_predictors:named_", "nothing called 'named_'.*'named'"),
        ("own_predictors:number", "cannot be called"),
        ("own_predictors:nothing", "returned a int"),
        ("own_predictors:ragged", r"\(7, 2\) for 1 image"),
        ("absent_module:f", "cannot be imported.*absent_module"),
        ("absent.py:f", "cannot be imported.*absent.py"),
        ("dem", "no predictor 'dem'.*'demo'"),
        ("./absent.safetensors", "no predictor './absent.safetensors'"),
    ],
)
def test_a_wrong_predictor_gets_one_sentence(own_module: Path, name: str, message: str) -> None:
    with pytest.raises(GantkError, match=message) as caught:
        load_predictor(name, code=True)
    assert "\n" not in str(caught.value)
    if "ragged" not in name:
        assert isinstance(caught.value, UsageError)
