"""What a command may cost: instructions, allocations and reference counting, counted by callgrind.

The thresholds are a few percent above what was reached; they are tightened when it gets better. Who exceeds one sees by
`Tests/bench/instructions.py --profile apus` where the instructions are spent.
"""

import json
import pathlib
import sys

import pytest

from nodes import APUS

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import instructions

THRESHOLDS = json.loads((BENCH / "thresholds.json").read_text())

pytestmark = [
    pytest.mark.apus_only,
    pytest.mark.skipif(not instructions.is_possible(), reason="valgrind or strip is not installed"),
]


@pytest.fixture(scope="module")
def measured():
    guarded = [command for command in instructions.COMMANDS + instructions.COLLECTIONS if command.name in THRESHOLDS]
    return instructions.measure(APUS, guarded)


@pytest.mark.parametrize("command", THRESHOLDS)
def test_a_command_takes_no_more_instructions_than_it_did(measured, command):
    assert measured[command].instructions <= THRESHOLDS[command]["instructions"]


@pytest.mark.parametrize("command", THRESHOLDS)
def test_a_command_over_existing_keys_allocates_nothing(measured, command):
    # What the process allocates besides, in its cron, is no part of a command: one in a hundred commands is far above it.
    assert measured[command].allocations < 0.01


@pytest.mark.parametrize("command", THRESHOLDS)
def test_a_command_counts_no_references(measured, command):
    # A wakeup does, for some dozen times: with 32 commands in each, less than one per command.
    assert measured[command].references <= THRESHOLDS[command]["references"]
