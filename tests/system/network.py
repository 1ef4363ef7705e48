"""A network of the test's own, so that addresses which are not loopback stay on this machine.

Needs root: a thread moves into a new network namespace, and the sockets that it makes and the
processes that it starts are in there.
"""

import ctypes
import fcntl
import functools
import os
import socket
import struct
import threading

import pytest

ADDRESS = "192.0.2.1"  # RFC 5737: nobody's
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, SIOCSIFADDR = 0x8914, 0x8916
IFF_UP = 1


def enter():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))


def possible():
    failures = []

    def probe():
        try:
            enter()
        except OSError as failure:
            failures.append(failure)

    thread = threading.Thread(target=probe)
    thread.start()
    thread.join()
    return not failures


def own_network(test):
    """Decorates a test: ADDRESS is this machine, and there is no other."""

    @functools.wraps(test)
    def wrapped(*arguments, **options):
        failures = []

        def inside():
            try:
                enter()
                test(*arguments, **options)
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]

    reason = "only root can make a network of its own"
    return pytest.mark.skipif(os.geteuid() != 0 or not possible(), reason=reason)(wrapped)
