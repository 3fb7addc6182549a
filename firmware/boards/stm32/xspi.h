/* Registers of the XSPI controller that the octal NOR is on. POSE_XSPI2, of the family: its address. */
#ifndef POSE_STM32_XSPI_H
#define POSE_STM32_XSPI_H

#ifndef POSE_XSPI2
#error "POSE_XSPI2: address of the XSPI2 of this family"
#endif

#define XSPI_CR (POSE_XSPI2 + 0x000u)
#define XSPI_DCR1 (POSE_XSPI2 + 0x008u)
#define XSPI_DCR2 (POSE_XSPI2 + 0x00Cu)
#define XSPI_DCR3 (POSE_XSPI2 + 0x010u)
#define XSPI_DCR4 (POSE_XSPI2 + 0x014u)
#define XSPI_SR (POSE_XSPI2 + 0x020u)
#define XSPI_FCR (POSE_XSPI2 + 0x024u)
#define XSPI_DLR (POSE_XSPI2 + 0x040u)
#define XSPI_AR (POSE_XSPI2 + 0x048u)
#define XSPI_DR (POSE_XSPI2 + 0x050u)
#define XSPI_CCR (POSE_XSPI2 + 0x100u)
#define XSPI_TCR (POSE_XSPI2 + 0x108u)
#define XSPI_IR (POSE_XSPI2 + 0x110u)

#endif
