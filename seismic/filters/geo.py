"""Points on Earth, in degrees: distance from a point, and boxes. All in float64."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seismic.filters.predicates import InBox, InRadius
from seismic.stop import current

EARTH_RADIUS = 6_371_008.8
"""Mean radius of the Earth in metres (IUGG)."""

ROWS_PER_CHECK = 1 << 17
"""Points compared between two looks at the deadline."""

_F64 = npt.NDArray[np.float64]


def points_matching(leaf: InRadius | InBox, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Return which structs of `lat` and `lon` match, bool [rows].

    Nulls, NaN and coordinates outside -90 to 90 and -180 to 180 never match. Raises StoppedError if the time is up.
    """
    masks = []
    for first in range(0, len(column), ROWS_PER_CHECK):
        current().check()
        points = column.slice(first, ROWS_PER_CHECK)
        lat, lon = _degrees(points, "lat"), _degrees(points, "lon")
        on_earth = (np.abs(lat) <= 90) & (np.abs(lon) <= 180)  # false for NaN
        masks.append(on_earth & (_in_radius(leaf, lat, lon) if isinstance(leaf, InRadius) else _in_box(leaf, lat, lon)))
    return np.concatenate(masks) if masks else np.zeros(0, bool)


def _degrees(points: pa.Array, field: str) -> _F64:
    degrees: _F64 = pc.fill_null(pc.struct_field(points, field).cast(pa.float64(), safe=False), np.nan).to_numpy()
    return degrees


def _in_radius(leaf: InRadius, lat: _F64, lon: _F64) -> npt.NDArray[np.bool_]:
    """Return which points are near enough, by the haversine formula:

    2 R asin(sqrt(sin²((lat - lat0) / 2) + cos(lat) cos(lat0) sin²((lon - lon0) / 2)))
    """
    here, there = np.radians(lat), np.radians(leaf.lat)
    across = np.sin(np.radians(lon - leaf.lon) / 2) ** 2
    haversine = np.sin((here - there) / 2) ** 2 + np.cos(here) * np.cos(there) * across
    distance = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))
    near: npt.NDArray[np.bool_] = distance <= leaf.radius
    return near


def _in_box(leaf: InBox, lat: _F64, lon: _F64) -> npt.NDArray[np.bool_]:
    """Return which points are inside. The meridians -180 and 180 are the same."""
    beside = _between(lon, leaf) | _between(np.where(np.abs(lon) == 180, -lon, lon), leaf)
    inside: npt.NDArray[np.bool_] = (lat >= leaf.bottom) & (lat <= leaf.top) & beside
    return inside


def _between(lon: _F64, leaf: InBox) -> npt.NDArray[np.bool_]:
    east, west = lon >= leaf.left, lon <= leaf.right
    return east & west if leaf.left <= leaf.right else east | west
