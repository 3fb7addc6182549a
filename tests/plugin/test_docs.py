"""Every command in the documents runs, or is named here with the reason why it is not run by a test."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_stm32pose.models.zoo import default_model, default_pictures
from tests.support import children

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Commands that are not run as written, and why.
ELSEWHERE = {
    "pytest --board=h7 --html=h7.html --pose-json=h7.json": "needs the board",
    "pytest --board=h7 -x -o log_cli=true --log-cli-level=DEBUG": "needs the board",
    "pytest --board=n6 --html=n6.html --pose-json=n6.json": "needs the board",
    "pytest --board=n6 -x -o log_cli=true --log-cli-level=DEBUG": "needs the board",
    "pytest --board=h7s78 --html=h7s78.html --pose-json=h7s78.json": "needs the board",
    "stm32pose bringup --board=n6": "needs the board; tests/virtual/test_bringup.py runs it on emulated ones",
    "stm32pose bringup --board=n6 --pose-firmware=path/to/pose_runner.elf --serial=/dev/ttyACM1": "as above",
    "stm32pose build --board n6 --network path/to/st_ai_output --dry-run": "needs a generated network; "
    "tests/unit/firmware/test_folders.py",
    "stm32pose st report st_ai_output/network_c_info.json -o record.json": "needs ST's files; "
    "tests/unit/record/test_st_tools.py",
    "stm32pose st report st_ai_output/network_c_info.json st_ai_output/network_validate_report.txt "
    "st_ai_output/network_val_io.npz --board=n6 --pose-model=network.tflite -o record.json": "as above",
    "stm32pose build --board n6 --backend aton --network path/to/st_ai_output --vendor path/to/Middlewares/ST/AI": (
        "needs a generated network; tests/unit/firmware/test_generated.py"
    ),
    "pytest --board=n6 --pose-backend=aton --pose-network-dir=path/to/st_ai_output "
    "--pose-vendor-dir=path/to/Middlewares/ST/AI --pose-model=network.tflite --pose-profile": "needs the board; "
    "tests/virtual/test_vendor_run.py runs it on an emulated one",
    "pytest --board=n6 --pose-backend=aton --pose-network-dir=path/to/st_ai_output --pose-model=network.tflite "
    "--pose-budget=tensor_lsb_max=2 --pose-budget=oks_vs_golden_min=0.98": "as above",
    "make demo": "run by tests/plugin/test_install.py in a fresh clone",
    "make test": "this is it",
    "pytest tests/virtual/test_mutations.py -m campaign": "takes minutes, in a checkout: part of make campaign",
    "stm32pose models fetch st_movenet_lightning_heatmaps_192": "needs a network; tests/unit/models/test_fetch.py",
    "stm32pose models fetch all --from path/to/mirror": "needs a mirror; tests/unit/models/test_fetch.py",
    "stm32pose zoo --board=qemu-m55 --pose-images=path/to/coco_val2017 -o conformance.md --pose-json zoo.json "
    "--html zoo.html": "needs the zoo's files; tests/virtual/test_conformance_run.py",
    "stm32pose zoo --board=qemu-m55,qemu-m7 --pose-images=path/to/coco_val2017 --pose-max-images=8 "
    "--pose-profile": "as above",
    "pytest --pyargs pytest_stm32pose.suite --board=qemu-m55 --pose-model=all --pose-images=path/to/coco_val2017 "
    "-n 2": "as above",
    "stm32pose models fetch st-2026": "needs a network; tests/unit/models/test_fetch.py",
    "stm32pose zoo --board=qemu-m55 --pose-model=st-2026 --pose-images=path/to/coco_val2017": "as above",
    'onnx2tf -i network.onnx -o converted -oiqt -cind images calibration.npy "[[[[0,0,0]]]]" "[[[[1,1,1]]]]"': "needs "
    "onnx2tf and a network",
    "stm32pose models convert path/to/savedmodel --images path/to/photographs --count 32 -o network.tflite": "needs "
    "tensorflow; tests/unit/models/test_convert.py",
    "pytest --pyargs pytest_stm32pose.suite --board=h7 --pose-backend=st-validation "
    "--pose-model=path/to/network.tflite --pose-serial=/dev/ttyACM0": "needs a board; "
    "tests/virtual/test_st_hardware.py runs it on a socket",
    "pytest --pyargs pytest_stm32pose.suite --board=qemu-m55 --pose-backend=st-validation --pose-max-images=1 "
    "-k test_picture": "tests/virtual/test_st_loopback.py runs more of it",
    ".venv/bin/pytest --board=qemu-m55 --pose-model=path/to/network.tflite --pose-images=path/to/coco_val2017 "
    "--pose-max-images=8": "needs photographs; tests/virtual/test_zoo.py runs it with ST's network",
}


#: Our commands, and the modules that their scripts call.
MODULES = {"stm32pose": "pytest_stm32pose.cli", "pytest": "pytest"}
#: What a shell does more with than take words apart.
SHELL_SYNTAX = frozenset("|&;<>$`*?[](){}~#!\\")


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for document in DOCUMENTS:
        for found, text in BLOCK.findall(document.read_text()):
            if found == language:
                yield document, text


def test_every_block_is_of_a_known_kind() -> None:
    kinds = {found for document in DOCUMENTS for found, _ in BLOCK.findall(document.read_text())}
    assert kinds <= {"sh", "python", "toml", "yaml"}, kinds


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with the README's own test and the guide's boards.toml, and a PATH with this environment's scripts."""
    folder = tmp_path_factory.mktemp("user")
    benches = next(text for document, text in blocks("toml") if document.name == "benches.md")
    (folder / "boards.toml").write_text(benches)
    gate = next(text for document, text in blocks("toml") if document.name == "baselines.md")
    (folder / "gate.toml").write_text(gate)
    services = next(text for document, text in blocks("yaml") if document.name == "st-config.md")
    (folder / "user_config.yaml").write_text(services)
    shutil.copy(default_model(), folder)
    (folder / "pictures").symlink_to(default_pictures())
    own = next(text for document, text in blocks("python") if document.name == "README.md")
    (folder / "test_pose.py").write_text(own)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # A short path, which sockets need: other tests' boards must not be seen by `pyocd cmd`.
    with tempfile.TemporaryDirectory(prefix="pose-", dir="/tmp") as runtime:
        yield folder, {**os.environ, "PATH": path, "XDG_RUNTIME_DIR": runtime}


def as_typed(line: str, document: Path, path: str) -> list[str]:
    """The command of a line. A shell runs what needs one, and all of the README: scripts themselves, as a user does.

    Elsewhere a command of ours that the shell would only take apart is its module, which starts sooner (children.py).
    """
    script = line.partition(" ")[0]
    if document.name != "README.md" and script in MODULES and not SHELL_SYNTAX & set(line):
        assert shutil.which(script, path=path), f"{script} is not installed"
        return [sys.executable, "-m", MODULES[script], *shlex.split(line)[1:]]
    command = shutil.which("bash")
    assert command, "bash is missing"
    return [command, "-c", line]


@pytest.mark.parametrize(
    ("document", "line", "is_module"),
    [
        ("ci.md", "stm32pose boards --json", True),
        ("ci.md", 'pytest -k "board or picture"', True),
        ("README.md", "stm32pose boards", False),
        ("ci.md", "stm32pose boards > boards.txt", False),
        ("ci.md", "pytest $STM32POSE_OPTIONS", False),
        ("ci.md", "pyocd list", False),
    ],
)
def test_a_shell_runs_what_needs_one(document: str, line: str, is_module: bool) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = as_typed(line, ROOT / "docs" / document, path)
    assert (command[0] == sys.executable) == is_module
    assert command[-1] == (shlex.split(line)[-1] if is_module else line)


@pytest.mark.parametrize(
    "document", [pytest.param(path, id=path.name) for path in DOCUMENTS if "```sh" in path.read_text()]
)
def test_commands(document: Path, environment: tuple[Path, dict[str, str]]) -> None:
    folder, variables = environment
    for text in (text for path, text in blocks("sh") if path == document):
        for line in text.strip().splitlines():
            if line in ELSEWHERE:
                continue
            done = children.run(as_typed(line, document, variables["PATH"]), cwd=folder, env=variables, timeout=300)
            assert done.returncode == 0, f"{document.name}: {line}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("name", ["README.md", "writing-tests.md", "baselines.md"])
def test_python_examples(name: str, environment: tuple[Path, dict[str, str]]) -> None:
    """The examples run as written, on a board."""
    folder, variables = environment
    for number, (_, text) in enumerate((d, t) for d, t in blocks("python") if d.name == name):
        file = folder / f"test_{name.replace('.', '_').replace('-', '_')}_{number}.py"
        file.write_text(text)
        command = [sys.executable, "-m", "pytest", file.name, "--board=qemu-m55", "-p", "no:cacheprovider"]
        done = children.run(command, cwd=folder, env=variables, timeout=600)
        assert done.returncode == 0, done.stdout
        assert "passed" in done.stdout
        assert "skipped" not in done.stdout
