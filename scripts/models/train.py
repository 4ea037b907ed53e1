#!/usr/bin/env python3
"""Train the U-Net on a folder of images and a folder of labels."""

import sys
from dataclasses import dataclass
from pathlib import Path

import click
import keras

from models.lib import sections, synthetic
from models.lib.augmentation import Crops, Section, border_weights, entropy
from models.lib.run import DEAD_LOSS, Run, averaged
from models.lib.sections import Pair
from segmentation.networks import unet

SYNTHETIC_SEED = 1000
EMA_MOMENTUM = 0.998
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

EXAMPLE = """\b
Example:
  scripts/models/train.py isbi2012/image isbi2012/label --validate 20-23 --synthetic 16"""


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes:
        filters: of the network's first level.
        epochs: to train for.
        steps: batches an epoch.
        batch: crops a batch.
        crop: side of a crop in pixels.
        learning_rate: at its highest.
        seed: of the weights and the crops.
    """

    filters: int
    epochs: int
    steps: int
    batch: int
    crop: int
    learning_rate: float
    seed: int


@click.command(epilog=EXAMPLE)
@click.argument("images", type=FOLDER)
@click.argument("labels", type=FOLDER)
@click.option("--out", default="runs/unet", show_default=True, type=click.Path(path_type=Path))
@click.option("--validate", default="", help="sections kept for validation, by position: 20-23")
@click.option("--synthetic", "made", default=0, help="synthetic sections to add, a crop in four")
@click.option("--precision", default="float32", type=click.Choice(["float32", "mixed_bfloat16"]))
@click.option("--resume", is_flag=True, help="go on where a run in --out was cut off")
@click.option("--filters", default=16, show_default=True, help="of the first level")
@click.option("--epochs", default=35, show_default=True)
@click.option("--steps", default=200, show_default=True, help="batches an epoch")
@click.option("--batch", default=4, show_default=True, help="crops a batch")
@click.option("--crop", default=256, show_default=True, help="side of a crop in pixels")
@click.option("--learning-rate", default=1e-3, show_default=True, help="at its highest")
@click.option("--seed", default=1, show_default=True)
def main(
    images: Path,
    labels: Path,
    out: Path,
    validate: str,
    made: int,
    precision: str,
    resume: bool,
    **training,
) -> None:
    """Train the U-Net on a folder of IMAGES and a folder of LABELS.

    A label has the name and the size of its image; 0 is background, anything else foreground. Any
    backend of Keras will do (KERAS_BACKEND). A run that was cut off goes on with --resume.

    Writes to --out: model.keras (plain float32, what the server loads), checkpoint.keras,
    history.json and curve.png.
    """
    plan = Training(**training)
    keras.utils.set_random_seed(plan.seed)
    keras.mixed_precision.set_global_policy(precision)
    pairs, validation = split(sections.read(images, labels), validate)
    check_sizes(pairs, plan.crop)
    real, synthetic_ones = weighted(pairs), weighted(synthetic_pairs(made))
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, validation, limit=DEAD_LOSS * entropy(real + synthetic_ones))
    model = run.resume() if resume else compile_model(plan)
    crops = Crops(real, synthetic_ones, plan.steps, plan.batch, plan.crop, plan.seed)
    fit(model, crops, run, plan.epochs)
    averaged(model).save(out / "model.keras")
    click.echo(f"wrote {out / 'model.keras'}; next: scripts/models/evaluate.py")


def split(pairs: list[Pair], validate: str) -> tuple[list[Pair], list[Pair]]:
    """The pairs to train on, and those at the positions that are kept for validation."""
    kept = sections.positions(validate, len(pairs))
    train = [pair for i, pair in enumerate(pairs) if i not in kept]
    return train, [pairs[i] for i in kept]


def check_sizes(pairs: list[Pair], crop: int) -> None:
    """Refuse what no crop of that side can be cut from.

    Raises:
        click.ClickException: there is no section, or one is smaller than a crop.
    """
    if not pairs:
        raise click.ClickException("no section is left to train on")
    for image, _ in pairs:
        if min(image.shape) < crop:
            raise click.ClickException(
                f"an image is {image.shape}, smaller than --crop {crop}; lower it"
            )


def synthetic_pairs(count: int) -> list[Pair]:
    if count:
        click.echo(f"making {count} synthetic sections")
    return [synthetic.section(SYNTHETIC_SEED + i) for i in range(count)]


def weighted(pairs: list[Pair]) -> list[Section]:
    return [Section(image, label, border_weights(label)) for image, label in pairs]


def compile_model(plan: Training) -> keras.Model:
    model = unet.build(plan.filters)
    steps = plan.epochs * plan.steps
    rate = keras.optimizers.schedules.CosineDecay(
        plan.learning_rate / 100,
        steps,
        warmup_target=plan.learning_rate,
        warmup_steps=min(200, steps // 4),
        alpha=0.005,
    )
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=EMA_MOMENTUM, clipnorm=1.0)
    model.compile(optimizer, loss="binary_crossentropy")
    return model


def fit(model: keras.Model, crops: Crops, run: Run, epochs: int) -> None:
    """Train from the epoch after those that the run already has."""
    crops.epoch = len(run.history)
    # plain lines where nobody watches
    verbose = 1 if sys.stdout.isatty() else 2
    model.fit(crops, initial_epoch=crops.epoch, epochs=epochs, callbacks=[run], verbose=verbose)


if __name__ == "__main__":
    main()
