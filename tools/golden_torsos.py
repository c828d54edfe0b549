#!/usr/bin/env python3
"""Writes tests/golden/torsos.safetensors: features and gradients of the torsos and of the LSTM,
computed by PyTorch in f64. Weights and inputs are a hash of (name, index), so that the test makes
them itself; the loss is the sum of the features times hashed numbers.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_torsos.py tests/golden
"""
import math
import os
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from golden_mgdt import unit

KEPT = 256  # elements of a gradient that are stored, evenly spread

SHAPES = {"impala": (2, 13, 14, 3), "nature": (1, 36, 38, 2), "arcade": (2, 10, 10, 4), "mlp": (3, 1, 1, 2),
          "lstm": (3, 5, 4)}
WIDTHS, DENSE, CELLS, HIDDEN = (4, 6), 10, (9, 9), 6


def hashed(name, shape):
    return unit(zlib.crc32(name.encode()), int(np.prod(shape))).reshape(shape)


class Weights:
    """Parameters by name, made when they are first asked for."""

    def __init__(self):
        self.made = {}

    def __call__(self, name, shape):
        if name not in self.made:
            scale = 0.1 if name.endswith("/b") else 2.0 / math.sqrt(int(np.prod(shape[:-1])))
            v = (hashed(name, shape) * scale).astype(np.float32).astype(np.float64)
            self.made[name] = torch.tensor(v, requires_grad=True)
        return self.made[name]

    def linear(self, x, name, out):
        return x @ self(name + "/w", (x.shape[-1], out)) + self(name + "/b", (out,))

    def conv(self, x, name, out, kernel, stride, same):
        """x [B,C,H,W]; SAME padding puts the odd zero row at the end, which conv2d alone cannot."""
        w = self(name + "/w", (kernel, kernel, x.shape[1], out)).permute(3, 2, 0, 1)
        if same:
            x = F.pad(x, padding(x, kernel, stride))
        return F.conv2d(x, w, self(name + "/b", (out,)), stride=stride)


def padding(x, kernel, stride):
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
        pads += [total // 2, total - total // 2]
    return pads


def flat(x):
    """[B,C,H,W] -> [B,HWC], the order of NHWC."""
    return x.permute(0, 2, 3, 1).flatten(1)


def impala(w, x):
    for s, width in enumerate(WIDTHS):
        x = w.conv(x, f"impala/stage{s + 1}/conv", width, 3, 1, True)
        x = F.max_pool2d(F.pad(x, padding(x, 3, 2), value=-math.inf), 3, 2)
        for b in range(2):
            name = f"impala/stage{s + 1}/block{b + 1}/conv"
            y = w.conv(x.relu(), name + "1", width, 3, 1, True)
            x = x + w.conv(y.relu(), name + "2", width, 3, 1, True)
    return w.linear(flat(x.relu()), "impala/dense", DENSE).relu()


def nature(w, x):
    for i, (kernel, stride, out) in enumerate([(8, 4, 32), (4, 2, 64), (3, 1, 64)]):
        x = w.conv(x, f"nature/conv{i + 1}", out, kernel, stride, True).relu()
    return w.linear(flat(x), "nature/dense", DENSE).relu()


def arcade(w, x):
    x = w.conv(x, "arcade/conv", 16, 3, 1, False).relu()
    return w.linear(flat(x), "arcade/dense", DENSE).relu()


def mlp(w, x):
    for i in range(3):
        x = w.linear(x, f"mlp/dense{i + 1}", DENSE).relu()
    return x


def lstm(w, x, reset):
    batch, steps = x.shape[:2]
    cell = torch.nn.LSTMCell(x.shape[2], HIDDEN).double()
    names = dict(weight_ih=w("lstm/input/w", (x.shape[2], 4 * HIDDEN)).T, weight_hh=w("lstm/state/w", (HIDDEN, 4 * HIDDEN)).T,
                 bias_ih=0.25 * w("lstm/input/b", (4 * HIDDEN,)), bias_hh=0.75 * w("lstm/input/b", (4 * HIDDEN,)))
    h, c = (w(f"lstm/{n}", (batch, HIDDEN)) for n in ("h0", "c0"))
    out = []
    for t in range(steps):
        keep = torch.tensor(1.0 - reset[:, t : t + 1])
        h, c = torch.func.functional_call(cell, names, (x[:, t], (h * keep, c * keep)))
        out.append(h)
    return torch.stack(out, 1), c


def observation(name):
    u = hashed("obs/" + name, SHAPES[name])
    if name in ("impala", "nature"):
        return np.floor(127.5 + 127 * u) / 255
    if name == "arcade":
        return (u > 0.7).astype(np.float64)
    return np.floor((u + 1) / 2 * CELLS[0])


def features(name, w):
    """Features, and what else the file keeps."""
    if name == "lstm":
        x = w("lstm/x", SHAPES[name])
        reset = (hashed("lstm/reset", SHAPES[name][:2]) > 0.5).astype(np.float64)
        h, c = lstm(w, x, reset)
        return h, {"cell": c}
    x = torch.tensor(observation(name))
    if name == "mlp":
        x = F.one_hot(x.long(), CELLS[0]).double().flatten(1)
        return mlp(w, x), {}
    return {"impala": impala, "nature": nature, "arcade": arcade}[name](w, x.permute(0, 3, 1, 2)), {}


def golden(folder):
    file = {}
    for name in SHAPES:
        w = Weights()
        y, more = features(name, w)
        loss = (y * torch.tensor(hashed("loss/" + name, tuple(y.shape)))).sum()
        grads = torch.autograd.grad(loss, list(w.made.values()))
        file[f"{name}/features"] = y.detach().numpy().astype(np.float32)
        for k, v in more.items():
            file[f"{name}/{k}"] = v.detach().numpy().astype(np.float32)
        for n, g in zip(w.made, grads):
            g = g.numpy().ravel()
            file["grad/" + n] = g[:: -(-g.size // KEPT)].astype(np.float32)
        print(name, tuple(y.shape), loss.item())
    path = os.path.join(folder, "torsos.safetensors")
    save_file(file, path)
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    torch.set_num_threads(1)
    golden(sys.argv[1] if len(sys.argv) > 1 else "tests/golden")
