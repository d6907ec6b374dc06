"""GH-Feat (Xu et al. 2021): an encoder of real images into a generator's styles, and what its codes can do."""
