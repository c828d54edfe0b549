#!/usr/bin/env python3
"""Agent steps per second of ale-py's AtariVectorEnv, the peer of `polyplay bench env --sticky 0`.

    tools/setup --oracles
    ~/.cache/polyplay/venv/bin/python bench/peers/ale_vector.py --game freeway --envs 8 --threads 2

Same work as ours: four frames per step, the larger of the last two grey frames, area resize to
84x84, no sticky actions, no no-op starts, no fire at reset, raw rewards, a cap of 108,000 frames, an
ended episode starts again within its step. Same actions too: uniform over the minimal set, drawn by
the generator that polyplay uses. Each figure is one line `name value unit`.
"""
import argparse
import time

import ale_py
import numpy
from ale_py.vector_env import AtariVectorEnv

SEED, PURPOSE_TEST, STREAM = 1, 10, 2
CHUNK = 1024  # rounds of actions drawn at a time


def philox(blocks):
    """Philox4x32-10 (Salmon et al. 2011) of the counters {block, purpose, stream, 0}: u64 [n, 4]."""
    low = numpy.uint64(0xffffffff)
    half = numpy.uint64(32)
    c = [blocks & low, numpy.full_like(blocks, PURPOSE_TEST), numpy.full_like(blocks, STREAM),
         numpy.zeros_like(blocks)]
    key = [SEED, 0]
    for _ in range(10):
        a, b = c[0] * numpy.uint64(0xd2511f53), c[2] * numpy.uint64(0xcd9e8d57)
        c = [(b >> half) ^ c[1] ^ numpy.uint64(key[0]), b & low,
             (a >> half) ^ c[3] ^ numpy.uint64(key[1]), a & low]
        key = [(key[0] + 0x9e3779b9) & 0xffffffff, (key[1] + 0xbb67ae85) & 0xffffffff]
    return numpy.stack(c, axis=1)


def action_rounds(actions, envs):
    """Rounds of uniform actions, i32 [envs] each, without end. Draws that Lemire's method rejects
    are left out."""
    block, kept = 0, numpy.zeros(0, numpy.int32)
    while True:
        words = philox(numpy.arange(block, block + CHUNK * envs, dtype=numpy.uint64)).reshape(-1)
        block += CHUNK * envs
        product = words * numpy.uint64(actions)
        taken = (product & numpy.uint64(0xffffffff)) >= numpy.uint64(2**32 % actions)
        drawn = (product[taken] >> numpy.uint64(32)).astype(numpy.int32)
        kept = numpy.concatenate([kept, drawn])
        while len(kept) >= envs:
            yield kept[:envs]
            kept = kept[envs:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--game", default="freeway", help="ROM name")
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=0, help="rounds to time; 0 takes --seconds")
    options = parser.parse_args()
    envs = AtariVectorEnv(
        game=options.game, num_envs=options.envs, num_threads=options.threads, stack_num=1,
        grayscale=True, img_height=84, img_width=84, frameskip=4, maxpool=True,
        repeat_action_probability=0.0, noop_max=0, use_fire_reset=False, episodic_life=False,
        reward_clipping=False, max_num_frames_per_episode=108000, autoreset_mode="SameStep")
    envs.reset(seed=1)
    source = action_rounds(int(envs.single_action_space.n), options.envs)
    rounds = [next(source) for _ in range(options.steps or 4 * CHUNK)]
    steps, reward, start = 0, 0.0, time.perf_counter()
    while steps < options.steps if options.steps else time.perf_counter() - start < options.seconds:
        reward += envs.step(rounds[steps % len(rounds)])[1].sum()
        steps += 1
    elapsed = time.perf_counter() - start
    print("ale-py.version %s -" % ale_py.__version__)
    print("ale-py.env.ale/%s.rate %.0f steps/s" % (options.game, steps * options.envs / elapsed))
    print("ale-py.env.ale/%s.reward %.10g points" % (options.game, reward))


main()
