#!/usr/bin/env python3
"""Makes the network golden files again with PyTorch; every tensor must agree with the tree's to 1e-6
of its largest element (PyTorch's own kernels differ in the last bits between processors)."""
import os
import subprocess
import sys
import tempfile

from safetensors.numpy import load_file

ROOT = os.environ["PP_SOURCE_DIR"]
GOLDEN = os.path.join(ROOT, "tests", "golden")

with tempfile.TemporaryDirectory() as folder:
    for script in ("golden_mgdt.py", "golden_torsos.py", "golden_ad.py"):
        subprocess.run([sys.executable, os.path.join(ROOT, "tools", script), folder], check=True)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".safetensors"))
    assert len(names) >= 4, names
    for name in names:
        made = load_file(os.path.join(folder, name))
        kept = load_file(os.path.join(GOLDEN, name))
        assert sorted(made) == sorted(kept), name
        for key, value in kept.items():
            worst = abs(made[key].astype("f8") - value.astype("f8")).max(initial=0)
            assert worst <= 1e-6 * max(1.0, abs(value.astype("f8")).max(initial=0)), (name, key, worst)
