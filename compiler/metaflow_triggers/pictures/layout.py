"""Layout: where the nodes of a picture are drawn, in layers from left to right.

In:   the size of each node; edges as pairs of numbers, each with the width of what is written beside it.
Out:  `Layout`: a place for each node, the bends of each edge, the size of the whole; the same for the same input.

Not here: what is drawn. This is Sugiyama's method (1981), written here because no library was found that may be
depended on and does it for 500 flows on every Python and platform that the product runs on. With 500 nodes and 800
edges grandalf 0.8 (pure Python) takes 6 seconds, where 3 are allowed, and was last released in January 2023;
fast-sugiyama 0.5 (Rust) takes 0.3, but has no wheel for Python 3.10, musl or glibc below 2.34. igraph is under the GPL,
pygraphviz needs Graphviz and a compiler, and networkx has only layers that are known before.

The steps: connected parts apart; circles opened; layers by longest paths; an edge over several layers gets a bend in
each; the order in a layer by the mean of its neighbours, over and back, the order with the fewest crossings kept;
heights by the mean of the neighbours again, as near to it as order and distance allow.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Pairs = Sequence[tuple[int, int]]
Bends = tuple[tuple[int, int], ...]

_SWEEPS, _ALIGNMENTS = 8, 10
_BETWEEN_LAYERS, _BETWEEN_NODES, _BETWEEN_PARTS, _OF_A_BEND = 48, 16, 40, 6
_BEND_WEIGHT = 4.0  # how much more a bend wants to be in line with its neighbours than a node: long edges are straight
_SHAPE = 1.6  # about what the width of the whole is to its height


@dataclass(frozen=True)
class Layout:
    """`places` are (x, y) of each node's upper left corner, `bends` the (x, y) of each edge between its ends.

    `layers` and `parts` are numbers of the layer and of the connected part of each node.
    """

    places: tuple[tuple[int, int], ...]
    bends: tuple[Bends, ...]
    layers: tuple[int, ...]
    parts: tuple[int, ...]
    width: int
    height: int


def lay_out(sizes: Pairs, edges: Pairs, words: Sequence[int] = ()) -> Layout:
    """Places for nodes of these (width, height). `words` are the widths of what stands beside each edge."""
    parts = _parts(len(sizes), edges)
    home = {node: number for number, members in enumerate(parts) for node in members}
    inside: list[list[int]] = [[] for _ in parts]
    for number, (source, target) in enumerate(edges):
        if source != target:
            inside[home[source]].append(number)
    drawn = [_Part(members, own, sizes, edges, words) for members, own in zip(parts, inside, strict=True)]
    drawn.sort(key=lambda part: (-part.height * part.width, part.members[0]))
    places: list[tuple[int, int]] = [(0, 0)] * len(sizes)
    bends: list[Bends] = [()] * len(edges)
    layers, numbers = [0] * len(sizes), [0] * len(sizes)
    offsets, width, height = _shelves([(part.width, part.height) for part in drawn])
    for number, (part, (right, down)) in enumerate(zip(drawn, offsets, strict=True)):
        for node, (x, y) in part.places().items():
            places[node] = (x + right, y + down)
            layers[node], numbers[node] = part.layer[node], number
        for edge, points in part.bends().items():
            bends[edge] = tuple((x + right, y + down) for x, y in points)
    return Layout(tuple(places), tuple(bends), tuple(layers), tuple(numbers), width, height)


def _parts(size: int, edges: Pairs) -> list[list[int]]:
    """The nodes of each connected part, in their order."""
    root = list(range(size))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for source, target in edges:
        first, second = sorted((find(source), find(target)))
        root[second] = first
    found: dict[int, list[int]] = {}
    for node in range(size):
        found.setdefault(find(node), []).append(node)
    return list(found.values())


def _shelves(sizes: Pairs) -> tuple[list[tuple[int, int]], int, int]:
    """Where each of these boxes goes, the highest first, in rows; the width and the height of all."""
    area = sum((width + _BETWEEN_PARTS) * (height + _BETWEEN_PARTS) for width, height in sizes)
    limit = max([int((area * _SHAPE) ** 0.5), *(width for width, _ in sizes)], default=0)
    offsets = [(0, 0)] * len(sizes)
    right = down = row = widest = 0
    for number in sorted(range(len(sizes)), key=lambda item: (-sizes[item][1], item)):
        width, height = sizes[number]
        if right and right + width > limit:
            right, down, row = 0, down + row + _BETWEEN_PARTS, 0
        offsets[number] = (right, down)
        widest, row, right = max(widest, right + width), max(row, height), right + width + _BETWEEN_PARTS
    return offsets, widest, down + row


class _Part:
    """One connected part: its nodes and the bends of its edges as items in layers."""

    def __init__(
        self, members: Sequence[int], own: Sequence[int], sizes: Pairs, edges: Pairs, words: Sequence[int]
    ) -> None:
        self.members, self.sizes = members, sizes
        forward = _opened(members, [edges[number] for number in own])
        self.layer = _layers(members, forward)
        self._fill(own, forward, [edges[number] for number in own])
        self._order()
        self._align()
        self._columns(own, forward, words)

    def _fill(self, own: Sequence[int], forward: Pairs, given: Pairs) -> None:
        """Items: nodes by their numbers, bends by numbers below 0."""
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer.values()) + 1)]
        for node in self.members:
            self.rows[self.layer[node]].append(node)
        self.left: dict[int, list[int]] = {node: [] for node in self.members}
        self.right: dict[int, list[int]] = {node: [] for node in self.members}
        self.chains: dict[int, list[int]] = {}
        for number, (source, target), edge in zip(own, forward, given, strict=True):
            before, chain = source, []
            for layer in range(self.layer[source] + 1, self.layer[target]):
                bend = len(self.members) - len(self.left) - 1
                self.rows[layer].append(bend)
                self.left[bend], self.right[bend] = [before], []
                self.right[before].append(bend)
                chain.append(bend)
                before = bend
            self.right[before].append(target)
            self.left[target].append(before)
            self.chains[number] = chain if edge == (source, target) else chain[::-1]

    def _order(self) -> None:
        """The order in each layer."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            over = sweep % 2 == 0
            beside = self.left if over else self.right
            numbers = range(1, len(self.rows)) if over else range(len(self.rows) - 2, -1, -1)
            for number in numbers:
                before = {item: place for place, item in enumerate(self.rows[number - 1 if over else number + 1])}
                self.rows[number] = _by_mean(self.rows[number], beside, before)
            found = self._crossings()
            if found < fewest:
                best, fewest = [list(row) for row in self.rows], found
        self.rows = best

    def _crossings(self) -> int:
        total = 0
        for row, following in pairwise(self.rows):
            place = {item: number for number, item in enumerate(following)}
            seen: list[int] = []
            for item in row:
                ends = sorted(place[other] for other in self.right[item])
                total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def _height(self, item: int) -> int:
        return self.sizes[item][1] if item >= 0 else _OF_A_BEND

    def _align(self) -> None:
        """The middle of each item, in its layer."""
        self.middle: dict[int, float] = {}
        for row in self.rows:
            down = 0.0
            for item in row:
                self.middle[item] = down + self._height(item) / 2
                down += self._height(item) + _BETWEEN_NODES
        for turn in range(_ALIGNMENTS):
            numbers = range(len(self.rows)) if turn % 2 == 0 else range(len(self.rows) - 1, -1, -1)
            last = turn >= _ALIGNMENTS - 2
            for number in numbers:
                row = self.rows[number]
                beside = [
                    [*self.left[item], *self.right[item]] if last else (self.left, self.right)[turn % 2][item]
                    for item in row
                ]
                both = list(zip(row, beside, strict=True))
                wanted = [sum(map(self.middle.__getitem__, near or [item])) / (len(near) or 1) for item, near in both]
                weights = [0.1 if not near else _BEND_WEIGHT if item < 0 else 1.0 for item, near in both]
                gaps = [(self._height(one) + self._height(next_)) / 2 + _BETWEEN_NODES for one, next_ in pairwise(row)]
                self.middle.update(zip(row, _spread(wanted, weights, gaps), strict=True))
        top = min(self.middle[item] - self._height(item) / 2 for row in self.rows for item in row)
        for item in self.middle:
            self.middle[item] -= top
        self.height = round(max(self.middle[item] + self._height(item) / 2 for row in self.rows for item in row))

    def _columns(self, own: Sequence[int], forward: Pairs, words: Sequence[int]) -> None:
        """Where each layer begins, and how wide it is. What is written beside an edge has room before its target."""
        widths = [max((self.sizes[item][0] for item in row if item >= 0), default=0) for row in self.rows]
        rooms = [_BETWEEN_LAYERS] * len(self.rows)
        for number, (_, target) in zip(own, forward, strict=True):
            if words and self.layer[target]:
                rooms[self.layer[target] - 1] = max(rooms[self.layer[target] - 1], _BETWEEN_LAYERS // 2 + words[number])
        self.begins, self.widths = [0], widths
        for width, room in zip(widths, rooms, strict=True):
            self.begins.append(self.begins[-1] + width + room)
        self.width = self.begins[len(widths) - 1] + widths[-1]

    def places(self) -> dict[int, tuple[int, int]]:
        """The corner of each node; it stands in the middle of its layer."""
        found = {}
        for node in self.members:
            layer, (width, height) = self.layer[node], self.sizes[node]
            right = self.begins[layer] + (self.widths[layer] - width) // 2
            found[node] = (right, round(self.middle[node] - height / 2))
        return found

    def bends(self) -> dict[int, list[tuple[int, int]]]:
        """The bends of each edge, from its source to its target."""
        layer = {item: number for number, row in enumerate(self.rows) for item in row if item < 0}
        middle = [begin + width // 2 for begin, width in zip(self.begins, self.widths, strict=False)]
        return {
            edge: [(middle[layer[item]], round(self.middle[item])) for item in chain]
            for edge, chain in self.chains.items()
        }


def _opened(members: Sequence[int], edges: Pairs) -> list[tuple[int, int]]:
    """The edges without circles: what leads back to where a walk came from is turned round."""
    follows: dict[int, list[int]] = {node: [] for node in members}
    entered = dict.fromkeys(members, 0)
    for source, target in edges:
        follows[source].append(target)
        entered[target] += 1
    seen: set[int] = set()
    left: dict[int, int] = {}
    for root in sorted(members, key=lambda node: (entered[node] > 0, node)):
        walk = [] if root in seen else [(root, iter(follows[root]))]
        seen.add(root)
        while walk:
            node, rest = walk[-1]
            following = next((item for item in rest if item not in seen), None)
            if following is None:
                left[node] = len(left)
                walk.pop()
            else:
                seen.add(following)
                walk.append((following, iter(follows[following])))
    # A walk leaves a node after all that follows it, so an edge to one that is left later leads back.
    return [(source, target) if left[source] > left[target] else (target, source) for source, target in edges]


def _layers(members: Sequence[int], edges: Pairs) -> dict[int, int]:
    """The layer of each node: one beyond the last that leads to it; what starts more than starts it, before that."""
    follows: dict[int, list[int]] = {node: [] for node in members}
    waits = dict.fromkeys(members, 0)
    for source, target in edges:
        follows[source].append(target)
        waits[target] += 1
    entered = dict(waits)
    layer = dict.fromkeys(members, 0)
    order = [node for node in members if not waits[node]]
    for node in order:
        for target in follows[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waits[target] -= 1
            if not waits[target]:
                order.append(target)
    for node in reversed(order):
        if follows[node] and len(follows[node]) >= entered[node]:
            layer[node] = min(layer[target] for target in follows[node]) - 1
    first = min(layer.values())
    return {node: number - first for node, number in layer.items()}


def _by_mean(row: Sequence[int], beside: Mapping[int, Sequence[int]], before: Mapping[int, int]) -> list[int]:
    """A layer in the order of the means of its neighbours; an item without any keeps its place."""
    means = {item: sum(before[other] for other in beside[item]) / len(beside[item]) for item in row if beside[item]}
    sorted_ = iter(sorted(means, key=lambda item: means[item]))
    return [next(sorted_) if item in means else item for item in row]


def _spread(wanted: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those that are wanted, such that each is at least a gap beyond the one before it.

    Without the gaps that are places which only rise: neighbours that would fall share the mean of what they want.
    """
    shifts = list(accumulate(gaps, initial=0.0))
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, alone, by in zip(wanted, weights, shifts, strict=True):
        mean, weight, count = want - by, alone, 1
        while blocks and blocks[-1][0] > mean:
            other, heavy, more = blocks.pop()
            mean, weight, count = (mean * weight + other * heavy) / (weight + heavy), weight + heavy, count + more
        blocks.append((mean, weight, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + by for mean, by in zip(means, shifts, strict=True)]
