"""Defects that are planted in the real system, one at a time, and what must be said of each.

A defect of the firmware is an edit of its sources, in a copy, built like the real one. One of the host is a pytest
plugin that replaces a function of the package (tests/mutants/). What tests, options and files do wrong stands in
mutations_of_use.py. `python -m tests.mutations` writes docs/mutations.md from both; tests/virtual/test_mutations.py
plants the defects, all of them under the campaign marker.
"""

from __future__ import annotations

from pathlib import Path

from tests import mutations_of_use
from tests.mutation import GATE, M55, PICTURES_ONLY, SAME, Edit, Mutation

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "mutations.md"

LSB = "kernel off by one LSB in one channel"
PADDING = "wrong padding"
CHANNELS = "swapped channels"
KEYPOINTS = "swapped keypoints"
STALE = "stale answer"
SLOW = "3 % slow-down"
WEIGHTS = "wrong weights file"
PREPROCESSING = "wrong preprocessing"
TRUNCATED = "truncated output"
DROPPED = "dropped picture"
WRONG_BASELINE = "wrong baseline"
COLLAPSE = "accuracy that collapsed"
LOST = "figure or board that is lost"


def off_by_one(file: str, registration: str, channels: int) -> Edit:
    """Channel 1 of a kernel's output is one LSB too high, where the output has so many channels."""
    run = registration.rpartition(" ")[2].removesuffix(")")
    mutant = f"""static int off_by_one(const struct pose_op *op)
{{
    const int status = {run}(op);
    int8_t *const values = op->out[0].data;
    for (uint32_t i = 1; op->out[0].tensor->dims[3] == {channels}u && i < op->out[0].tensor->bytes; i += {channels}u) {{
        values[i] = (int8_t)(values[i] < 127 ? values[i] + 1 : 126);
    }}
    return status;
}}

"""
    return Edit(file, registration, mutant + registration.replace(f"{run})", "off_by_one)"))


def lsb(
    name: str, kernel: str, registration: str, channels: int, operator: str, *, hint: str = "", **more: object
) -> Mutation:
    """A kernel that is one LSB off must be named with the operator of the .tflite that shows it first."""
    planted = f"`{kernel}`: channel 1 of outputs with {channels} channels is one LSB too high"
    says = ("tensor_lsb_max is broken", f"First divergence: operator {operator},", "differ by up to 1 LSB")
    edits = (off_by_one(kernel, registration, channels),)
    shows = (f"pictures: first divergence operator {operator}, channel 1 only (max 1 LSB)", hint)
    return Mutation(name, LSB, planted, "test_picture", says, edits=edits, shows=shows, channel=1, **more)  # type: ignore[arg-type]


LSB_MUTATIONS = (
    lsb("lsb-conv-in-a-stream", "kernels/dsp/conv_2d.c",
        "POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run)",
        80, "13 CONV_2D", hint="before it, and not seen in this plan: 13 CONV_2D, 14 PAD", fast=True),
    lsb("lsb-depthwise-in-a-stream", "kernels/dsp/depthwise_conv_2d.c",
        "POSE_KERNEL_FLAGS(POSE_OPCODE_DEPTHWISE_CONV_2D, POSE_KERNEL_ROWS, check, run)", 64, "9 DEPTHWISE_CONV_2D"),
    lsb("lsb-add", "kernels/dsp/add.c",
        "POSE_KERNEL_FLAGS(POSE_OPCODE_ADD, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_add_tables_check, run)",
        40, "32 ADD"),
    lsb("lsb-resize", "kernels/ref/resize_bilinear.c",
        "POSE_KERNEL(POSE_OPCODE_RESIZE_BILINEAR, pose_resize_check, run)", 32, "38 RESIZE_BILINEAR"),
    lsb("lsb-logistic", "kernels/ref/logistic.c",
        "POSE_KERNEL_FLAGS(POSE_OPCODE_LOGISTIC, POSE_OP_IN_PLACE | POSE_KERNEL_ROWS, pose_table_only_check, "
        "pose_table_only_run)",
        13, "50 LOGISTIC"),
    lsb("lsb-conv-helium", "kernels/mve/conv_2d.c",
        "POSE_KERNEL_FLAGS(POSE_OPCODE_CONV_2D, POSE_KERNEL_ROWS, check, run)", 40, "28 CONV_2D",
        kernels="mve", board=("--board=qemu-m55-mve",)),
    Mutation(
        "rounding-resize", LSB, "`kernels/ref/resize_bilinear.c`: sums are cut off instead of rounded", "test_picture",
        ("First divergence: operator 38 RESIZE_BILINEAR,", "differ by up to 1 LSB"),
        edits=(Edit("kernels/ref/resize_bilinear.c", "(sum + (sum > 0 ? 1 << 19 : -(1 << 19)))", "sum"),),
    ),
)  # fmt: skip

FIRMWARE_MUTATIONS = (
    Mutation(
        "padding-value", PADDING, "`kernels/dsp/windows.h`: windows are padded with 0 instead of the zero point",
        "test_picture", ("First divergence: operator 1 CONV_2D,",),
        edits=(
            Edit("kernels/dsp/windows.h", "memset(to, conv->in_zero_point, (size_t)row_bytes)",
                 "memset(to, 0, (size_t)row_bytes)"),
            Edit("kernels/dsp/windows.h", "memset(to, conv->in_zero_point, (size_t)conv->in_c)",
                 "memset(to, 0, (size_t)conv->in_c)"),
        ),
    ),
    Mutation(
        "padding-side", PADDING, "`kernels/convolution.h`: one column more on the left", "test_picture",
        ("First divergence: operator 1 CONV_2D,",),
        edits=(Edit("kernels/convolution.h", ".pad_left = p->pad_left,", ".pad_left = p->pad_left + 1,"),),
    ),
    Mutation(
        "channels-on-device", CHANNELS, "`kernels/ref/quantize.c`: the first operator takes blue for red",
        "test_picture", ("First divergence: operator 0 QUANTIZE,",),
        edits=(Edit("kernels/ref/quantize.c", "        return pose_table_run(op, p->table_off);",
                    "        const uint8_t *const pixels = op->in[0].data;\n"
                    "        const uint8_t *const table = op->image + p->table_off;\n"
                    "        for (uint32_t i = 0; i < op->in[0].tensor->bytes; i++) {\n"
                    "            ((uint8_t *)op->out[0].data)[i] = table[pixels[i + 2u - 2u * (i % 3u)]];\n"
                    "        }\n"
                    "        return POSE_OK;"),),
    ),
    Mutation(
        "keypoints-swapped", KEYPOINTS, "`postproc/heatmap.c`: left and right elbow change places", "test_picture",
        ("First divergence: decode, the output tensors are equal but 2 of 13 keypoints differ",
         "keypoint 3 left_elbow"),
        shows=("worst keypoints against the golden: left_elbow",), fast=True,
        edits=(Edit("postproc/heatmap.c", "find(how, &map, height * width, k, &row[2], &cell);",
                    "find(how, &map, height * width, k == 3u ? 4u : k == 4u ? 3u : k, &row[2], &cell);"),),
    ),
    Mutation(
        "keypoints-transposed", KEYPOINTS, "`postproc/heatmap.c`: x and y change places", "test_picture",
        ("First divergence: decode, the output tensors are equal but",),
        edits=(Edit("postproc/heatmap.c", "        row[0] = ((float)(cell % width) + 0.5f) / (float)width;\n"
                    "        row[1] = ((float)(cell / width) + 0.5f) / (float)height;",
                    "        row[1] = ((float)(cell % width) + 0.5f) / (float)width;\n"
                    "        row[0] = ((float)(cell / width) + 0.5f) / (float)height;"),),
    ),
    Mutation(
        "stale-result", STALE, "`app/persons.c`: the result is the one of the run before", "test_picture",
        ("The device gave a stale answer: the result is for an input with CRC",), fast=True,
        edits=(Edit("app/persons.c", "    pose_put_u32(&w, result->input_crc32);",
                    "    static uint32_t previous;\n    pose_put_u32(&w, previous);\n"
                    "    previous = result->input_crc32;"),),
    ),
    Mutation(
        "stale-nonce", STALE, "`app/infer.c`: answers carry the nonce of the run before", "test_picture",
        ("The answer of an inference was lost", "answers to other requests came"), "blocked",
        edits=(Edit("app/infer.c", "    run.request = *request;\n    link->ops->release(link);",
                    "    static uint32_t previous;\n    run.request = *request;\n    run.request.nonce = previous;\n"
                    "    previous = request->nonce;\n    link->ops->release(link);"),),
    ),
    Mutation(
        "stale-input", STALE, "`app/infer.c`: the network is given the other slot, which holds the picture before",
        "test_picture", ("First divergence: output tensor", "a stale answer: the output is that of figure_0"),
        edits=(Edit("app/infer.c", "pose_net_run(pose_app_slot(run->slot), hook",
                    "pose_net_run(pose_app_slot(1u - run->slot), hook"),),
    ),
    Mutation(
        "stale-crc", STALE, "`app/infer.c`: tensors are told by the CRC-32 of the one before", "test_picture",
        ("The device told CRC-32 0x", "of output tensor", "and its bytes have 0x"), options=PICTURES_ONLY,
        edits=(Edit("app/infer.c", "    pose_put_u32(&w, pose_crc32(0, tensor->data, desc->bytes));",
                    "    static uint32_t previous;\n    pose_put_u32(&w, previous);\n"
                    "    previous = pose_crc32(0, tensor->data, desc->bytes);"),),
    ),
    Mutation(
        "truncated-crc", TRUNCATED, "`app/infer.c`: the CRC-32 of a tensor is that of its first half", "test_picture",
        ("The device told CRC-32 0x", "of output tensor", "and its bytes have 0x"), options=PICTURES_ONLY,
        edits=(Edit("app/infer.c", "pose_crc32(0, tensor->data, desc->bytes)",
                    "pose_crc32(0, tensor->data, desc->bytes / 2u)"),),
    ),
    Mutation(
        "shifted-bytes", TRUNCATED,
        "`app/outputs.c`: the bytes of an output that differs begin with the second element (weights-bit)",
        "test_picture", ("The device told CRC-32 0x", "of output tensor", "and its bytes have 0x"),
        options=("--pose-fault=weights-bit", *PICTURES_ONLY),
        edits=(Edit("app/outputs.c", "tensor.data + asked.offset", "tensor.data + (asked.offset ^ 4u)"),),
    ),
    Mutation(
        "truncated-tensor", TRUNCATED,
        "`app/infer.c`: the second half of every tensor is not sent (`--pose-output-data=full`)", "test_picture",
        ("INFER answer: part", "bytes of tensor"), "blocked", options=("--pose-output-data=full",),
        edits=(
            Edit("app/infer.c", "offset < desc->bytes;) {", "offset < desc->bytes / 2u;) {"),
            Edit("app/infer.c", "size = left < chunk_max ? left : chunk_max;",
                 "size = left / 2u < chunk_max ? left / 2u : chunk_max;"),
        ),
    ),
    Mutation(
        "truncated-rows", TRUNCATED, "`app/infer.c`: tensors are sent with half their rows, consistently",
        "test_picture",
        ("tensor_lsb_max is broken: inf LSB", "First divergence: operator 0 QUANTIZE",
         "golden is int8 [1, 96, 96, 3], device is int8 [1, 48, 96, 3]"),
        edits=(
            Edit("app/infer.c", "    const struct pose_image_tensor *desc = tensor->tensor;",
                 "    struct pose_image_tensor half = *tensor->tensor;\n"
                 "    half.dims[1] /= 2u;\n    half.bytes /= 2u;\n"
                 "    const struct pose_image_tensor *desc = &half;"),
            Edit("app/outputs.c", "left = tensor.tensor->bytes - asked.offset;",
                 "left = tensor.tensor->bytes / 2u - asked.offset;"),
        ),
    ),
    Mutation(
        "truncated-outputs", TRUNCATED, "`app/infer.c`: the last output tensor is left out", "test_picture",
        ("INFER answer: OUTPUTS did not come",), "blocked",
        edits=(Edit("app/infer.c", "status == POSE_OK && i < run->output_count; i++)",
                    "status == POSE_OK && i + 1u < run->output_count; i++)"),),
    ),
    Mutation(
        "truncated-keypoints", TRUNCATED, "`app/persons.c`: the last keypoint is left out", "test_picture",
        ("INFER answer",), "blocked",
        edits=(
            Edit("app/persons.c", "rows * ROW_FLOATS * (uint32_t)sizeof(float);",
                 "(rows - (rows > 0u)) * ROW_FLOATS * (uint32_t)sizeof(float);"),
            Edit("app/persons.c", "    *sender->link_status = pose_answer_put(&sender->answer, row,",
                 "    static uint32_t sent;\n"
                 "    if (++sent % sender->result->info->decoding->keypoints == 0u) {\n        return POSE_OK;\n    }\n"
                 "    *sender->link_status = pose_answer_put(&sender->answer, row,"),
        ),
    ),
    Mutation(
        "slow-down", SLOW, "`kernels/ref/resize_bilinear.c` counts to a number first: 3 % more instructions", "gate",
        ("regression: stick_pose_96_int8 on qemu-m55: latency_p50 went from", "(+3.0", "allowed is 1 % more"),
        options=GATE, before=SAME, fast=True,
        edits=(Edit("kernels/ref/resize_bilinear.c",
                    "    return pose_resize_run(op, blend);",
                    '    for (uint32_t i = 0; i < 365000u; i++) {\n        __asm volatile("");\n    }\n'
                    "    return pose_resize_run(op, blend);"),),
    ),
)  # fmt: skip

HOST_MUTATIONS = (
    Mutation("channels-sent", CHANNELS, "`--pose-fault=input-channels`", "test_picture",
             ("First divergence: preprocessing, the device was given other input bytes than the golden",),
             options=("--pose-fault=input-channels",)),
    Mutation("weights-file", WEIGHTS, "another file's network is flashed (`tests/mutants/other_weights.py`)",
             "test_identity, test_picture",
             ("the board runs the network of another file: stick_pose_96_int8, SHA-256",),
             mutant="other_weights", fast=True),
    Mutation("weights-bit", WEIGHTS, "`--pose-fault=weights-bit`", "test_picture",
             ("First divergence: operator",), options=("--pose-fault=weights-bit",)),
    Mutation("weights-damaged", WEIGHTS, "`--pose-fault=network-bit`", "board", ("a checksum does not match",),
             options=("--pose-fault=network-bit",)),
    Mutation("half-a-picture", PREPROCESSING,
             "the device is given half of the picture (`tests/mutants/half_a_picture.py`)",
             "test_picture",
             ("First divergence: preprocessing, the device was given other input bytes than the golden",),
             mutant="half_a_picture"),
    Mutation("letterbox", PREPROCESSING,
             "`--pose-preprocess=letterbox` against a baseline of stretched pictures", "gate",
             ("not compared with the baseline", "the preprocessing was stretch and is letterbox"), "blocked",
             options=("--pose-preprocess=letterbox", *GATE), before=SAME),
    Mutation("bgr-pictures", PREPROCESSING, "device and golden are given BGR (`tests/mutants/bgr_pictures.py`)", "gate",
             ("not compared with the baseline", "the input bytes of the run differ: 2 changed"), "blocked",
             mutant="bgr_pictures", options=GATE, before=SAME),
    Mutation("bgr-stored-goldens", PREPROCESSING,
             "the same, with stored goldens (`--pose-golden=check`)", "test_picture",
             ("First divergence: preprocessing, the device was given other input bytes than the golden",),
             mutant="bgr_pictures", options=("--pose-golden=check",), before=(*M55, "--pose-golden=update")),
    Mutation("dropped", DROPPED, "the run has a picture less than the baseline (`tests/mutants/one_picture_less.py`)",
             "gate", ("not compared with the baseline", "the pictures of the run differ: 1 missing (figure_1)"),
             "blocked",
             mutant="one_picture_less", options=GATE, before=SAME),
    Mutation("other-board", WRONG_BASELINE, "the baseline is of qemu-m7", "gate",
             ("not compared with the baseline", "has nothing of it (it has stick_pose_96_int8 on qemu-m7)"), "blocked",
             options=GATE, before=("--board=qemu-m7",)),
    Mutation("other-network", WRONG_BASELINE, "the baseline is of a network of another name", "gate",
             ("not compared with the baseline", "has nothing of it (it has another_net on qemu-m55)"), "blocked",
             options=GATE, before=(*M55, "--pose-model=another_net.tflite")),
    Mutation("other-pictures", WRONG_BASELINE, "the baseline is of other pictures under the same names", "gate",
             ("not compared with the baseline", "the pictures of the run differ: 2 changed (figure_0, figure_1)"),
             "blocked",
             options=GATE, before=(*M55, "--pose-images=other_pictures")),
    Mutation("other-plan", WRONG_BASELINE, "the baseline is of the plain memory plan", "gate",
             ("not compared with the baseline", "the plan was plain and is small"), "blocked",
             options=GATE, before=(*M55, "--pose-plan=plain")),
)  # fmt: skip

GATE_MUTATIONS = (
    Mutation("truth-times-0.8", COLLAPSE,
             "OKS against the labels is a fifth less, of two pictures (`tests/mutants/worse_than_before.py`)", "gate",
             ("regression: stick_pose_96_int8 on qemu-m55: oks_vs_truth went from", "allowed is 0.005 OKS less"),
             mutant="worse_than_before", options=(*PICTURES_ONLY, *GATE), before=(*M55, *PICTURES_ONLY)),
    Mutation("lost-person", COLLAPSE,
             "one picture of two has nobody in it, OKS 0 and an infinite error (`tests/mutants/lost_person.py`)",
             "gate",
             ("regression: stick_pose_96_int8 on qemu-m55: keypoint_error_px was finite and is infinite", "(figure_0)"),
             mutant="lost_person", options=(*PICTURES_ONLY, *GATE), before=(*M55, *PICTURES_ONLY)),
    Mutation("no-truth", LOST, "OKS against the labels is not computed (`tests/mutants/no_labels_matched.py`)", "gate",
             ("not compared with the baseline", "oks_vs_truth was measured in the baseline and not in the run"),
             "blocked", mutant="no_labels_matched", options=(*PICTURES_ONLY, *GATE), before=(*M55, *PICTURES_ONLY)),
    Mutation("no-tensors", LOST, "no comparison of a tensor is recorded (`tests/mutants/no_tensors.py`)", "gate",
             ("not compared with the baseline", "tensor_differing was measured in the baseline and not in the run"),
             "blocked", mutant="no_tensors", options=(*PICTURES_ONLY, *GATE), before=(*M55, *PICTURES_ONLY)),
    Mutation("lost-network", LOST, "a network of the baseline is not run", "gate",
             ("not compared with the baseline", "another_net on qemu-m55: the baseline has it and the run has not"),
             "blocked", options=(*PICTURES_ONLY, *GATE),
             before=(*M55, "--pose-model=another_net.tflite", "--pose-model=stick_pose_96_int8", *PICTURES_ONLY)),
    Mutation("lost-board", LOST, "a board of the baseline is not run", "gate",
             ("not compared with the baseline",
              "stick_pose_96_int8 on qemu-m7: the baseline has it and the run has not"),
             "blocked", options=(*PICTURES_ONLY, *GATE), before=(*M55, "--board=qemu-m7", *PICTURES_ONLY)),
)  # fmt: skip

MUTATIONS = (*LSB_MUTATIONS, *FIRMWARE_MUTATIONS, *HOST_MUTATIONS, *GATE_MUTATIONS, *mutations_of_use.MUTATIONS)

HEAD = """# Proved able to fail
Every check of this project is shown a defect that it must find. The defects are planted in the real system, one at a
time, in a copy of the firmware, in the running host, or in what a user writes and gives: tests, options, pictures,
networks. The suite or those tests then run on an emulated board as a user runs them. The verdict must be red, the named
check must be the one that says so, and its sentence must name the cause.

What goes red is a test, or something without one: `board` where no test gets as far as measuring, `gate`, `run` at the
end of a run whose tests all passed or were skipped, `collection` before a board is taken (a usage error: `refused`).
Where no run could show the defect, it is one of this project's own tests.

A few run in `make test`, all of them in `make campaign`, or by themselves:

```sh
pytest tests/virtual/test_mutations.py -m campaign
```

This table is written by `python -m tests.mutations` from the one that the campaign runs. Where the last column has
several parts, they stand in one sentence in this order.

"""


def document() -> str:
    """docs/mutations.md."""
    rows = ["| defect | planted | verdict | goes red | and says |", "|---|---|---|---|---|"]
    for each in sorted(MUTATIONS, key=lambda mutation: ORDER.index(mutation.defect)):
        says = " ... ".join(f"`{text}`" for text in each.says)
        rows.append(f"| {each.defect} | {each.planted} | {each.verdict} | {each.check} | {says} |")
    return HEAD + "\n".join(rows) + "\n"


#: The defects in the order in which they were asked for.
ORDER = (
    *(LSB, PADDING, CHANNELS, KEYPOINTS, STALE, SLOW, WEIGHTS, PREPROCESSING, TRUNCATED, DROPPED, WRONG_BASELINE),
    *(COLLAPSE, LOST),
    *mutations_of_use.ORDER,
)

if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
