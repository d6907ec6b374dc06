"""docs/your-own.md: every line of it runs, on a small network in place of the one that has to be downloaded."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_imagenet import Coarse, published_state

from gantk.predictors.efficientnet_lite import ImageNet
from gantk.predictors.label_files import read_labels
from gantk.resefa import verbs as resefa
from gantk.resefa.rivals import Rivals
from gantk.runs.table import TASKS

Call = Callable[..., tuple[int, str, str]]

FACES = """
from wrapped_modules import Chain, seeded
import gantk
def generator():
    return gantk.wrap(seeded(Chain))
"""
SMALLER = {
    "-N 3000": "-N 30", "num=3000": "num=30", "-N 1000": "-N 24", "-N 64": "-N 4", "-N 60": "-N 24", "num=60": "num=24",
    "--suggest 30": "--suggest 4", "--realism 60": "--realism 20", "suggest=20": "suggest=4", "--num 4": "--num 2",
    "000900.png": "000009.png", "--space z -o": "--space z --steps 5 -o",
}  # fmt: skip
BLOCK = re.compile(r"^```(sh|python)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Path:
    """A directory with a small faces.py, labels of 20 samples, and photos."""
    network = Coarse(published_state())
    monkeypatch.setattr(ImageNet, "from_file", lambda path=None: network)
    monkeypatch.setattr("gantk.predictors.efficientnet_lite.located", lambda: Path("installed"))
    monkeypatch.setattr(resefa, "Rivals", functools.partial(Rivals, samples=64))
    monkeypatch.syspath_prepend(str(root / "tests"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces.py").write_text(FACES)
    kinds = (lambda i: i % 2, lambda i: i // 2 % 2, lambda i: i // 4 % 2)
    lines = [",".join([f"{i:06d}.png", *(str(kind(i)) for kind in kinds)]) for i in range(20)]
    (tmp_path / "faces_labels.csv").write_text("\n".join(["image,glasses,smile,hat", *lines]))
    (tmp_path / "photos").mkdir()
    for i, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i:03d}.png")
    return tmp_path


def blocks(root: Path) -> list[tuple[str, str, str]]:
    text = (root / "docs" / "your-own.md").read_text(encoding="utf-8")
    for large, small in SMALLER.items():
        assert large in text, f"{large} is in the document no more"
        text = text.replace(large, small)
    return [(match[1], match[2], match[3]) for match in BLOCK.finditer(text)]


@pytest.mark.slow
def test_every_line_runs(place: Path, root: Path, gantk_command: Call) -> None:
    found = blocks(root)
    assert [kind for kind, _, _ in found].count("sh") == 5
    for kind, file, text in found:
        if file:
            (place / file).write_text(text)
        elif kind == "python":
            exec(compile(text, "your-own.md", "exec"), {})  # a block of our own document
        else:
            for line in text.splitlines():
                words = shlex.split(line)
                assert words[0] == "gantk"
                code, _, err = gantk_command(*words[1:])
                assert code == 0, f"{line}\n{err}"
    assert {"boundary_list.txt", "glasses_boundary.npy"} <= {
        path.name for path in (place / "runs/boundaries").iterdir()
    }


def test_the_labels_of_the_example_are_read(root: Path, tmp_path: Path) -> None:
    labels = root / "docs" / "examples" / "faces_labels.csv"
    for line in labels.read_text().splitlines()[1:]:
        (tmp_path / line.partition(",")[0]).touch()
    table = read_labels(labels, tmp_path)
    assert table.names == ("glasses", "smile", "hat") and len(table.files) == 239
    known = (~np.isnan(table.label_NA)).sum(0)
    # the figures of the document's card
    assert known.tolist() == [219, 143, 221] and np.nansum(table.label_NA, 0).tolist() == [32, 50, 22]


REFUSED = (
    "models convert faces.py:generator x.safetensors",
    "synthesize faces.py:generator -N 2 --truncation 0.7 -o x",
    "mix faces.py:generator --left 0 --top 1 --rows 0 -o x",
    "stylespace faces.py:generator -o x",
    "ghfeat extract faces.py:generator photos/000.png -o x",
    "ghfeat train faces.py:generator --data photos -o x",
)


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused_is_refused_in_the_documents_words(
    place: Path, root: Path, gantk_command: Call, line: str
) -> None:
    text = (root / "docs" / "your-own.md").read_text(encoding="utf-8")
    code, _, err = gantk_command(*line.split())
    assert code == 2
    assert f'"{err.removeprefix("Error: ").strip()}"' in text, err
    assert not (place / "x").exists() and not (place / "x.safetensors").exists()


def test_a_run_of_own_code_is_not_gone_on_with_unasked(place: Path, gantk_command: Call) -> None:
    words = ("resefa", "jacobian", "faces.py:generator", "--box", "0.2,0.2,0.8,0.8", "--num", 2, "-o", "run")
    code, _, err = gantk_command(*words)
    assert code == 0, err
    code, _, err = gantk_command("resefa", "directions", "run")
    assert code == 2 and err.endswith("give --model faces.py:generator.\n"), err
    assert len(err.splitlines()[-1]) <= 200, "two lines of a terminal"


def test_another_model_of_a_table_may_be_own_code(place: Path, gantk_command: Call) -> None:
    (place / "seg.py").write_text(
        "import torch\n"
        "def segment(image):\n"
        "    m = image.mean(1, keepdim=True)\n"
        "    return torch.cat([-m, m], 1)\n"
        "segment.class_names = ('dark', 'bright')\n"
    )
    common = ("--teacher", "seg.py:segment", "--size", 16)
    code, _, err = gantk_command("lse", "train", "faces.py:generator", *common, "--num", 8, "-o", "heads")
    assert code == 0, err
    also = ("--also", "faces.py:generator=heads")
    code, _, err = gantk_command(
        "lse", "evaluate", "faces.py:generator", "heads", *common[:2], *also, "-N", 4, "-o", "e"
    )
    assert code == 0, err


def test_the_table_of_verbs_names_every_task(root: Path) -> None:
    text = (root / "docs" / "your-own.md").read_text(encoding="utf-8").partition("## What works")[2]
    named = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            first, *others = re.findall(r"`([^`]+)`", line.split("|")[1])
            group = f"{first.split()[0]} " if " " in first else ""
            named |= {first, *(f"{group}{other}" for other in others), *others}
    assert set(TASKS) <= named
