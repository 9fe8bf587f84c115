"""Building collections: a shard is ordered, quantized, pruned and summarized, each by the kernels of that name."""
