"""Python loads this before Prowler, by PYTHONPATH: names resolve to this machine or not at all.

s3control puts the account before the host of its endpoint, `123456789012.127.0.0.1`, which is no name that resolves.
"""

import re
import socket

_resolve = socket.getaddrinfo


def getaddrinfo(host, *arguments, **named):
    if isinstance(host, bytes):
        host = host.decode()
    if host and re.fullmatch(r"\d{12}\.127\.0\.0\.1", host):
        host = "127.0.0.1"
    if host not in (None, "", "127.0.0.1", "localhost", "::1"):
        raise socket.gaierror(f"{host}: the tests talk to this machine only")
    return _resolve(host, *arguments, **named)


socket.getaddrinfo = getaddrinfo
