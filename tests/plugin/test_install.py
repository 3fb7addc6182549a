"""From nothing: the wheel in a fresh environment outside the checkout, and `make demo` in a fresh clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_stm32pose.boards.catalog import boards
from pytest_stm32pose.firmware import build

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 1800  # the images of all boards, on a machine that is busy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="the Arm compiler is missing: make setup"),
]


def execute(command: list[str], folder: Path, *, code: int = 0, **variables: str) -> str:
    """Runs a command as a user would, without this environment's variables; returns what it printed, errors last.

    What is installed is not compiled, of which nothing here depends and which takes longer than all else.
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("STM32POSE", "VIRTUAL_ENV", "PYTEST", "PYTHONPATH", "PYTHONPYCACHE"))
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "PIP_NO_COMPILE": "0", **variables},  # pip reads the value of a switch as that of --compile
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == code, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commit under test, cloned; nothing that git ignores is in it, and no validation data lie beside it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    execute(["git", "clone", "--quiet", str(ROOT), str(folder)], folder.parent)
    return folder


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment of its own; on `path` is QEMU and no compiler: firmware must be the wheel's."""

    wheel: Path
    scripts: Path
    path: str

    def run(self, folder: Path, name: str, *arguments: str, code: int = 0) -> str:
        return execute([str(self.scripts / name), *arguments], folder, code=code, PATH=self.path)

    @property
    def images(self) -> dict[str, bytes]:
        """Firmware images in the wheel, by name in it."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {Path(name).stem: archive.read(name) for name in archive.namelist() if name.endswith(".elf")}


@pytest.fixture(scope="module")
def installed(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    execute([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(clone)], folder)
    [wheel] = folder.glob("*.whl")
    execute([sys.executable, "-m", "venv", "--without-pip", "env"], folder)
    scripts = folder / "env" / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "--quiet", "--disable-pip-version-check"]
    execute([*pip, "install", str(wheel)], folder)
    tools = folder / "tools"
    tools.mkdir()
    qemu = shutil.which("qemu-system-arm")
    assert qemu, "qemu-system-arm is missing"
    (tools / "qemu-system-arm").symlink_to(qemu)
    others = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "cmake").exists()]
    return Installed(wheel, scripts, os.pathsep.join([str(tools), *others]))


SUITE = ("-m", "pytest", "--pyargs", "pytest_stm32pose.suite", "-p", "no:cacheprovider")


def test_wheel_runs_the_suite_outside_the_checkout(installed: Installed, tmp_path: Path) -> None:
    """qemu-f405 runs the image of a hardware board."""
    names = ["qemu-m55", "qemu-m7-ref", "qemu-f405"]
    output = installed.run(tmp_path, "python", *SUITE, "--pose-json=record.json", f"--board={','.join(names)}")
    assert "verdict: passed" in output
    record = json.loads((tmp_path / "record.json").read_text())
    assert [board["name"] for board in record["boards"]] == names
    for board in record["boards"]:
        assert "site-packages" in board["firmware"]["path"]
    installed.run(tmp_path, "stm32pose", "init", "project", "--ci=github")
    assert "--board=lab" in (tmp_path / "project" / ".github" / "workflows" / "pose.yml").read_text()


def test_wheel_has_the_image_of_every_board(installed: Installed, tmp_path: Path) -> None:
    said = installed.run(tmp_path, "stm32pose", "build", "--board", "all").splitlines()
    for spec, path in zip(boards().values(), map(Path, said), strict=True):
        assert "site-packages" in path.parts
        assert path.read_bytes() == installed.images[build.packaged_name(spec.firmware, spec.kernels)], spec.name
    (tmp_path / "boards.toml").write_text('[bench]\nlike = "n6"\nkernels = "dsp"\n')
    assert installed.run(tmp_path, "stm32pose", "build", "--board=bench").endswith("stm32n6-n6570_dk-dsp.elf\n")


def test_wheel_is_small(installed: Installed) -> None:
    """Without what only debuggers read, an image is an eighth: no more than a small network."""
    assert installed.wheel.stat().st_size < 6 << 20
    assert all(len(image) < 200 << 10 for image in installed.images.values())


def test_the_wheels_images_are_what_a_checkout_builds(installed: Installed) -> None:
    unchanged = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "firmware"], cwd=ROOT, check=False)
    if unchanged.returncode:
        pytest.skip("firmware has changes that are not committed, so the clone has none of them")
    for folder, kernels in (("qemu/mps3_an547", "dsp"), ("stm32f4/f405", "dsp")):
        assert (
            build.build_firmware(folder, kernels).read_bytes() == installed.images[build.packaged_name(folder, kernels)]
        )


def test_a_hardware_board_needs_no_compiler_but_its_probe(installed: Installed, tmp_path: Path) -> None:
    output = installed.run(tmp_path, "python", *SUITE, "--board=n6", code=1)
    assert "Board n6 is not connected: looked for a debug probe, found no debug probe" in output
    assert "verdict: blocked" in output
    for tool in ("arm-none-eabi-gcc", "cmake", "carries no firmware"):
        assert tool not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--clock=hsi"], "usual clock of n6 only, none for --clock=hsi. Build it from a checkout"),
        (["--backend=aton"], "no firmware for n6 with kernels 'mve' and backend 'aton'"),
    ],
)
def test_what_the_wheel_does_not_carry(arguments: list[str], said: str, installed: Installed, tmp_path: Path) -> None:
    output = installed.run(tmp_path, "stm32pose", "build", "--board=n6", *arguments, code=2)
    assert said in output
    assert "Traceback" not in output


def test_make_demo_in_a_fresh_clone(clone: Path) -> None:
    output = execute(["make", "demo", f"PYTHON={sys.executable}"], clone)
    assert "verdict: passed" in output
    record = json.loads((clone / "record.json").read_text())
    assert record["models"][0]["name"] == "stick_pose_96_int8"
    report = (clone / "report.html").read_text()
    assert "Pose validation" in report
    assert report.count("<svg") >= 8
