"""Train a small transformer in a loop of one's own, its benchmark score predicted on the way.

    python docs/examples/plain_loop.py [--steps 300]

from the root of the repository; it takes 20 seconds of one core. The bank, its prompts and the
text to learn from ship with the repository: 60 of 2,520 small items are asked every 50 steps.
"""

import argparse
from pathlib import Path
from random import Random

import torch

from item_banks.language.learning import make_model
from item_banks.language.runs import Mix, Run
from item_banks.language.tokens import make_rows, make_tokenizer
from tinyeval.training import CausalLM, QuickEval

BANK = Path(__file__).parents[2] / "item_banks" / "language_bank"
MIX = Mix("even", noise=0.0, seed=0)


def main() -> None:
    """Train, and print what is predicted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=50, help="steps between two predictions")
    given = parser.parse_args()
    model = make_model(Run("example", "llama", 96, 2, MIX, learning_rate=3e-3, seed=0)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    questions = MIX.questions(Random(0), 0.0)

    quick = QuickEval(BANK, CausalLM(make_tokenizer(), max_tokens=16))
    for step in range(1, given.steps + 1):
        ids, labels = (torch.from_numpy(one) for one in make_rows(questions, 16))
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % given.every == 0:
            found = quick.run(model)  # the model is back in training mode afterwards
            bounds = f"between {found.lower:.3f} and {found.upper:.3f}"
            print(f"step {step}: loss {loss.item():.2f}, score {found.score:.3f}, {bounds}")


if __name__ == "__main__":
    main()
