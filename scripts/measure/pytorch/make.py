"""Make ONNX files of the networks of PyTorch's libraries, with what PyTorch answers.

Runs in an environment of its own (requirements.txt beside it), for scripts/measure/exports.py:

    python make.py FOLDER

Each becomes a model directory: model.onnx, a model.json that says that it is given 0–1, and
expected.npz with x, float32 (N, H, W, C) in 0–1, and p, float32 (N, C, H, W), what the network
gives. Weights are random, and so are the statistics of batch normalisations, which would do nothing
otherwise.
"""

import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import monai.networks.nets as monai
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torchvision.models import segmentation as torchvision

SIZE = (128, 160)  # of the images that are exported with, and answered; height and width
SPEC = {"preprocessing": []}
EXPORTERS = {"": True, "-old": False}  # what dynamo= is: torch.export's, and the one before it
SMALL = {"encoder_depth": 3, "decoder_channels": (32, 16, 8)}


class Named(nn.Module):
    """The outputs of a network that gives them by name, as that of torchvision does."""

    def __init__(self, network: nn.Module, *names: str) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = self.network(x)
        return tuple(given[name] for name in self.names)


class Standardising(nn.Module):
    """A network that takes ImageNet's mean and deviation off by itself."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network((x - self.mean) / self.std)


def _smp(name: str, encoder: str = "resnet18", **settings: object) -> nn.Module:
    return getattr(smp, name)(encoder, encoder_weights=None, **settings)


def _torchvision(name: str, **settings: object) -> nn.Module:
    given = {"weights": None, "weights_backbone": None, "num_classes": 3, **settings}
    return getattr(torchvision, name)(**given)


def _monai(name: str, **settings: object) -> nn.Module:
    return getattr(monai, name)(spatial_dims=2, **settings)


_ONE = {"in_channels": 1, "out_channels": 1}
_RES = {"channels": (8, 16, 32), "strides": (2, 2), "num_res_units": 2}
MODELS: dict[str, Callable[[], nn.Module]] = {
    "smp-unet": lambda: _smp("Unet", **SMALL),
    "smp-unet-gray-3": lambda: _smp("Unet", in_channels=1, classes=3, **SMALL),
    "smp-unet-sigmoid": lambda: _smp("Unet", activation="sigmoid", **SMALL),
    "smp-unet-softmax": lambda: _smp("Unet", activation="softmax2d", classes=4, **SMALL),
    "smp-unet-scse": lambda: _smp("Unet", decoder_attention_type="scse"),
    "smp-unet-vgg": lambda: _smp("Unet", "vgg11_bn", **SMALL),
    "smp-unet-densenet": lambda: _smp("Unet", "densenet121", **SMALL),
    "smp-unet-mobilenet": lambda: _smp("Unet", "mobilenet_v2"),
    "smp-unet-efficientnet": lambda: _smp("Unet", "efficientnet-b0"),
    "smp-unet-mit": lambda: _smp("Unet", "mit_b0"),
    "smp-unet-convnext": lambda: _smp("Unet", "tu-convnext_atto"),
    "smp-unet-mobilenetv3": lambda: _smp("Unet", "tu-mobilenetv3_small_100"),
    "smp-unet-aux": lambda: _smp("Unet", aux_params={"classes": 2}, **SMALL),
    "smp-unet-standardising": lambda: Standardising(_smp("Unet", **SMALL)),
    "smp-unetplusplus": lambda: _smp("UnetPlusPlus", **SMALL),
    "smp-manet": lambda: _smp("MAnet", **SMALL),
    "smp-linknet": lambda: _smp("Linknet", encoder_depth=3),
    "smp-fpn": lambda: _smp("FPN", classes=3),
    "smp-pspnet": lambda: _smp("PSPNet", classes=2),
    "smp-pan": lambda: _smp("PAN"),
    "smp-deeplabv3": lambda: _smp("DeepLabV3"),
    "smp-deeplabv3plus": lambda: _smp("DeepLabV3Plus", classes=3),
    "smp-upernet": lambda: _smp("UPerNet"),
    "smp-pspnet-fixed": lambda: _smp("PSPNet", classes=2),
    "smp-upernet-fixed": lambda: _smp("UPerNet"),
    "smp-segformer": lambda: _smp("Segformer", "mit_b0", classes=2),
    "smp-dpt": lambda: _smp("DPT", "tu-vit_tiny_patch16_224", dynamic_img_size=True),
    "torchvision-fcn": lambda: Named(_torchvision("fcn_resnet50"), "out"),
    "torchvision-fcn-aux": lambda: Named(_torchvision("fcn_resnet50", aux_loss=True), "aux", "out"),
    "torchvision-deeplabv3": lambda: Named(_torchvision("deeplabv3_mobilenet_v3_large"), "out"),
    "torchvision-lraspp": lambda: Named(_torchvision("lraspp_mobilenet_v3_large"), "out"),
    "monai-unet": lambda: _monai("UNet", **_ONE, **_RES),
    "monai-unet-batch": lambda: _monai("UNet", **_ONE, **_RES, norm="batch"),
    "monai-basicunet": lambda: _monai("BasicUNet", in_channels=1, out_channels=3),
    "monai-basicunetplusplus": lambda: _monai("BasicUNetPlusPlus", **_ONE),
    "monai-attentionunet": lambda: _monai(
        "AttentionUnet", **_ONE, channels=(8, 16, 32), strides=(2, 2)
    ),
    "monai-segresnet": lambda: _monai("SegResNet", **_ONE, init_filters=8),
    "monai-dynunet": lambda: _monai(
        "DynUNet",
        **_ONE,
        kernel_size=(3, 3, 3),
        strides=(1, 2, 2),
        upsample_kernel_size=(2, 2),
    ),
    "monai-vnet": lambda: _monai("VNet", **_ONE),
    "monai-flexibleunet": lambda: monai.FlexibleUNet(3, 2, "efficientnet-b0", spatial_dims=2),
    "monai-unetr": lambda: _monai(
        "UNETR", **_ONE, img_size=SIZE, feature_size=8, hidden_size=96, mlp_dim=192
    ),
    "monai-swinunetr": lambda: _monai("SwinUNETR", **_ONE, feature_size=12),
}
# of one size, as they are made, or as they are exported
FIXED = {"smp-pspnet-fixed", "smp-upernet-fixed", "smp-dpt", "monai-unetr", "monai-swinunetr"}


def main() -> None:
    folder = Path(sys.argv[1])
    names = sys.argv[2:] or list(MODELS)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for place, name in enumerate(names):
        for suffix, dynamo in EXPORTERS.items():
            print(f"{place + 1} of {len(names)}: {name}{suffix}", file=sys.stderr, flush=True)
            try:
                _make(folder / (name + suffix), name, dynamo=dynamo)
            except Exception as exc:  # of many kinds; the table goes on with the others
                (folder / (name + suffix)).mkdir(parents=True, exist_ok=True)
                (folder / (name + suffix) / "not-exported.txt").write_text(str(exc))


def _make(folder: Path, name: str, *, dynamo: bool) -> None:
    torch.manual_seed(0)
    network = MODELS[name]().eval()
    _randomise(network)
    channels = _channels(network)
    x = np.random.default_rng(0).random((2, *SIZE, channels), np.float32)
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        given = network(images)
    folder.mkdir(parents=True)
    _export(network, images, folder / "model.onnx", fixed=name in FIXED, dynamo=dynamo)
    outputs = [given] if isinstance(given, torch.Tensor) else list(given)
    named = {"p": outputs[0]} if len(outputs) == 1 else {f"p{i}": v for i, v in enumerate(outputs)}
    np.savez(folder / "expected.npz", x=x, **{key: v.numpy() for key, v in named.items()})
    (folder / "model.json").write_text(json.dumps(SPEC))


def _randomise(network: nn.Module) -> None:
    """Give batch normalisations statistics as a training leaves them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)


def _channels(network: nn.Module) -> int:
    return next(m.weight.shape[1] for m in network.modules() if isinstance(m, nn.Conv2d))


def _export(
    network: nn.Module, images: torch.Tensor, path: Path, *, fixed: bool, dynamo: bool
) -> None:
    free = {} if fixed else {2: "height", 3: "width"}
    shapes: dict[str, object] = (
        {"dynamic_shapes": ({0: "n", **free},)}
        if dynamo
        else {"dynamic_axes": {"input": {0: "n", **free}}}
    )
    quiet = io.StringIO()  # it prints whole graphs
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        torch.onnx.export(
            network, (images,), str(path), input_names=["input"], dynamo=dynamo, **shapes
        )


if __name__ == "__main__":
    main()
