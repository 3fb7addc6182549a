/* The executor: asks every operator's kernel once whether it can run it, then runs them one by one, or some together as a stream. */
#include <stdbool.h>
#include <stddef.h>

#include "pose/board.h"
#include "pose/status.h"
#include "runtime/runtime.h"
#include "runtime/stream.h"

/* Whether an operator that runs by itself has a kernel, and this one can run it. */
static int check_operator(const struct pose_runtime *rt, uint32_t index, int *failed_op)
{
    struct pose_bound_op bound;
    const struct pose_kernel *kernel = pose_runtime_kernel(rt->ops[index].opcode);
    pose_runtime_bind(rt, index, &bound);
    const bool fits = kernel != NULL && (rt->ops[index].flags & ~kernel->flags) == 0;
    const int status = fits ? kernel->check(&bound.op) : POSE_ERR_OPERATOR;
    *failed_op = status == POSE_OK ? -1 : rt->ops[index].source;
    return status;
}

int pose_runtime_open(struct pose_runtime *rt, const void *image, uint32_t max_bytes, void *arena, uint32_t arena_bytes, int *failed_op)
{
    int status = pose_runtime_check_image(rt, image, max_bytes, failed_op);
    if (status != POSE_OK) {
        return status;
    }
    if (arena == NULL || (uintptr_t)arena % POSE_RUNTIME_ALIGN != 0u) {
        return POSE_ERR_PARAM;
    }
    if (rt->header->arena_bytes > arena_bytes) {
        return POSE_ERR_MEMORY;
    }
    rt->arena = arena;
    rt->arena_available = arena_bytes;
    rt->input = image; /* no slot yet: an aligned address that is no output's, for check() to look at but not through */
    uint32_t count = 0;
    for (uint32_t i = 0; i < rt->header->op_count && status == POSE_OK; i += count) {
        count = pose_stream_length(rt, i);
        status = count > 1u ? pose_stream_check(rt, i, count, failed_op) : check_operator(rt, i, failed_op);
    }
    rt->input = NULL;
    return status;
}

/* What run_operators() needs of a run. */
struct run {
    const struct pose_runtime *rt;
    pose_runtime_done done;
    void *user;
    uint64_t *ticks; /* sum */
};

/* Runs operators index to index + count - 1, then reports each. */
static int run_operators(const struct run *run, uint32_t index, uint32_t count)
{
    struct pose_bound_op bound;
    uint64_t ticks[POSE_STREAM_MAX_OPS];
    int status;
    pose_runtime_bind(run->rt, index, &bound);
    if (count > 1u) {
        status = pose_stream_run(run->rt, index, count, pose_board_ticks, ticks);
    } else {
        const struct pose_kernel *kernel = pose_runtime_kernel(bound.op.desc->opcode);
        const uint64_t start = pose_board_ticks();
        status = kernel->run(&bound.op); /* open found a kernel for every operator */
        ticks[0] = pose_board_ticks() - start;
    }
    for (uint32_t i = 0; i < count; i++) {
        *run->ticks += ticks[i];
        if (status == POSE_OK && run->done != NULL) {
            pose_runtime_bind(run->rt, index + i, &bound);
            status = run->done(run->user, index + i, &bound.op, ticks[i]);
        }
    }
    return status;
}

int pose_runtime_run(struct pose_runtime *rt, const void *input, pose_runtime_done done, void *user, uint64_t *ticks)
{
    const struct run run = {.rt = rt, .done = done, .user = user, .ticks = ticks};
    int status = POSE_OK;
    uint32_t count = 0;
    *ticks = 0;
    rt->input = input;
    for (uint32_t i = 0; i < rt->header->op_count && status == POSE_OK; i += count) {
        count = pose_stream_length(rt, i);
        status = run_operators(&run, i, count);
    }
    rt->input = NULL;
    return status;
}
