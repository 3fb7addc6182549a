"""What the options of a run name: pictures, networks, goldens, firmware, baseline. Checked before a board is taken."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_stm32pose import cache
from pytest_stm32pose.boards.catalog import BoardSpec
from pytest_stm32pose.boards.fit import check_fit
from pytest_stm32pose.errors import ConfigError, ModelError
from pytest_stm32pose.families import NO_FAMILY, Meaning, Stated, meaning_of_description
from pytest_stm32pose.families.own import PoseFamily
from pytest_stm32pose.judge import budget
from pytest_stm32pose.metrics.keypoints import can_judge
from pytest_stm32pose.models.zoo import default_pictures, resolve_model
from pytest_stm32pose.network.compile import CompiledNetwork, compile_graph, describe_graph, with_own_family
from pytest_stm32pose.network.graph import Graph
from pytest_stm32pose.network.kinds import check_kind
from pytest_stm32pose.network.meaning import meaning_of, own_meaning
from pytest_stm32pose.network.picture_input import check_picture_input
from pytest_stm32pose.network.product import ProductStore
from pytest_stm32pose.network.reader import read_model
from pytest_stm32pose.pictures.annotations.labelled import Choice
from pytest_stm32pose.pictures.annotations.sets import Wanted
from pytest_stm32pose.pictures.files import PictureSequence, load_pictures
from pytest_stm32pose.pictures.values import range_note, settled
from pytest_stm32pose.run.families import (
    are_foreign,
    idle_thresholds,
    named_by_labels,
    own_family,
    set_of_network,
    skeleton_for,
    wanted_set,
)
from pytest_stm32pose.run.request import RunRequest
from pytest_stm32pose.settings import LINKED_BACKENDS, ST_BACKEND, Settings
from pytest_stm32pose.types import Decoding, NetworkDescription

if TYPE_CHECKING:
    from pytest_stm32pose.golden.base import Engine
    from pytest_stm32pose.golden.store import GoldenStore

#: Budgets that only labels can judge.
_NEED_LABELS = frozenset({"oks_vs_truth_min", "map50_vs_truth_min"})


class RunInputs(RunRequest):
    """Each thing is read, compiled or built once, when it is first asked for."""

    def __init__(self, settings: Settings, root: Path) -> None:
        super().__init__(settings, root)
        self._pictures: PictureSequence | None = None
        self._firmware: dict[str, Path | None] = {}  #: by board
        self._networks: dict[Path, CompiledNetwork] = {}
        self._goldens: dict[Path, GoldenStore] = {}
        self._fixture_family: PoseFamily | None = None
        self._own_family: tuple[PoseFamily | None] | None = None  #: once it was looked for
        self._wanted: tuple[Wanted] | None = None

    def preflight(self, *, build: bool = True, networks: bool = True) -> None:
        """Checks the request without touching a board.

        Args:
            build: also builds the firmware, where this is a checkout; meanwhile the other things are looked at.
            networks: also those of --pose-model, which may wait for a family that is not known yet (`adopt`).

        Raises:
            ConfigError: unknown board, missing tool, broken model, pictures or budget.
        """
        self.check()
        building = self._build() if build else None
        if networks:
            self.check_networks(self.settings.models or ("",))
        self.pictures.verify()
        if networks:
            self._check_labels()
        if building is not None:
            building.result()

    def _build(self) -> Future[list[Path | None]]:
        """Begins to build, or to find up to date, what the boards of this run are flashed with.

        It is other processes that work. One that goes on when something else is refused leaves a firmware that is
        right, and is waited for when this process ends.
        """
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(lambda: [self.firmware(self.spec(name)) for name in self.settings.boards])
        finally:
            pool.shutdown(wait=False)

    def adopt(self, family: PoseFamily) -> None:
        """The family that the fixture pose_family gives: of every network, unless --pose-family names another one."""
        self._fixture_family, self._own_family = family, None
        self._networks.clear()
        self._goldens.clear()

    def check_family(self) -> None:
        """Raises ConfigError: there is no family as --pose-family names."""
        own_family(self.settings.family, self._fixture_family)

    @property
    def own_family(self) -> PoseFamily | None:
        """The user's own family that this run uses; None: a built-in one. Raises ConfigError: there is none so."""
        if self._own_family is None:
            self._own_family = (own_family(self.settings.family, self._fixture_family),)
        return self._own_family[0]

    @property
    def wanted_set(self) -> Wanted:
        """What --pose-skeleton names. Raises ConfigError: there is none so."""
        if self._wanted is None:
            self._wanted = (wanted_set(self.settings.skeleton),)
        return self._wanted[0]

    def check_models(self) -> None:
        """The networks of --pose-model, and whether labels can judge them as is asked. Raises ConfigError."""
        self.check_networks(self.settings.models or ("",))
        self._check_labels()

    def check_networks(self, models: Iterable[str]) -> None:
        """Whatever is known from the files and the catalog against running these networks on the boards of this run.

        Raises:
            ConfigError: a network is refused, does not fit a board, or cannot be judged as the options ask.
        """
        for model in models:
            if model in self.settings.zoo:  # a row of the zoo that cannot run is an entry of the record
                continue
            description = self.network(model).description
            for name in self.settings.boards:
                self.check_fit(name, model)
            check_keypoint_budgets(description, self.given_budgets())

    def check_fit(self, board: str, model: str) -> None:
        """Raises ModelError: the network is larger than the board."""
        spec = self.spec(board)
        if self.settings.backend in LINKED_BACKENDS:  # where a network lies is its generator's choice
            spec = replace(spec, slot_bytes=spec.linked_slot_bytes or spec.slot_bytes, external_ram=None)
        if self.settings.backend != ST_BACKEND or spec.kind == "virtual":  # ST's firmware says itself what it holds
            check_fit(spec, self.network(model).description, self.settings.weights or spec.weights)

    def _check_labels(self) -> None:
        """A budget against labels needs labels that can judge the networks. Raises ConfigError."""
        wanted = [limit.name for limit in self.given_budgets() if limit.name in _NEED_LABELS]
        foreign = self._foreign_labels()
        if wanted and foreign:
            raise ConfigError(
                f"--pose-budget={wanted[0]} cannot be judged: {foreign[0]}",
                remedy="Give pictures with labels of the network's keypoints, or leave the budget out.",
            )

    def _foreign_labels(self) -> list[str]:
        """One sentence for each network in use that the pictures' labels cannot judge."""
        labels = self.pictures.label_skeleton
        described = [network.description for network in self._networks.values()]
        return [
            are_foreign(network, labels)
            for network in described
            if labels is not None and network.keypoints and not can_judge(labels, set_of_network(network))
        ]

    def notes(self) -> tuple[str, ...]:
        """What was left out, or found and settled, in the pictures and their labels; none before they are read. And
        thresholds that change nothing; boards whose time is none."""
        if self._pictures is None:
            return ()
        labels = self.pictures.label_skeleton if self.wanted_set is None else None
        named = (named_by_labels(network.description, labels) for network in self._networks.values())
        idle = (idle_thresholds(network.description, self.settings.decoding) for network in self._networks.values())
        told = (*filter(None, named), *self._foreign_labels(), *filter(None, idle), *self._range_notes())
        return (*self._pictures.notes, *told, *self._twin_notes())

    def _twin_notes(self) -> Iterable[str]:
        for name in self.settings.boards:
            if self.spec(name).is_twin:
                yield (
                    f"{name} is a twin, a model of the board: its time is none. No latency is recorded, and no budget "
                    "and no gate judges one."
                )
                if planted := self.twin_faults(name):
                    yield f"planted in {name}'s model: {', '.join(planted)}."

    def _range_notes(self) -> Iterable[str]:
        for network in self._networks.values():
            with contextlib.suppress(ConfigError, ModelError):  # told when a picture was to be prepared for it
                note = range_note(settled(self.settings.preprocess, network.description), network.description)
                yield from filter(None, [note])

    @property
    def pictures(self) -> PictureSequence:
        """The test pictures; the default ones are those of the default network."""
        if self._pictures is None:
            settings = self.settings
            if settings.images is None and (settings.images_root or settings.category):
                raise ConfigError(
                    "--pose-images-root and --pose-category say something of labels of your own.",
                    remedy="Name them with --pose-images.",
                )
            own = self.wanted_set if settings.images else None  # the default pictures' set is known
            choice = Choice(settings.category, self._network_keypoints)
            path = settings.images or default_pictures()
            pictures = load_pictures(path, settings.max_images, own, root=settings.images_root, choice=choice)
            self._pictures = pictures.decoded_by(settings.preprocess.jpeg)
        return self._pictures

    def _network_keypoints(self) -> int | None:
        """Of the first network that tells it without looking at labels; asked where labels leave a choice."""
        settings = self.settings
        for model in settings.models or ("",):
            with contextlib.suppress(ConfigError):
                graph = read_model(resolve_model(model))
                found = self._meaning_by(graph, None).keypoints
                if found:
                    return found
        return settings.keypoints

    def network(self, model: str) -> CompiledNetwork:
        """A network by zoo name or path ("" the default one), compiled once per run."""
        return self._network_of(resolve_model(model))

    def _network_of(self, path: Path) -> CompiledNetwork:
        if path not in self._networks:
            network = self._compile(path)
            settled(self.settings.preprocess, network.description)  # which refuses what cannot be done
            self._networks[path] = network
        return self._networks[path]

    def path_of(self, network: CompiledNetwork) -> Path | None:
        """The .tflite of a network of this run; None for another one."""
        return next((path for path, known in self._networks.items() if known is network), None)

    def _compile(self, path: Path) -> CompiledNetwork:
        """An image for our runtime; what only ST's runs on the boards of this run need not fit ours."""
        graph = read_model(path)
        if not self.read_generated() and self.settings.backend != ST_BACKEND:
            check_kind(graph)
        check_picture_input(graph)
        meaning = self._meaning(graph)
        on_device = Meaning(NO_FAMILY, 0) if self.own_family else meaning
        if self.read_generated():
            return self._told(describe_graph(graph, meaning=on_device), meaning)
        try:
            return self._told(self._compiled(graph, self.settings.plan, on_device), meaning)
        except ModelError:
            foreign = self.settings.backend == ST_BACKEND
            if not foreign or any(self.spec(name).kind == "virtual" for name in self.settings.boards):
                raise
            return self._told(describe_graph(graph, meaning=on_device), meaning)

    def _told(self, network: CompiledNetwork, meaning: Meaning) -> CompiledNetwork:
        """With what only the user and the labels tell: a family of one's own, and which keypoints there are."""
        own = self.own_family
        told = with_own_family(network, own, meaning)
        skeleton = skeleton_for(
            network.description.name,
            meaning.keypoints,
            self.wanted_set,
            own.skeleton if own else None,
            self.pictures.label_skeleton if self.settings.images else None,
        )
        return replace(told, description=replace(told.description, skeleton=skeleton))

    def _meaning(self, graph: Graph) -> Meaning:
        """Of the outputs, by options, file and the user's labels (the default pictures' are another network's)."""
        if self.own_family:
            settings = self.settings
            return own_meaning(
                self.own_family,
                graph,
                keypoints=settings.keypoints,
                stated=stated_of(settings),
                decoding=settings.decoding,
            )
        labels = self.pictures.label_keypoints if self.settings.images else None
        try:
            return self._meaning_by(graph, labels)
        except ModelError as error:
            every = self.pictures.annotated_keypoints if self.settings.images else None
            if every is None or every == labels:
                raise
            try:
                self._meaning_by(graph, every)
            except ModelError:
                raise error from None
            told = f"--pose-skeleton=labels uses all {every} keypoints of the labels."
            raise ModelError(error.message, remedy=told) from None

    def _meaning_by(self, graph: Graph, labels: int | None) -> Meaning:
        """As labels of so many keypoints suggest."""
        settings = self.settings
        return meaning_of(
            graph,
            family=settings.family,
            keypoints=settings.keypoints,
            labels=labels,
            stated=stated_of(settings),
            decoding=settings.decoding,
        )

    def every_tensor(self, path: Path) -> CompiledNetwork:
        """The network once more, compiled so that every tensor of it is there to be compared."""
        graph = read_model(path)
        meaning = self._meaning(graph)
        on_device = Meaning(NO_FAMILY, 0) if self.own_family else meaning
        return self._told(self._compiled(graph, "plain", on_device), meaning)

    def _compiled(self, graph: Graph, plan: str, meaning: Meaning) -> CompiledNetwork:
        """The image of a graph, of an earlier run where --pose-cache has it."""
        store = cache.store("networks", self.settings.cache)
        kept = None if store is None else ProductStore(store)
        return compile_graph(graph, plan=plan, meaning=meaning, kept=kept)

    def golden(self, model: str) -> GoldenStore:
        """The goldens of a network by zoo name or path, as --pose-golden says."""
        return self.golden_of(resolve_model(model))

    def golden_of(self, path: Path) -> GoldenStore:
        """The goldens of a .tflite."""
        from pytest_stm32pose.golden.store import GoldenStore

        if path not in self._goldens:
            description = self._network_of(path).description
            meaning, own = meaning_of_description(description), self._network_of(path).own_family
            self._goldens[path] = GoldenStore(
                self.settings.golden,
                self.settings.golden_dir,
                description,
                lambda: _engine(path, meaning, own),
                command=f"stm32pose golden update --pose-model={shlex.quote(str(path))}{self._other_options()}",
                preprocessing=settled(self.settings.preprocess, description).text,
                decoder=own.identity if own else "",
            )
        return self._goldens[path]

    def _other_options(self) -> str:
        """What else a command needs to make the same goldens."""
        settings, usual = self.settings, Decoding()
        thresholds = {
            name: value
            for name in ("score", "nms_iou", "max_persons")
            if (value := getattr(settings.decoding, name)) != getattr(usual, name)
        }
        root, folder = settings.images_root, settings.golden_dir
        options = {
            "images": settings.images,
            "images-root": root,
            "category": settings.category,
            "skeleton": settings.skeleton,
            "max-images": settings.max_images,
            "golden-dir": folder if folder.absolute() != Path("goldens").absolute() else None,
            "family": settings.family,
            "keypoints": settings.keypoints,
            "units": settings.units,
            "classes": settings.classes,
            "outputs": ",".join(map(str, settings.outputs)),
            **{name.replace("_", "-"): str(value) for name, value in thresholds.items()},
        }
        others = "".join(f" --pose-{name}={shlex.quote(str(value))}" for name, value in options.items() if value)
        return f"{settings.preprocess.options}{others}"

    def firmware(self, spec: BoardSpec) -> Path | None:
        """The file to flash: the user's, the checkout's (built when its sources changed), the wheel's; or None.

        Of one run it is one: sources that change meanwhile are of the next.
        """
        if spec.name not in self._firmware:
            self._firmware[spec.name] = self._find_firmware(spec)
        return self._firmware[spec.name]

    def _find_firmware(self, spec: BoardSpec) -> Path | None:
        if self.settings.backend == ST_BACKEND and spec.kind != "virtual":
            return self.settings.firmware  # the user's build, which may be on the board already
        from pytest_stm32pose.firmware.build import firmware_for

        generated = self.read_generated()
        backend = self.settings.backend if generated else "runtime"
        return self.settings.firmware or firmware_for(
            spec.name, spec.firmware, spec.kernels, backend, network=generated
        )


def stated_of(settings: Settings) -> Stated:
    """What the options say of the outputs, beside family and keypoints."""
    pixels = None if settings.units is None else settings.units == "pixels"
    return Stated(pixels=pixels, classes=settings.classes, outputs=settings.outputs)


def check_keypoint_budgets(description: NetworkDescription, budgets: Iterable[budget.Budget]) -> None:
    """Raises ConfigError: a budget judges keypoints of a network whose outputs are compared only."""
    if description.family != NO_FAMILY:
        return
    names = [limit.name for limit in budgets if budget.judges_keypoints(limit.name)]
    if names:
        raise ConfigError(
            f"{description.name} has no keypoints (--pose-family={NO_FAMILY}), so {', '.join(names)} cannot be judged.",
            remedy="Leave the budget out, or name the network's family; tensor_lsb_max judges its outputs.",
        )


def _engine(path: Path, meaning: Meaning, own: PoseFamily | None) -> Engine:
    from pytest_stm32pose.golden.engine import GoldenEngine

    return GoldenEngine(path, meaning, own)
