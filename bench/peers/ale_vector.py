#!/usr/bin/env python3
"""Agent steps per second of ale-py's AtariVectorEnv, the peer of `polyplay bench env`.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/ale_vector.py --game freeway --envs 8 --threads 2
"""
import argparse
import time

import ale_py
import numpy
from ale_py.vector_env import AtariVectorEnv


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--game", default="freeway")
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    envs = AtariVectorEnv(game=options.game, num_envs=options.envs, num_threads=options.threads,
                          stack_num=1, grayscale=True, img_height=84, img_width=84, frameskip=4)
    envs.reset(seed=1)
    actions = numpy.random.default_rng(1).integers(0, envs.single_action_space.n,
                                                   (1024, options.envs))
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < options.seconds:
        envs.step(actions[steps % len(actions)])
        steps += 1
    elapsed = time.perf_counter() - start
    print("ale-py.version %s -" % ale_py.__version__)
    print("ale-py.env.ale/%s.rate %.0f steps/s" % (options.game, steps * options.envs / elapsed))


main()
