/* A fault leaves a record where a probe (and, in the mailbox, a host) finds it, and stops. No way leads to a lock-up: the handler runs on a
 * stack of its own, touches only static memory, and masks everything. PROTOCOL.md describes the record. */
#include <stdint.h>

#include "boards/common/cortexm.h"
#include "boards/common/sections.h"
#include "boards/common/startup.h"
#include "pose/board.h"
#include "pose/mailbox.h"

#define FAULT_MAGIC 0x544C4650u /* "PFLT" */
#define FRAME_WORDS 8u
#define FRAME_LR 5u
#define FRAME_PC 6u
#define FRAME_PSR 7u
#define FAULT_STACK_WORDS 64u

struct pose_fault {
    uint32_t magic, exception, pc, lr, psr, sp, cfsr, hfsr, mmfar, bfar;
};
_Static_assert(sizeof(struct pose_fault) == 40, "fault record");

/* Looked up by name in the ELF. */
__attribute__((used)) struct pose_fault pose_fault_record;
__attribute__((used, aligned(8))) static uint32_t fault_stack[FAULT_STACK_WORDS];

void pose_fault_init(void)
{
    SCB_SHCSR |= SHCSR_FAULTS;
    SCB_CCR |= CCR_DIV_0_TRP;
}

/* The frame that the core pushed, when the stack pointer can be trusted. */
static const uint32_t *frame_at(uint32_t sp)
{
    const uint32_t bottom = (uint32_t)(uintptr_t)__stack_bottom;
    const uint32_t top = (uint32_t)(uintptr_t)__stack_top;
    return (sp >= bottom && sp <= top - FRAME_WORDS * 4u && sp % 4u == 0u) ? (const uint32_t *)(uintptr_t)sp : 0;
}

__attribute__((noreturn, used)) static void record_fault(uint32_t sp, uint32_t exception)
{
    struct pose_fault *fault = &pose_fault_record;
    struct pose_mailbox *box = pose_board_info()->mailbox;
    const uint32_t *frame = frame_at(sp);
    fault->exception = exception;
    fault->sp = sp;
    fault->cfsr = SCB_CFSR;
    fault->hfsr = SCB_HFSR;
    fault->mmfar = SCB_MMFAR;
    fault->bfar = SCB_BFAR;
    fault->pc = frame != 0 ? frame[FRAME_PC] : 0u;
    fault->lr = frame != 0 ? frame[FRAME_LR] : 0u;
    fault->psr = frame != 0 ? frame[FRAME_PSR] : 0u;
    if (box != 0) {
        box->fault_pc = fault->pc;
        box->fault_lr = fault->lr;
        box->fault_cfsr = fault->cfsr;
        box->fault_exception = exception;
    }
    cortexm_barrier();
    fault->magic = FAULT_MAGIC;
    cortexm_barrier();
    for (;;) {
        __asm volatile("nop");
    }
}

__attribute__((naked)) void pose_fault_handler(void)
{
    __asm volatile("cpsid i\n"
                   "mov r0, sp\n"
                   "mrs r1, ipsr\n"
#if __ARM_ARCH >= 8
                   "movs r2, #0\n"
                   "msr msplim, r2\n"
#endif
                   "ldr r2, =fault_stack + %c0\n"
                   "mov sp, r2\n"
                   "b record_fault\n" ::"i"(FAULT_STACK_WORDS * 4u));
}
