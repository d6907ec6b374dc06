"""Which classes the paper's teachers tell apart, and how their logits become labels: data, and two rules.

Faces: CelebAMask-HQ's 19 classes with left and right merged, 15 in all; the class of a pixel is the largest logit.
Scenes: a few of ADE20K's 150 categories, for each generator its own. A constant logit of zero is put before theirs,
so that a pixel is "other" just where every chosen logit is negative.
"""

from __future__ import annotations

FACE = (
    "bg", "skin", "nose", "eye_g", "eye", "brow", "ear", "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck",
    "cloth",
)  # fmt: skip
# CelebAMask-HQ's own order -> FACE
FACE_19 = (
    ("bg", "bg"), ("skin", "skin"), ("nose", "nose"), ("eye_g", "eye_g"), ("l_eye", "eye"), ("r_eye", "eye"),
    ("l_brow", "brow"), ("r_brow", "brow"), ("l_ear", "ear"), ("r_ear", "ear"), ("mouth", "mouth"), ("u_lip", "u_lip"),
    ("l_lip", "l_lip"), ("hair", "hair"), ("hat", "hat"), ("ear_r", "ear_r"), ("neck_l", "neck"), ("neck", "neck"),
    ("cloth", "cloth"),
)  # fmt: skip
ADE = {
    "wall": 0, "building": 1, "sky": 2, "floor": 3, "tree": 4, "ceiling": 5, "road": 6, "bed": 7, "windowpane": 8,
    "grass": 9, "sidewalk": 11, "person": 12, "earth": 13, "table": 15, "plant": 17, "curtain": 18, "chair": 19,
    "car": 20, "painting": 22, "rug": 28, "wardrobe": 35, "lamp": 36, "cushion": 39, "signboard": 43, "chest": 44,
    "path": 52, "stairs": 53, "pillow": 57, "flower": 66, "light": 82, "chandelier": 85, "fan": 139, "clock": 148,
}  # fmt: skip
ADE_CLASSES = 150
SCENES = {
    "stylegan2_bedroom": "wall floor ceiling bed windowpane table curtain painting lamp cushion pillow flower light "
    "chandelier fan clock",
    "stylegan2_church": "building sky tree road grass sidewalk person earth plant car stairs",
    "stylegan_bedroom": "wall floor ceiling bed windowpane table curtain chair painting rug wardrobe lamp cushion "
    "chest pillow flower light chandelier fan",
    "stylegan_church": "building sky tree road grass sidewalk person plant signboard path",
    "pggan_bedroom": "wall floor ceiling bed windowpane table curtain painting lamp pillow light chandelier fan",
    "pggan_church": "building sky tree road grass signboard",
}


def scene_classes(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Class names, "other" first, and the ADE20K channels of the rest."""
    words = tuple(SCENES[name].split())
    return ("other", *words), tuple(ADE[word] for word in words)
