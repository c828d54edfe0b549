"""Gymnasium environments that misbehave, for the tests of the bridge."""

import os
import signal

import gymnasium
import numpy as np
from gymnasium import spaces


class Counting(gymnasium.Env):
    """Observation: two bytes rows of a picture that count the steps; ends after `length` steps."""

    metadata = {"render_modes": []}

    def __init__(self, length=8, fault=None, at=5, actions=3, observation=None, render_mode=None):
        self.observation_space = observation or spaces.Box(0, 255, (2, 3), np.uint8)
        self.action_space = spaces.Discrete(actions, start=1)
        self.length, self.fault, self.at = length, fault, at
        self.render_mode = render_mode

    def picture(self):
        return np.full((2, 3), self.steps, np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.picture(), {}

    def step(self, action):
        self.steps += 1
        if self.steps == self.at and self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.steps == self.at and self.fault == "exit":
            print("the last straw", file=__import__("sys").stderr, flush=True)
            os._exit(7)
        if self.steps == self.at and self.fault == "raise":
            raise ValueError("no more steps")
        return self.picture(), float(action), self.steps >= self.length, False, {}


def register(name, **options):
    gymnasium.register(id=name, entry_point=Counting, kwargs=options)


register("Sound-v0")
register("Killed-v0", fault="kill")
register("Leaving-v0", fault="exit")
register("Raising-v0", fault="raise")
register("Busy-v0", actions=19)
register("Deep-v0", observation=spaces.Dict({"a": spaces.Discrete(2)}))
