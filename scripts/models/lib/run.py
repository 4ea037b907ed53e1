"""A training run: what is kept of it after each epoch, and when it is given up."""

import json
from pathlib import Path

import click
import keras
import numpy as np

from models.lib import scores
from models.lib.augmentation import Augmenter, Section
from models.lib.sections import Pair
from segmentation.networks import unet

# a network that has died answers the same for every pixel, and its loss is the entropy of classes
DEAD_LOSS = 0.95
EPOCHS_TO_COME_ALIVE = 3
THRESHOLD_SEED = 7000  # of the crops that the threshold is chosen on
THRESHOLD_CROPS = 2  # of each section


class Run(keras.callbacks.Callback):
    """Keeps of a run after each epoch its history, a curve, and a checkpoint to resume from.

    Args:
        out: folder for these; the checkpoint lies in a folder in it, where no server looks.
        validation: pairs of image and label, of which scores are kept.
        limit: a loss that is not below it after a few epochs is that of a dead network.

    Attributes:
        history: of each epoch its loss and its scores.
    """

    def __init__(self, out: Path, validation: list[Pair], limit: float):
        super().__init__()
        self._out, self._validation, self._limit = out, validation, limit
        self._checkpoint = out / "checkpoint" / "checkpoint.keras"
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        self.history: list[dict[str, float]] = []
        self._plain: keras.Model | None = None

    def resume(self) -> keras.Model:
        """Load the history and the model of a run that was cut off.

        Raises:
            click.ClickException: there is no such run in the folder.
        """
        try:
            self.history = json.loads((self._out / "history.json").read_text())
            return keras.saving.load_model(self._checkpoint)
        except (OSError, ValueError) as error:
            message = f"nothing to resume in {self._out}: {error}"
            raise click.ClickException(message) from error

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        figures = {"loss": float((logs or {})["loss"])}
        self._fail_if_dead(epoch, figures["loss"])
        if self._validation:
            figures |= _validated(self._averaged(self.model), self._validation)
            click.echo("  " + "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        self.history.append(figures)
        partial = self._checkpoint.with_name("partial.keras")
        self.model.save(partial)
        partial.replace(self._checkpoint)
        (self._out / "history.json").write_text(json.dumps(self.history, indent=1))
        _plot(self.history, self._out / "curve.png")

    def finish(
        self,
        model: keras.Model,
        trained_on: list[Section],
        validated_on: str,
        threshold: float | None,
    ) -> None:
        """Write what the server takes, the model and its threshold, and the figures.

        Args:
            model: as it was trained.
            trained_on: sections that decide the threshold, where none is given.
            validated_on: positions of those that do not, for the figures.
            threshold: that was chosen otherwise.
        """
        plain = self._averaged(model)
        if threshold is None:
            threshold = choose_threshold(plain, trained_on)
        figures: dict[str, object] = {"threshold": threshold}
        if self._validation:
            figures[validated_on] = _validated(plain, self._validation, threshold)
        plain.save(self._out / "model.keras")
        spec = {"threshold": threshold, "preprocessing": []}
        (self._out / "model.json").write_text(json.dumps(spec, indent=2) + "\n")
        (self._out / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")

    def _averaged(self, model: keras.Model) -> keras.Model:
        """A plain float32 copy, always the same one, with the moving average of the weights."""
        self._plain = self._plain or _build_float32(model.get_layer("down1_conv1").filters)
        self._plain.set_weights(model.get_weights())
        averages = model.optimizer._model_variables_moving_average
        for variable, average in zip(self._plain.trainable_variables, averages, strict=True):
            variable.assign(keras.ops.convert_to_numpy(average))  # JAX would share and free it
        return self._plain

    def _fail_if_dead(self, epoch: int, loss: float) -> None:
        if epoch + 1 >= EPOCHS_TO_COME_ALIVE and not loss < self._limit:  # so NaN is dead, too
            raise click.ClickException(
                f"the network has died: after {epoch + 1} epochs its loss is {loss:.3f}, no better "
                f"than that of a constant answer ({self._limit / DEAD_LOSS:.3f}); use another "
                "--seed, or a lower --learning-rate"
            )


def _build_float32(filters: int) -> keras.Model:
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        return unet.build(filters)
    finally:
        keras.mixed_precision.set_global_policy(policy)


def choose_threshold(model: keras.Model, sections: list[Section]) -> float:
    """The threshold that is best for sections that were trained on.

    These are deformed and shown in another light, as in training, for a network knows them too well
    as they are.
    """
    rng, augmenter = np.random.default_rng(THRESHOLD_SEED), Augmenter(sections)
    side = min(min(section.image.shape) for section in sections) // unet.STRIDE * unet.STRIDE
    pairs = []
    for number in [*range(len(sections))] * THRESHOLD_CROPS:
        images, labels, _ = augmenter(rng, np.array([number]), side)
        pairs.append((images[0, ..., 0], labels[0, ..., 0]))
    return scores.best_threshold(_probabilities(model, [image for image, _ in pairs]), pairs)


def _validated(model: keras.Model, pairs: list[Pair], threshold: float = 0.5) -> dict[str, float]:
    """The mean scores on images whose sides are multiples of 16."""
    images = [image / np.float32(255) for image, _ in pairs]
    return scores.mean_score(_probabilities(model, images), pairs, threshold)


def _probabilities(model: keras.Model, images: list[np.ndarray]) -> list[np.ndarray]:
    """float32 (H, W) of each image float32 (H, W) in 0–1."""
    batches = [model.predict_on_batch(image[None, ..., None]) for image in images]
    return [np.asarray(batch)[0, ..., 0] for batch in batches]


def _plot(history: list[dict[str, float]], path: Path) -> None:
    """Draw the loss, and below it the scores on the validation sections."""
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
        axes[1].legend(loc="center right", ncols=2)  # between the scores and the error
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
