#!/usr/bin/env python3
"""Writes tests/golden/ad_*.safetensors: logits, gradients and ten training losses of small networks of
Algorithm Distillation, computed by PyTorch in f64 from plain implementations: token layouts a and b of the
transformer, the LSTM, and layout a over encoded images. Weights are a hash of (name, index), so that the test makes them itself.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_ad.py tests/golden
"""
import math
import os
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from golden_mgdt import linear, norm, unit

B, T, WIDTH, HEADS, FFN, LAYERS, ACTIONS, ROWS = 2, 12, 16, 2, 24, 2, 5, (4, 6)
LSTM, DENSE = 12, 10
IMAGE, CHANNELS, FEATURES = (13, 18, 3), 3, 256
REWARDS = 3
SEQ = "ad/sequence/"
CONFIGS = {
    "ad_a": dict(core="transformer", layout="a", post=False, sinusoidal=False, mask="zero", smoothing=0.0),
    "ad_b": dict(core="transformer", layout="b", post=True, sinusoidal=True, mask="key", smoothing=0.2),
    "ad_lstm": dict(core="lstm", mask="zero", smoothing=0.0),
    "ad_image": dict(core="transformer", layout="a", post=False, sinusoidal=False, mask="zero", smoothing=0.0,
                     image=True),
}


def tokens_of(c):
    return 3 * T if c.get("layout") == "b" else T


def shapes(c):
    d = WIDTH
    s = {} if c.get("image") else {f"ad/obs{i}/embeddings": (n, d) for i, n in enumerate(ROWS)}
    s["ad/action/embeddings"], s["ad/reward/embeddings"] = (ACTIONS + 1, d), (REWARDS, d)
    maps = {}
    if c["core"] == "lstm":
        maps = {"ad/lstm/input": (3 * d, 4 * LSTM), "ad/dense1": (LSTM + d, DENSE), "ad/dense2": (DENSE, DENSE),
                "ad/head": (DENSE, ACTIONS)}
        s["ad/lstm/state/w"] = (LSTM, 4 * LSTM)
    else:
        maps["ad/head"] = (d, ACTIONS)
        if c["layout"] == "a":
            maps["ad/token"] = (2 * d + (FEATURES if c.get("image") else d), d)
        if not c["sinusoidal"]:
            s["ad/positions"] = (tokens_of(c), d)
        norms = [] if c["post"] else ["ln_f"]
        for i in range(LAYERS):
            norms += [f"h{i}_ln_1", f"h{i}_ln_2"]
            for part, a, b in [("attn/query", d, d), ("attn/key", d, d), ("attn/value", d, d), ("attn/linear", d, d),
                               ("mlp/linear", d, FFN), ("mlp/linear_1", FFN, d)]:
                maps[f"{SEQ}h{i}_{part}"] = (a, b)
        for name in norms:
            s[SEQ + name + "/scale"], s[SEQ + name + "/offset"] = (d,), (d,)
    if c.get("image"):
        for i, k in enumerate((IMAGE[2], CHANNELS, CHANNELS), 1):
            s[f"ad/image/conv{i}/w"] = (5, 5, k, CHANNELS)
            s[f"ad/image/norm{i}/scale"], s[f"ad/image/norm{i}/offset"] = (CHANNELS,), (CHANNELS,)
        maps["ad/image/out"] = (CHANNELS, FEATURES)
    for name, (a, b) in maps.items():
        s[name + "/w"], s[name + "/b"] = (a, b), (b,)
    return s


def weights(c):
    out = {}
    for name, shape in shapes(c).items():
        u = unit(zlib.crc32(name.encode()), int(np.prod(shape)))
        if name.endswith("/scale"):
            u = 1.0 + 0.2 * u
        elif name.endswith("/w"):
            u = u * (2.0 / math.sqrt(int(np.prod(shape[:-1]))))
        else:
            u = (0.1 if name.endswith("/b") or name.endswith("/offset") else 0.5) * u
        out[name] = torch.tensor(u.astype(np.float32).astype(np.float64).reshape(shape), requires_grad=True)
    return out


def same(x, kernel, stride, value=0.0):
    """x [n,K,H,W] padded so that a window gives ceil(size / stride) results, the odd row at the end."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max(((size + stride - 1) // stride - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def encode(w, frames, training):
    """Frames [B,T,H,W,C] of bytes -> [B,T,FEATURES]; moments of the batch, else mean 0 and variance 1."""
    x = frames.reshape(B * T, *IMAGE).permute(0, 3, 1, 2) / 255
    for i in (1, 2, 3):
        x = F.conv2d(same(x, 5, 2), w[f"ad/image/conv{i}/w"].permute(3, 2, 0, 1), stride=2)
        mean, var = torch.zeros(CHANNELS, dtype=x.dtype), torch.ones(CHANNELS, dtype=x.dtype)
        x = F.batch_norm(x, mean, var, w[f"ad/image/norm{i}/scale"], w[f"ad/image/norm{i}/offset"], training=training)
        x = F.max_pool2d(same(torch.relu(x), 2, 2, -math.inf), 2, 2)
    return linear(w, "ad/image/out", x.permute(0, 2, 3, 1).flatten(1)).reshape(B, T, FEATURES)


def embeddings(w, data, training=False):
    if "frames" in data:
        return encode(w, data["frames"], training), w["ad/action/embeddings"], w["ad/reward/embeddings"]
    obs = sum(w[f"ad/obs{i}/embeddings"][data["obs"][..., i]] for i in range(len(ROWS)))
    return obs, w["ad/action/embeddings"], w["ad/reward/embeddings"]


def sinusoids(n):
    table = torch.zeros(n, WIDTH, dtype=torch.float64)
    for t in range(n):
        for i in range(0, WIDTH, 2):
            table[t, i] = math.sin(t / 10000 ** (i / WIDTH))
            table[t, i + 1] = math.cos(t / 10000 ** (i / WIDTH))
    return table.float().double()


def transformer(c, w, data, masked):
    """masked [B,N] or None -> logits [B,T,A]."""
    obs, action, reward = embeddings(w, data, masked is not None)
    if c["layout"] == "a":
        before = torch.cat([torch.full((B, 1), ACTIONS), data["action"][:, :-1]], 1)
        paid = torch.cat([torch.zeros((B, 1), dtype=torch.int64), data["reward"][:, :-1]], 1)
        x = linear(w, "ad/token", torch.cat([action[before], reward[paid], obs], -1))
    else:
        x = torch.stack([obs, action[data["action"]], reward[data["reward"]]], 2).reshape(B, 3 * T, WIDTH)
    n = x.shape[1]
    seen = torch.tril(torch.ones(n, n, dtype=torch.bool)).expand(B, n, n)
    if masked is not None and c["mask"] == "zero":
        x = x * (~masked)[..., None]
    if masked is not None and c["mask"] == "key":
        seen = seen & (~masked[:, None, :] | torch.eye(n, dtype=torch.bool))
    x = x + (sinusoids(n) if c["sinusoidal"] else w["ad/positions"])
    for i in range(LAYERS):
        y = x if c["post"] else norm(w, f"{SEQ}h{i}_ln_1", x)
        q, k, v = (linear(w, f"{SEQ}h{i}_attn/{part}", y).reshape(B, n, HEADS, -1).transpose(1, 2)
                   for part in ("query", "key", "value"))
        p = (q @ k.transpose(2, 3)) / math.sqrt(WIDTH / HEADS)
        p = p.masked_fill(~seen[:, None], -math.inf).softmax(-1)
        x = x + linear(w, f"{SEQ}h{i}_attn/linear", (p @ v).transpose(1, 2).reshape(B, n, WIDTH))
        x = norm(w, f"{SEQ}h{i}_ln_1", x) if c["post"] else x
        y = x if c["post"] else norm(w, f"{SEQ}h{i}_ln_2", x)
        y = F.gelu(linear(w, f"{SEQ}h{i}_mlp/linear", y), approximate="tanh")
        x = x + linear(w, f"{SEQ}h{i}_mlp/linear_1", y)
        x = norm(w, f"{SEQ}h{i}_ln_2", x) if c["post"] else x
    x = x if c["post"] else norm(w, SEQ + "ln_f", x)
    return linear(w, "ad/head", x if c["layout"] == "a" else x[:, 0::3])


def recurrent(c, w, data, masked):
    obs, action, reward = embeddings(w, data)
    x = torch.cat([obs, action[data["action"]], reward[data["reward"]]], -1)
    if masked is not None:
        x, obs = x * (~masked)[..., None], obs * (~masked)[..., None]
    h = cell = torch.zeros(B, LSTM, dtype=torch.float64)
    logits = []
    for t in range(T):
        y = torch.relu(linear(w, "ad/dense1", torch.cat([h, obs[:, t]], -1)))
        logits.append(linear(w, "ad/head", torch.relu(linear(w, "ad/dense2", y))))
        gates = linear(w, "ad/lstm/input", x[:, t]) + h @ w["ad/lstm/state/w"]
        i, f, g, o = gates.chunk(4, -1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(cell)
    return torch.stack(logits, 1)


def logits_of(c, w, data, masked):
    return (recurrent if c["core"] == "lstm" else transformer)(c, w, data, masked)


def loss_of(c, w, data, masked):
    logits = logits_of(c, w, data, masked).reshape(B * T, ACTIONS)
    return F.cross_entropy(logits, data["action"].reshape(-1), label_smoothing=c["smoothing"])


def train(c, data, masked):
    """Ten updates on one batch by Adam (.9, .99), warm-up 2, clip 1; the losses before each."""
    w = weights(c)
    m = {n: torch.zeros_like(p) for n, p in w.items()}
    v = {n: torch.zeros_like(p) for n, p in w.items()}
    seen = []
    for step in range(10):
        loss = loss_of(c, w, data, masked)
        seen.append(loss.item())
        grads = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
        grads = [torch.zeros_like(p) if g is None else g for g, p in zip(grads, w.values())]
        total = math.sqrt(sum((g * g).sum().item() for g in grads))
        lr = 1e-2 * min(1.0, (step + 1) / 2)
        with torch.no_grad():
            for (n, p), g in zip(w.items(), grads):
                g = g * min(1.0, 1.0 / total)
                m[n], v[n] = 0.9 * m[n] + 0.1 * g, 0.99 * v[n] + 0.01 * g * g
                p -= lr * (m[n] / (1 - 0.9 ** (step + 1))) / ((v[n] / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
    return seen


def golden(name, c, folder):
    rng = np.random.default_rng(11)
    obs = np.stack([rng.integers(0, n, (B, T)) for n in ROWS], -1)
    action, reward = rng.integers(0, ACTIONS, (B, T)), rng.integers(-1, 2, (B, T))
    masked = rng.random((B, tokens_of(c))) < 0.3
    data = dict(obs=torch.tensor(obs), action=torch.tensor(action),
                reward=torch.tensor(np.where(reward < 0, 2, reward)))
    file = {}
    if c.get("image"):
        file["frames"] = rng.integers(0, 256, (B, T, *IMAGE)).astype(np.uint8)
        data["frames"] = torch.tensor(file["frames"]).double()
    hidden = torch.tensor(masked)
    w = weights(c)
    loss = loss_of(c, w, data, hidden)
    grads = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
    file |= dict(obs=obs.astype(np.uint8), action=action.astype(np.int32), reward=reward.astype(np.float32),
                masked=masked.astype(np.uint8), loss=np.array([loss.item()]),
                logits=logits_of(c, w, data, None).detach().numpy().astype(np.float32),
                masked_logits=logits_of(c, w, data, hidden).detach().numpy().astype(np.float32),
                losses=np.array(train(c, data, hidden)))
    for (n, p), g in zip(w.items(), grads):
        g = torch.zeros_like(p) if g is None else g
        file["grad/" + n] = np.ascontiguousarray(g.numpy(), dtype=np.float32)
    path = os.path.join(folder, name + ".safetensors")
    save_file(file, path)
    print(path, os.path.getsize(path), "losses", file["losses"][[0, 9]])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for key, cfg in CONFIGS.items():
        golden(key, cfg, sys.argv[1] if len(sys.argv) > 1 else "tests/golden")
