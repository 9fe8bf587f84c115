"""Opens a collection in a fresh process: prints, as JSON, the seconds until it is open and until the first answer.

Run as `python -m seismic_tools.measure.scale.opening COLLECTION`. Kernels are compiled, or loaded, before.
"""

import sys
import time

import orjson

import seismic


def main(collection: str) -> None:
    """Open it twice, and time the second: the first loads kernels and all that Python imports late."""
    with seismic.open(collection) as index:
        index.warm_up()
        query = index.pseudo_queries(1)
    began = time.perf_counter()
    with seismic.open(collection) as index:
        opened = time.perf_counter()
        index.search(query, 10)
        answered = time.perf_counter()
    print(orjson.dumps({"open": opened - began, "first": answered - opened}).decode())


if __name__ == "__main__":
    main(sys.argv[1])
