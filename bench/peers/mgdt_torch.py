#!/usr/bin/env python3
"""MGDT in PyTorch, as a peer to measure against: the train step and the official acting scheme.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/mgdt_torch.py train --size 10m --batch 16 --threads 2
    ~/.cache/polyplay/venv/bin/python bench/peers/mgdt_torch.py act   --size 10m --envs 8  --threads 2

Each figure is one line `name value unit`, in the form of `polyplay bench`, for every mode of
{eager, compile} x {f32, bf16}. Acting follows the released scheme: two full passes over the window
for each decision. Tokens per second count all 156 tokens of a window. The optimiser is AdamW; without
--full there is no dropout and no gradient clipping (`polyplay bench train --plain` does the same).
"""
import argparse
import time

import torch
from torch import nn
import torch.nn.functional as F

SIZES = {"tiny": (2, 64), "small": (3, 128), "10m": (4, 512), "40m": (6, 768), "200m": (10, 1280)}
STEPS, PATCHES, SLOTS = 4, 36, 39
TOKENS = STEPS * SLOTS
RETURNS, ACTIONS, REWARDS = 120, 18, 4


def attention_mask():
    """[156, 156], True where a query (row) may look at a key: causal, patches of one frame see
    each other, and of the return tokens only the window's first is visible."""
    index = torch.arange(TOKENS)
    step, slot = index // SLOTS, index % SLOTS
    patch = slot < PATCHES
    same_frame = (step[:, None] == step[None, :]) & patch[:, None] & patch[None, :]
    visible = ~((slot == PATCHES) & (step > 0))
    return visible[None, :] & ((index[None, :] <= index[:, None]) | same_frame)


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def split(self, x):
        return x.unflatten(-1, (self.heads, 64)).transpose(1, 2)

    def forward(self, x, mask):
        h = self.norm1(x)
        h = F.scaled_dot_product_attention(self.split(self.q(h)), self.split(self.k(h)),
                                           self.split(self.v(h)), attn_mask=mask)
        x = x + self.dropout(self.o(h.transpose(1, 2).flatten(2)))
        h = F.gelu(self.up(self.norm2(x)), approximate="tanh")
        return x + self.dropout(self.down(h))


class Mgdt(nn.Module):
    def __init__(self, layers, width, dropout=0.0):
        super().__init__()
        self.patch = nn.Conv2d(1, width, 14, stride=14)
        self.image_position = nn.Parameter(torch.randn(1, 1, PATCHES, width) * 0.02)
        self.position = nn.Parameter(torch.randn(TOKENS, width) * 0.02)
        self.returns, self.actions, self.rewards = (
            nn.Embedding(rows, width) for rows in (RETURNS, ACTIONS, REWARDS))
        self.blocks = nn.ModuleList(Block(width, width // 64, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.return_head, self.action_head, self.reward_head = (
            nn.Linear(width, rows) for rows in (RETURNS, ACTIONS, REWARDS))
        self.register_buffer("mask", attention_mask())
        keep = torch.ones(TOKENS, 1)
        keep[SLOTS + PATCHES::SLOTS] = 0
        self.register_buffer("keep", keep)

    def forward(self, frames, returns, actions, rewards):
        batch = frames.shape[0]
        patches = self.patch(frames.flatten(0, 1)[:, None] / 255.0).flatten(2).transpose(1, 2)
        patches = patches.unflatten(0, (batch, STEPS)) + self.image_position
        rest = torch.stack([self.returns(returns), self.actions(actions), self.rewards(rewards)], 2)
        x = torch.cat([patches, rest], 2).flatten(1, 2)
        x = (x + self.position) * self.keep
        for block in self.blocks:
            x = block(x, self.mask)
        x = self.norm(x).unflatten(1, (STEPS, SLOTS))
        return (self.return_head(x[:, :, PATCHES - 1]), self.action_head(x[:, :, PATCHES]),
                self.reward_head(x[:, :, PATCHES + 1]))


def loss_of(outputs, returns, actions, rewards):
    return_logits, action_logits, reward_logits = outputs
    return (F.cross_entropy(action_logits.flatten(0, 1).float(), actions.flatten()) / ACTIONS
            + F.cross_entropy(return_logits[:, 0].float(), returns[:, 0]) / RETURNS
            + F.cross_entropy(reward_logits.flatten(0, 1).float(), rewards.flatten()) / REWARDS) / 3


def random_batch(batch):
    shape = (batch, STEPS)
    return (torch.randint(0, 256, (batch, STEPS, 84, 84)).float(),
            torch.randint(0, RETURNS, shape), torch.randint(0, ACTIONS, shape),
            torch.randint(0, REWARDS, shape))


def model_flops(layers, width, rows):
    """Forward multiply-adds x 2 of one window."""
    per_token = 12 * width * width
    attention = 2 * TOKENS * width
    return 2 * rows * (TOKENS * layers * (per_token + attention) + STEPS * PATCHES * 196 * width)


def measure(step, seconds):
    for _ in range(3):
        step()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def autocast(mode):
    return torch.autocast("cpu", torch.bfloat16, enabled=mode == "bf16")


def bench_train(options, model, kind, mode):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    batch = random_batch(options.batch)
    net = torch.compile(model) if kind == "compile" else model

    def step():
        optimiser.zero_grad(set_to_none=True)
        with autocast(mode):
            loss = loss_of(net(*batch), *batch[1:])
        loss.backward()
        if options.full:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    seconds = measure(step, options.seconds)
    prefix = "torch.train.mgdt/%s.%s.%s." % (options.size, kind, mode)
    print(prefix + "step %.2f ms" % (1e3 * seconds))
    print(prefix + "rate %.0f tok/s" % (options.batch * TOKENS / seconds))
    flops = 3 * model_flops(*SIZES[options.size], options.batch)
    print(prefix + "math %.1f GFLOP/s" % (flops / seconds / 1e9), flush=True)


def bench_act(options, model, kind, mode):
    model.eval()
    batch = random_batch(options.envs)
    net = torch.compile(model) if kind == "compile" else model

    def step():
        frames, returns, actions, rewards = batch
        with torch.inference_mode(), autocast(mode):
            logits = net(frames, returns, actions, rewards)[0][:, 0].float()
            draws = torch.distributions.Categorical(logits=0.75 * logits).sample((128,))
            returns = torch.cat([draws.amax(0)[:, None], returns[:, 1:]], 1)
            logits = net(frames, returns, actions, rewards)[1][:, -1].float()
            cut = logits.quantile(0.5, dim=-1, keepdim=True)
            logits = logits.masked_fill(logits <= cut, float("-inf"))
            torch.distributions.Categorical(logits=logits).sample()

    seconds = measure(step, options.seconds)
    prefix = "torch.act.mgdt/%s.%s.%s." % (options.size, kind, mode)
    print(prefix + "rate %.1f decisions/s" % (options.envs / seconds), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("train", "act"))
    parser.add_argument("--size", choices=SIZES, default="10m")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--full", action="store_true", help="dropout 0.1 and clip 1")
    parser.add_argument("--kinds", default="eager,compile")
    parser.add_argument("--modes", default="f32,bf16")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("torch.version %s -" % torch.__version__)
    for kind in options.kinds.split(","):
        for mode in options.modes.split(","):
            torch.manual_seed(1)
            model = Mgdt(*SIZES[options.size], dropout=0.1 if options.full else 0.0)
            (bench_train if options.what == "train" else bench_act)(options, model, kind, mode)
    print("torch.parameters %d -" % sum(p.numel() for p in model.parameters()))


main()
