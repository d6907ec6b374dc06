"""The task of StyleSpace."""

from gantk.runs.task import Task
from gantk.stylespace.options import JudgedInputs, StylespaceOptions

FIND = Task(
    name="stylespace",
    summary="Find single style channels that carry an attribute or change one region (StyleSpace).",
    description="Looks at every channel of space s: which region it changes most, and how far its values in the "
    "highest scored samples of each attribute differ from the rest. Without a predictor or a head, "
    "regions are segments without labels.",
    inputs=JudgedInputs,
    options=StylespaceOptions,
    result="gantk.stylespace.found:StylespaceResult",
    verb="gantk.stylespace.verbs:find",
    page="gantk.stylespace.page:page",
    made="stylespace",
    examples=("gantk stylespace demo", "gantk stylespace ffhq.pkl --head heads/LSE.safetensors -K 5 -o runs/channels"),
)
