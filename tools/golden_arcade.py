#!/usr/bin/env python3
"""Writes tests/golden/arcade/*.json: long plays of the packages that the arcade games must equal.

Needs minatar==1.0.15 bsuite==0.3.6 jumanji==1.1.2 gymnax==1.0.1; a package that is missing is
skipped with a note. The packages are run as they are and looked at through their public calls only.

minatar.json and catch.json are seed-exact: checksums of the planes and of (reward, end) pairs over
every 1,000 steps. The other three games draw from other generators, so their files hold what was
drawn ("events") and what was played, and checksums of what the reference then showed.
Actions come from the linear congruential source of the arcade tests.
"""
import argparse
import json
import pathlib
import zlib

import numpy as np

EVERY = 1000
HERE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "arcade"


def source(x=7):
    while True:
        x = (1103515245 * x + 12345) % 2**31
        yield x >> 16


def crc(data, old=0):
    return zlib.crc32(np.ascontiguousarray(data).tobytes(), old)


class Checks:
    """Two running checksums, noted and cleared after every EVERY steps."""

    def __init__(self, every=EVERY):
        self.every, self.steps = every, 0
        self.seen, self.scored = 0, 0
        self.planes, self.rewards = [], []

    def add(self, shown, score):
        self.seen, self.scored = crc(shown, self.seen), crc(score, self.scored)
        self.steps += 1
        if self.steps % self.every == 0:
            self.planes.append(self.seen)
            self.rewards.append(self.scored)
            self.seen = self.scored = 0


def pair(reward, end):
    return np.array([int(reward) % 256, bool(end)], np.uint8)


def minatar(steps):
    """Uniform actions of all six. In a quarter of the episodes three steps come after the end."""
    from minatar import Environment

    games = []
    for game in ("breakout", "asterix", "freeway", "seaquest", "space_invaders"):
        for sticky in (0.0, 0.1):
            seed = 1000 + len(games)
            env = Environment(game, sticky_action_prob=sticky)
            env.seed(seed)
            env.reset()
            checks, draw, after, ended = Checks(), source(seed), 0, False
            for _ in range(steps):
                if ended and after == 0:
                    env.reset()
                    ended = False
                v = next(draw)
                reward, end = env.act(v % 6)
                checks.add(env.state().astype(np.uint8), pair(reward, end))
                if end and not ended:
                    ended, after = True, 3 if (v >> 8) % 4 == 0 else 0
                elif ended:
                    after -= 1
            games.append({"game": game, "sticky": sticky, "seed": seed, "planes": checks.planes,
                          "rewards": checks.rewards})
            print(game, sticky, flush=True)
    return {"package": "minatar 1.0.15", "steps": steps, "every": EVERY, "games": games}


def catch(steps):
    """The first step and those after an end are resets, as the package has it."""
    from bsuite.environments.catch import Catch

    env, checks, draw = Catch(seed=31), Checks(), source(31)
    for _ in range(steps):
        t = env.step(next(draw) % 3)
        checks.add(t.observation.astype(np.uint8), pair(t.reward or 0, t.last()))
    return {"package": "bsuite 0.3.6", "seed": 31, "steps": steps, "every": EVERY,
            "planes": checks.planes, "rewards": checks.rewards}


def snake(steps):
    """Greedy play with one uniform action in 16. events: head and fruit (row*12+column) of every
    reset, the new fruit after every reward. legal: the mask after each step, bit i = action i."""
    import jax
    import jumanji

    env = jumanji.make("Snake-v1")
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    moves = ((-1, 0), (0, 1), (1, 0), (0, -1))
    checks, draw = Checks(), source(41)
    actions, events, legal, state = [], [], [], None
    cell = lambda p: int(p.row) * 12 + int(p.col)
    for s in range(steps):
        if state is None:
            state, t = reset(jax.random.PRNGKey(s))
            events += [cell(state.head_position), cell(state.fruit_position)]
            mask = np.asarray(t.observation.action_mask)
        v = next(draw)
        action = v % 4
        if (v >> 4) % 16 != 0 and mask.any():
            head, fruit = state.head_position, state.fruit_position
            far = [abs(int(head.row) + r - int(fruit.row)) + abs(int(head.col) + c - int(fruit.col))
                   for r, c in moves]
            action = min((i for i in range(4) if mask[i]), key=lambda i: far[i])
        state, t = step(state, action)
        mask = np.asarray(t.observation.action_mask)
        grid = np.asarray(t.observation.grid)
        checks.add((grid[:, :, :4] > 0).astype(np.uint8), pair(t.reward, t.last()))
        actions.append(action)
        legal.append("%x" % sum(int(m) << i for i, m in enumerate(mask)))
        if float(t.reward) > 0:
            events.append(cell(state.fruit_position))
        if bool(t.last()):
            state = None
    return {"package": "jumanji 1.1.2", "steps": steps, "every": EVERY,
            "actions": "".join(map(str, actions)), "legal": "".join(legal), "events": events,
            "planes": checks.planes, "rewards": checks.rewards}


def slide(board, action):
    """The board after sliding towards up, right, down or left, before the new tile."""
    turned = np.rot90(board, (1, 2, 3, 0)[action])
    out = np.zeros_like(turned)
    for row, line in zip(out, turned):
        tiles = [v for v in line if v]
        n = 0
        while tiles:
            v = tiles.pop(0)
            if tiles and tiles[0] == v:
                tiles.pop(0)
                v += 1
            row[n] = v
            n += 1
    return np.rot90(out, -(1, 2, 3, 0)[action])


def game2048(steps):
    """Uniform actions, or in half of the steps up, else left. events: cell*4 + exponent of every
    new tile. legal: as for the snake."""
    import jax
    import jumanji

    env = jumanji.make("Game2048-v1")
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    checks, draw = Checks(), source(51)
    actions, events, legal, board = [], [], [], None

    def new_tile(before, after):
        at = np.argwhere(before != after)
        assert len(at) == 1, (before, after)
        row, column = map(int, at[0])
        events.append((row * 4 + column) * 4 + int(after[row, column]))

    for s in range(steps):
        if board is None:
            state, t = reset(jax.random.PRNGKey(s))
            board = np.asarray(t.observation.board)
            new_tile(np.zeros_like(board), board)
            mask = np.asarray(t.observation.action_mask)
        v = next(draw)
        action = v % 4
        if (v >> 4) % 2 == 0:
            action = 0 if mask[0] else 3
        moved = slide(board, action)
        state, t = step(state, action)
        now = np.asarray(t.observation.board)
        if (moved != board).any():
            new_tile(moved, now)
        board, mask = now, np.asarray(t.observation.action_mask)
        planes = np.eye(18, dtype=np.uint8)[board]
        score = np.concatenate([np.array([t.reward], "<i4").view(np.uint8),
                                np.array([t.last()], np.uint8)])
        checks.add(planes, score)
        actions.append(action)
        legal.append("%x" % sum(int(m) << i for i, m in enumerate(mask)))
        if bool(t.last()):
            board = None
    return {"package": "jumanji 1.1.2", "steps": steps, "every": EVERY,
            "actions": "".join(map(str, actions)), "legal": "".join(legal), "events": events,
            "planes": checks.planes, "rewards": checks.rewards}


def four_rooms(steps):
    """Uniform actions without failures, fixed and drawn starts. events: cells (row*13+column) of
    goal and start of every drawn episode. planes: checksums of (row, column, goal row, goal column);
    rewards: of (reward, terminated, truncated)."""
    import gymnax
    import jax

    env, params = gymnax.make("FourRooms-misc")
    runs = []
    for drawn in (False, True):
        p = params.replace(fail_prob=0.0, resample_init_pos=drawn, resample_goal_pos=drawn)
        reset = jax.jit(lambda key: env.reset(key, p))
        step = jax.jit(lambda key, state, action: env.step_env(key, state, action, p))
        ended = jax.jit(lambda state: (env.is_terminated(state, p), env.is_truncated(state, p)))
        checks, draw, actions, events, state = Checks(), source(61 + drawn), [], [], None
        for s in range(steps):
            if state is None:
                obs, state = reset(jax.random.PRNGKey(s))
                row, column, goal_row, goal_column = map(int, np.asarray(obs))
                if drawn:
                    events += [goal_row * 13 + goal_column, row * 13 + column]
            action = next(draw) % 4
            out = step(jax.random.PRNGKey(0), state, action)
            obs, state, reward = out[0], out[1], out[2]
            terminated, truncated = map(bool, ended(state))
            checks.add(np.asarray(obs).astype(np.uint8),
                       np.array([int(reward), terminated, truncated], np.uint8))
            actions.append(action)
            if terminated or truncated:
                state = None
        runs.append({"drawn": drawn, "actions": "".join(map(str, actions)), "events": events,
                     "planes": checks.planes, "rewards": checks.rewards})
    return {"package": "gymnax 1.0.1", "steps": steps, "every": EVERY, "runs": runs}


FILES = {"minatar": (minatar, 100000), "catch": (catch, 100000), "snake": (snake, 20000),
         "2048": (game2048, 20000), "four_rooms": (four_rooms, 20000)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(FILES))
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or FILES:
        function, steps = FILES[name]
        try:
            data = function(steps)
        except ImportError as error:
            print(f"{name}: skipped, {error}")
            continue
        path = options.out / f"{name}.json"
        path.write_text(json.dumps(data, separators=(",", ":")) + "\n")
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
