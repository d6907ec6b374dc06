"""Feed damaged checkpoints to the readers and count what happens: every outcome must be a load or a one-sentence error.

    python scripts/fuzz_readers.py [--reference ../shared/reference] [--mutations 2000] [--jobs 2] [--seed 0]

Every reference checkpoint (without them: files that gantk writes) is damaged again and again: cut, bits flipped, bytes
replaced by opcodes and extreme numbers, pieces moved, repeated, removed or taken from another file. A damaged file that
makes a reader say something new is kept and damaged further, so that the search follows the readers' own branches. The
process may grow by 512 MiB and a file may take 20 seconds of CPU; exceeding either, or any exception but GantkError, is
a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

MEMORY = 512 << 20
SECONDS = 20
SIZE = 600_000  # larger originals are left out: damage there hits raw numbers, not structure

EXTREMES = [b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 8, b"\x00" * 8, b"\x00\x00\x00\x80"]
_CODES = b"().0123FIJKLMNPQRSTUVXabcdeghijlopqrstu}]\x80\x81\x82\x85\x86\x87\x8a\x8c\x8e\x93\x94\x95"
OPCODES = [
    bytes([code])
    for code in b"().0123FIJKLMNPQRSTUVXabcdeghijlopqrstu}]\x80\x81\x82\x85\x86\x87\x8a\x8c\x8e\x93\x94\x95"
]


def originals(reference: Path) -> dict[str, bytes]:
    """Valid files by name."""
    paths = [
        path for pattern in ("torch/*.p*", "torch/*/*.bin", "tensorflow/*.pkl") for path in reference.glob(pattern)
    ]
    found = {str(path.relative_to(reference)): path.read_bytes() for path in sorted(paths)}
    found |= own_files()
    return {name: data for name, data in found.items() if len(data) <= SIZE}


def own_files() -> dict[str, bytes]:
    """A small StyleGAN2 as torch zip, torch stream and gantk file, and a pickled .npy."""
    import numpy as np
    import torch

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.export import export_state
    from gantk.checkpoints.native import write_checkpoint
    from gantk.generators.stylegan2 import StyleGAN2, StyleGAN2Config

    torch.manual_seed(0)
    sizes = {"z_dim": 8, "w_dim": 8, "mapping_width": 8, "mapping_layers": 2}
    network = StyleGAN2(StyleGAN2Config(resolution=8, channels=(4, 3), **sizes))
    checkpoint = Checkpoint("stylegan2", network.config.to_dict(), network.state_dict(), "made here")
    made = {}
    for zipped, name in ((True, "small torch zip"), (False, "small torch stream")):
        file = io.BytesIO()
        torch.save(export_state(checkpoint, "genforce"), file, _use_new_zipfile_serialization=zipped)
        made[name] = file.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder) / "x.safetensors", checkpoint)
        made["small gantk file"] = (Path(folder) / "x.safetensors").read_bytes()
    file = io.BytesIO()
    np.save(file, {"boundary": np.ones((1, 8)), "meta_data": {"type": "attribute"}})  # numpy pickles it
    made["pickled .npy"] = file.getvalue()
    return made


def damaged(data: bytes, other: bytes, source: random.Random) -> bytes:
    """One to three kinds of damage; two thirds of the places lie in the first and last 4 kB, where structure is."""
    for _ in range(source.randint(1, 3)):
        if len(data) < 8:
            return data
        edge = min(4096, len(data) - 1)
        at = source.choice(
            [source.randrange(len(data)), source.randrange(edge), len(data) - 1 - source.randrange(edge)]
        )
        length = source.choice([1, 1, 2, 4, 8, source.randint(1, 64), source.randint(1, 4096)])
        kind = source.randrange(8)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + bytes([data[at] ^ 1 << source.randrange(8)]) + data[at + 1 :]
        elif kind == 2:
            piece = source.choice(EXTREMES)
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == 3:
            data = data[:at] + source.choice(OPCODES) + data[at + source.randint(0, 1) :]
        elif kind == 4:
            data = data[:at] + data[at + length :]
        elif kind == 5:
            data = data[:at] + data[at : at + length] * source.randint(2, 4) + data[at + length :]
        elif kind == 6:
            start = source.randrange(len(other))
            data = data[:at] + other[start : start + length] + data[at + length :]
        else:
            to = source.randrange(len(data))
            data = data[:at] + data[to : to + length] + data[at + length :]
    return data


class TooLong(BaseException):
    """Raised by the alarm; no reader catches it."""


def outcome(path: Path) -> tuple[str, str]:
    """("loaded" | "refused" | "finding", what was said)."""
    from gantk.checkpoints.audit import audit
    from gantk.checkpoints.load import load_generator
    from gantk.checkpoints.unpickle import load_legacy_npy
    from gantk.errors import GantkError

    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        with contextlib.suppress(GantkError):
            audit(path)
        load_legacy_npy(path) if path.read_bytes()[:6] == b"\x93NUMPY" else load_generator(path)
        return "loaded", ""
    except GantkError as error:
        return "refused", str(error)
    except BaseException as error:  # a finding, whatever it is
        return "finding", "".join(traceback.format_exception(error)[-3:])
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def campaign(arguments: tuple[str, bytes, bytes, int, int, str]) -> dict[str, Any]:
    """All mutations of one file."""
    name, original, other, mutations, seed, keep = arguments
    import torch

    torch.set_num_threads(1)
    source = random.Random(f"{name} {seed}")
    folder = Path(tempfile.mkdtemp(prefix="gantk-fuzz-"))
    path = folder / "file"
    path.write_bytes(original)
    first = outcome(path)  # imports everything
    limit_memory()
    signal.signal(signal.SIGVTALRM, _too_long)
    corpus, said, counts = [original], {template(first[1], path)}, Counter({first[0]: 0})
    slowest, findings = 0.0, []
    for _ in range(mutations):
        data = damaged(source.choice([*corpus[-64:], original]), other, source)
        path.write_bytes(data)
        start = time.process_time()
        verdict, text = outcome(path)
        slowest = max(slowest, time.process_time() - start)
        counts[verdict] += 1
        if verdict == "finding":
            findings.append(text)
            if keep:
                Path(keep).mkdir(parents=True, exist_ok=True)
                (Path(keep) / f"{Path(name).name}-{len(findings)}").write_bytes(data)
        if template(text, path) not in said and len(data) <= 2 * SIZE:
            said.add(template(text, path))
            corpus.append(data)
    path.unlink()
    folder.rmdir()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {
        "file": name, "original": first[0], "mutations": mutations, "loaded": counts["loaded"],
        "refused": counts["refused"], "messages": len(said), "slowest_s": round(slowest, 2), "peak_mb": peak,
        "findings": findings,
    }  # fmt: skip


def template(text: str, path: Path) -> str:
    """A message without numbers and names, to tell new ones from known ones."""
    return re.sub(r"[0-9]+|'[^']*'|\"[^\"]*\"", "#", text.replace(str(path), ""))[:120]


def limit_memory() -> None:
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))


def _too_long(*_: object) -> None:
    raise TooLong(f"more than {SECONDS} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--reference", type=Path, default=root.parent / "shared" / "reference")
    parser.add_argument("--mutations", type=int, default=2000, help="per file")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a file's name")
    parser.add_argument("--keep", default="", help="folder for files that are findings")
    arguments = parser.parse_args()
    files = originals(arguments.reference)
    files = {name: data for name, data in files.items() if arguments.only in name}
    names = list(files)
    others = [files[names[(index + 7) % len(names)]] for index in range(len(names))]
    work = [
        (name, files[name], other, arguments.mutations, arguments.seed, arguments.keep)
        for name, other in zip(names, others, strict=True)
    ]
    start = time.time()
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        results = pool.map(campaign, work, chunksize=1)
    findings = [text for result in results for text in result["findings"]]
    print("| file | mutations | refused | loaded | different messages | slowest, CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for row in results:
        columns = ("file", "mutations", "refused", "loaded", "messages", "slowest_s", "peak_mb")
        print("| " + " | ".join(str(row[column]) for column in columns) + " |")
    total = {key: sum(row[key] for row in results) for key in ("mutations", "refused", "loaded")}
    summary = {**total, "files": len(results), "findings": len(findings), "wall_s": round(time.time() - start)}
    print(json.dumps(summary))
    for text in sorted(set(findings))[:20]:
        print(text, file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
