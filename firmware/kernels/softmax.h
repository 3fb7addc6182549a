/* What all variants of SOFTMAX, int8, along the last dimension, share: the check. As TFLite's reference_ops::Softmax: the exponentials
 * of the possible differences come from the host, their sum's inverse is Newton's iteration in gemmlowp's fixed point. */
#ifndef POSE_KERNELS_SOFTMAX_H
#define POSE_KERNELS_SOFTMAX_H

#include "kernels/checks.h"
#include "kernels/fixed_point.h"
#include "kernels/params.h"

#define POSE_SOFTMAX_DIFFERENCES 256u

static inline int pose_softmax_check(const struct pose_op *op)
{
    const int status = pose_check_op(op, 1u, 1u, sizeof(struct pose_softmax_params));
    if (status != POSE_OK) {
        return status;
    }
    const struct pose_softmax_params *p = op->params;
    const struct pose_image_tensor *in = op->in[0].tensor;
    if (in->dtype != POSE_INT8 || op->out[0].tensor->dtype != POSE_INT8) {
        return POSE_ERR_OPERATOR;
    }
    if (!pose_same_shape(&op->in[0], &op->out[0]) || in->rank == 0u || in->dims[in->rank - 1u] > POSE_SOFTMAX_MAX_DEPTH) {
        return POSE_ERR_IMAGE;
    }
    const int32_t *exps = pose_op_const(op, p->exps_off, POSE_SOFTMAX_DIFFERENCES * (uint32_t)sizeof *exps, sizeof *exps);
    if (exps == NULL || exps[0] != INT32_MAX) {
        return POSE_ERR_IMAGE;
    }
    for (uint32_t i = 0; i < POSE_SOFTMAX_DIFFERENCES; i++) {
        if (exps[i] < 0) {
            return POSE_ERR_IMAGE;
        }
    }
    return POSE_OK;
}

/* Of the iteration: the fixed point has two integer bits. */
#define POSE_SOFTMAX_GUESS 1515870810    /* 48/17 */
#define POSE_SOFTMAX_SLOPE (-1010580540) /* -32/17 */
#define POSE_SOFTMAX_ONE (1 << 29)
#define POSE_SOFTMAX_STEPS 3

#endif
