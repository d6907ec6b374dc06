"""Sequences of the original programs as docs/from-the-originals.md gives them, one after the other in one directory."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

import gantk
from gantk.cli.main import run
from gantk.codes.kept_directions import load_direction
from gantk.errors import GantkError

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "from-the-originals.md"


def rows(heading: str) -> list[str]:
    """The gantk lines in the tables of a section."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("|").split(" | ")[-1] for line in section.splitlines() if line.startswith("|")]
    return [line for cell in cells for line in re.findall(r"`(gantk [^`]+)`", cell)]


def typed(line: str, names: dict[str, str]) -> list[str]:
    """A line with the reader's files put for its placeholders; long work made short."""
    words = [names.get(word, word) for word in shlex.split(line)[1:]]
    for option, few in (("--steps", "2"), ("-N", "2")):
        if option in words:
            words[words.index(option) + 1] = few
    if "--metric" in words:
        words[words.index("--metric") + 1] = "none"  # VGG is not here
    return words


def lines_of(heading: str, unlike: str) -> list[str]:
    return [line for line in rows(heading) if not line.startswith(unlike)]


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """A picture for the commands that take one, in the directory where everything is typed."""
    monkeypatch.chdir(tmp_path)
    assert run(["synthesize", "demo", "-N", "1", "--images", "-o", "photo"]) == 0, capsys.readouterr().err
    return next(str(path) for path in sorted(Path("photo/images").iterdir()))


def test_rosinality(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"ffhq.pkl": "demo", "ffhq.pt": "demo.pt", "photo.png": photo, "DIR": "factor"}
    generator = gantk.load_generator("demo")
    columns = torch.linalg.qr(torch.randn(generator.spec.w_dim, generator.spec.w_dim))[0]
    torch.save({"ckpt": "ffhq.pt", "eigvec": columns}, "factor.pt")
    found = rows("rosinality's stylegan2-pytorch")
    assert len(found) == 5
    for line in found:
        assert run(typed(line, names)) == 0, f"{line}: {capsys.readouterr().err}"
    direction = load_direction("factor.pt", generator)
    assert direction.space == "w" and np.array_equal(direction.vectors[19], columns[:, 19].numpy())
    torch.save({"ckpt": "ffhq.pt", "eigvec": columns[0]}, "bad.pt")
    with pytest.raises(GantkError, match=r"eigvec of shape \[64\], where \[D, K\] was expected"):
        load_direction("bad.pt", generator)


def test_encoder4editing_and_what_follows_it(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    generator = gantk.load_generator("demo")
    width, count = generator.spec.w_dim, generator.spec.num_layers
    wp = generator.expand(generator.map(generator.sample_z(2)))
    torch.save(wp.contiguous(), "latents.pt")
    torch.save(wp[:1].contiguous(), "0.pt")
    torch.save(wp[:1].contiguous(), "w.pt")
    torch.save(torch.randn(1, width), "age.pt")
    spread = {"mean": torch.zeros(1, width), "std": torch.rand(60) + 0.1, "comp": torch.eye(width)[:60, None]}
    torch.save(spread, "ffhq_pca.pt")
    assert count > 7
    names = dict.fromkeys(("e4e.pt", "model_ID_NAME.pt", "stylegan2_lions.pkl"), "demo")
    found = rows("encoder4editing, PTI, DragGAN")
    for line in lines_of("encoder4editing, PTI, DragGAN", "gantk web"):
        assert run(typed(line, names)) == 0, f"{line}: {capsys.readouterr().err}"
    assert len(found) == 6


def test_stylegan2_ada(photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = {
        "ffhq.pkl": "demo", "cifar10.pkl": "demo-biggan", "photo.png": photo, "mp4": "gif", "120": "3",
        "0-31,85": "0-1,85", "cifar10.pkl?class_names=names.txt": "demo-biggan?class_names=names.txt",
    }  # fmt: skip
    Path("names.txt").write_text("dog\nfrog\ncat\n")
    np.savez("projected_w.npz", w=np.zeros((1, 10, 64), np.float32))
    for line in rows("stylegan2-ada, stylegan3"):
        words = typed(line, names)
        assert run(words if "-o" not in words else words[: words.index("-o")]) == 0, (
            f"{line}: {capsys.readouterr().err}"
        )
