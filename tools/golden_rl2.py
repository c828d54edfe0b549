#!/usr/bin/env python3
"""Writes tests/golden/rl2_*.safetensors: losses, gradients and ten updates of the learner rl2 on its
cores and bases, computed by PyTorch in f64 from a plain implementation (one stream and one step at a
time, autograd through an unroll). Weights and play are hashes of (name, index), so that the test
makes them itself.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_rl2.py tests/golden
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from golden_online import GRAD_STRIDE, GRAD_WHOLE, adam, hashed, pick

HIGH, ACTIONS = (2, 2, 1), 5
STREAMS, UNROLL, UPDATES = 4, 6, 10
LR, EPS = 1e-3, 1e-6
ENTROPY, VALUE_WEIGHT, TARGET_EVERY = 0.01, 0.5, 4
INPUTS = sum(h + 1 for h in HIGH) + ACTIONS + 2
CONFIGS = {
    "rl2_lstm": dict(core="lstm", base="a3c", layers=2, width=12, gamma=0.99, lam=0.95, across=True),
    "rl2_episodes": dict(core="lstm", base="a3c", layers=1, width=20, gamma=0.99, lam=0.95, across=False),
    "rl2_transformer": dict(core="transformer", base="a3c", layers=2, width=16, heads=2, memory=8,
                            gamma=0.99, lam=0.95, across=True),
    "rl2_dqn": dict(core="lstm", base="dqn", layers=1, width=12, gamma=0.9, lam=0.75, across=True),
}


def shapes_of(c):
    w, outputs = c["width"], ACTIONS + (c["base"] == "a3c")
    s, width = {}, INPUTS
    if c["core"] == "transformer":
        s = {"core/input/w": (INPUTS, w), "core/input/b": (w,), "core/position/embeddings": (c["memory"], w),
             "core/norm/scale": (w,), "core/norm/offset": (w,)}
    for i in range(1, c["layers"] + 1):
        if c["core"] == "lstm":
            s[f"core{i}/input/w"], s[f"core{i}/input/b"] = (width, 4 * w), (4 * w,)
            s[f"core{i}/state/w"] = (w, 4 * w)
            width = w
            continue
        for norm in ("norm1", "norm2"):
            s[f"core{i}/{norm}/scale"], s[f"core{i}/{norm}/offset"] = (w,), (w,)
        for part in ("query", "key", "value", "attention"):
            s[f"core{i}/{part}/w"], s[f"core{i}/{part}/b"] = (w, w), (w,)
        s[f"core{i}/mlp1/w"], s[f"core{i}/mlp1/b"] = (w, 4 * w), (4 * w,)
        s[f"core{i}/mlp2/w"], s[f"core{i}/mlp2/b"] = (4 * w, w), (w,)
    s["head/w"], s["head/b"] = (w, outputs), (outputs,)
    return s


def weights(shapes):
    """The rule of tests/model/mgdt_golden.h."""
    out = {}
    for name, shape in shapes.items():
        u = hashed(name, int(np.prod(shape)))
        base, scale = 0.0, 0.5
        if name.endswith("/scale"):
            base, scale = 1.0, 0.2
        elif name.endswith("/w"):
            scale = 2.0 / np.sqrt(int(np.prod(shape[:-1])))
        elif name.endswith(("/b", "/offset")):
            scale = 0.1
        u = (base + scale * u).astype(np.float32).astype(np.float64).reshape(shape)
        out[name] = torch.tensor(u, requires_grad=True)
    return out


class Play:
    """What happened: arrays [steps, streams]."""

    def __init__(self, across):
        steps = UPDATES * UNROLL
        n = steps * STREAMS
        self.obs = np.stack([pick(f"obs/{i}", n + STREAMS, high + 1) for i, high in enumerate(HIGH)], 1)
        self.obs = self.obs.reshape(steps + 1, STREAMS, len(HIGH))
        self.reward = 2 * hashed("reward", n).astype(np.float32).astype(np.float64).reshape(steps, STREAMS)
        end = pick("end", n, 8).reshape(steps, STREAMS)
        self.ended = end <= 2
        self.trial = self.ended & (pick("trial", n, 2).reshape(steps, STREAMS) == 0)
        self.cut = self.trial | (self.ended & (not across))
        self.action = pick("action", n, ACTIONS).reshape(steps, STREAMS)

    def input(self, t, s):
        x, at = np.zeros(INPUTS), 0
        for i, high in enumerate(HIGH):
            x[at + self.obs[t, s, i]] = 1
            at += high + 1
        if t > 0 and not self.trial[t - 1, s]:
            x[at + self.action[t - 1, s]] = 1
            x[at + ACTIONS] = self.reward[t - 1, s]
            x[at + ACTIONS + 1] = self.ended[t - 1, s]
        return torch.tensor(x)

    def begins(self, t, s):
        return t == 0 or bool(self.trial[t - 1, s])


def linear(w, name, x):
    return x @ w[name + "/w"] + w[name + "/b"]


# ---- cores: step(w, x, memory) -> (features, memory) ----

class Lstm:
    def __init__(self, c):
        self.c = c

    def empty(self):
        return [(torch.zeros(self.c["width"], dtype=torch.float64),) * 2 for _ in range(self.c["layers"])]

    def step(self, w, x, memory):
        out = []
        for i, (h, cell) in enumerate(memory, 1):
            gates = linear(w, f"core{i}/input", x) + h @ w[f"core{i}/state/w"]
            a, f, g, o = gates.split(self.c["width"])
            cell = torch.sigmoid(f) * cell + torch.sigmoid(a) * torch.tanh(g)
            x = torch.sigmoid(o) * torch.tanh(cell)
            out.append((x, cell))
        return x, out

    def unroll(self, w, xs, begins, memory):
        memory, out = [tuple(v.detach() for v in layer) for layer in memory], []
        for x, begin in zip(xs, begins):
            y, memory = self.step(w, x, self.empty() if begin else memory)
            out.append(y)
        return torch.stack(out)


class Transformer:
    """Memory: (steps of the trial, keys and values of the latest ones by layer)."""

    def __init__(self, c):
        self.c = c

    def empty(self):
        return 0, [([], []) for _ in range(self.c["layers"])]

    def block(self, w, i, x, keys, values):
        """x [width]; keys and values seen, without those of x; returns x, key, value."""
        heads, size = self.c["heads"], self.c["width"] // self.c["heads"]

        def norm(name, v):
            return torch.nn.functional.layer_norm(v, v.shape, w[f"core{i}/{name}/scale"],
                                                  w[f"core{i}/{name}/offset"], 1e-5)
        n = norm("norm1", x)
        q, k, v = (linear(w, f"core{i}/{part}", n) for part in ("query", "key", "value"))
        all_k = torch.stack(keys + [k]).reshape(-1, heads, size)
        all_v = torch.stack(values + [v]).reshape(-1, heads, size)
        p = torch.softmax(torch.einsum("hs,nhs->hn", q.reshape(heads, size), all_k) / np.sqrt(size), 1)
        y = torch.einsum("hn,nhs->hs", p, all_v).reshape(-1)
        x = x + linear(w, f"core{i}/attention", y)
        y = torch.nn.functional.gelu(linear(w, f"core{i}/mlp1", norm("norm2", x)), approximate="tanh")
        return x + linear(w, f"core{i}/mlp2", y), k, v

    def run(self, w, x, position, layers):
        x = linear(w, "core/input", x) + w["core/position/embeddings"][min(position, self.c["memory"] - 1)]
        made = []
        for i, (keys, values) in enumerate(layers, 1):
            x, k, v = self.block(w, i, x, keys, values)
            made.append((k, v))
        return torch.nn.functional.layer_norm(x, x.shape, w["core/norm/scale"], w["core/norm/offset"], 1e-5), made

    def step(self, w, x, memory):
        position, layers = memory
        y, made = self.run(w, x, position, layers)
        keep = self.c["memory"]
        layers = [((ks + [k.detach()])[-keep:], (vs + [v.detach()])[-keep:])
                  for (ks, vs), (k, v) in zip(layers, made)]
        return y, (position + 1, layers)

    def unroll(self, w, xs, begins, memory):
        """All steps see the memory as it was before the first one."""
        (position, layers), out = memory, []
        layers = [(list(k), list(v)) for k, v in layers]
        for x, begin in zip(xs, begins):
            if begin:
                position, layers = self.empty()
            y, made = self.run(w, x, position, layers)
            layers = [(ks + [k], vs + [v]) for (ks, vs), (k, v) in zip(layers, made)]
            position += 1
            out.append(y)
        return torch.stack(out)


def returns(c, play, t0, s, values, behind):
    out, following = [0.0] * UNROLL, behind
    values = list(values) + [behind]
    for t in reversed(range(UNROLL)):
        target = (1 - c["lam"]) * values[t + 1] + c["lam"] * following
        following = out[t] = play.reward[t0 + t, s] + (0 if play.cut[t0 + t, s] else c["gamma"] * target)
    return torch.tensor(out, dtype=torch.float64)


def a3c_terms(c, w, play, t0, s, features, behind):
    head = linear(w, "head", features)
    log_p, values = torch.log_softmax(head[:, :ACTIONS], 1), head[:, ACTIONS]
    g = returns(c, play, t0, s, values.tolist(), behind)
    taken = log_p[torch.arange(UNROLL), torch.tensor(play.action[t0:t0 + UNROLL, s])]
    return torch.stack([-taken * (g - values.detach()), (g - values) ** 2, -(log_p.exp() * log_p).sum(1)])


def inputs(play, t0, s, n):
    return [play.input(t0 + t, s) for t in range(n)], [play.begins(t0 + t, s) for t in range(n)]


def a3c_loss(c, core, w, play, t0, before, after):
    terms = []
    for s in range(STREAMS):
        features = core.unroll(w, *inputs(play, t0, s, UNROLL), before[s])
        with torch.no_grad():
            last = t0 + UNROLL
            memory = core.empty() if play.begins(last, s) else after[s]
            y, _ = core.step(w, play.input(last, s), memory)
            behind = float(linear(w, "head", y)[ACTIONS])
        terms.append(a3c_terms(c, w, play, t0, s, features, behind))
    policy, value, entropy = torch.cat(terms, 1).mean(1)
    return policy + VALUE_WEIGHT * value - ENTROPY * entropy, policy, value, entropy


def dqn_loss(c, core, w, target, play, t0, before):
    errors, taken = [], []
    for s in range(STREAMS):
        rows = inputs(play, t0, s, UNROLL + 1)
        q = linear(w, "head", core.unroll(w, *rows, before[s]))
        with torch.no_grad():
            ahead = linear(target, "head", core.unroll(target, *rows, before[s])).max(1).values
        g = returns(c, play, t0, s, ahead[:UNROLL].tolist(), float(ahead[UNROLL]))
        mine = q[torch.arange(UNROLL), torch.tensor(play.action[t0:t0 + UNROLL, s])]
        errors.append((g - mine) ** 2)
        taken.append(mine)
    return torch.cat(errors).mean(), torch.cat(taken).mean()


def stored(x):
    flat = x.detach().numpy().reshape(-1)
    return flat[::1 if flat.size <= GRAD_WHOLE else GRAD_STRIDE].astype(np.float32)


def run(c):
    w, state, play = weights(shapes_of(c)), {}, Play(c["across"])
    core = Lstm(c) if c["core"] == "lstm" else Transformer(c)
    memory = [core.empty() for _ in range(STREAMS)]
    target = {k: v.detach().clone() for k, v in w.items()}
    losses, out = [], {}
    for u in range(UPDATES):
        t0, before = u * UNROLL, list(memory)
        with torch.no_grad():
            for t in range(t0, t0 + UNROLL):
                for s in range(STREAMS):
                    start = core.empty() if play.begins(t, s) else memory[s]
                    _, memory[s] = core.step(w, play.input(t, s), start)
        for p in w.values():
            p.grad = None
        terms = (a3c_loss(c, core, w, play, t0, before, memory) if c["base"] == "a3c"
                 else dqn_loss(c, core, w, target, play, t0, before))
        terms[0].backward()
        if u == 0:
            # Left out: what is zero but for rounding, the bias of keys.
            out.update({"grad/" + name: stored(p.grad) for name, p in w.items() if p.grad.abs().max() > 1e-9})
        adam(w, state, u + 1, LR, EPS)
        if (u + 1) % TARGET_EVERY == 0:
            target = {k: v.detach().clone() for k, v in w.items()}
        losses.append([float(x.detach()) for x in terms])
    out.update({"param/" + name: stored(p) for name, p in w.items()})
    out["losses"] = np.array(losses)
    return out


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "tests/golden"
    for name, config in CONFIGS.items():
        path = os.path.join(folder, name + ".safetensors")
        out = run(config)
        save_file(out, path)
        print(path, "first update:", out["losses"][0])


if __name__ == "__main__":
    main()
