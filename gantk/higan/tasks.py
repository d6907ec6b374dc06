"""The tasks of HiGAN."""

from __future__ import annotations

from gantk.higan.inputs import SynthesizeInputs
from gantk.higan.options import SynthesizeOptions
from gantk.runs.options import ShardOptions
from gantk.runs.task import Task

SYNTHESIZE = Task(
    name="synthesize",
    summary="Sample latents, images and predictions from a generator.",
    description="w is written before truncation, wp after it, z as the network takes it. Killed or interrupted, the "
    "same command continues where it stopped and ends with the same bytes.",
    inputs=SynthesizeInputs,
    options=SynthesizeOptions,
    run=ShardOptions,
    result="gantk.higan.samples:SynthesizeResult",
    verb="gantk.higan.synthesis:synthesize",
    conclude="gantk.higan.synthesis:conclude",
    facts="gantk.higan.synthesis:SynthesisFacts",
    page="gantk.higan.pages.synthesize:page",
    upgrade="gantk.higan.upgrade:synthesize",
    made="synthesis",
    examples=(
        "gantk synthesize demo --num 1000 --generate-prediction -o runs/samples",
        "gantk synthesize church.pkl -N 500000 --latents z,w --shard 0/8 --generate-prediction -o runs/church",
        "gantk synthesize demo -i runs/samples/w.npy --latent-space-type w --images -o runs/again",
    ),
    originals=("--html-row", "--html-col", "--html-name", "--viz-size", "--logfile-name"),
    original_flags=("--generate-html",),
)
