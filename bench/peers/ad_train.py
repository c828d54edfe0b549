#!/usr/bin/env python3
"""The train step of Algorithm Distillation in PyTorch, as a peer to measure against.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/ad_train.py --model paper --batch 128 --threads 2

Each figure is one line `name value unit`, for every mode of {eager, compile} x {f32, bf16}. Forward with
the dropouts of the preset and masked tokens, backward, clip 1, Adam. Models: paper (d 64, feed-forward 2048,
4 layers, 200 steps, post-norm, attention dropout 0.5) and cpu (feed-forward 256, 80 steps, pre-norm).
"""
import ad_torch
import torch
from torch import nn
import torch.nn.functional as F


def bench(options, model, net, mode, name):
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-4, betas=(0.9, 0.99), fused=True)
    context = ad_torch.MODELS[options.model][0]
    *window, target = ad_torch.random_windows(options.batch, context)

    def step():
        optimiser.zero_grad(set_to_none=True)
        with ad_torch.autocast(mode):
            logits = net(*window)
        F.cross_entropy(logits.float().flatten(0, 1), target.flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    seconds = ad_torch.measure(step, options.seconds)
    print("torch.train.ad/%sstep %.2f ms" % (name, 1e3 * seconds))
    print("torch.train.ad/%srate %.1f windows/s" % (name, options.batch / seconds), flush=True)


ad_torch.run(bench, __doc__, [("batch", 128, "windows of a step")])
