"""The tasks of the comparators."""

from gantk.comparators.options import GanspaceOptions, ModelOnly, SefaOptions
from gantk.runs.task import Task

SEFA = Task(
    name="sefa",
    summary="Find directions in closed form from a generator's weights (SeFa).",
    description="The directions are the steps of the code that change the styles most: eigenvectors of the weights "
    "that multiply it. "
    "No image is looked at; it takes less than a second. The directions are written by decreasing eigenvalue.",
    inputs=ModelOnly,
    options=SefaOptions,
    result="gantk.comparators.results:SefaResult",
    verb="gantk.comparators.verbs:sefa",
    page="gantk.comparators.page:sefa_page",
    upgrade="gantk.comparators.upgrade:sefa",
    made="sefa",
    examples=("gantk sefa demo", "gantk sefa ffhq.pkl --rows 0-1 -K 10 -o runs/pose", "gantk sefa demo --no-normalize"),
    original_flags=("--trunc-psi",),
)

GANSPACE = Task(
    name="ganspace",
    summary="Find principal components of sampled codes (GANSpace).",
    description="Takes the principal components of w, or of an early layer's features brought back to z. The "
    "directions are written by decreasing variance; distances are drawn to two standard deviations of each.",
    inputs=ModelOnly,
    options=GanspaceOptions,
    result="gantk.comparators.results:GanspaceResult",
    verb="gantk.comparators.verbs:ganspace",
    page="gantk.comparators.page:ganspace_page",
    upgrade="gantk.comparators.upgrade:ganspace",
    made="ganspace",
    examples=(
        "gantk ganspace demo",
        "gantk ganspace ffhq.pkl --num 300000 --rows 0-3 -K 20 -o runs/components",
        "gantk ganspace biggan-deep.pt --layer 4x4/dense",
    ),
)
