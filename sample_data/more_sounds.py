"""More sounds: voices of a baby and a cat, insects, machines, music, and a walk made of several."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sounds
from synth import Array, Rng, arch, band, echo, fade, level, noise, place, seconds, strike, voice, wander


def baby_cry(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Wails of about a second, pitch up then falling, a gasp between them."""
    track = 0.002 * noise(rng, length_s, rate_hz, 1)
    at = 0.15
    while at < length_s - 0.8:
        long_s = rng.uniform(0.8, 1.25)
        t = seconds(long_s, rate_hz) / long_s
        pitch = 390 + 130 * arch(t * 1.15) ** 0.7 - 60 * t
        pitch = pitch * (1 + 0.015 * np.sin(2 * np.pi * 6.5 * t * long_s))
        throat = [(1050, 200, 1.0), (1700, 250, 0.5), (3400, 400, 0.55), (5200, 700, 0.2)]
        cry = fade(voice(rng, pitch.astype(np.float32), rate_hz, throat, 0.05, 0.55), rate_hz, 0.06, 0.15)
        place(track, np.tanh(1.8 * cry).astype(np.float32), at, rate_hz, 0.9)
        gasp = band(rng.standard_normal(int(0.18 * rate_hz)).astype(np.float32), rate_hz, 1500, 6000)
        place(track, fade(level(gasp), rate_hz, 0.1, 0.06), at + long_s + 0.06, rate_hz, 0.12)
        at += long_s + rng.uniform(0.3, 0.4)
    return level(echo(rng, track, rate_hz, 0.4, 0.12), 0.75)


def cat_meow(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A cat that asks to be let in: the mouth opens and closes again over each call."""
    track = 0.004 * noise(rng, length_s, rate_hz, 1)
    at = 0.3
    while at < length_s - 0.9:
        long_s = rng.uniform(0.55, 0.85)
        t = seconds(long_s, rate_hz) / long_s
        rough = 0.05 * (wander(rng, long_s, rate_hz, 55)[: len(t)] - 0.5)
        pitch = (560 + 190 * arch(t**0.55) - 210 * t**2) * rng.uniform(0.92, 1.1) * (1 + rough)
        pitch = pitch.astype(np.float32)
        front = voice(
            rng,
            pitch,
            rate_hz,
            [(750, 220, 0.8), (1900, 300, 1.0), (3300, 500, 0.7), (5200, 900, 0.4)],
            0.12,
            0.4,
        )
        round_ = voice(rng, pitch, rate_hz, [(1000, 260, 1.0), (1500, 300, 1.0), (3000, 600, 0.5)], 0.15, 0.5)
        vowel = front * (1 - t) ** 1.5 + round_ * (1 - (1 - t) ** 1.5)
        call = fade((vowel * (0.25 + 0.75 * arch(t**0.8))).astype(np.float32), rate_hz, 0.05, 0.22)
        place(track, np.tanh(2.5 * call).astype(np.float32), at, rate_hz, rng.uniform(0.7, 0.95))
        at += long_s + rng.uniform(0.4, 1.0)
    return level(echo(rng, track, rate_hz, 0.3, 0.1), 0.7)


def crickets(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Insects at night: pulses of a 4.6 kHz tone, three to a chirp, from near and far."""
    t = seconds(length_s, rate_hz)
    track = 0.01 * noise(rng, length_s, rate_hz, 1)
    for _ in range(5):
        hz, loud, offset, every = (
            rng.uniform(4300, 5000),
            rng.uniform(0.15, 1),
            rng.uniform(0, 1),
            rng.uniform(0.38, 0.6),
        )
        within = (t + offset) % every
        pulse = np.clip(np.sin(2 * np.pi * within / 0.034), 0, None) * (within < 0.034 * 4)
        track += (loud * pulse * np.sin(2 * np.pi * hz * t)).astype(np.float32)
    return level(track, 0.5)


def alarm(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """An alarm clock: four short beeps, a rest, again."""
    t = seconds(length_s, rate_hz)
    on = ((t % 1.0) < 0.62) & ((t % 0.16) < 0.085)
    tone = np.tanh(2.5 * np.sin(2 * np.pi * 2048 * t)) + 0.3 * np.sin(2 * np.pi * 4096 * t)
    return level(echo(rng, (tone * on).astype(np.float32), rate_hz, 0.3, 0.1), 0.6)


def guitar(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Plucked strings, a slow pattern of chords. Source: K. Karplus, A. Strong, CMJ 7(2), 1983."""
    track = np.zeros(round(length_s * rate_hz), np.float32)
    chords = [
        (110.0, 164.8, 220.0, 261.6, 329.6),
        (98.0, 146.8, 196.0, 246.9, 293.7),
        (130.8, 164.8, 196.0, 261.6, 329.6),
    ]
    at, number = 0.1, 0
    while at < length_s:
        for index in (0, 2, 3, 4, 3, 2):
            place(track, pluck(rng, chords[number % 3][index], 1.8, rate_hz), at, rate_hz, 0.6)
            at += 0.24
        number += 1
    body = track + 0.6 * band(track, rate_hz, 80, 260)
    return level(echo(rng, body, rate_hz, 0.6, 0.12), 0.7)


def pluck(rng: Rng, hz: float, length_s: float, rate_hz: int) -> Array:
    """One string: a burst of noise that goes round and is smoothed a little at each turn."""
    period = max(round(rate_hz / hz), 2)
    turns = int(length_s * rate_hz / period) + 1
    loop: Array = rng.uniform(-1, 1, period).astype(np.float32)
    loop = loop - np.roll(loop, period // 5)  # plucked at a fifth of its length
    out = np.empty(turns * period, np.float32)
    for turn in range(turns):
        out[turn * period : (turn + 1) * period] = loop
        loop = 0.996 * (0.72 * loop + 0.28 * np.roll(loop, 1))
    return fade(out, rate_hz, 0.001, 0.1)


def wind(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Gusts that howl round a corner: the more wind, the higher the sound."""
    gust = wander(rng, length_s, rate_hz, 0.7)
    track = np.zeros(round(length_s * rate_hz), np.float32)
    for low, high, power in ((80, 300, 1.0), (250, 500, 1.4), (450, 800, 2.0), (700, 1400, 2.8)):
        gusts = level(band(noise(rng, length_s, rate_hz, 0.8), rate_hz, low, high)) * gust**power
        track += gusts.astype(np.float32)
    return level(track, 0.7)


def crackling_fire(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A low roar and sharp snaps of wood, alone and in bursts."""
    track = 0.12 * level(band(noise(rng, length_s, rate_hz, 1.4), rate_hz, 60, 900))
    for _ in range(int(14 * length_s)):
        at = rng.uniform(0, length_s)
        for _ in range(int(rng.integers(1, 5))):
            snap = band(
                rng.standard_normal(int(0.012 * rate_hz)).astype(np.float32),
                rate_hz,
                rng.uniform(600, 2500),
                9000,
            )
            place(
                track,
                fade(level(snap), rate_hz, 0.0003, 0.011),
                at,
                rate_hz,
                min(float(rng.pareto(1.8)) * 0.12, 0.9),
            )
            at += float(rng.exponential(0.02))
    return level(track, 0.7)


def knocking(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Knuckles on a wooden door, four times, twice."""
    track = 0.0015 * noise(rng, length_s, rate_hz, 1)
    for start in np.arange(0.3, length_s - 1, 2.2):
        for number in range(4):
            wood = [(155, 1, 0.12), (290, 0.9, 0.09), (440, 0.6, 0.06), (760, 0.5, 0.035), (1400, 0.3, 0.015)]
            place(
                track,
                strike(rng, wood, 0.2, rate_hz),
                float(start) + 0.22 * number,
                rate_hz,
                rng.uniform(0.75, 1),
            )
    return level(echo(rng, track, rate_hz, 0.5, 0.15), 0.8)


def walk(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Four things heard on one walk, a quarter of the recording each: birds, bells, steps, rain."""
    part = length_s / 4
    makers: list[Callable[[Rng, float, int], Array]] = [
        sounds.birdsong,
        sounds.church_bells,
        sounds.footsteps,
        sounds.rain,
    ]
    return np.concatenate([fade(maker(rng, part, rate_hz), rate_hz, 0.3, 0.3) for maker in makers])


SOUNDS: dict[str, Callable[[Rng, float, int], Array]] = {
    "rain": sounds.rain,
    "sea-waves": sounds.sea_waves,
    "engine": sounds.engine,
    "dog-bark": sounds.dog_bark,
    "church-bells": sounds.church_bells,
    "siren": sounds.siren,
    "birdsong": sounds.birdsong,
    "clock-tick": sounds.clock_tick,
    "footsteps": sounds.footsteps,
    "thunder": sounds.thunder,
    "helicopter": sounds.helicopter,
    "baby-cry": baby_cry,
    "cat-meow": cat_meow,
    "crickets": crickets,
    "alarm": alarm,
    "guitar": guitar,
    "wind": wind,
    "crackling-fire": crackling_fire,
    "knocking": knocking,
    "walk": walk,
}
