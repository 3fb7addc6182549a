/* Start-up of every Cortex-M board: vectors, memory, stack paint, FPU, faults, then main(). */
#include "boards/common/startup.h"

#include "boards/common/cortexm.h"
#include "boards/common/sections.h"
#include "pose/app.h"
#include "pose/board.h"

#ifndef POSE_IRQ_COUNT /* a board with more interrupts says so in its board.cmake */
#define POSE_IRQ_COUNT 96
#endif
#define SYSTEM_VECTORS 16

void pose_reset_handler(void);
int main(void);

static void irq_handler(void)
{
    uint32_t ipsr;
    __asm volatile("mrs %0, ipsr" : "=r"(ipsr));
    pose_board_irq(ipsr - SYSTEM_VECTORS);
}

typedef void (*vector)(void);
struct vectors {
    uint32_t *stack;
    vector system[SYSTEM_VECTORS - 1];
    vector irq[POSE_IRQ_COUNT];
};

#ifdef POSE_NPU_IRQ /* ST's runtime has the NPU's handler; not through pose_board_irq(), whose time is not measured */
void NPU0_IRQHandler(void);
#define IRQ_VECTORS [0 ... POSE_NPU_IRQ - 1] = irq_handler, NPU0_IRQHandler, [POSE_NPU_IRQ + 1 ... POSE_IRQ_COUNT - 1] = irq_handler
#else
#define IRQ_VECTORS [0 ... POSE_IRQ_COUNT - 1] = irq_handler
#endif

#define FAULT pose_fault_handler
__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    .stack = __stack_top,
    /* reset, NMI, HardFault, MemManage, BusFault, UsageFault, SecureFault, 3 reserved, SVCall, DebugMonitor, reserved, PendSV, SysTick */
    .system = {pose_reset_handler, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT, FAULT,
               pose_systick_handler},
    .irq = {IRQ_VECTORS},
};

static void prepare_memory(void)
{
    const uint32_t *load = __data_load;
    for (volatile uint32_t *word = __data_start; word < __data_end; word++) {
        *word = *load++;
    }
    for (volatile uint32_t *word = __bss_start; word < __bss_end; word++) {
        *word = 0;
    }
}

/* Everything below the current frame; some words are left out for this function's own use. */
static void paint_stack(void)
{
    uint32_t *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (volatile uint32_t *word = __stack_bottom; word < sp - 16; word++) {
        *word = POSE_STACK_PAINT;
    }
}

__attribute__((noreturn, used)) static void start(void)
{
    prepare_memory();
    paint_stack();
    pose_fault_init();
    (void)main();
    for (;;) {
    }
}

/* Before any C code with floats: the compiler may keep anything in FPU registers. The stack limit register exists on Armv8-M Mainline only. */
__attribute__((naked, noreturn)) void pose_reset_handler(void)
{
    __asm volatile("cpsid i\n"
#ifdef POSE_RAM_START /* a debugger starts the image from within another program: stack pointer, limit and masks may be that program's */
                   "movs r0, #0\n"
                   "msr control, r0\n"
#if __ARM_ARCH >= 8
                   "msr msplim, r0\n"
#endif
                   "msr basepri, r0\n"
                   "msr faultmask, r0\n"
                   "isb\n"
#endif
                   "ldr r0, =__stack_top\n"
                   "mov sp, r0\n"
#if __ARM_ARCH >= 8
                   "ldr r0, =__stack_bottom\n"
                   "msr msplim, r0\n"
#endif
                   "ldr r0, =0xE000ED08\n" /* VTOR */
                   "ldr r1, =__vectors\n"
                   "str r1, [r0]\n"
                   "ldr r0, =0xE000ED88\n" /* CPACR: FPU (and MVE) on */
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n"
#ifndef POSE_RAM_START /* there the board takes interrupts once it has turned that program's off */
                   "cpsie i\n"
#endif
                   "b start\n");
}

int main(void)
{
    pose_board_init();
    pose_app_init();
    for (;;) {
        if (!pose_app_poll()) {
            pose_app_idle();
        }
    }
}
