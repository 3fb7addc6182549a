"""Configurations of the form that ST's pose services have, of both generations. Ours, for our own network."""

from __future__ import annotations

from pathlib import Path

from pytest_stm32pose.settings import OPTIONS

#: As in 2026: `model`, `dataset_name`, `class_names`.
NEW = """\
general:
  project_name: stick_pose
  num_threads_tflite: 8
model:
  model_path: {model}
  model_type: heatmaps_spe # spe, yolo_mpe
operation_mode: evaluation
evaluation:
  target: stedgeai_n6
  input_type: uint8
dataset:
  dataset_name: coco
  keypoints: 13
  class_names: [person]
  test_path: {images}
  quantization_split: 0.01
preprocessing:
  rescaling: {{ scale: 1/127.5, offset: -1 }}
  resizing:
    aspect_ratio: fit
    interpolation: nearest
  color_mode: rgb
postprocessing:
  kpts_conf_thresh: 0.15
  confidence_thresh: 0.002
  NMS_thresh: 1/5
  max_detection_boxes: 20
  plot_metrics: False
quantization:
  quantizer: TFlite_converter
  quantization_output_type: int8
tools:
  stedgeai:
    optimization: balanced
    on_cloud: True
    path_to_stedgeai: C:/ST/STEdgeAI/<x.y>/stedgeai.exe
benchmarking:
  board: STM32N6570-DK
mlflow:
  uri: ./mlruns
hydra:
  run:
    dir: ./outputs/${{now:%Y_%m_%d}}
"""
#: As in 2025: the network under `general`, `name`, `prediction.test_files_path`.
OLD = """\
general:
  model_path: {model}
  model_type: heatmaps_spe
operation_mode: prediction
dataset:
  name: sticks
  keypoints: "13"
preprocessing:
  rescaling:
    scale: 1./255
    offset: "0"
  resizing:
    interpolation: bilinear
    aspect_ratio: padding
  color_mode: grayscale
prediction:
  test_files_path: {images}
training:
  model:
    name: st_movenet_lightning_heatmaps
    input_shape: (192, 192, 3)
  batch_size: 64
"""


def write(folder: Path, text: str, model: str = "net.tflite", images: str = "pictures") -> Path:
    """The configuration in a folder, with a network's and pictures' names in it."""
    path = folder / "user_config.yaml"
    path.write_text(text.format(model=model, images=images))
    return path


def has(*dests: str) -> bool:
    """Whether this version has these options."""
    return set(dests) <= {option.dest for option in OPTIONS}
