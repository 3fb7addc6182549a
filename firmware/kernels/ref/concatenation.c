/* CONCATENATION of any element type; uint8 inputs of another quantisation than the output's go through tables of 256
 * results. Same bits as TFLite's reference_ops::Concatenation and ConcatenationWithScaling. */
#include "kernels/joints.h"
#include "kernels/table.h"

#define VALUES 256u

static int check(const struct pose_op *op)
{
    const uint32_t count = op->desc->input_count;
    const int status = pose_check_op(op, count, 1u, sizeof(struct pose_axis_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_axis_params *p = op->params;
    const bool tables = p->tables_off == 0u ||
                        (op->out[0].tensor->dtype == POSE_UINT8 && pose_op_const(op, p->tables_off, count * VALUES, 1u) != NULL);
    return count > 0u && tables && pose_joints_valid(&op->out[0], op->in, count, p->axis) ? POSE_OK : POSE_ERR_IMAGE;
}

static int run(const struct pose_op *op)
{
    const struct pose_axis_params *p = op->params;
    const uint32_t rows = pose_joints_rows(op->out[0].tensor, p->axis);
    const uint32_t out_bytes = op->out[0].tensor->bytes / rows;
    uint8_t *start = op->out[0].data;
    for (uint32_t k = 0; k < op->desc->input_count; k++) {
        const uint32_t bytes = op->in[k].tensor->bytes / rows;
        const uint8_t *in = op->in[k].data;
        uint8_t *out = start;
        for (uint32_t row = 0; row < rows; row++) {
            if (p->tables_off == 0u) {
                memcpy(out, in, bytes);
            } else {
                pose_look_up(out, in, bytes, op->image + p->tables_off + k * VALUES);
            }
            in += bytes;
            out += out_bytes;
        }
        start += bytes;
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_CONCATENATION, check, run);
