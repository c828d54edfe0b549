#!/usr/bin/env python3
"""Writes tests/golden/ale_<game>.json: what the reference emulator and OpenCV make of fixed play.

Needs ale-py==0.12.1, numpy and opencv-python-headless. The agent's step is written down here from
its rules (four frames, early stop at the end of a game, maximum of the last two grey frames, area
resize); the emulator, its grey palette and the resize are the reference's own. Unless --no-vector
is given, the first episode of every game is also played by ale-py's AtariVectorEnv, and all frames,
rewards and ends but the last frame of an episode must agree.

It also writes tests/golden/area.json: checksums of OpenCV's area resize of noise images.
"""
import argparse
import json
import pathlib
import zlib

import ale_py
import cv2
import numpy as np
from ale_py import Action, ALEInterface, LoggerMode, roms

STEPS = 1000
EVERY = 50  # steps between two stored checksums
SEED = 11
GAMES = [  # game, sticky probability, cap in steps (0 = none)
    ("breakout", 0.0, 0),
    ("seaquest", 0.25, 0),
    ("adventure", 0.25, 300),
    ("pooyan", 0.0, 0),
    ("journey_escape", 0.25, 0),
    ("pong", 0.25, 0),
]


def actions():
    """The same linear congruential source as the arcade vectors, 18 actions."""
    x = 7
    while True:
        x = (1103515245 * x + 12345) % 2**31
        yield (x >> 16) % 18


class Dopamine:
    """One game under the agent's rules."""

    def __init__(self, game, sticky, cap):
        self.ale = ALEInterface()
        self.ale.setLoggerMode(LoggerMode.Error)
        self.path = roms.get_rom_path(game)
        self.sticky, self.cap = sticky, cap
        self.load(0)
        self.minimal = {a.value for a in self.ale.getMinimalActionSet()}

    def load(self, seed):
        self.ale.setFloat("repeat_action_probability", self.sticky)
        self.ale.setInt("random_seed", seed)
        self.ale.loadROM(self.path)

    def observation(self):
        np.maximum(self.buffer[0], self.buffer[1], out=self.buffer[0])
        return cv2.resize(self.buffer[0], (84, 84), interpolation=cv2.INTER_AREA)

    def reset(self, seed):
        self.load(seed)
        self.ale.reset_game()
        first = self.ale.getScreenGrayscale()
        self.buffer = [first.copy(), np.zeros_like(first)]
        self.steps = 0
        return self.observation()

    def step(self, action):
        action = Action(action if action in self.minimal else 0)
        reward, over = 0, False
        for k in range(4):
            reward += self.ale.act(action)
            over = self.ale.game_over()
            if over:
                break
            if k >= 2:
                self.buffer[k - 2] = self.ale.getScreenGrayscale().copy()
        self.steps += 1
        truncated = not over and self.cap > 0 and self.steps >= self.cap
        return self.observation(), reward, over, truncated


def record(game, sticky, cap):
    env, source = Dopamine(game, sticky, cap), actions()
    crc, checks, rewards, ends, episode = 0, [], [], [], 0
    first = zlib.crc32(env.reset(SEED).tobytes())
    for t in range(1, STEPS + 1):
        frame, reward, over, truncated = env.step(next(source))
        crc = zlib.crc32(frame.tobytes(), crc)
        if reward != 0:
            rewards.append([t, reward])
        if over or truncated:
            ends.append([t, int(truncated)])
            episode += 1
            crc = zlib.crc32(env.reset(SEED + episode).tobytes(), crc)
        if t % EVERY == 0:
            checks.append(crc)
    height = env.ale.getScreenDims()[0]
    minimal = sorted(env.minimal)
    return dict(game=game, backend="ale-py " + ale_py.__version__, opencv=cv2.__version__,
                sticky=sticky, cap=cap, seed=SEED, steps=STEPS, every=EVERY, height=height,
                minimal=minimal, first=first, checks=checks, rewards=rewards, ends=ends)


def compare_vector(game, sticky, steps=400):
    """Plays one game with both; returns the number of steps compared."""
    from ale_py.vector_env import AtariVectorEnv
    mine = Dopamine(game, sticky, 0)
    other = AtariVectorEnv(game, num_envs=1, stack_num=1, noop_max=0, use_fire_reset=False,
                           reward_clipping=False, repeat_action_probability=sticky,
                           full_action_space=True)
    a = mine.reset(SEED)
    b, _ = other.reset(seed=np.array([SEED], dtype=np.int32))
    assert np.array_equal(a, b[0, 0]), f"{game}: first frame differs"
    source = actions()
    for t in range(1, steps + 1):
        action = next(source)
        if action not in mine.minimal:
            action = 0
        a, reward, over, _ = mine.step(action)
        b, other_reward, terminated, _, _ = other.step(np.array([action]))
        assert reward == other_reward[0] and over == bool(terminated[0]), f"{game}: step {t}"
        if over:
            return t
        assert np.array_equal(a, b[0, 0]), f"{game}: frame of step {t} differs"
    return steps


def area():
    """Checksums of resized noise, whose bytes come from the same source as the actions."""
    rows = []
    for height in (84, 210, 214, 220, 230, 250):
        x, noise = 7, np.empty(height * 160, dtype=np.uint8)
        for i in range(noise.size):
            x = (1103515245 * x + 12345) % 2**31
            noise[i] = (x >> 16) % 256
        small = cv2.resize(noise.reshape(height, 160), (84, 84), interpolation=cv2.INTER_AREA)
        rows.append([height, zlib.crc32(small.tobytes())])
    return dict(opencv=cv2.__version__, width=160, rows=rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    parser.add_argument("--no-vector", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "area.json").write_text(json.dumps(area(), separators=(",", ":")) + "\n")
    for game, sticky, cap in GAMES:
        golden = record(game, sticky, cap)
        text = json.dumps(golden, separators=(",", ":")) + "\n"
        (arguments.out / f"ale_{game}.json").write_text(text)
        line = f"{game}: {len(golden['ends'])} ends, {len(golden['rewards'])} rewards"
        if not arguments.no_vector:
            line += f"; equal to AtariVectorEnv for {compare_vector(game, sticky)} steps"
        print(line)


if __name__ == "__main__":
    main()
