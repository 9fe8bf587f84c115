#!/usr/bin/env python3
"""Exit code 0 if every collection of the service in this container answers searches; else 1, and why."""

import os
import ssl
import sys
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

SECONDS = 4


def main() -> int:
    """The exit code."""
    secure = "SEISMIC_SSL_CERTFILE" in os.environ
    url = f"http{'s' * secure}://127.0.0.1:{os.environ.get('SEISMIC_PORT', '8000')}/readyz"
    unverified = ssl._create_unverified_context() if secure else None  # the certificate is not for 127.0.0.1
    try:
        with urlopen(url, timeout=SECONDS, context=unverified) as answer:
            print(answer.read().decode())
            return 0
    except HTTPError as error:
        print(error.read().decode())
    except (URLError, OSError) as error:
        print(f"{url}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
