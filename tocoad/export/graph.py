"""The one graph that all formats are written from: from the bytes of images to scores, maps and verdicts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from tocoad.export.forms import graph_form
from tocoad.package.card import DetectorCard
from tocoad.package.detector import Detector

INPUT = "images"
OUTPUTS = ("pred_score", "anomaly_map", "pred_label", "pred_mask")
# What torch tells of each operation, which names the files of this machine.
_PLACES = ("stack_trace", "source_fn_stack", "torch_fn", "from_node")


class DetectorGraph(nn.Module):
    """Images (B, S, S, 3) uint8 RGB -> pred_score (B,) and anomaly_map (B, S, S) float32, pred_label (B,) and pred_mask
    (B, S, S) bool: what `Detector.predict` gives for images of its own size.
    """

    mean: Tensor
    std: Tensor
    image_threshold: Tensor
    pixel_threshold: Tensor

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.networks = graph_form(detector.model)
        card: DetectorCard = detector.card
        for name, values in (("mean", detector.model.mean), ("std", detector.model.std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1))
        self.register_buffer("image_threshold", torch.tensor(card.image_threshold.value, dtype=torch.float32))
        self.register_buffer("pixel_threshold", torch.tensor(card.pixel_threshold, dtype=torch.float32))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = ((images.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std).contiguous()
        maps, scores = self.networks.score(x)
        return scores, maps, scores > self.image_threshold, maps > self.pixel_threshold


def traced(detector: Detector) -> ExportedProgram:
    """The graph with its tensors, for a batch of any size."""
    graph = DetectorGraph(detector).eval()
    size = detector.image_size
    # Two images: the size of a batch of one would be taken for a constant.
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with torch.no_grad():
        program = torch.export.export(graph, (example,), dynamic_shapes={INPUT: {0: Dim("batch", min=1)}})
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            for place in _PLACES:
                node.meta.pop(place, None)
    return program
