#!/usr/bin/env python3
"""Records a dataset with the program of PP_BINARY_DIR and has the reference package minari read it:
episode and step counts must be those that `polyplay data show` prints."""
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.environ["PP_SOURCE_DIR"]
PROGRAM = os.path.join(os.environ["PP_BINARY_DIR"], "polyplay")

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([PROGRAM, "collect", "--env", "arcade/catch", "--policy", "random", "--steps", "300",
                    "--out", folder, "--seed", "1"], check=True, capture_output=True)
    dataset = os.path.join(folder, "arcade", "catch", "random-v0")
    shown = subprocess.run([PROGRAM, "data", "show", dataset], check=True, capture_output=True,
                           text=True).stdout
    read = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "golden_minari.py"), "read",
                           dataset], check=True, capture_output=True, text=True).stdout
    sums = json.loads(read.strip().splitlines()[-1])
    episodes = int(re.search(r"^episodes\s+(\d+)", shown, re.M).group(1))
    steps = int(re.search(r"^steps\s+(\d+)", shown, re.M).group(1))
    assert sums["episodes"] == episodes > 10, (sums, episodes)
    assert sums["steps"] == steps >= 300, (sums, steps)
