"""What every process does that test_torchrun.py starts by torchrun: command lines in turn, then a training by hand.

    python torchrun_ranks.py LINES.json OUT.json

Starting is most of the time, so that all of it shares one start, and the processes are forks of torchrun's own, which
has torch loaded. The group of processes is the first that a command line makes, and stays: torchrun's store holds the
addresses of that one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


def keep_the_group() -> None:
    """Let later command lines join the processes that the first one joined."""
    begin = dist.init_process_group
    dist.init_process_group = lambda *more: dist.is_initialized() or begin(*more)  # type: ignore[assignment]
    dist.destroy_process_group = lambda: None


def train(out: Path) -> None:
    """Three steps of NaviGAN's training, each process with half of a batch."""
    from generator_cases import codes
    from test_navigan_training import PLAN, basis_of, target

    from gantk.navigan.training import Rectifier, Trainer

    found = target()
    rectifier = Rectifier(found, basis_of(found), PLAN)
    trainer = Trainer(rectifier, lambda a, b: codes(found.generator, b - a, start=a), dist.get_rank(), 2)
    for number in range(3):
        trainer.step(number)
    if dist.get_rank() == 0:
        out.write_text(json.dumps(trainer.rectifier.coefficients.tolist()))


def rank(lines: str, out: str) -> None:
    """One of the processes."""
    from gantk.cli.main import run

    torch.set_num_threads(1)
    end = dist.destroy_process_group
    keep_the_group()
    for words in json.loads(Path(lines).read_text()):
        code = run(words)
        if code:
            sys.exit(f"{' '.join(words)} ended with {code}")
        if dist.is_initialized():
            dist.barrier()  # the next line begins where both have ended
    train(Path(out))
    end()


def main() -> None:
    from torch.distributed.launcher.api import elastic_launch
    from torch.distributed.run import config_from_args, parse_args

    config, *_ = config_from_args(
        parse_args(["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--nproc-per-node=2", *sys.argv])
    )
    config.start_method = "fork"
    elastic_launch(config, rank)(*sys.argv[1:])


if __name__ == "__main__":
    main()
