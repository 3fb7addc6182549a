/* Baud rate arithmetic of both register layouts (RM0486 and RM0433, USART, "baud rate generation"; RM0090 the same with a 12.4 fixed point). */
#include "boards/stm32/usart.h"

#define DIVIDER_MIN 16u /* 16-fold oversampling */
#define DIVIDER_MAX 0xFFFFu
#define TOLERANCE_PERCENT 2u

uint32_t stm32_usart_divider(uint32_t clock_hz, uint32_t baudrate)
{
    if (baudrate == 0u) {
        return 0;
    }
    const uint64_t divider = ((uint64_t)clock_hz + baudrate / 2u) / baudrate;
    if (divider < DIVIDER_MIN || divider > DIVIDER_MAX) {
        return 0;
    }
    const uint64_t clock_wanted = divider * baudrate;
    const uint64_t error = clock_wanted > clock_hz ? clock_wanted - clock_hz : clock_hz - clock_wanted;
    return error * 100u <= (uint64_t)clock_hz * TOLERANCE_PERCENT ? (uint32_t)divider : 0u;
}
