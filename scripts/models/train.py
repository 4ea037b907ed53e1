#!/usr/bin/env python3
"""Train the U-Net on a folder of images and a folder of labels."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import in_venv as in_venv

import click
import keras

from models.lib import distillation, sections, synthetic
from models.lib.augmentation import Section, entropy
from models.lib.crops import Crops, Plan
from models.lib.run import DEAD_LOSS, Run
from models.lib.sections import Pair
from models.lib.weights import WEIGHTS
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
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=FOLDER,
    help="a model that this has trained, of any width, to learn from; several: from their mean",
)
@click.option(
    "--turns",
    default=distillation.TURNS,
    show_default=True,
    type=click.IntRange(1, distillation.TURNS),
    help="flips and turns of each crop that the teachers are averaged over",
)
@click.option(
    "--start-from",
    "starts",
    multiple=True,
    type=FOLDER,
    help="a model whose weights to begin with; several: with their mean",
)
@click.option(
    "--weigh",
    default="between-cells",
    show_default=True,
    type=click.Choice(list(WEIGHTS)),
    help="what of the background counts more: thin borders, or the middle line of every border, or "
    "that in a narrower and higher ridge",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="of the mask, where it is known from other runs  [default: chosen when it has trained]",
)
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
    teachers: tuple[Path, ...],
    turns: int,
    starts: tuple[Path, ...],
    weigh: str,
    threshold: float | None,
    precision: str,
    resume: bool,
    **training,
) -> None:
    """Train the U-Net on a folder of IMAGES and a folder of LABELS.

    A label has the name and the size of its image; 0 is background, anything else foreground. Any
    backend of Keras will do (KERAS_BACKEND). A run that was cut off goes on with --resume.

    With --teacher the network learns the mean of the labels and of what those models give for the
    same crops, averaged over flips and turns. Wider ones of several seeds teach best, and the
    network then begins best with what it has learned alone (--start-from) and a lower
    --learning-rate.

    Images without labels teach, too: let the server answer them with augment=8, put them and these
    masks among the others, and go on from the model that made them, as its own teacher.

    Writes to --out what the server takes: model.keras (plain float32) and model.json, whose
    threshold is chosen on the sections trained on, deformed and in another light. Beside them
    metrics.json, history.json, curve.png, and checkpoint/, to resume from. Sections that another
    run of the same options did not see choose a better threshold (evaluate.py --choose-on);
    --threshold takes it.
    """
    plan = Training(**training)
    keras.utils.set_random_seed(plan.seed)
    keras.mixed_precision.set_global_policy(precision)
    pairs, validation = split(sections.read(images, labels), validate)
    check_sizes(pairs, plan.crop)
    teacher = distillation.Teachers(teachers, turns) if teachers else None
    real, synthetic_ones = (weighted(some, weigh) for some in (pairs, synthetic_pairs(made)))
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, validation, limit=DEAD_LOSS * entropy(real + synthetic_ones))
    model = run.resume() if resume else compile_model(plan)
    if starts and not resume:
        model.set_weights(distillation.mean_weights(starts, model))
    shape = Plan(plan.steps, plan.batch, plan.crop, plan.seed)
    fit(model, Crops(real, synthetic_ones, shape, teacher), run, plan.epochs)
    run.finish(model, real, validate, threshold)
    click.echo(f"wrote {out}; serve it: make serve MODEL_DIR={out}")


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
    with ThreadPoolExecutor() as threads:  # NumPy and SciPy let each other run
        return [*threads.map(synthetic.section, range(SYNTHETIC_SEED, SYNTHETIC_SEED + count))]


def weighted(pairs: list[Pair], weigh: str) -> list[Section]:
    return [Section(image, label, WEIGHTS[weigh](label)) for image, label in pairs]


def compile_model(plan: Training) -> keras.Model:
    model = unet.build(plan.filters)
    steps = plan.epochs * plan.steps
    warmup = min(200, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(
        plan.learning_rate / 100,
        max(1, steps - warmup),
        warmup_target=plan.learning_rate,
        warmup_steps=warmup,
        alpha=0.005,
    )
    # of a short run the last tenth: an average over more would be that of where it began
    momentum = max(0.0, min(EMA_MOMENTUM, 1 - 10 / steps))
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=momentum, clipnorm=1.0)
    model.compile(optimizer, loss="binary_crossentropy")
    return model


def fit(model: keras.Model, crops: Crops, run: Run, epochs: int) -> None:
    """Train from the epoch after those that the run already has."""
    crops.epoch = len(run.history)
    model.fit(
        crops,
        initial_epoch=crops.epoch,
        epochs=epochs,
        callbacks=[run],
        shuffle=False,  # crops are random as they are, and a teacher serves neighbouring batches
        verbose=1 if sys.stdout.isatty() else 2,  # plain lines where nobody watches
    )


if __name__ == "__main__":
    main()
