"""Which models a bank will be asked about, and the methods that suit them.

``similar``: models like the source models, such as fine-tunes of the same base models or later
checkpoints of the same runs.  ``any``: not known; the default methods.  ``beyond``: models stronger
or weaker than all source models.  ``configs/within_range.yaml``, ``configs/default.yaml`` and
``configs/frontier.yaml`` are the same as recipes.
"""

from __future__ import annotations

from typing import Any

from tinyeval.config import Settings
from tinyeval.errors import ConfigError

EXPECT: dict[str, dict[str, dict[str, Any]]] = {
    "similar": {
        "selection": {"method": "optimal_design", "options": {"drift": [0.0]}},
        "estimator": {"method": "kriging", "options": {"drift": [0.0]}},
    },
    "any": {
        "selection": {"method": "optimal_design", "options": {}},
        "estimator": {"method": "stack", "options": {}},
    },
    "beyond": {
        "selection": {"method": "optimal_design", "options": {}},
        "estimator": {"method": "stack", "options": {"tail": 0.49}},
    },
}
"""Models expected -> the methods for them."""


def for_models(settings: Settings, expect: str | None) -> Settings:
    """Return settings with the methods for the models expected.

    Args:
        settings: settings that leave the methods open if ``expect`` is given.
        expect: ``similar``, ``any`` or ``beyond``; None: the settings as they are.

    Raises:
        ConfigError: another word, or settings that name methods of their own.
    """
    if expect is None:
        return settings
    if expect not in EXPECT:
        raise ConfigError(f"expect must be {', '.join(EXPECT)}, found {expect!r}")
    if names_methods(settings):
        raise ConfigError(
            f"expect {expect!r} chooses the methods, and the recipe names its own; leave out one "
            "of the two"
        )
    return settings.replace(**EXPECT[expect])


def names_methods(settings: Settings) -> bool:
    """Say whether settings name a selector or an estimator instead of leaving it to the default."""
    default = Settings()
    return (settings.selection, settings.estimator) != (default.selection, default.estimator)
