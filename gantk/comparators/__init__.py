"""Closed-form directions of other methods, which what a system finds is compared with: SeFa, GANSpace, LowRankGAN."""
