"""The task of comparing."""

from gantk.comparing.options import CompareInputs, CompareOptions
from gantk.runs.task import Task

COMPARE = Task(
    name="compare",
    summary="Set finished runs of one command side by side: settings, numbers, pictures.",
    description="For two seeds, two models or two solvers. Shows which settings and inputs differ, every number of the "
    "results with its difference and, where the results hold them, intervals, and the same samples beside each other. "
    "Reads files only: neither a generator nor code that a run names is loaded.",
    inputs=CompareInputs,
    options=CompareOptions,
    result="gantk.comparing.results:CompareResult",
    verb="gantk.comparing.verbs:compared",
    page="gantk.comparing.page:page",
    made="comparison",
    examples=(
        "gantk compare runs/seed0 runs/seed1",
        "gantk compare runs/svm runs/ridge runs/logistic --command train-boundary -o runs/solvers",
    ),
)
