"""The text body: all-MiniLM-L6-v2 as one ONNX file in int8, from its own package.

Input `tokens` int64 (n, tokens), rows of the vocabulary, 0 after a text's end; output `vectors` float32 (n, 384), unit
rows: the mean over a text's tokens. Weights are int8 with a scale for each output; what enters a matrix product is
rounded with a scale for each token, so a text's vector does not depend on the texts beside it in a batch. Each token's
row of the table is restored alone. The graph is written as ONNX Runtime would fuse it, so that it opens fast.

Source: BERT (Devlin et al. 2019); rounding by token: Yao et al. 2022 (ZeroQuant), section 4.1.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from training import minilm
from training.export import int8_steps
from training.measure import Floats

LOG = logging.getLogger(__name__)
FUSED = "com.microsoft"  # ONNX Runtime's own operators
EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a BERT: layers, heads of attention, width of its rows."""

    layers: int = 6
    heads: int = 12
    width: int = 384


class Graph:
    """Nodes and constants of a graph as it grows."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def constant(self, name: str, value: npt.NDArray[Any] | np.generic) -> str:
        """Its name; the same name is the same constant."""
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, name: str, value: np.generic) -> str:
        """A constant without axes."""
        self.constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, fused: bool = False, **attributes: Any) -> str:
        """A node with one output; the output's name."""
        return self.add_many(kind, 1, *inputs, fused=fused, **attributes)[0]

    def add_many(
        self, kind: str, count: int, *inputs: str, fused: bool = False, **attributes: Any
    ) -> list[str]:
        """A node with `count` outputs; their names."""
        outputs = [f"{kind}.{len(self.nodes)}.{i}" for i in range(count)]
        domain = FUSED if fused else ""
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs


class Body:
    """Writes a BERT's weights, float32 by name, into a Graph."""

    def __init__(self, weights: Mapping[str, Floats], shape: Shape) -> None:
        self.weights, self.shape, self.graph = weights, shape, Graph()

    def model(self) -> onnx.ModelProto:
        """The whole."""
        graph = self.graph
        known = graph.add("Cast", graph.add("Cast", "tokens", to=TensorProto.BOOL), to=TensorProto.INT32)
        x = self._embedded()
        for number in range(self.shape.layers):
            x = self._layer(x, known, f"encoder.layer.{number}")
        middle = graph.constant("axis 1", np.array([1], np.int64))
        share = graph.add("Unsqueeze", graph.add("Cast", known, to=TensorProto.FLOAT), middle)
        total = graph.add("Squeeze", graph.add("MatMul", share, x), middle)
        graph.nodes.append(helper.make_node("LpNormalization", [total], ["vectors"], axis=1, p=2))
        made = helper.make_graph(
            graph.nodes,
            "text",
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", "tokens"])],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", self.shape.width])],
            list(graph.constants.values()),
        )
        sets = [helper.make_opsetid("", 18), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(made, opset_imports=sets, ir_version=9)

    def _embedded(self) -> str:
        graph, weights = self.graph, self.weights
        table, scale = int8_steps(weights["embeddings.word_embeddings.weight"], 0)
        rows = graph.add("Gather", graph.constant("words", table), "tokens")
        sizes = graph.add("Gather", graph.constant("words.scale", scale), "tokens")
        words = graph.add("Mul", graph.add("Cast", rows, to=TensorProto.FLOAT), sizes)
        places = weights["embeddings.position_embeddings.weight"]
        places = places + weights["embeddings.token_type_embeddings.weight"][0]
        count = graph.add("Shape", "tokens", start=1, end=2)
        start = graph.constant("axis 0", np.array([0], np.int64))
        place = graph.add("Slice", graph.constant("places", places), start, count)
        norm = self._norm("embeddings.LayerNorm")
        return graph.add("LayerNormalization", graph.add("Add", words, place), *norm, epsilon=EPSILON)

    def _layer(self, x: str, known: str, name: str) -> str:
        graph, parts = self.graph, [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self.weights[f"{part}.weight"] for part in parts])
        bias = np.concatenate([self.weights[f"{part}.bias"] for part in parts])
        mixed = self._product(x, weight, f"{name}.mixed")
        query, key, value = graph.add_many("Split", 3, mixed, axis=-1, num_outputs=3)
        seen = graph.add(
            "MultiHeadAttention", query, key, value, graph.constant(f"{name}.mixed.bias", bias), known,
            fused=True, num_heads=self.shape.heads,
        )  # fmt: skip
        x = self._joined(x, seen, f"{name}.attention.output")
        up = self._product(x, self.weights[f"{name}.intermediate.dense.weight"], f"{name}.up")
        hidden = graph.add("BiasGelu", up, self._float(f"{name}.intermediate.dense.bias"), fused=True)
        return self._joined(x, hidden, f"{name}.output")

    def _joined(self, x: str, branch: str, name: str) -> str:
        """x plus the linear map `name` of the branch, normalised."""
        moved = self._product(branch, self.weights[f"{name}.dense.weight"], name)
        rest = (*self._norm(f"{name}.LayerNorm"), self._float(f"{name}.dense.bias"))
        return self.graph.add("SkipLayerNormalization", moved, x, *rest, fused=True, epsilon=EPSILON)

    def _norm(self, name: str) -> tuple[str, str]:
        return self._float(f"{name}.weight"), self._float(f"{name}.bias")

    def _float(self, name: str) -> str:
        return self.graph.constant(name, self.weights[name])

    def _product(self, x: str, weight: Floats, name: str) -> str:
        """x (n, tokens, in) times the transpose of `weight` (out, in), both as int8."""
        graph = self.graph
        whole, scale = int8_steps(weight.T, 1)
        one = graph.scalar("one", np.float32(1.0))
        middle = graph.scalar("middle", np.uint8(128))  # what 0 becomes
        last = graph.constant("axis -1", np.array([-1], np.int64))
        most = graph.add("ReduceMax", graph.add("Abs", x), last, keepdims=1)
        step = graph.add("Mul", most, graph.scalar("step", np.float32(1.0 / 127)))
        divisor = graph.add("Add", step, graph.scalar("tiny", np.float32(1e-12)))
        steps = graph.add("QuantizeLinear", graph.add("Div", x, divisor), one, middle)
        weights = (
            graph.constant(f"{name}.int8", whole),
            one,
            graph.constant(f"{name}.scale", scale.reshape(-1)),
        )
        product = graph.add("MatMulIntegerToFloat", steps, *weights, middle, fused=True)
        return graph.add("Mul", product, step)


def write(folder: Path) -> None:
    """The stage: `text.onnx` and `vocabulary.txt` in `folder`, the same bytes each time. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    model, words = Body(minilm.weights(), Shape()).model(), minilm.vocabulary()
    (folder / "text.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / "vocabulary.txt").write_bytes(words)
    LOG.info("text.onnx: %.1f MB, %d tokens", (folder / "text.onnx").stat().st_size / 1e6, words.count(b"\n"))
