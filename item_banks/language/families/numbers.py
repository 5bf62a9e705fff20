"""Families of numbers: arithmetic, sequences, comparison, counting, sorting."""

from __future__ import annotations

from random import Random

from item_banks.language.families.question import Question, choose
from item_banks.language.families.words import LETTERS


def arithmetic(rng: Random, level: int) -> Question:
    """Sums, differences and products, written."""
    one, two, three = rng.randrange(100), rng.randrange(100), rng.randrange(10, 50)
    if level == 1:
        one, two = rng.randrange(21), rng.randrange(10)
    if level == 4:
        one, two = rng.randrange(100, 900), rng.randrange(100, 900)
    if level == 5:
        one, two = rng.randrange(2, 10), rng.randrange(11, 100)
    text, value = f"{one}+{two}", one + two
    if level == 3:
        one, two = max(one, two), min(one, two)
        text, value = f"{one}-{two}", one - two
    elif level == 5:
        text, value = f"{one}*{two}", one * two
    elif level == 6:
        text, value = f"{one}+{two}+{three}", one + two + three
    return Question(f"compute {text} =", str(value))


def sequences(rng: Random, level: int) -> Question:
    """The next number of a sequence, written."""
    start, step, other = rng.randrange(100), rng.randrange(3, 10), rng.randrange(1, 10)
    if level == 1:
        step = rng.choice((1, 2, 10))
        found = [start + step * k for k in range(5)]
    elif level == 2:
        found = [start + step * k for k in range(5)]
    elif level == 3:
        found = [start + 50 - step * k for k in range(5)]
    elif level == 4:
        found = [start]
        for k in range(5):
            found.append(found[-1] + (step if k % 2 else other))
    elif level == 5:
        found = [start + step * k + other * k * (k - 1) // 2 for k in range(5)]
    else:
        found = [1 + start % 20]
        for _ in range(4):
            found.append(2 * found[-1] + other)
    return Question(f"next {' '.join(map(str, found[:-1]))} :", str(found[-1]))


def comparison(rng: Random, level: int) -> Question:
    """The largest, smallest, second or nearest of four numbers of as many digits."""
    low, high = {1: (0, 10), 2: (10, 100), 3: (100, 1000)}.get(level, (10, 100))
    if level == 4:  # numbers that differ late
        low = 100 * rng.randrange(1, 10)
        high = low + 30
    found = rng.sample(range(low, high), 4)
    ordered = sorted(found)
    if level < 5:
        what, answer = rng.choice((("largest", ordered[-1]), ("smallest", ordered[0])))
    elif level == 5:
        ways = (("second largest", ordered[-2]), ("second smallest", ordered[1]))
        what, answer = rng.choice(ways)
    else:
        return _nearest(rng)
    return choose(rng, f"among {' '.join(map(str, found))} the {what} ?", answer, found)


def _nearest(rng: Random) -> Question:
    while True:
        to, *found = rng.sample(range(10, 100), 5)
        ordered = sorted(found, key=lambda one: abs(one - to))
        if abs(ordered[0] - to) < abs(ordered[1] - to):
            numbers = " ".join(map(str, found))
            return choose(rng, f"among {numbers} the nearest to {to} ?", ordered[0], found)


def counting(rng: Random, level: int) -> Question:
    """How often a letter is in a row of letters."""
    length = 4 + 3 * level
    letter, *others = rng.sample(LETTERS, 4)
    numbers = range(1, 4 + level)
    number = rng.choice(numbers)
    row = [letter] * number + [rng.choice(others) for _ in range(length - number)]
    rng.shuffle(row)
    return choose(rng, f"count {letter} in {''.join(row)} ?", number, numbers)


def sorting(rng: Random, level: int) -> Question:
    """Numbers or letters in order, written."""
    if level in (1, 2, 3):
        found = [str(one) for one in rng.sample(range(10), level + 2)]
    elif level == 4:
        found = rng.sample(LETTERS, 5)
    else:
        found = [str(one) for one in rng.sample(range(10, 100), level - 2)]
    return Question(f"sort {' '.join(found)} :", " ".join(sorted(found)))
