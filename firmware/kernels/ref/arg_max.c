/* ARG_MAX along one dimension, as TFLite's reference_ops::ArgMinMax: the first largest value wins; a NaN is never
 * larger, nor is anything larger than a NaN that comes first. */
#include "kernels/axis.h"
#include "kernels/params.h"

static int check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_dimension_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_dimension_params *p = op->params;
    const uint8_t from = op->in[0].tensor->dtype;
    const uint8_t to = op->out[0].tensor->dtype;
    const bool known = from == POSE_INT8 || from == POSE_UINT8 || from == POSE_INT32 || from == POSE_FLOAT32;
    if (!known || (to != POSE_INT32 && to != POSE_INT64)) {
        return POSE_ERR_OPERATOR;
    }
    return pose_axis_removed(op->in[0].tensor, op->out[0].tensor, p->axis) ? POSE_OK : POSE_ERR_IMAGE;
}

/* Whether element i is larger than element best. */
static bool larger(const void *data, uint8_t dtype, uint32_t i, uint32_t best)
{
    switch (dtype) {
    case POSE_INT8:
        return ((const int8_t *)data)[i] > ((const int8_t *)data)[best];
    case POSE_UINT8:
        return ((const uint8_t *)data)[i] > ((const uint8_t *)data)[best];
    case POSE_INT32:
        return ((const int32_t *)data)[i] > ((const int32_t *)data)[best];
    default:
        return ((const float *)data)[i] > ((const float *)data)[best];
    }
}

static int run(const struct pose_op *op)
{
    const struct pose_dimension_params *p = op->params;
    const struct pose_axis axis = pose_axis_open(op->in[0].tensor, p->axis);
    const uint8_t dtype = op->in[0].tensor->dtype;
    const bool wide = op->out[0].tensor->dtype == POSE_INT64;
    for (uint32_t o = 0; o < axis.outer; o++) {
        for (uint32_t i = 0; i < axis.inner; i++) {
            const uint32_t first = o * axis.size * axis.inner + i;
            uint32_t best = 0;
            for (uint32_t k = 1; k < axis.size; k++) {
                if (larger(op->in[0].data, dtype, first + k * axis.inner, first + best * axis.inner)) {
                    best = k;
                }
            }
            if (wide) {
                ((int64_t *)op->out[0].data)[o * axis.inner + i] = best;
            } else {
                ((int32_t *)op->out[0].data)[o * axis.inner + i] = (int32_t)best;
            }
        }
    }
    return POSE_OK;
}

POSE_KERNEL(POSE_OPCODE_ARG_MAX, check, run);
