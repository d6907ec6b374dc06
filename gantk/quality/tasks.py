"""The task of quality."""

from gantk.quality.options import CompareOptions, QualityInputs
from gantk.runs.task import Task

QUALITY = Task(
    name="quality",
    summary="Measure how near samples are to real images.",
    description="Compares samples of a generator, truncated as asked, or a folder of images, with real images by their "
    "features: Frechet and kernel distance, precision, recall, density and coverage, each with an interval by random "
    "halves. The page shows samples beside the real images nearest to them, and real images that no sample is near. "
    "Only with --features inception (pip install 'gantk[fid]') are the distances FID and KID.",
    inputs=QualityInputs,
    options=CompareOptions,
    result="gantk.quality.results:QualityResult",
    verb="gantk.quality.verbs:measure",
    page="gantk.quality.page:page",
    made="quality",
    examples=(
        "gantk quality ffhq.pkl photos -N 2000",
        "gantk quality ffhq.pkl photos --truncation 0.7 --features inception -o runs/fid",
        "gantk quality samples/images photos",
    ),
)
