"""Events as TensorBoard's own classes write them, for test/core/logging: writes test/fixtures/tensorboard.json.

Run: python scripts/reference/tensorboard_events.py            pinned: tensorboard 2.21.0
"""

import io
import json
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def text_value(tag, text):
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    )
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
        string_val=[text.encode("utf-8")],
    )
    return summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def scalar_values(scalars):
    return [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]


def event_of(case):
    event = event_pb2.Event(wall_time=case["wallTime"], step=case["step"])
    if "fileVersion" in case:
        event.file_version = case["fileVersion"]
    if "sessionStart" in case:
        event.session_log.status = event_pb2.SessionLog.START
    if "scalars" in case:
        event.summary.value.extend(scalar_values(case["scalars"]))
    if "texts" in case:
        event.summary.value.extend(text_value(tag, text) for tag, text in case["texts"].items())
    return event


CASES = [
    {"wallTime": 1763740800.25, "step": 0, "fileVersion": "brain.Event:2"},
    {"wallTime": 1763740801.5, "step": 501, "sessionStart": True},
    {"wallTime": 1763740802.0, "step": 1, "scalars": {"train/loss": 10.84375}},
    {"wallTime": 1763740803.125, "step": 300, "scalars": {"train/loss": 2.7182818, "train/grad_norm": 0.0, "eval/loss": -1e-12}},
    {"wallTime": 1763740804.0, "step": 5_000_000_000, "scalars": {"train/tokens_seen": 1.7e12}},
    {"wallTime": 0.0, "step": 7, "scalars": {"é": 1.0}},
    {"wallTime": 1763740805.0, "step": 0, "texts": {"args/text_summary": "x" * 200 + " ü"}},
]


def framed(data):
    file = io.BytesIO()
    RecordWriter(file).write(data)
    return file.getvalue()


def main():
    cases = [
        {"event": case, "message": (message := event_of(case).SerializeToString()).hex(), "record": framed(message).hex()}
        for case in CASES
    ]
    path = Path(__file__).parents[2] / "test" / "fixtures" / "tensorboard.json"
    path.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
