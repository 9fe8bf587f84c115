"""Building one shard: order -> quantize -> prune -> cluster -> summarize, each a wrapper of the kernels of its name."""
