/* Walks two broadcast inputs and one output of an element-wise operator run by run, without recursion: a run is as
 * many output elements as can be reached with one fixed step (0 or 1) per input. */
#ifndef POSE_KERNELS_BROADCAST_H
#define POSE_KERNELS_BROADCAST_H

#include "kernels/checks.h"

struct pose_broadcast {
    uint32_t sizes[POSE_IMAGE_MAX_RANK]; /* of the output, outermost first, merged where both inputs allow */
    uint32_t steps[2][POSE_IMAGE_MAX_RANK];
    uint32_t at[POSE_IMAGE_MAX_RANK];
    uint32_t rank;
    uint32_t offsets[2]; /* of the current run in each input, elements */
};

/* Size of dimension i of an output of `rank` dimensions in one operand, aligned at the last dimension. */
static inline uint32_t pose_broadcast_size(const struct pose_operand *operand, uint32_t rank, uint32_t i)
{
    const uint32_t missing = rank - operand->tensor->rank;
    return i < missing ? 1u : operand->tensor->dims[i - missing];
}

/* Part of check(): the output's shape is what the inputs broadcast to. */
static inline bool pose_broadcast_valid(const struct pose_op *op)
{
    const uint32_t rank = op->out[0].tensor->rank;
    if (op->in[0].tensor->rank > rank || op->in[1].tensor->rank > rank) {
        return false;
    }
    for (uint32_t i = 0; i < rank; i++) {
        const uint32_t a = pose_broadcast_size(&op->in[0], rank, i);
        const uint32_t b = pose_broadcast_size(&op->in[1], rank, i);
        const uint32_t out = op->out[0].tensor->dims[i];
        if ((a != out && a != 1u) || (b != out && b != 1u) || (out != a && out != b)) {
            return false;
        }
    }
    return true;
}

/* Prepares the walk; the operands passed pose_broadcast_valid(). */
static inline struct pose_broadcast pose_broadcast_open(const struct pose_op *op)
{
    struct pose_broadcast walk = {.rank = 1u, .sizes = {1u}};
    const uint32_t rank = op->out[0].tensor->rank;
    bool was_one[2] = {true, true};
    for (uint32_t i = 0; i < rank; i++) {
        const uint32_t size = op->out[0].tensor->dims[i];
        if (size == 1u) {
            continue;
        }
        bool merges = true;
        for (uint32_t k = 0; k < 2u; k++) {
            const bool is_one = pose_broadcast_size(&op->in[k], rank, i) == 1u;
            merges = merges && is_one == was_one[k];
            was_one[k] = is_one;
        }
        if (!merges && walk.sizes[walk.rank - 1u] != 1u) {
            walk.sizes[walk.rank] = 1u;
            walk.rank++;
        }
        walk.sizes[walk.rank - 1u] *= size;
        walk.steps[0][walk.rank - 1u] = was_one[0] ? 0u : 1u;
        walk.steps[1][walk.rank - 1u] = was_one[1] ? 0u : 1u;
    }
    for (uint32_t k = 0; k < 2u; k++) {
        uint32_t stride = 1u;
        for (uint32_t i = walk.rank; i-- > 0u;) {
            const uint32_t size = walk.steps[k][i] != 0u ? walk.sizes[i] : 1u;
            walk.steps[k][i] *= stride;
            stride *= size;
        }
    }
    return walk;
}

/* Elements of a run. */
static inline uint32_t pose_broadcast_run_length(const struct pose_broadcast *walk)
{
    return walk->sizes[walk->rank - 1u];
}

/* Moves to the next run; false when there is none. */
static inline bool pose_broadcast_next(struct pose_broadcast *walk)
{
    for (uint32_t i = walk->rank - 1u; i-- > 0u;) {
        walk->offsets[0] += walk->steps[0][i];
        walk->offsets[1] += walk->steps[1][i];
        if (++walk->at[i] < walk->sizes[i]) {
            return true;
        }
        walk->offsets[0] -= walk->steps[0][i] * walk->sizes[i];
        walk->offsets[1] -= walk->steps[1][i] * walk->sizes[i];
        walk->at[i] = 0u;
    }
    return false;
}

/* What a run() with two broadcast inputs starts with: the walk; `count`, the length of its runs; a_step and b_step (0 or 1), which lead from one
 * value of each input to the next. */
#define POSE_BROADCAST_OPEN(op_)                              \
    struct pose_broadcast walk_ = pose_broadcast_open(op_);   \
    const uint32_t count = pose_broadcast_run_length(&walk_); \
    const uint32_t a_step = walk_.steps[0][walk_.rank - 1u];  \
    const uint32_t b_step = walk_.steps[1][walk_.rank - 1u]
/* And what follows: the block, once for every run. a_at and b_at are at the run's first inputs. */
#define POSE_BROADCAST_RUNS(op_, in_type_, ...)                                        \
    do {                                                                               \
        const in_type_ *a_at = (const in_type_ *)(op_)->in[0].data + walk_.offsets[0]; \
        const in_type_ *b_at = (const in_type_ *)(op_)->in[1].data + walk_.offsets[1]; \
        __VA_ARGS__                                                                    \
    } while (pose_broadcast_next(&walk_))
/* Both. `out` is at the run's first output; the block leaves it behind the last. */
#define POSE_BROADCAST(op_, in_type_, out_type_, ...)    \
    do {                                                 \
        POSE_BROADCAST_OPEN(op_);                        \
        out_type_ *out = (op_)->out[0].data;             \
        POSE_BROADCAST_RUNS(op_, in_type_, __VA_ARGS__); \
    } while (0)

#endif
