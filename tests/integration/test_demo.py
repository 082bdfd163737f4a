# SPDX-License-Identifier: GPL-3.0-or-later
"""The story that tools/demo tells happens, from beginning to end."""
import os
import subprocess
import sys

from support import SOURCE

sys.exit(subprocess.run(["/usr/bin/python3", os.path.join(SOURCE, "tools", "dev", "demo.py")]).returncode)
