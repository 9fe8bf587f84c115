#!/usr/bin/env python3
"""Exit with 0 if the service in this container is ready, else with 1 and the reason."""

import os
import ssl
import sys
from collections.abc import Mapping
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

SECONDS = 4


def tls(variables: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the TLS context if the service uses TLS; it presents the service's own certificate where needed."""
    certificate = variables.get("SEISMIC_SSL_CERTFILE")
    if certificate is None:
        return None
    context = ssl._create_unverified_context()  # the certificate does not name 127.0.0.1
    if "SEISMIC_SSL_CA_CERTS" in variables:
        key, password = (variables.get(f"SEISMIC_SSL_KEYFILE{end}") for end in ("", "_PASSWORD"))
        context.load_cert_chain(certificate, key, password)
    return context


def main() -> int:
    """Return the exit code."""
    scheme = "https" if "SEISMIC_SSL_CERTFILE" in os.environ else "http"
    port = os.environ.get("SEISMIC_PORT", "")
    url = f"{scheme}://127.0.0.1:{port if port.isdecimal() else 8000}/readyz"  # Kubernetes sets it to tcp://...
    try:
        with urlopen(url, timeout=SECONDS, context=tls(os.environ)) as answer:
            print(answer.read().decode())
            return 0
    except HTTPError as error:
        print(error.read().decode())
    except (URLError, OSError) as error:
        print(f"{url}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
