"""The statistics of HELM's instances: split, metric, instance and training trial -> a mean."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.textfiles import json_records

NO_SCORES = re.compile(
    r"num_.*|finish_reason_.*|training_.*|inference_.*|batch_size|prompt_truncated|max_prob"
    r"|logprob|logprob_per_byte|predicted_index|.*_runtime|.*_tokens|.*_cost"
)
"""Statistics of the run itself, not of its answers."""

NO_SPLIT = "none"


class Stats:
    """Means of a file's statistics.

    Attributes:
        splits: of the instances, in order.
        perturbed: number of instances that a perturbation changed, which were left out.
    """

    def __init__(self) -> None:
        self._means: dict[str, dict[str, dict[str, dict[int, float]]]] = {}
        self._instances: dict[str, dict[str, dict[int, None]]] = {}
        self._perturbed: set[tuple[str, str]] = set()

    @property
    def splits(self) -> list[str]:
        """Return the splits of the instances, in order."""
        return list(self._instances)

    @property
    def perturbed(self) -> int:
        """Return the number of perturbed instances."""
        return len(self._perturbed)

    def leave_out(self, instance: str, perturbation: object) -> None:
        """Count a perturbed instance."""
        self._perturbed.add((instance, repr(perturbation)))

    def add(self, key: tuple[str, str, str, int], mean: float, where: str) -> None:
        """Take the mean of a split, metric, instance and trial.

        Raises:
            DataError: another mean is there already.
        """
        split, metric, instance, trial = key
        self._instances.setdefault(split, {}).setdefault(instance, {})[trial] = None
        if math.isnan(mean):
            return
        trials = self._means.setdefault(split, {}).setdefault(metric, {}).setdefault(instance, {})
        if trials.setdefault(trial, mean) != mean:
            raise DataError(
                f"{where}: instance {instance!r} has two values of {metric!r} in training trial "
                f"{trial}: {trials[trial]:g} and {mean:g}; run it again into an empty folder"
            )

    def metrics(self, split: str, asked: Collection[str]) -> list[str]:
        """Return the metrics of a split that mark answers, and those that were asked for."""
        names = self._means.get(split, {})
        return [one for one in names if one in asked or not NO_SCORES.fullmatch(one)]

    def marks(self, split: str, metric: str) -> dict[str, list[float]]:
        """Return the marks of each instance of a split, one for each training trial."""
        means = self._means[split][metric]
        return {
            instance: [means.get(instance, {}).get(trial, math.nan) for trial in trials]
            for instance, trials in self._instances[split].items()
        }


def read_stats(path: Path) -> Stats:
    """Read per_instance_stats.json, or the few statistics of display_predictions.json.

    Raises:
        DataError: a damaged file, one of another format, or one with perturbed instances only.
    """
    stats = Stats()
    for line, record in json_records(path):
        where = f"{path}:{line}"
        instance, trial = record.get("instance_id"), record.get("train_trial_index", 0)
        if not isinstance(instance, str) or type(trial) is not int:
            raise DataError(
                f"{where}: expected an instance_id and a train_trial_index, found {instance!r} and "
                f"{trial!r}"
            )
        if record.get("perturbation"):
            stats.leave_out(instance, record["perturbation"])
            continue
        for name, mean in _means(record.get("stats"), where):
            if name.get("perturbation"):
                stats.leave_out(instance, name["perturbation"])
                continue
            split, metric = str(name.get("split") or NO_SPLIT), str(name["name"])
            stats.add((split, metric, instance, trial), mean, where)
    if not stats.splits:
        held = "perturbed instances only" if stats.perturbed else "no instances"
        raise DataError(f"{path}: holds {held}; run the scenario with its original instances")
    return stats


def _means(stats: object, where: str) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Yield the name and mean of each statistic; NaN where it counts nothing."""
    if isinstance(stats, dict):  # display_predictions.json
        stats = [{"name": {"name": k}, "count": 1, "mean": v} for k, v in stats.items()]
    if not isinstance(stats, list):
        raise DataError(f"{where}: expected a list of stats, found {type(stats).__name__}")
    for one in stats:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, dict) or not isinstance(name.get("name"), str):
            raise DataError(f"{where}: expected stats with a name, found {str(one)[:80]!r}")
        count, mean = one.get("count", 0), one.get("mean")
        if mean is None or not count:
            yield name, math.nan
        elif isinstance(mean, (int, float)):  # true and false, too
            yield name, float(mean)
        else:
            raise DataError(f"{where}: {name['name']!r} is no number but {str(mean)[:40]!r}")
