/* The octal NOR of the STM32H7R and H7S boards as read-only memory: which clock it gets, and what has been reached (octal_nor.c has the sequences). The pins
 * reach 50 MHz, or 200 MHz where the option byte XSPI2_HSLV is set. Option bytes are read, never written. */
#include "boards/stm32/octal_nor.h"
#include "boards/stm32/reg.h"
#include "boards/stm32h7rs/h7rs.h"
#include "boards/stm32h7rs/registers.h"

#define FAST_HZ 200000000u

static struct octal_nor nor;
static char mode_text[OCTAL_NOR_WORDS_BYTES];

const char *h7rs_nor_mode(void)
{
    return mode_text;
}

/* Fast only where the option byte says that the supply is 1.8 V. */
static uint32_t prepare_pins(void)
{
    reg_set(RCC_APB4ENR, APB4_SBS);
    (void)reg_read(RCC_APB4ENR);
    reg_set(SBS_CCCSR, CCCSR_XSPI2_COMP_EN);
    (void)reg_wait(SBS_CCCSR, CCCSR_XSPI2_COMP_RDY, CCCSR_XSPI2_COMP_RDY); /* without it the edges are as after a reset */
    if ((reg_read(FLASH_OBW1SR) & OBW1SR_XSPI2_HSLV) == 0u) {
        return OCTAL_NOR_SLOW_HZ;
    }
    reg_set(SBS_CCCSR, CCCSR_XSPI2_IOHSLV);
    return FAST_HZ;
}

bool h7rs_nor_start(uint32_t nor_bytes, const struct h7rs_clocks *clocks)
{
    mode_text[0] = '\0';
    octal_nor_connect();
    const uint32_t limit_hz = prepare_pins();
    nor.kernel_hz = clocks->hclk_hz;
    if (clocks->nor_hz != 0u) {
        reg_update(RCC_CCIPR1, CCIPR1_XSPI2SEL, CCIPR1_XSPI2_PLL2S);
        nor.kernel_hz = clocks->nor_hz;
    }
    if (octal_nor_start(&nor, limit_hz) != OCTAL_NOR_OK || octal_nor_bytes(nor.id) != nor_bytes || octal_nor_map(&nor) != OCTAL_NOR_OK) {
        return false;
    }
    octal_nor_words(&nor, mode_text);
    return true;
}

void h7rs_nor_leave(void)
{
    if (mode_text[0] != '\0') {
        (void)octal_nor_leave(&nor);
    }
}
