#!/usr/bin/env python3
"""Agent steps per second of a DQN that learns, in PyTorch: the peer of
`polyplay train dqn --env arcade/breakout`.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/dqn_breakout.py --threads 2 --mode all

Same network (convolution 3x3 of 16, dense 128, head of 3) and same loop as the recipe "arcade": four
environments side by side, an action of each by one forward pass of four rows, one update of 32
transitions for every four agent steps, three-step returns, double Q, Huber, Adam at 2.5e-4, a copy to
the target network every 1,000 updates, a replay of 100,000 frames stored once. The game itself is left
out: its frames, rewards and ends come from a recorded table, so that acting, replay and updates alone
are timed. Modes: eager, compile (torch.compile of both forward passes and of loss and gradient), fused
(eager with the fused optimiser), trace (traced forward passes). Each figure is one line
`name value unit`.
"""
import argparse
import time

import numpy
import torch
from torch import nn

ENVS, BATCH, STEPS_N, GAMMA, CAPACITY, COPY_EVERY, EPSILON = 4, 32, 3, 0.99, 100_000, 1000, 0.1
ROWS = CAPACITY // ENVS


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 16, 3)
        self.dense = nn.Linear(1024, 128)
        self.head = nn.Linear(128, 3)

    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        return self.head(torch.relu(self.dense(x)))


class Replay:
    """Rings of every environment; windows as three-step returns."""

    def __init__(self, rng):
        # A table of what a game could have given: sparse boards, rewards and ends of about 50 steps.
        self.tape = (rng.random((2048, ENVS, 4, 10, 10)) < 0.05).astype(numpy.uint8)
        self.tape_reward = (rng.random((2048, ENVS)) < 0.05).astype(numpy.float32)
        self.tape_end = rng.random((2048, ENVS)) < 0.02
        self.frame = numpy.zeros((ROWS, ENVS, 4, 10, 10), numpy.uint8)
        self.action = numpy.zeros((ROWS, ENVS), numpy.int64)
        self.reward = numpy.zeros((ROWS, ENVS), numpy.float32)
        self.end = numpy.zeros((ROWS, ENVS), bool)
        self.n = 0
        self.rng = rng

    def append(self, action):
        at, k = self.n % ROWS, self.n % 2048
        self.frame[at] = self.tape[k]
        self.action[at] = action
        self.reward[at] = self.tape_reward[k]
        self.end[at] = self.tape_end[k]
        self.n += 1

    def sample(self):
        low = max(0, self.n - ROWS)
        row = self.rng.integers(low, self.n - STEPS_N, BATCH)
        env = self.rng.integers(0, ENVS, BATCH)
        ret, alive = numpy.zeros(BATCH, numpy.float32), numpy.ones(BATCH, numpy.float32)
        for k in range(STEPS_N):
            at = (row + k) % ROWS
            ret += alive * GAMMA ** k * self.reward[at, env]
            alive *= 1 - self.end[at, env]
        now, then = row % ROWS, (row + STEPS_N) % ROWS
        return (self.frame[now, env], self.action[now, env], ret, alive * numpy.float32(GAMMA ** STEPS_N),
                self.frame[then, env])


class Learner:
    def __init__(self, mode):
        torch.manual_seed(1)
        self.net, self.target = Net(), Net()
        self.target.load_state_dict(self.net.state_dict())
        self.optim = torch.optim.Adam(self.net.parameters(), lr=2.5e-4, fused=mode != "eager")
        self.loss, self.act = self.plain_loss, self.net
        if mode == "compile":
            self.loss, self.act = torch.compile(self.plain_loss), torch.compile(self.net)
        elif mode == "trace":
            x = torch.zeros(BATCH, 4, 10, 10)
            self.fast, self.fast_target = torch.jit.trace(self.net, x), torch.jit.trace(self.target, x)
            self.loss, self.act = self.traced_loss, torch.jit.trace(self.net, torch.zeros(ENVS, 4, 10, 10))

    def value(self, net, target, s, a, ret, discount, n):
        q = net(s).gather(1, a[:, None])[:, 0]
        with torch.no_grad():
            best = net(n).argmax(1)
            y = ret + discount * target(n).gather(1, best[:, None])[:, 0]
        return nn.functional.huber_loss(q, y)

    def plain_loss(self, *batch):
        return self.value(self.net, self.target, *batch)

    def traced_loss(self, *batch):
        return self.value(self.fast, self.fast_target, *batch)

    def update(self, batch):
        s, a, ret, discount, n = batch
        s, n = torch.from_numpy(s).float(), torch.from_numpy(n).float()
        loss = self.loss(s, torch.from_numpy(a), torch.from_numpy(ret), torch.from_numpy(discount), n)
        self.optim.zero_grad(set_to_none=True)
        loss.backward()
        self.optim.step()


def one_round(learner, replay, rng):
    """An agent step of every environment, and the update they pay for."""
    with torch.inference_mode():
        q = learner.act(torch.from_numpy(replay.tape[replay.n % 2048]).float())
        action = q.argmax(1).numpy()
    explore = rng.random(ENVS) < EPSILON
    replay.append(numpy.where(explore, rng.integers(0, 3, ENVS), action))
    learner.update(replay.sample())


def run(mode, warm, seconds):
    rng = numpy.random.default_rng(1)
    learner, replay = Learner(mode), Replay(rng)
    for _ in range(2000):
        replay.append(rng.integers(0, 3, ENVS))
    for _ in range(warm):
        one_round(learner, replay, rng)
    rounds, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        one_round(learner, replay, rng)
        rounds += 1
        if rounds % COPY_EVERY == 0:
            learner.target.load_state_dict(learner.net.state_dict())
    return rounds * ENVS / (time.perf_counter() - start)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--mode", choices=["all", "eager", "fused", "compile", "trace"], default="all")
    p.add_argument("--seconds", type=float, default=10, help="of each mode, after 200 rounds of warm-up")
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    modes = ["eager", "fused", "compile", "trace"] if args.mode == "all" else [args.mode]
    for mode in modes:
        speed = run(mode, 200, args.seconds)
        print(f"torch.dqn.{mode}.rate {speed:.0f} steps/s", flush=True)


if __name__ == "__main__":
    main()
