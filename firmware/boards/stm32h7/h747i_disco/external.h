/* The memories beside the STM32H747 on the STM32H747I-DISCO: sdram.c, qspi.c. Both run before caches and memory protection are on, wait for nothing
 * without a bound, and may follow any program, whatever state that has left the chips in. */
#ifndef POSE_STM32H7_H747_EXTERNAL_H
#define POSE_STM32H7_H747_EXTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#define H747_SDRAM 0xD0000000u
#define H747_SDRAM_LOG2 25u /* 32 MB */
#define H747_QSPI 0x90000000u
#define H747_QSPI_LOG2 27u /* 128 MB: two chips, or dies, of 64 */

/* `bus_hz`: of the AHB, from which both controllers have their clock. False: it does not answer, or does not keep what is written. */
bool h747_sdram_start(uint32_t bus_hz);
/* Maps the QSPI flash for reading, in the fastest way that reads what the slowest reads. False: nothing known answers. */
bool h747_qspi_start(uint32_t bus_hz);

/* How they run: "32 bit, 100 MHz"; "off" when they do not. */
const char *h747_sdram_mode(void);
const char *h747_qspi_mode(void);

/* `words` with the clock behind them. */
#define H747_MODE_BYTES 32u
void h747_say(char said[H747_MODE_BYTES], const char *words, uint32_t hz);

#endif
