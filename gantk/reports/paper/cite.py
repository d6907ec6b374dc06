"""What to cite for a run: the papers of its method and gantk, as BibTeX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gantk import __version__
from gantk.reports.paper.markup import escape_latex


@dataclass(frozen=True)
class Paper:
    """A publication; `venue` is the journal, or the conference whose proceedings hold it. `arxiv` may be empty."""

    key: str
    authors: str
    title: str
    venue: str
    year: int
    arxiv: str = ""
    journal: bool = False

    def bibtex(self) -> str:
        """The entry; letters are in LaTeX's spelling."""
        kind, where = ("article", "journal") if self.journal else ("inproceedings", "booktitle")
        fields = {"author": self.authors, "title": f"{{{self.title}}}", where: self.venue, "year": str(self.year)}
        if self.arxiv:
            fields["note"] = f"arXiv:{self.arxiv}"
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{kind}{{{self.key},\n{body}\n}}\n"


_CVPR = "IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)"
_NEURIPS = "Advances in Neural Information Processing Systems (NeurIPS)"
PAPERS = {
    "higan": Paper(
        "yang2021higan", "Yang, Ceyuan and Shen, Yujun and Zhou, Bolei",
        "Semantic Hierarchy Emerges in Deep Generative Representations for Scene Synthesis",
        "International Journal of Computer Vision", 2021, "1911.09267", True,
    ),
    "interfacegan": Paper(
        "shen2020interfacegan", "Shen, Yujun and Gu, Jinjin and Tang, Xiaoou and Zhou, Bolei",
        "Interpreting the Latent Space of GANs for Semantic Face Editing", _CVPR, 2020, "1907.10786",
    ),
    "lse": Paper(
        "xu2021lineargan", "Xu, Jianjin and Zheng, Changxi",
        "Linear Semantics in Generative Adversarial Networks", _CVPR, 2021, "2104.00487",
    ),
    "ghfeat": Paper(
        "xu2021ghfeat", "Xu, Yinghao and Shen, Yujun and Zhu, Jiapeng and Yang, Ceyuan and Zhou, Bolei",
        "Generative Hierarchical Features from Synthesizing Images", _CVPR, 2021, "2007.10379",
    ),
    "navigan": Paper(
        "cherepkov2021navigan", "Cherepkov, Anton and Voynov, Andrey and Babenko, Artem",
        "Navigating the GAN Parameter Space for Semantic Image Editing", _CVPR, 2021, "2011.13786",
    ),
    "resefa": Paper(
        "zhu2022resefa", "Zhu, Jiapeng and Shen, Yujun and Xu, Yinghao and Zhao, Deli and Chen, Qifeng",
        "Region-Based Semantic Factorization in GANs", "International Conference on Machine Learning (ICML)", 2022,
        "2202.09649",
    ),
    "sefa": Paper(
        "shen2021sefa", "Shen, Yujun and Zhou, Bolei",
        "Closed-Form Factorization of Latent Semantics in GANs", _CVPR, 2021, "2007.06600",
    ),
    "ganspace": Paper(
        "harkonen2020ganspace",
        'H{\\"a}rk{\\"o}nen, Erik and Hertzmann, Aaron and Lehtinen, Jaakko and Paris, Sylvain',
        "GANSpace: Discovering Interpretable GAN Controls", _NEURIPS, 2020, "2004.02546",
    ),
    "stylespace": Paper(
        "wu2021stylespace", "Wu, Zongze and Lischinski, Dani and Shechtman, Eli",
        "StyleSpace Analysis: Disentangled Controls for StyleGAN Image Generation", _CVPR, 2021, "2011.12799",
    ),
    "pti": Paper(
        "roich2021pti", "Roich, Daniel and Mokady, Ron and Bermano, Amit H. and Cohen-Or, Daniel",
        "Pivotal Tuning for Latent-based Editing of Real Images", "arXiv", 2021, "2106.05744", True,
    ),
}  # fmt: skip

# Of a task whose first word is none of these, gantk alone is cited.
METHODS: dict[str, tuple[str, ...]] = {
    "synthesize": ("higan",),
    "train-boundary": ("higan", "interfacegan"),
    "rescore": ("higan",),
    "manipulate": ("higan", "interfacegan"),
    "lse": ("lse",),
    "ghfeat": ("ghfeat",),
    "navigan": ("navigan",),
    "resefa": ("resefa",),
    "sefa": ("sefa",),
    "ganspace": ("ganspace",),
    "stylespace": ("stylespace",),
    "atlas": ("higan", "lse", "ghfeat", "navigan", "resefa", "sefa", "ganspace", "stylespace"),
}


def papers_of(task: str, arguments: Mapping[str, Any] | None = None) -> list[Paper]:
    """The papers whose method a task is; of `invert` pivotal tuning where it was asked for, and GH-Feat's encoder."""
    given = arguments or {}
    names = METHODS.get(task.split()[0] if task else "", ())
    if task == "invert":
        names = (("ghfeat",) if given.get("encoder") else ()) + (("pti",) if given.get("tune") else ())
    return [PAPERS[name] for name in names]


def software(version: str = __version__, facts: Mapping[str, str] | None = None) -> str:
    """The entry of gantk; `facts` of a run (its command, seed, model's checksum) are its note."""
    note = "; ".join(f"{name}: {escape_latex(value)}" for name, value in (facts or {}).items() if value)
    fields = {"author": "{gantk contributors}", "title": "{gantk}: what a trained {GAN} knows, and how to move it"}
    fields |= {"version": version, "note": note}
    body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{gantk,\n{body}\n}}\n"


def checksum_of(manifest: Mapping[str, Any]) -> str:
    """The fingerprint of the generator that a run used, as its manifest holds it; "" where it used none."""
    for part, name in (("identity", "the generator"), ("arguments", "weights")):
        held = manifest.get(part)
        value = held.get(name) if isinstance(held, dict) else None
        if isinstance(value, str):
            return value
    return ""


def citation(task: str, manifest: Mapping[str, Any] | None = None, command: str = "") -> str:
    """BibTeX of a task's papers and of gantk, with what a run's manifest says of it."""
    run = manifest or {}
    held = run.get("arguments")
    versions = run.get("versions")
    seed = run.get("seed")
    facts = {
        "command": command,
        "model checksum": checksum_of(run),
        "seed": "" if seed is None else str(seed),
    }
    version = str(versions["gantk"]) if isinstance(versions, dict) and versions.get("gantk") else __version__
    arguments = held if isinstance(held, dict) else {}
    return "\n".join([*(paper.bibtex() for paper in papers_of(task, arguments)), software(version, facts)])
