/* Registers of the STM32H7R and H7S that the firmware uses (RM0477; the same numbers are in ST's public device headers). */
#ifndef POSE_STM32H7RS_REGISTERS_H
#define POSE_STM32H7RS_REGISTERS_H

#include "boards/stm32/mpu.h"

#define RCC 0x58024400u
#define RCC_CR (RCC + 0x000u)
#define RCC_CFGR (RCC + 0x010u)
#define RCC_CDCFGR (RCC + 0x018u)
#define RCC_BMCFGR (RCC + 0x01Cu)
#define RCC_APBCFGR (RCC + 0x020u)
#define RCC_PLLCKSELR (RCC + 0x028u)
#define RCC_PLLCFGR (RCC + 0x02Cu)
#define RCC_PLL1DIVR1 (RCC + 0x030u)
#define RCC_PLL2DIVR1 (RCC + 0x038u)
#define RCC_CCIPR1 (RCC + 0x04Cu)
#define RCC_CCIPR2 (RCC + 0x050u)
#define RCC_AHB5RSTR (RCC + 0x07Cu)
#define RCC_PLL2DIVR2 (RCC + 0x0C4u)
#define RCC_AHB5ENR (RCC + 0x134u)
#define RCC_AHB2ENR (RCC + 0x13Cu)
#define RCC_AHB4ENR (RCC + 0x140u)
#define RCC_APB1ENR1 (RCC + 0x148u)
#define RCC_APB4ENR (RCC + 0x154u)

#define CR_HSION (1u << 0)
#define CR_HSIRDY (1u << 2)
#define CR_HSIDIV (3u << 3) /* 0: 64 MHz */
#define CR_HSIDIVF (1u << 5)
#define CR_PLLON(n) (1u << (22u + 2u * (n)))
#define CR_PLLRDY(n) (2u << (22u + 2u * (n)))
#define CFGR_SW 7u
#define CFGR_SW_PLL1 3u
#define CFGR_SWS_SHIFT 3u
#define CDCFGR_CPRE 0xFu     /* 0: the core has all of the clock */
#define BMCFGR_BMPRE 0xFu
#define BMCFGR_HCLK_2 8u
#define APBCFGR_FIELDS 0x7777u /* PPRE5, PPRE4, PPRE2, PPRE1 */
#define APBCFGR_ALL_2 0x4444u
#define PLLCKSELR_FIELDS 0x3F3F3u /* DIVM2, DIVM1, PLLSRC; 0: HSI */
#define PLLCKSELR_M(m1, m2) ((uint32_t)(m2) << 12 | (uint32_t)(m1) << 4)
#define PLLCFGR_FIELDS 0x1FF9FBu /* of PLL1 and PLL2: outputs, input ranges, VCO ranges, fractions; not their spread spectrum */
#define PLLCFGR_1_FROM_2_MHZ (1u << 3) /* 2 to 4 MHz; the wide VCO */
#define PLLCFGR_1_P (1u << 5)
#define PLLCFGR_2_FROM_16_MHZ (3u << 14) /* 8 to 16 MHz */
#define PLLCFGR_2_S (1u << 19)
#define CCIPR1_XSPI2SEL (3u << 6) /* 0: HCLK */
#define CCIPR1_XSPI2_PLL2S (1u << 6)
#define CCIPR2_UART234578SEL 7u
#define CCIPR2_UART234578_HSI 3u
#define AHB2_AHB_SRAM (3u << 29)
#define AHB4_GPIO(letter) (1u << ((uint32_t)(letter) - 'A'))
#define AHB5_XSPI2 (1u << 12)
#define AHB5_XSPIM (1u << 14)
#define APB1_UART4 (1u << 19)
#define APB4_SBS (1u << 1)

#define PWR_SR1 0x58024804u
#define SR1_ACTVOSRDY (1u << 1)
#define PWR_CSR2 0x5802480Cu
#define CSR2_SUPPLY 7u /* SDEN, LDOEN, BYPASS. Its byte is written once after power-on: what is no valid choice locks it until power-off */
#define CSR2_SUPPLY_UNDECIDED 6u
#define CSR2_SUPPLY_SMPS 4u
#define CSR2_BYTE_1 (PWR_CSR2 + 1u) /* the byte behind it may always be written */
#define CSR2_BYTE_1_EN_XSPIM2 (1u << 7) /* the pins of that port are supplied */
#define PWR_CSR4 0x58024814u
#define CSR4_VOS (1u << 0) /* 1: VOS0, above 400 MHz */
#define CSR4_VOSRDY (1u << 1)
#define FLASH_ACR 0x52002000u
#define ACR_LATENCY 0xFu
#define FLASH_OBW1SR 0x52002260u /* option bytes; read only */
#define OBW1SR_XSPI2_HSLV (1u << 9) /* the pins of that port have 1.8 V only, and may be fast */
#define SBS_CCCSR 0x58000510u
#define CCCSR_XSPI2_COMP_EN (1u << 4) /* pins of that port follow voltage and temperature */
#define CCCSR_XSPI2_COMP_RDY (1u << 10)
#define CCCSR_XSPI2_IOHSLV (1u << 18) /* fast pins; of effect only where the option byte allows it */

#define GPIO_PORT(letter) (0x58020000u + 0x400u * ((uint32_t)(letter) - 'A'))
#define UART4 0x40004C00u
#define UART4_IRQ 85u
#define UNIQUE_ID 0x08FFF800u
#define XSPIM_CR 0x5200B400u
#define XSPIM_CSSEL_OVR_EN (1u << 4) /* chip select 1 of the port, whatever the controller says */

#endif
