"""How well linear heads find classes that are known, how few labelled images they need, and what nonlinear heads add.

`demo-oracle`: heads on the renderer's own maps, against the true class of every pixel. `demo`: LSE and NSE-1 (--ladder:
NSE-2 too) on one stream of images of the trained generator, against the bundled segmenter, whose own score on renders
stands beside it; few-shot heads by number of labelled images; samples for wanted label maps.

Legend: N images, K classes.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from gantk.store.files import load_json

CLAIM = 3.5  # per cent that LSE may lie behind NSE-1, the paper's claim
SHARE = 0.85  # of the full head that 16 shots must reach


def gantk(*words: object) -> None:
    """Run a command as it is typed; what it prints goes to stderr, where our JSON line does not."""
    from gantk.cli.main import cli

    with contextlib.redirect_stdout(sys.stderr):
        cli.main(args=[str(word) for word in words], prog_name="gantk", standalone_mode=False)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="a generator of the bundled world")
    parser.add_argument("--num", type=int, default=160, help="images to learn from")
    parser.add_argument("--epochs", type=int, default=12, help="of the heads that are not convex, over these images")
    parser.add_argument("--eval", type=int, default=200, help="fresh images to score on")
    parser.add_argument("--repeats", type=int, default=3, help="of each number of shots")
    parser.add_argument("--ladder", action="store_true", help="NSE-2 too, which doubles the time")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shared = ["--seed", arguments.seed, "--batch-size", 8]
        oracle = folder / "oracle"
        gantk("lse", "train", "demo-oracle", "--num", 32, "--held-out", 0, *shared, "-o", oracle)
        demo = folder / "demo"
        kinds = ("LSE", "NSE-1", "NSE-2") if arguments.ladder else ("LSE", "NSE-1")
        heads = [word for kind in kinds for word in ("--head", kind)]
        words = ["--num", arguments.num, "--held-out", 0, "--epochs", arguments.epochs]
        gantk("lse", "train", arguments.model, *heads, *words, *shared, "-o", demo)
        scores = folder / "scores"
        also = f"demo-oracle={oracle}"
        gantk("lse", "evaluate", arguments.model, demo, "--also", also, "--num", arguments.eval, *shared, "-o", scores)
        few = folder / "few"
        full = demo / "heads" / "LSE.safetensors"
        words = ["--shots", "1,4,8,16", "--repeats", arguments.repeats, "--full", full, "--num-eval", arguments.eval]
        gantk("lse", "fewshot", arguments.model, *words, *shared, "-o", few)
        sampled = folder / "sampled"
        gantk("lse", "sample", arguments.model, full, "--num-targets", 3, *shared, "-o", sampled)
        found = load_json(scores / "lse-evaluate.run.json")["results"]
        shots = load_json(few / "lse-fewshot.run.json")["results"]
        wanted = load_json(sampled / "lse-sample.run.json")["results"]
        trained = load_json(demo / "lse-train.run.json")["results"]
    return summarize(arguments, found, shots, wanted, trained)


def summarize(arguments: argparse.Namespace, found: Any, shots: Any, wanted: Any, trained: Any) -> dict[str, Any]:
    rows = {(row["model"], row["head"]): row for row in found["scores"]}
    passes = {head["name"]: head["passes"] for head in trained["heads"]}
    heads = {}
    for (model, head), row in rows.items():
        keys = ("paper_miou", "dataset_miou", "accuracy", "relative", "parameters")
        heads[f"{model} {head}"] = {key: row[key] for key in keys} | {
            "interval": row["intervals"]["paper_miou"],
            "passes": passes.get(head) if model == arguments.model else None,
        }
    linear, curved = (rows[arguments.model, kind]["paper_miou"] for kind in ("LSE", "NSE-1"))
    behind = 100 * (linear - curved) / curved
    by_shots = {
        str(row["shots"]): {key: row[key] for key in ("paper_miou", "deviation", "of_full", "seconds")}
        for row in shots["shots"]
    }
    curve = [row["paper_miou"] for row in shots["shots"]]
    return {
        "model": arguments.model,
        "heads": heads,
        "segmenter_on_renders": found["teachers"][0] if found["teachers"] else None,
        "oracle_accuracy": rows["demo-oracle", "LSE"]["accuracy"],
        "lse_to_nse1_percent": behind,
        "shots": by_shots,
        "sampled_miou": wanted["paper_miou"],
        "sampled_accuracy": wanted["accuracy"],
        "bars": {
            f"LSE within {CLAIM} % of NSE-1": behind >= -CLAIM,
            "mIoU rises with shots": all(low < high for low, high in pairwise(curve)),
            f"16 shots have {SHARE:.0%} of the full head": by_shots["16"]["of_full"] >= SHARE,
        },
    }


def show(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {row['paper_miou']:.3f} [{row['interval'][0]:.3f}, {row['interval'][1]:.3f}] | "
        f"{row['dataset_miou']:.3f} | {row['accuracy']:.3f} | {row['parameters']} | {row['passes'] or ''} |"
        for name, row in result["heads"].items()
    ]
    own = result["segmenter_on_renders"]
    shots = [
        f"| {count} | {row['paper_miou']:.3f} | {row['deviation']:.3f} | {row['of_full']:.0%} |"
        for count, row in result["shots"].items()
    ]
    bars = [f"- {name}: {'yes' if met else '**no**'}" for name, met in result["bars"].items()]
    segmenter = f"The segmenter itself has a mIoU of {own['paper_miou']:.3f} on renders. " if own else ""
    return "\n".join(
        [
            "| head | mIoU, 95 % interval | mIoU, all pixels | accuracy | weights | image passes |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"{segmenter}LSE lies {result['lse_to_nse1_percent']:+.1f} % from NSE-1.",
            "",
            "| labelled images | mIoU | largest deviation of a repeat | of the full head |",
            "|---|---|---|---|",
            *shots,
            "",
            f"Samples for wanted label maps: mIoU {result['sampled_miou']:.3f}, accuracy "
            f"{result['sampled_accuracy']:.3f}, as the segmenter labels them.",
            "",
            *bars,
        ]
    )
