"""Everyday sounds, synthesised: every function takes a generator, a length in seconds and a sample rate."""

from __future__ import annotations

import numpy as np
from synth import (
    Array,
    Rng,
    arch,
    band,
    echo,
    fade,
    level,
    noise,
    place,
    seconds,
    shaped,
    strike,
    voice,
    wander,
)


def rain(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A steady hiss of many drops, and single drops on leaves and stone near by."""
    hiss = band(noise(rng, length_s, rate_hz, 0.6), rate_hz, 500, 7500)
    track = 0.55 * level(hiss) * (0.85 + 0.15 * wander(rng, length_s, rate_hz, 1.5))
    for _ in range(int(170 * length_s)):
        hz = rng.uniform(1200, 6500)
        drop = strike(rng, [(hz, 1.0, rng.uniform(0.004, 0.02)), (hz * 1.6, 0.4, 0.006)], 0.02, rate_hz)
        place(track, drop, rng.uniform(0, length_s), rate_hz, float(rng.pareto(2.5) * 0.09))
    return level(np.tanh(1.5 * track), 0.6)


def sea_waves(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Waves that come in, break with a brighter hiss, and run back over pebbles."""
    t = seconds(length_s, rate_hz)
    low = band(noise(rng, length_s, rate_hz, 1.2), rate_hz, 60, 700)
    high = band(noise(rng, length_s, rate_hz, 0.5), rate_hz, 800, 6000)
    swell, crash = np.full_like(t, 0.12), np.full_like(t, 0.03)
    start = rng.uniform(0.0, 1.0)
    while start < length_s:
        rise = np.exp(-(((t - start - 1.8) / 1.1) ** 2))
        swell += rng.uniform(0.7, 1.0) * rise
        after = np.clip(t - start - 1.9, 0, None)
        crash += rng.uniform(0.6, 1.0) * (1 - np.exp(-after / 0.15)) * np.exp(-after / 1.3)
        start += rng.uniform(3.2, 4.6)
    return level((0.9 * level(low) * swell + 0.6 * level(high) * crash).astype(np.float32), 0.7)


def engine(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A four-cylinder engine that idles and is revved twice."""
    t = seconds(length_s, rate_hz)
    revs = 13.0 + 22 * (
        np.exp(-(((t - 0.4 * length_s) / 0.55) ** 2)) + np.exp(-(((t - 0.75 * length_s) / 0.6) ** 2))
    )
    revs = revs * (1 + 0.03 * wander(rng, length_s, rate_hz, 9))
    phase = np.cumsum(revs) / rate_hz
    firing = (2 * phase) % 1.0  # two strokes of power a turn
    uneven = 1 + 0.25 * np.sin(2 * np.pi * phase * 0.5) + 0.12 * np.sin(2 * np.pi * phase)
    pulses = np.exp(-firing * 7) * uneven
    rumble = shaped((pulses - pulses.mean()).astype(np.float32), rate_hz, exhaust)
    mechanical = band(noise(rng, length_s, rate_hz, 0.8), rate_hz, 300, 3500) * (0.3 + pulses) * (revs / 25)
    return level(np.tanh(1.4 * (level(rumble) + 0.22 * level(mechanical.astype(np.float32)))), 0.75)


def exhaust(hz: Array) -> Array:
    """How a pipe colours the pulses of an engine."""
    gain = 1 / (1 + (hz / 160) ** 1.6)
    for centre, width, strength in ((95, 40, 1.0), (240, 70, 0.5), (610, 140, 0.2), (1500, 500, 0.05)):
        gain = gain + strength / (1 + ((hz - centre) / width) ** 2)
    return gain * (hz > 15)


def dog_bark(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Barks of a middling dog in twos and threes: a hard start, pitch up and down, rough breath."""
    track = np.zeros(round(length_s * rate_hz), np.float32)
    at = 0.25
    while at < length_s - 0.4:
        for _ in range(rng.integers(2, 4)):
            long_s = rng.uniform(0.16, 0.22)
            t = seconds(long_s, rate_hz) / long_s
            pitch = (rng.uniform(330, 380) + 330 * arch(t**0.6)) * (1 - 0.25 * t)
            throat = [(720, 170, 1.0), (1350, 220, 0.75), (2500, 350, 0.35), (3800, 600, 0.12)]
            bark = voice(rng, pitch.astype(np.float32), rate_hz, throat, 0.35, 0.8)
            bark = np.tanh(2.2 * bark) * (np.minimum(t / 0.07, 1) * (1 - t) ** 0.8)
            place(track, bark.astype(np.float32), at, rate_hz, rng.uniform(0.8, 1.0))
            at += rng.uniform(0.34, 0.46)
        at += rng.uniform(0.5, 0.9)
    return level(echo(rng, track, rate_hz, 0.5, 0.18) + 0.003 * noise(rng, length_s, rate_hz, 1), 0.8)


def church_bells(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Three bells that swing, each at its own pace; partials as founders name them (hum, prime, tierce,
    quint, nominal ...), each a pair that beats. Heard from the street."""
    track = np.zeros(round(length_s * rate_hz), np.float32)
    ratios = (0.5, 1.0, 1.19, 1.56, 2.0, 2.51, 2.66, 3.01, 4.17, 5.43, 6.8, 8.2, 9.7)
    loud = (0.12, 0.25, 0.6, 0.3, 1.0, 0.7, 0.6, 0.9, 0.8, 0.6, 0.5, 0.35, 0.25)
    decay = (7.0, 5.0, 5.0, 3.0, 3.5, 2.5, 2.2, 2.2, 1.6, 1.2, 0.9, 0.7, 0.5)
    for prime, every, first in ((311.0, 1.13, 0.3), (392.0, 1.02, 0.7), (523.0, 0.93, 0.1)):
        partials = [
            (prime * ratio * (1 + beat), strength, fall)
            for ratio, strength, fall in zip(ratios, loud, decay, strict=True)
            for beat in (-0.0022, 0.0026)
        ]
        at = first
        while at < length_s:
            place(track, strike(rng, partials, 5.0, rate_hz), at, rate_hz, rng.uniform(0.25, 0.5))
            clank = band(rng.standard_normal(round(0.04 * rate_hz)).astype(np.float32), rate_hz, 1500, 8000)
            place(track, fade(level(clank), rate_hz, 0.0005, 0.035), at, rate_hz, 0.9)
            at += every * rng.uniform(0.95, 1.05)
    street = band(noise(rng, length_s, rate_hz, 1.2), rate_hz, 80, 3000)
    return level(echo(rng, track, rate_hz, 2.5, 0.4) + 0.1 * level(street), 0.75)


def siren(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """An ambulance that wails up and down, with echoes from the houses."""
    t = seconds(length_s, rate_hz)
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * t / 3.4)
    phase = 2 * np.pi * np.cumsum(620 * (1500 / 620) ** sweep) / rate_hz
    horn = np.tanh(3 * np.sin(phase)) + 0.25 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    horn = band(horn.astype(np.float32), rate_hz, 500, 5000) * (
        0.6 + 0.4 * wander(rng, length_s, rate_hz, 0.5)
    )
    traffic = band(noise(rng, length_s, rate_hz, 1.5), rate_hz, 40, 900)
    return level(echo(rng, level(horn), rate_hz, 1.2, 0.3) + 0.08 * level(traffic), 0.7)


def birdsong(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Several birds: whistled phrases, trills and chirps between 2.5 and 7 kHz."""
    track = 0.01 * band(noise(rng, length_s, rate_hz, 1), rate_hz, 200, 3000)
    for _ in range(int(2.2 * length_s)):
        at, base = rng.uniform(0, length_s), rng.uniform(2600, 5200)
        notes, gap = int(rng.integers(2, 9)), rng.uniform(0.07, 0.16)
        rise, loud = rng.uniform(-0.3, 0.35), rng.uniform(0.15, 1.0)
        for number in range(notes):
            t = seconds(gap * rng.uniform(0.5, 0.85), rate_hz)
            x = t / t[-1]
            hz = base * (1 + rise * x + 0.12 * np.sin(2 * np.pi * rng.uniform(1, 4) * x))
            chirp = np.sin(2 * np.pi * np.cumsum(hz) / rate_hz) * arch(x) ** 0.8
            place(track, chirp.astype(np.float32), at + number * gap, rate_hz, loud)
    return level(echo(rng, track, rate_hz, 0.8, 0.15), 0.6)


def clock_tick(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A clock on a shelf: tick and tock, four in a second, sharp and dry, in its wooden case."""
    track = 0.004 * noise(rng, length_s, rate_hz, 1)
    kinds = [rng.standard_normal(round(0.03 * rate_hz)).astype(np.float32) for _ in range(2)]
    for number in range(int(length_s * 4)):
        tone = (3400.0, 2800.0)[number % 2]
        snap = fade(band(kinds[number % 2], rate_hz, tone * 0.6, tone * 2.6), rate_hz, 0.0003, 0.025) ** 3
        rings = [(tone, 0.3, 0.02), (tone * 1.47, 0.3, 0.015), (tone * 2.1, 0.2, 0.01)]
        case = strike(rng, rings, 0.06, rate_hz)
        for delay, loud in ((0.0, 0.5), (0.012, 1.0), (0.021, 0.4)):
            place(track, level(snap), 0.1 + number * 0.25 + delay, rate_hz, loud)
            place(track, case, 0.1 + number * 0.25 + delay, rate_hz, 0.2 * loud)
    return level(echo(rng, track, rate_hz, 0.2, 0.08), 0.6)


def footsteps(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Somebody walks over a gritty floor: a dull heel, the sole that rolls off, no two steps alike."""
    track = 0.01 * noise(rng, length_s, rate_hz, 1.2)
    at = 0.2
    while at < length_s - 0.35:
        body = rng.uniform(0.8, 1.25)
        parts = ((0.0, 0.07, 60, 500, 0.7), (0.004, 0.03, 700, 4500, 0.25), (0.07, 0.16, 500, 6000, 0.2))
        for delay, long_s, low, high, loud in parts:
            raw = rng.standard_normal(round(long_s * rate_hz)).astype(np.float32)
            burst = band(raw, rate_hz, low * body, high * body)
            shape = arch(np.linspace(0.12, 1, len(burst)) ** 0.5) ** 1.5
            when = at + delay * rng.uniform(0.8, 1.3)
            place(track, level(burst) * shape, when, rate_hz, loud * rng.uniform(0.6, 1.2))
        at += rng.uniform(0.5, 0.66)
    return level(echo(rng, track, rate_hz, 0.5, 0.15), 0.7)


def thunder(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """A crack far up, then rolls that come and go and take seconds to die away; rain."""
    t = seconds(length_s, rate_hz)
    rumble = band(noise(rng, length_s, rate_hz, 1.4), rate_hz, 25, 240)
    crack = band(noise(rng, length_s, rate_hz, 1.0), rate_hz, 150, 2200)
    roll, snap = np.full_like(t, 0.03), np.zeros_like(t)
    for number in range(14):
        at = 0.8 + 0.45 * number * rng.uniform(0.7, 1.3)
        near = np.clip(t - at, 0, None)
        swell = (1 - np.exp(-near / 0.15)) * np.exp(-near / rng.uniform(0.6, 1.2))
        roll += rng.uniform(0.35, 1.0) * np.exp(-at / 4) * swell * (t > at)
    for _ in range(20):
        at = 0.7 + float(rng.exponential(0.45))
        snap += rng.uniform(0.1, 0.7) * (t > at) * np.exp(-np.clip(t - at, 0, None) / 0.12)
    sky = level(rumble) * roll + 0.3 * level(crack) * snap
    drops = rain(rng, length_s, rate_hz)
    return level(echo(rng, level(sky.astype(np.float32)), rate_hz, 3.0, 0.45) + 0.12 * drops, 0.85)


def helicopter(rng: Rng, length_s: float, rate_hz: int) -> Array:
    """Blades that chop the air eleven times a second: each a thud and a slap of noise, over the turbine."""
    turn = (np.cumsum(11 * (1 + 0.01 * wander(rng, length_s, rate_hz, 1))) / rate_hz) % 1.0
    chop = np.exp(-(((turn - 0.3) / 0.12) ** 2))
    tail = (turn * 5.0) % 1.0
    thud = level(band(noise(rng, length_s, rate_hz, 1.5), rate_hz, 30, 160)) * chop**0.7
    slap = level(band(noise(rng, length_s, rate_hz, 0.9), rate_hz, 150, 1800)) * (0.12 + chop)
    rotor = level(band(noise(rng, length_s, rate_hz, 0.6), rate_hz, 500, 4000)) * (0.4 + 0.6 * (1 - tail))
    far = 0.55 + 0.45 * wander(rng, length_s, rate_hz, 0.3)
    sound = (1.0 * thud + 0.8 * slap + 0.12 * rotor) * far
    return level(np.tanh(2.5 * level(sound.astype(np.float32))), 0.8)
