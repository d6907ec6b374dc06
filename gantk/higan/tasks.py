"""The tasks of HiGAN."""

from gantk.higan.inputs import ManipulateInputs, RescoreInputs, SynthesizeInputs, TrainBoundaryInputs
from gantk.higan.options import ManipulateOptions, RescoreOptions, SynthesizeOptions, TrainBoundaryOptions
from gantk.runs.shared_options import ShardOptions
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

TRAIN_BOUNDARY = Task(
    name="train-boundary",
    summary="Find the latent direction of each score, from the codes of scored samples.",
    description="Leaves each boundary as a gantk file and as the original's .npy with a card, a list for `gantk "
    "rescore`, a log and a page that says how far each can be trusted. Boundaries of other scores in the directory "
    "stay, and stay in the list.",
    inputs=TrainBoundaryInputs,
    options=TrainBoundaryOptions,
    result="gantk.higan.boundaries:TrainBoundaryResult",
    verb="gantk.higan.training:train_boundary",
    page="gantk.higan.pages.train_boundary:page",
    upgrade="gantk.higan.upgrade:train_boundary",
    made="results",
    restarts=True,
    examples=(
        "gantk train-boundary runs/samples/w.npy runs/samples/attribute.npy -o runs/boundaries",
        "gantk train-boundary w.npy attribute.npy --score-name wood --score-name glossy --condition glossy",
        "gantk train-boundary z.npy labels.csv --labels --solver newton",
        "gantk train-boundary w.npy attribute.npy --score-name wood --solver svc --compat --seed 123",
    ),
)

RESCORE = Task(
    name="rescore",
    summary="Measure how much each boundary raises its attribute, in which rows, and what else it moves.",
    description="A BOUNDARY is a file, a boundary list in HiGAN's syntax, a folder of boundaries, or the name of a "
    "shipped one. The gain is HiGAN's: the mean over samples of the rise of the attribute, falls counted as zero.",
    inputs=RescoreInputs,
    options=RescoreOptions,
    run=ShardOptions,
    result="gantk.higan.rescored:RescoreResult",
    verb="gantk.higan.rescoring:rescore",
    conclude="gantk.higan.gains:conclude",
    facts="gantk.higan.gains:RescoreFacts",
    page="gantk.higan.pages.rescore:page",
    upgrade="gantk.higan.upgrade:rescore",
    made="rescore",
    examples=(
        "gantk rescore demo runs/boundaries/boundary_list.txt --layerwise-rescoring -o runs/rescore",
        "gantk rescore demo time_of_day season --layerwise-rescoring --num 500",
        "gantk rescore church.pkl clouds_boundary.npy --score clouds_boundary=clouds",
    ),
    originals=("--logfile-name",),
)

MANIPULATE = Task(
    name="manipulate",
    summary="Move samples along directions and render every step; the page has a slider for each sample.",
    description="A DIRECTION is a file, a boundary list in HiGAN's syntax, a folder, or the name of a shipped one, "
    "with its own rows and range unless told otherwise. The number of steps is never changed, and every image is "
    "labelled with its true distance.",
    inputs=ManipulateInputs,
    options=ManipulateOptions,
    run=ShardOptions,
    result="gantk.higan.manipulated:ManipulateResult",
    verb="gantk.higan.manipulation:manipulate",
    conclude="gantk.higan.manipulation:conclude",
    facts="gantk.higan.manipulation:ManipulationFacts",
    page="gantk.higan.pages.manipulate:page",
    upgrade="gantk.higan.upgrade:manipulate",
    made="manipulation",
    examples=(
        "gantk manipulate demo time_of_day",
        "gantk manipulate demo season --rows 6-9 --num 8 --step 9 --start-distance -4 --end-distance 4",
        "gantk manipulate demo time_of_day --condition season --animation gif",
        "gantk manipulate church.pkl boundary_list.txt --layerwise-manipulation -N 10 -o runs/church",
        "gantk manipulate stylegan3-t.pkl directions.npy --pick 0-3 --rotate 15 --translate 0.1 0",
    ),
    originals=("--html-name", "--video-name", "--logfile-name"),
    original_flags=("--generate-html", "--save-raw-synthesis", "--save-jpg"),
)
