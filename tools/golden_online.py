#!/usr/bin/env python3
"""Writes tests/golden/online_*.safetensors: losses, gradients and ten updates of the learners dqn, c51,
impala and qlambda, computed by PyTorch in f64 from plain implementations. Weights and batches are hashes
of (name, index), so that the test makes them itself.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_online.py tests/golden
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

UPDATES, TARGET_EVERY = 10, 4
GRAD_WHOLE, GRAD_STRIDE = 2048, 7
H, W, C, ACTIONS = 6, 6, 2, 3
GAMMA = 0.99


def hashed(name, n):
    return unit(zlib.crc32(name.encode()), n)


def frames(rows):
    x = (hashed("frames", rows * H * W * C) > 0).astype(np.float64)
    return torch.tensor(x.reshape(rows, H, W, C))


def next_frames(rows):
    x = (hashed("next_frames", rows * H * W * C) > 0).astype(np.float64)
    return torch.tensor(x.reshape(rows, H, W, C))


def pick(name, n, below):
    """Integers 0 .. below-1."""
    return ((hashed(name, n) + 1) / 2 * below).astype(np.int64)


# ---- networks ----

def arcade_shapes(outputs):
    flat = (H - 2) * (W - 2) * 16
    return {"torso/conv/w": (3, 3, C, 16), "torso/conv/b": (16,), "torso/dense/w": (flat, 128),
            "torso/dense/b": (128,), "head/w": (128, outputs), "head/b": (outputs,)}


def impala_shapes(outputs, widths):
    s, channels, h, w = {}, C, H, W
    for i, width in enumerate(widths, 1):
        s[f"torso/stage{i}/conv/w"], s[f"torso/stage{i}/conv/b"] = (3, 3, channels, width), (width,)
        for b in (1, 2):
            for k in (1, 2):
                name = f"torso/stage{i}/block{b}/conv{k}"
                s[name + "/w"], s[name + "/b"] = (3, 3, width, width), (width,)
        channels, h, w = width, (h + 1) // 2, (w + 1) // 2
    s["torso/dense/w"], s["torso/dense/b"] = (h * w * channels, 256), (256,)
    s["head/w"], s["head/b"] = (256, outputs), (outputs,)
    return s


def weights(shapes, prefix=""):
    out = {}
    for name, shape in shapes.items():
        u = hashed(prefix + name, int(np.prod(shape)))
        u = u * (2.0 / math.sqrt(int(np.prod(shape[:-1])))) if name.endswith("/w") else 0.1 * u
        u = u.astype(np.float32).astype(np.float64).reshape(shape)
        out[name] = torch.tensor(u, requires_grad=True)
    return out


def conv(w, name, x, padding):
    return F.conv2d(x, w[name + "/w"].permute(3, 2, 0, 1), w[name + "/b"], padding=padding)


def dense_head(w, x):
    x = x.permute(0, 2, 3, 1).flatten(1)
    x = torch.relu(x @ w["torso/dense/w"] + w["torso/dense/b"])
    return x @ w["head/w"] + w["head/b"]


def arcade(w, x):
    return dense_head(w, torch.relu(conv(w, "torso/conv", x.permute(0, 3, 1, 2), 0)))


def pool_same(x):
    """3x3, stride 2, the odd row of padding at the end."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max(((size + 1) // 2 - 1) * 2 + 3 - size, 0)
        pads += [total // 2, total - total // 2]
    return F.max_pool2d(F.pad(x, pads, value=-math.inf), 3, 2)


def impala(w, x):
    x = x.permute(0, 3, 1, 2)
    for i in range(1, 1 + sum(n.endswith("/conv/w") and "stage" in n for n in w)):
        x = pool_same(conv(w, f"torso/stage{i}/conv", x, 1))
        for b in (1, 2):
            y = conv(w, f"torso/stage{i}/block{b}/conv1", torch.relu(x), 1)
            x = x + conv(w, f"torso/stage{i}/block{b}/conv2", torch.relu(y), 1)
    return dense_head(w, torch.relu(x))


# ---- optimisers ----

def adam(w, state, t, lr, eps):
    for n, p in w.items():
        m, v = state.setdefault(n, (torch.zeros_like(p), torch.zeros_like(p)))
        m, v = 0.9 * m + 0.1 * p.grad, 0.999 * v + 0.001 * p.grad ** 2
        state[n] = (m, v)
        with torch.no_grad():
            p -= lr * (m / (1 - 0.9 ** t)) / ((v / (1 - 0.999 ** t)).sqrt() + eps)


def rmsprop(w, state, lr, decay, eps):
    """TensorFlow's: eps inside the root."""
    for n, p in w.items():
        state[n] = decay * state.get(n, torch.zeros_like(p)) + (1 - decay) * p.grad ** 2
        with torch.no_grad():
            p -= lr * p.grad / (state[n] + eps).sqrt()


def clip(w, most):
    norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in w.values()))
    if norm > most:
        for p in w.values():
            p.grad *= most / norm


# ---- losses ----

B = 8


def transition_batch():
    return dict(s=frames(B), n=next_frames(B), a=torch.tensor(pick("action", B, ACTIONS)),
                r=torch.tensor(hashed("ret", B).astype(np.float32).astype(np.float64) * 2),
                g=torch.tensor(np.where(np.arange(B) % 3 == 2, 0.0, np.float32(GAMMA ** 3)).astype(np.float64)))


def dqn_loss(w, target, d, huber, double):
    q = arcade(w, d["s"])[torch.arange(B), d["a"]]
    with torch.no_grad():
        far = arcade(target, d["n"])
        best = (arcade(w, d["n"]) if double else far).argmax(1)
        y = d["r"] + d["g"] * far[torch.arange(B), best]
    return F.huber_loss(q, y) if huber else F.mse_loss(q, y)


ATOMS, VMIN, VMAX = 51, -10.0, 10.0


def c51_loss(w, target, d):
    z = torch.linspace(VMIN, VMAX, ATOMS, dtype=torch.float64)
    dz = (VMAX - VMIN) / (ATOMS - 1)
    with torch.no_grad():
        p = arcade(target, d["n"]).reshape(B, ACTIONS, ATOMS).softmax(2)
        p = p[torch.arange(B), (p * z).sum(2).argmax(1)]
        t = (d["r"][:, None] + d["g"][:, None] * z).clamp(VMIN, VMAX)
        m = ((1 - (t[:, None, :] - z[None, :, None]).abs() / dz).clamp(0, 1) * p[:, None, :]).sum(2)
    logits = arcade(w, d["s"]).reshape(B, ACTIONS, ATOMS)[torch.arange(B), d["a"]]
    return -(m * logits.log_softmax(1)).sum(1).mean()


STREAMS, UNROLL = 3, 5


def unroll_batch():
    n = STREAMS * UNROLL
    end = np.arange(n) % 7 == 4
    cut = np.arange(n) % 14 == 4
    return dict(s=frames(STREAMS * (UNROLL + 1)), a=torch.tensor(pick("action", n, ACTIONS)).reshape(STREAMS, UNROLL),
                mu=torch.tensor((hashed("log_mu", n).astype(np.float32) - 1.2).astype(np.float32).astype(np.float64)).reshape(STREAMS, UNROLL),
                r=torch.tensor(hashed("reward", n).astype(np.float32).astype(np.float64)).reshape(STREAMS, UNROLL),
                g=torch.tensor(np.where(end, 0.0, np.float64(np.float32(GAMMA)))).reshape(STREAMS, UNROLL),
                cut=torch.tensor(cut).reshape(STREAMS, UNROLL))


def impala_loss(w, d, entropy_cost=0.01):
    head = impala(w, d["s"]).reshape(STREAMS, UNROLL + 1, ACTIONS + 1)
    logp = head[..., :ACTIONS].log_softmax(2)
    v = head[..., ACTIONS]
    taken = logp[:, :UNROLL].gather(2, d["a"][..., None])[..., 0]
    vs, adv = torch.zeros(STREAMS, UNROLL, dtype=torch.float64), torch.zeros(STREAMS, UNROLL, dtype=torch.float64)
    with torch.no_grad():
        rho = (taken - d["mu"]).exp()
        for s in range(STREAMS):
            acc, nxt = 0.0, v[s, UNROLL]
            for t in reversed(range(UNROLL)):
                if d["cut"][s, t]:
                    acc, vs[s, t], adv[s, t] = 0.0, v[s, t], 0.0
                else:
                    rb = min(1.0, float(rho[s, t]))
                    adv[s, t] = rb * (d["r"][s, t] + d["g"][s, t] * nxt - v[s, t])
                    acc = rb * (d["r"][s, t] + d["g"][s, t] * v[s, t + 1] - v[s, t]) + d["g"][s, t] * rb * acc
                    vs[s, t] = v[s, t] + acc
                nxt = vs[s, t]
    p = logp[:, :UNROLL]
    return -(taken * adv).sum() + 0.25 * ((vs - v[:, :UNROLL]) ** 2).sum() + entropy_cost * (p.exp() * p).sum()


ROLLOUTS, ROLLOUT, LAMBDA, QGAMMA = 2, 5, 0.75, 0.9


def rollout_batch():
    n = ROLLOUTS * (ROLLOUT + 1)
    return dict(s=frames(n).reshape(ROLLOUTS, ROLLOUT + 1, H, W, C), a=pick("action", n, ACTIONS).reshape(ROLLOUTS, -1),
                r=hashed("reward", n).astype(np.float32).astype(np.float64).reshape(ROLLOUTS, -1),
                end=(np.arange(n) % 12 == 3).reshape(ROLLOUTS, -1),      # terminated
                last=(np.arange(n) % 12 == 8).reshape(ROLLOUTS, -1))     # a last observation: its row has no action


def qlambda_loss(w, target, d):
    n = ROLLOUTS * (ROLLOUT + 1)
    q = impala(w, d["s"].reshape(n, H, W, C)).reshape(ROLLOUTS, ROLLOUT + 1, ACTIONS)
    with torch.no_grad():
        v = impala(target, d["s"].reshape(n, H, W, C)).max(1).values.reshape(ROLLOUTS, ROLLOUT + 1)
    total = 0.0
    for b in range(ROLLOUTS):
        g = v[b, ROLLOUT]
        for t in reversed(range(ROLLOUT)):
            if d["last"][b, t]:
                g = v[b, t]
                continue
            if d["end"][b, t]:
                g = torch.tensor(d["r"][b, t])
            else:
                g = d["r"][b, t] + QGAMMA * ((1 - LAMBDA) * v[b, t + 1] + LAMBDA * g)
            total = total + (g - q[b, t, d["a"][b, t]]) ** 2
    return total / (ROLLOUTS * ROLLOUT)


# ---- ten updates ----

def store(out, kind, w):
    for n, p in w.items():
        g = (p.grad if kind == "grad" else p).detach().numpy().reshape(-1)
        out[f"{kind}/{n}"] = np.ascontiguousarray(g[::GRAD_STRIDE] if g.size > GRAD_WHOLE else g).astype(np.float32)


def train(path, shapes, loss_of, data, update, most):
    w, target = weights(shapes), weights(shapes, "target/")
    out, losses, state = {}, [], {}
    for t in range(1, UPDATES + 1):
        for p in w.values():
            p.grad = None
        loss = loss_of(w, target, data)
        loss.backward()
        losses.append(float(loss.detach()))
        if t == 1:
            store(out, "grad", w)
        if most:
            clip(w, most)
        update(w, state, t)
        if t % TARGET_EVERY == 0:
            target = {n: p.detach().clone() for n, p in w.items()}
    store(out, "param", w)
    out["losses"] = np.array(losses)
    save_file(out, path)
    print(path, losses[0], losses[-1])


def main():
    folder = sys.argv[1]
    path = lambda name: os.path.join(folder, f"online_{name}.safetensors")
    d = transition_batch()
    train(path("dqn"), arcade_shapes(ACTIONS), lambda w, t, d: dqn_loss(w, t, d, False, False), d,
          lambda w, s, t: adam(w, s, t, 2.5e-4, 1e-8), 0)
    train(path("dqn_double"), arcade_shapes(ACTIONS), lambda w, t, d: dqn_loss(w, t, d, True, True), d,
          lambda w, s, t: adam(w, s, t, 2.5e-4, 1e-8), 0.5)
    train(path("c51"), arcade_shapes(ACTIONS * ATOMS), c51_loss, d, lambda w, s, t: adam(w, s, t, 2.5e-4, 3.125e-4), 0)
    rate = lambda t: 6e-4 * (1 - (t - 1) / 20)
    train(path("impala"), impala_shapes(ACTIONS + 1, (16, 32, 32)), lambda w, t, d: impala_loss(w, d), unroll_batch(),
          lambda w, s, t: rmsprop(w, s, rate(t), 0.99, 0.01), 40)
    train(path("qlambda"), impala_shapes(ACTIONS, (16, 16, 16)), qlambda_loss, rollout_batch(),
          lambda w, s, t: adam(w, s, t, 1e-4, 1e-6), 10)


if __name__ == "__main__":
    main()
