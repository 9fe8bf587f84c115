"""Collections in parts on several machines: nodes that search parts, and fronts that join their answers."""
