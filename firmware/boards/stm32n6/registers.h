/* Registers of the STM32N6 that the firmware uses, at their secure addresses (RM0486; offsets also in public headers of NuttX and Zephyr).
 * A register of a block without a clock must not even be read: the access never ends, and takes the debug port with it (ES0620). */
#ifndef POSE_STM32N6_REGISTERS_H
#define POSE_STM32N6_REGISTERS_H

#define RCC 0x56028000u
#define RCC_SR (RCC + 0x004u)
#define RCC_CFGR1 (RCC + 0x020u)
#define RCC_CFGR2 (RCC + 0x024u)
#define RCC_HSICFGR (RCC + 0x048u)
#define RCC_PLLCFGR1(n) (RCC + 0x080u + 0x10u * ((n) - 1u)) /* PLL n: CFGR1, CFGR2, CFGR3 in a row */
#define RCC_ICCFGR(n) (RCC + 0x0C4u + 4u * ((n) - 1u))
#define RCC_CCIPR6 (RCC + 0x158u)
#define RCC_CCIPR13 (RCC + 0x174u)
#define RCC_DIVENR (RCC + 0x240u)
#define RCC_MEMENR (RCC + 0x24Cu)
#define RCC_AHB2ENR (RCC + 0x254u)
#define RCC_AHB4ENR (RCC + 0x25Cu)
#define RCC_AHB5ENR (RCC + 0x260u)
#define RCC_APB2ENR (RCC + 0x26Cu)
#define RCC_APB4ENR2 (RCC + 0x278u)
#define RCC_AHB5RSTR (RCC + 0x220u)
#define RCC_CSR (RCC + 0x800u) /* sets bits of RCC_CR */
#define RCC_CCR (RCC + 0x1000u) /* clears bits of RCC_CR */
#define RCC_SET 0x800u /* from an enable or reset register to the one that sets its bits */
#define RCC_CLEAR 0x1000u

#define RCC_HSI (1u << 3)
#define RCC_PLL(n) (1u << (7u + (n)))
#define CFGR1_SWITCHES 0x03030000u     /* CPUSW, SYSSW; 0: HSI, 3: IC1 and IC2, IC6, IC11 */
#define CFGR1_SWITCHED 0x30300000u     /* CPUSWS, SYSSWS: what has been reached */
#define CFGR2_DIVIDERS 0x00777077u     /* HPRE, PPRE5, PPRE4, PPRE2, PPRE1 */
#define CFGR2_HPRE_SHIFT 20u           /* 0: 1, 1: 2, 2: 4, ... */
#define HSICFGR_HSIDIV (3u << 7)
#define CCIPR6_XSPI2SEL (3u << 4)      /* 0: HCLK */
#define CCIPR6_XSPI2_IC3 (2u << 4)
#define CCIPR13_USART1SEL 7u
#define CCIPR13_USART1_HSI 6u
#define MEM_CACHEAXIRAM (1u << 10)
#define MEM_AXISRAM (0x0Fu | 7u << 7)  /* AXISRAM3 to 6; AXISRAM1, AXISRAM2, FLEXRAM */
#define AHB2_RAMCFG (1u << 12)
#define AHB4_GPIO(letter) (1u << ((letter) - 'A'))
#define AHB4_PWR (1u << 18)
#define AHB5_XSPI2 (1u << 12)
#define AHB5_XSPIM (1u << 13)
#define APB2_USART1 (1u << 4)
#define APB4_SYSCFG (1u << 0)
#define APB4_BSEC (1u << 1)

#define PWR_CR1 0x56024800u
#define PWR_CR1_SDEN (1u << 2) /* the internal converter makes VDDCORE; both boards have an external one */
#define PWR_VOSCR 0x56024820u
#define VOSCR_VOS (1u << 0) /* 1: the range for 800 MHz */
#define VOSCR_VOSRDY (1u << 1)
#define VOSCR_ACTVOSRDY (1u << 17)
#define PWR_SVMCR3 0x5602483Cu
#define SVMCR3_VDDIO3SV (1u << 9) /* the supply of the NOR's pins is there ... */
#define SVMCR3_VDDIO3VRSEL (1u << 26) /* ... and is 1.8 V. On a board with 3.3 V there this would damage the device */

#define RAMCFG_CR(n) (0x52023000u + 0x80u * ((n) - 1u)) /* of AXISRAM n */
#define RAMCFG_SRAMSD (1u << 20) /* shut down */

#define GPIO_PORT(letter) (0x56020000u + 0x400u * ((uint32_t)(letter) - 'A'))
#define USART1 0x52001000u
#define USART1_IRQ 159u
#define UNIQUE_ID 0x56009014u /* shadow of fuses; read only */

#define SYSCFG_INITSVTORCR 0x56008010u
#define SYSCFG_VDDIO3CCCR 0x5600805Cu
#define VDDIO3CCCR_EN (1u << 8) /* pins of that supply follow its voltage and temperature */
#define FUSES_124 0x560091F0u /* their shadow; read only */
#define FUSES_124_VDDIO3_HSLV (1u << 15) /* the pins of that supply are made for 1.8 V only, and fast */
#define BOOT_ROM 0x18000000u

#define XSPIM_CR 0x5802B400u
#define XSPIM_CSSEL_OVR_EN (1u << 4) /* chip select 1 of the port, whatever the controller says */

#endif
