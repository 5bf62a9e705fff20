"""Train a small transformer with transformers.Trainer, its benchmark score predicted on the way.

    python docs/examples/trainer.py [--steps 300] [--out runs/example]

from the root of the repository; it takes 20 seconds of one core. The bank, its prompts and the
text to learn from ship with the repository: 60 of 2,520 small items are asked every 50 steps.
"""

import argparse
from pathlib import Path
from random import Random

import torch
import transformers

from item_banks.language.learning import make_model
from item_banks.language.runs import Mix, Run
from item_banks.language.tokens import make_rows, make_tokenizer
from tinyeval.training import CausalLM, QuickEval, TransformersCallback, read_trajectory

BANK = Path(__file__).parents[2] / "item_banks" / "language_bank"
MIX = Mix("even", noise=0.0, seed=0)


def rows(steps: int, batch: int = 16) -> list[dict[str, torch.Tensor]]:
    """Return the text of all steps, as tokens and labels."""
    ids, labels = make_rows(MIX.questions(Random(0), 0.0), steps * batch)
    return [
        {"input_ids": torch.from_numpy(one), "labels": torch.from_numpy(label)}
        for one, label in zip(ids, labels, strict=True)
    ]


def main() -> None:
    """Train, and print what was predicted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=50, help="steps between two predictions")
    parser.add_argument("--out", type=Path, default=Path("runs/example"))
    given = parser.parse_args()
    model = make_model(Run("example", "llama", 96, 2, MIX, learning_rate=3e-3, seed=0))
    arguments = transformers.TrainingArguments(
        str(given.out),
        max_steps=given.steps,
        per_device_train_batch_size=16,
        learning_rate=3e-3,
        logging_steps=given.every,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(model, arguments, train_dataset=rows(given.steps))

    quick = QuickEval(BANK, CausalLM(make_tokenizer(), max_tokens=16))
    trainer.add_callback(TransformersCallback(trainer, quick, every=given.every))
    trainer.train()

    found = read_trajectory(given.out)
    for step, score, lower, upper in zip(
        found.steps, found.score, found.lower, found.upper, strict=True
    ):
        print(f"step {step}: {score:.3f}, between {lower:.3f} and {upper:.3f}")


if __name__ == "__main__":
    main()
