"""BibTeX of what a run rests on: the paper of its method, and gantk itself with how the run was made."""

from __future__ import annotations

from gantk.reports.latex import latex_text
from gantk.runs.manifest import Manifest
from gantk.store.json_values import JsonTable

PAPERS = {
    "higan": (
        "@article{yang2021semantic,\n"
        "  title = {Semantic Hierarchy Emerges in Deep Generative Representations for Scene Synthesis},\n"
        "  author = {Yang, Ceyuan and Shen, Yujun and Zhou, Bolei},\n"
        "  journal = {International Journal of Computer Vision},\n"
        "  volume = {129},\n  number = {5},\n  pages = {1451--1466},\n  year = {2021}\n}\n"
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
    "interfacegan": (
        "@inproceedings{shen2020interpreting,\n"
        "  title = {Interpreting the Latent Space of {GANs} for Semantic Face Editing},\n"
        "  author = {Shen, Yujun and Gu, Jinjin and Tang, Xiaoou and Zhou, Bolei},\n"
        "  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition},\n  year = {2020}\n}\n"
    ),
    "pti": (
        "@article{roich2022pivotal,\n  title = {Pivotal Tuning for Latent-based Editing of Real Images},\n"
        "  author = {Roich, Daniel and Mokady, Ron and Bermano, Amit H. and Cohen-Or, Daniel},\n"
        "  journal = {ACM Transactions on Graphics},\n"
        "  volume = {42},\n  number = {1},\n  pages = {1--13},\n  year = {2022}\n}\n"
    ),
}
_BOUNDARIES = frozenset({"train-boundary", "manipulate"})
_HIGAN = frozenset({"synthesize", "train-boundary", "rescore", "manipulate"})


def bibtex(task: str, manifest: Manifest | None = None, command_line: str = "") -> str:
    """The entries of a task ("lse train"): its method's paper where it has one, and gantk.

    The note of gantk's entry holds the version, and the command, seed and model's fingerprint as far as they are given.
    """
    import gantk

    version, model, seed = gantk.__version__, None, None
    used: JsonTable = {}
    if manifest is not None:
        version, used = str((manifest.get("versions") or {}).get("gantk", version)), manifest["arguments"]
        model, seed = manifest.get("identity", {}).get("the generator"), manifest.get("seed")
    system = "higan" if task in _HIGAN else (task.replace("-", " ").split() or [""])[0]
    systems = [system]
    if task in _BOUNDARIES:
        systems.append("interfacegan")
    if task == "invert" and used.get("tune"):
        systems.append("pti")
    notes = [f"version {latex_text(version)}", *([latex_text(command_line)] if command_line else [])]
    if seed is not None:
        notes.append(f"seed {seed}")
    if isinstance(model, str):
        notes.append(f"model {latex_text(model)}")
    fields = [
        "title = {gantk: a toolkit over trained generative adversarial networks}",
        "author = {{gantk contributors}}",
        f"note = {{{', '.join(notes)}}}",
    ]
    own = "@misc{gantk,\n  " + ",\n  ".join(fields) + "\n}\n"
    return "\n".join([*(PAPERS[name] for name in systems if name in PAPERS), own])
