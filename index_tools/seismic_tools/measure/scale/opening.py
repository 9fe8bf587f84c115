"""Open a collection in a new process and print, as JSON, the seconds until it is open and until its first answer.

Run `python -m seismic_tools.measure.scale.opening COLLECTION`. Kernels are compiled or loaded before.
"""

import sys
import time

import orjson

import seismic


def main(collection: str) -> None:
    """Open the collection twice and time the second: the first one loads kernels and late imports."""
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
