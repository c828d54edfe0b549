"""The network of Algorithm Distillation in PyTorch, layout A (one token per step), for the peers
ad_train.py and ad_act.py: what both share."""
import argparse
import time

import torch
from torch import nn
import torch.nn.functional as F

# name: steps of context, units of the feed-forward layer, norm behind the sums, dropout, dropout of attention,
# share of masked tokens; as in the presets of these names
MODELS = {"paper": (200, 2048, True, 0.1, 0.5, 0.3), "cpu": (80, 256, False, 0.0, 0.0, 0.0)}
WIDTH, HEADS, LAYERS, SIDE, ACTIONS = 64, 4, 4, 9, 5


class Block(nn.Module):
    def __init__(self, ffn, post, dropout, attention_dropout):
        super().__init__()
        self.post, self.p = post, attention_dropout
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, ffn), nn.Linear(ffn, WIDTH)
        self.dropout = nn.Dropout(dropout)

    def attend(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True,
                                           dropout_p=self.p if self.training else 0.0)
        return self.dropout(self.o(y.transpose(1, 2).flatten(2)))

    def feed(self, x):
        return self.dropout(self.down(F.gelu(self.up(x), approximate="tanh")))

    def forward(self, x):
        if self.post:
            x = self.norm1(x + self.attend(x))
            return self.norm2(x + self.feed(x))
        x = x + self.attend(self.norm1(x))
        return x + self.feed(self.norm2(x))


class Ad(nn.Module):
    """Logits of the action at every step of a window."""

    def __init__(self, name):
        super().__init__()
        context, ffn, post, dropout, attention_dropout, self.mask = MODELS[name]
        self.row, self.column = nn.Embedding(SIDE, WIDTH), nn.Embedding(SIDE, WIDTH)
        self.action, self.reward = nn.Embedding(ACTIONS + 1, WIDTH), nn.Embedding(2, WIDTH)
        self.join = nn.Linear(3 * WIDTH, WIDTH)
        self.position = nn.Parameter(0.02 * torch.randn(context, WIDTH))
        self.blocks = nn.ModuleList(Block(ffn, post, dropout, attention_dropout) for _ in range(LAYERS))
        self.norm = nn.Identity() if post else nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, ACTIONS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, cells, actions, rewards, last=False):
        x = self.join(torch.cat([self.action(actions), self.reward(rewards),
                                 self.row(cells // SIDE) + self.column(cells % SIDE)], -1))
        if self.training and self.mask > 0:
            x = x * (torch.rand(cells.shape) >= self.mask)[..., None]
        x = self.dropout(x + self.position)
        for block in self.blocks:
            x = block(x)
        if last:
            x = x[:, -1]
        return self.head(self.norm(x))


def random_windows(batch, context):
    """Cells, actions of the step before, rewards of the step before, actions to predict."""
    shape = (batch, context)
    return (torch.randint(0, SIDE * SIDE, shape), torch.randint(0, ACTIONS + 1, shape),
            torch.randint(0, 2, shape), torch.randint(0, ACTIONS, shape))


def measure(step, seconds):
    """Median seconds of a call."""
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


def run(bench, doc, options):
    """bench(options, model, net, mode) -> text after the name of the mode, for every mode."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--model", choices=MODELS, default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--kinds", default="eager,compile")
    parser.add_argument("--modes", default="f32,bf16")
    for name, value, text in options:
        parser.add_argument("--" + name, type=type(value), default=value, help=text)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    print("torch.version %s -" % torch.__version__)
    for kind in o.kinds.split(","):
        for mode in o.modes.split(","):
            torch.manual_seed(1)
            model = Ad(o.model)
            bench(o, model, torch.compile(model) if kind == "compile" else model, mode,
                  "%s.%s.%s." % (o.model, kind, mode))
    print("torch.parameters %d -" % sum(p.numel() for p in model.parameters()))
