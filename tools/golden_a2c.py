#!/usr/bin/env python3
"""Writes tests/golden/a2c_*.safetensors: losses, gradients and ten or more updates of the learner a2c,
computed by PyTorch in f64 from a plain implementation (every step by itself, autograd of the loss).
Weights and play are hashes of (name, index), so that the test makes them itself.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tools/golden_a2c.py tests/golden
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

from golden_online import GRAD_STRIDE, GRAD_WHOLE, adam, hashed, pick, weights

HIGH, ACTIONS = (2, 2, 1), 5
STREAMS, UNROLL = 4, 6
GAMMA, LAMBDA, ENTROPY, VALUE_WEIGHT = 0.99, 0.95, 0.01, 0.5
LR, EPS = 1e-3, 1e-6
CONFIGS = {  # streams of one update, unrolls, illegal choices by stream
    "a2c_sync": dict(per_update=4, unrolls=10, illegal={}),
    "a2c_paper": dict(per_update=1, unrolls=3, illegal={}),
    "a2c_masked": dict(per_update=4, unrolls=10, illegal={1: [2], 3: [0, 4]}),
}
INPUTS = sum(h + 1 for h in HIGH)
SHAPES = {"torso/dense1/w": (INPUTS, 128), "torso/dense1/b": (128,), "torso/dense2/w": (128, 128),
          "torso/dense2/b": (128,), "torso/dense3/w": (128, 128), "torso/dense3/b": (128,),
          "head/w": (128, ACTIONS + 1), "head/b": (ACTIONS + 1,)}


def cells(name, n):
    """[n, components]"""
    return np.stack([pick(f"{name}/{i}", n, high + 1) for i, high in enumerate(HIGH)], 1)


def network(w, obs):
    """[n, components] -> logits [n, actions], values [n]"""
    x, at = np.zeros((len(obs), INPUTS)), 0
    for i, high in enumerate(HIGH):
        x[np.arange(len(obs)), at + obs[:, i]] = 1
        at += high + 1
    x = torch.tensor(x)
    for layer in ("torso/dense1", "torso/dense2", "torso/dense3"):
        x = torch.relu(x @ w[layer + "/w"] + w[layer + "/b"])
    x = x @ w["head/w"] + w["head/b"]
    return x[:, :ACTIONS], x[:, ACTIONS]


class Play:
    """What happened: arrays [steps, streams]."""

    def __init__(self, config):
        steps = config["unrolls"] * UNROLL
        n = steps * STREAMS
        self.obs = cells("obs", n + STREAMS).reshape(steps + 1, STREAMS, len(HIGH))
        self.final = cells("final", n).reshape(steps, STREAMS, len(HIGH))
        self.reward = 2 * hashed("reward", n).astype(np.float32).astype(np.float64).reshape(steps, STREAMS)
        end = pick("end", n, 8).reshape(steps, STREAMS)
        self.terminated, self.truncated = end == 0, end == 1
        legal = [[k for k in range(ACTIONS) if k not in config["illegal"].get(s, [])] for s in range(STREAMS)]
        draw = pick("action", n, 60).reshape(steps, STREAMS)
        self.action = np.array([[legal[s][d % len(legal[s])] for s, d in enumerate(row)] for row in draw])


def lambda_returns(play, t0, s, values, behind):
    """Of stream s over one unroll; values [T] of its steps, behind [T] of what followed cut steps."""
    returns, following = [0.0] * UNROLL, 0.0
    for t in reversed(range(UNROLL)):
        last = t == UNROLL - 1
        if play.terminated[t0 + t, s]:
            target = 0.0
        elif play.truncated[t0 + t, s] or last:
            target = behind[t]
        else:
            target = (1 - LAMBDA) * values[t + 1] + LAMBDA * following
        following = returns[t] = play.reward[t0 + t, s] + GAMMA * target
    return returns


def policy_of(w, play, config, t0, s):
    """log-probabilities [T, actions] and values [T] of stream s over one unroll."""
    logits, values = network(w, play.obs[t0:t0 + UNROLL, s])
    for k in config["illegal"].get(s, []):
        logits[:, k] = -1e30
    return torch.log_softmax(logits, 1), values


def loss_of(w, play, config, t0, streams, behind, played):
    terms = []
    for s in streams:
        log_p, values = policy_of(w, play, config, t0, s)
        returns = torch.tensor(lambda_returns(play, t0, s, values.tolist(), behind[s]), dtype=torch.float64)
        steps, actions = torch.arange(UNROLL), torch.tensor(play.action[t0:t0 + UNROLL, s])
        taken = log_p[steps, actions]
        weight = (taken.detach() - played[s][steps, actions]).exp().clamp(max=1)
        entropy = -(log_p.exp() * log_p).sum(1)
        terms.append(torch.stack([-taken * weight * (returns - values.detach()), (returns - values) ** 2, entropy]))
    policy, value, entropy = torch.cat(terms, 1).mean(1)
    return policy + VALUE_WEIGHT * value - ENTROPY * entropy, policy, value, entropy


def values_behind(w, play, t0):
    """V of the last observation where an episode was cut, else of the next one; [streams][T]."""
    out = []
    for s in range(STREAMS):
        rows = [play.final[t, s] if play.truncated[t, s] else play.obs[t + 1, s] for t in range(t0, t0 + UNROLL)]
        out.append(network(w, np.array(rows))[1].tolist())
    return out


def stored(x):
    flat = x.detach().numpy().reshape(-1)
    return flat[::1 if flat.size <= GRAD_WHOLE else GRAD_STRIDE].astype(np.float32)


def run(config):
    w, state, play = weights(SHAPES), {}, Play(config)
    losses, out, updates = [], {}, 0
    for u in range(config["unrolls"]):
        t0 = u * UNROLL
        behind = values_behind(w, play, t0)
        played = [policy_of(w, play, config, t0, s)[0].detach() for s in range(STREAMS)]
        for first in range(0, STREAMS, config["per_update"]):
            for p in w.values():
                p.grad = None
            terms = loss_of(w, play, config, t0, range(first, first + config["per_update"]), behind,
                            played)
            terms[0].backward()
            if updates == 0:
                out.update({"grad/" + name: stored(p.grad) for name, p in w.items()})
            updates += 1
            adam(w, state, updates, LR, EPS)
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
        print(path, "total, policy, value, entropy of the first update:", out["losses"][0])


if __name__ == "__main__":
    main()
