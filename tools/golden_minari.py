#!/usr/bin/env python3
"""Oracle for the dataset layer, with the reference package minari 0.5.4.

  golden_minari.py write DIR     writes the small golden datasets of tests/golden/minari_* into DIR,
                                 the data files packed with gzip (HDF5 is mostly empty space)
  golden_minari.py read FOLDER   opens a dataset that polyplay wrote with minari.load_dataset, reads
                                 every episode and prints one JSON line with sums of its columns

Needs: pip install "minari[hdf5]==0.5.4" pillow
"""
import gzip
import json
import os
import pathlib
import shutil
import sys

import numpy as np

STEPS = [1, 5, 2, 3, 9, 1, 4, 6, 2, 3, 7, 8]  # twelve episodes: episode_10 sorts after episode_9


def pixel(episode, t, i):
    return (episode * 31 + t * 7 + i) % 251


def episode_buffer(minari, k, steps, shape):
    size = int(np.prod(shape))
    obs = np.array([[pixel(k, t, i) for i in range(size)] for t in range(steps + 1)], np.uint8)
    term = np.zeros(steps, bool)
    trunc = np.zeros(steps, bool)
    term[-1] = k % 3 != 2
    trunc[-1] = k % 3 == 2
    return minari.data_collector.EpisodeBuffer(
        id=None, seed=500 + k, options=None, observations=obs.reshape((steps + 1,) + shape),
        actions=np.array([(k + t) % 4 for t in range(steps)], np.int64),
        rewards=np.array([k - 2.5 * t for t in range(steps)], np.float64),
        terminations=term, truncations=trunc, infos=None)


def write(root):
    root = pathlib.Path(root).resolve()
    os.environ["MINARI_DATASETS_PATH"] = str(root)
    import gymnasium as gym
    import minari

    for name, shape, jpeg in [("minari_grey", (6, 5), False), ("minari_planes", (4, 4, 3), False),
                              ("minari_jpeg", (32, 32), True)]:
        steps = STEPS if not jpeg else [2]
        folder = root / f"{name}-v0"
        shutil.rmtree(folder, ignore_errors=True)
        minari.create_dataset_from_buffers(
            dataset_id=f"{name}-v0",
            buffer=[episode_buffer(minari, k, n, shape) for k, n in enumerate(steps)],
            observation_space=gym.spaces.Box(0, 255, shape, np.uint8),
            action_space=gym.spaces.Discrete(4), algorithm_name="pattern", author="polyplay",
            author_email="none@example.org", code_permalink="none", description="test pattern",
            jpeg_encoding=jpeg)
        target = root / name
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)
        data = target / "data" / "main_data.hdf5"
        (target / "data" / "main_data.hdf5.gz").write_bytes(
            gzip.compress(data.read_bytes(), 9, mtime=0))
        data.unlink()


def read(folder):
    folder = pathlib.Path(folder).resolve()
    meta = json.loads((folder / "data" / "metadata.json").read_text())
    identity = meta["dataset_id"]
    root = folder
    for _ in identity.split("/"):
        root = root.parent
    os.environ["MINARI_DATASETS_PATH"] = str(root)
    import minari

    dataset = minari.load_dataset(identity)
    out = {"episodes": 0, "steps": 0, "obs": 0, "actions": 0, "rewards": 0.0, "terminated": 0,
           "truncated": 0}
    for episode in dataset.iterate_episodes():
        assert episode.id == out["episodes"], "episodes out of order"
        assert len(episode.observations) == len(episode.rewards) + 1
        assert episode.observations.dtype == np.uint8
        assert episode.terminations.dtype == bool and episode.truncations.dtype == bool
        assert dataset.observation_space.contains(episode.observations[0])
        out["episodes"] += 1
        out["steps"] += len(episode.rewards)
        out["obs"] += int(episode.observations.astype(np.int64).sum())
        out["actions"] += int(episode.actions.sum())
        out["rewards"] += float(episode.rewards.sum())
        out["terminated"] += int(episode.terminations.sum())
        out["truncated"] += int(episode.truncations.sum())
    assert out["episodes"] == dataset.total_episodes == meta["total_episodes"]
    assert out["steps"] == dataset.total_steps == meta["total_steps"]
    print(json.dumps(out))


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "read"):
        sys.exit(__doc__)
    (write if sys.argv[1] == "write" else read)(sys.argv[2])


main()
