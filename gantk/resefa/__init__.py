"""ReSeFa: latent directions that change one region of the image (Zhu, Shen, Xu, Zhao and Chen, ICML 2022)."""
