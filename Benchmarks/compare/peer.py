"""Finds the peer: a Python that has llama-cpp-python in the version that the comparison is made for."""

import os
import subprocess
import sys

PEER = "llama-cpp-python==0.3.36"


def fail(message):
    sys.exit(f"error: {message}")


def has_peer(python):
    version = PEER.partition("==")[2]
    test = f"import llama_cpp, sys; sys.exit(llama_cpp.__version__ != '{version}')"
    try:
        return subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def cache_folder():
    return os.environ.get("MULLAMA_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "mullama"
    )


def peer_python(path, install):
    """The Python at `path`, this one, or with `install` one in the cache, which is made if it is missing."""
    if path:
        if not has_peer(path):
            fail(f"{path} has no {PEER}")
        return path
    if not install:
        if has_peer(sys.executable):
            return sys.executable
        fail(f"{PEER} is missing: give --peer-python PATH, or --install-peer to build it in the cache")
    folder = os.path.join(cache_folder(), f"peer-{PEER.replace('==', '-')}")
    python = os.path.join(folder, "bin", "python")
    if not has_peer(python):
        print(f"Building {PEER} in {folder}; this takes minutes", file=sys.stderr)
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER, "numpy"],
        ):
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
                fail(f"'{' '.join(command)}' failed (Debian, Ubuntu: it needs python3-venv, g++ and a network)")
    return python
