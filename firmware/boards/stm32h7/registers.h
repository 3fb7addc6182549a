/* Registers of the STM32H743 and H747 that the firmware uses (RM0433, RM0399; the same numbers are in ST's public device headers). */
#ifndef POSE_STM32H7_REGISTERS_H
#define POSE_STM32H7_REGISTERS_H

#include "boards/stm32/mpu.h"

#define RCC 0x58024400u
#define RCC_CR (RCC + 0x000u)
#define RCC_CFGR (RCC + 0x010u)
#define RCC_D1CFGR (RCC + 0x018u)
#define RCC_D2CFGR (RCC + 0x01Cu)
#define RCC_D3CFGR (RCC + 0x020u)
#define RCC_PLLCKSELR (RCC + 0x028u)
#define RCC_PLLCFGR (RCC + 0x02Cu)
#define RCC_PLL1DIVR (RCC + 0x030u)
#define RCC_D1CCIPR (RCC + 0x04Cu)
#define RCC_D2CCIP2R (RCC + 0x054u)
#define RCC_AHB3RSTR (RCC + 0x07Cu)
#define RCC_AHB3ENR (RCC + 0x0D4u)
#define RCC_AHB2ENR (RCC + 0x0DCu)
#define RCC_AHB4ENR (RCC + 0x0E0u)
#define RCC_APB1LENR (RCC + 0x0E8u)
#define RCC_APB2ENR (RCC + 0x0F0u)
#define RCC_APB4ENR (RCC + 0x0F4u)

#define CR_HSION (1u << 0)
#define CR_HSIRDY (1u << 2)
#define CR_HSIDIV (3u << 3) /* 0: 64 MHz */
#define CR_HSIDIVF (1u << 5)
#define CR_HSEON (1u << 16)
#define CR_HSERDY (1u << 17)
#define CR_HSEBYP (1u << 18)
#define CR_PLL1ON (1u << 24)
#define CR_PLL1RDY (1u << 25)
#define CFGR_SW 7u
#define CFGR_SW_PLL1 3u
#define CFGR_SWS_SHIFT 3u
#define D1CFGR_FIELDS 0xF7Fu /* D1CPRE, D1PPRE, HPRE */
#define D1CFGR_HCLK_2_APB3_2 (4u << 4 | 8u)
#define D2CFGR_FIELDS 0x770u /* D2PPRE2, D2PPRE1 */
#define D2CFGR_APB1_2_APB2_2 (4u << 8 | 4u << 4)
#define D3CFGR_FIELDS 0x70u
#define D3CFGR_APB4_2 (4u << 4)
#define PLLCKSELR_FIELDS 0x3F3u /* DIVM1, PLLSRC */
#define PLLCKSELR_DIVM1_SHIFT 4u
#define PLLCKSELR_HSE 2u
#define PLLCFGR_FIELDS 0x7000Fu /* DIVR1EN, DIVQ1EN, DIVP1EN, PLL1RGE, PLL1VCOSEL, PLL1FRACEN */
#define PLLCFGR_P_4_TO_8_MHZ_WIDE (1u << 16 | 2u << 2)
#define PLL1DIVR_N(n) ((n) - 1u)
#define PLL1DIVR_P_2 (1u << 9)
#define D2CCIP2R_USART234578_SHIFT 0u
#define D2CCIP2R_USART16_SHIFT 3u
#define D2CCIP2R_USART_FIELD 7u
#define D2CCIP2R_USART_HSI 3u
#define D1CCIPR_FMCSEL 3u /* 0: HCLK3 */
#define D1CCIPR_QSPISEL (3u << 4)
#define AHB2_D2_SRAM (7u << 29)
#define AHB3_FMC (1u << 12) /* of RCC_AHB3ENR and RCC_AHB3RSTR */
#define AHB3_QSPI (1u << 14)
#define AHB4_GPIO(letter) (1u << ((uint32_t)(letter) - 'A'))
#define APB4_SYSCFG (1u << 1)

#define PWR_CSR1 0x58024804u
#define CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3 0x5802480Cu
#define CR3_SUPPLY 7u /* SDEN (H743: SCUEN), LDOEN, BYPASS. Written once after power-on; what is no valid choice locks it until power-off */
#define CR3_SUPPLY_UNDECIDED 6u
#define CR3_SUPPLY_LDO 2u
#define CR3_SUPPLY_SMPS 4u
#define PWR_D3CR 0x58024818u
#define D3CR_VOS (3u << 14)
#define D3CR_VOS1 (3u << 14)
#define D3CR_VOSRDY (1u << 13)
#define SYSCFG_PWRCR 0x5800042Cu
#define PWRCR_ODEN (1u << 0) /* VOS1 becomes VOS0 */
#define FLASH_ACR 0x52002000u
#define ACR_FIELDS 0x3Fu /* WRHIGHFREQ, LATENCY */
#define ACR_WRHIGHFREQ_2 (2u << 4)
#define DBGMCU_IDCODE 0x5C001000u
#define IDCODE_REVISION_SHIFT 16u
#define REVISION_Y 0x1003u
#define REVISION_480_MHZ 0x2000u /* the first with more than 400 MHz: X, V */
#define AXI_TARG7_FN_MOD 0x51008108u
#define FN_MOD_READ_ISSUE_OVERRIDE 1u

#define GPIO_PORT(letter) (0x58020000u + 0x400u * ((uint32_t)(letter) - 'A'))
#define USART1 0x40011000u
#define USART1_IRQ 37u
#define USART3 0x40004800u
#define USART3_IRQ 39u
#define UNIQUE_ID 0x1FF1E800u

#define FMC_BCR1 0x52004000u
#define BCR1_FMCEN (1u << 31)
#define FMC_SDCR1 0x52004140u
#define FMC_SDCR2 0x52004144u
#define FMC_SDTR1 0x52004148u
#define FMC_SDTR2 0x5200414Cu
#define FMC_SDCMR 0x52004150u
#define FMC_SDRTR 0x52004154u
#define FMC_SDSR 0x52004158u

#define QUADSPI 0x52005000u
#define QSPI_CR (QUADSPI + 0x00u)
#define QSPI_DCR (QUADSPI + 0x04u)
#define QSPI_SR (QUADSPI + 0x08u)
#define QSPI_FCR (QUADSPI + 0x0Cu)
#define QSPI_DLR (QUADSPI + 0x10u)
#define QSPI_CCR (QUADSPI + 0x14u)
#define QSPI_AR (QUADSPI + 0x18u)
#define QSPI_DR (QUADSPI + 0x20u)

#endif
