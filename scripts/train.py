#!/usr/bin/env python3
"""Train the U-Net on a folder of images and a folder of labels.

A label has the name and the size of its image; 0 is background, anything else foreground. Any
backend of Keras will do (KERAS_BACKEND). A run that was cut off goes on with --resume.

    scripts/train.py isbi2012/image isbi2012/label --validate 20-23 --synthetic 16

Writes to --out: model.keras (plain float32, what the server loads), checkpoint.keras,
history.json and curve.png.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "inference"))

import keras
import numpy as np

import evaluate
from augmentation import Crops, Section, border_weights, entropy
from segmentation import unet
from synthetic import section

SYNTHETIC_SEED = 1000
EMA_MOMENTUM = 0.998
# a network that has died answers the same for every pixel, and its loss is the entropy of classes
DEAD_LOSS = 0.95
EPOCHS_TO_COME_ALIVE = 3


def main() -> None:
    options = parse_arguments()
    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_global_policy(options.precision)
    train, validation = load_sections(options)
    if options.synthetic:
        print(f"making {options.synthetic} synthetic sections")
    synthetic = [section(SYNTHETIC_SEED + i) for i in range(options.synthetic)]
    real, made = ([weighted(pair) for pair in pairs] for pairs in (train, synthetic))
    options.out.mkdir(parents=True, exist_ok=True)
    run = Run(options.out, validation, limit=DEAD_LOSS * entropy(real + made))
    model = run.resume() if options.resume else compile_model(options)
    crops = Crops(real, made, options.steps, options.batch, options.crop, options.seed)
    crops.epoch = len(run.history)
    # plain lines where nobody watches
    verbose = 1 if sys.stdout.isatty() else 2
    model.fit(
        crops, initial_epoch=crops.epoch, epochs=options.epochs, callbacks=[run], verbose=verbose
    )
    save_plain(model, options.out / "model.keras")
    print(f"wrote {options.out / 'model.keras'}; next: scripts/evaluate.py")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("images", type=Path, help="folder of grayscale images")
    add("labels", type=Path, help="folder of labels, named like the images")
    add("--out", type=Path, default=Path("runs/unet"), help="default: %(default)s")
    add("--validate", default="", help="sections kept for validation, by position: 20-23 or 3,7")
    add("--synthetic", type=int, default=0, help="synthetic sections to add, for a crop in four")
    add("--filters", type=int, default=16, help="of the first level (default: %(default)s)")
    add("--epochs", type=int, default=35, help="default: %(default)s")
    add("--steps", type=int, default=200, help="batches an epoch (default: %(default)s)")
    add("--batch", type=int, default=4, help="crops a batch (default: %(default)s)")
    add("--crop", type=int, default=256, help="side of a crop in pixels (default: %(default)s)")
    add("--learning-rate", type=float, default=1e-3, help="at its highest (default: %(default)s)")
    add("--precision", choices=("float32", "mixed_bfloat16"), default="float32")
    add("--seed", type=int, default=1, help="default: %(default)s")
    add("--resume", action="store_true", help="go on where a run in --out was cut off")
    return parser.parse_args()


def load_sections(options: argparse.Namespace) -> tuple[list, list]:
    """The (image, label) pairs for training and for validation; uint8 (H, W) each."""
    sections = evaluate.load_sections(options.images, options.labels)
    chosen = evaluate.positions(options.validate, len(sections))
    train = [pair for i, pair in enumerate(sections) if i not in chosen]
    if not train:
        sys.exit(f"no section in {options.images} is left to train on")
    for image, _ in train:
        if min(image.shape) < options.crop:
            sys.exit(f"an image is {image.shape}, smaller than --crop {options.crop}; lower it")
    return train, [sections[i] for i in chosen]


def weighted(pair: tuple[np.ndarray, np.ndarray]) -> Section:
    image, label = pair
    return Section(image, label, border_weights(label))


def compile_model(options: argparse.Namespace) -> keras.Model:
    model = unet.build(options.filters)
    steps = options.epochs * options.steps
    rate = keras.optimizers.schedules.CosineDecay(
        options.learning_rate / 100,
        steps,
        warmup_target=options.learning_rate,
        warmup_steps=min(200, steps // 4),
        alpha=0.005,
    )
    optimizer = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=EMA_MOMENTUM, clipnorm=1.0)
    model.compile(optimizer, loss="binary_crossentropy")
    return model


class Run(keras.callbacks.Callback):
    """What is kept of a run after each epoch: its history, a curve, and a way to resume it."""

    def __init__(self, out: Path, validation: list, limit: float):
        super().__init__()
        self._out, self._validation, self._limit = out, validation, limit
        self.history: list[dict[str, float]] = []

    def resume(self) -> keras.Model:
        try:
            self.history = json.loads((self._out / "history.json").read_text())
            return keras.saving.load_model(self._out / "checkpoint.keras")
        except (OSError, ValueError) as error:
            sys.exit(f"nothing to resume in {self._out}: {error}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        figures = {"loss": float((logs or {})["loss"])}
        self._fail_if_dead(epoch, figures["loss"])
        if self._validation:
            figures |= evaluate.figures(averaged(self.model), self._validation)
            print("  " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        self.history.append(figures)
        partial = self._out / "partial.keras"
        self.model.save(partial)
        partial.replace(self._out / "checkpoint.keras")
        (self._out / "history.json").write_text(json.dumps(self.history, indent=1))
        plot(self.history, self._out / "curve.png")

    def _fail_if_dead(self, epoch: int, loss: float) -> None:
        if epoch + 1 >= EPOCHS_TO_COME_ALIVE and not loss < self._limit:
            sys.exit(
                f"the network has died: after {epoch + 1} epochs its loss is {loss:.3f}, no better "
                f"than that of a constant answer ({self._limit / DEAD_LOSS:.3f}); use another "
                "--seed, or a lower --learning-rate"
            )


def averaged(model: keras.Model) -> keras.Model:
    """A plain float32 copy of a model under training, with the moving average of its weights."""
    filters = model.get_layer("down1_conv1").filters
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        plain = unet.build(filters)
    finally:
        keras.mixed_precision.set_global_policy(policy)
    plain.set_weights(model.get_weights())
    averages = model.optimizer._model_variables_moving_average
    for variable, average in zip(plain.trainable_variables, averages, strict=True):
        variable.assign(average)
    return plain


def save_plain(model: keras.Model, path: Path) -> None:
    averaged(model).save(path)


def plot(history: list[dict[str, float]], path: Path) -> None:
    """The loss, and below it the figures on the validation sections."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(7, 6), layout="constrained")
    epochs = range(1, len(history) + 1)
    for name in history[0]:
        axes[int(name != "loss")].plot(epochs, [entry[name] for entry in history], label=name)
    axes[0].set(ylabel="training loss", ylim=(0, None))
    axes[1].set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    if len(history[0]) > 1:
        axes[1].legend()
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
