"""One Gymnasium environment, played by a process of its own for the program that started it.

The program embeds this text and runs it with `python3 -c`. It talks over two inherited files: 3, a
socket for requests and replies, and 4, memory that both sides map, where observations and pictures
lie. All numbers are little-endian.

  greeting  u32 length, JSON: what the environment is, or {"error": text}
  request   u32 operation, i32 action, u64 seed
  reply     u32 failed, u32 length of the text, f64 reward, u8 terminated, u8 truncated, 6 bytes, text
"""

import json
import math
import mmap
import os
import signal
import socket
import struct
import sys

RESET, STEP, RENDER = 1, 2, 3
REQUEST = struct.Struct("<IiQ")
REPLY = struct.Struct("<IIdBB6x")
LINE = 64
MOST_ACTIONS = 18
MOST_FLOATS = 4096


def aligned(size):
    return (size + LINE - 1) // LINE * LINE


class Refused(Exception):
    """The environment is of a kind that the program cannot play."""


def describe_observation(space, spaces, np):
    """Fields h, w, c, kind, high, dtype of the observation."""
    if isinstance(space, spaces.Discrete):
        if space.start != 0 or space.n > 256:
            raise Refused(f"its observation is {space}; whole numbers 0..255 can be read")
        return {"kind": "cells", "h": 1, "w": 1, "c": 1, "high": [int(space.n) - 1]}
    if not isinstance(space, spaces.Box):
        raise Refused(f"its observation is {space}; a Box of bytes or numbers can be read")
    shape = [int(n) for n in space.shape]
    if space.dtype == np.uint8 and len(shape) in (2, 3):
        h, w, c = shape if len(shape) == 3 else shape + [1]
        return {"kind": "image", "h": h, "w": w, "c": c, "high": []}
    if len(shape) == 1 and shape[0] <= MOST_FLOATS:
        return {"kind": "float", "h": 1, "w": 1, "c": shape[0], "high": []}
    raise Refused(f"its observation is {space}; a picture of bytes or up to {MOST_FLOATS} numbers can be read")


def open_environment(gymnasium, name):
    if name.startswith("ALE/"):
        import ale_py

        gymnasium.register_envs(ale_py)
    env = gymnasium.make(name)
    if "rgb_array" not in env.metadata.get("render_modes", []):
        return env
    env.close()
    return gymnasium.make(name, render_mode="rgb_array")


class Bridge:
    def __init__(self, name):
        try:
            import gymnasium
            import numpy as np
            from gymnasium import spaces
        except ImportError as error:
            raise Refused(f"this Python has no {error.name}: {sys.executable} -m pip install gymnasium") from error
        self.np = np
        self.env = open_environment(gymnasium, name)
        self.facts = describe_observation(self.env.observation_space, spaces, np)
        action = self.env.action_space
        if not isinstance(action, spaces.Discrete):
            raise Refused(f"its actions are {action}; discrete ones can be played")
        if action.n > MOST_ACTIONS:
            raise Refused(f"it has {action.n} actions; up to {MOST_ACTIONS} can be played")
        self.first = int(action.start)
        self.type = np.float32 if self.facts["kind"] == "float" else np.uint8
        shape = (self.facts["h"], self.facts["w"], self.facts["c"])
        self.shape = shape
        self.obs_bytes = math.prod(shape) * self.type().itemsize
        self.env.reset(seed=0)
        picture = self.picture()
        names = getattr(self.env.unwrapped, "get_action_meanings", None)
        self.facts.update(
            n=int(action.n),
            names=[str(n) for n in names()] if names else [],
            max_steps=int(getattr(self.env.spec, "max_episode_steps", None) or 0),
            version=gymnasium.__version__,
            render_h=0 if picture is None else int(picture.shape[0]),
            render_w=0 if picture is None else int(picture.shape[1]),
        )
        size = aligned(self.obs_bytes) + self.facts["render_h"] * self.facts["render_w"] * 3
        os.ftruncate(4, size)
        self.memory = mmap.mmap(4, size)
        self.obs = np.frombuffer(self.memory, dtype=self.type, count=math.prod(shape)).reshape(shape)
        self.rgb = None
        if picture is not None:
            self.rgb = np.frombuffer(self.memory, dtype=np.uint8, offset=aligned(self.obs_bytes),
                                     count=picture.size).reshape(picture.shape)

    def picture(self):
        """u8 [h, w, 3] or None where the environment draws none."""
        if self.env.render_mode != "rgb_array":
            return None
        try:
            picture = self.env.render()
        except Exception as error:  # a drawing library that is missing must not stop the game
            print(f"no pictures: {error}", file=sys.stderr)
            return None
        return picture if picture is not None and picture.ndim == 3 else None

    def show(self, observation):
        self.obs[...] = self.np.asarray(observation, dtype=self.type).reshape(self.shape)

    def answer(self, operation, action, seed):
        """(reward, terminated, truncated)"""
        if operation == RESET:
            observation, _ = self.env.reset(seed=seed % 2**31)
            self.show(observation)
            return 0.0, False, False
        if operation == STEP:
            observation, reward, terminated, truncated, _ = self.env.step(self.first + action)
            self.show(observation)
            return float(reward), bool(terminated), bool(truncated)
        picture = self.picture()
        if picture is None or picture.shape != self.rgb.shape:
            raise RuntimeError("it drew no picture of the size that it began with")
        self.rgb[...] = picture
        return 0.0, False, False


def receive(link, size):
    data = b""
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    link = socket.socket(fileno=3)
    try:
        bridge = Bridge(sys.argv[1])
        facts = bridge.facts
    except Exception as error:
        text = json.dumps({"error": str(error) or type(error).__name__}).encode()
        link.sendall(struct.pack("<I", len(text)) + text)
        sys.exit(1)
    text = json.dumps(facts).encode()
    link.sendall(struct.pack("<I", len(text)) + text)
    while True:
        operation, action, seed = REQUEST.unpack(receive(link, REQUEST.size))
        try:
            reward, terminated, truncated = bridge.answer(operation, action, seed)
            link.sendall(REPLY.pack(0, 0, reward, terminated, truncated))
        except Exception as error:
            text = f"{type(error).__name__}: {error}".encode()[:900]
            link.sendall(REPLY.pack(1, len(text), 0.0, 0, 0) + text)


main()
