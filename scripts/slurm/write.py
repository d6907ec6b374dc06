"""Write the batch files of this folder again, from example.toml, as `gantk slurm` would; one name per pipeline and job.

python scripts/slurm/write.py
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def examples() -> dict[str, str]:
    """The text of every batch file by name."""
    from gantk.cli.settings import read_config
    from gantk.slurm.batch import batch_files
    from gantk.slurm.pipelines import PIPELINES
    from gantk.slurm.settings import read_settings

    settings = read_config(str(FOLDER / "example.toml"))
    texts = {}
    for pipeline in PIPELINES:
        chain = read_settings(pipeline, settings, "example.toml")
        for file in batch_files(pipeline, chain, f"gantk slurm {pipeline} --config example.toml"):
            texts[f"{pipeline}-{file.name}"] = file.text
    return texts


def main() -> None:
    for path in FOLDER.glob("*.sbatch"):
        path.unlink()
    for name, text in examples().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent.parent))
    main()
