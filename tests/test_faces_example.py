"""The example of docs/examples: a network that nobody here trained, behind the contract; only where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import gantk
from gantk.errors import UsageError
from gantk.predictors.few_labels import train_on_codes

pytestmark = pytest.mark.skipif(find_spec("gan_face_generate") is None, reason="pip install gan-face-generate==1.1.1")


@pytest.fixture(scope="module")
def faces() -> gantk.Generator:
    root = Path(__file__).resolve().parent.parent
    return gantk.load_generator(f"{root / 'docs' / 'examples' / 'faces.py'}:generator", code=True)


def test_faces_are_drawn_by_five_convolutions(faces: gantk.Generator) -> None:
    assert [layer.name for layer in faces.layers] == ["main.0", "main.3", "main.6", "main.9", "main.12"]
    assert [layer.resolution for layer in faces.layers] == [4, 8, 16, 32, 64]
    assert faces.spec.z_dim == 100 and faces.spec.spaces == ("z", "w", "wp")
    with torch.inference_mode():
        image = faces.synthesize(faces.expand(faces.map(faces.sample_z(64))))
    assert image.shape == (64, 3, 64, 64) and image.std() > 0.3
    # faces, not noise: neighbouring pixels go together, and the middle is redder than the corners
    smooth = torch.corrcoef(torch.stack([image[..., 1:].flatten(), image[..., :-1].flatten()]))[0, 1]
    assert smooth > 0.95
    red = image[:, 0] - image[:, 2]
    assert red[:, 24:40, 24:40].mean() > red[:, :8, :8].mean() + 0.1


def test_what_they_cannot_do_is_refused_by_name(faces: gantk.Generator) -> None:
    code = faces.sample_z(1)
    for call, words in (
        (lambda: faces.expand(code, gantk.Truncation(0.7)), "no mean code"),
        (lambda: faces.map(code, torch.tensor([0])), "takes no label"),
        (lambda: faces.styles(faces.expand(code)), "no space s"),
        (lambda: faces.synthesize(faces.expand(code), noise=3), "no noise inputs"),
        (lambda: faces.set_precision("float16"), "float32 only"),
    ):
        with pytest.raises(UsageError, match=words):
            call()


def test_an_attribute_from_labels_moves_along_its_boundary(faces: gantk.Generator) -> None:
    """Bright faces, labelled by their pixels: what is learned from 100 codes holds on others."""
    with torch.inference_mode():
        wp = faces.expand(faces.sample_z(400))
        middle = torch.cat([faces.synthesize(part) for part in wp.split(100)])[:, :, 16:48, 16:48].mean((1, 2, 3))
        bright = (middle > middle.quantile(0.8)).double().numpy()
        made = train_on_codes(faces, wp[:100], {"bright": bright[:100]})
        score = made.attributes_of_codes(wp[100:])[:, 0].numpy()
    assert np.mean(score[bright[100:] == 1]) > 3 * np.mean(score[bright[100:] == 0])
