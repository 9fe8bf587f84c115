"""The REST service over a folder of collections.

>>> from server import Settings, create_app
>>> app = create_app(Settings(directory="collections"))     # doctest: +SKIP
"""

from server.app import create_app
from server.settings import Settings

__all__ = ["Settings", "create_app"]
