#!/usr/bin/env python3
"""Acting of Algorithm Distillation in PyTorch, as a peer to measure against.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/ad_act.py --model cpu --runs 32 --threads 2

A decision is one full pass over the rolling window of each run, all runs in one batch, the head on the last
position only, and a draw at temperature 1. One line `name value unit` for every mode of {eager, compile} x
{f32, bf16}.
"""
import ad_torch
import torch


def bench(options, model, net, mode, name):
    model.eval()
    context = ad_torch.MODELS[options.model][0]
    cells, actions, rewards, _ = ad_torch.random_windows(options.runs, context)

    def step():
        with torch.inference_mode(), ad_torch.autocast(mode):
            logits = net(cells, actions, rewards, last=True).float()
            torch.distributions.Categorical(logits=logits).sample()

    seconds = ad_torch.measure(step, options.seconds)
    print("torch.act.ad/%srate %.1f decisions/s" % (name, options.runs / seconds), flush=True)


ad_torch.run(bench, __doc__, [("runs", 32, "runs side by side")])
