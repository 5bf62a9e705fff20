"""The items of the digits dump: held-out images, each in one form, and the pool to train on.

scikit-learn carries 1,797 handwritten digits of 8 by 8 pixels (Alpaydin and Kaynak 1998).  900
of them are held out; each of these is one item, in one form: clean, or damaged in one of six
ways at one of four strengths, so that difficulties spread.  Everything is drawn from the seed
that belongs to the item's name, so that an item can be remade alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.datasets import load_digits

SEED = 20
N_HELD_OUT, N_CLEAN = 900, 252

Images = NDArray[np.uint8]  # (images, 8, 8), ink from 0 to 16
Labels = NDArray[np.intp]  # (images,)


def seeded(name: str) -> np.random.Generator:
    """Return the generator that belongs to a name, the same in every run."""
    return np.random.default_rng([SEED, crc32(name.encode())])


def noise(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Add Gaussian noise of sd 2 per step of strength."""
    return image + rng.normal(0.0, 2.0 * strength, image.shape)


def shift(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Move by 0.4 pixels per step of strength, in any direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    step = 0.4 * strength * np.array([np.sin(angle), np.cos(angle)])
    return np.asarray(ndimage.shift(image, step, order=1))


def occlude(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Blank a square with sides of 2, 3, 3 or 4 pixels."""
    side = 2 + strength // 2
    top, left = rng.integers(0, 9 - side, size=2)
    covered = image.copy()
    covered[top : top + side, left : left + side] = 0
    return covered


def rotate(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Turn by 12 degrees per step of strength, to either side."""
    angle = 12 * strength * rng.choice([-1, 1])
    return np.asarray(ndimage.rotate(image, angle, reshape=False, order=1))


def fade(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Weaken the ink to 0.7 of itself per step of strength."""
    return image * 0.7**strength


def blur(image: NDArray, strength: int, rng: np.random.Generator) -> NDArray:
    """Smooth with a Gaussian of sd 0.4 pixels per step of strength."""
    return np.asarray(ndimage.gaussian_filter(image, 0.4 * strength))


Damage = Callable[[NDArray, int, np.random.Generator], NDArray]
DAMAGES: dict[str, Damage] = {f.__name__: f for f in (noise, shift, occlude, rotate, fade, blur)}


def damage(image: NDArray, kind: str, strength: int, rng: np.random.Generator) -> Images:
    """Return the damaged image, its ink rounded and kept within 0 to 16."""
    damaged = DAMAGES[kind](image.astype(np.float64), strength, rng)
    whole: Images = np.clip(np.rint(damaged), 0, 16).astype(np.uint8)
    return whole


@dataclass(frozen=True)
class Item:
    """A held-out image in one form; its id says which: ``digits-0123-shift2``."""

    id: str
    form: str
    strength: int
    label: int
    pixels: Images


@cache
def pool_and_items() -> tuple[Images, Labels, tuple[Item, ...]]:
    """Return the training pool (images, labels) and the items, in the order of their ids."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.intp)
    rng = seeded("split")
    order = rng.permutation(len(images))
    pool, held_out = np.sort(order[N_HELD_OUT:]), np.sort(order[:N_HELD_OUT])
    graded = [(kind, strength) for kind in DAMAGES for strength in (1, 2, 3, 4)]
    forms = [("clean", 0)] * N_CLEAN + graded * ((N_HELD_OUT - N_CLEAN) // len(graded))
    items = []
    for source, form in zip(held_out, rng.permutation(N_HELD_OUT), strict=True):
        kind, strength = forms[form]
        name = f"digits-{source:04d}-{kind}{strength or ''}"
        pixels = images[source]
        if strength:
            pixels = damage(pixels, kind, strength, seeded(name))
        items.append(Item(name, kind, strength, int(labels[source]), pixels))
    return images[pool], labels[pool], tuple(items)
