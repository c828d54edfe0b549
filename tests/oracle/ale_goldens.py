#!/usr/bin/env python3
"""Makes the Atari golden files again with ale-py and OpenCV; they must be those of the tree."""
import filecmp
import os
import subprocess
import sys
import tempfile

ROOT = os.environ["PP_SOURCE_DIR"]
GOLDEN = os.path.join(ROOT, "tests", "golden")

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "golden_ale.py"), "--out", folder], check=True)
    names = sorted(os.listdir(folder))
    assert len(names) >= 7, names
    different = [name for name in names
                 if not filecmp.cmp(os.path.join(folder, name), os.path.join(GOLDEN, name), shallow=False)]
    assert not different, "differ from the tree: %s" % different
