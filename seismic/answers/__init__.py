"""What a search tells of what it found: hits, groups, facets, explanations, fused and fed back."""
