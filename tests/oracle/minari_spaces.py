#!/usr/bin/env python3
"""Datasets with every kind of space, written by the reference package minari, must be read here as
minari reads them itself: every leaf, row and text, rewards, flags, seeds. Then the same for a dataset
that polyplay recorded. example_dump_dataset of PP_BINARY_DIR prints what is read."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.environ["PP_SOURCE_DIR"]
BUILD = os.environ["PP_BINARY_DIR"]
SCRATCH = tempfile.TemporaryDirectory()
os.environ["MINARI_DATASETS_PATH"] = SCRATCH.name
sys.path.insert(0, os.path.join(ROOT, "tools"))

import gymnasium  # noqa: E402
import h5py  # noqa: E402
import minari  # noqa: E402

import golden_minari  # noqa: E402

spaces = gymnasium.spaces


def flatten(path, space, value, out):
    """{path: rows} of the leaves of a value, in the order of the space."""
    if isinstance(space, spaces.Dict):
        for key in space.spaces:
            flatten(f"{path}/{key}", space.spaces[key], value[key], out)
    elif isinstance(space, spaces.Tuple):
        for i, (sub, part) in enumerate(zip(space.spaces, value)):
            flatten(f"{path}/_index_{i}", sub, part, out)
    else:
        out[path] = value
    return out


def dump(folder):
    """What example_dump_dataset prints: leaves [(path, type)] and episodes."""
    text = subprocess.run([os.path.join(BUILD, "example_dump_dataset"), str(folder)], check=True,
                          capture_output=True).stdout.decode()
    leaves, episodes = [], []
    for line in text.split("\n"):
        word = line.split(" ")
        if word[0] == "leaf":
            leaves.append((word[2], word[3], tuple(map(int, word[4:]))))
        elif word[0] == "episode":
            episodes.append({"seed": int(word[3]), "steps": [],
                             "rows": {leaf[0]: [] for leaf in leaves}})
        elif word[0] == "step":
            assert int(word[1]) == len(episodes[-1]["steps"])
            episodes[-1]["steps"].append((float(word[2]), int(word[3]), int(word[4])))
        elif word[0] in ("row", "text"):
            rows = episodes[-1]["rows"][leaves[int(word[1])][0]]
            assert int(word[2]) == len(rows)
            rows.append(word[3:] if word[0] == "row" else line.split(" ", 4)[4])
    return leaves, episodes


def same_rows(want, got, kind):
    if kind == "text":
        return list(want) == got
    want = np.asarray(want)
    if want.dtype.kind == "f":
        have = np.array([[float(v) for v in row] for row in got]).astype(want.dtype)
    else:
        have = np.array([[int(v) for v in row] for row in got]).astype(want.dtype)
    return np.array_equal(want.reshape(len(want), -1), have, equal_nan=want.dtype.kind == "f")


def compare(name, folder, dataset):
    leaves, episodes = dump(folder)
    assert len(episodes) == dataset.total_episodes, (name, len(episodes))
    for episode in dataset.iterate_episodes():
        got = episodes[episode.id]
        where = f"{name} episode {episode.id}"
        want = flatten("observations", dataset.observation_space, episode.observations, {})
        flatten("actions", dataset.action_space, episode.actions, want)
        assert list(want) == [leaf[0] for leaf in leaves], (where, leaves)
        for path, kind, _ in leaves:
            assert same_rows(want[path], got["rows"][path], kind), f"{where} {path} differs"
        cut = not (episode.terminations[-1] or episode.truncations[-1])
        for t, (reward, terminated, truncated) in enumerate(got["steps"]):
            assert reward == np.float32(episode.rewards[t]), where
            assert terminated == episode.terminations[t], where
            last = t == len(episode.rewards) - 1
            assert truncated == (episode.truncations[t] or (cut and last)), where
        assert len(got["steps"]) == len(episode.rewards), where


def sampled(space, rows, seed):
    """Rows drawn from a space, stacked as minari wants them."""
    if isinstance(space, spaces.Dict):
        return {key: sampled(sub, rows, seed + i) for i, (key, sub) in enumerate(space.spaces.items())}
    if isinstance(space, spaces.Tuple):
        return tuple(sampled(sub, rows, seed + i) for i, sub in enumerate(space.spaces))
    space.seed(seed)
    values = [space.sample() for _ in range(rows)]
    return values if isinstance(space, spaces.Text) else np.array(values, dtype=space.dtype)


def drawn_sets():
    four = spaces.Discrete(4)
    dtypes = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float16,
              np.float32, np.float64]
    image = spaces.Box(0, 255, (48, 40, 3), np.uint8)
    cases = {
        "boxes": (spaces.Dict({np.dtype(t).name: spaces.Box(0, 100, (2, 3), t) for t in dtypes}),
                  spaces.Box(-1, 1, (3,), np.float32)),
        "infinite": (spaces.Box(-np.inf, np.inf, (17,), np.float64), four),
        "scalar": (spaces.Box(-1, 1, (), np.float32), spaces.Box(-2, 2, (), np.float64)),
        "discrete": (spaces.Discrete(9, start=-4), four),
        "multidiscrete": (spaces.MultiDiscrete([3, 4, 5]), spaces.MultiDiscrete([[2, 3], [4, 5]])),
        "multibinary": (spaces.MultiBinary(5), spaces.MultiBinary([2, 3])),
        "text": (spaces.Text(30, min_length=0), spaces.Text(5, charset="abé")),
        "nested": (spaces.Dict({"a": spaces.Tuple((four, spaces.Dict({"b": spaces.Text(9)}))),
                                "c": spaces.Dict({"d": image})}),
                   spaces.Dict({"move": four, "aim": spaces.Tuple((spaces.MultiBinary(2),))})),
        "image": (image, four),
        "stack": (spaces.Box(0, 255, (4, 84, 84), np.uint8), four),
    }
    for number, (name, (observation, action)) in enumerate(cases.items()):
        for jpeg in (True, False):
            steps = [1, 3, 2] if name in ("nested", "image", "stack") else golden_minari.STEPS
            yield f"{name}_{'jpeg' if jpeg else 'raw'}", observation, action, [
                golden_minari.buffer_of(minari, k, n, sampled(observation, n + 1, 100 * number + k),
                                        sampled(action, n, 50 * number + k))
                for k, n in enumerate(steps)], jpeg


def check_ours(root):
    """A dataset that polyplay recorded: minari reads it as polyplay does, and every row is one of its
    spaces."""
    program = os.path.join(BUILD, "polyplay")
    subprocess.run([program, "collect", "--env", "arcade/catch", "--policy", "random", "--steps", "300",
                    "--out", root, "--seed", "1"], check=True, capture_output=True)
    identity = "arcade/catch/random-v0"
    folder = os.path.join(root, identity)
    dataset = minari.load_dataset(identity)
    shown = subprocess.run([program, "data", "show", folder], check=True, capture_output=True,
                           text=True).stdout
    episodes = int(re.search(r"^episodes\s+(\d+)", shown, re.M).group(1))
    steps = int(re.search(r"^steps\s+(\d+)", shown, re.M).group(1))
    assert dataset.total_episodes == episodes > 10, (dataset.total_episodes, episodes)
    assert dataset.total_steps == steps >= 300, (dataset.total_steps, steps)
    for episode in dataset.iterate_episodes():
        assert all(dataset.observation_space.contains(row) for row in episode.observations)
        assert all(dataset.action_space.contains(action) for action in episode.actions)
        assert episode.terminations.dtype == bool and episode.truncations.dtype == bool
    compare(identity, folder, dataset)


def add_filters(path):
    """Stores every column of numbers again, each with another mixture of filters and chunks."""
    mixtures = [{"compression": "gzip"}, {"compression": "gzip", "shuffle": True},
                {"fletcher32": True}, {"compression": "gzip", "shuffle": True, "fletcher32": True},
                {"scaleoffset": True, "integers": True}, {"chunks": None}]
    with h5py.File(path, "a") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for number, name in enumerate(names):
            data = file[name][()]
            if file[name].dtype.kind not in "iuf":
                continue
            mixture = dict(mixtures[number % len(mixtures)])
            if mixture.pop("integers", False) and file[name].dtype.kind == "f":
                mixture = {"compression": "gzip"}
            del file[name]
            file.create_dataset(name, data=data, **mixture)


def main():
    root = pathlib.Path(SCRATCH.name)
    sets = [*golden_minari.golden_sets(minari, spaces), *drawn_sets()]
    for name, observation, action, buffers, jpeg in sets:
        folder = golden_minari.create(minari, root, name, observation, action, buffers, jpeg)
        target = folder.with_name(f"{name}-v0")
        folder.rename(target)
        compare(name, target, minari.load_dataset(f"{name}-v0"))
        if jpeg:  # without the flag JPEG is meant
            path = target / "data" / "metadata.json"
            meta = json.loads(path.read_text())
            assert meta.pop("jpeg_encoding") is True
            path.write_text(json.dumps(meta))
            compare(name, target, minari.load_dataset(f"{name}-v0"))
        else:
            add_filters(target / "data" / "main_data.hdf5")
            compare(f"{name} filtered", target, minari.load_dataset(f"{name}-v0"))
    check_ours(SCRATCH.name)
    print(f"{len(sets) + 1} datasets equal")


main()
