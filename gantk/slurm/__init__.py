"""Batch files for slurm: pipelines as chains of jobs, written for a site, submitted, and looked at."""
