"""A trained network as a small ONNX file: weights kept as int8 with a scale a channel, restored at opening.

Only the weights are rounded; the arithmetic stays float32. ONNX Runtime folds the restoring nodes into constants
while it loads.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import ModelProto, NodeProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

LOG = logging.getLogger(__name__)
SMALLEST = 4096  # numbers; smaller tensors stay float32


class UnitRows(nn.Module):
    """A network whose output rows are brought to unit length."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Whatever `net` takes -> (n, dim) unit rows. A network with several outputs gives its last."""
        out = self.net(x)
        return functional.normalize((out[-1] if isinstance(out, tuple) else out).float(), dim=1)


def export(net: nn.Module, example: Tensor, free: Sequence[int], path: Path, name: str) -> None:
    """Write `net` (evaluation mode, float32) to `path`: input `name`, output `vectors` of unit rows.

    example: an input of two or more items. free: the axes whose length is not fixed.
    """
    write(UnitRows(net), [(name, example, free)], ["vectors"], path)


def write(
    net: nn.Module,
    takes: Sequence[tuple[str, Tensor, Sequence[int]]],
    gives: Sequence[str],
    path: Path,
    *,
    exact: bool = False,
) -> None:
    """Write `net` (float32) to `path`, its large weights rounded to int8 unless they have to be `exact`.

    takes: of every input its name, an example of two or more items, and the axes whose length is not fixed.
    gives: the names of the outputs.
    """
    rows = torch.export.Dim("rows")
    shapes = tuple(
        {axis: rows if axis == 0 else torch.export.Dim.DYNAMIC for axis in free} for _, _, free in takes
    )
    program = torch.onnx.export(
        net.eval(),
        tuple(example for _, example, _ in takes),
        input_names=[name for name, _, _ in takes],
        output_names=list(gives),
        dynamic_shapes=shapes,
        external_data=False,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto if exact else rounded(program.model_proto)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    LOG.info("%s: %.2f MB", path.name, path.stat().st_size / 1e6)


def rounded(model: ModelProto) -> ModelProto:
    """The model with its large weights as int8, a float32 scale for each output channel."""
    graph = model.graph
    users = {name: node for node in graph.node for name in node.input}
    added: list[NodeProto] = []
    for tensor in list(graph.initializer):
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.size < SMALLEST or weight.ndim < 2 or weight.shape[-1] == 1:
            continue
        user = users[tensor.name]
        axis = weight.ndim - 1 if user.op_type == "MatMul" else 0
        whole, scale = int8_steps(weight, axis)
        graph.initializer.remove(tensor)
        small, sizes = f"{tensor.name}.int8", f"{tensor.name}.scale"
        graph.initializer.append(numpy_helper.from_array(whole, small))
        graph.initializer.append(numpy_helper.from_array(scale, sizes))
        added.append(helper.make_node("Cast", [small], [f"{small}.float"], to=onnx.TensorProto.FLOAT))
        added.append(helper.make_node("Mul", [f"{small}.float", sizes], [tensor.name]))
    for node in reversed(added):
        graph.node.insert(0, node)
    _sort(model)
    return model


def int8_steps(
    weight: npt.NDArray[np.float32], axis: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric rounding to -127..127 with one scale an index of `axis`."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = np.maximum(np.abs(weight).max(axis=others, keepdims=True), 1e-8) / 127
    return np.round(weight / scale).astype(np.int8), scale.astype(np.float32)


def _sort(model: ModelProto) -> None:
    """Nodes in an order in which every input is made before it is used."""
    ready = {""} | {t.name for t in model.graph.initializer} | {i.name for i in model.graph.input}
    waiting, ordered = list(model.graph.node), []
    while waiting:
        able = [node for node in waiting if all(name in ready for name in node.input)]
        if not able:
            raise ValueError("the graph has a node whose input nothing makes")
        ordered += able
        ready |= {name for node in able for name in node.output}
        waiting = [node for node in waiting if not any(node is done for done in able)]
    del model.graph.node[:]
    model.graph.node.extend(ordered)
