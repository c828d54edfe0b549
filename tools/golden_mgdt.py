#!/usr/bin/env python3
"""Writes tests/golden/mgdt_*.safetensors: logits, gradients and training losses of small Multi-Game
Decision Transformers, computed by PyTorch in f64 from a plain implementation (every token computed,
explicit mask matrix). Weights are a hash of (name, index), so that the test makes them itself.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_mgdt.py tests/golden
"""
import math
import os
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

GRAD_WHOLE = 2048  # gradients of up to this many elements are stored whole,
GRAD_STRIDE = 7    # of larger ones every 7th element, and sums over all

CONFIGS = {
    "mgdt_grey": dict(layers=2, width=128, batch=2, board=(84, 84, 1), patch=14, frame_scale=1 / 255,
                      conditioned=True, single=True, bins=120, plain=False),
    "mgdt_planes": dict(layers=1, width=64, batch=2, board=(14, 14, 10), patch=7, frame_scale=1.0,
                        conditioned=True, single=False, bins=121, plain=True),
    "mgdt_bc": dict(layers=1, width=64, batch=2, board=(14, 14, 10), patch=7, frame_scale=1.0,
                      conditioned=False, single=True, bins=120, plain=False),
}
T, ACTIONS, REWARDS = 4, 18, 4
ROOT, EMBED, SEQ = "decision_transformer/", "decision_transformer/~_embed_inputs/", "decision_transformer/~/sequence/"


def unit(key, n):
    """n numbers in [-1, 1) from splitmix64 of key * 2^32 + index, 24 bits each."""
    with np.errstate(over="ignore"):
        z = np.uint64(key) * np.uint64(1 << 32) + np.arange(n, dtype=np.uint64)
        z = z + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1.0


def shapes(c):
    """Parameter names and shapes."""
    d, slots = c["width"], patches(c) + (3 if c["conditioned"] else 2)
    s = {EMBED + "image_emb/w": (c["patch"], c["patch"], c["board"][2], d), EMBED + "image_emb/b": (d,),
         ROOT + "image_pos_enc": (1, 1, patches(c), d), ROOT + "positional_embeddings": (T * slots, d),
         EMBED + "embed_1/embeddings": (ACTIONS, d), EMBED + "embed_2/embeddings": (REWARDS, d)}
    heads = {"act_linear": ACTIONS, "rew_linear": REWARDS}
    if c["conditioned"]:
        s[EMBED + "embed/embeddings"] = (c["bins"], d)
        heads["ret_linear"] = c["bins"]
    for name, n in heads.items():
        s[ROOT + name + "/w"], s[ROOT + name + "/b"] = (d, n), (n,)
    norms = ["ln_f"]
    for i in range(c["layers"]):
        norms += [f"h{i}_ln_1", f"h{i}_ln_2"]
        for part, a, b in [("attn/query", d, d), ("attn/key", d, d), ("attn/value", d, d), ("attn/linear", d, d),
                           ("mlp/linear", d, 4 * d), ("mlp/linear_1", 4 * d, d)]:
            s[f"{SEQ}h{i}_{part}/w"], s[f"{SEQ}h{i}_{part}/b"] = (a, b), (b,)
    for name in norms:
        s[SEQ + name + "/scale"], s[SEQ + name + "/offset"] = (d,), (d,)
    return s


def patches(c):
    return (c["board"][0] // c["patch"]) * (c["board"][1] // c["patch"])


def weights(c):
    out = {}
    for name, shape in shapes(c).items():
        u = unit(zlib.crc32(name.encode()), int(np.prod(shape)))
        if name.endswith("/scale"):
            v = 1.0 + 0.2 * u
        elif name.endswith("/w"):
            v = u * (2.0 / math.sqrt(int(np.prod(shape[:-1]))))
        elif name.endswith("/b") or name.endswith("/offset"):
            v = 0.1 * u
        else:
            v = 0.5 * u
        v = v.astype(np.float32).astype(np.float64).reshape(shape)
        out[name] = torch.tensor(v, requires_grad=True)
    return out


def allowed(c):
    """Boolean mask [N, N] by the rule of the paper's code."""
    p = patches(c)
    slots = p + (3 if c["conditioned"] else 2)
    n = T * slots
    m = torch.zeros(n, n, dtype=torch.bool)
    for q in range(n):
        for k in range(n):
            same = q // slots == k // slots and q % slots < p and k % slots < p
            dropped = c["conditioned"] and c["single"] and k % slots == p and k >= slots
            m[q, k] = (k <= q or same) and not dropped
    return m


def encode_return(r):
    return np.clip(np.trunc(r), -20, 100).astype(np.int64) + 20


def encode_reward(r):
    return np.where(r > 0, 1, np.where(r < 0, 3, 0)).astype(np.int64)


def linear(w, name, x):
    return x @ w[name + "/w"] + w[name + "/b"]


def norm(w, name, x):
    return F.layer_norm(x, (x.shape[-1],), w[name + "/scale"], w[name + "/offset"], 1e-5)


def forward(c, w, mask, data):
    h, wd, ch = c["board"]
    p, d, b, np_ = c["patch"], c["width"], c["batch"], patches(c)
    x = torch.tensor(data["frames"].astype(np.float64)).reshape(b, T, h, wd, ch) * c["frame_scale"]
    kernel = w[EMBED + "image_emb/w"].permute(3, 2, 0, 1)  # as a convolution, unlike the library
    y = F.conv2d(x.reshape(b * T, h, wd, ch).permute(0, 3, 1, 2), kernel, w[EMBED + "image_emb/b"], stride=p)
    y = y.flatten(2).transpose(1, 2).reshape(b, T, np_, d) + w[ROOT + "image_pos_enc"]
    tokens = [y]
    if c["conditioned"]:
        ids = np.minimum(data["return_tokens"], c["bins"] - 1)
        tokens.append(w[EMBED + "embed/embeddings"][torch.tensor(ids)][:, :, None])
    tokens.append(w[EMBED + "embed_1/embeddings"][torch.tensor(data["actions"].astype(np.int64))][:, :, None])
    tokens.append(w[EMBED + "embed_2/embeddings"][torch.tensor(data["reward_tokens"])][:, :, None])
    x = torch.cat(tokens, 2)
    slots = x.shape[2]
    x = x.reshape(b, T * slots, d) + w[ROOT + "positional_embeddings"]
    if c["conditioned"] and c["single"]:
        keep = torch.ones(T * slots, 1, dtype=x.dtype)
        for t in range(1, T):
            keep[t * slots + np_] = 0
        x = x * keep
    heads = d // 64
    for i in range(c["layers"]):
        y = norm(w, f"{SEQ}h{i}_ln_1", x)
        q, k, v = (linear(w, f"{SEQ}h{i}_attn/{n}", y).reshape(b, -1, heads, 64).transpose(1, 2)
                   for n in ("query", "key", "value"))
        s = (q @ k.transpose(2, 3)) / 8
        s = s.masked_fill(~mask, -1e30).softmax(-1)
        x = x + linear(w, f"{SEQ}h{i}_attn/linear", (s @ v).transpose(1, 2).reshape(b, -1, d))
        y = norm(w, f"{SEQ}h{i}_ln_2", x)
        y = F.gelu(linear(w, f"{SEQ}h{i}_mlp/linear", y), approximate="tanh")
        x = x + linear(w, f"{SEQ}h{i}_mlp/linear_1", y)
    x = norm(w, SEQ + "ln_f", x).reshape(b, T, slots, d)
    first = np_ - 1
    out = {}
    if c["conditioned"]:
        out["return_logits"] = linear(w, ROOT + "ret_linear", x[:, :, first])
        first += 1
    out["action_logits"] = linear(w, ROOT + "act_linear", x[:, :, first])
    out["reward_logits"] = linear(w, ROOT + "rew_linear", x[:, :, first + 1])
    return out


def mean_ce(logits, target, classes):
    """Minus the mean over samples of onehot * log_softmax; a target outside the classes is a zero row."""
    hot = torch.tensor(np.arange(classes) == target[..., None], dtype=logits.dtype)
    return -(hot * logits.log_softmax(-1)).sum(-1).mean()


def losses(c, out, data):
    a = mean_ce(out["action_logits"], data["actions"], ACTIONS)
    r = mean_ce(out["reward_logits"], data["reward_tokens"], REWARDS)
    parts = [(a, ACTIONS), (r, REWARDS)]
    if c["conditioned"]:
        read = 1 if c["single"] else T
        parts.append((mean_ce(out["return_logits"][:, :read], data["return_tokens"][:, :read], c["bins"]), c["bins"]))
    total = sum(v if c["plain"] else v / n / len(parts) for v, n in parts)
    return total, [v.item() for v, _ in parts]


def train(c, mask, data, kind):
    """Ten updates on one batch: warm-up 2, constant rate, clip 1; returns the losses before each update."""
    w = weights(c)
    m = {n: torch.zeros_like(p) for n, p in w.items()}
    v = {n: torch.zeros_like(p) for n, p in w.items()}
    seen = []
    for step in range(10):
        loss, _ = losses(c, forward(c, w, mask, data), data)
        seen.append(loss.item())
        grads = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
        grads = [torch.zeros_like(p) if g is None else g for g, p in zip(grads, w.values())]
        total = math.sqrt(sum((g * g).sum().item() for g in grads))
        scale = min(1.0, 1.0 / total)
        lr = (0.02 if kind == "lamb" else 1e-3) * min(1.0, (step + 1) / 2)
        with torch.no_grad():
            for (n, p), g in zip(w.items(), grads):
                g = g * scale
                m[n] = 0.9 * m[n] + 0.1 * g
                v[n] = 0.999 * v[n] + 0.001 * g * g
                mh, vh = m[n] / (1 - 0.9 ** (step + 1)), v[n] / (1 - 0.999 ** (step + 1))
                if kind == "lamb":
                    u = mh / (vh.sqrt() + 1e-6)
                    pn, un = p.norm().item(), u.norm().item()
                    p -= lr * (pn / un if pn > 0 and un > 0 else 1.0) * u
                else:
                    p -= lr * (mh / (vh.sqrt() + 1e-8) + 0.01 * p)
    return seen


def inputs(c, rng):
    b, (h, wd, ch) = c["batch"], c["board"]
    if ch == 1:
        low = rng.integers(0, 256, (b, T, h // 7, wd // 7, 1))  # blocks of 7x7, so that the file packs well
        frames = np.kron(low, np.ones((1, 1, 7, 7, 1), dtype=np.int64)).astype(np.uint8)
    else:
        frames = rng.integers(0, 2, (b, T, h, wd, ch)).astype(np.uint8)
    returns = np.array([[2.9, 1.5, -0.5, -25.0], [120.3, 100.0, 99.0, 7.0]], dtype=np.float32)
    rewards = np.array([[0.0, 1.0, -1.0, 0.0], [5.0, 0.0, 0.0, -0.5]], dtype=np.float32)
    actions = rng.integers(0, ACTIONS, (b, T)).astype(np.int32)
    return dict(frames=frames, returns=returns, rewards=rewards, actions=actions,
                return_tokens=encode_return(returns), reward_tokens=encode_reward(rewards))


def golden(name, c, folder):
    data = inputs(c, np.random.default_rng(7))
    mask = allowed(c)
    w = weights(c)
    out = forward(c, w, mask, data)
    loss, parts = losses(c, out, data)
    grads = torch.autograd.grad(loss, list(w.values()), allow_unused=True)
    file = {k: data[k] for k in ("frames", "returns", "rewards", "actions")}
    for k, v in out.items():
        file[k] = v.detach().numpy().astype(np.float32)
    file["losses"] = np.array([loss.item()] + parts)
    for (n, p), g in zip(w.items(), grads):
        g = (torch.zeros_like(p) if g is None else g).numpy().ravel()
        mix = unit(zlib.crc32(n.encode()) ^ 0x5A5A5A5A, g.size)
        file["sums/" + n] = np.array([g.sum(), (g * g).sum(), (g * mix).sum()])
        file["grad/" + n] = (g if g.size <= GRAD_WHOLE else g[::GRAD_STRIDE]).astype(np.float32)
    for kind in ("lamb", "adamw"):
        file["train/" + kind] = np.array(train(c, mask, data, kind))
    path = os.path.join(folder, name + ".safetensors")
    save_file(file, path)
    print(path, os.path.getsize(path), "loss", loss.item(), "lamb", file["train/lamb"][[0, 9]])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for key, cfg in CONFIGS.items():
        golden(key, cfg, sys.argv[1] if len(sys.argv) > 1 else "tests/golden")
