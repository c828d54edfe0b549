#!/usr/bin/env python3
"""Oracle for the dataset layer, with the reference package minari 0.5.4.

  golden_minari.py DIR     writes the small golden datasets of tests/golden/minari_* into DIR, both
                           files of each packed with gzip

Needs: pip install "minari[hdf5]==0.5.4" pillow
"""
import gzip
import os
import pathlib
import shutil
import sys

import numpy as np

STEPS = [1, 5, 2, 3, 9, 1, 4, 6, 2, 3, 7, 8]  # twelve episodes: episode_10 sorts after episode_9


def pixels(k, rows, shape):
    """Row t of episode k: byte i is (31 k + 7 t + i) mod 251."""
    t, i = np.arange(rows)[:, None], np.arange(int(np.prod(shape)))[None]
    return ((k * 31 + t * 7 + i) % 251).astype(np.uint8).reshape((rows,) + shape)


def slopes(k, rows, shape):
    """Smooth images, which JPEG keeps within a few values: pixel y, x is 4 y + (1 + t mod 2) x +
    3 t + k. The JPEGs of an episode differ in length."""
    t = np.arange(rows)[:, None, None]
    y, x = np.arange(shape[0])[None, :, None], np.arange(shape[1])[None, None]
    image = (4 * y + (1 + t % 2) * x + 3 * t + k).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=3) if len(shape) == 3 else image


def plain(k, rows, shape):
    """One grey value per image, so that every JPEG of an episode has the same length."""
    return np.full((rows,) + shape, 40 + k, np.uint8)


def numbers(k, rows, shape, dtype):
    """Element i of row t of episode k is (k + 10 t + i) / 4, as a whole number for integers."""
    t, i = np.arange(rows)[:, None], np.arange(int(np.prod(shape)))[None]
    value = (k + 10 * t + i).astype(np.float64)
    return (value / 4 if np.dtype(dtype).kind == "f" else value).astype(dtype).reshape((rows,) + shape)


def words(k, rows):
    """Texts of length 0 to 6 with a letter outside ASCII; long ones in episode 4."""
    return ["é" * ((k + t) % 4) if k != 4 else "word %d " % t * 40 for t in range(rows)]


def nested(spaces):
    observation = spaces.Dict({
        "wide": spaces.Box(-np.inf, np.inf, (2, 3), np.float64),
        "half": spaces.Box(-np.inf, np.inf, (), np.float16),
        "pair": spaces.Tuple((spaces.Box(-9, 9999, (2,), np.int16), spaces.Text(400, min_length=0),
                              spaces.Dict({"on": spaces.Box(0, 1, (3,), bool)}))),
        "bits": spaces.MultiBinary(4),
        "dice": spaces.MultiDiscrete([1000, 2000]),
        "tick": spaces.Discrete(1000, start=-5)})
    action = spaces.Tuple((spaces.Box(-1000, 1000, (2,), np.float32), spaces.Discrete(500, start=3)))
    return observation, action


def nested_rows(k, steps):
    rows = steps + 1
    observations = {
        "wide": numbers(k, rows, (2, 3), np.float64), "half": numbers(k, rows, (), np.float16),
        "pair": (numbers(k, rows, (2,), np.int16), words(k, rows),
                 {"on": numbers(k, rows, (3,), np.int64) % 2 == 1}),
        "bits": numbers(k, rows, (4,), np.int8) % 2, "dice": numbers(k, rows, (2,), np.int64),
        "tick": numbers(k, rows, (), np.int64) - 5}
    actions = (numbers(k, steps, (2,), np.float32), numbers(k, steps, (), np.int64) + 3)
    return observations, actions


def buffer_of(minari, k, steps, observations, actions, reward_type=np.float64, infos=None):
    term, trunc = np.zeros(steps, bool), np.zeros(steps, bool)
    term[-1] = k % 3 != 2
    trunc[-1] = k % 3 == 2 and k != 8  # episode 8 was cut: neither flag
    return minari.data_collector.EpisodeBuffer(
        id=None, seed=500 + k, options=None, observations=observations, actions=actions,
        rewards=np.array([k - 2.5 * t for t in range(steps)], reward_type), terminations=term,
        truncations=trunc, infos=infos)


def create(minari, root, name, observation_space, action_space, buffers, jpeg):
    """Writes the dataset and moves it to root/name."""
    folder, target = root / f"{name}-v0", root / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    minari.create_dataset_from_buffers(
        dataset_id=f"{name}-v0", buffer=buffers, observation_space=observation_space,
        action_space=action_space, algorithm_name="pattern", author="polyplay",
        author_email="none@example.org", code_permalink="none", description="test pattern",
        jpeg_encoding=jpeg)
    folder.rename(target)
    return target


def choices(k, steps):
    return np.array([(k + t) % 4 for t in range(steps)], np.int64)


def golden_sets(minari, spaces):
    """Name, observation space, action space, episodes and jpeg_encoding of every golden dataset."""
    four = spaces.Discrete(4)
    for name, shape in (("minari_grey", (6, 5)), ("minari_planes", (4, 4, 3))):
        yield name, spaces.Box(0, 255, shape, np.uint8), four, [
            buffer_of(minari, k, n, pixels(k, n + 1, shape), choices(k, n))
            for k, n in enumerate(STEPS)], False
    observation, action = nested(spaces)
    yield "minari_nested", observation, action, [
        buffer_of(minari, k, n, *nested_rows(k, n), reward_type=np.float32,
                  infos={"lives": np.arange(n + 1), "deep": {"x": np.zeros((n + 1, 2))}})
        for k, n in enumerate(STEPS)], True
    camera, grey = (32, 40, 3), (36, 33)
    yield "minari_jpeg", spaces.Dict({
        "camera": spaces.Box(0, 255, camera, np.uint8), "grey": spaces.Box(0, 255, grey, np.uint8),
        "small": spaces.Box(0, 255, (4, 33, 33), np.uint8)}), four, [
            buffer_of(minari, k, n, {"camera": slopes(k, n + 1, camera),
                                     "grey": plain(k, n + 1, grey),
                                     "small": pixels(k, n + 1, (4, 33, 33))}, choices(k, n))
            for k, n in enumerate((1, 3))], True
    yield "minari_frames", spaces.Box(0, 255, (33, 34), np.uint8), four, [
        buffer_of(minari, k, n, slopes(k, n + 1, (33, 34)), choices(k, n))
        for k, n in enumerate((1, 9))], True


def pack(path):
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()


def write(root):
    root = pathlib.Path(root).resolve()
    os.environ["MINARI_DATASETS_PATH"] = str(root)
    import gymnasium
    import minari

    for name, observation, action, buffers, jpeg in golden_sets(minari, gymnasium.spaces):
        data = create(minari, root, name, observation, action, buffers, jpeg) / "data"
        pack(data / "main_data.hdf5")
        pack(data / "metadata.json")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    write(sys.argv[1])


if __name__ == "__main__":
    main()
