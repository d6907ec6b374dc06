"""The tasks between codes."""

from gantk.between.options import MixInputs, MixOptions, WalkInputs, WalkOptions
from gantk.runs.task import Task

MIX = Task(
    name="mix",
    summary="Mix two lists of codes by rows of wp, and show all pairs in a grid.",
    description="Seeds are in NVIDIA's numbering, so that they give the pictures of NVIDIA's programs. The chosen "
    "rows of wp "
    "come from the codes at the top, all others from those at the left; noise is the same everywhere.",
    inputs=MixInputs,
    options=MixOptions,
    result="gantk.between.results:MixResult",
    verb="gantk.between.mixing:mix",
    page="gantk.between.page:mix_page",
    made="mix",
    examples=(
        "gantk mix demo --left 0-3 --top 4-8 --rows 0-3",
        "gantk mix ffhq.pkl --left 85,100,75 --top 55,821 --rows 0-3 --rows 4-7 --rows 8-17 -o runs/mixed",
        "gantk mix demo --left-codes mine.npy --top 4-8",
    ),
)

WALK = Task(
    name="walk",
    summary="Walk through seeds or saved codes: a video, its frames and a strip.",
    description="The walk passes through every key; noise is the same in all frames. Killed or interrupted, the same "
    "command continues "
    "where it stopped. Frames are PNG files, an .mp4 needs the extra [video].",
    inputs=WalkInputs,
    options=WalkOptions,
    result="gantk.between.walked:WalkResult",
    verb="gantk.between.walking:walk",
    page="gantk.between.page:walk_page",
    made="walk",
    examples=(
        "gantk walk demo --seeds 0-5",
        "gantk walk ffhq.pkl --seeds 85,100,75 --path spherical --space z --frames 120 --fps 60 --animation mp4",
        "gantk walk demo -i runs/samples/w.npy -N 4 --path linear --no-loop",
    ),
)
