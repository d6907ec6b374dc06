"""The tasks of LSE."""

from gantk.lse.inputs import EditInputs, EvaluateInputs, FewshotInputs, SampleInputs, TrainInputs
from gantk.lse.options import EditOptions, EvaluateOptions, FewshotOptions, SamplingOptions, TrainOptions
from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Task

TRAIN = Task(
    name="lse train",
    summary="Train segmentation heads on a generator's maps.",
    description="Labels and the features' Gram matrix are gathered in one pass, which --shard splits and `gantk merge` "
    "adds up; the linear head is then solved as the convex problem it is. Codes and labels are kept, features are not.",
    inputs=TrainInputs,
    options=TrainOptions,
    run=ShardOptions,
    result="gantk.lse.results:TrainResult",
    verb="gantk.lse.training:train",
    conclude="gantk.lse.training:conclude",
    facts="gantk.lse.training:TrainFacts",
    page="gantk.lse.pages.train:page",
    upgrade="gantk.lse.upgrade:train",
    made="lse",
    examples=(
        "gantk lse train demo --kind LSE --kind NSE-1 --kind NSE-2 -o runs/lse",
        "gantk lse train ffhq.pkl --teacher faces.py:unet --classes face --size 512 --num 1000 -o runs/ffhq",
        "gantk lse train demo --solver adam -o runs/paper",
        "gantk lse train demo --num 4096 --shard 0/4 -o runs/lse-4096",
    ),
)

FEWSHOT = Task(
    name="lse fewshot",
    summary="Fit linear heads to a few labelled images and score them on fresh ones.",
    description='Labels come from the teacher, or from a folder of index PNGs 000000.png, ...; 255 is "not labelled". '
    "Shrinkage is chosen by leaving images out.",
    inputs=FewshotInputs,
    options=FewshotOptions,
    run=ShardOptions,
    result="gantk.lse.results:FewshotResult",
    verb="gantk.lse.studies:fewshot",
    conclude="gantk.lse.studies:conclude",
    facts="gantk.lse.studies:FewshotFacts",
    page="gantk.lse.pages.fewshot:page",
    upgrade="gantk.lse.upgrade:fewshot",
    made="fewshot",
    examples=(
        "gantk lse fewshot demo --shots 8 -o runs/fewshot",
        "gantk lse fewshot demo --shots 1,4,8,16 --repeats 5 --full runs/lse/heads/LSE.safetensors -o runs/study",
        "gantk lse fewshot ffhq.pkl --teacher annotations --classes bg,skin,hair --shots 4",
    ),
)

EVALUATE = Task(
    name="lse evaluate",
    summary="Score heads against a teacher: the paper's metric, the confusion matrix, intervals, tables.",
    description="HEAD is a file, or a folder of them such as the directory of `gantk lse train`. The images are fresh "
    "ones: they are counted from --first, far behind those of the training.",
    inputs=EvaluateInputs,
    options=EvaluateOptions,
    run=ShardOptions,
    result="gantk.lse.evaluated:EvaluateResult",
    verb="gantk.lse.evaluation:evaluate",
    conclude="gantk.lse.evaluation:conclude",
    facts="gantk.lse.evaluation:EvaluateFacts",
    page="gantk.lse.pages.evaluate:page",
    upgrade="gantk.lse.upgrade:evaluate",
    made="scores",
    examples=(
        "gantk lse evaluate demo runs/lse --num 1000 -o runs/scores",
        "gantk lse evaluate demo runs/lse --also demo-oracle=runs/lse-oracle -o runs/scores",
        "gantk lse evaluate ffhq.pkl heads/stylegan2_ffhq_LSE.pth --teacher faces.py:unet --classes face",
    ),
)

SAMPLE = Task(
    name="lse sample",
    summary="Find images that have a wanted label map, and score them by the teacher.",
    description="Targets are index PNGs (255: any class), drawn shapes, or label maps of fresh samples.",
    inputs=SampleInputs,
    options=SamplingOptions,
    run=ShardOptions,
    result="gantk.lse.image_results:SampleResult",
    verb="gantk.lse.sampling:sample",
    conclude="gantk.lse.sampling:conclude",
    facts="gantk.lse.sampling:SampleFacts",
    page="gantk.lse.pages.sample:page",
    upgrade="gantk.lse.upgrade:sample",
    made="sampled",
    examples=(
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --num-targets 4 -o runs/sampled",
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --shape sky:0,0,20,64 --shape tree:30,50,8",
        "gantk lse sample demo runs/lse/heads/LSE.safetensors --target wanted.png --space mixed --per-target 8",
    ),
)

EDIT = Task(
    name="lse edit",
    summary="Edit an image by strokes of classes and colours.",
    description="What lies outside the strokes is preserved. The page shows the steps from the image to the edited "
    "one.",
    inputs=EditInputs,
    options=EditOptions,
    result="gantk.lse.image_results:EditResult",
    verb="gantk.lse.edits:edit",
    page="gantk.lse.pages.edit:page",
    upgrade="gantk.lse.upgrade:edit",
    made="edited",
    examples=(
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --shape tree:36,50,7 -o runs/edited",
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --index 3 --stroke stroke.png --schedule shape",
        "gantk lse edit demo runs/lse/heads/LSE.safetensors --colour '#ffb060:0,0,16,64' --schedule colour",
    ),
)
