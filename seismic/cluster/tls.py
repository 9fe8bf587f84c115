"""TLS between fronts and nodes: contexts of both sides, and clear errors if only one side speaks it."""

import select
import socket
import ssl
from functools import lru_cache
from pathlib import Path

from seismic.cluster.errors import RefusedError
from seismic.cluster.wire import Message, encode
from seismic.errors import ParameterError

HELLO_SECONDS = 1.0
"""Seconds in which a front must begin TLS, fewer than it waits for a connection. One that does not gets an error."""

PLAIN = Message({"error": "tls"})
"""What a node with TLS says to a front that waits for an unencrypted greeting."""


def node_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the context of a node; None without a certificate. Raises ParameterError."""
    if certificate is None:
        if key is not None:
            raise ParameterError("tls-key: found a key without a certificate; give --tls-cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")  # nobody is asked for it
    except OSError as error:
        found = error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or str(error)
        expected = "expected a certificate chain and its key in PEM, without a password"
        raise ParameterError(f"tls-cert {certificate}: {found.replace('_', ' ').lower()}; {expected}") from None
    return context


def front_context(ca_file: str) -> ssl.SSLContext:
    """Return the context of a front for nodes whose certificates an authority has signed. Raises ParameterError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ParameterError(f"ca_file {ca_file}: {error}") from None


@lru_cache(64)
def pinned_context(certificate: str) -> ssl.SSLContext:
    """Return the context of a front for nodes with exactly this certificate (PEM), whatever names are in it.

    Raises ParameterError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificate itself is known
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # and trusted, whoever has signed it
    try:
        context.load_verify_locations(cadata=leaf(certificate))
    except (ssl.SSLError, ValueError) as error:
        raise ParameterError(f"certificates: found what is no certificate in PEM ({error})") from None
    return context


def leaf(chain: str) -> str:
    """Return the first certificate of a chain in PEM: that of the node itself."""
    end = ssl.PEM_FOOTER
    return chain[: chain.find(end) + len(end)] + "\n" if end in chain else chain


def accepted(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Begin TLS with a front. Raises OSError, and RefusedError if the front does not begin it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(1000 * HELLO_SECONDS):
        sock.sendall(encode(PLAIN))
        raise RefusedError("a peer speaks no TLS")
    return context.wrap_socket(sock, server_side=True)


def encrypted(sock: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Begin TLS with a node. Raises OSError, which says what does not fit."""
    try:
        return tls.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise ConnectionError(f"certificate: {error.verify_message}; check ca_file, and the certificate") from None
    except ssl.SSLError as error:
        found = (error.reason or str(error)).replace("_", " ").lower()
        raise ConnectionError(f"no TLS ({found}): start it with --tls-cert, or remove ca_file") from None
    except TimeoutError:
        raise TimeoutError("no TLS handshake: it hangs, or is no node") from None


def check_greeting(greeting: Message) -> None:
    """Raise ConnectionError if the greeting of a node says that it speaks TLS."""
    if greeting.head == PLAIN.head:
        raise ConnectionError("it expects TLS (ca_file): name the authority of its certificate")
