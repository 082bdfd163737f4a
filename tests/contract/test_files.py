# SPDX-License-Identifier: GPL-3.0-or-later
"""check.mjs, with its packages as package-lock.json pins them. They lie in the build directory and are fetched again only
when the lock has changed."""
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = os.environ["STILE_SOURCE"]
PACKAGES = pathlib.Path(os.environ["STILE_BUILD"], "tests", "contract", "npm")


def install():
    installed = PACKAGES / "installed"
    lock = (HERE / "package-lock.json").read_bytes()
    PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "check.mjs"):
        shutil.copy(HERE / name, PACKAGES)
    if installed.exists() and installed.read_bytes() == lock:
        return
    installed.unlink(missing_ok=True)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries", "5"],
                   cwd=PACKAGES, check=True)
    installed.write_bytes(lock)


install()
sys.exit(subprocess.run(["node", "check.mjs", SOURCE], cwd=PACKAGES).returncode)
