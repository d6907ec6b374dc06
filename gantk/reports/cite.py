"""BibTeX of what a run rests on: the paper of its method, and gantk itself with how the run was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gantk.reports.tabular import latex_text

_PAPERS = {
    "higan": (
        "@article{yang2021semantic,\n"
        "  title = {Semantic Hierarchy Emerges in Deep Generative Representations for Scene Synthesis},\n"
        "  author = {Yang, Ceyuan and Shen, Yujun and Zhou, Bolei},\n"
        "  journal = {International Journal of Computer Vision},\n  year = {2021}\n}\n"
    ),
    "lse": (
        "@inproceedings{xu2021linear,\n  title = {Linear Semantics in Generative Adversarial Networks},\n"
        "  author = {Xu, Jianjin and Zheng, Changxi},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2021}\n}\n"
    ),
    "ghfeat": (
        "@inproceedings{xu2021generative,\n  title = {Generative Hierarchical Features from Synthesizing Images},\n"
        "  author = {Xu, Yinghao and Shen, Yujun and Zhu, Jiapeng and Yang, Ceyuan and Zhou, Bolei},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2021}\n}\n"
    ),
    "navigan": (
        "@inproceedings{cherepkov2021navigating,\n"
        "  title = {Navigating the {GAN} Parameter Space for Semantic Image Editing},\n"
        "  author = {Cherepkov, Anton and Voynov, Andrey and Babenko, Artem},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2021}\n}\n"
    ),
    "resefa": (
        "@inproceedings{zhu2022region,\n  title = {Region-Based Semantic Factorization in {GANs}},\n"
        "  author = {Zhu, Jiapeng and Shen, Yujun and Xu, Yinghao and Zhao, Deli and Chen, Qifeng},\n"
        "  booktitle = {International Conference on Machine Learning},\n  year = {2022}\n}\n"
    ),
    "sefa": (
        "@inproceedings{shen2021closed,\n  title = {Closed-Form Factorization of Latent Semantics in {GANs}},\n"
        "  author = {Shen, Yujun and Zhou, Bolei},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2021}\n}\n"
    ),
    "ganspace": (
        "@inproceedings{harkonen2020ganspace,\n  title = {{GANSpace}: Discovering Interpretable {GAN} Controls},\n"
        '  author = {H{\\"a}rk{\\"o}nen, Erik and Hertzmann, Aaron and Lehtinen, Jaakko and Paris, Sylvain},\n'
        "  booktitle = {Advances in Neural Information Processing Systems},\n  year = {2020}\n}\n"
    ),
    "stylespace": (
        "@inproceedings{wu2021stylespace,\n"
        "  title = {{StyleSpace} Analysis: Disentangled Controls for {StyleGAN} Image Generation},\n"
        "  author = {Wu, Zongze and Lischinski, Dani and Shechtman, Eli},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2021}\n}\n"
    ),
}
_HIGAN = frozenset({"synthesize", "train-boundary", "rescore", "manipulate"})


def bibtex(task: str, manifest: Mapping[str, Any] | None = None, command_line: str = "") -> str:
    """The entries of a task ("lse train"): its method's paper where it has one, and gantk.

    The note of gantk's entry holds the command, the seed and the model's fingerprint as far as they are given.
    """
    import gantk

    manifest = manifest or {}
    version = str((manifest.get("versions") or {}).get("gantk") or gantk.__version__)
    system = "higan" if task in _HIGAN else (task.replace("-", " ").split() or [""])[0]
    notes = [latex_text(command_line)] if command_line else []
    if manifest.get("seed") is not None:
        notes.append(f"seed {manifest['seed']}")
    model = (manifest.get("identity") or {}).get("the generator")
    if isinstance(model, str):
        notes.append(f"model {latex_text(model)}")
    fields = [
        "title = {gantk: a toolkit over trained generative adversarial networks}",
        "author = {{gantk contributors}}",
        f"version = {{{version}}}",
        *([f"note = {{{', '.join(notes)}}}"] if notes else []),
    ]
    own = "@software{gantk,\n  " + ",\n  ".join(fields) + "\n}\n"
    return "\n".join([_PAPERS[system], own] if system in _PAPERS else [own])
