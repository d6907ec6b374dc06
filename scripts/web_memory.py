"""Peak memory and waiting of every view of `gantk web` on a random StyleGAN2 of 1024 pixels, with default settings.

    python scripts/web_memory.py --seconds 40

Each view's work is begun as the page begins it, watched for some seconds, and stopped; printed are the resident peak,
how long a frame of a slider took meanwhile, and how long the stop took. Ends with 1 where a view needs 6 GB.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from soak_web import Server
from soaking.client import Client, Shared

MOST = 6 << 10  # MB
LONGEST = 900.0  # seconds that two evaluations may take
CHANNELS = (512, 512, 512, 512, 512, 256, 128, 64, 32)


def write_files(network: Path, head: Path) -> None:
    """A StyleGAN2 of 1024 pixels and the published widths, and a head of two classes, with random weights."""
    import torch

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.generators.probe import probe_of
    from gantk.generators.registry import build
    from gantk.predictors.head_files import save_head
    from gantk.predictors.heads import NETWORKS, Head, HeadInfo, default_taps, taps_of

    torch.manual_seed(0)
    generator = build("stylegan2", {"resolution": 1024, "channels": list(CHANNELS)})
    assert generator.w_avg is not None
    generator.w_avg.normal_(std=0.3)
    write_checkpoint(network, Checkpoint("stylegan2", generator.config.to_dict(), generator.state_dict(), "random"))
    taps, colours = default_taps(generator), ((9, 9, 9), (99, 9, 9))
    info = HeadInfo(
        "LSE", ("a", "b"), colours, taps, taps_of(generator, taps), 256, True, "random", probe_of(generator), {}
    )  # fmt: skip
    save_head(head, Head(info, NETWORKS["LSE"](info.channels, 2, True)))


class Probe(Client):
    """One client that asks for what each view asks for."""

    def __init__(self, shared: Shared, server: Server) -> None:
        super().__init__(shared, 0, random.Random(0))
        self.server = server

    def peak(self) -> float:
        """Largest resident megabytes since the last call."""
        assert self.server.process is not None
        folder = Path(f"/proc/{self.server.process.pid}")
        found = re.search(r"VmHWM:\s+(\d+)", (folder / "status").read_text(encoding="utf-8"))
        assert found is not None
        (folder / "clear_refs").write_text("5")
        return int(found[1]) / 1024

    def frame(self, final: bool = False) -> float:
        begun = time.monotonic()
        self.seq += 1
        self.socket.send(json.dumps({"t": "render", "seq": self.seq, "pane": 0, "project": self.project, "size": 1024,
                                     "base": {"index": self.seq}, "final": final}))  # fmt: skip
        self.answer(600)
        return time.monotonic() - begun

    def upload(self, data: bytes, kind: str = "application/octet-stream") -> str:
        return str(json.loads(self.ask("PUT", f"projects/{self.project}/blobs", data, kind)[1])["sha256"])

    def state(self) -> Any:
        return json.loads(self.ask("GET", f"projects/{self.project}")[1])

    def work(self, kind: str, args: dict[str, Any], seconds: float) -> str:
        """Begin a job, look while it runs, stop it after some seconds, of two evaluations at least; what happened."""
        body = {"kind": kind, "args": args, "key": f"{kind}-{time.monotonic()}"}
        status, data = self.ask("POST", f"projects/{self.project}/jobs", body)
        if status != 202:
            return f"is refused: {json.loads(data)['message']}"
        job, begun = json.loads(data)["job"], time.monotonic()
        frames: list[float] = []
        while True:
            found = json.loads(self.ask("GET", f"jobs/{job}")[1])
            if found["state"] not in ("waiting", "running"):
                break
            enough = found["done"] >= 2 and not found["note"].startswith("looking")
            spent = time.monotonic() - begun
            if spent > (seconds if enough else LONGEST):
                break
            if enough and not frames:
                frames.append(self.frame())
            time.sleep(0.2)
        done, asked = found["done"], time.monotonic()
        self.ask("DELETE", f"jobs/{job}")
        while (found := json.loads(self.ask("GET", f"jobs/{job}")[1]))["state"] in ("waiting", "running"):
            time.sleep(0.02)
        stopped = time.monotonic() - asked
        looks = f", a frame meanwhile {max(frames):.1f} s" if frames else ""
        error = f" ({found['error']['message']})" if found["error"] else ""
        return f"{found['state']}{error} after {done} of {found['total']}; stop took {stopped:.1f} s{looks}"


def views(probe: Probe, seconds: float, wanted: Collection[str]) -> Iterator[tuple[str, float, str]]:
    """Name of each view, its peak in MB, and what happened."""
    yield "start", probe.peak(), "the model is there"
    probe.begin()
    probe.directions = ["-"]
    probe.frames(0)
    for view, begin in ACTS.items():
        if view in wanted:
            said = begin(probe, seconds)
            yield view, probe.peak(), said


def _explore(probe: Probe, seconds: float) -> str:
    times = [probe.frame(), probe.frame(), probe.frame(final=True)]
    return f"frames {times[0]:.1f}, {times[1]:.1f} s, at full size {times[2]:.1f} s"


def _photo(probe: Probe, seconds: float) -> str:
    from gantk.pictures.images import encode

    photo = probe.upload(encode(noise()), "image/png")
    return probe.work("invert", {"photo": photo, "way": "optimise"}, seconds)


def _regions(probe: Probe, seconds: float) -> str:
    mask = bytearray(b"\xff" * 128 * 128)
    for row in range(40, 80):
        mask[row * 128 + 40 : row * 128 + 80] = bytes(40)
    return probe.work("region", {"mask": probe.upload(bytes(mask))}, seconds)


def _compare(probe: Probe, seconds: float) -> str:
    directions = [item["id"] for item in json.loads(probe.ask("GET", f"directions?model={probe.model}")[1])]
    return probe.work("card", {"direction": directions[0]}, seconds) if directions else "no direction is known yet"


def _sort(probe: Probe, seconds: float) -> str:
    marks = [{"base": {"index": i, "psi": None}, "value": i % 2 == 0} for i in range(6)]
    probe.rev = probe.state()["rev"]
    probe.record({"type": "marks", "attribute": "it", "marks": marks})
    return probe.work("sort", {"attribute": "it", "base": {}}, seconds)


HALVES = b"\0" * 128 * 256 + b"\1" * 128 * 256


def _train(probe: Probe, seconds: float) -> str:
    for index in range(2):
        event = {"type": "annotation", "base": {"index": index}, "label": probe.upload(HALVES)}
        classes = {
            "type": "classes",
            "classes": [{"name": "a", "colour": [9, 9, 9]}, {"name": "b", "colour": [99, 9, 9]}],
        }
        for one in (classes, event):
            probe.rev = probe.state()["rev"]
            probe.record(one)
    return probe.work("fit", {}, LONGEST)


def _edit(probe: Probe, seconds: float) -> str:
    heads = probe.state()["heads"]
    stroke = HALVES[: 96 * 256] + b"\xff" * (160 * 256)
    args = {"head": heads[-1]["id"], "draft": {"label": probe.upload(stroke)}}
    return probe.work("edit", args, seconds)


ACTS: dict[str, Callable[[Probe, float], str]] = {
    "explore": _explore, "photo": _photo, "regions": _regions, "compare": _compare, "sort": _sort, "train": _train,
    "edit": _edit,
}  # fmt: skip


def noise() -> Any:
    import numpy as np

    return np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each view's work")
    parser.add_argument("--only", nargs="+", choices=ACTS, default=list(ACTS), help="views; default: all")
    given = parser.parse_args()
    bad = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder / "large.safetensors", folder / "head.safetensors")
        shared = Shared()
        server = Server(folder, shared, str(folder / "large.safetensors"), None)
        server.more += ["--head", str(folder / "head.safetensors")]
        server.start()
        probe = Probe(shared, server)
        probe.model = "large"
        try:
            for view, peak, said in views(probe, given.seconds, given.only):
                bad |= peak > MOST
                print(f"{view:8} {peak:6.0f} MB  {said}", flush=True)
        finally:
            server.kill()
    for line in probe.bad:
        print(line)
    return int(bad or bool(probe.bad))


if __name__ == "__main__":
    sys.exit(main())
