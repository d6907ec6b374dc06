"""The tasks of GH-Feat, and `gantk invert`."""

from gantk.ghfeat.inputs import (
    EditInputs,
    EvaluateInputs,
    ExtractInputs,
    HarmonizeInputs,
    InvertInputs,
    MixInputs,
    TrainInputs,
)
from gantk.ghfeat.options import (
    EditOptions,
    EvaluateOptions,
    ExtractOptions,
    HarmonizeOptions,
    InvertOptions,
    MixOptions,
    TrainOptions,
)
from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Task

TRAIN = Task(
    name="ghfeat train",
    summary="Train an encoder of real images into the styles of a generator.",
    description="The defaults are the paper's. Killed or interrupted, the same command continues from its last "
    "checkpoint and takes the same steps as an uninterrupted one. Under torchrun the batch is split over the "
    "processes.",
    inputs=TrainInputs,
    options=TrainOptions,
    result="gantk.ghfeat.results:TrainResult",
    verb="gantk.ghfeat.train_run:train",
    page="gantk.ghfeat.pages.train:page",
    upgrade="gantk.ghfeat.upgrade:train",
    made="encoder",
    together=True,
    examples=(
        "gantk ghfeat train demo --data renderer --config ghfeat-demo -o runs/encoder",
        "gantk ghfeat train ffhq256.pkl --data ffhq-r08.tfrecords --depth 50 --mirror 0.5 -o runs/encoder",
        "torchrun --nproc-per-node 8 -m gantk ghfeat train G.pkl --data images.zip --batch-size 96 -o runs/encoder",
    ),
)

EXTRACT = Task(
    name="ghfeat extract",
    summary="Encode images into a generator's styles: codes, reconstructions, figures.",
    description="IMAGE is a file, a folder, a text file with one path per line, a .zip, .tfrecords, or render:I, scene "
    "I of the bundled world. Killed or interrupted, the same command continues where it stopped.",
    inputs=ExtractInputs,
    options=ExtractOptions,
    run=ShardOptions,
    result="gantk.ghfeat.results:ExtractResult",
    verb="gantk.ghfeat.extraction:extract",
    conclude="gantk.ghfeat.extraction:conclude",
    facts="gantk.ghfeat.extraction:ExtractFacts",
    page="gantk.ghfeat.pages.extract:page",
    upgrade="gantk.ghfeat.upgrade:extract",
    made="ghfeat_codes",
    examples=(
        "gantk ghfeat extract demo photo.png folder/ --fit crop -o runs/codes",
        "gantk ghfeat extract demo render:0 render:1 render:2 --steps 100 -o runs/codes",
        "gantk ghfeat extract ghfeat_face.pkl test_list.txt --tiled --shard 0/4 -o runs/faces",
    ),
)

MIX = Task(
    name="ghfeat mix",
    summary="Mix images by level: some rows of each --style in each --content.",
    description="Without --rows or --levels there is a grid for every two levels, finest first, as in the paper.",
    inputs=MixInputs,
    options=MixOptions,
    result="gantk.ghfeat.picture_results:MixResult",
    verb="gantk.ghfeat.mixtures:mix",
    page="gantk.ghfeat.pages.mix:page",
    upgrade="gantk.ghfeat.upgrade:mix",
    made="ghfeat_mix",
    examples=(
        "gantk ghfeat mix demo --content render:0 --content render:1 --style render:2 --style render:3 -o runs/mix",
        "gantk ghfeat mix demo --content a.png --style b.png --levels 0-3 -o runs/mix",
    ),
)

EDIT = Task(
    name="ghfeat edit",
    summary="Edit real images along a direction, or in a region by another image.",
    description="A direction of w or wp is pushed forward into styles (dy = A dw), so that directions of the other "
    "systems edit real images. An edit of a region leaves every pixel beyond its reach unchanged. IMAGE "
    "may also be one file of codes.",
    inputs=EditInputs,
    options=EditOptions,
    result="gantk.ghfeat.picture_results:EditResult",
    verb="gantk.ghfeat.edits:edit",
    page="gantk.ghfeat.pages.edit:page",
    upgrade="gantk.ghfeat.upgrade:edit",
    made="ghfeat_edit",
    examples=(
        "gantk ghfeat edit demo render:0 render:1 --direction time_of_day --rows 6-9 -o runs/dusk",
        "gantk ghfeat edit demo render:0 --reference render:5 --box 0.4,0.3,0.9,0.7 --rows 3-4 -o runs/house",
        "gantk ghfeat edit demo render:0 --component 0 --of runs/codes/codes.safetensors --levels 0-3 -o runs/axis",
    ),
)

HARMONIZE = Task(
    name="ghfeat harmonize",
    summary="Paste a region of another image and blend it in.",
    description="The pasted picture is encoded and generated again, so that the seam disappears.",
    inputs=HarmonizeInputs,
    options=HarmonizeOptions,
    result="gantk.ghfeat.picture_results:HarmonizeResult",
    verb="gantk.ghfeat.mixtures:harmonize",
    page="gantk.ghfeat.pages.harmonize:page",
    upgrade="gantk.ghfeat.upgrade:harmonize",
    made="ghfeat_harmonize",
    examples=(
        "gantk ghfeat harmonize demo render:0 --patch render:5 --box 0.4,0.3,0.9,0.7 -o runs/harmony",
        "gantk ghfeat harmonize demo base.png --patch other.png --mask mask.png --keep-fine 4 --blend-back",
    ),
)

EVALUATE = Task(
    name="ghfeat evaluate",
    summary="Probe frozen features by cross-validation, level by level, and measure reconstruction.",
    description="Without images the bundled world is drawn, whose factors are known exactly. With them, --labels says "
    "what to regress, classify or locate, and --pairs what to tell apart.",
    inputs=EvaluateInputs,
    options=EvaluateOptions,
    run=ShardOptions,
    result="gantk.ghfeat.probe_results:EvaluateResult",
    verb="gantk.ghfeat.evaluation:evaluate",
    conclude="gantk.ghfeat.evaluation:conclude",
    facts="gantk.ghfeat.evaluation:EvaluateFacts",
    page="gantk.ghfeat.pages.evaluate:page",
    upgrade="gantk.ghfeat.upgrade:evaluate",
    made="ghfeat_evaluation",
    examples=(
        "gantk ghfeat evaluate demo --num 400 -o runs/probes",
        "gantk ghfeat evaluate ffhq256.pkl faces/ --labels landmarks.csv --pairs pairs.txt -o runs/probes",
    ),
)

INVERT = Task(
    name="invert",
    summary="Find codes of real images, by an encoder, by optimisation, or by both.",
    description="An encoder is used where there is one (--encoder none: never); the optimisation starts from its code, "
    "from --start, or from the nearest of 64 samples. With --tune the weights are then fitted to the images around "
    "their codes, and every command takes them with --tuned FILE. Killed or interrupted, the same command continues "
    "where it stopped.",
    inputs=InvertInputs,
    options=InvertOptions,
    run=ShardOptions,
    result="gantk.ghfeat.results:InvertResult",
    verb="gantk.ghfeat.inversion:invert",
    conclude="gantk.ghfeat.inversion:conclude",
    facts="gantk.ghfeat.inversion:InvertFacts",
    page="gantk.ghfeat.pages.invert:page",
    upgrade="gantk.ghfeat.upgrade:invert",
    made="inversion",
    examples=(
        "gantk invert demo render:0 render:1 -o runs/inversion",
        "gantk invert stylegan2.pkl photo.png --encoder none --space wp --steps 500 -o runs/inversion",
        "gantk invert pggan.pkl faces/ --space z --fit crop --shard 0/4 -o runs/inversion",
        "gantk invert demo render:0 --tune -o runs/tuned",
    ),
)
