"""Rows that hold once what several requests read.

The contexts of a benchmark begin alike: the examples of a few-shot prompt, a passage with several
questions, and for the choices of an item the whole question.  The tokens to be read form a tree (a
radix tree), in which every segment follows its parent:

    examples -+- question 1 -+- choice A
              |              +- choice B
              +- question 2 -+- choice A ...

A small tree becomes one row, its segments side by side; an attention mask lets each see its own
ancestors only.  A large tree is cut below a *trunk*, a part that many share: the trunk is read
alone, its keys and values are kept, and the rows that follow are read on top of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokens = tuple[int, ...]

SIDE_BY_SIDE = 512
"""Most tokens of a row beside its longest request: attention between them is computed in vain."""

GAIN = 0.5
"""Fewest tokens that are read less often, as a share of those side by side."""

TRUNK = 16
"""Fewest tokens of a trunk; less is read again."""

FILL = 128
"""Rows on top of a trunk are filled up to so many tokens: every row copies the trunk's keys."""

GROWTH = 0.25
"""Least length of a trunk on top of another, as a share of that: trunks are few, even if texts are
nested a thousand times."""


@dataclass(frozen=True)
class Segment:
    """Tokens that follow each other.

    Attributes:
        tokens: the tokens.
        start: position of the first one in the requests' own texts.
        rows: the requests' tokens, sorted, that begin with these: the first one, and the end.
        parent: the segment of the row that it follows; -1: the row's trunk, if there is one.
    """

    tokens: Tokens
    start: int
    rows: tuple[int, int]
    parent: int = -1


@dataclass(frozen=True)
class Row:
    """Segments side by side, and the rows that follow if this is a trunk."""

    segments: tuple[Segment, ...]
    held: int = 0
    above: list[Row] = field(default_factory=list)

    @property
    def width(self) -> int:
        """Number of tokens."""
        return sum(len(one.tokens) for one in self.segments)

    @property
    def size(self) -> int:
        """Number of tokens with those of the trunk below."""
        return self.held + self.width


def n_tokens(rows: Sequence[Row]) -> int:
    """Return the number of tokens of rows and of all that is above them."""
    total, todo = 0, [*rows]
    while todo:
        row = todo.pop()
        total += row.width
        todo += row.above
    return total


def plain_rows(texts: Sequence[Tokens]) -> list[Row]:
    """Return a row for each text: nothing is shared."""
    return [Row((Segment(one, 0, (k, k + 1)),)) for k, one in enumerate(texts)]


def sorted_texts(texts: Sequence[Tokens]) -> tuple[list[Tokens], NDArray[np.int64]]:
    """Return the texts that no other one begins with, sorted, and of each given text its place."""
    # as bytes, big-endian, which sort like the tokens and compare far faster
    keys = [np.array(one, dtype=">i8").tobytes() for one in texts]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    kept: list[Tokens] = []
    place = np.zeros(len(texts), dtype=np.int64)
    for after, k in zip([*order[1:], None], order, strict=True):
        place[k] = len(kept)
        if after is None or not keys[after].startswith(keys[k]):
            kept.append(texts[k])
    return kept, place


def shared_rows(texts: Sequence[Tokens]) -> list[Row]:
    """Return rows that hold every text, and once what several share.

    Args:
        texts: sorted, none of which begins with another one: see :func:`sorted_texts`.

    Returns:
        Rows without a trunk, and trunks with the rows above them.

    Example:
        >>> question = tuple(range(20))
        >>> (row,) = shared_rows([(*question, 50, 51), (*question, 60, 61)])
        >>> [len(one.tokens) for one in row.segments]
        [20, 2, 2]
    """
    if not texts:
        return []
    ground = Row(())
    cuts: list[tuple[Row, list[_Piece]]] = [(ground, [])]
    todo = [(_Piece(_tree(texts), 0), 0)]
    while todo:
        piece, level = todo.pop()
        (node, start), (below, pieces) = piece, cuts[level]
        own, more = node.end - start, len(node.children) - 1
        if more < 0 or (node.beside <= SIDE_BY_SIDE and own * more > GAIN * node.beside):
            pieces.append(piece)
            continue
        if own >= max(TRUNK, GROWTH * start):
            trunk = Row((_segment(texts, node, start),), start)
            below.above.append(trunk)
            cuts.append((trunk, []))
            start, level = node.end, len(cuts) - 1
        # else it is too little to keep, and every child reads it again
        todo += [(_Piece(one, start), level) for one in reversed(node.children)]
    for trunk, pieces in cuts:
        trunk.above.extend(_filled(texts, pieces, trunk.size))
    return ground.above


def prompt_trunks(texts: Sequence[Tokens]) -> tuple[list[tuple[int, list[int]]], list[int]]:
    """Return what prompts share that are to be continued, each on its own.

    Returns:
        Trunks: the number of tokens, and the places of two or more texts that begin with the same
        ones and go on; and the places of all other texts.
    """
    order = sorted(range(len(texts)), key=lambda k: texts[k])
    groups: list[tuple[int, list[int]]] = []
    for k in order:
        length, members = groups[-1] if groups else (0, [])
        shared = _common(np.array(texts[members[0]]), np.array(texts[k])) if members else 0
        shared = min(shared, len(texts[members[0]]) - 1) if members else 0
        # a text that shares half as much begins a group of its own
        if members and shared >= max(TRUNK, length // 2 if len(members) > 1 else 0):
            groups[-1] = (shared, [*members, k])
        else:
            groups.append((0, [k]))
    trunks = [one for one in groups if len(one[1]) > 1]
    return trunks, [one[1][0] for one in groups if len(one[1]) == 1]


@dataclass
class _Node:
    """A branching of the tree: where it ends, its first and last text, and what follows."""

    end: int
    first: int
    last: int = 0
    children: list[_Node] = field(default_factory=list)
    beside: int = 0
    """Tokens from here on beside those of the longest text."""


class _Piece(NamedTuple):
    """A part of the tree, from a position within its node's first segment on."""

    node: _Node
    start: int


def _tree(texts: Sequence[Tokens]) -> _Node:
    """Return the radix tree of sorted texts."""
    root = _Node(0, 0)
    open_: list[_Node] = [root]  # from the root to the last text
    before = np.empty(0, dtype=np.int64)
    for row, text in enumerate(texts):
        tokens = np.array(text, dtype=np.int64)
        shared = _common(before, tokens)
        closed = root
        while open_[-1].end > shared:
            closed = open_.pop()
            closed.last = row
        if open_[-1].end < shared:
            middle = _Node(shared, closed.first, row, [closed])
            open_[-1].children[-1] = middle
            open_.append(middle)
        leaf = _Node(len(text), row)
        open_[-1].children.append(leaf)
        open_.append(leaf)
        before = tokens
    for one in open_:
        one.last = len(texts)
    _measure(root)
    return root


def _common(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """Return the number of tokens that two texts have in common at the beginning."""
    n = min(len(one), len(other))
    differs = one[:n] != other[:n]
    return int(differs.argmax()) if differs.any() else n


def _measure(root: _Node) -> None:
    """Set ``beside`` of every node, children first."""
    order = [root]
    reach: dict[int, int] = {}
    total: dict[int, int] = {}
    for node in order:  # grows while it is walked
        order += node.children
    for node in reversed(order):
        below = [(one.end - node.end + total[id(one)], reach[id(one)]) for one in node.children]
        total[id(node)] = sum(tokens for tokens, _ in below)
        reach[id(node)] = max((end for _, end in below), default=node.end)
        node.beside = node.end + total[id(node)] - reach[id(node)]


def _segment(texts: Sequence[Tokens], node: _Node, start: int, parent: int = -1) -> Segment:
    return Segment(texts[node.first][start : node.end], start, (node.first, node.last), parent)


def _filled(texts: Sequence[Tokens], pieces: Sequence[_Piece], held: int) -> Iterator[Row]:
    """Yield rows of small trees; on top of a trunk several share a row."""
    segments: list[Segment] = []
    width = 0
    for node, start in pieces:
        new = _segments(texts, node, start, len(segments))
        more = sum(len(one.tokens) for one in new)
        if segments and (not held or width + more > FILL):
            yield Row(tuple(segments), held)
            new, segments, width = _segments(texts, node, start, 0), [], 0
        segments += new
        width += more
    if segments:
        yield Row(tuple(segments), held)


def _segments(texts: Sequence[Tokens], root: _Node, start: int, number: int) -> list[Segment]:
    """Return a tree's segments, every parent before its children, numbered from ``number`` on."""
    found: list[Segment] = []
    todo = [(root, start, -1)]
    while todo:
        node, begin, parent = todo.pop()
        place = number + len(found)
        found.append(_segment(texts, node, begin, parent))
        todo += [(one, node.end, place) for one in reversed(node.children)]
    return found
