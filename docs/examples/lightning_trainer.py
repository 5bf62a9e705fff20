"""Train a small transformer with Lightning, its benchmark score predicted on the way.

    python docs/examples/lightning_trainer.py [--steps 300] [--out runs/example]

from the root of the repository; it takes 20 seconds of one core. The bank, its prompts and the
text to learn from ship with the repository: 60 of 2,520 small items are asked every 50 steps.
"""

import argparse
from pathlib import Path
from random import Random

import lightning.pytorch as lightning
import torch

from item_banks.language.learning import make_model
from item_banks.language.runs import Mix, Run
from item_banks.language.tokens import make_rows, make_tokenizer
from tinyeval.training import CausalLM, LightningCallback, QuickEval, read_trajectory

BANK = Path(__file__).parents[2] / "item_banks" / "language_bank"
MIX = Mix("even", noise=0.0, seed=0)


class Learner(lightning.LightningModule):
    """A small language model that learns to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.model = make_model(Run("example", "llama", 96, 2, MIX, learning_rate=3e-3, seed=0))

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss of a batch of tokens and labels."""
        loss = self.model(input_ids=batch[0], labels=batch[1]).loss
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer."""
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


def main() -> None:
    """Train, and print what was predicted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--every", type=int, default=50, help="steps between two predictions")
    parser.add_argument("--out", type=Path, default=Path("runs/example"))
    given = parser.parse_args()
    ids, labels = make_rows(MIX.questions(Random(0), 0.0), 16 * given.steps)
    text = torch.utils.data.TensorDataset(torch.from_numpy(ids), torch.from_numpy(labels))

    quick = QuickEval(BANK, CausalLM(make_tokenizer(), max_tokens=16))
    callback = LightningCallback(quick, model=lambda module: module.model, every=given.every)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=given.steps,
        callbacks=[callback],
        logger=lightning.loggers.CSVLogger(given.out),
        default_root_dir=given.out,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Learner(), torch.utils.data.DataLoader(text, batch_size=16))

    found = read_trajectory(given.out)
    for step, score, lower, upper in zip(
        found.steps, found.score, found.lower, found.upper, strict=True
    ):
        print(f"step {step}: {score:.3f}, between {lower:.3f} and {upper:.3f}")


if __name__ == "__main__":
    main()
