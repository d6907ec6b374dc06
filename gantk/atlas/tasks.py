"""The task of the atlas."""

from gantk.atlas.options import AtlasInputs, AtlasOptions
from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Task

CHART = Task(
    name="atlas",
    summary="Find directions by all systems, measure them alike, and join and name those that do the same.",
    description="Finds directions by HiGAN's boundaries, SeFa, GANSpace, ReSeFa, style channels, NaviGAN's weights and "
    "an encoder's styles, takes those that are given, measures all on held-out samples at equal perceptual change, and "
    "joins those that do the same. Every source is a run of its own below the atlas. A command that was stopped "
    "continues where it was.",
    inputs=AtlasInputs,
    options=AtlasOptions,
    run=ShardOptions,
    conclude="gantk.atlas.concluding:conclude",
    facts="gantk.atlas.plan:AtlasFacts",
    result="gantk.atlas.found:AtlasResult",
    verb="gantk.atlas.verbs:chart",
    page="gantk.atlas.page:page",
    made="atlas",
    examples=(
        "gantk atlas demo --quick",
        "gantk atlas ffhq.pkl --head heads/LSE.safetensors --directions runs/pose -o runs/atlas",
    ),
)
