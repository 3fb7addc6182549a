"""The run record, schema "stm32pose/run/1" (record.schema.json), by its entries (room `entries`).

Those who build or read records find all of them here.
"""

from __future__ import annotations

from pytest_stm32pose.entries.comparison import ComparedEntry as ComparedEntry
from pytest_stm32pose.entries.comparison import ComparisonEntry as ComparisonEntry
from pytest_stm32pose.entries.comparison import MetricEntry as MetricEntry
from pytest_stm32pose.entries.model import AccuracyEntry as AccuracyEntry
from pytest_stm32pose.entries.model import BudgetEntry as BudgetEntry
from pytest_stm32pose.entries.model import DeviceModelEntry as DeviceModelEntry
from pytest_stm32pose.entries.model import GoldenEntry as GoldenEntry
from pytest_stm32pose.entries.model import LatencyEntry as LatencyEntry
from pytest_stm32pose.entries.model import MemoryEntry as MemoryEntry
from pytest_stm32pose.entries.model import ModelEntry as ModelEntry
from pytest_stm32pose.entries.model import NetworkEntry as NetworkEntry
from pytest_stm32pose.entries.model import OperatorEntry as OperatorEntry
from pytest_stm32pose.entries.picture import DivergenceEntry as DivergenceEntry
from pytest_stm32pose.entries.picture import ErrorEntry as ErrorEntry
from pytest_stm32pose.entries.picture import ImageEntry as ImageEntry
from pytest_stm32pose.entries.picture import LabelsEntry as LabelsEntry
from pytest_stm32pose.entries.picture import MatchesEntry as MatchesEntry
from pytest_stm32pose.entries.picture import Persons as Persons
from pytest_stm32pose.entries.picture import TensorEntry as TensorEntry
from pytest_stm32pose.entries.picture import TimingEntry as TimingEntry
from pytest_stm32pose.entries.picture import WhereEntry as WhereEntry
from pytest_stm32pose.entries.run import SCHEMA as SCHEMA
from pytest_stm32pose.entries.run import BoardEntry as BoardEntry
from pytest_stm32pose.entries.run import CauseEntry as CauseEntry
from pytest_stm32pose.entries.run import FirmwareEntry as FirmwareEntry
from pytest_stm32pose.entries.run import FlashEntry as FlashEntry
from pytest_stm32pose.entries.run import NotRunEntry as NotRunEntry
from pytest_stm32pose.entries.run import PluginEntry as PluginEntry
from pytest_stm32pose.entries.run import RunEntry as RunEntry
from pytest_stm32pose.entries.run import ZooEntry as ZooEntry
