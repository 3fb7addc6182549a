"""Where the big validation data (published models, labelled photographs) are; they are never part of the repository."""

from __future__ import annotations

import os
from pathlib import Path


def shared_dir() -> Path | None:
    """`$STM32POSE_DATA`, else `shared` beside the checkout; None when neither holds models or data."""
    named = os.environ.get("STM32POSE_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[3] / "shared"
    return folder if (folder / "models").is_dir() or (folder / "data").is_dir() else None
