"""scripts/gpu.py and scripts/full_size.py: every line runs here, on the CPU with small networks."""

from __future__ import annotations

import json
from pathlib import Path

import forked
import pytest


@pytest.fixture(autouse=True)
def scripts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "scripts"))


def test_every_step_runs_dry(root: Path, tmp_path: Path) -> None:
    done = forked.run([root / "scripts" / "gpu.py", "--dry-run", "--out", tmp_path / "gpu.json"], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    from on_gpu.steps import STEPS

    assert [name for line in lines for name in line] == list(STEPS)
    for line in lines:
        for name, figures in line.items():
            assert set(figures) > {"device", "seconds"} and "failed" not in figures, name
    assert not (tmp_path / "gpu.json").exists()


def test_the_table_of_the_documentation_says_what_is_not_measured(root: Path, tmp_path: Path) -> None:
    import gpu
    from on_gpu.steps import STEPS

    page = tmp_path / "page.md"
    page.write_text(f"before\n{gpu.BEGIN}\nold\n{gpu.END}\nafter\n")
    gpu.write_docs(page, {"parity": {"device": "a card", "seconds": 3.0, "networks": 70, "worst": 1.25e-6}})
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| a card | networks: 70; worst: 1.25e-06 |" in text
    assert text.count("not measured") == len(STEPS) - 1


def test_the_committed_table_is_of_no_machine_yet_or_of_one_that_is_named(root: Path) -> None:
    import gpu
    from on_gpu.steps import STEPS

    text = (root / "docs" / "performance.md").read_text()
    rows = text.partition(gpu.BEGIN)[2].partition(gpu.END)[0].strip().splitlines()[2:]
    assert len(rows) == len(STEPS)
    for row in rows:
        _, _, device, figures, _ = (cell.strip() for cell in row.split("|"))
        assert (figures == "not measured") != bool(device)


def test_what_was_kept_is_whole_and_not_done_again(tmp_path: Path) -> None:
    import gpu

    gpu.keep(tmp_path / "a" / "gpu.json", {"parity": {"worst": 1.0}})
    assert json.loads((tmp_path / "a" / "gpu.json").read_text()) == {"parity": {"worst": 1.0}}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["gpu.json"]


def test_full_size_networks_are_the_published_ones() -> None:
    import torch
    from full_sizes.networks import configs

    from gantk.generators.registry import build

    millions = {"stylegan2": 30, "stylegan2-256": 30, "stylegan3-t": 23, "biggan-deep": 50, "pggan": 23}
    for name, (family, config) in configs().items():
        with torch.device("meta"):
            generator = build(family, config)
        count = sum(part.numel() for part in generator.parameters()) / 1e6
        assert count == pytest.approx(millions[name], rel=0.25), (name, count)
        assert generator.spec.resolution == config["resolution"]


def test_a_line_of_the_table_is_measured_on_a_small_network(root: Path, tmp_path: Path) -> None:
    import full_size
    from full_sizes.commands import LINES

    line = next(line for line in LINES if line.name == "manipulate, one late row")
    found = full_size.measured(line, tmp_path, small=True)
    assert set(found) == {"peak_mb", "cpu_s", "s"} and found["peak_mb"] > 50
    text = full_size.table({f"{line.network}: {line.name}": found}, LINES)
    assert f"{found['peak_mb'] / 1000:.1f} GB" in text and text.count("not measured") == len(LINES) - 1
    other = next(each for each in LINES if each is not line)
    again = full_size.table({f"{other.network}: {other.name}": {"peak_mb": 7000, "cpu_s": 1.0}}, LINES, text)
    assert f"{found['peak_mb'] / 1000:.1f} GB" in again and again.count("not measured") == len(LINES) - 2
