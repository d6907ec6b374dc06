"""The task of few labels."""

from gantk.fewlabels.options import LabelledImages, TrainPredictorOptions
from gantk.runs.task import Task

TRAIN_PREDICTOR = Task(
    name="train-predictor",
    summary="Learn attributes from 20 to 500 labelled images.",
    description="Fits a linear probe on features of ImageNet (pip install 'gantk[features]') to labels of images. "
    "LABELS is a CSV file whose first line is image,ATTRIBUTE,... with 1 and 0 (or numbers, or nothing where there is "
    "no label), or a folder with two folders such as smile and no_smile. Images without a label are used too, and the "
    "most uncertain of them are listed to be labelled next. The file predictor.safetensors is for --predictor.",
    inputs=LabelledImages,
    options=TrainPredictorOptions,
    result="gantk.fewlabels.results:TrainedPredictor",
    verb="gantk.fewlabels.verbs:train_predictor",
    page="gantk.fewlabels.page:page",
    made="predictor",
    examples=(
        "gantk train-predictor photos labels.csv",
        "gantk train-predictor photos labels.csv --suggest 40 -o runs/smile",
        "gantk train-predictor sorted --suggest 0",
    ),
)
