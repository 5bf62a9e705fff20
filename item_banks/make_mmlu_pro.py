"""Make the bank of MMLU-Pro: 100 anchors, parameters only, with measured error and coverage.

    python -m item_banks.make_mmlu_pro --data DIR

DIR/mmlu_pro_29 holds ``responses.parquet`` and ``items.csv``: 29 models on the 12,032 questions,
from the maintainers' own outputs (github.com/TIGER-AI-Lab/MMLU-Pro, commit f418b116,
``eval_results/model_outputs_*_5shots.zip``): 1 if the parsed answer is right, item id
``mmlu_pro-`` + the data set's ``question_id``.  See paper_repro/DATA.md.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

from tinyeval import ResponseMatrix, Settings, backtest, build, read_results

RUN = {
    "dataset": "TIGER-Lab/MMLU-Pro",
    "split": "test",
    "key": "question_id",
    "prefix": "mmlu_pro-",
    "subtask_column": "category",
    "task": "mmlu_pro_{value}",
}
ORIGIN = (
    "29 models, 5-shot chain of thought, from the maintainers' own outputs "
    "(github.com/TIGER-AI-Lab/MMLU-Pro, commit f418b116, code Apache-2.0, data MIT)"
)
NOTE = """\
The answers of the source models are not part of this bank, only parameters learned from them. An
answer without a parsable choice counts as wrong. Item ids are `mmlu_pro-` + the `question_id` of
the data set `TIGER-Lab/MMLU-Pro` (split `test`), so that the anchors can be run:

    tinyeval export BANK --to lm-eval --out anchors.json     # looks the ids up in the data set
    lm-eval run --tasks ... --samples anchors.json --log_samples --output_path out
    tinyeval predict BANK out --metric exact_match

Measured with `tinyeval backtest` on the same 29 models, {items} anchors (MAE in percentage points,
share of {level:.0%} intervals that hold the truth, their mean width):

{table}

`random` is the mean of five random splits (22 models to build, 7 to test), `top` builds on the
weakest 17 and tests on the strongest 4. So few models make these figures rough, and the intervals
wide."""


def main() -> None:
    """Build, measure, and write the bank."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = os.environ.get("TINYEVAL_TEST_DATA") or None
    text = "folder that holds mmlu_pro_29 (default: $TINYEVAL_TEST_DATA)"
    parser.add_argument("--data", type=Path, default=known, required=known is None, help=text)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "mmlu_pro")
    arguments = parser.parse_args()
    responses = read_results(arguments.data / "mmlu_pro_29" / "responses.parquet")
    columns = {name: responses.items.columns[name] for name in ("benchmark", "subject")}
    responses = replace(responses, items=replace(responses.items, columns=columns))
    settings = Settings(items=100).replace(run=RUN)
    bank = build(responses, settings=settings, name="mmlu_pro", source=ORIGIN)
    note = NOTE.format(items=100, level=bank.level, table=measured(responses, settings))
    bank = replace(bank, source={**bank.source, "note": note})
    digest = bank.save(arguments.out, overwrite=True)
    print(f"{arguments.out}: {digest}")


def measured(responses: ResponseMatrix, settings: Settings) -> str:
    """Return the table of error, coverage and width, random items beside."""
    lines = [
        "| split | this bank's method | random items, mean | coverage | width |",
        "|---" * 5 + "|",
    ]
    for split in ("random", "top"):
        found = backtest(
            responses,
            items=(100,),
            split=split,
            methods=("default", "random+mean"),
            settings=settings,
        )
        ours, plain = found.summary()
        cells = [split, *(f"{100 * float(row['mae']):.2f}" for row in (ours, plain))]
        cells += [f"{float(ours['coverage']):.2f}", f"{100 * float(ours['width']):.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
