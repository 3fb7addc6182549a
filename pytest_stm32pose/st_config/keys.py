"""The keys of ST's pose services, of 2025 and of 2026: what is taken, and why the rest is left.

Sources: utils/parse_config.py of pose_estimation and common/utils/cfg_utils.py of stm32ai-modelzoo-services.
"""

from __future__ import annotations

from collections.abc import Mapping

#: A key that is taken.
TAKEN = ""
_TRAINING = "the network is tested as it is, not trained"
_FOLDERS = "ST's tools keep their files there"
_HOST = "it says how ST's run on the host goes"
_QUANTISING = "the network is taken as it was quantised"
_BOARD = "boards are named with --board ('stm32pose boards' lists them)"
_GENERATOR = "ST's generator is not run; what it wrote is named with --pose-backend and --pose-network-dir"
_FILE_SAYS = "the network's file says it"
_TENSORS = "the run record has the figures of the tensors (--pose-json)"
_LOGS = "it is about the logs of ST's runs"
_LABELS = "the labels say it"
_DEPLOYMENT = "the application is not built; boards are named with --board"
_ARCHITECTURE = "the network's file says it; ST makes a new network of it"
_SPLIT = "nothing is split off; the pictures of one folder are used (--pose-max-images limits them)"

#: What a section may hold. None: whatever it holds is left, for the reason of OPEN.
SECTIONS: Mapping[str, Mapping[str, str] | None] = {
    "general": {
        "model_path": TAKEN,
        "model_type": TAKEN,
        "config_path": TAKEN,
        "dataset_path": TAKEN,
        "project_name": _LOGS,
        "logs_dir": _FOLDERS,
        "saved_models_dir": _FOLDERS,
        "deterministic_ops": _HOST,
        "display_figures": _HOST,
        "global_seed": _HOST,
        "gpu_memory_limit": _HOST,
        "num_threads_tflite": _HOST,
    },
    "model": {
        "model_path": TAKEN,
        "model_type": TAKEN,
        "model_name": _ARCHITECTURE,
        "alpha": _ARCHITECTURE,
        "input_shape": _FILE_SAYS,
        "pretrained": _TRAINING,
        "final_activation": _ARCHITECTURE,
        "framework": _FILE_SAYS,
    },
    "dataset": {
        "keypoints": TAKEN,
        "test_path": TAKEN,
        "validation_path": TAKEN,
        "prediction_path": TAKEN,
        "name": _LABELS,
        "dataset_name": _LABELS,
        "class_names": _LABELS,
        "keypoints_file_path": _LABELS,
        "training_path": _TRAINING,
        "validation_split": _SPLIT,
        "quantization_path": _QUANTISING,
        "quantization_split": _QUANTISING,
        "seed": _SPLIT,
    },
    "preprocessing": {"rescaling": TAKEN, "resizing": TAKEN, "color_mode": TAKEN},
    "preprocessing.rescaling": {"scale": TAKEN, "offset": TAKEN},
    "preprocessing.resizing": {"interpolation": TAKEN, "aspect_ratio": TAKEN},
    "postprocessing": {
        "kpts_conf_thresh": TAKEN,
        "confidence_thresh": TAKEN,
        "NMS_thresh": TAKEN,
        "max_detection_boxes": TAKEN,
        "plot_metrics": _HOST,
    },
    "prediction": {
        "test_files_path": TAKEN,
        "seed": _HOST,
        "target": _BOARD,
        "profile": _GENERATOR,
        "reid_distance_metric": _HOST,
        "input_type": _FILE_SAYS,
        "output_type": _FILE_SAYS,
        "input_chpos": _FILE_SAYS,
        "output_chpos": _FILE_SAYS,
    },
    "evaluation": {
        "target": _BOARD,
        "profile": _GENERATOR,
        "input_type": _FILE_SAYS,
        "output_type": _FILE_SAYS,
        "input_chpos": _FILE_SAYS,
        "output_chpos": _FILE_SAYS,
        "gen_npy_input": _TENSORS,
        "gen_npy_output": _TENSORS,
        "npy_in_name": _TENSORS,
        "npy_out_name": _TENSORS,
    },
    "parameters": {
        "evaluation_target": _BOARD,
        "profile": _GENERATOR,
        "input_type": _FILE_SAYS,
        "output_type": _FILE_SAYS,
        "input_chpos": _FILE_SAYS,
        "output_chpos": _FILE_SAYS,
    },
    "quantization": dict.fromkeys(
        (
            *("quantizer", "quantization_type", "quantization_input_type", "quantization_output_type"),
            *("granularity", "optimize", "export_dir", "target_opset", "onnx_extra_options", "extra_options"),
            *("op_types_to_quantize", "operating_mode", "onnx_quant_parameters", "iterative_quant_parameters"),
        ),
        _QUANTISING,
    ),
    "tools": {"stedgeai": TAKEN, "stm32ai": TAKEN, "path_to_cubeIDE": _GENERATOR},
    "tools.stedgeai": dict.fromkeys(
        ("version", "optimization", "on_cloud", "path_to_stedgeai", "path_to_loader", "hsp"), _GENERATOR
    ),
    "tools.stm32ai": dict.fromkeys(("version", "optimization", "on_cloud", "path_to_stm32ai"), _GENERATOR),
    "benchmarking": {"board": _BOARD},
    "training": None,
    "data_augmentation": None,
    "custom_data_augmentation": None,
    "compression": None,
    "deployment": None,
    "mlflow": None,
    "hydra": None,
}
OPEN: Mapping[str, str] = {
    "training": _TRAINING,
    "data_augmentation": _TRAINING,
    "custom_data_augmentation": _TRAINING,
    "compression": _TRAINING,
    "deployment": _DEPLOYMENT,
    "mlflow": _LOGS,
    "hydra": _LOGS,
}
#: The one key that stands outside the sections.
MODE = "operation_mode"
#: Its values: services, alone and chained.
MODES = (
    *("training", "evaluation", "quantization", "prediction", "benchmarking", "deployment"),
    *("chain_tqeb", "chain_tqe", "chain_eqe", "chain_qb", "chain_eqeb", "chain_qd"),
)
MODE_LEFT = "pytest says what is run"
