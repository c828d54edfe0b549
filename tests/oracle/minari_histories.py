#!/usr/bin/env python3
"""Learning histories that polyplay recorded: minari opens them, every row is one of their spaces, and
what the groups say about ends and final observations holds. PP_BINARY_DIR has the program; every kind
of environment it can record histories of is tried, and what data show says is compared."""
import json
import os
import re
import subprocess
import tempfile

import numpy as np

BUILD = os.environ["PP_BINARY_DIR"]
PROGRAM = os.path.join(BUILD, "polyplay")
SCRATCH = tempfile.TemporaryDirectory()
os.environ["MINARI_DATASETS_PATH"] = SCRATCH.name

import h5py  # noqa: E402
import minari  # noqa: E402

# Options of one collection, and the id of its dataset.
COLLECTIONS = [
    (["--env", "dark/room", "--learner", "a2c", "--tasks", "train", "--histories", "3",
      "--steps", "4000"], "dark/room/a2c-v0"),
    (["--env", "bandit/train", "--learner", "ucb", "--histories", "20"], "bandit/train/ucb-v0"),
    (["--env", "arcade/breakout", "--learner", "dqn", "--steps", "3000"], "arcade/breakout/dqn-v0"),
]


def program(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def check_group(dataset, group, episode):
    """One history: lengths, spaces, ends and what is kept of them."""
    steps = len(episode.rewards)
    assert group.attrs["total_steps"] == steps == len(episode.actions)
    assert len(episode.observations) == steps + 1
    assert all(dataset.observation_space.contains(row) for row in episode.observations)
    assert all(dataset.action_space.contains(action) for action in episode.actions)
    assert episode.terminations.dtype == bool and episode.truncations.dtype == bool
    ends = np.flatnonzero(episode.terminations | episode.truncations)
    assert np.array_equal(ends, episode.infos["end_row"])
    final = episode.infos["final_observation"]
    assert final.shape == (len(ends), *dataset.observation_space.shape)
    assert final.dtype == dataset.observation_space.dtype
    assert all(dataset.observation_space.contains(row) for row in final)
    assert group.attrs["task"] >= 0 and group.attrs["actors"] >= 1
    assert group.attrs["learner"] and isinstance(json.loads(group.attrs["options"]), dict)
    for name in ("actions", "rewards", "observations"):
        chunks = group[name].chunks
        assert chunks is None or chunks[0] <= max(len(group[name]), 8)
    return np.split(episode.rewards, ends + 1)


def check(identity):
    dataset = minari.load_dataset(identity)
    folder = os.path.join(SCRATCH.name, identity)
    returns = []
    with h5py.File(os.path.join(folder, "data", "main_data.hdf5")) as file:
        assert len(file) == dataset.total_episodes
        for episode in dataset.iterate_episodes():
            parts = check_group(dataset, file[f"episode_{episode.id}"], episode)
            returns += [part.sum() for part in parts if len(part)]
    shown = program("data", "show", folder)
    told = re.search(r"^episodes\s+(\d+)", shown, re.M)
    assert int(told.group(1)) == len(returns), (told.group(1), len(returns))
    mean = float(re.search(r"^return\s+mean (\S+),", shown, re.M).group(1))
    assert abs(mean - np.mean(returns)) <= 1e-3 * max(1, abs(mean)), (mean, np.mean(returns))
    histories = int(re.search(r"^histories\s+(\d+)", shown, re.M).group(1))
    assert histories == dataset.total_episodes
    program("data", "validate", folder)
    return histories


def check_combined(identity):
    """Combining keeps the order; minari reads the result."""
    folder = os.path.join(SCRATCH.name, identity)
    program("data", "combine", folder, folder, "--out", os.path.join(SCRATCH.name, "twice-v0"))
    one, twice = minari.load_dataset(identity), minari.load_dataset("twice-v0")
    assert twice.total_episodes == 2 * one.total_episodes
    for k, episode in enumerate(twice.iterate_episodes()):
        other = next(one.iterate_episodes([k % one.total_episodes]))
        assert episode.id == k
        assert np.array_equal(episode.observations, other.observations)
        assert np.array_equal(episode.rewards, other.rewards)


def main():
    for options, identity in COLLECTIONS:
        program("collect", *options, "--out", SCRATCH.name, "--seed", "1")
        print(f"{identity}: {check(identity)} histories")
    check_combined(COLLECTIONS[1][1])


main()
