"""The tasks of NaviGAN."""

from gantk.navigan.options import (
    ApplyInputs,
    ApplyOptions,
    HessianInputs,
    HessianOptions,
    SvdInputs,
    SvdOptions,
    TrainInputs,
    TrainOptions,
)
from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Task

HESSIAN = Task(
    name="navigan hessian",
    summary="Find the weight directions that change what a picture shows the most.",
    description="Products with the Hessian are exact, and block Lanczos needs few of them. Killed, the same command "
    "continues after its last block. Shards divide the samples; start them together, with one output directory, then "
    "`gantk merge` it.",
    inputs=HessianInputs,
    options=HessianOptions,
    run=ShardOptions,
    result="gantk.navigan.results:HessianResult",
    verb="gantk.navigan.eigenvectors:hessian",
    conclude="gantk.navigan.eigenvectors:conclude",
    facts="gantk.navigan.eigenvectors:HessianFacts",
    page="gantk.navigan.page:hessian_page",
    upgrade="gantk.navigan.upgrade:hessian",
    made="navigan",
    examples=(
        "gantk navigan hessian demo --conv 16x16/conv1 -k 16 -o runs/hessian",
        "gantk navigan hessian car.pkl --conv released:3 -k 64 -N 512 --metric lpips-vgg --block 8 -o runs/car",
        "gantk navigan hessian car.pkl --conv released:3 -k 64 -N 512 --shard 0/4 -o runs/car",
        "gantk navigan hessian streets.py:network --inputs labels.npy --conv model.12.conv1 --metric lpips-alex",
    ),
)

SVD = Task(
    name="navigan svd",
    summary="Take the singular vectors of a convolution as weight directions.",
    description="Direction i is u_i v_i^T. They need no samples; those of --num only measure how far to go, and are "
    "shown. Without a metric the directions are written and strengths are not measured.",
    inputs=SvdInputs,
    options=SvdOptions,
    result="gantk.navigan.results:SvdResult",
    verb="gantk.navigan.singular:svd",
    page="gantk.navigan.page:svd_page",
    upgrade="gantk.navigan.upgrade:svd",
    made="navigan",
    examples=(
        "gantk navigan svd demo --conv 16x16/conv1 -o runs/svd",
        "gantk navigan svd car.pkl --conv released:3 --shown 16 --animation gif -o runs/svd",
    ),
)

TRAIN = Task(
    name="navigan train",
    summary="Learn combinations of a basis whose effects a network can distinguish.",
    description="BASIS is a file of weight directions (gantk's or released), or svd with --conv. Every step draws "
    "fresh samples; --num only says how many are shown and, of codes in a file, how many are used. Killed, the same "
    "command continues from its last state; with more --steps it goes on. Under torchrun the batch is divided among "
    "the processes.",
    inputs=TrainInputs,
    options=TrainOptions,
    result="gantk.navigan.results:TrainResult",
    verb="gantk.navigan.rectification:train",
    page="gantk.navigan.page:train_page",
    upgrade="gantk.navigan.upgrade:train",
    made="navigan",
    together=True,
    examples=(
        "gantk navigan train demo runs/hessian/eigenvectors.safetensors --steps 2000 -o runs/rectified",
        "gantk navigan train car.pkl eigenvectors_layer3_car.pt --components 64 --shift-scale 60 --min-shift 15",
        "gantk navigan train demo svd --conv 16x16/conv1 --components 16 --reconstructor lenet -o runs/svd-rectified",
    ),
)

APPLY = Task(
    name="navigan apply",
    summary="Render samples along weight directions.",
    description="DIRECTIONS is a file of gantk's, or a released one: eigenvectors, a checkpoint of learned "
    "combinations, or one annotated deformation. Codes of any space are taken, those of inverted photographs too. The "
    "page has a slider for each sample.",
    inputs=ApplyInputs,
    options=ApplyOptions,
    run=ShardOptions,
    result="gantk.navigan.results:ApplyResult",
    verb="gantk.navigan.editing:apply",
    conclude="gantk.navigan.editing:conclude",
    facts="gantk.navigan.editing:ApplyFacts",
    page="gantk.navigan.page:apply_page",
    upgrade="gantk.navigan.upgrade:apply",
    made="navigan",
    examples=(
        "gantk navigan apply demo runs/hessian/eigenvectors.safetensors --pick 0-3 -o runs/edits",
        "gantk navigan apply ffhq.pkl nose_size.pt --num 4 --step 7",
        "gantk navigan apply ffhq.pkl nose_size.pt -i w.npy --latent-space-type w --start-strength 0 --end-strength 40",
        "gantk navigan apply car.pkl checkpoint.pt --basis eigenvectors_layer3_car.pt --pick 5 --animation gif",
    ),
)
