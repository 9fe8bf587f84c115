"""Numba kernels on plain arrays. They import numpy and numba only, check nothing and never raise."""
